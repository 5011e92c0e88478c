-- The identifiers as nodes.
SELECT kind, identifier AS id, MIN(device_kind) AS device_kind, MIN(degree) AS degree, MIN(guard) AS guard
FROM identity_edges
GROUP BY kind, identifier
ORDER BY kind, id
