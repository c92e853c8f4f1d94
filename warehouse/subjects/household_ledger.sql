WITH tags AS (
  SELECT person_key, STRING_AGG(tag, ';' ORDER BY tag) AS tags FROM person.person_tag GROUP BY person_key
),
visits AS (
  SELECT household_key, MAX(visited_at) AS last_visited_at FROM person.visit WHERE household_key IS NOT NULL GROUP BY household_key
)
SELECT
  h.record_key,
  h.household_key,
  h.person_key,
  h.name,
  h.sex,
  h.birth_date,
  DATE_DIFF('year', h.birth_date, c.as_of_date)
  - CASE
    WHEN EXTRACT(MONTH FROM h.birth_date) * 100 + EXTRACT(DAY FROM h.birth_date)
      > EXTRACT(MONTH FROM c.as_of_date) * 100 + EXTRACT(DAY FROM c.as_of_date) THEN 1
    ELSE 0
  END AS age,
  h.kinship,
  h.phone,
  h.residence_kind,
  h.tenure,
  h.moved_in,
  h.employer,
  t.tags,
  a.path AS address_path,
  l.address_key,
  l.community_key,
  l.community,
  h.checked_on,
  v.last_visited_at,
  h.delivery,
  h.source_row
FROM restricted.household AS h
CROSS JOIN run.clock AS c
LEFT JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = h.record_key
LEFT JOIN place.address AS a ON a.address_key = l.address_key
LEFT JOIN tags AS t ON t.person_key = h.person_key
LEFT JOIN visits AS v ON v.household_key = h.household_key
ORDER BY h.record_key
