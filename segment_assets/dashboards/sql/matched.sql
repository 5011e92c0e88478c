-- Customers that the partner knows too.
SELECT COUNT(DISTINCT customer_id) AS matched
FROM result
ORDER BY matched
