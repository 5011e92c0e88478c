-- Endpoints to tell: of every member, the active ones on the channels the segment gives them. What is no address has no
-- hash, and no suppression list could name it: nobody is told of it. `newest` counts the endpoints of a customer from the
-- one that took effect last (those without a time come last, of equals the one whose id sorts first): where the
-- destination takes a few of a customer, it is told these.
WITH members AS (
  SELECT customer_id, score, decile, EXPLODE(channels) AS channel FROM decisions
)
SELECT m.customer_id, e.endpoint_id AS recipient, e.channel, e.address_sha256, ROUND(m.score, 4) AS score,
  CASE WHEN m.decile <= 2 THEN 'high' WHEN m.decile <= 5 THEN 'medium' ELSE 'low' END AS band,
  ROW_NUMBER() OVER (
    PARTITION BY m.customer_id ORDER BY e.effective_at DESC NULLS LAST, e.endpoint_id
  ) AS newest
FROM members AS m
JOIN customer_endpoints AS e ON e.customer_id = m.customer_id AND e.channel = m.channel AND e.active
  AND e.address_sha256 IS NOT NULL
ORDER BY m.customer_id, e.endpoint_id
