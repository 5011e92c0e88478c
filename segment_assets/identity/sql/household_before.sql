-- Which household each of today's persons lived in before, whatever the person was called then.
SELECT DISTINCT COALESCE(a.new_id, h.person_id) AS member, h.household_id AS id
FROM households AS h
LEFT JOIN person_alias AS a ON a.old_id = h.person_id
ORDER BY member, id
