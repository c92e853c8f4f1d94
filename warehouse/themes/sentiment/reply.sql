-- A reply is copied where its words, numbers and placeholders aside, were given to other callers or about other matters.
WITH replies AS (
  SELECT
    event_id, caller_key, category_key, LENGTH(reply_redacted) AS length,
    REGEXP_REPLACE(reply_redacted, '\[[^]]*\]|[0-9]|\s', '', 'g') AS wording
  FROM event.ticket
  WHERE reply_redacted IS NOT NULL
),
wordings AS (
  SELECT
    wording, COUNT(*) AS same_text,
    COUNT(DISTINCT caller_key) > 1 OR COUNT(DISTINCT category_key) > 1 AS for_others
  FROM replies
  GROUP BY wording
)
SELECT
  r.event_id,
  e.handled_at AS replied_at,
  CAST(ROUND(DATE_DIFF('second', e.reported_at, e.handled_at) / 86400.0, 2) AS DECIMAL(10, 2)) AS days_to_reply,
  CASE WHEN d.state IN ('on_time', 'late') THEN d.state = 'late' END AS is_late,
  CASE WHEN d.state = 'late' THEN d.minutes_over END AS minutes_late,
  r.length,
  r.length < 15 AS is_short,
  w.same_text,
  w.for_others AS is_copied,
  CAST(
    CASE WHEN d.state = 'late' THEN 1 ELSE 0 END + CASE WHEN r.length < 15 THEN 1 ELSE 0 END + CASE WHEN w.for_others THEN 1 ELSE 0 END AS BIGINT
  ) AS faults,
  e.department_code,
  e.community_key
FROM replies AS r
JOIN wordings AS w ON w.wording = r.wording
JOIN event.event AS e ON e.event_id = r.event_id
LEFT JOIN event.deadline AS d ON d.event_id = r.event_id
ORDER BY r.event_id
