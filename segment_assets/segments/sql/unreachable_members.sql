-- Members who may not be written to on a channel the segment gives them, found without the code that decided.
-- A member without any channel counts too. Must find nothing.
WITH reached AS (
  SELECT customer_id, EXPLODE(channels) AS channel FROM decisions WHERE state = 'in'
),
granted AS (
  SELECT customer_id, channel FROM consent_state WHERE purpose = 'marketing' AND state = 'granted'
),
wrong AS (
  SELECT r.customer_id, 'unconsented' AS reason
  FROM reached AS r
  LEFT ANTI JOIN granted AS g ON g.customer_id = r.customer_id AND g.channel = r.channel
  UNION
  SELECT r.customer_id, 'suppressed' AS reason
  FROM reached AS r
  LEFT SEMI JOIN suppressed AS s ON s.customer_id = r.customer_id AND s.channel = r.channel
  UNION
  SELECT customer_id, 'no_channel' AS reason FROM decisions WHERE state = 'in' AND SIZE(channels) = 0
)
SELECT reason, COUNT(DISTINCT customer_id) AS members
FROM wrong
GROUP BY reason
ORDER BY reason
