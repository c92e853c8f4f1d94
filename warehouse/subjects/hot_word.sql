WITH ranked AS (
  SELECT
    h.week, h.word, h.reports, h.usual, h.weight, h.is_new_word, h.category_key,
    ROW_NUMBER() OVER (PARTITION BY h.week ORDER BY h.weight DESC, h.reports DESC, h.word) AS rank
  FROM sentiment.hot_word AS h CROSS JOIN run.clock AS c
  WHERE h.week <= c.as_of_date AND DATE_DIFF('day', h.week, c.as_of_date) < 56
)
SELECT
  r.week,
  r.rank,
  r.word,
  t.domain,
  r.reports,
  r.usual,
  r.weight,
  r.is_new_word
FROM ranked AS r LEFT JOIN organization.category AS t ON t.category_key = r.category_key
ORDER BY r.week, r.rank
