-- The same question as the graph's household_members, asked of the tables.
WITH homes AS (
  SELECT m.end_id AS household
  FROM same_as AS s
  JOIN member_of AS m ON m.start_id = s.end_id
  WHERE s.start_id = :customer
)
SELECT DISTINCT s.start_id AS customer, s.end_id AS person, s.rule AS person_rule, m.rule AS household_rule
FROM homes AS h
JOIN member_of AS m ON m.end_id = h.household
JOIN same_as AS s ON s.end_id = m.start_id
ORDER BY customer
