-- What the guards hold back, per kind of identifier, and where the long tail of sharing begins.
WITH identifiers AS (
  SELECT kind, identifier, COUNT(*) AS customers, MIN(guard) AS guard
  FROM identity_edges
  GROUP BY kind, identifier
)
SELECT kind, COUNT(*) AS identifiers,
       COUNT_IF(guard = 'placeholder') AS placeholder,
       COUNT_IF(guard = 'shared') AS shared,
       COUNT_IF(guard = 'household_only') AS household_only,
       MAX(customers) AS most_shared_by
FROM identifiers
GROUP BY kind
ORDER BY kind
