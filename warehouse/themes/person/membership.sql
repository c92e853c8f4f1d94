SELECT record_key, household_key, person_key, member_no, kinship, delivery, source_row
FROM latest.household
ORDER BY record_key
