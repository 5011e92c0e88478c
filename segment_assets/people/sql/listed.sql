-- Whom suppression lists name: customers by their id, and by any address of theirs, whether it is active or not.
WITH entries AS (
  SELECT e.list_name, e.kind, e.entry, e.everywhere
  FROM suppression_entries AS e
  INNER JOIN lists AS l ON l.list_name = e.list_name
),
found AS (
  SELECT entry AS customer_id, CAST(NULL AS STRING) AS channel, list_name
  FROM entries
  WHERE kind = 'customer'
  UNION
  SELECT c.customer_id, CASE WHEN NOT e.everywhere THEN c.channel END AS channel, e.list_name
  FROM entries AS e
  INNER JOIN customer_endpoints AS c ON c.address_sha256_plain = e.entry
  WHERE e.kind IN ('email', 'phone')
  UNION
  SELECT c.customer_id, CASE WHEN NOT e.everywhere THEN c.channel END AS channel, e.list_name
  FROM entries AS e
  INNER JOIN customer_endpoints AS c ON c.address_sha256_digits = e.entry
  WHERE e.kind = 'phone'
)
SELECT customer_id, channel, list_name
FROM found
ORDER BY customer_id, channel, list_name
