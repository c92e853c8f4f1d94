WITH residents AS (
  SELECT
    'resident' AS scenario,
    h.record_key AS object_key,
    CONCAT_WS(
      ';', CASE WHEN h.sex IS NULL THEN 'sex' END, CASE WHEN h.kinship IS NULL THEN 'kinship' END,
      CASE WHEN h.phone_key IS NULL THEN 'phone' END, CASE WHEN h.residence_kind IS NULL THEN 'residence_kind' END,
      CASE WHEN h.tenure IS NULL THEN 'tenure' END, CASE WHEN h.moved_in IS NULL THEN 'moved_in' END,
      CASE WHEN l.building_key IS NULL THEN 'address' END
    ) AS fields_due,
    CONCAT_WS(
      ';', CASE WHEN h.sex IS NOT NULL THEN 'sex' END, CASE WHEN h.kinship IS NOT NULL THEN 'kinship' END,
      CASE WHEN h.phone_key IS NOT NULL THEN 'phone' END, CASE WHEN h.residence_kind IS NOT NULL THEN 'residence_kind' END,
      CASE WHEN h.tenure IS NOT NULL THEN 'tenure' END, CASE WHEN h.moved_in IS NOT NULL THEN 'moved_in' END,
      CASE WHEN l.building_key IS NOT NULL THEN 'address' END
    ) AS fields_known,
    h.checked_on AS last_confirmed_on, l.address_key, l.building_key, l.community_key, l.community
  FROM latest.household AS h LEFT JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = h.record_key
),
enterprises AS (
  SELECT
    'enterprise' AS scenario,
    record_key AS object_key,
    CONCAT_WS(
      ';', CASE WHEN industry IS NULL THEN 'industry' END, CASE WHEN staff IS NULL THEN 'staff' END,
      CASE WHEN safety_grade IS NULL THEN 'safety_grade' END, CASE WHEN contact_phone_masked IS NULL THEN 'contact_phone' END,
      CASE WHEN building_key IS NULL THEN 'address' END
    ) AS fields_due,
    CONCAT_WS(
      ';', CASE WHEN industry IS NOT NULL THEN 'industry' END, CASE WHEN staff IS NOT NULL THEN 'staff' END,
      CASE WHEN safety_grade IS NOT NULL THEN 'safety_grade' END, CASE WHEN contact_phone_masked IS NOT NULL THEN 'contact_phone' END,
      CASE WHEN building_key IS NOT NULL THEN 'address' END
    ) AS fields_known,
    CAST(NULL AS DATE) AS last_confirmed_on, address_key, building_key, community_key, community
  FROM organization.enterprise
  WHERE COALESCE(status, 'open') = 'open'
),
facilities AS (
  SELECT
    'facility' AS scenario,
    record_key AS object_key,
    CONCAT_WS(
      ';', CASE WHEN owner IS NULL THEN 'owner' END, CASE WHEN state IS NULL THEN 'state' END,
      CASE WHEN lng IS NULL OR lat IS NULL THEN 'coordinates' END, CASE WHEN community_key IS NULL THEN 'address' END
    ) AS fields_due,
    CONCAT_WS(
      ';', CASE WHEN owner IS NOT NULL THEN 'owner' END, CASE WHEN state IS NOT NULL THEN 'state' END,
      CASE WHEN lng IS NOT NULL AND lat IS NOT NULL THEN 'coordinates' END, CASE WHEN community_key IS NOT NULL THEN 'address' END
    ) AS fields_known,
    CAST(NULL AS DATE) AS last_confirmed_on, address_key, building_key, community_key, community
  FROM thing.facility
  WHERE COALESCE(state, 'good') <> 'abolished'
),
objects AS (
  SELECT scenario, object_key, fields_due, fields_known, last_confirmed_on, address_key, building_key, community_key, community FROM residents
  UNION ALL
  SELECT scenario, object_key, fields_due, fields_known, last_confirmed_on, address_key, building_key, community_key, community FROM enterprises
  UNION ALL
  SELECT scenario, object_key, fields_due, fields_known, last_confirmed_on, address_key, building_key, community_key, community FROM facilities
),
judged AS (
  SELECT
    o.scenario, o.object_key, NULLIF(o.fields_due, '') AS fields_due, NULLIF(o.fields_known, '') AS fields_known, o.last_confirmed_on,
    o.scenario = 'resident' AND (o.last_confirmed_on IS NULL OR DATE_DIFF('day', o.last_confirmed_on, c.as_of_date) > 180) AS is_check_due,
    o.address_key, o.building_key, o.community_key, o.community
  FROM objects AS o CROSS JOIN run.clock AS c
)
SELECT
  scenario,
  object_key,
  fields_due,
  fields_known,
  COALESCE(LENGTH(fields_due) - LENGTH(REPLACE(fields_due, ';', '')) + 1, 0) AS due_count,
  is_check_due,
  last_confirmed_on,
  address_key,
  building_key,
  community_key,
  community
FROM judged
WHERE fields_due IS NOT NULL OR is_check_due
ORDER BY scenario, object_key
