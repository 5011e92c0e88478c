-- What a new person's id is made from: of each customer's own identifiers the strongest kind, then the smallest.
SELECT customer_id AS member,
       MIN(CONCAT(CASE kind WHEN 'email' THEN '1' WHEN 'phone' THEN '2' ELSE '3' END, identifier)) AS seed
FROM identity_edges
WHERE guard IS NULL AND kind <> 'address' AND customer_id IN (SELECT customer_id FROM customers)
GROUP BY customer_id
ORDER BY customer_id
