-- Who uses which identifier, since when, in seconds since 1970.
SELECT customer_id, kind, identifier, CAST(unix_seconds(CAST(date_trunc('second', since) AS TIMESTAMP)) AS BIGINT) AS since
FROM identity_edges
ORDER BY customer_id, kind, identifier
