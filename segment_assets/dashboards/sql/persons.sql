-- How customers became persons.
SELECT rule, COUNT(*) AS customers
FROM persons
GROUP BY rule
ORDER BY rule
