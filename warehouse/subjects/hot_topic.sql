WITH ranked AS (
  SELECT
    h.week, h.community_key, h.category_key, h.reports, h.usual, h.weight,
    ROW_NUMBER() OVER (PARTITION BY h.week ORDER BY h.weight DESC, h.reports DESC, h.community_key, h.category_key) AS rank
  FROM sentiment.hot_topic AS h CROSS JOIN run.clock AS c
  WHERE h.week <= c.as_of_date AND DATE_DIFF('day', h.week, c.as_of_date) < 56
)
SELECT
  r.week,
  r.rank,
  r.community_key,
  c.district,
  c.street,
  c.name AS community,
  r.category_key,
  t.domain,
  r.reports,
  r.usual,
  r.weight
FROM ranked AS r
LEFT JOIN place.community AS c ON c.community_key = r.community_key
LEFT JOIN organization.category AS t ON t.category_key = r.category_key
ORDER BY r.week, r.rank
