-- What an export says per customer, channel and purpose: the statement that holds, and before it the latest no with a
-- time, where another holds: a yes of later exports is to be held against it, too.
WITH ranked AS (
  SELECT customer_id, channel, purpose, state, source, effective_at,
         ROW_NUMBER() OVER (
           PARTITION BY customer_id, channel, purpose
           ORDER BY
             CASE WHEN state = 'unknown' THEN 1 ELSE 0 END,
             CASE WHEN effective_at IS NULL AND state = 'denied' THEN 0 WHEN effective_at IS NULL THEN 2 ELSE 1 END,
             effective_at DESC,
             CASE WHEN state = 'denied' THEN 0 ELSE 1 END,
             source
         ) AS place
  FROM statements
),
denied AS (
  SELECT customer_id, channel, purpose, state, source, effective_at, place,
         ROW_NUMBER() OVER (PARTITION BY customer_id, channel, purpose ORDER BY effective_at DESC, place) AS back
  FROM ranked
  WHERE state = 'denied' AND effective_at IS NOT NULL
)
SELECT customer_id, channel, purpose, state, source, effective_at, TRUE AS holds
FROM ranked
WHERE place = 1
UNION ALL
SELECT customer_id, channel, purpose, state, source, effective_at, FALSE AS holds
FROM denied
WHERE back = 1 AND place > 1
ORDER BY customer_id, channel, purpose, holds
