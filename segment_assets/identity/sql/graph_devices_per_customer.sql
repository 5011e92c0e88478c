-- The same question as the graph's devices_per_customer, asked of the tables.
WITH counted AS (
  SELECT c.id, COUNT(DISTINCT u.end_id) AS devices
  FROM customer AS c
  LEFT JOIN uses_device AS u ON u.start_id = c.id
  GROUP BY c.id
)
SELECT devices, COUNT(*) AS customers
FROM counted
GROUP BY devices
ORDER BY devices
