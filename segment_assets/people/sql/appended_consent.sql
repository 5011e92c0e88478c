-- All that was said, and what an export says otherwise than the last one that said anything: nothing is changed or gone.
WITH ranked AS (
  SELECT customer_id, channel, purpose, state, source, effective_at, statement, reading,
         ROW_NUMBER() OVER (
           PARTITION BY customer_id, channel, purpose ORDER BY COALESCE(statement, 1) DESC
         ) AS place
  FROM consent_state
),
newest AS (
  SELECT customer_id, channel, purpose, state, source, effective_at, COALESCE(statement, 1) AS statement, reading
  FROM ranked
  WHERE place = 1
),
every AS (
  SELECT customer_id, channel, purpose, state, source, effective_at, COALESCE(statement, 1) AS statement, told_on,
         reading
  FROM consent_state
  UNION ALL
  SELECT s.customer_id, s.channel, s.purpose, s.state, s.source, s.effective_at,
         COALESCE(n.statement, 0) + 1 AS statement, s.told_on, s.reading
  FROM said AS s
  LEFT JOIN newest AS n ON n.customer_id = s.customer_id AND n.channel = s.channel AND n.purpose = s.purpose
  WHERE n.customer_id IS NULL
    OR n.state <> s.state
    OR n.source <> s.source
    OR NOT n.effective_at <=> s.effective_at
    OR NOT n.reading <=> s.reading
)
SELECT customer_id, channel, purpose, state, source, effective_at, statement, told_on, reading
FROM every
ORDER BY customer_id, channel, purpose, statement
