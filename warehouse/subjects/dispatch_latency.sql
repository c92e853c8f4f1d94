WITH target AS (
  SELECT COALESCE(MAX(dispatch_minutes), 30) AS minutes FROM district.profile
),
dispatched AS (
  SELECT feed, CAST(DATE_TRUNC('month', reported_at) AS DATE) AS month, minutes_to_dispatch, returns, reassignments, as_responsible
  FROM event.dispatch
  WHERE minutes_to_dispatch >= 0
),
counted AS (
  SELECT
    feed,
    month,
    COUNT(*) AS dispatched,
    PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY minutes_to_dispatch) AS median_minutes,
    PERCENTILE_DISC(0.95) WITHIN GROUP (ORDER BY minutes_to_dispatch) AS p95_minutes,
    COUNT(*) FILTER (WHERE minutes_to_dispatch <= 30) AS within_30_minutes,
    MAX(t.minutes) AS target_minutes,
    COUNT(*) FILTER (WHERE minutes_to_dispatch <= t.minutes) AS within_target,
    COUNT(*) FILTER (WHERE returns > 0) AS returned,
    COUNT(*) FILTER (WHERE reassignments > 0) AS reassigned,
    COUNT(*) FILTER (WHERE as_responsible) AS as_responsible,
    COUNT(as_responsible) AS judged
  FROM dispatched CROSS JOIN target AS t
  GROUP BY feed, month
)
SELECT
  feed,
  month,
  dispatched,
  median_minutes,
  p95_minutes,
  within_30_minutes,
  CAST(ROUND(within_30_minutes * 100 / dispatched, 1) AS DECIMAL(5, 1)) AS within_30_pct,
  target_minutes,
  CAST(ROUND(within_target * 100 / dispatched, 1) AS DECIMAL(5, 1)) AS within_target_pct,
  p95_minutes <= target_minutes AS meets_target,
  returned,
  reassigned,
  CAST(ROUND(as_responsible * 100 / NULLIF(judged, 0), 1) AS DECIMAL(5, 1)) AS as_responsible_pct
FROM counted
ORDER BY feed, month
