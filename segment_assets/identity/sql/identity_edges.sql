-- One row per customer and hashed identifier: since when, shared by how many, and whether it may join the customer to
-- anybody. `said` is what placeholders are known by: of a postal address its street.
WITH found AS (
  SELECT customer_id, channel, address_sha256, effective_at, COALESCE(in_use, TRUE) AS in_use,
         MAP_ENTRIES(devices) AS devices, MAP_ENTRIES(postal_addresses) AS homes
  FROM customer_endpoints
  WHERE customer_id IN (SELECT customer_id FROM customers)
),
by_device AS (
  SELECT customer_id, effective_at, in_use, EXPLODE(devices) AS device FROM found
),
by_home AS (
  SELECT customer_id, effective_at, in_use, EXPLODE(homes) AS home FROM found
),
claims AS (
  SELECT customer_id, CASE channel WHEN 'email' THEN 'email' ELSE 'phone' END AS kind, address_sha256 AS hashed,
         address_sha256 AS said, CAST(NULL AS STRING) AS device_kind, effective_at, in_use
  FROM found
  WHERE channel IN ('email', 'sms', 'voice') AND address_sha256 IS NOT NULL
  UNION ALL
  SELECT customer_id, 'device', device.key, device.key, device.value, effective_at, in_use
  FROM by_device
  UNION ALL
  SELECT customer_id, 'address', home.key, home.value, CAST(NULL AS STRING), effective_at, in_use
  FROM by_home
),
links AS (
  SELECT customer_id, kind, hashed, MIN(said) AS said, MIN(device_kind) AS device_kind, MIN(effective_at) AS since,
         BOOL_OR(in_use) AS in_use, MAX(CASE WHEN in_use THEN COALESCE(effective_at, newest) END) AS confirmed,
         MAX(newest) AS newest
  FROM claims
  CROSS JOIN (SELECT MAX(effective_at) AS newest FROM found) AS latest
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
         WHEN NOT counted.in_use THEN 'inactive'
         WHEN counted.kind IN ('phone', 'device') AND DATEDIFF(counted.newest, counted.confirmed) > :window THEN 'old'
         WHEN counted.degree > :person_cap THEN 'household_only'
       END AS guard
FROM counted
LEFT JOIN placeholders ON placeholders.kind = counted.kind AND placeholders.hashed = counted.said
ORDER BY counted.customer_id, counted.kind, counted.hashed
