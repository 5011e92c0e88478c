-- Addresses that several customers are reached at on the segment's channels: what one of them is sent, all of them get. An
-- address of more than :most is a shop's own or nobody's, and ties nobody together.
WITH reached AS (
  SELECT DISTINCT e.customer_id, e.address_sha256
  FROM customer_endpoints AS e
  INNER JOIN channels AS s ON s.channel = e.channel
  LEFT SEMI JOIN customers AS c ON c.customer_id = e.customer_id
  WHERE e.active AND e.address_sha256 IS NOT NULL
),
counted AS (
  SELECT customer_id, address_sha256, COUNT(*) OVER (PARTITION BY address_sha256) AS customers
  FROM reached
)
SELECT customer_id, address_sha256
FROM counted
WHERE customers BETWEEN 2 AND :most
ORDER BY customer_id, address_sha256
