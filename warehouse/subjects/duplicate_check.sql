SELECT
  c.event_id,
  e.feed,
  e.channel,
  e.number,
  e.reported_at,
  c.kind,
  c.matter_id,
  c.sequence,
  c.reports,
  c.matched_event_id,
  m.feed AS matched_feed,
  m.number AS matched_number,
  m.reported_at AS matched_reported_at,
  m.department_code AS matched_department_code,
  d.name AS matched_department,
  m.status AS matched_status,
  m.is_done AS matched_is_done,
  COALESCE(m.handled_at < e.reported_at, FALSE) AS is_after_handled,
  c.score,
  c.weakest_score,
  c.place,
  c.text_similarity,
  c.category,
  c.hours_between,
  c.is_same_caller,
  c.is_same_text,
  e.category_key,
  e.department_code,
  e.community_key,
  e.street,
  e.community
FROM event.event_cluster AS c
JOIN event.event AS e ON e.event_id = c.event_id
JOIN event.event AS m ON m.event_id = c.matched_event_id
LEFT JOIN organization.department AS d ON d.department_code = m.department_code
WHERE c.kind <> 'first'
ORDER BY c.event_id
