-- One row per customer and hashed identifier: since when, shared by how many, and whether it may merge anybody.
WITH claims AS (
  SELECT customer_id, CASE channel WHEN 'email' THEN 'email' ELSE 'phone' END AS kind, address_sha256 AS hashed,
         CAST(NULL AS STRING) AS device_kind, effective_at AS since
  FROM customer_endpoints
  WHERE channel IN ('email', 'sms')
  UNION ALL
  -- A push token names one installation of an app on one device.
  SELECT customer_id, 'device', COALESCE(device_id, CASE WHEN channel = 'push' THEN address_sha256 END), device_kind,
         effective_at
  FROM customer_endpoints
  UNION ALL
  SELECT customer_id, 'address', postal_sha256, CAST(NULL AS STRING), effective_at
  FROM customer_endpoints
),
links AS (
  SELECT customer_id, kind, hashed, MIN(device_kind) AS device_kind, MIN(since) AS since
  FROM claims
  WHERE hashed IS NOT NULL AND customer_id IN (SELECT customer_id FROM customers)
  GROUP BY customer_id, kind, hashed
),
counted AS (
  SELECT links.*, COUNT(*) OVER (PARTITION BY kind, hashed) AS degree
  FROM links
)
SELECT counted.customer_id, counted.kind, counted.hashed, counted.device_kind, counted.since, counted.degree,
       CASE
         WHEN placeholders.hashed IS NOT NULL THEN 'placeholder'
         WHEN counted.degree > :household_cap THEN 'shared'
         WHEN counted.degree > :person_cap THEN 'household_only'
       END AS guard
FROM counted
LEFT JOIN placeholders ON placeholders.kind = counted.kind AND placeholders.hashed = counted.hashed
ORDER BY counted.customer_id, counted.kind, counted.hashed
