-- Customers that the partner knows too, and how many people they are by each hash they may have been joined on.
SELECT COUNT(DISTINCT r.customer_id) AS customer_id,
       COUNT(DISTINCT c.email_sha256) AS email_sha256,
       COUNT(DISTINCT c.email_sha256_plain) AS email_sha256_plain,
       COUNT(DISTINCT c.email_sha256_google) AS email_sha256_google,
       COUNT(DISTINCT c.phone_sha256_e164) AS phone_sha256_e164,
       COUNT(DISTINCT c.phone_sha256_digits) AS phone_sha256_digits
FROM result AS r
LEFT JOIN customers AS c ON c.customer_id = r.customer_id
ORDER BY 1
