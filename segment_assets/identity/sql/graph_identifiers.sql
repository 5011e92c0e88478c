-- The identifiers as nodes. What guards one user's link is no guard of the identifier.
SELECT kind, identifier AS id, MIN(device_kind) AS device_kind, MIN(degree) AS degree,
       MIN(CASE WHEN guard NOT IN ('inactive', 'old') THEN guard END) AS guard
FROM identity_edges
GROUP BY kind, identifier
ORDER BY kind, id
