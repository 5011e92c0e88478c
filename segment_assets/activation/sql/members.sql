-- Customers to tell, for a destination that knows customers and not addresses.
SELECT customer_id, customer_id AS recipient, ARRAY_JOIN(channels, '|') AS channel, CAST(NULL AS STRING) AS address_sha256,
  ROUND(score, 4) AS score,
  CASE WHEN decile <= 2 THEN 'high' WHEN decile <= 5 THEN 'medium' ELSE 'low' END AS band
FROM decisions
ORDER BY customer_id
