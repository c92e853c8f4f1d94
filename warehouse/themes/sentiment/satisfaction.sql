SELECT
  s.callback_no,
  t.event_id,
  s.ticket_no,
  s.called_at,
  s.reached AS is_reached,
  s.score,
  s.score >= 4 AS is_satisfied,
  s.solved AS is_solved,
  s.comment_redacted,
  s.record_key,
  s.delivery,
  s.source_row
FROM latest.satisfaction AS s LEFT JOIN event.ticket AS t ON t.record_key = s.ticket_no
ORDER BY s.callback_no
