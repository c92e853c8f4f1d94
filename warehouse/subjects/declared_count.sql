-- The settings agree with what is declared, or they would not have loaded; what feeds deliver need not.
WITH in_feeds AS (
  SELECT 'category' AS setting, 'category_1' AS counted, COUNT(DISTINCT category_1) AS delivered FROM organization.category_crosswalk
  UNION ALL
  SELECT 'category' AS setting, 'category_2' AS counted, COUNT(*) AS delivered
  FROM (SELECT DISTINCT category_1, category_2 FROM organization.category_crosswalk WHERE category_2 IS NOT NULL) AS paths
  UNION ALL
  SELECT 'category' AS setting, 'category_3' AS counted, COUNT(*) AS delivered
  FROM (SELECT DISTINCT category_1, category_2, category_3 FROM organization.category_crosswalk WHERE category_3 IS NOT NULL) AS paths
  UNION ALL
  SELECT 'category' AS setting, 'domain' AS counted, COUNT(DISTINCT c.domain) AS delivered
  FROM event.event AS e JOIN organization.category AS c ON c.category_key = e.category_key
  UNION ALL
  SELECT 'channel' AS setting, 'rows' AS counted, COUNT(*) AS delivered FROM organization.channel WHERE events > 0
  UNION ALL
  SELECT 'grid_cell' AS setting, 'grid_code' AS counted, COUNT(DISTINCT grid_code) AS delivered FROM event.event WHERE grid_code IS NOT NULL
  UNION ALL
  SELECT 'source' AS setting, 'rows' AS counted, COUNT(*) AS delivered FROM subject.source_catalogue WHERE deliveries > 0
  UNION ALL
  SELECT 'service_item' AS setting, 'rows' AS counted, COUNT(DISTINCT item_code) AS delivered FROM organization.service_item
),
unlisted AS (
  SELECT COUNT(*) AS paths FROM organization.category_crosswalk WHERE method = 'unlisted'
)
SELECT
  d.setting,
  d.counted,
  d.declared,
  f.delivered,
  f.delivered - d.declared AS difference,
  CASE WHEN d.setting = 'category' AND d.counted = 'category_3' THEN u.paths END AS unlisted_paths
FROM district.declared_count AS d
CROSS JOIN unlisted AS u
LEFT JOIN in_feeds AS f ON f.setting = d.setting AND f.counted = d.counted
ORDER BY d.setting, d.counted
