-- What each protected query cost the budget.
SELECT query, rule_type, count_if(status = 'SUCCESS') AS succeeded, count_if(status = 'FAILED') AS failed,
       count_if(status = 'STARTED') AS unfinished, max(as_of) AS last_run
FROM query_log
GROUP BY query, rule_type
ORDER BY query, rule_type
