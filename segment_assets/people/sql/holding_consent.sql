-- Of all that was said what holds, one row per customer, channel and purpose: the rule is in consent.py.
WITH placed AS (
  SELECT customer_id, channel, purpose, state, source, effective_at, reading, COALESCE(statement, 1) AS statement,
         ROW_NUMBER() OVER (
           PARTITION BY customer_id, channel, purpose ORDER BY COALESCE(statement, 1) DESC
         ) AS back
  FROM consent_state
),
newest AS (
  SELECT customer_id, channel, purpose, state, reading FROM placed WHERE back = 1
),
counted AS (
  SELECT p.customer_id, p.channel, p.purpose, p.source, p.effective_at, p.back,
         CASE WHEN n.state = 'unknown' AND p.state = 'granted' THEN 'unknown' ELSE p.state END AS state
  FROM placed AS p
  INNER JOIN newest AS n ON n.customer_id = p.customer_id AND n.channel = p.channel AND n.purpose = p.purpose
    AND n.reading <=> p.reading
  WHERE p.back = 1 OR p.effective_at IS NOT NULL
),
ranked AS (
  SELECT customer_id, channel, purpose, state, source, effective_at,
         ROW_NUMBER() OVER (
           PARTITION BY customer_id, channel, purpose
           ORDER BY
             CASE WHEN state = 'unknown' THEN 1 ELSE 0 END,
             CASE WHEN effective_at IS NULL AND state = 'denied' THEN 0 WHEN effective_at IS NULL THEN 2 ELSE 1 END,
             effective_at DESC,
             CASE WHEN state = 'denied' THEN 0 ELSE 1 END,
             back
         ) AS place
  FROM counted
)
SELECT customer_id, channel, purpose, state, source, effective_at
FROM ranked
WHERE place = 1
ORDER BY customer_id, channel, purpose
