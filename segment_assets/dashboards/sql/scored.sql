-- Which model scored, and as of when.
SELECT model_version, as_of, COUNT(*) AS customers
FROM scores
GROUP BY model_version, as_of
ORDER BY as_of DESC, model_version
