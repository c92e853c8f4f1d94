-- A household lies where its head does; without a head, where its first member does.
WITH entries AS (
  SELECT
    household_key, person_key, kinship, tenure, record_key, delivery, source_row,
    ROW_NUMBER() OVER (
      PARTITION BY household_key ORDER BY CASE WHEN kinship = '01' THEN 0 ELSE 1 END, checked_on DESC NULLS LAST, record_key
    ) AS place
  FROM latest.household
),
sizes AS (
  SELECT household_key, COUNT(DISTINCT person_key) AS members, MAX(checked_on) AS last_checked_on FROM latest.household GROUP BY household_key
)
SELECT
  e.household_key,
  CASE WHEN e.kinship = '01' THEN e.person_key END AS head_person_key,
  s.members,
  e.tenure,
  l.address_key,
  l.address_level,
  l.link_outcome,
  l.building_key,
  l.community_key,
  l.district,
  l.street,
  l.community,
  s.last_checked_on,
  e.record_key,
  e.delivery,
  e.source_row
FROM entries AS e
JOIN sizes AS s ON s.household_key = e.household_key
LEFT JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = e.record_key
WHERE e.place = 1
ORDER BY e.household_key
