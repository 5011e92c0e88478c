-- Persons that are not in exactly one household, and households of nobody.
WITH people AS (
  SELECT DISTINCT person_id FROM persons
),
placed AS (
  SELECT person_id, COUNT(DISTINCT household_id) AS households
  FROM households
  GROUP BY person_id
)
SELECT COUNT(*) AS wrong
FROM people AS p
FULL OUTER JOIN placed AS h ON h.person_id = p.person_id
WHERE p.person_id IS NULL OR h.households IS NULL OR h.households <> 1
