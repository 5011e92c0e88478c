-- Every customer with the household; whom identity does not know lives alone.
SELECT c.customer_id, COALESCE(h.household_id, CONCAT('alone_', c.customer_id)) AS household_id
FROM customers AS c
LEFT JOIN persons AS p ON p.customer_id = c.customer_id
LEFT JOIN households AS h ON h.person_id = p.person_id
ORDER BY c.customer_id
