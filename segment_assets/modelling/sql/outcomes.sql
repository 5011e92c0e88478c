-- What each customer did in the horizon after each cutoff, by when it happened. `horizons` holds one row per cutoff and
-- day of its horizon.
SELECT
  COALESCE(e.user_id, o.customer_id) AS customer_id, h.cutoff,
  COUNT(*) AS events,
  SUM(CAST(ELEMENT_AT(e.metrics, :metric) AS DECIMAL(21, 6))) AS total
FROM engagement_events AS e
LEFT JOIN owners AS o ON o.endpoint_id = e.endpoint_id
INNER JOIN horizons AS h ON h.day = CAST(e.occurred_at AS DATE)
WHERE e.event_name = :event OR e.source_event_type = :event
GROUP BY COALESCE(e.user_id, o.customer_id), h.cutoff
