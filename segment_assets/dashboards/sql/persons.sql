-- How customers became persons.
SELECT rule, COUNT(*) AS customers, COUNT(DISTINCT person_id) AS persons
FROM persons
GROUP BY rule
ORDER BY rule
