-- Values that are too large to be summed exactly, by event and metric: sums leave them out.
SELECT m.name, m.entry.key AS metric, COUNT(*) AS n
FROM (
  SELECT
    CASE WHEN event_name = 'app' THEN COALESCE(source_event_type, 'app') ELSE event_name END AS name,
    EXPLODE(MAP_ENTRIES(metrics)) AS entry
  FROM engagement_events
) AS m
WHERE m.entry.value IS NOT NULL AND CAST(m.entry.value AS DECIMAL(21, 6)) IS NULL
GROUP BY m.name, m.entry.key
ORDER BY n DESC, m.name, metric
