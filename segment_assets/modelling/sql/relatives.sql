-- Who was known to belong together before each cutoff: customers of one household that share an identifier directly.
-- A link is known when both ends of it are. An identifier of more than a person links a household, and no person,
-- and one that either of them gave up links nobody.
WITH members AS (
  SELECT p.customer_id, p.person_id, h.household_id
  FROM persons AS p
  INNER JOIN households AS h ON h.person_id = p.person_id
),
links AS (
  SELECT
    a.customer_id, b.customer_id AS relative, m.person_id = o.person_id AND a.guard IS NULL AND b.guard IS NULL AS of_person,
    GREATEST(COALESCE(a.since, CAST(:clock AS TIMESTAMP)), COALESCE(b.since, CAST(:clock AS TIMESTAMP))) AS since
  FROM identity_edges AS a
  INNER JOIN identity_edges AS b ON b.kind = a.kind AND b.identifier = a.identifier AND b.customer_id <> a.customer_id
  INNER JOIN members AS m ON m.customer_id = a.customer_id
  INNER JOIN members AS o ON o.customer_id = b.customer_id AND o.household_id = m.household_id
  WHERE COALESCE(a.guard, 'household_only') = 'household_only' AND COALESCE(b.guard, 'household_only') = 'household_only'
)
SELECT
  l.customer_id, c.cutoff,
  COUNT(DISTINCT l.relative) AS in_household,
  COUNT(DISTINCT CASE WHEN l.of_person THEN l.relative END) AS in_person,
  MAX(l.since) AS known_at
FROM links AS l
INNER JOIN cutoffs AS c ON l.since < c.cutoff
GROUP BY l.customer_id, c.cutoff
