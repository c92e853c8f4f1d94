-- The first word of a rule's name says what it counts by: community_…, category_…, place_…, department_…, caller_…, matter_… (one category
-- at one place); any other name counts by community and category. device_high and device_low look at one threshold alone.
-- An alert lasts as long as its rule holds for the object day after day: raised_on is the first of these days and part of the alert's id, so
-- that a run on the next day finds the same alert, and what stands out again after it had stopped is a new one. A year is looked back.
WITH rules AS (
  SELECT
    rule, kind, word, amount, COALESCE(days, 7) AS days, severity,
    CASE
      WHEN kind IN ('overdue', 'word') THEN 'event'
      WHEN kind = 'device' THEN 'device'
      WHEN rule LIKE 'community\_%' ESCAPE '\' THEN 'community'
      WHEN rule LIKE 'category\_%' ESCAPE '\' THEN 'category'
      WHEN rule LIKE 'place\_%' ESCAPE '\' THEN 'place'
      WHEN rule LIKE 'department\_%' ESCAPE '\' THEN 'department'
      WHEN rule LIKE 'matter\_%' ESCAPE '\' THEN 'matter'
      WHEN rule LIKE 'caller\_%' ESCAPE '\' OR kind = 'repeat' THEN 'caller'
      ELSE 'community_category'
    END AS object_kind
  FROM district.alert_rule
),
reports AS (
  SELECT
    e.event_id, e.feed, e.reported_at, e.reported_on, e.community_key, e.category_key, e.department_code, e.address_key, e.reporter_key,
    e.device_no, e.title_redacted, e.body_redacted, DATE_DIFF('day', e.reported_on, c.as_of_date) AS days_ago
  FROM event.event AS e CROSS JOIN run.clock AS c
  WHERE e.reported_on <= c.as_of_date AND DATE_DIFF('day', e.reported_on, c.as_of_date) < 366 + 2 * (SELECT COALESCE(MAX(days), 0) FROM rules)
),
counted AS (
  SELECT
    r.rule, r.kind, r.amount, r.days, r.severity, r.object_kind,
    CASE r.object_kind
      WHEN 'community' THEN e.community_key
      WHEN 'category' THEN e.category_key
      WHEN 'place' THEN e.address_key
      WHEN 'department' THEN e.department_code
      WHEN 'caller' THEN e.reporter_key || '|' || COALESCE(e.category_key, '-')
      WHEN 'matter' THEN e.address_key || '|' || e.category_key
      ELSE e.community_key || '|' || e.category_key
    END AS object_key,
    e.event_id, e.reported_at, e.reported_on, e.community_key, e.category_key, e.department_code, e.days_ago, 1 AS measured
  FROM rules AS r JOIN reports AS e ON e.feed IN ('ticket', 'petition', 'grid_event')
  WHERE r.kind IN ('threshold', 'rise', 'repeat') AND (r.object_kind <> 'caller' OR e.feed <> 'grid_event')
  UNION ALL
  SELECT
    r.rule, r.kind, r.amount, r.days, r.severity, r.object_kind, e.device_no AS object_key, e.event_id, e.reported_at, e.reported_on,
    e.community_key, e.category_key, e.department_code, e.days_ago, d.breaches AS measured
  FROM rules AS r
  JOIN reports AS e ON e.feed = 'device_reading'
  JOIN thing.device_day AS d ON d.device_no = e.device_no AND d.day = e.reported_on
  JOIN thing.device AS v ON v.device_no = e.device_no
  WHERE
    r.kind = 'device'
    AND d.breaches >= COALESCE(r.amount, 1)
    AND (r.rule <> 'device_high' OR d.highest > v.threshold_high)
    AND (r.rule <> 'device_low' OR d.lowest < v.threshold_low)
),
totals AS (
  SELECT
    rule, object_key, kind, amount, days, COUNT(*) FILTER (WHERE days_ago < days) AS now_count,
    COUNT(*) FILTER (WHERE days_ago >= days) AS former_count
  FROM counted
  WHERE object_key IS NOT NULL AND days_ago < 2 * days
  GROUP BY rule, object_key, kind, amount, days
),
-- A rise needs five reports: below that, one more report doubles a count.
raised AS (
  SELECT
    rule, object_key, kind, amount, days,
    CASE WHEN kind = 'rise' THEN ROUND(now_count / former_count, 3) WHEN kind <> 'device' THEN now_count END AS measured
  FROM totals
  WHERE
    (kind IN ('threshold', 'repeat') AND now_count >= COALESCE(amount, 1))
    OR (kind = 'rise' AND former_count > 0 AND now_count >= 5 AND now_count >= amount * former_count)
    OR (kind = 'device' AND now_count > 0)
),
-- For each object that sets a rule off: how many reports it had had by the end of each day, and on which days the rule held.
daily AS (
  SELECT c.rule, c.object_key, c.reported_on, COUNT(*) AS reports
  FROM counted AS c JOIN raised AS r ON r.rule = c.rule AND r.object_key = c.object_key
  GROUP BY c.rule, c.object_key, c.reported_on
),
days AS (
  SELECT w.day, DATE_DIFF('day', w.day, c.as_of_date) AS days_ago
  FROM event.work_day AS w CROSS JOIN run.clock AS c
  WHERE w.day <= c.as_of_date AND DATE_DIFF('day', w.day, c.as_of_date) < 366 + 2 * (SELECT COALESCE(MAX(days), 0) FROM rules)
),
running AS (
  SELECT
    r.rule, r.object_key, r.kind, r.amount, r.days, d.day, d.days_ago,
    SUM(COALESCE(n.reports, 0)) OVER (
      PARTITION BY r.rule, r.object_key ORDER BY d.day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS so_far
  FROM raised AS r
  CROSS JOIN days AS d
  LEFT JOIN daily AS n ON n.rule = r.rule AND n.object_key = r.object_key AND n.reported_on = d.day
),
windows AS (
  SELECT
    d.rule, d.object_key, d.kind, d.amount, d.day, d.days_ago, d.so_far - COALESCE(p.so_far, 0) AS now_count,
    COALESCE(p.so_far, 0) - COALESCE(q.so_far, 0) AS former_count
  FROM running AS d
  LEFT JOIN running AS p ON p.rule = d.rule AND p.object_key = d.object_key AND p.days_ago = d.days_ago + d.days
  LEFT JOIN running AS q ON q.rule = d.rule AND q.object_key = d.object_key AND q.days_ago = d.days_ago + 2 * d.days
  WHERE d.days_ago < 366
),
lapsed AS (
  SELECT rule, object_key, MIN(days_ago) AS days_ago
  FROM windows
  WHERE NOT (
    (kind IN ('threshold', 'repeat') AND now_count >= COALESCE(amount, 1))
    OR (kind = 'rise' AND former_count > 0 AND now_count >= 5 AND now_count >= amount * former_count)
    OR (kind = 'device' AND now_count > 0)
  )
  GROUP BY rule, object_key
),
since AS (
  SELECT w.rule, w.object_key, MIN(w.day) AS raised_on
  FROM windows AS w LEFT JOIN lapsed AS l ON l.rule = w.rule AND l.object_key = w.object_key
  WHERE l.days_ago IS NULL OR w.days_ago < l.days_ago
  GROUP BY w.rule, w.object_key
),
overdue AS (
  SELECT event_id, state, due_at, GREATEST(minutes_over, 0) AS minutes_over FROM event.deadline WHERE state IN ('overdue', 'due_soon')
),
hits AS (
  SELECT
    c.rule, c.kind, c.object_kind, c.object_key, c.object_key || '|' || CAST(s.raised_on AS VARCHAR) AS object_id, s.raised_on,
    COALESCE(t.measured, c.measured) AS measured, c.amount, c.days, c.severity, c.event_id, c.community_key, c.category_key, c.department_code,
    c.reported_at
  FROM counted AS c
  JOIN raised AS t ON t.rule = c.rule AND t.object_key = c.object_key
  JOIN since AS s ON s.rule = c.rule AND s.object_key = c.object_key
  WHERE c.days_ago < c.days
  UNION ALL
  -- Amount 0 asks for matters that are due soon, any other for matters overdue by so many days.
  SELECT
    r.rule, r.kind, r.object_kind, e.event_id AS object_key, e.event_id AS object_id,
    CASE
      WHEN o.state = 'due_soon' THEN CAST(o.due_at - INTERVAL 1 DAY AS DATE)
      ELSE CAST(CAST(o.due_at AS DATE) + CAST(FLOOR(r.amount) AS INTEGER) * INTERVAL 1 DAY AS DATE)
    END AS raised_on,
    o.minutes_over / 1440 AS measured, r.amount, r.days, r.severity, e.event_id, e.community_key, e.category_key, e.department_code, e.reported_at
  FROM rules AS r
  JOIN overdue AS o ON (o.state = 'due_soon' AND r.amount = 0) OR (o.state = 'overdue' AND r.amount > 0 AND o.minutes_over >= r.amount * 1440)
  JOIN event.event AS e ON e.event_id = o.event_id
  WHERE r.kind = 'overdue'
  UNION ALL
  SELECT
    r.rule, r.kind, r.object_kind, e.event_id AS object_key, e.event_id AS object_id, e.reported_on AS raised_on, 1 AS measured, r.amount, r.days,
    r.severity, e.event_id, e.community_key, e.category_key, e.department_code, e.reported_at
  FROM rules AS r
  JOIN reports AS e ON e.days_ago < r.days AND (CONTAINS(e.title_redacted, r.word) OR CONTAINS(e.body_redacted, r.word))
  WHERE r.kind = 'word'
)
SELECT
  rule || '|' || object_id AS alert_id,
  event_id,
  rule,
  kind,
  object_kind,
  object_key,
  raised_on,
  CAST(measured AS DECIMAL(12, 3)) AS measured,
  amount,
  days,
  severity,
  community_key,
  category_key,
  department_code,
  reported_at
FROM hits
ORDER BY alert_id, event_id
