WITH nodes AS (
  SELECT event_id, COUNT(*) AS nodes FROM event.event_node GROUP BY event_id
),
last_answers AS (
  SELECT event_id, score, is_solved, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY called_at DESC, callback_no DESC) AS place
  FROM sentiment.satisfaction
  WHERE event_id IS NOT NULL AND (score IS NOT NULL OR is_solved IS NOT NULL)
),
answers AS (
  SELECT event_id, COUNT(*) AS answers FROM sentiment.satisfaction WHERE event_id IS NOT NULL AND score IS NOT NULL GROUP BY event_id
)
SELECT
  e.event_id,
  e.feed,
  e.channel,
  e.number,
  g.matter_id,
  g.sequence AS matter_report,
  g.reports AS matter_reports,
  g.kind AS matter_kind,
  e.reported_at,
  e.kind,
  e.category_key,
  e.category_1,
  e.category_2,
  e.category_3,
  c.domain,
  COALESCE(e.grade, c.grade) AS grade,
  e.title_redacted,
  e.body_redacted,
  e.people,
  e.department_code,
  d.name AS department,
  e.department_method,
  e.status,
  e.is_done,
  e.dispatched_at,
  e.first_response_at,
  e.handled_at,
  t.due_at,
  t.state AS deadline_state,
  COALESCE(n.nodes, 0) AS nodes,
  e.returns,
  COALESCE(m.answers, 0) AS answers,
  l.score AS last_score,
  l.is_solved,
  e.address_key,
  e.address_level,
  a.path AS address_path,
  e.link_outcome,
  e.building_key,
  e.community_key,
  e.district,
  e.street,
  e.community,
  e.grid_code,
  e.credit_code,
  e.device_no,
  e.record_key,
  e.delivery,
  e.source_row
FROM event.event AS e
JOIN event.event_cluster AS g ON g.event_id = e.event_id
LEFT JOIN organization.category AS c ON c.category_key = e.category_key
LEFT JOIN organization.department AS d ON d.department_code = e.department_code
LEFT JOIN event.deadline AS t ON t.event_id = e.event_id
LEFT JOIN nodes AS n ON n.event_id = e.event_id
LEFT JOIN answers AS m ON m.event_id = e.event_id
LEFT JOIN last_answers AS l ON l.event_id = e.event_id AND l.place = 1
LEFT JOIN place.address AS a ON a.address_key = e.address_key
ORDER BY e.event_id
