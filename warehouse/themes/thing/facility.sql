SELECT
  'facility:' || f.facility_no AS thing_key,
  f.facility_no,
  f.kind,
  f.owner,
  f.state,
  f.installed_on,
  f.lng,
  f.lat,
  l.address_key,
  l.address_level,
  l.link_outcome,
  l.building_key,
  l.community_key,
  l.district,
  l.street,
  l.community,
  f.record_key,
  f.delivery,
  f.source_row
FROM latest.facility AS f LEFT JOIN place.location_link AS l ON l.feed = 'facility' AND l.record_key = f.record_key
ORDER BY thing_key
