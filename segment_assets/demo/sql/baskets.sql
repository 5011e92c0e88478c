-- One row per basket: the grocer's lines summed, in cents, because sums of cents are exact and sums of doubles are not.
SELECT
  basket_id,
  household_id,
  store_id,
  transaction_timestamp AS occurred_at,
  CAST(SUM(CAST(ROUND(sales_value * 100) AS BIGINT)) AS BIGINT) AS amount,
  CAST(SUM(CAST(ROUND(retail_disc * 100) AS BIGINT)) AS BIGINT) AS retail_discount,
  CAST(SUM(CAST(ROUND(coupon_disc * 100) AS BIGINT)) AS BIGINT) AS coupon_discount,
  COUNT(*) AS items
FROM transactions
GROUP BY basket_id, household_id, store_id, transaction_timestamp
ORDER BY basket_id
