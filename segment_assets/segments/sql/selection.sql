-- Whom the segment asks for: its condition first, then the highest scores among those the condition leaves.
-- Consent plays no part: one customer's opt-out must not pull another customer in. Ties go by a hash: an id tells how old
-- an account is.
WITH scored AS (
  SELECT customer_id, score, score AS probability, score AS value, decile, percentile
  FROM ranked_scores
),
known AS (
  SELECT * FROM features WHERE cutoff = (SELECT MAX(cutoff) FROM features)
),
asked AS (
  SELECT s.customer_id, s.score,
    ROW_NUMBER() OVER (ORDER BY s.score DESC, SHA2(CONCAT(:salt, s.customer_id), 256), s.customer_id) AS place,
    COUNT(*) OVER () AS candidates,
    COUNT(*) OVER (PARTITION BY s.score) AS tied
  FROM scored AS s
  LEFT JOIN known AS f ON f.customer_id = s.customer_id
  WHERE :condition
)
SELECT customer_id, score, tied
FROM asked
WHERE place <= LEAST(CEIL(:share * candidates), :number)
ORDER BY customer_id
