-- A door number counts as a building unless a building is registered below it: then it is only the way to several.
WITH numbers_with_buildings AS (
  SELECT DISTINCT number_key FROM place.address WHERE level = 'building' AND number_key IS NOT NULL
),
buildings AS (
  SELECT
    a.address_key AS building_key, a.level, a.name, a.path, a.community_key, a.neighbourhood_key, a.district, a.street, a.community,
    a.road_key, a.lng, a.lat, a.register_code
  FROM place.address AS a
  CROSS JOIN run.clock AS c
  LEFT JOIN numbers_with_buildings AS n ON n.number_key = a.address_key
  WHERE a.level IN ('building', 'number') AND n.number_key IS NULL AND (a.valid_to IS NULL OR a.valid_to > c.as_of_date)
),
houses AS (
  SELECT building_key, COUNT(*) AS houses FROM place.house WHERE building_key IS NOT NULL GROUP BY building_key
),
registered AS (
  SELECT address_code, "use", storeys, grid_code
  FROM latest.address_register
  WHERE "use" IS NOT NULL OR storeys IS NOT NULL OR grid_code IS NOT NULL
),
described AS (
  SELECT
    COALESCE(a.building_key, a.number_key) AS building_key,
    CASE WHEN COUNT(DISTINCT r."use") > 1 THEN 'mixed' ELSE MIN(r."use") END AS "use",
    MAX(r.storeys) AS storeys,
    MIN(r.grid_code) AS grid_code
  FROM registered AS r JOIN place.address AS a ON a.register_code = r.address_code
  GROUP BY COALESCE(a.building_key, a.number_key)
)
SELECT
  b.building_key,
  b.level,
  b.name,
  b.path,
  b.community_key,
  b.neighbourhood_key,
  b.district,
  b.street,
  b.community,
  b.road_key,
  d."use",
  d.storeys,
  COALESCE(h.houses, 0) AS houses,
  d.grid_code,
  b.lng,
  b.lat,
  b.register_code
FROM buildings AS b
LEFT JOIN houses AS h ON h.building_key = b.building_key
LEFT JOIN described AS d ON d.building_key = b.building_key
ORDER BY b.building_key
