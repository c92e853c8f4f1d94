-- The community of a cell is found by name within its street; a name that two communities share gives none.
WITH communities AS (
  SELECT community, street, MIN(address_key) AS community_key
  FROM place.address
  WHERE level = 'community'
  GROUP BY community, street
  HAVING COUNT(*) = 1
),
by_name AS (
  SELECT community, MIN(community_key) AS community_key FROM communities GROUP BY community HAVING COUNT(*) = 1
),
mapped AS (
  SELECT i.grid_code, COUNT(DISTINCT i.industry) AS industry_grids
  FROM district.industry_grid AS i CROSS JOIN run.clock AS c
  WHERE i.valid_from <= c.as_of_date AND (i.valid_to IS NULL OR i.valid_to > c.as_of_date)
  GROUP BY i.grid_code
)
SELECT
  g.grid_code,
  g.valid_from,
  g.valid_to,
  g.name,
  g.street,
  g.community,
  COALESCE(s.community_key, n.community_key) AS community_key,
  g.team,
  g.industry,
  g.valid_from <= c.as_of_date AND (g.valid_to IS NULL OR g.valid_to > c.as_of_date) AS is_current,
  COALESCE(m.industry_grids, 0) AS industry_grids,
  COALESCE(g.synthetic, FALSE) AS synthetic
FROM district.grid_cell AS g
CROSS JOIN run.clock AS c
LEFT JOIN communities AS s ON s.community = g.community AND s.street = g.street
LEFT JOIN by_name AS n ON n.community = g.community AND g.street IS NULL
LEFT JOIN mapped AS m ON m.grid_code = g.grid_code
ORDER BY g.grid_code, g.valid_from
