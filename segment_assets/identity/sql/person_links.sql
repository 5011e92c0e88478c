-- Pairs of customers that are one person. A postal address is no evidence here: everyone at home has the same one.
-- Edges may be older than the customers: whoever has left since joins nobody.
WITH evidence AS (
  SELECT customer_id, kind, identifier
  FROM identity_edges
  WHERE guard IS NULL AND kind <> 'address' AND customer_id IN (SELECT customer_id FROM customers)
),
by_email AS (
  -- To the first customer of each address: the same components as all pairs, with fewer links.
  SELECT MIN(customer_id) OVER (PARTITION BY identifier) AS a, customer_id AS b
  FROM evidence
  WHERE kind = 'email'
),
by_two AS (
  SELECT x.customer_id AS a, y.customer_id AS b
  FROM evidence AS x
  JOIN evidence AS y ON x.kind = y.kind AND x.identifier = y.identifier AND x.customer_id < y.customer_id
  GROUP BY x.customer_id, y.customer_id
  HAVING COUNT(DISTINCT x.kind) >= 2
),
links AS (
  SELECT a, b, TRUE AS strong FROM by_email WHERE a < b
  UNION ALL
  SELECT a, b, FALSE AS strong FROM by_two
)
SELECT a, b, BOOL_OR(strong) AS strong
FROM links
GROUP BY a, b
ORDER BY a, b
