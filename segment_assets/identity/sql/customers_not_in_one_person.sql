-- Customers that are not in exactly one person, and persons that are of no customer of ours.
WITH placed AS (
  SELECT customer_id, COUNT(DISTINCT person_id) AS persons
  FROM persons
  GROUP BY customer_id
)
SELECT COUNT(*) AS wrong
FROM customers AS c
FULL OUTER JOIN placed AS p ON p.customer_id = c.customer_id
WHERE c.customer_id IS NULL OR p.persons IS NULL OR p.persons <> 1
