-- Suppression in terms of the channels a segment may use. A phone number that said stop on any kind of message is left
-- alone by SMS; a suppression that names no channel holds on every one.
WITH widened AS (
  SELECT s.customer_id, c.channel
  FROM suppression AS s
  CROSS JOIN channels AS c
  WHERE s.channel = c.channel
    OR (c.channel = 'sms' AND s.channel IN ('mms', 'rcs'))
    OR s.channel IS NULL
    OR s.channel IN ('app', 'custom')
)
SELECT DISTINCT customer_id, channel
FROM widened
ORDER BY customer_id, channel
