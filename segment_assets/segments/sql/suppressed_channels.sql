-- Suppression in terms of the channels a segment may use. A phone number that said stop on any kind of message is left
-- alone by SMS; a suppression that names no channel holds on every one. A mailbox that must not be written to is left
-- alone under every customer's id: an event may name one of them and no address.
WITH widened AS (
  SELECT s.customer_id, c.channel
  FROM suppression AS s
  CROSS JOIN channels AS c
  WHERE s.channel = c.channel
    OR (c.channel = 'sms' AND s.channel IN ('mms', 'rcs'))
    OR s.channel IS NULL
    OR s.channel IN ('app', 'custom')
),
closed AS (
  SELECT DISTINCT e.address_sha256, w.channel
  FROM widened AS w
  INNER JOIN customer_endpoints AS e ON e.customer_id = w.customer_id AND e.channel = w.channel
)
SELECT customer_id, channel
FROM widened
UNION
SELECT e.customer_id, c.channel
FROM closed AS c
INNER JOIN customer_endpoints AS e ON e.address_sha256 = c.address_sha256 AND e.channel = c.channel
ORDER BY customer_id, channel
