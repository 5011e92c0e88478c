-- What suppresses on days that are about to be made again, and is not remembered yet.
SELECT e.event_id, e.arrival_date, e.user_id, e.endpoint_id, e.address_hash, e.channel, e.event_name, e.is_suppression,
       e.received_at, e.raw_uri AS object_key
FROM engagement_events AS e
LEFT SEMI JOIN days AS d ON d.arrival_date = e.arrival_date
LEFT ANTI JOIN heard_suppressions AS h ON h.event_id = e.event_id AND h.arrival_date = e.arrival_date
WHERE e.is_suppression OR e.event_name = 'bounce_soft'
ORDER BY e.event_id, e.arrival_date
