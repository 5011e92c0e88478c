-- Where every good record of some days and some ids went: good = events + duplicates + probes. And what the events look
-- like. Which of the records that are neither events nor copies are probes only their text says, which is nearly all of
-- the table: they are few. What a record of the first day is a copy of came within the days before.
WITH near AS (
  SELECT arrival_date, object_key, position, event_id
  FROM raw_events
  WHERE arrival_date BETWEEN :from_day AND :last AND event_id >= :from_id AND event_id < :to_id
),
made AS (
  SELECT *
  FROM engagement_events
  WHERE arrival_date BETWEEN :first AND :last AND event_id >= :from_id AND event_id < :to_id
),
ordered AS (
  SELECT r.arrival_date, r.object_key, r.position, e.event_id IS NOT NULL AS is_event,
         LAG(r.arrival_date)
           OVER (PARTITION BY r.event_id ORDER BY r.arrival_date, r.object_key, r.position) AS copied_from
  FROM near AS r
  LEFT JOIN made AS e
    ON e.event_id = r.event_id AND e.arrival_date = r.arrival_date AND e.raw_uri = r.object_key
    AND e.raw_ordinal = r.position
),
marked AS (
  SELECT arrival_date, object_key, position, is_event,
         copied_from IS NOT NULL AND DATEDIFF(arrival_date, copied_from) <= :window AS copy
  FROM ordered
  WHERE arrival_date >= :first
),
records AS (
  SELECT COUNT(*) AS good,
         COUNT_IF(copy) AS duplicates,
         COLLECT_LIST(STRUCT(arrival_date, object_key, position)) FILTER (WHERE NOT copy AND NOT is_event) AS others
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
         COUNT_IF(user_id IS NULL AND endpoint_id IS NULL) AS of_nobody,
         COUNT_IF(is_suppression AND user_id IS NULL AND endpoint_id IS NULL AND address_hash IS NULL) AS suppress_nobody
  FROM made
)
SELECT r.good, r.duplicates, r.others, e.events, e.keys, e.unknown_types, e.late, e.in_future, e.of_nobody,
       e.suppress_nobody
FROM records AS r
CROSS JOIN events AS e
ORDER BY 1
