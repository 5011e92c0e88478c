-- The features that moved the scores of a segment's members most, over all members.
WITH members AS (
  SELECT s.reason_1, s.contribution_1, s.reason_2, s.contribution_2, s.reason_3, s.contribution_3
  FROM decisions AS d
  JOIN scores AS s ON s.customer_id = d.customer_id
  WHERE d.reason = 'in'
),
moved AS (
  SELECT reason_1 AS feature, contribution_1 AS contribution FROM members
  UNION ALL
  SELECT reason_2, contribution_2 FROM members
  UNION ALL
  SELECT reason_3, contribution_3 FROM members
)
SELECT feature, COUNT(*) AS members, SUM(CAST(contribution AS DECIMAL(38, 6))) / COUNT(*) AS mean_contribution
FROM moved
WHERE feature IS NOT NULL
GROUP BY feature
ORDER BY members DESC, feature
LIMIT 8
