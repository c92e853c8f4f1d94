SELECT
  h.record_key,
  h.person_key,
  h.household_key,
  h.residence_kind,
  h.tenure,
  h.moved_in,
  h.checked_on,
  l.address_key,
  l.address_level,
  l.link_outcome,
  l.building_key,
  l.community_key,
  l.district,
  l.street,
  l.community,
  h.delivery,
  h.source_row
FROM latest.household AS h LEFT JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = h.record_key
ORDER BY h.record_key
