WITH reports AS (
  SELECT
    reporter_key, COALESCE(category_key, '-') AS category_key, COALESCE(community_key, '-') AS community_key, event_id, feed, reported_at,
    handled_at, status, is_done
  FROM event.event
  WHERE reporter_key IS NOT NULL AND feed IN ('ticket', 'petition')
),
ordered AS (
  SELECT
    reporter_key, category_key, community_key, event_id, feed, reported_at, status, is_done,
    LAG(reported_at) OVER (PARTITION BY reporter_key, category_key, community_key ORDER BY reported_at, event_id) AS former_reported_at,
    LAG(handled_at) OVER (PARTITION BY reporter_key, category_key, community_key ORDER BY reported_at, event_id) AS former_handled_at,
    ROW_NUMBER() OVER (PARTITION BY reporter_key, category_key, community_key ORDER BY reported_at DESC, event_id DESC) AS place
  FROM reports
)
SELECT
  reporter_key,
  category_key,
  community_key,
  COUNT(*) AS reports,
  COUNT(*) FILTER (WHERE DATE_DIFF('day', former_reported_at, reported_at) <= 90) AS repeats,
  COUNT(*) FILTER (WHERE former_handled_at < reported_at) AS after_handled,
  COUNT(DISTINCT feed) AS channels,
  COUNT(*) FILTER (WHERE status IS NOT NULL AND NOT is_done) AS open_reports,
  MIN(reported_at) AS first_reported_at,
  MAX(reported_at) AS last_reported_at,
  MAX(CASE WHEN place = 1 THEN event_id END) AS last_event_id
FROM ordered
GROUP BY reporter_key, category_key, community_key
HAVING COUNT(*) FILTER (WHERE DATE_DIFF('day', former_reported_at, reported_at) <= 90) > 0
ORDER BY reporter_key, category_key, community_key
