-- Members that each channel may reach.
WITH reachable AS (
  SELECT customer_id, EXPLODE(channels) AS channel
  FROM decisions
  WHERE reason = 'in'
)
SELECT channel, COUNT(*) AS members
FROM reachable
GROUP BY channel
ORDER BY channel
