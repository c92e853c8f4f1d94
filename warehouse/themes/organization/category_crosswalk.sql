-- What a delivered path means in the district's tree: itself where it is a leaf of the tree, else what the category map says, the most
-- specific line first. A district without a tree takes every path as it comes.
WITH delivered AS (
  SELECT 'ticket' AS feed, category_1, category_2, CASE WHEN category_2 IS NOT NULL THEN category_3 END AS category_3 FROM latest.ticket WHERE category_1 IS NOT NULL
  UNION ALL
  SELECT 'petition' AS feed, category_1, category_2, CASE WHEN category_2 IS NOT NULL THEN category_3 END AS category_3 FROM latest.petition WHERE category_1 IS NOT NULL
  UNION ALL
  SELECT 'grid_event' AS feed, category_1, category_2, CASE WHEN category_2 IS NOT NULL THEN category_3 END AS category_3 FROM latest.grid_event WHERE category_1 IS NOT NULL
),
paths AS (
  SELECT
    CASE WHEN category_2 IS NULL THEN category_1 ELSE CONCAT_WS('>', category_1, category_2, category_3) END AS delivered_key,
    category_1,
    category_2,
    category_3,
    COUNT(*) AS records,
    COUNT(DISTINCT feed) AS feeds
  FROM delivered
  GROUP BY category_1, category_2, category_3
),
tree AS (
  SELECT CONCAT_WS('>', category_1, category_2, category_3) AS category_key FROM district.category
  UNION
  SELECT CONCAT_WS('>', category_1, category_2) AS category_key FROM district.category
  UNION
  SELECT category_1 AS category_key FROM district.category
),
mapped AS (
  SELECT
    p.delivered_key, m.category_1, m.category_2, m.category_3,
    ROW_NUMBER() OVER (
      PARTITION BY p.delivered_key
      ORDER BY CASE WHEN m.from_category_3 = '*' THEN 1 ELSE 0 END, CASE WHEN m.from_category_2 = '*' THEN 1 ELSE 0 END
    ) AS place
  FROM paths AS p
  JOIN district.category_map AS m
    ON m.from_category_1 = p.category_1
    AND (m.from_category_2 = '*' OR m.from_category_2 = p.category_2)
    AND (m.from_category_3 = '*' OR m.from_category_3 = p.category_3)
  LEFT JOIN district.category AS l ON l.category_1 = p.category_1 AND l.category_2 = p.category_2 AND l.category_3 = p.category_3
  WHERE l.category_1 IS NULL
)
SELECT
  p.delivered_key,
  CASE WHEN m.category_1 IS NOT NULL THEN CONCAT_WS('>', m.category_1, m.category_2, m.category_3) ELSE p.delivered_key END AS category_key,
  COALESCE(m.category_1, p.category_1) AS category_1,
  CASE WHEN m.category_1 IS NOT NULL THEN m.category_2 ELSE p.category_2 END AS category_2,
  CASE WHEN m.category_1 IS NOT NULL THEN m.category_3 ELSE p.category_3 END AS category_3,
  CASE WHEN m.category_1 IS NOT NULL THEN 'map' WHEN t.category_key IS NOT NULL THEN 'tree' ELSE 'unlisted' END AS method,
  p.feeds,
  p.records
FROM paths AS p
LEFT JOIN mapped AS m ON m.delivered_key = p.delivered_key AND m.place = 1
LEFT JOIN tree AS t ON t.category_key = p.delivered_key
ORDER BY p.delivered_key
