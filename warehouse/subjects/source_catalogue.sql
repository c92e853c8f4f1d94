-- A file belongs to the sources of its feed whose file pattern fits; the freshness and quality of a source are those of its files.
WITH files AS (
  SELECT
    s.source_code, d.delivery, d.day, d.status, d.rows_read, d.rows_accepted, d.rows_refused,
    ROW_NUMBER() OVER (PARTITION BY s.source_code, d.delivery ORDER BY d.version DESC) AS place
  FROM district.source AS s
  CROSS JOIN run.clock AS c
  JOIN ledger.deliveries AS d ON d.feed = s.feed AND (s.files IS NULL OR d.file LIKE s.files) AND d.day <= c.as_of_date
),
delivered AS (
  SELECT
    source_code, COUNT(*) AS deliveries, MAX(day) AS last_delivery, COUNT(*) FILTER (WHERE status = 'unreadable') AS unreadable,
    SUM(rows_read) AS rows_read, SUM(rows_accepted) AS rows_accepted, SUM(rows_refused) AS rows_refused
  FROM files
  WHERE place = 1
  GROUP BY source_code
)
SELECT
  s.source_code,
  s.title,
  s.title_zh,
  s.unit AS steward,
  s.library,
  s.topic,
  s.feed,
  s.files,
  s.cycle_days,
  COALESCE(d.deliveries, 0) AS deliveries,
  d.last_delivery,
  CAST(DATE_DIFF('day', d.last_delivery, c.as_of_date) AS BIGINT) AS age_days,
  CASE
    WHEN d.last_delivery IS NULL THEN 'none'
    WHEN s.cycle_days IS NULL THEN 'no_cycle'
    WHEN DATE_DIFF('day', d.last_delivery, c.as_of_date) <= s.cycle_days THEN 'fresh'
    ELSE 'stale'
  END AS freshness,
  CAST(COALESCE(d.rows_read, 0) AS BIGINT) AS rows_read,
  CAST(COALESCE(d.rows_accepted, 0) AS BIGINT) AS rows_accepted,
  CAST(ROUND(d.rows_accepted * 100 / NULLIF(d.rows_read, 0), 2) AS DECIMAL(5, 2)) AS accepted_pct,
  COALESCE(d.unreadable, 0) AS unreadable,
  COALESCE(s.synthetic, FALSE) AS synthetic
FROM district.source AS s
CROSS JOIN run.clock AS c
LEFT JOIN delivered AS d ON d.source_code = s.source_code
ORDER BY s.source_code
