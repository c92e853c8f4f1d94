WITH neighbourhoods AS (
  SELECT community_key, COUNT(*) AS neighbourhoods
  FROM place.address
  WHERE level = 'neighbourhood' AND community_key IS NOT NULL
  GROUP BY community_key
),
buildings AS (
  SELECT community_key, COUNT(*) AS buildings, SUM(houses) AS houses
  FROM place.building
  WHERE community_key IS NOT NULL
  GROUP BY community_key
),
cells AS (
  SELECT community_key, COUNT(DISTINCT grid_code) AS grid_cells
  FROM place.grid_cell
  WHERE is_current AND community_key IS NOT NULL
  GROUP BY community_key
)
SELECT
  a.address_key AS community_key,
  a.name,
  a.register_code AS code,
  a.street_key,
  a.district_key,
  a.district,
  a.street,
  COALESCE(n.neighbourhoods, 0) AS neighbourhoods,
  COALESCE(b.buildings, 0) AS buildings,
  CAST(COALESCE(b.houses, 0) AS BIGINT) AS houses,
  COALESCE(g.grid_cells, 0) AS grid_cells,
  a.lng,
  a.lat
FROM place.address AS a
LEFT JOIN neighbourhoods AS n ON n.community_key = a.address_key
LEFT JOIN buildings AS b ON b.community_key = a.address_key
LEFT JOIN cells AS g ON g.community_key = a.address_key
WHERE a.level = 'community'
ORDER BY community_key
