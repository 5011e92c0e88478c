-- One row per household and campaign it was sent. Three campaigns were already under way when the year began
-- (147 exposures): they are sent on its first day.
SELECT
  e.campaign_id,
  e.household_id,
  GREATEST(d.start_date, :first_day) + INTERVAL 14 HOURS AS occurred_at
FROM campaigns AS e
INNER JOIN campaign_descriptions AS d ON d.campaign_id = e.campaign_id
ORDER BY e.campaign_id, e.household_id
