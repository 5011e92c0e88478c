-- Arrival days of the objects below a prefix, each with what was delivered, as arrival_days has it of all objects.
SELECT arrival_date,
       COUNT(*) AS delivered,
       COUNT_IF(is_good) AS good,
       COUNT_IF(NOT is_good) AS quarantined
FROM (
  SELECT arrival_date, object_key, TRUE AS is_good FROM raw_events
  UNION ALL
  SELECT arrival_date, object_key, FALSE AS is_good FROM quarantined_records
) AS records
WHERE SUBSTR(object_key, 1, LENGTH(:path)) = :path
GROUP BY arrival_date
ORDER BY arrival_date
