-- Customers by the reason of their decision.
SELECT reason, COUNT(*) AS customers
FROM decisions
GROUP BY reason
ORDER BY reason
