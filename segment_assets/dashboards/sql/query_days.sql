-- Protected queries per day of the data, to hold against the daily budget.
SELECT as_of AS day, COUNT(*) AS spent
FROM query_log
GROUP BY as_of
ORDER BY as_of DESC
