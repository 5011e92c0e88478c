-- Members who may not be written to on a channel the segment gives them, found without the code that decided. A member
-- without any channel counts too, and one whose person or household is in quarantine, or not known where others are. Must
-- find nothing.
WITH reached AS (
  SELECT customer_id, EXPLODE(channels) AS channel FROM decisions WHERE state = 'in'
),
stated AS (
  SELECT customer_id, channel, state, effective_at, reading,
         ROW_NUMBER() OVER (PARTITION BY customer_id, channel ORDER BY COALESCE(statement, 1) DESC) AS back
  FROM consent_state
  WHERE purpose = 'marketing'
),
-- What was read in the way of the newest statement, where that makes one; without a time only the newest counts.
counted AS (
  SELECT s.customer_id, s.channel, s.state, s.effective_at
  FROM stated AS s
  INNER JOIN stated AS n ON n.customer_id = s.customer_id AND n.channel = s.channel AND n.reading <=> s.reading
  WHERE n.back = 1 AND n.state <> 'unknown' AND (s.back = 1 OR s.effective_at IS NOT NULL)
),
denied AS (
  SELECT customer_id, channel, MAX(COALESCE(effective_at, TIMESTAMP '9999-12-31 00:00:00')) AS until
  FROM counted
  WHERE state = 'denied'
  GROUP BY customer_id, channel
),
granted AS (
  SELECT g.customer_id, g.channel
  FROM counted AS g
  LEFT JOIN denied AS d ON d.customer_id = g.customer_id AND d.channel = g.channel
  WHERE g.state = 'granted' AND (d.until IS NULL OR g.effective_at > d.until)
),
housed AS (
  SELECT p.customer_id
  FROM persons AS p
  INNER JOIN households AS h ON h.person_id = p.person_id
  WHERE p.rule <> 'quarantined' AND h.rule <> 'quarantined'
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
  SELECT r.customer_id, 'no_address' AS reason
  FROM reached AS r
  LEFT ANTI JOIN customer_endpoints AS e ON e.customer_id = r.customer_id AND e.channel = r.channel
    AND e.active AND e.address_sha256 IS NOT NULL
  UNION
  SELECT d.customer_id, 'quarantined' AS reason
  FROM decisions AS d
  LEFT ANTI JOIN housed AS h ON h.customer_id = d.customer_id
  WHERE d.state = 'in' AND (SELECT COUNT(*) FROM persons) > 0
  UNION
  SELECT customer_id, 'no_channel' AS reason FROM decisions WHERE state = 'in' AND SIZE(channels) = 0
)
SELECT reason, COUNT(DISTINCT customer_id) AS members
FROM wrong
GROUP BY reason
ORDER BY reason
