-- Which events there are, on which channels, how many, and how many of them lately.
SELECT
  CASE WHEN event_name = 'app' THEN COALESCE(source_event_type, 'app') ELSE event_name END AS name,
  source_event_type,
  channel,
  COUNT(*) AS n,
  COUNT_IF(occurred_at >= :recent) AS recent,
  MAX(CASE WHEN is_engagement THEN 1 ELSE 0 END) AS engagement,
  MIN(received_at) AS first_known
FROM engagement_events
WHERE received_at < :cutoff
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
