-- Who must not be written to, through which channel, why and since when, as known before :cutoff.
WITH present AS (
  SELECT user_id, endpoint_id, address_hash, channel, event_name, is_suppression, received_at, event_id
  FROM engagement_events
  WHERE received_at < :cutoff AND (is_suppression OR event_name = 'bounce_soft')
),
-- Of what is remembered: records that are there again. What they are now read as counts, whatever that is.
again AS (
  SELECT DISTINCT e.event_id
  FROM engagement_events AS e
  LEFT SEMI JOIN heard_suppressions AS h ON h.event_id = e.event_id
),
-- A row that came again with another column beside is another record, and no other bounce.
remembered AS (
  SELECT h.user_id, h.endpoint_id, h.address_hash, h.channel, h.event_name, h.is_suppression, h.received_at, h.event_id
  FROM heard_suppressions AS h
  LEFT ANTI JOIN again AS a ON a.event_id = h.event_id
  LEFT ANTI JOIN present AS p ON p.event_name = h.event_name AND p.received_at = h.received_at
    AND p.channel <=> h.channel AND p.user_id <=> h.user_id AND p.endpoint_id <=> h.endpoint_id
    AND p.address_hash <=> h.address_hash
  WHERE h.received_at < :cutoff
),
known AS (
  SELECT user_id, endpoint_id, address_hash, channel, event_name, is_suppression, received_at, event_id
  FROM present
  UNION ALL
  SELECT user_id, endpoint_id, address_hash, channel, event_name, is_suppression, received_at, event_id
  FROM remembered
),
-- An event names its customer, or an endpoint, or an address: each way of knowing counts.
named AS (
  SELECT e.user_id AS customer_id, e.channel, e.event_name, e.is_suppression, e.received_at, e.event_id
  FROM known AS e
  WHERE e.user_id IS NOT NULL
  UNION
  SELECT c.customer_id, e.channel, e.event_name, e.is_suppression, e.received_at, e.event_id
  FROM known AS e
  INNER JOIN customer_endpoints AS c ON c.endpoint_id = e.endpoint_id
  WHERE e.user_id IS NULL
  UNION
  SELECT c.customer_id, e.channel, e.event_name, e.is_suppression, e.received_at, e.event_id
  FROM known AS e
  INNER JOIN customer_endpoints AS c ON c.address_sha256 = e.address_hash
),
soft AS (
  SELECT customer_id, channel, received_at,
         LAG(received_at, 2) OVER (PARTITION BY customer_id, channel ORDER BY received_at, event_id) AS third_last
  FROM named
  WHERE event_name = 'bounce_soft'
),
reasons AS (
  SELECT customer_id, channel, event_name AS reason, received_at AS since
  FROM named
  WHERE is_suppression
  UNION ALL
  SELECT customer_id, channel, 'bounce_soft_repeated' AS reason, received_at AS since
  FROM soft
  WHERE third_last IS NOT NULL AND received_at <= third_last + INTERVAL 30 DAYS
),
ranked AS (
  SELECT customer_id, channel, reason, since,
         ROW_NUMBER() OVER (PARTITION BY customer_id, channel ORDER BY since, reason) AS place
  FROM reasons
)
SELECT customer_id, channel, reason, since
FROM ranked
WHERE place = 1
ORDER BY customer_id, channel
