-- Identifiers that merge nobody, and why.
SELECT guard, COUNT(DISTINCT identifier) AS identifiers
FROM identity_edges
WHERE guard IN ('placeholder', 'shared')
GROUP BY guard
ORDER BY guard
