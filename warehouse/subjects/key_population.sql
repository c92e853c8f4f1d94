WITH people AS (
  SELECT
    person_key, STRING_AGG(rule, ';' ORDER BY rule) AS groups, STRING_AGG(rule_zh, ';' ORDER BY rule) AS groups_zh, COUNT(*) AS group_count,
    MIN(visit_days) AS visit_days
  FROM person.person_group
  GROUP BY person_key
),
tags AS (
  SELECT person_key, STRING_AGG(tag, ';' ORDER BY tag) AS tags, COUNT(*) AS tag_count FROM person.person_tag GROUP BY person_key
),
visits AS (
  SELECT
    v.household_key,
    MAX(CASE WHEN v.result = 'met' THEN v.visited_at END) AS last_visited_at,
    COUNT(*) FILTER (WHERE v.visited_at > c.as_of - INTERVAL 90 DAY) AS visits_90_days
  FROM person.visit AS v CROSS JOIN run.clock AS c
  WHERE v.household_key IS NOT NULL
  GROUP BY v.household_key
),
-- A phone that several people gave says nothing about one of them.
phones AS (
  SELECT phone_key, MIN(person_key) AS person_key FROM person.person WHERE phone_key IS NOT NULL GROUP BY phone_key HAVING COUNT(*) = 1
),
reports AS (
  SELECT
    p.person_key, COUNT(*) AS issues_365_days, COUNT(*) FILTER (WHERE e.status IS NOT NULL AND NOT e.is_done) AS open_issues
  FROM event.event AS e
  JOIN phones AS p ON p.phone_key = e.reporter_key
  CROSS JOIN run.clock AS c
  WHERE e.feed IN ('ticket', 'petition') AND DATE_DIFF('day', e.reported_on, c.as_of_date) < 365
  GROUP BY p.person_key
)
SELECT
  p.person_key,
  p.groups,
  p.groups_zh,
  p.group_count,
  t.tags,
  COALESCE(t.tag_count, 0) AS tag_count,
  r.household_key,
  h.members AS household_members,
  r.address_key,
  r.building_key,
  r.community_key,
  r.community,
  COALESCE(e.issues_365_days, 0) AS issues_365_days,
  COALESCE(e.open_issues, 0) AS open_issues,
  v.last_visited_at,
  COALESCE(v.visits_90_days, 0) AS visits_90_days,
  p.visit_days,
  p.visit_days IS NOT NULL
  AND (v.last_visited_at IS NULL OR DATE_DIFF('day', CAST(v.last_visited_at AS DATE), c.as_of_date) >= p.visit_days) AS is_visit_due
FROM people AS p
CROSS JOIN run.clock AS c
JOIN person.person AS n ON n.person_key = p.person_key
JOIN person.residence AS r ON r.record_key = n.record_key
JOIN person.household AS h ON h.household_key = r.household_key
LEFT JOIN tags AS t ON t.person_key = p.person_key
LEFT JOIN visits AS v ON v.household_key = r.household_key
LEFT JOIN reports AS e ON e.person_key = p.person_key
ORDER BY p.person_key
