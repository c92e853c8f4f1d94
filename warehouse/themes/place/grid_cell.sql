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
  g.valid_from <= c.as_of_date AND (g.valid_to IS NULL OR g.valid_to > c.as_of_date) AS is_current
FROM district.grid_cell AS g
CROSS JOIN run.clock AS c
LEFT JOIN communities AS s ON s.community = g.community AND s.street = g.street
LEFT JOIN by_name AS n ON n.community = g.community AND g.street IS NULL
ORDER BY g.grid_code, g.valid_from
