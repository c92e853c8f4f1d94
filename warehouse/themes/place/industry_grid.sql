WITH cells AS (
  SELECT grid_code, MIN(community_key) AS community_key, MIN(street) AS street, MIN(community) AS community
  FROM place.grid_cell
  WHERE is_current
  GROUP BY grid_code
)
SELECT
  i.industry,
  i.grid_code,
  i.valid_from,
  i.valid_to,
  i.industry_code,
  i.department_code,
  d.name AS department,
  c.street,
  c.community,
  c.community_key,
  i.valid_from <= k.as_of_date AND (i.valid_to IS NULL OR i.valid_to > k.as_of_date) AS is_current,
  COALESCE(i.synthetic, FALSE) AS synthetic
FROM district.industry_grid AS i
CROSS JOIN run.clock AS k
LEFT JOIN cells AS c ON c.grid_code = i.grid_code
LEFT JOIN district.department AS d ON d.department_code = i.department_code
ORDER BY i.industry, i.grid_code, i.valid_from
