-- Where every good record went: good = events + duplicates + probes. And what the events look like.
WITH flagged AS (
  SELECT arrival_date, object_key, position, event_id,
         CASE WHEN record LIKE '%_test.event_stream%' THEN GET_JSON_OBJECT(record, '$.event_type') END AS probe
  FROM raw_events
),
ordered AS (
  SELECT arrival_date, probe,
         LAG(arrival_date) OVER (PARTITION BY event_id ORDER BY arrival_date, object_key, position) AS copied_from
  FROM flagged
),
marked AS (
  SELECT copied_from IS NOT NULL AND DATEDIFF(arrival_date, copied_from) <= :window AS copy,
         COALESCE(probe = '_test.event_stream', FALSE) AS probe
  FROM ordered
),
records AS (
  SELECT COUNT(*) AS good,
         COUNT_IF(copy) AS duplicates,
         COUNT_IF(probe AND NOT copy) AS probes
  FROM marked
),
events AS (
  SELECT COUNT(*) AS events,
         COUNT(DISTINCT arrival_date, event_id) AS keys,
         COUNT_IF(event_name = 'app' AND (
           source IN ('ses', 'eum', 'connect_campaign') OR (source = 'pinpoint' AND SUBSTR(source_event_type, 1, 1) = '_')
         )) AS unknown_types,
         COUNT_IF(received_at > occurred_at + INTERVAL 24 HOURS) AS late,
         COUNT_IF(occurred_at > received_at + INTERVAL 5 MINUTES) AS in_future,
         COUNT_IF(user_id IS NULL) AS without_user
  FROM engagement_events
)
SELECT r.good, r.duplicates, r.probes, e.events, e.keys, e.unknown_types, e.late, e.in_future, e.without_user
FROM records AS r
CROSS JOIN events AS e
ORDER BY 1
