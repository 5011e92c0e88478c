-- Events of a table of one's own whose names sound as if nobody were to be written to again, and are no such names.
SELECT source_event_type, COUNT(*) AS events
FROM engagement_events
WHERE source = 'custom' AND event_name = 'app' AND (
  LOWER(source_event_type) LIKE '%unsub%'
  OR LOWER(source_event_type) LIKE '%opt_out%'
  OR LOWER(source_event_type) LIKE '%optout%'
  OR LOWER(source_event_type) LIKE '%bounce%'
  OR LOWER(source_event_type) LIKE '%complain%'
  OR LOWER(source_event_type) LIKE '%spam%'
)
GROUP BY source_event_type
ORDER BY source_event_type
