-- The scores of customers, ranked among customers. Whoever is known from events alone, or was left out of the last export,
-- is scored too, and no segment can reach them: there they would take the places of those it can. Ties go by a hash: an id
-- tells how old an account is.
SELECT s.customer_id, s.score, s.as_of,
  CAST(FLOOR(
    (ROW_NUMBER() OVER (ORDER BY s.score DESC, SHA2(CONCAT(:salt, s.customer_id), 256), s.customer_id) - 1)
    * 10 / COUNT(*) OVER ()
  ) AS INT) + 1 AS decile,
  100 * CUME_DIST() OVER (ORDER BY s.score) AS percentile
FROM customer_scores AS s
LEFT SEMI JOIN customers AS c ON c.customer_id = s.customer_id
ORDER BY s.customer_id
