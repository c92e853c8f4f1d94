WITH tenants AS (
  SELECT
    building_key, COUNT(DISTINCT household_key) AS rented_households, COUNT(DISTINCT address_key) AS rented_houses,
    COUNT(DISTINCT person_key) AS tenants
  FROM person.residence
  WHERE tenure = 'tenant' AND building_key IS NOT NULL
  GROUP BY building_key
),
visits AS (
  SELECT r.building_key, MAX(v.visited_at) AS last_visited_at
  FROM person.visit AS v JOIN person.household AS r ON r.household_key = v.household_key
  WHERE v.result = 'met' AND r.tenure = 'tenant' AND r.building_key IS NOT NULL
  GROUP BY r.building_key
),
hazards AS (
  SELECT
    building_key, COUNT(*) AS open_hazards, COUNT(*) FILTER (WHERE grade = 'major') AS major_hazards
  FROM event.event
  WHERE feed = 'hazard' AND building_key IS NOT NULL AND status IS NOT NULL AND NOT is_done
  GROUP BY building_key
),
issues AS (
  SELECT e.building_key, COUNT(*) AS issues_365_days
  FROM event.event AS e CROSS JOIN run.clock AS c
  WHERE
    e.building_key IS NOT NULL AND e.feed IN ('ticket', 'petition', 'grid_event') AND DATE_DIFF('day', e.reported_on, c.as_of_date) < 365
  GROUP BY e.building_key
),
measured AS (
  SELECT
    t.building_key, t.rented_households, t.rented_houses, t.tenants, t.tenants // t.rented_houses AS tenants_per_house,
    COALESCE(h.open_hazards, 0) AS open_hazards, COALESCE(h.major_hazards, 0) AS major_hazards,
    COALESCE(i.issues_365_days, 0) AS issues_365_days, v.last_visited_at,
    -- A building where nobody was ever met has been unvisited for longer than any rule asks.
    COALESCE(DATE_DIFF('day', CAST(v.last_visited_at AS DATE), c.as_of_date), 99999) AS days_unvisited
  FROM tenants AS t
  CROSS JOIN run.clock AS c
  LEFT JOIN visits AS v ON v.building_key = t.building_key
  LEFT JOIN hazards AS h ON h.building_key = t.building_key
  LEFT JOIN issues AS i ON i.building_key = t.building_key
),
graded AS (
  SELECT
    m.building_key, r.grade, r.title_zh, r.measure, r.visit_days,
    ROW_NUMBER() OVER (PARTITION BY m.building_key ORDER BY r.rank, r.measure) AS place
  FROM measured AS m
  JOIN district.grade_rule AS r
    ON r.amount <= CASE r.measure
      WHEN 'tenants' THEN m.tenants
      WHEN 'tenants_per_house' THEN m.tenants_per_house
      WHEN 'open_hazards' THEN m.open_hazards
      WHEN 'major_hazards' THEN m.major_hazards
      WHEN 'issues_365_days' THEN m.issues_365_days
      WHEN 'days_unvisited' THEN m.days_unvisited
      WHEN 'any' THEN r.amount
    END
)
SELECT
  m.building_key,
  b.path,
  b.community_key,
  b.street,
  b.community,
  b.grid_code,
  m.rented_households,
  m.rented_houses,
  m.tenants,
  m.tenants_per_house,
  m.open_hazards,
  m.major_hazards,
  m.issues_365_days,
  m.last_visited_at,
  g.grade,
  g.title_zh AS grade_zh,
  g.measure AS graded_by,
  g.visit_days,
  g.visit_days IS NOT NULL AND m.days_unvisited >= g.visit_days AS is_visit_due
FROM measured AS m
LEFT JOIN place.building AS b ON b.building_key = m.building_key
LEFT JOIN graded AS g ON g.building_key = m.building_key AND g.place = 1
ORDER BY m.building_key
