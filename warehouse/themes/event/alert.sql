-- The first word of a rule's name says what it counts by: community_…, category_…, place_…, department_…, caller_…, matter_… (one category
-- at one place); any other name counts by community and category. device_high and device_low look at one threshold alone.
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
  WHERE e.reported_on <= c.as_of_date AND DATE_DIFF('day', e.reported_on, c.as_of_date) < 2 * (SELECT COALESCE(MAX(days), 0) FROM rules)
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
    e.event_id, e.reported_at, e.community_key, e.category_key, e.department_code, e.days_ago < r.days AS is_now
  FROM rules AS r JOIN reports AS e ON e.days_ago < 2 * r.days AND e.feed IN ('ticket', 'petition', 'grid_event')
  WHERE r.kind IN ('threshold', 'rise', 'repeat') AND (r.object_kind <> 'caller' OR e.feed <> 'grid_event')
),
totals AS (
  SELECT
    rule, object_key, kind, amount, COUNT(*) FILTER (WHERE is_now) AS now_count, COUNT(*) FILTER (WHERE NOT is_now) AS former_count
  FROM counted
  WHERE object_key IS NOT NULL
  GROUP BY rule, object_key, kind, amount
),
-- A rise needs five reports: below that, one more report doubles a count.
raised AS (
  SELECT
    rule, object_key,
    CASE WHEN kind = 'rise' THEN ROUND(now_count / former_count, 3) ELSE now_count END AS measured
  FROM totals
  WHERE
    (kind IN ('threshold', 'repeat') AND now_count >= COALESCE(amount, 1))
    OR (kind = 'rise' AND former_count > 0 AND now_count >= 5 AND now_count >= amount * former_count)
),
overdue AS (
  SELECT event_id, state, GREATEST(minutes_over, 0) AS minutes_over FROM event.deadline WHERE state IN ('overdue', 'due_soon')
),
hits AS (
  SELECT
    c.rule, c.kind, c.object_kind, c.object_key, t.measured, c.amount, c.days, c.severity, c.event_id, c.community_key, c.category_key,
    c.department_code, c.reported_at
  FROM counted AS c JOIN raised AS t ON t.rule = c.rule AND t.object_key = c.object_key
  WHERE c.is_now
  UNION ALL
  -- Amount 0 asks for matters that are due soon, any other for matters overdue by so many days.
  SELECT
    r.rule, r.kind, r.object_kind, e.event_id AS object_key, o.minutes_over / 1440 AS measured, r.amount, r.days, r.severity, e.event_id,
    e.community_key, e.category_key, e.department_code, e.reported_at
  FROM rules AS r
  JOIN overdue AS o ON (o.state = 'due_soon' AND r.amount = 0) OR (o.state = 'overdue' AND r.amount > 0 AND o.minutes_over >= r.amount * 1440)
  JOIN event.event AS e ON e.event_id = o.event_id
  WHERE r.kind = 'overdue'
  UNION ALL
  SELECT
    r.rule, r.kind, r.object_kind, e.event_id AS object_key, 1 AS measured, r.amount, r.days, r.severity, e.event_id, e.community_key,
    e.category_key, e.department_code, e.reported_at
  FROM rules AS r
  JOIN reports AS e ON e.days_ago < r.days AND (CONTAINS(e.title_redacted, r.word) OR CONTAINS(e.body_redacted, r.word))
  WHERE r.kind = 'word'
  UNION ALL
  SELECT
    r.rule, r.kind, r.object_kind, e.device_no AS object_key, d.breaches AS measured, r.amount, r.days, r.severity, e.event_id, e.community_key,
    e.category_key, e.department_code, e.reported_at
  FROM rules AS r
  JOIN reports AS e ON e.days_ago < r.days AND e.feed = 'device_reading'
  JOIN thing.device_day AS d ON d.device_no = e.device_no AND d.day = e.reported_on
  JOIN thing.device AS v ON v.device_no = e.device_no
  WHERE
    r.kind = 'device'
    AND d.breaches >= COALESCE(r.amount, 1)
    AND (r.rule <> 'device_high' OR d.highest > v.threshold_high)
    AND (r.rule <> 'device_low' OR d.lowest < v.threshold_low)
)
SELECT
  rule || '|' || object_key AS alert_id,
  event_id,
  rule,
  kind,
  object_kind,
  object_key,
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
