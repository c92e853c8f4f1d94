-- A node names itself in the key column of its own level, so that "everything below X" is one comparison. A door number counts as a
-- building unless a building is registered below it: then it is only the way to several.
WITH nodes AS (
  SELECT
    address_key, level, chain, name, path, parent_key, district_key, street_key, community_key, neighbourhood_key, road_key, lane_key,
    CASE WHEN level = 'number' THEN address_key ELSE number_key END AS number_key,
    CASE WHEN level = 'building' THEN address_key ELSE building_key END AS building_key,
    district, street, community, neighbourhood, register_code, lng, lat, valid_from, valid_to, status
  FROM addresses.base
),
numbers_with_buildings AS (
  SELECT DISTINCT number_key FROM nodes WHERE level = 'building' AND valid_to IS NULL AND number_key IS NOT NULL
)
SELECT
  a.address_key,
  a.level,
  a.chain,
  a.name,
  a.path,
  a.parent_key,
  CASE WHEN a.level = 'district' THEN a.address_key ELSE a.district_key END AS district_key,
  CASE WHEN a.level = 'street' THEN a.address_key ELSE a.street_key END AS street_key,
  CASE WHEN a.level = 'community' THEN a.address_key ELSE a.community_key END AS community_key,
  CASE WHEN a.level = 'neighbourhood' THEN a.address_key ELSE a.neighbourhood_key END AS neighbourhood_key,
  CASE WHEN a.level = 'road' THEN a.address_key ELSE a.road_key END AS road_key,
  CASE WHEN a.level = 'lane' THEN a.address_key ELSE a.lane_key END AS lane_key,
  a.number_key,
  CASE WHEN n.number_key IS NULL THEN COALESCE(a.building_key, a.number_key) ELSE a.building_key END AS building_key,
  a.district,
  a.street,
  a.community,
  a.neighbourhood,
  a.register_code,
  CAST(a.lng AS DECIMAL(10, 6)) AS lng,
  CAST(a.lat AS DECIMAL(9, 6)) AS lat,
  a.valid_from,
  a.valid_to,
  a.status
FROM nodes AS a LEFT JOIN numbers_with_buildings AS n ON n.number_key = a.number_key
ORDER BY a.address_key
