-- The mean score of each tenth. Sums are exact: a sum of DOUBLEs depends on the order of its threads.
SELECT decile, COUNT(*) AS customers, SUM(CAST(score AS DECIMAL(38, 6))) / COUNT(*) AS mean_score
FROM scores
GROUP BY decile
ORDER BY decile
