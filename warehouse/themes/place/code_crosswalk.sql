WITH codes AS (
  SELECT
    address_key,
    CASE WHEN level IN ('province', 'city', 'district', 'street', 'community') THEN 'division' ELSE 'register' END AS code_kind,
    register_code AS code,
    valid_from,
    valid_to
  FROM place.address
  WHERE register_code IS NOT NULL
  UNION ALL
  SELECT building_key AS address_key, 'grid' AS code_kind, grid_code AS code, NULL AS valid_from, NULL AS valid_to
  FROM place.building
  WHERE grid_code IS NOT NULL
)
SELECT address_key, code_kind, code, valid_from, valid_to
FROM codes
ORDER BY address_key, code_kind, code
