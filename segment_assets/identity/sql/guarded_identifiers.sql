-- What the guards hold back, per kind of identifier, and where the long tail of sharing begins.
WITH identifiers AS (
  SELECT kind, identifier, COUNT(*) AS customers, MIN(guard) AS guard
  FROM identity_edges
  GROUP BY kind, identifier
)
SELECT kind, COUNT(*) AS identifiers,
       COUNT(CASE WHEN guard = 'placeholder' THEN 1 END) AS placeholder,
       COUNT(CASE WHEN guard = 'shared' THEN 1 END) AS shared,
       COUNT(CASE WHEN guard = 'household_only' THEN 1 END) AS household_only,
       MAX(customers) AS most_shared_by
FROM identifiers
GROUP BY kind
ORDER BY kind
