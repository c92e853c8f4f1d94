WITH records AS (
  SELECT 'ticket' AS feed, record_key, delivery, source_row FROM latest.ticket
  UNION ALL
  SELECT 'petition' AS feed, record_key, delivery, source_row FROM latest.petition
  UNION ALL
  SELECT 'grid_event' AS feed, record_key, delivery, source_row FROM latest.grid_event
  UNION ALL
  SELECT 'hazard' AS feed, record_key, delivery, source_row FROM latest.hazard
  UNION ALL
  SELECT 'household' AS feed, record_key, delivery, source_row FROM latest.household
  UNION ALL
  SELECT 'enterprise' AS feed, record_key, delivery, source_row FROM latest.enterprise
  UNION ALL
  SELECT 'facility' AS feed, record_key, delivery, source_row FROM latest.facility
  UNION ALL
  SELECT 'device' AS feed, record_key, delivery, source_row FROM latest.device
  UNION ALL
  SELECT 'visit' AS feed, record_key, delivery, source_row FROM latest.visit
)
SELECT
  r.feed,
  r.record_key,
  r.delivery,
  r.source_row,
  l.address_key,
  l.level AS address_level,
  COALESCE(l.outcome, 'no_address') AS link_outcome,
  l.method AS link_method,
  a.building_key,
  a.number_key,
  l.neighbourhood_key,
  l.community_key,
  l.street_key,
  l.district_key,
  l.district,
  l.street,
  l.community,
  CAST(l.score AS DECIMAL(5, 4)) AS score,
  CAST(l.margin AS DECIMAL(5, 4)) AS margin,
  l.reason_code
FROM records AS r
LEFT JOIN addresses.link AS l ON l.feed = r.feed AND l.delivery = r.delivery AND l.source_row = r.source_row
LEFT JOIN place.address AS a ON a.address_key = l.address_key
ORDER BY r.feed, r.record_key
