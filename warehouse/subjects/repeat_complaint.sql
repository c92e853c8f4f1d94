WITH reports AS (
  SELECT
    e.reporter_key, COALESCE(e.category_key, '-') AS category_key, COALESCE(e.community_key, '-') AS community_key, e.event_id, e.feed,
    e.reported_at, e.handled_at, e.status, e.is_done, c.matter_id
  FROM event.event AS e
  JOIN event.event_cluster AS c ON c.event_id = e.event_id
  WHERE e.reporter_key IS NOT NULL AND e.feed IN ('ticket', 'petition')
),
ordered AS (
  SELECT
    reporter_key, category_key, community_key, event_id, feed, reported_at, status, is_done, matter_id,
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
  COUNT(DISTINCT matter_id) AS matters,
  COUNT(*) - COUNT(DISTINCT matter_id) AS same_matter,
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
