WITH readings AS (
  SELECT
    r.device_no, CAST(r.read_at AS DATE) AS day, r.read_at, r.value, COALESCE(r.quality = 'bad', FALSE) AS is_bad,
    COALESCE(r.quality, '') <> 'bad'
    AND (COALESCE(r.value < d.threshold_low, FALSE) OR COALESCE(r.value > d.threshold_high, FALSE)) AS is_breach,
    r.record_key, r.delivery, r.delivery_date, r.source_row
  FROM latest.device_reading AS r LEFT JOIN thing.device AS d ON d.device_no = r.device_no
),
days AS (
  SELECT
    device_no,
    day,
    COUNT(*) AS readings,
    COUNT(*) FILTER (WHERE is_bad) AS bad_readings,
    MIN(CASE WHEN NOT is_bad THEN value END) AS lowest,
    MAX(CASE WHEN NOT is_bad THEN value END) AS highest,
    SUM(CASE WHEN NOT is_bad THEN value END) AS total,
    COUNT(*) FILTER (WHERE is_breach) AS breaches
  FROM readings
  GROUP BY device_no, day
),
first_breaches AS (
  SELECT device_no, day, read_at, record_key, delivery, delivery_date, source_row
  FROM readings
  WHERE is_breach
  QUALIFY ROW_NUMBER() OVER (PARTITION BY device_no, day ORDER BY read_at, record_key) = 1
)
SELECT
  d.device_no,
  d.day,
  d.readings,
  d.bad_readings,
  d.lowest,
  d.highest,
  CAST(ROUND(d.total / NULLIF(d.readings - d.bad_readings, 0), 3) AS DECIMAL(15, 3)) AS mean,
  d.breaches,
  b.read_at AS first_breach_at,
  b.record_key AS first_breach_record_key,
  b.delivery AS first_breach_delivery,
  b.delivery_date AS first_breach_delivery_date,
  b.source_row AS first_breach_source_row
FROM days AS d LEFT JOIN first_breaches AS b ON b.device_no = d.device_no AND b.day = d.day
ORDER BY d.device_no, d.day
