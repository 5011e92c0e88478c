-- What each destination holds now: the last committed activation of each segment.
WITH last AS (
  SELECT destination, segment, max(sequence) AS sequence
  FROM activation_ledger
  GROUP BY destination, segment
)
SELECT a.destination, a.segment, a.sequence, a.as_of, a.members, a.joined, a.left, a.location, a.state
FROM activation_ledger AS a
JOIN last AS l ON l.destination = a.destination AND l.segment = a.segment AND l.sequence = a.sequence
ORDER BY a.destination, a.segment
