-- Everyone we know of, and since when. What has no time is known as of the day of the data, not before.
SELECT k.customer_id, MIN(k.known_at) AS first_known
FROM (
  SELECT customer_id, received_at AS known_at FROM records
  UNION ALL
  SELECT customer_id, COALESCE(effective_at, CAST(:clock AS TIMESTAMP)) AS known_at FROM customer_endpoints
  UNION ALL
  SELECT customer_id, COALESCE(known_at, CAST(:clock AS TIMESTAMP)) AS known_at FROM customers
) AS k
GROUP BY k.customer_id
