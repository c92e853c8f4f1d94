SELECT
  team,
  COALESCE(street, '-') AS street,
  COUNT(DISTINCT grid_code) AS grid_cells,
  COUNT(DISTINCT community) AS communities,
  COUNT(DISTINCT industry) AS industry_grids
FROM place.grid_cell
WHERE is_current AND team IS NOT NULL
GROUP BY team, COALESCE(street, '-')
ORDER BY team, street
