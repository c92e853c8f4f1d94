WITH households AS (
  SELECT building_key, COUNT(*) AS households, COUNT(*) FILTER (WHERE tenure = 'tenant') AS rented_households
  FROM person.household
  WHERE building_key IS NOT NULL
  GROUP BY building_key
),
residents AS (
  SELECT
    building_key, COUNT(DISTINCT person_key) AS residents,
    COUNT(DISTINCT CASE WHEN residence_kind = 'floating' THEN person_key END) AS floating_residents
  FROM person.residence
  WHERE building_key IS NOT NULL
  GROUP BY building_key
),
enterprises AS (
  SELECT building_key, COUNT(*) AS enterprises
  FROM organization.enterprise
  WHERE building_key IS NOT NULL AND COALESCE(status, 'open') = 'open'
  GROUP BY building_key
),
facilities AS (
  SELECT building_key, COUNT(*) AS facilities FROM thing.facility WHERE building_key IS NOT NULL GROUP BY building_key
),
devices AS (
  SELECT building_key, COUNT(*) AS devices FROM thing.device WHERE building_key IS NOT NULL GROUP BY building_key
),
matters AS (
  SELECT
    e.building_key,
    COUNT(*) FILTER (WHERE e.feed IN ('ticket', 'petition', 'grid_event')) AS issues,
    COUNT(*) FILTER (
      WHERE e.feed IN ('ticket', 'petition', 'grid_event') AND e.reported_on > CAST(c.as_of_date - INTERVAL 90 DAY AS DATE)
    ) AS issues_90_days,
    COUNT(*) FILTER (WHERE e.feed IN ('ticket', 'petition', 'grid_event') AND e.status IS NOT NULL AND NOT e.is_done) AS open_issues,
    COUNT(*) FILTER (WHERE e.feed = 'hazard') AS hazards,
    COUNT(*) FILTER (WHERE e.feed = 'hazard' AND e.status IS NOT NULL AND NOT e.is_done) AS open_hazards,
    COUNT(*) FILTER (WHERE e.feed = 'device_reading') AS device_alarms,
    MAX(e.reported_at) FILTER (WHERE e.feed IN ('ticket', 'petition', 'grid_event')) AS last_issue_at
  FROM event.event AS e CROSS JOIN run.clock AS c
  WHERE e.building_key IS NOT NULL
  GROUP BY e.building_key
)
SELECT
  b.building_key,
  b.name,
  b.path,
  b.community_key,
  b.district,
  b.street,
  b.community,
  b."use",
  b.storeys,
  b.houses,
  b.grid_code,
  b.lng,
  b.lat,
  COALESCE(h.households, 0) AS households,
  COALESCE(r.residents, 0) AS residents,
  COALESCE(r.floating_residents, 0) AS floating_residents,
  COALESCE(h.rented_households, 0) AS rented_households,
  COALESCE(o.enterprises, 0) AS enterprises,
  COALESCE(f.facilities, 0) AS facilities,
  COALESCE(d.devices, 0) AS devices,
  COALESCE(m.issues, 0) AS issues,
  COALESCE(m.issues_90_days, 0) AS issues_90_days,
  COALESCE(m.open_issues, 0) AS open_issues,
  COALESCE(m.hazards, 0) AS hazards,
  COALESCE(m.open_hazards, 0) AS open_hazards,
  COALESCE(m.device_alarms, 0) AS device_alarms,
  m.last_issue_at
FROM place.building AS b
LEFT JOIN households AS h ON h.building_key = b.building_key
LEFT JOIN residents AS r ON r.building_key = b.building_key
LEFT JOIN enterprises AS o ON o.building_key = b.building_key
LEFT JOIN facilities AS f ON f.building_key = b.building_key
LEFT JOIN devices AS d ON d.building_key = b.building_key
LEFT JOIN matters AS m ON m.building_key = b.building_key
ORDER BY b.building_key
