WITH replies AS (
  SELECT event_id, reply_redacted, caller_key, category_key, LENGTH(reply_redacted) AS length FROM event.ticket WHERE reply_redacted IS NOT NULL
),
texts AS (
  SELECT
    reply_redacted, COUNT(*) AS same_text,
    COUNT(DISTINCT caller_key) > 1 OR COUNT(DISTINCT category_key) > 1 AS for_others
  FROM replies
  GROUP BY reply_redacted
)
SELECT
  r.event_id,
  e.handled_at AS replied_at,
  CAST(ROUND(DATE_DIFF('second', e.reported_at, e.handled_at) / 86400.0, 2) AS DECIMAL(10, 2)) AS days_to_reply,
  r.length,
  r.length < 15 AS is_short,
  t.same_text,
  t.for_others AS is_copied,
  e.department_code,
  e.community_key
FROM replies AS r
JOIN texts AS t ON t.reply_redacted = r.reply_redacted
JOIN event.event AS e ON e.event_id = r.event_id
ORDER BY r.event_id
