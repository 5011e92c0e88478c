-- The same question as the graph's customer_card, asked of the tables.
SELECT s.start_id AS customer, p.id AS person, s.rule AS person_rule, p.customers AS person_customers,
       h.id AS household, m.rule AS household_rule, h.persons AS household_persons
FROM same_as AS s
JOIN person AS p ON p.id = s.end_id
JOIN member_of AS m ON m.start_id = p.id
JOIN household AS h ON h.id = m.end_id
WHERE s.start_id = :customer
ORDER BY customer
