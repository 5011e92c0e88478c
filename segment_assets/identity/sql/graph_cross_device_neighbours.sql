-- The same question as the graph's cross_device_neighbours, asked of the tables.
SELECT DISTINCT o.start_id AS customer, d.id AS device, COALESCE(d.kind, 'unknown') AS device_kind
FROM uses_device AS c
JOIN device AS d ON d.id = c.end_id
JOIN uses_device AS o ON o.end_id = d.id
WHERE c.start_id = :customer AND o.start_id <> c.start_id AND COALESCE(d.guard, 'none') NOT IN ('shared', 'placeholder')
ORDER BY customer, device
