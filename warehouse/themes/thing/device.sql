WITH last_readings AS (
  SELECT device_no, MAX(read_at) AS read_at FROM latest.device_reading GROUP BY device_no
),
last_values AS (
  SELECT r.device_no, r.read_at, MAX(r.value) AS value
  FROM latest.device_reading AS r JOIN last_readings AS l ON l.device_no = r.device_no AND l.read_at = r.read_at
  GROUP BY r.device_no, r.read_at
)
SELECT
  'device:' || d.device_no AS thing_key,
  d.device_no,
  d.kind,
  d.measure,
  d.unit,
  d.threshold_low,
  d.threshold_high,
  d.installed_on,
  d.state,
  v.read_at AS last_read_at,
  v.value AS last_value,
  d.lng,
  d.lat,
  l.address_key,
  l.address_level,
  l.link_outcome,
  l.building_key,
  l.street_key,
  l.community_key,
  l.district,
  l.street,
  l.community,
  d.record_key,
  d.delivery,
  d.source_row
FROM latest.device AS d
LEFT JOIN last_values AS v ON v.device_no = d.device_no
LEFT JOIN place.location_link AS l ON l.feed = 'device' AND l.record_key = d.record_key
ORDER BY thing_key
