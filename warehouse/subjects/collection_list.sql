-- One line for each object, with what each field of each kind of object holds: known or not. The district's rules say which fields a
-- scenario asks for and after how many days a known one is asked again. A district without rules asks for every field of each kind.
WITH fields AS (
  SELECT object_kind, kind_zh, field, position, again_days
  FROM (
    VALUES
      ('resident', '人口核查', 'sex', 1, NULL), ('resident', '人口核查', 'kinship', 2, NULL), ('resident', '人口核查', 'phone', 3, 180),
      ('resident', '人口核查', 'residence_kind', 4, 180), ('resident', '人口核查', 'tenure', 5, 180),
      ('resident', '人口核查', 'moved_in', 6, NULL), ('resident', '人口核查', 'address', 7, 180),
      ('enterprise', '企业核查', 'industry', 1, NULL), ('enterprise', '企业核查', 'staff', 2, NULL),
      ('enterprise', '企业核查', 'safety_grade', 3, NULL), ('enterprise', '企业核查', 'contact_phone', 4, NULL),
      ('enterprise', '企业核查', 'address', 5, NULL), ('facility', '部件核查', 'owner', 1, NULL), ('facility', '部件核查', 'state', 2, NULL),
      ('facility', '部件核查', 'coordinates', 3, NULL), ('facility', '部件核查', 'address', 4, NULL)
  ) AS listed(object_kind, kind_zh, field, position, again_days)
),
rules AS (
  SELECT r.scenario, r.title_zh, r.object_kind, r.only_value, r.field, f.position, r.again_days
  FROM district.collection_rule AS r JOIN fields AS f ON f.object_kind = r.object_kind AND f.field = r.field
  UNION ALL
  SELECT object_kind AS scenario, kind_zh AS title_zh, object_kind, NULL AS only_value, field, position, again_days
  FROM fields
  WHERE (SELECT COUNT(*) FROM district.collection_rule) = 0
),
residents AS (
  SELECT
    h.record_key AS object_key, h.tenure, h.residence_kind, h.sex IS NOT NULL AS has_sex, h.kinship IS NOT NULL AS has_kinship,
    h.phone_key IS NOT NULL AS has_phone, h.residence_kind IS NOT NULL AS has_residence_kind, h.tenure IS NOT NULL AS has_tenure,
    h.moved_in IS NOT NULL AS has_moved_in, l.building_key IS NOT NULL AS has_address, h.checked_on,
    COALESCE(DATE_DIFF('day', h.checked_on, c.as_of_date), 99999) AS days_unconfirmed, l.address_key, l.building_key, l.community_key,
    l.community
  FROM latest.household AS h
  CROSS JOIN run.clock AS c
  LEFT JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = h.record_key
),
enterprises AS (
  SELECT
    record_key AS object_key, industry, kind, industry IS NOT NULL AS has_industry, staff IS NOT NULL AS has_staff,
    safety_grade IS NOT NULL AS has_safety_grade, contact_phone_masked IS NOT NULL AS has_contact_phone,
    building_key IS NOT NULL AS has_address, address_key, building_key, community_key, community
  FROM organization.enterprise
  WHERE COALESCE(status, 'open') = 'open'
),
facilities AS (
  SELECT
    record_key AS object_key, kind, owner IS NOT NULL AS has_owner, state IS NOT NULL AS has_state,
    lng IS NOT NULL AND lat IS NOT NULL AS has_coordinates, community_key IS NOT NULL AS has_address, address_key, building_key,
    community_key, community
  FROM thing.facility
  WHERE COALESCE(state, 'good') <> 'abolished'
),
asked AS (
  SELECT
    r.scenario, r.title_zh, r.field, r.position, r.again_days, o.object_key, o.checked_on, o.days_unconfirmed, o.address_key, o.building_key,
    o.community_key, o.community,
    CASE r.field
      WHEN 'sex' THEN o.has_sex
      WHEN 'kinship' THEN o.has_kinship
      WHEN 'phone' THEN o.has_phone
      WHEN 'residence_kind' THEN o.has_residence_kind
      WHEN 'tenure' THEN o.has_tenure
      WHEN 'moved_in' THEN o.has_moved_in
      WHEN 'address' THEN o.has_address
    END AS is_known
  FROM rules AS r
  JOIN residents AS o ON r.only_value IS NULL OR r.only_value IN (o.tenure, o.residence_kind)
  WHERE r.object_kind = 'resident'
  UNION ALL
  SELECT
    r.scenario, r.title_zh, r.field, r.position, r.again_days, o.object_key, NULL AS checked_on, NULL AS days_unconfirmed, o.address_key,
    o.building_key, o.community_key, o.community,
    CASE r.field
      WHEN 'industry' THEN o.has_industry
      WHEN 'staff' THEN o.has_staff
      WHEN 'safety_grade' THEN o.has_safety_grade
      WHEN 'contact_phone' THEN o.has_contact_phone
      WHEN 'address' THEN o.has_address
    END AS is_known
  FROM rules AS r
  JOIN enterprises AS o ON r.only_value IS NULL OR r.only_value IN (o.industry, o.kind)
  WHERE r.object_kind = 'enterprise'
  UNION ALL
  SELECT
    r.scenario, r.title_zh, r.field, r.position, r.again_days, o.object_key, NULL AS checked_on, NULL AS days_unconfirmed, o.address_key,
    o.building_key, o.community_key, o.community,
    CASE r.field
      WHEN 'owner' THEN o.has_owner
      WHEN 'state' THEN o.has_state
      WHEN 'coordinates' THEN o.has_coordinates
      WHEN 'address' THEN o.has_address
    END AS is_known
  FROM rules AS r
  JOIN facilities AS o ON r.only_value IS NULL OR r.only_value = o.kind
  WHERE r.object_kind = 'facility'
),
-- Only a feed that says when an entry was confirmed lets a known field grow old.
judged AS (
  SELECT
    scenario, title_zh, field, position, object_key, checked_on, address_key, building_key, community_key, community, is_known,
    is_known AND COALESCE(days_unconfirmed > again_days, FALSE) AS is_old
  FROM asked
)
SELECT
  scenario,
  object_key,
  MIN(title_zh) AS scenario_zh,
  STRING_AGG(CASE WHEN NOT is_known THEN field END, ';' ORDER BY position) AS fields_due,
  STRING_AGG(CASE WHEN is_old THEN field END, ';' ORDER BY position) AS fields_to_confirm,
  STRING_AGG(CASE WHEN is_known AND NOT is_old THEN field END, ';' ORDER BY position) AS fields_known,
  COUNT(*) FILTER (WHERE NOT is_known) AS due_count,
  COUNT(*) FILTER (WHERE is_old) AS confirm_count,
  COUNT(*) FILTER (WHERE is_old) > 0 AS is_check_due,
  MAX(checked_on) AS last_confirmed_on,
  MIN(address_key) AS address_key,
  MIN(building_key) AS building_key,
  MIN(community_key) AS community_key,
  MIN(community) AS community
FROM judged
GROUP BY scenario, object_key
HAVING COUNT(*) FILTER (WHERE NOT is_known OR is_old) > 0
ORDER BY scenario, object_key
