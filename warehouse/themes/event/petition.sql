SELECT
  'petition:' || t.record_key AS event_id,
  t.petition_no,
  t.form,
  t.received_at AS reported_at,
  c.category_key,
  c.category_1,
  c.category_2,
  c.category_3,
  CASE WHEN c.method = 'map' THEN c.delivered_key END AS category_delivered,
  t.people,
  t.department AS department_delivered,
  t.status,
  t.status_time,
  t.petitioner_key,
  t.title_redacted,
  t.body_redacted,
  l.address_key,
  l.address_level,
  l.link_outcome,
  l.building_key,
  l.street_key,
  l.community_key,
  l.district,
  l.street,
  l.community,
  t.record_key,
  t.key_is_weak,
  t.delivery,
  t.delivery_date,
  t.source_row
FROM latest.petition AS t
LEFT JOIN place.location_link AS l ON l.feed = 'petition' AND l.record_key = t.record_key
LEFT JOIN organization.category_crosswalk AS c
  ON c.delivered_key = CASE WHEN t.category_2 IS NULL THEN t.category_1 WHEN t.category_1 IS NOT NULL THEN CONCAT_WS('>', t.category_1, t.category_2, t.category_3) END
ORDER BY event_id
