WITH listed AS (
  SELECT category_1, category_2, category_3, code, domain, grade, synthetic FROM district.category
),
delivered AS (
  SELECT category_1, category_2, category_3 FROM event.ticket
  UNION
  SELECT category_1, category_2, category_3 FROM event.petition
  UNION
  SELECT category_1, category_2, category_3 FROM event.grid_event
  UNION
  SELECT kind AS category_1, NULL AS category_2, NULL AS category_3 FROM event.hazard
),
paths AS (
  SELECT category_1, category_2, category_3, code, domain, grade, COALESCE(synthetic, FALSE) AS synthetic, 0 AS source FROM listed
  UNION ALL
  SELECT
    category_1, category_2, CASE WHEN category_2 IS NOT NULL THEN category_3 END AS category_3, NULL AS code, NULL AS domain, NULL AS grade,
    FALSE AS synthetic, 1 AS source
  FROM delivered
  WHERE category_1 IS NOT NULL
),
nodes AS (
  SELECT category_1, category_2, category_3, 3 AS level, code, domain, grade, synthetic, source
  FROM paths
  WHERE category_3 IS NOT NULL AND category_2 IS NOT NULL
  UNION ALL
  SELECT category_1, category_2, NULL AS category_3, 2 AS level, NULL AS code, domain, NULL AS grade, synthetic, source
  FROM paths
  WHERE category_2 IS NOT NULL
  UNION ALL
  SELECT category_1, NULL AS category_2, NULL AS category_3, 1 AS level, NULL AS code, domain, NULL AS grade, synthetic, source
  FROM paths
)
SELECT
  CONCAT_WS('>', category_1, category_2, category_3) AS category_key,
  CAST(level AS BIGINT) AS level,
  CASE level WHEN 3 THEN category_3 WHEN 2 THEN category_2 ELSE category_1 END AS name,
  CASE level WHEN 3 THEN CONCAT_WS('>', category_1, category_2) WHEN 2 THEN category_1 END AS parent_key,
  category_1,
  category_2,
  category_3,
  MIN(code) AS code,
  -- A branch has a domain only where all its leaves agree.
  CASE WHEN COUNT(DISTINCT domain) = 1 THEN MIN(domain) END AS domain,
  MIN(grade) AS grade,
  CASE WHEN MIN(source) = 0 THEN 'district' ELSE 'feed' END AS origin,
  MIN(source) = 0 AND COUNT(*) FILTER (WHERE source = 0 AND NOT synthetic) = 0 AS synthetic
FROM nodes
GROUP BY category_1, category_2, category_3, level
ORDER BY category_key
