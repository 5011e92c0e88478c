-- One row per coupon redeemed. The data has the day alone, in the shops' own time (UTC-5), so the time is that of the
-- household's last basket of that day, which 2,099 of the 2,102 have.
WITH trips AS (
  SELECT
    household_id,
    CAST(transaction_timestamp - INTERVAL 5 HOURS AS DATE) AS day,
    MAX(transaction_timestamp) AS occurred_at
  FROM transactions
  GROUP BY household_id, CAST(transaction_timestamp - INTERVAL 5 HOURS AS DATE)
)
SELECT
  r.household_id,
  r.coupon_upc,
  r.campaign_id,
  COALESCE(t.occurred_at, r.redemption_date + INTERVAL 17 HOURS) AS occurred_at
FROM coupon_redemptions AS r
LEFT JOIN trips AS t ON t.household_id = r.household_id AND t.day = CAST(r.redemption_date AS DATE)
ORDER BY r.redemption_date, r.household_id, r.campaign_id, r.coupon_upc
