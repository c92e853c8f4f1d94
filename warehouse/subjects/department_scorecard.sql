WITH answers AS (
  SELECT event_id, COUNT(*) AS answers, COUNT(*) FILTER (WHERE is_satisfied) AS satisfied
  FROM sentiment.satisfaction
  WHERE event_id IS NOT NULL AND score IS NOT NULL
  GROUP BY event_id
),
counted AS (
  SELECT
    e.department_code,
    CAST(DATE_TRUNC('month', e.reported_on) AS DATE) AS month,
    COUNT(*) AS events,
    COUNT(*) FILTER (WHERE e.is_done) AS done,
    COUNT(*) FILTER (WHERE t.state = 'on_time') AS on_time,
    COUNT(*) FILTER (WHERE t.state = 'late') AS late,
    COUNT(*) FILTER (WHERE t.state = 'overdue') AS overdue,
    COUNT(e.first_response_at) AS responded,
    SUM(DATE_DIFF('second', e.reported_at, e.first_response_at)) AS response_seconds,
    COUNT(e.handled_at) AS timed,
    SUM(DATE_DIFF('second', e.reported_at, e.handled_at)) AS handling_seconds,
    SUM(e.returns) AS returns,
    SUM(a.answers) AS answers,
    SUM(a.satisfied) AS satisfied
  FROM event.event AS e
  LEFT JOIN event.deadline AS t ON t.event_id = e.event_id
  LEFT JOIN answers AS a ON a.event_id = e.event_id
  WHERE e.department_code IS NOT NULL
  GROUP BY e.department_code, CAST(DATE_TRUNC('month', e.reported_on) AS DATE)
)
SELECT
  n.department_code,
  n.month,
  d.name AS department,
  n.events,
  n.done,
  CAST(ROUND(n.done * 100 / n.events, 1) AS DECIMAL(5, 1)) AS done_pct,
  n.on_time,
  n.late,
  n.overdue,
  CAST(ROUND(n.on_time * 100 / NULLIF(n.on_time + n.late + n.overdue, 0), 1) AS DECIMAL(5, 1)) AS on_time_pct,
  CAST(ROUND(n.response_seconds / NULLIF(n.responded * 86400, 0), 2) AS DECIMAL(10, 2)) AS mean_response_days,
  CAST(ROUND(n.handling_seconds / NULLIF(n.timed * 86400, 0), 2) AS DECIMAL(10, 2)) AS mean_handling_days,
  CAST(n.returns AS BIGINT) AS returns,
  CAST(COALESCE(n.answers, 0) AS BIGINT) AS answers,
  CAST(COALESCE(n.satisfied, 0) AS BIGINT) AS satisfied,
  CAST(ROUND(n.satisfied * 100 / NULLIF(n.answers, 0), 1) AS DECIMAL(5, 1)) AS satisfaction_pct
FROM counted AS n LEFT JOIN organization.department AS d ON d.department_code = n.department_code
ORDER BY n.department_code, n.month
