-- Everyone who could have been scored at a cutoff whose horizon has ended, with what they then did.
SELECT
  f.customer_id, f.cutoff,
  DATE_ADD(f.cutoff, :horizon) AS label_until,
  COALESCE(d.events, 0) AS events,
  COALESCE(d.total, 0) AS total
FROM eligible AS f
LEFT JOIN outcomes AS d ON d.customer_id = f.customer_id AND d.cutoff = f.cutoff
ORDER BY f.cutoff, f.customer_id
