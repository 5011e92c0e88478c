-- Records of the wanted days, without copies: of equal records the first by (day, object, position) stays, and a copy
-- is one whose predecessor arrived within :window days. Nothing depends on the order in which days were loaded.
WITH near AS (
  SELECT arrival_date, object_key, position, event_id
  FROM raw_events
  WHERE arrival_date BETWEEN :first AND :last
),
ordered AS (
  SELECT arrival_date, object_key, position,
         LAG(arrival_date) OVER (PARTITION BY event_id ORDER BY arrival_date, object_key, position) AS copied_from
  FROM near
),
kept AS (
  SELECT o.arrival_date, o.object_key, o.position
  FROM ordered AS o
  INNER JOIN wanted_days AS w ON w.arrival_date = o.arrival_date
  WHERE o.copied_from IS NULL OR DATEDIFF(o.arrival_date, o.copied_from) > :window
)
SELECT r.arrival_date, r.object_key, r.position, r.event_id, r.record
FROM raw_events AS r
INNER JOIN kept AS k ON k.arrival_date = r.arrival_date AND k.object_key = r.object_key AND k.position = r.position
WHERE r.arrival_date BETWEEN :first AND :last
ORDER BY r.arrival_date, r.object_key, r.position
