-- The mean score of each tenth of the customers: who is known from events alone is scored, too, and is none. Sums are
-- exact: a sum of DOUBLEs depends on the order of its threads.
WITH ranked AS (
  SELECT s.score,
    CAST(FLOOR((ROW_NUMBER() OVER (ORDER BY s.score DESC, s.customer_id) - 1) * 10 / COUNT(*) OVER ()) AS INT) + 1
      AS decile
  FROM scores AS s
  LEFT SEMI JOIN customers AS c ON c.customer_id = s.customer_id
)
SELECT decile, COUNT(*) AS customers, SUM(CAST(score AS DECIMAL(38, 6))) / COUNT(*) AS mean_score
FROM ranked
GROUP BY decile
ORDER BY decile
