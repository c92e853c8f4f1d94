WITH entries AS (
  SELECT
    person_key, person_key_weak, sex, residence_kind, name_masked, id_number_masked, phone_masked, phone_key, record_key, delivery, source_row,
    COUNT(*) OVER (PARTITION BY person_key) AS entries,
    ROW_NUMBER() OVER (PARTITION BY person_key ORDER BY checked_on DESC NULLS LAST, moved_in DESC NULLS LAST, record_key) AS place
  FROM latest.household
)
SELECT
  e.person_key,
  COALESCE(e.person_key_weak, TRUE) AS person_key_is_weak,
  e.sex,
  e.residence_kind,
  e.name_masked,
  e.id_number_masked,
  e.phone_masked,
  e.phone_key,
  e.entries,
  l.community_key,
  e.record_key,
  e.delivery,
  e.source_row
FROM entries AS e LEFT JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = e.record_key
WHERE e.place = 1
ORDER BY e.person_key
