-- Every record of an arrival day, copies too; nothing below depends on its order.
SELECT arrival_date, object_key, position, event_id, record
FROM raw_events
WHERE arrival_date = :day
