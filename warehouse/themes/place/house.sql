WITH doors AS (
  SELECT address_key, parent_key, building_key, level, name, path, community_key, register_code
  FROM place.address
  WHERE level IN ('number', 'building', 'unit', 'floor', 'room') AND valid_to IS NULL
),
parents AS (
  SELECT DISTINCT parent_key FROM doors WHERE parent_key IS NOT NULL
)
SELECT
  d.address_key AS house_key,
  d.building_key,
  d.level,
  d.name,
  d.path,
  d.community_key,
  d.register_code
FROM doors AS d LEFT JOIN parents AS p ON p.parent_key = d.address_key
WHERE p.parent_key IS NULL
ORDER BY house_key
