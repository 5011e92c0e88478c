-- What arrived each day; a day whose objects are gone stays in the table, empty.
SELECT arrival_date AS day, delivered, good, quarantined
FROM arrival_days
WHERE objects > 0
ORDER BY arrival_date
