-- The same question as the graph's graph_counts, asked of the tables.
WITH counted AS (
  SELECT 'Household' AS label, COUNT(*) AS rows FROM household
  UNION ALL SELECT 'Person', COUNT(*) FROM person
  UNION ALL SELECT 'Customer', COUNT(*) FROM customer
  UNION ALL SELECT 'Device', COUNT(*) FROM device
  UNION ALL SELECT 'Email', COUNT(*) FROM email
  UNION ALL SELECT 'Phone', COUNT(*) FROM phone
  UNION ALL SELECT 'Address', COUNT(*) FROM address
  UNION ALL SELECT 'SAME_AS', COUNT(*) FROM same_as
  UNION ALL SELECT 'MEMBER_OF', COUNT(*) FROM member_of
  UNION ALL SELECT 'USES_DEVICE', COUNT(*) FROM uses_device
  UNION ALL SELECT 'HAS_EMAIL', COUNT(*) FROM has_email
  UNION ALL SELECT 'HAS_PHONE', COUNT(*) FROM has_phone
  UNION ALL SELECT 'HAS_ADDRESS', COUNT(*) FROM has_address
)
SELECT label, rows
FROM counted
ORDER BY label
