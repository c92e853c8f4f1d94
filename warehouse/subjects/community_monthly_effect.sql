WITH answers AS (
  SELECT event_id, COUNT(*) AS answers, COUNT(*) FILTER (WHERE is_satisfied) AS satisfied
  FROM sentiment.satisfaction
  WHERE event_id IS NOT NULL AND score IS NOT NULL
  GROUP BY event_id
),
matters AS (
  SELECT
    e.community_key,
    CAST(DATE_TRUNC('month', e.reported_on) AS DATE) AS month,
    e.feed <> 'hazard' AS is_issue,
    DATE_DIFF('second', e.reported_at, e.first_response_at) AS response_seconds,
    DATE_DIFF('second', e.reported_at, e.handled_at) AS handling_seconds,
    e.is_done,
    a.answers,
    a.satisfied
  FROM event.event AS e LEFT JOIN answers AS a ON a.event_id = e.event_id
  WHERE e.community_key IS NOT NULL AND e.feed IN ('ticket', 'petition', 'grid_event', 'hazard')
),
counted AS (
  SELECT
    community_key,
    month,
    COUNT(*) FILTER (WHERE is_issue) AS issues,
    COUNT(*) FILTER (WHERE NOT is_issue) AS hazards,
    COUNT(response_seconds) FILTER (WHERE is_issue) AS responded,
    SUM(response_seconds) FILTER (WHERE is_issue) AS response_seconds,
    COUNT(*) FILTER (WHERE is_issue AND is_done) AS handled,
    COUNT(handling_seconds) FILTER (WHERE is_issue) AS timed,
    SUM(handling_seconds) FILTER (WHERE is_issue) AS handling_seconds,
    SUM(answers) AS answers,
    SUM(satisfied) AS satisfied
  FROM matters
  GROUP BY community_key, month
)
SELECT
  n.community_key,
  n.month,
  c.district,
  c.street,
  c.name AS community,
  n.issues,
  n.hazards,
  n.responded,
  CAST(ROUND(n.response_seconds / NULLIF(n.responded * 86400, 0), 2) AS DECIMAL(10, 2)) AS mean_response_days,
  n.handled,
  CAST(ROUND(n.handled * 100 / NULLIF(n.issues, 0), 1) AS DECIMAL(5, 1)) AS handled_pct,
  CAST(ROUND(n.handling_seconds / NULLIF(n.timed * 86400, 0), 2) AS DECIMAL(10, 2)) AS mean_handling_days,
  CAST(COALESCE(n.answers, 0) AS BIGINT) AS answers,
  CAST(COALESCE(n.satisfied, 0) AS BIGINT) AS satisfied,
  CAST(ROUND(n.satisfied * 100 / NULLIF(n.answers, 0), 1) AS DECIMAL(5, 1)) AS satisfaction_pct
FROM counted AS n LEFT JOIN place.community AS c ON c.community_key = n.community_key
ORDER BY n.community_key, n.month
