-- Pairs of persons that share an identifier of any kind, unless half the town shares it.
WITH evidence AS (
  SELECT DISTINCT p.person_id, e.kind, e.identifier
  FROM identity_edges AS e
  JOIN persons AS p ON p.customer_id = e.customer_id
  WHERE e.guard IS NULL OR e.guard = 'household_only'
),
links AS (
  SELECT MIN(person_id) OVER (PARTITION BY kind, identifier) AS a, person_id AS b
  FROM evidence
)
SELECT DISTINCT a, b, FALSE AS strong
FROM links
WHERE a < b
ORDER BY a, b
