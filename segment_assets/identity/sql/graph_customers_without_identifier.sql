-- The same question as the graph's customers_without_identifier, asked of the tables.
WITH used AS (
  SELECT start_id FROM has_email
  UNION ALL SELECT start_id FROM has_phone
  UNION ALL SELECT start_id FROM has_address
  UNION ALL SELECT start_id FROM uses_device
)
SELECT COUNT(*) AS customers
FROM customer AS c
LEFT ANTI JOIN used AS u ON u.start_id = c.id
ORDER BY customers
