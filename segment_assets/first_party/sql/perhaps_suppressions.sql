-- Events of a table of one's own whose names sound as if nobody were to be written to again, and are no such names.
SELECT source_event_type, COUNT(*) AS events
FROM engagement_events
WHERE source = 'custom' AND SUBSTR(raw_uri, 1, LENGTH(:path)) = :path AND event_name = 'app' AND (
  TRANSLATE(LOWER(source_event_type), ' -_', '') LIKE '%unsub%'
  OR TRANSLATE(LOWER(source_event_type), ' -_', '') LIKE '%optout%'
  OR TRANSLATE(LOWER(source_event_type), ' -_', '') LIKE '%optedout%'
  OR LOWER(source_event_type) LIKE '%bounce%'
  OR LOWER(source_event_type) LIKE '%complain%'
  OR LOWER(source_event_type) LIKE '%spam%'
)
GROUP BY source_event_type
ORDER BY source_event_type
