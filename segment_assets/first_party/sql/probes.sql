-- How many of some records of a day are test records of the event stream.
SELECT COUNT(*) AS probes
FROM raw_events AS r
INNER JOIN places AS p ON p.object_key = r.object_key AND p.position = r.position
WHERE r.arrival_date = :day
  AND r.record LIKE '%_test.event_stream%'
  AND GET_JSON_OBJECT(r.record, '$.event_type') = '_test.event_stream'
ORDER BY 1
