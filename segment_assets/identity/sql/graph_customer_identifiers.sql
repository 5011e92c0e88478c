-- The same question as the graph's customer_identifiers, asked of the tables.
WITH used AS (
  SELECT e.start_id, i.id, i.degree, i.guard FROM has_email AS e JOIN email AS i ON i.id = e.end_id
  UNION ALL
  SELECT e.start_id, i.id, i.degree, i.guard FROM has_phone AS e JOIN phone AS i ON i.id = e.end_id
  UNION ALL
  SELECT e.start_id, i.id, i.degree, i.guard FROM has_address AS e JOIN address AS i ON i.id = e.end_id
  UNION ALL
  SELECT e.start_id, i.id, i.degree, i.guard FROM uses_device AS e JOIN device AS i ON i.id = e.end_id
)
SELECT id AS identifier, degree, COALESCE(guard, 'none') AS guard
FROM used
WHERE start_id = :customer
ORDER BY identifier
