-- How many persons there are: one may have been joined by two rules.
SELECT COUNT(DISTINCT person_id) AS persons
FROM persons
