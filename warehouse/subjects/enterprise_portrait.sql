WITH hazards AS (
  SELECT
    h.credit_code,
    COUNT(*) AS hazards,
    COUNT(*) FILTER (WHERE h.grade = 'major') AS major_hazards,
    COUNT(*) FILTER (WHERE h.status IS NOT NULL AND h.status NOT IN ('handled', 'checked', 'closed')) AS open_hazards,
    COUNT(*) FILTER (
      WHERE h.status IS NOT NULL AND h.status NOT IN ('handled', 'checked', 'closed') AND h.remove_by < c.as_of_date
    ) AS overdue_hazards,
    MAX(h.reported_at) AS last_hazard_at
  FROM event.hazard AS h CROSS JOIN run.clock AS c
  WHERE h.credit_code IS NOT NULL
  GROUP BY h.credit_code
),
neighbours AS (
  SELECT building_key, COUNT(*) AS entities
  FROM organization.enterprise
  WHERE building_key IS NOT NULL AND COALESCE(status, 'open') = 'open'
  GROUP BY building_key
),
issues AS (
  SELECT e.building_key, COUNT(*) AS issues
  FROM event.event AS e CROSS JOIN run.clock AS c
  WHERE
    e.building_key IS NOT NULL AND e.feed IN ('ticket', 'petition', 'grid_event') AND DATE_DIFF('day', e.reported_on, c.as_of_date) < 365
  GROUP BY e.building_key
)
SELECT
  o.org_key,
  o.name,
  o.kind,
  o.industry,
  o.status,
  o.founded_on,
  o.staff,
  o.safety_grade,
  o.address_key,
  o.building_key,
  o.community_key,
  o.district,
  o.street,
  o.community,
  COALESCE(n.entities, 0) AS entities_in_building,
  COALESCE(h.hazards, 0) AS hazards,
  COALESCE(h.major_hazards, 0) AS major_hazards,
  COALESCE(h.open_hazards, 0) AS open_hazards,
  COALESCE(h.overdue_hazards, 0) AS overdue_hazards,
  h.last_hazard_at,
  COALESCE(i.issues, 0) AS building_issues_365_days
FROM organization.enterprise AS o
LEFT JOIN hazards AS h ON h.credit_code = o.credit_code
LEFT JOIN neighbours AS n ON n.building_key = o.building_key
LEFT JOIN issues AS i ON i.building_key = o.building_key
ORDER BY o.org_key
