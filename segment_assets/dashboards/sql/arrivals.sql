-- What arrived each day.
SELECT arrival_date AS day, delivered, good, quarantined
FROM arrival_days
ORDER BY arrival_date
