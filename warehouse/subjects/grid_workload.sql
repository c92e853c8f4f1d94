WITH acts AS (
  SELECT
    reporter_key AS worker_key, reported_on AS day, 1 AS is_event, is_done, category_key, community_key, NULL AS result, NULL AS household_key
  FROM event.event
  WHERE feed = 'grid_event' AND reporter_key IS NOT NULL
  UNION ALL
  SELECT
    worker_key, CAST(visited_at AS DATE) AS day, 0 AS is_event, FALSE AS is_done, NULL AS category_key, community_key, result, household_key
  FROM person.visit
  WHERE worker_key IS NOT NULL
)
SELECT
  worker_key,
  CAST(DATE_TRUNC('month', day) AS DATE) AS month,
  COUNT(*) FILTER (WHERE is_event = 1) AS events,
  COUNT(*) FILTER (WHERE is_event = 1 AND is_done) AS done_events,
  COUNT(DISTINCT category_key) AS categories,
  COUNT(DISTINCT community_key) AS communities,
  COUNT(DISTINCT day) AS active_days,
  COUNT(*) FILTER (WHERE is_event = 0) AS visits,
  COUNT(*) FILTER (WHERE is_event = 0 AND result = 'met') AS visits_met,
  COUNT(DISTINCT household_key) AS households
FROM acts
GROUP BY worker_key, CAST(DATE_TRUNC('month', day) AS DATE)
ORDER BY worker_key, month
