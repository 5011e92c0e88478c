-- Persons of clusters too large to be a household.
SELECT COUNT(*) AS persons
FROM households
WHERE rule = 'quarantined'
ORDER BY persons
