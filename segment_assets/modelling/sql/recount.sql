-- How many rows of `built` differ from counting one event again, straight from the time stamps.
WITH recounted AS (
  SELECT COALESCE(e.user_id, o.customer_id) AS customer_id, c.cutoff, COUNT(*) AS n
  FROM engagement_events AS e
  INNER JOIN event_names AS v
    ON v.name = CASE WHEN e.event_name = 'app' THEN COALESCE(e.source_event_type, 'app') ELSE e.event_name END
  LEFT JOIN owners AS o ON o.endpoint_id = e.endpoint_id
  INNER JOIN cutoffs AS c
    ON e.received_at < c.cutoff AND e.occurred_at < c.cutoff AND DATE_ADD(CAST(e.occurred_at AS DATE), :days) >= c.cutoff
  WHERE v.slug = :event AND COALESCE(e.user_id, o.customer_id) IS NOT NULL
  GROUP BY COALESCE(e.user_id, o.customer_id), c.cutoff
)
SELECT COUNT(*) AS differing
FROM built AS b
FULL OUTER JOIN recounted AS r ON r.customer_id = b.customer_id AND r.cutoff = b.cutoff
WHERE COALESCE(b.n, 0) <> COALESCE(r.n, 0)
ORDER BY differing
