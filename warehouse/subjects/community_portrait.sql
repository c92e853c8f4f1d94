WITH households AS (
  SELECT community_key, COUNT(*) AS households FROM person.household WHERE community_key IS NOT NULL GROUP BY community_key
),
residents AS (
  SELECT
    community_key, COUNT(DISTINCT person_key) AS residents,
    COUNT(DISTINCT CASE WHEN residence_kind = 'floating' THEN person_key END) AS floating_residents
  FROM person.residence
  WHERE community_key IS NOT NULL
  GROUP BY community_key
),
-- Already without small groups: a count that is missing is zero or too small to be shown.
care AS (
  SELECT
    community_key,
    MAX(CASE WHEN care = 'elderly' THEN people END) AS elderly,
    MAX(CASE WHEN care = 'elderly_alone' THEN people END) AS elderly_alone,
    MAX(CASE WHEN care = 'minor' THEN people END) AS minors,
    MAX(CASE WHEN care = 'disabled' THEN people END) AS disabled,
    MAX(CASE WHEN care = 'low_income' THEN people END) AS low_income,
    MAX(CASE WHEN care = 'chronic_illness' THEN people END) AS chronic_illness,
    MAX(CASE WHEN care = 'registered' THEN people END) AS care_people
  FROM person.care_count
  GROUP BY community_key
),
enterprises AS (
  SELECT community_key, COUNT(*) AS enterprises
  FROM organization.enterprise
  WHERE community_key IS NOT NULL AND COALESCE(status, 'open') = 'open'
  GROUP BY community_key
),
facilities AS (
  SELECT
    community_key, COUNT(*) FILTER (WHERE COALESCE(state, 'good') <> 'abolished') AS facilities,
    COUNT(*) FILTER (WHERE state IN ('damaged', 'lost')) AS damaged_facilities
  FROM thing.facility
  WHERE community_key IS NOT NULL
  GROUP BY community_key
),
devices AS (
  SELECT community_key, COUNT(*) AS devices FROM thing.device WHERE community_key IS NOT NULL GROUP BY community_key
),
visits AS (
  SELECT v.community_key, COUNT(*) AS visits_30_days
  FROM person.visit AS v CROSS JOIN run.clock AS c
  WHERE v.community_key IS NOT NULL AND v.visited_at > c.as_of - INTERVAL 30 DAY
  GROUP BY v.community_key
),
reports AS (
  SELECT
    e.event_id, e.community_key, e.feed, e.category_key, e.status IS NOT NULL AND NOT e.is_done AS is_open,
    DATE_DIFF('day', e.reported_on, c.as_of_date) AS days_ago
  FROM event.event AS e CROSS JOIN run.clock AS c
  WHERE e.community_key IS NOT NULL
),
matters AS (
  SELECT
    community_key,
    COUNT(*) FILTER (WHERE feed IN ('ticket', 'petition', 'grid_event') AND days_ago < 365) AS issues_365_days,
    COUNT(*) FILTER (WHERE feed IN ('ticket', 'petition', 'grid_event') AND days_ago < 30) AS issues_30_days,
    COUNT(*) FILTER (WHERE feed IN ('ticket', 'petition', 'grid_event') AND is_open) AS open_issues,
    COUNT(*) FILTER (WHERE feed = 'hazard' AND is_open) AS open_hazards,
    COUNT(*) FILTER (WHERE feed = 'device_reading' AND days_ago < 30) AS device_alarms_30_days
  FROM reports
  GROUP BY community_key
),
answers AS (
  SELECT r.community_key, COUNT(*) AS answers, COUNT(*) FILTER (WHERE s.is_satisfied) AS satisfied
  FROM sentiment.satisfaction AS s JOIN reports AS r ON r.event_id = s.event_id
  WHERE s.score IS NOT NULL AND r.days_ago < 365
  GROUP BY r.community_key
),
categories AS (
  SELECT community_key, category_key, COUNT(*) AS reports
  FROM reports
  WHERE feed IN ('ticket', 'petition', 'grid_event') AND days_ago < 365 AND category_key IS NOT NULL
  GROUP BY community_key, category_key
),
top_categories AS (
  SELECT community_key, category_key, ROW_NUMBER() OVER (PARTITION BY community_key ORDER BY reports DESC, category_key) AS place FROM categories
)
SELECT
  p.community_key,
  p.name,
  p.code,
  p.district,
  p.street,
  p.neighbourhoods,
  p.buildings,
  p.houses,
  p.grid_cells,
  COALESCE(h.households, 0) AS households,
  COALESCE(r.residents, 0) AS residents,
  COALESCE(r.floating_residents, 0) AS floating_residents,
  k.elderly,
  k.elderly_alone,
  k.minors,
  k.disabled,
  k.low_income,
  k.chronic_illness,
  k.care_people,
  COALESCE(o.enterprises, 0) AS enterprises,
  COALESCE(f.facilities, 0) AS facilities,
  COALESCE(f.damaged_facilities, 0) AS damaged_facilities,
  COALESCE(d.devices, 0) AS devices,
  COALESCE(m.issues_365_days, 0) AS issues_365_days,
  COALESCE(m.issues_30_days, 0) AS issues_30_days,
  COALESCE(m.open_issues, 0) AS open_issues,
  COALESCE(m.open_hazards, 0) AS open_hazards,
  COALESCE(m.device_alarms_30_days, 0) AS device_alarms_30_days,
  COALESCE(v.visits_30_days, 0) AS visits_30_days,
  CAST(ROUND(a.satisfied * 100 / NULLIF(a.answers, 0), 1) AS DECIMAL(5, 1)) AS satisfaction_pct,
  c.category_key AS top_category
FROM place.community AS p
LEFT JOIN households AS h ON h.community_key = p.community_key
LEFT JOIN residents AS r ON r.community_key = p.community_key
LEFT JOIN care AS k ON k.community_key = p.community_key
LEFT JOIN enterprises AS o ON o.community_key = p.community_key
LEFT JOIN facilities AS f ON f.community_key = p.community_key
LEFT JOIN devices AS d ON d.community_key = p.community_key
LEFT JOIN matters AS m ON m.community_key = p.community_key
LEFT JOIN visits AS v ON v.community_key = p.community_key
LEFT JOIN answers AS a ON a.community_key = p.community_key
LEFT JOIN top_categories AS c ON c.community_key = p.community_key AND c.place = 1
ORDER BY p.community_key
