WITH buildings AS (
  SELECT
    building_key, level, name, path, community_key, neighbourhood_key, district, street, community, road_key, lng, lat, register_code
  FROM place.address
  WHERE building_key = address_key AND valid_to IS NULL
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
    a.building_key,
    CASE WHEN COUNT(DISTINCT r."use") > 1 THEN 'mixed' ELSE MIN(r."use") END AS "use",
    MAX(r.storeys) AS storeys,
    MIN(r.grid_code) AS grid_code
  FROM registered AS r JOIN place.address AS a ON a.register_code = r.address_code
  GROUP BY a.building_key
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
