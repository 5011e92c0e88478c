-- How many customers each destination holds as in, by its last activation.
SELECT segment, destination, MAX_BY(members, sequence) AS members
FROM activation_ledger
GROUP BY segment, destination
ORDER BY segment, destination
