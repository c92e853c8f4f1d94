WITH counted AS (
  SELECT
    CAST(DATE_TRUNC('month', reported_at) AS DATE) AS month,
    COALESCE(community_key, '-') AS community_key,
    COALESCE(category_key, '-') AS category_key,
    COALESCE(kind, '-') AS kind,
    COUNT(*) AS reports,
    COUNT(DISTINCT reporter_key) AS reporters
  FROM event.event
  WHERE feed IN ('ticket', 'petition')
  GROUP BY CAST(DATE_TRUNC('month', reported_at) AS DATE), COALESCE(community_key, '-'), COALESCE(category_key, '-'), COALESCE(kind, '-')
)
SELECT
  n.month,
  n.community_key,
  n.category_key,
  n.kind,
  c.category_1,
  c.domain,
  n.reports,
  n.reporters,
  COALESCE(p.reports, 0) AS previous_reports
FROM counted AS n
LEFT JOIN counted AS p
  ON p.month = CAST(n.month - INTERVAL 1 MONTH AS DATE)
  AND p.community_key = n.community_key
  AND p.category_key = n.category_key
  AND p.kind = n.kind
LEFT JOIN organization.category AS c ON c.category_key = n.category_key
ORDER BY n.month, n.community_key, n.category_key, n.kind
