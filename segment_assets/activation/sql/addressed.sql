-- The rows to send, with the readable address where the customer is in; who leaves is named by endpoint alone.
SELECT r.*, CASE WHEN r.state = 'in' THEN a.address END AS address
FROM to_send AS r
LEFT JOIN contact_addresses AS a
  ON a.customer_id = r.customer_id AND a.channel = r.channel AND a.endpoint_id = r.recipient
ORDER BY r.customer_id, r.recipient
