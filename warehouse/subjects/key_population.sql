WITH people AS (
  SELECT
    person_key,
    STRING_AGG(tag, ';' ORDER BY tag) AS tags,
    COUNT(*) AS tag_count,
    COUNT(*) FILTER (WHERE origin = 'register') AS registered,
    COUNT(*) FILTER (WHERE tag IN ('elderly', 'living_alone')) AS elderly_and_alone
  FROM person.person_tag
  GROUP BY person_key
),
visits AS (
  SELECT
    v.household_key,
    MAX(CASE WHEN v.result = 'met' THEN v.visited_at END) AS last_visited_at,
    COUNT(*) FILTER (WHERE v.visited_at > c.as_of - INTERVAL 90 DAY) AS visits_90_days
  FROM person.visit AS v CROSS JOIN run.clock AS c
  WHERE v.household_key IS NOT NULL
  GROUP BY v.household_key
)
SELECT
  p.person_key,
  p.tags,
  p.tag_count,
  r.household_key,
  r.address_key,
  r.building_key,
  r.community_key,
  r.community,
  v.last_visited_at,
  COALESCE(v.visits_90_days, 0) AS visits_90_days,
  v.last_visited_at IS NULL OR v.last_visited_at <= c.as_of - INTERVAL 30 DAY AS is_visit_due
FROM people AS p
CROSS JOIN run.clock AS c
JOIN person.person AS n ON n.person_key = p.person_key
JOIN person.residence AS r ON r.record_key = n.record_key
LEFT JOIN visits AS v ON v.household_key = r.household_key
WHERE p.registered > 0 OR p.elderly_and_alone = 2
ORDER BY p.person_key
