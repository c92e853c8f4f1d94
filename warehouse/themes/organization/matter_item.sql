-- The deadline shown is that of a complaint on the plain way; event.deadline has the one of each matter.
WITH leaves AS (
  SELECT
    CONCAT_WS('>', category_1, category_2, category_3) AS category_key, category_1, category_2, category_3, code, domain, grade, synthetic
  FROM district.category
),
departments AS (
  SELECT
    l.category_key, r.department_code, r.valid_from,
    ROW_NUMBER() OVER (PARTITION BY l.category_key ORDER BY r.specificity DESC, r.valid_from DESC, r.department_code) AS place
  FROM leaves AS l
  JOIN organization.responsibility AS r
    ON r.is_current
    AND r.street = '*'
    AND r.category_1 = l.category_1
    AND (r.category_2 = '*' OR r.category_2 = l.category_2)
    AND (r.category_3 = '*' OR r.category_3 = l.category_3)
),
deadlines AS (
  SELECT
    l.category_key, d.amount, d.unit,
    ROW_NUMBER() OVER (
      PARTITION BY l.category_key
      ORDER BY
        CASE WHEN d.category_2 <> '*' THEN 0 ELSE 1 END, CASE WHEN d.category_1 <> '*' THEN 0 ELSE 1 END,
        CASE WHEN d.kind <> '*' THEN 0 ELSE 1 END, CASE WHEN d.flow <> '*' THEN 0 ELSE 1 END
    ) AS place
  FROM leaves AS l
  JOIN district.deadline AS d
    ON d.kind IN ('complaint', '*')
    AND d.flow IN ('general', '*')
    AND d.category_1 IN (l.category_1, '*')
    AND d.category_2 IN (l.category_2, '*')
),
matters AS (
  SELECT category_key, COUNT(*) AS events, COUNT(DISTINCT feed) AS feeds, MAX(reported_at) AS last_reported_at
  FROM event.event
  WHERE category_key IS NOT NULL
  GROUP BY category_key
)
SELECT
  l.category_key,
  l.code,
  l.category_1,
  l.category_2,
  l.category_3,
  l.domain,
  l.grade,
  r.department_code,
  n.name AS department,
  r.valid_from AS responsible_since,
  d.amount AS deadline_amount,
  d.unit AS deadline_unit,
  COALESCE(m.feeds, 0) AS feeds,
  COALESCE(m.events, 0) AS events,
  m.last_reported_at,
  COALESCE(l.synthetic, FALSE) AS synthetic
FROM leaves AS l
LEFT JOIN departments AS r ON r.category_key = l.category_key AND r.place = 1
LEFT JOIN organization.department AS n ON n.department_code = r.department_code
LEFT JOIN deadlines AS d ON d.category_key = l.category_key AND d.place = 1
LEFT JOIN matters AS m ON m.category_key = l.category_key
ORDER BY l.category_key
