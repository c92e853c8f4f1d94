SELECT
  v.visit_no,
  v.visited_at,
  v.worker_key,
  v.household_key,
  h.household_key IS NOT NULL AS is_registered,
  v.scenario,
  v.result,
  v.note_redacted,
  l.address_key,
  l.address_level,
  l.link_outcome,
  l.community_key,
  l.district,
  l.street,
  l.community,
  v.record_key,
  v.delivery,
  v.source_row
FROM latest.visit AS v
LEFT JOIN person.household AS h ON h.household_key = v.household_key
LEFT JOIN place.location_link AS l ON l.feed = 'visit' AND l.record_key = v.record_key
ORDER BY v.visit_no
