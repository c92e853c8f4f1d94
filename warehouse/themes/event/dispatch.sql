WITH nodes AS (
  SELECT
    event_id, status, is_return, is_legal, is_gap, is_reported, previous_status, department_delivered,
    LAG(department_delivered) OVER (PARTITION BY event_id ORDER BY node_no) AS former_department
  FROM event.event_node
  WHERE NOT is_reported
),
passed AS (
  SELECT
    event_id,
    COUNT(*) FILTER (WHERE status = 'dispatched' AND status IS DISTINCT FROM previous_status) AS dispatches,
    COUNT(*) FILTER (WHERE is_return) AS returns,
    COUNT(*) FILTER (WHERE department_delivered <> former_department) AS reassignments,
    COUNT(*) FILTER (WHERE NOT is_legal) AS illegal_steps,
    COUNT(*) FILTER (WHERE is_gap) AS gaps
  FROM nodes
  GROUP BY event_id
  HAVING COUNT(*) FILTER (WHERE status <> 'received') > 0
)
SELECT
  e.event_id,
  e.feed,
  e.reported_at,
  e.dispatched_at,
  DATE_DIFF('second', e.reported_at, e.dispatched_at) // 60 AS minutes_to_dispatch,
  p.dispatches,
  p.returns,
  p.reassignments,
  e.department_code,
  e.responsible_code,
  e.department_code = e.responsible_code AS as_responsible,
  p.illegal_steps,
  p.gaps
FROM passed AS p JOIN event.event AS e ON e.event_id = p.event_id
ORDER BY e.event_id
