-- Every event with its customer, under the name that features use; null for names that are not among the features.
SELECT
  e.event_id, COALESCE(e.user_id, o.customer_id) AS customer_id, n.slug AS event, e.channel, e.is_engagement,
  CAST(e.occurred_at AS DATE) AS day, e.received_at, e.metrics
FROM engagement_events AS e
LEFT JOIN owners AS o ON o.endpoint_id = e.endpoint_id
LEFT JOIN event_names AS n
  ON n.name = CASE WHEN e.event_name = 'app' THEN COALESCE(e.source_event_type, 'app') ELSE e.event_name END
WHERE COALESCE(e.user_id, o.customer_id) IS NOT NULL
