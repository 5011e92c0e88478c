-- The same question as the graph's household_size_distribution, asked of the tables.
SELECT persons, COUNT(*) AS households
FROM household
GROUP BY persons
ORDER BY persons
