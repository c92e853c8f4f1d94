-- Versions that change status, status time or department become nodes. The report is a node of its own where no version says
-- "received"; matters whose feed delivers no status have that node alone and are kept out of the windows, which would only cost time.
WITH versions AS (
  SELECT
    'ticket' AS feed, record_key, created_at AS reported_at, status, status_time, department, flow, delivery, delivery_date, source_row
  FROM clean.ticket
  WHERE status IS NOT NULL
  UNION ALL
  SELECT
    'petition' AS feed, record_key, received_at AS reported_at, status, status_time, department, 'petition' AS flow, delivery, delivery_date, source_row
  FROM clean.petition
  WHERE status IS NOT NULL
  UNION ALL
  SELECT
    'grid_event' AS feed, record_key, found_at AS reported_at, status, status_time, department, 'grid_event' AS flow, delivery, delivery_date, source_row
  FROM clean.grid_event
  WHERE status IS NOT NULL
  UNION ALL
  SELECT
    'hazard' AS feed, record_key, found_at AS reported_at, status, status_time, department, 'hazard' AS flow, delivery, delivery_date, source_row
  FROM clean.hazard
  WHERE status IS NOT NULL
),
ordered AS (
  SELECT
    feed, record_key, reported_at, status, status_time, department, flow, delivery, delivery_date, source_row,
    LAG(status) OVER (PARTITION BY feed, record_key ORDER BY status_time NULLS FIRST, delivery_date, delivery, source_row) AS former_status,
    LAG(status_time) OVER (PARTITION BY feed, record_key ORDER BY status_time NULLS FIRST, delivery_date, delivery, source_row) AS former_time,
    LAG(department) OVER (PARTITION BY feed, record_key ORDER BY status_time NULLS FIRST, delivery_date, delivery, source_row) AS former_department
  FROM versions
),
changes AS (
  SELECT feed, record_key, reported_at, status, status_time, department, flow, delivery, delivery_date, source_row
  FROM ordered
  WHERE
    former_status IS NULL
    OR status <> former_status
    OR status_time IS DISTINCT FROM former_time
    OR department IS DISTINCT FROM former_department
),
reports AS (
  SELECT
    feed, record_key, MIN(reported_at) AS reported_at, MIN(flow) AS flow, MIN(delivery_date) AS delivery_date, MIN(delivery) AS delivery
  FROM changes
  GROUP BY feed, record_key
  HAVING COUNT(*) FILTER (WHERE status = 'received') = 0
),
steps AS (
  SELECT
    feed, record_key, status, COALESCE(status_time, CASE WHEN status = 'received' THEN reported_at END) AS entered_at, department, flow,
    FALSE AS is_reported, delivery, delivery_date, source_row
  FROM changes
  UNION ALL
  SELECT
    c.feed, c.record_key, 'received' AS status, r.reported_at AS entered_at, NULL AS department, r.flow, TRUE AS is_reported, c.delivery,
    c.delivery_date, MIN(c.source_row) AS source_row
  FROM reports AS r
  JOIN changes AS c ON c.feed = r.feed AND c.record_key = r.record_key AND c.delivery_date = r.delivery_date AND c.delivery = r.delivery
  GROUP BY c.feed, c.record_key, r.reported_at, r.flow, c.delivery, c.delivery_date
),
numbered AS (
  SELECT
    feed, record_key, status, entered_at, department, flow, is_reported, delivery, delivery_date, source_row,
    ROW_NUMBER() OVER (
      PARTITION BY feed, record_key ORDER BY is_reported DESC, entered_at NULLS FIRST, delivery_date, delivery, source_row
    ) AS node_no,
    LAG(status) OVER (
      PARTITION BY feed, record_key ORDER BY is_reported DESC, entered_at NULLS FIRST, delivery_date, delivery, source_row
    ) AS previous_status,
    LEAD(entered_at) OVER (
      PARTITION BY feed, record_key ORDER BY is_reported DESC, entered_at NULLS FIRST, delivery_date, delivery, source_row
    ) AS left_at
  FROM steps
),
flows AS (
  SELECT DISTINCT flow FROM district.flow
),
-- Steps that would be legal with one node between them: the version that said so may have been refused or never delivered.
with_one_between AS (
  SELECT DISTINCT a.flow, a.from_status, b.to_status
  FROM district.flow AS a JOIN district.flow AS b ON b.flow = a.flow AND b.from_status = a.to_status
),
judged AS (
  SELECT
    n.feed || ':' || n.record_key AS event_id, n.node_no, n.feed, n.status, n.entered_at, n.left_at, n.previous_status, n.department, n.flow,
    CASE WHEN f.flow IS NOT NULL THEN s.flow IS NOT NULL OR n.status = n.previous_status END AS is_legal,
    f.flow IS NOT NULL AND s.flow IS NULL AND n.status IS DISTINCT FROM n.previous_status AND g.flow IS NOT NULL AS is_gap,
    n.status = 'returned' AND n.status IS DISTINCT FROM n.previous_status AS is_return,
    n.is_reported, n.delivery, n.delivery_date, n.source_row
  FROM numbered AS n
  LEFT JOIN flows AS f ON f.flow = n.flow
  LEFT JOIN district.flow AS s ON s.flow = n.flow AND s.from_status = COALESCE(n.previous_status, 'start') AND s.to_status = n.status
  LEFT JOIN with_one_between AS g
    ON g.flow = n.flow AND g.from_status = COALESCE(n.previous_status, 'start') AND g.to_status = n.status
),
without_status AS (
  SELECT event_id, 'ticket' AS feed, record_key, reported_at, flow, delivery, delivery_date, source_row FROM event.ticket WHERE status IS NULL
  UNION ALL
  SELECT event_id, 'petition' AS feed, record_key, reported_at, 'petition' AS flow, delivery, delivery_date, source_row
  FROM event.petition
  WHERE status IS NULL
  UNION ALL
  SELECT event_id, 'grid_event' AS feed, record_key, reported_at, 'grid_event' AS flow, delivery, delivery_date, source_row
  FROM event.grid_event
  WHERE status IS NULL
  UNION ALL
  SELECT event_id, 'hazard' AS feed, record_key, reported_at, 'hazard' AS flow, delivery, delivery_date, source_row
  FROM event.hazard
  WHERE status IS NULL
),
nodes AS (
  SELECT
    event_id, node_no, feed, status, entered_at, left_at, previous_status, department, flow, is_legal, is_gap, is_return, is_reported, delivery,
    delivery_date, source_row
  FROM judged
  UNION ALL
  SELECT
    w.event_id, 1 AS node_no, w.feed, 'received' AS status, w.reported_at AS entered_at, NULL AS left_at, NULL AS previous_status,
    NULL AS department, w.flow, NULL AS is_legal, FALSE AS is_gap, FALSE AS is_return, TRUE AS is_reported, w.delivery, w.delivery_date, w.source_row
  FROM without_status AS w LEFT JOIN judged AS j ON j.event_id = w.event_id AND j.node_no = 1
  WHERE j.event_id IS NULL
)
SELECT
  event_id,
  node_no,
  feed,
  status,
  entered_at,
  left_at,
  DATE_DIFF('second', entered_at, left_at) // 60 AS minutes,
  previous_status,
  department AS department_delivered,
  flow,
  is_legal,
  is_gap,
  is_return,
  is_reported,
  delivery,
  delivery_date,
  source_row
FROM nodes
ORDER BY event_id, node_no
