-- A node names itself in the key column of its own level, so that "everything below X" is one comparison.
SELECT
  address_key,
  level,
  chain,
  name,
  path,
  parent_key,
  CASE WHEN level = 'district' THEN address_key ELSE district_key END AS district_key,
  CASE WHEN level = 'street' THEN address_key ELSE street_key END AS street_key,
  CASE WHEN level = 'community' THEN address_key ELSE community_key END AS community_key,
  CASE WHEN level = 'neighbourhood' THEN address_key ELSE neighbourhood_key END AS neighbourhood_key,
  CASE WHEN level = 'road' THEN address_key ELSE road_key END AS road_key,
  CASE WHEN level = 'lane' THEN address_key ELSE lane_key END AS lane_key,
  CASE WHEN level = 'number' THEN address_key ELSE number_key END AS number_key,
  CASE WHEN level = 'building' THEN address_key ELSE building_key END AS building_key,
  district,
  street,
  community,
  neighbourhood,
  register_code,
  CAST(lng AS DECIMAL(10, 6)) AS lng,
  CAST(lat AS DECIMAL(9, 6)) AS lat,
  valid_from,
  valid_to,
  status
FROM addresses.base
ORDER BY address_key
