-- Households by the number of persons in them.
SELECT persons AS size, COUNT(DISTINCT household_id) AS households
FROM households
GROUP BY persons
ORDER BY persons
