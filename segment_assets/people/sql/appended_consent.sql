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
-- A no beside which another statement holds is told once; what holds comes behind it, to be the newest.
beside AS (
  SELECT s.customer_id, s.channel, s.purpose, s.state, s.source, s.effective_at, s.told_on, s.reading
  FROM said AS s
  LEFT ANTI JOIN consent_state AS c ON c.customer_id = s.customer_id AND c.channel = s.channel
    AND c.purpose = s.purpose AND c.state = s.state AND c.effective_at = s.effective_at AND c.reading <=> s.reading
  WHERE NOT s.holds
),
every AS (
  SELECT customer_id, channel, purpose, state, source, effective_at, COALESCE(statement, 1) AS statement, told_on,
         reading
  FROM consent_state
  UNION ALL
  SELECT b.customer_id, b.channel, b.purpose, b.state, b.source, b.effective_at,
         COALESCE(n.statement, 0) + 1 AS statement, b.told_on, b.reading
  FROM beside AS b
  LEFT JOIN newest AS n ON n.customer_id = b.customer_id AND n.channel = b.channel AND n.purpose = b.purpose
  UNION ALL
  SELECT s.customer_id, s.channel, s.purpose, s.state, s.source, s.effective_at,
         COALESCE(n.statement, 0) + CASE WHEN b.customer_id IS NULL THEN 1 ELSE 2 END AS statement, s.told_on, s.reading
  FROM said AS s
  LEFT JOIN newest AS n ON n.customer_id = s.customer_id AND n.channel = s.channel AND n.purpose = s.purpose
  LEFT JOIN beside AS b ON b.customer_id = s.customer_id AND b.channel = s.channel AND b.purpose = s.purpose
  WHERE s.holds AND (
    n.customer_id IS NULL
    OR b.customer_id IS NOT NULL
    OR n.state <> s.state
    OR n.source <> s.source
    OR NOT n.effective_at <=> s.effective_at
    OR NOT n.reading <=> s.reading
  )
)
SELECT customer_id, channel, purpose, state, source, effective_at, statement, told_on, reading
FROM every
ORDER BY customer_id, channel, purpose, statement
