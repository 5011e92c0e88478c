-- The newest arrival days, each with what a contract may limit; the measures are those of event_account.sql.
SELECT arrival_date,
       COUNT(*) AS events,
       COUNT_IF(event_name = 'app' AND (
         source IN ('ses', 'eum', 'connect_campaign') OR (source = 'pinpoint' AND SUBSTR(source_event_type, 1, 1) = '_')
       )) AS unknown_types,
       COUNT_IF(received_at > occurred_at + INTERVAL 24 HOURS) AS late,
       COUNT_IF(occurred_at > received_at + INTERVAL 5 MINUTES) AS in_future
FROM engagement_events
WHERE arrival_date >= :first AND SUBSTR(raw_uri, 1, LENGTH(:path)) = :path
GROUP BY arrival_date
ORDER BY arrival_date
