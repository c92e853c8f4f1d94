WITH alerts AS (
  SELECT
    alert_id,
    rule,
    kind,
    severity,
    object_kind,
    object_key,
    raised_on,
    MAX(measured) AS measured,
    amount,
    days,
    COUNT(*) AS evidence,
    MIN(reported_at) AS first_reported_at,
    MAX(reported_at) AS last_reported_at,
    MIN(event_id) AS first_event_id,
    CASE WHEN COUNT(DISTINCT community_key) = 1 THEN MIN(community_key) END AS community_key,
    CASE WHEN COUNT(DISTINCT category_key) = 1 THEN MIN(category_key) END AS category_key,
    CASE WHEN COUNT(DISTINCT department_code) = 1 THEN MIN(department_code) END AS department_code
  FROM event.alert
  GROUP BY alert_id, rule, kind, severity, object_kind, object_key, raised_on, amount, days
)
SELECT
  a.alert_id,
  a.rule,
  r.title_zh AS rule_zh,
  a.kind,
  a.severity,
  a.object_kind,
  a.object_key,
  a.raised_on,
  a.raised_on = k.as_of_date AS is_new,
  a.measured,
  a.amount,
  a.days,
  a.evidence,
  a.first_reported_at,
  a.last_reported_at,
  a.first_event_id,
  a.community_key,
  c.name AS community,
  a.category_key,
  a.department_code
FROM alerts AS a
CROSS JOIN run.clock AS k
LEFT JOIN district.alert_rule AS r ON r.rule = a.rule
LEFT JOIN place.community AS c ON c.community_key = a.community_key
ORDER BY a.alert_id
