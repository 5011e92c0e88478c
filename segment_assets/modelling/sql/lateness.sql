-- How many days after it happened each event of a target was known. Days are calendar days: what comes in the night
-- after is one day late.
SELECT DATEDIFF(CAST(received_at AS DATE), CAST(occurred_at AS DATE)) AS days, COUNT(*) AS n
FROM engagement_events
WHERE (event_name = :event OR source_event_type = :event) AND occurred_at >= :first AND occurred_at < :until
GROUP BY 1
ORDER BY 1
