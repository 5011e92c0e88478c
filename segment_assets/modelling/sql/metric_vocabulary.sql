-- Which numbers the events carry, and how often.
SELECT m.name, m.metric, COUNT(*) AS n, COUNT_IF(m.occurred_at >= :recent) AS recent
FROM (
  SELECT
    CASE WHEN event_name = 'app' THEN COALESCE(source_event_type, 'app') ELSE event_name END AS name,
    occurred_at,
    EXPLODE(MAP_KEYS(metrics)) AS metric
  FROM engagement_events
  WHERE received_at < :cutoff
) AS m
GROUP BY m.name, m.metric
ORDER BY m.name, m.metric
