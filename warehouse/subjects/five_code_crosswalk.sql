WITH homes AS (
  SELECT
    r.person_key, h.house_key, r.building_key, COALESCE(l.link_method, 'unknown') AS method, l.score, r.moved_in,
    ROW_NUMBER() OVER (PARTITION BY r.person_key, r.address_key ORDER BY r.checked_on DESC NULLS LAST, r.record_key) AS place
  FROM person.residence AS r
  JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = r.record_key
  LEFT JOIN place.house AS h ON h.house_key = r.address_key
  WHERE r.address_key IS NOT NULL
),
pairs AS (
  SELECT
    'person' AS from_kind, person_key AS from_code, 'house' AS to_kind, house_key AS to_code, method, score AS confidence,
    moved_in AS valid_from, NULL AS valid_to
  FROM homes
  WHERE house_key IS NOT NULL AND place = 1
  UNION ALL
  SELECT
    'person' AS from_kind, person_key AS from_code, 'building' AS to_kind, building_key AS to_code, MIN(method) AS method,
    MAX(score) AS confidence, MIN(moved_in) AS valid_from, NULL AS valid_to
  FROM homes
  WHERE building_key IS NOT NULL AND place = 1
  GROUP BY person_key, building_key
  UNION ALL
  SELECT
    'organization' AS from_kind, o.org_key AS from_code, 'building' AS to_kind, o.building_key AS to_code,
    COALESCE(l.link_method, 'unknown') AS method, l.score AS confidence, o.founded_on AS valid_from, NULL AS valid_to
  FROM organization.enterprise AS o JOIN place.location_link AS l ON l.feed = 'enterprise' AND l.record_key = o.record_key
  WHERE o.building_key IS NOT NULL
  UNION ALL
  SELECT
    'organization' AS from_kind, o.org_key AS from_code, 'house' AS to_kind, h.house_key AS to_code,
    COALESCE(l.link_method, 'unknown') AS method, l.score AS confidence, o.founded_on AS valid_from, NULL AS valid_to
  FROM organization.enterprise AS o
  JOIN place.location_link AS l ON l.feed = 'enterprise' AND l.record_key = o.record_key
  JOIN place.house AS h ON h.house_key = o.address_key
  UNION ALL
  SELECT
    'house' AS from_kind, h.house_key AS from_code, 'building' AS to_kind, h.building_key AS to_code, 'register' AS method,
    1 AS confidence, a.valid_from, a.valid_to
  FROM place.house AS h JOIN place.address AS a ON a.address_key = h.house_key
  WHERE h.building_key IS NOT NULL
  UNION ALL
  SELECT
    'house' AS from_kind, h.house_key AS from_code, 'address' AS to_kind, h.register_code AS to_code, 'register' AS method,
    1 AS confidence, a.valid_from, a.valid_to
  FROM place.house AS h JOIN place.address AS a ON a.address_key = h.house_key
  WHERE h.register_code IS NOT NULL
  UNION ALL
  SELECT
    'building' AS from_kind, b.building_key AS from_code, 'address' AS to_kind, b.register_code AS to_code, 'register' AS method,
    1 AS confidence, a.valid_from, a.valid_to
  FROM place.building AS b JOIN place.address AS a ON a.address_key = b.building_key
  WHERE b.register_code IS NOT NULL
)
SELECT
  from_kind,
  from_code,
  to_kind,
  to_code,
  method,
  CAST(confidence AS DECIMAL(5, 4)) AS confidence,
  valid_from,
  valid_to
FROM pairs
ORDER BY from_kind, from_code, to_kind, to_code
