-- One row per customer, channel and purpose: the latest statement, denied before granted on a tie.
WITH ranked AS (
  SELECT customer_id, channel, purpose, state, source, effective_at,
         ROW_NUMBER() OVER (
           PARTITION BY customer_id, channel, purpose
           ORDER BY
             CASE WHEN state = 'unknown' THEN 1 ELSE 0 END,
             effective_at DESC NULLS LAST,
             CASE WHEN state = 'denied' THEN 0 ELSE 1 END,
             source
         ) AS place
  FROM statements
)
SELECT customer_id, channel, purpose, state, source, effective_at
FROM ranked
WHERE place = 1
ORDER BY customer_id, channel, purpose
