-- The same question as the graph's shared_device_report, asked of the tables.
SELECT d.id AS device, COALESCE(d.kind, 'unknown') AS device_kind, COALESCE(d.guard, 'none') AS guard,
       COUNT(DISTINCT u.start_id) AS customers
FROM device AS d
JOIN uses_device AS u ON u.end_id = d.id
GROUP BY d.id, d.kind, d.guard
HAVING COUNT(DISTINCT u.start_id) >= :minimum
ORDER BY customers DESC, device
