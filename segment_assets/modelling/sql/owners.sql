-- Whose endpoint it is. An endpoint that two customers claim counts for the first of them, always the same one.
SELECT endpoint_id, MIN(customer_id) AS customer_id
FROM customer_endpoints
GROUP BY endpoint_id
