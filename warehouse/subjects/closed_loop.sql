-- File, dispatch, check, close: each matter's first entry into each station. A call-back that reached the caller is a check as well.
WITH stations AS (
  SELECT
    event_id,
    MIN(CASE WHEN status = 'received' THEN entered_at END) AS filed_at,
    MIN(CASE WHEN status = 'dispatched' THEN entered_at END) AS dispatched_at,
    MIN(CASE WHEN status = 'handled' THEN entered_at END) AS handled_at,
    MIN(CASE WHEN status = 'checked' THEN entered_at END) AS checked_at,
    MIN(CASE WHEN status = 'closed' THEN entered_at END) AS closed_at,
    COUNT(*) FILTER (WHERE NOT is_legal) AS illegal_steps,
    COUNT(*) AS nodes
  FROM event.event_node
  GROUP BY event_id
),
calls AS (
  SELECT event_id, MIN(called_at) AS called_at, COUNT(*) FILTER (WHERE is_solved) AS solved
  FROM sentiment.satisfaction
  WHERE event_id IS NOT NULL AND (score IS NOT NULL OR is_solved IS NOT NULL)
  GROUP BY event_id
),
ways AS (
  SELECT
    e.event_id, e.feed, e.flow, e.category_key, e.department_code, e.community_key, e.status, e.is_done, e.returns,
    COALESCE(s.filed_at, e.reported_at) AS filed_at, s.dispatched_at, s.handled_at, COALESCE(s.checked_at, c.called_at) AS checked_at,
    s.closed_at, COALESCE(s.illegal_steps, 0) AS illegal_steps, COALESCE(s.nodes, 0) AS nodes
  FROM event.event AS e
  JOIN stations AS s ON s.event_id = e.event_id
  LEFT JOIN calls AS c ON c.event_id = e.event_id
  WHERE e.status IS NOT NULL
)
SELECT
  event_id,
  feed,
  flow,
  category_key,
  department_code,
  community_key,
  filed_at,
  dispatched_at,
  handled_at,
  checked_at,
  closed_at,
  CASE
    WHEN closed_at IS NOT NULL THEN 'closed'
    WHEN checked_at IS NOT NULL AND is_done THEN 'checked'
    WHEN is_done THEN 'handled'
    WHEN dispatched_at IS NOT NULL THEN 'dispatched'
    ELSE 'filed'
  END AS station,
  closed_at IS NOT NULL AND checked_at IS NOT NULL AND handled_at IS NOT NULL AS is_whole,
  COALESCE(dispatched_at >= filed_at, TRUE)
  AND COALESCE(handled_at >= COALESCE(dispatched_at, filed_at), TRUE)
  AND COALESCE(closed_at >= COALESCE(handled_at, dispatched_at, filed_at), TRUE) AS is_in_order,
  returns,
  illegal_steps,
  nodes,
  DATE_DIFF('second', filed_at, closed_at) // 60 AS minutes_to_close
FROM ways
ORDER BY event_id
