-- Which records of the wanted days are copies: of equal records the first by (day, object, position) stays, and a copy
-- is one whose predecessor arrived within :window days. Nothing depends on the order in which days were loaded. Copies
-- have one id, so ids can be looked at some at a time.
WITH near AS (
  SELECT arrival_date, object_key, position, event_id
  FROM raw_events
  WHERE arrival_date BETWEEN :first AND :last AND event_id >= :from_id AND event_id < :to_id
),
ordered AS (
  SELECT arrival_date, object_key, position, event_id,
         LAG(arrival_date) OVER (PARTITION BY event_id ORDER BY arrival_date, object_key, position) AS copied_from
  FROM near
)
SELECT o.arrival_date, o.event_id, o.object_key, o.position, o.copied_from
FROM ordered AS o
INNER JOIN wanted_days AS w ON w.arrival_date = o.arrival_date
WHERE DATEDIFF(o.arrival_date, o.copied_from) <= :window
ORDER BY o.arrival_date, o.object_key, o.position
