-- Every customer with the household, and whether too many were taken for one person or household to believe it. Whom
-- identity does not know yet, though it knows others, may live with a control and is in doubt as well; where it knows
-- nobody, everybody lives alone.
SELECT c.customer_id, COALESCE(h.household_id, CONCAT('alone_', c.customer_id)) AS household_id,
  COALESCE(p.rule = 'quarantined', FALSE) OR COALESCE(h.rule = 'quarantined', FALSE)
    OR (h.household_id IS NULL AND EXISTS (SELECT 1 FROM persons)) AS quarantined
FROM customers AS c
LEFT JOIN persons AS p ON p.customer_id = c.customer_id
LEFT JOIN households AS h ON h.person_id = p.person_id
ORDER BY c.customer_id
