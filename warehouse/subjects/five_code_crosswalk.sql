-- A person's link to a place begins with moving in, else with the first dump that names it, and ends with the first dump that does not.
-- A link found by resolving an address text keeps the resolver's method and score; one that the register states is certain.
WITH dumps AS (
  SELECT DISTINCT delivery_date FROM clean.household
),
ends AS (
  SELECT MAX(delivery_date) AS last_date FROM latest.household
),
stays AS (
  SELECT
    h.person_key, l.address_key, MIN(l.method) AS method, MAX(l.score) AS score,
    COALESCE(MIN(h.moved_in), MIN(h.delivery_date)) AS valid_from, MAX(h.delivery_date) AS last_seen
  FROM clean.household AS h
  JOIN addresses.link AS l ON l.feed = 'household' AND l.delivery = h.delivery AND l.source_row = h.source_row
  WHERE l.address_key IS NOT NULL AND h.person_key IS NOT NULL
  GROUP BY h.person_key, l.address_key
),
homes AS (
  SELECT
    s.person_key, s.address_key, a.level, a.building_key, a.register_code, COALESCE(s.method, 'unknown') AS method, s.score, s.valid_from,
    MIN(d.delivery_date) AS valid_to
  FROM stays AS s
  CROSS JOIN ends AS e
  JOIN place.address AS a ON a.address_key = s.address_key
  LEFT JOIN dumps AS d ON s.last_seen < e.last_date AND d.delivery_date > s.last_seen
  GROUP BY s.person_key, s.address_key, a.level, a.building_key, a.register_code, s.method, s.score, s.valid_from
),
closed AS (
  SELECT credit_code, MIN(delivery_date) AS closed_on FROM clean.enterprise WHERE status <> 'open' GROUP BY credit_code
),
seats AS (
  SELECT
    o.org_key, o.address_key, a.level, o.building_key, a.register_code, COALESCE(l.link_method, 'unknown') AS method, l.score,
    o.founded_on AS valid_from, CASE WHEN COALESCE(o.status, 'open') <> 'open' THEN c.closed_on END AS valid_to
  FROM organization.enterprise AS o
  JOIN place.location_link AS l ON l.feed = 'enterprise' AND l.record_key = o.record_key
  JOIN place.address AS a ON a.address_key = o.address_key
  LEFT JOIN closed AS c ON c.credit_code = o.credit_code
),
pairs AS (
  SELECT
    'person' AS from_kind, m.person_key AS from_code, 'house' AS to_kind, h.house_key AS to_code, m.method, m.score AS confidence,
    m.valid_from, m.valid_to
  FROM homes AS m JOIN place.house AS h ON h.house_key = m.address_key
  UNION ALL
  SELECT
    'person' AS from_kind, person_key AS from_code, 'building' AS to_kind, building_key AS to_code, MIN(method) AS method,
    MAX(score) AS confidence, MIN(valid_from) AS valid_from, CASE WHEN COUNT(*) = COUNT(valid_to) THEN MAX(valid_to) END AS valid_to
  FROM homes
  WHERE building_key IS NOT NULL
  GROUP BY person_key, building_key
  UNION ALL
  SELECT
    'person' AS from_kind, person_key AS from_code, 'address' AS to_kind, register_code AS to_code, MIN(method) AS method,
    MAX(score) AS confidence, MIN(valid_from) AS valid_from, CASE WHEN COUNT(*) = COUNT(valid_to) THEN MAX(valid_to) END AS valid_to
  FROM homes
  WHERE register_code IS NOT NULL AND level IN ('number', 'building', 'unit', 'floor', 'room')
  GROUP BY person_key, register_code
  UNION ALL
  SELECT
    'organization' AS from_kind, org_key AS from_code, 'building' AS to_kind, building_key AS to_code, method, score AS confidence,
    valid_from, valid_to
  FROM seats
  WHERE building_key IS NOT NULL
  UNION ALL
  SELECT
    'organization' AS from_kind, s.org_key AS from_code, 'house' AS to_kind, h.house_key AS to_code, s.method, s.score AS confidence,
    s.valid_from, s.valid_to
  FROM seats AS s JOIN place.house AS h ON h.house_key = s.address_key
  UNION ALL
  SELECT
    'organization' AS from_kind, org_key AS from_code, 'address' AS to_kind, register_code AS to_code, method, score AS confidence,
    valid_from, valid_to
  FROM seats
  WHERE register_code IS NOT NULL AND level IN ('number', 'building', 'unit', 'floor', 'room')
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
),
-- A district that names no pairs wants them all.
chosen AS (
  SELECT from_kind, to_kind, least_confidence FROM district.code_link
  UNION ALL
  SELECT k.from_kind, k.to_kind, NULL AS least_confidence
  FROM (SELECT DISTINCT from_kind, to_kind FROM pairs) AS k
  WHERE (SELECT COUNT(*) FROM district.code_link) = 0
)
SELECT
  p.from_kind,
  p.from_code,
  p.to_kind,
  p.to_code,
  p.method,
  CAST(p.confidence AS DECIMAL(5, 4)) AS confidence,
  p.valid_from,
  p.valid_to
FROM pairs AS p JOIN chosen AS c ON c.from_kind = p.from_kind AND c.to_kind = p.to_kind
WHERE c.least_confidence IS NULL OR CAST(p.confidence AS DECIMAL(5, 4)) >= c.least_confidence
ORDER BY p.from_kind, p.from_code, p.to_kind, p.to_code
