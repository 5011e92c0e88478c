-- What the guards hold back, per kind of identifier, and where the long tail of sharing begins.
WITH identifiers AS (
  SELECT kind, identifier, COUNT(*) AS customers, MIN(CASE WHEN guard NOT IN ('inactive', 'old') THEN guard END) AS guard,
         COUNT(CASE WHEN guard = 'inactive' THEN 1 END) AS inactive,
         COUNT(CASE WHEN guard = 'old' THEN 1 END) AS old
  FROM identity_edges
  GROUP BY kind, identifier
)
SELECT kind, COUNT(*) AS identifiers,
       COUNT(CASE WHEN guard = 'placeholder' THEN 1 END) AS placeholder,
       COUNT(CASE WHEN guard = 'shared' THEN 1 END) AS shared,
       COUNT(CASE WHEN guard = 'household_only' THEN 1 END) AS household_only,
       CAST(SUM(inactive) AS BIGINT) AS inactive_links, CAST(SUM(old) AS BIGINT) AS old_links,
       MAX(customers) AS most_shared_by
FROM identifiers
GROUP BY kind
ORDER BY kind
