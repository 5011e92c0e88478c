-- The same question as the graph's reach_by_household, asked of the tables.
WITH homes AS (
  SELECT DISTINCT m.end_id AS household
  FROM uses_device AS u
  JOIN device AS d ON d.id = u.end_id
  JOIN same_as AS s ON s.start_id = u.start_id
  JOIN member_of AS m ON m.start_id = s.end_id
  WHERE d.id = :device AND COALESCE(d.guard, 'none') NOT IN ('shared', 'placeholder')
)
SELECT DISTINCT h.household, e.id AS device, COALESCE(e.kind, 'unknown') AS device_kind
FROM homes AS h
JOIN member_of AS m ON m.end_id = h.household
JOIN same_as AS s ON s.end_id = m.start_id
JOIN uses_device AS u ON u.start_id = s.start_id
JOIN device AS e ON e.id = u.end_id
ORDER BY household, device
