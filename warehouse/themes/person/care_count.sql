-- Counts by community alone leave the register here; below the smallest group that the district shows, no count does.
WITH entries AS (
  SELECT
    h.person_key, h.household_key, h.care_tags, l.community_key,
    DATE_DIFF('year', h.birth_date, c.as_of_date)
    - CASE
      WHEN EXTRACT(MONTH FROM h.birth_date) * 100 + EXTRACT(DAY FROM h.birth_date)
        > EXTRACT(MONTH FROM c.as_of_date) * 100 + EXTRACT(DAY FROM c.as_of_date) THEN 1
      ELSE 0
    END AS age
  FROM restricted.household AS h
  CROSS JOIN run.clock AS c
  JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = h.record_key
  WHERE l.community_key IS NOT NULL
),
alone AS (
  SELECT household_key FROM entries GROUP BY household_key HAVING COUNT(DISTINCT person_key) = 1
),
tagged AS (
  SELECT community_key, person_key, 'elderly' AS care FROM entries WHERE age >= 60
  UNION ALL
  SELECT e.community_key, e.person_key, 'elderly_alone' AS care
  FROM entries AS e JOIN alone AS a ON a.household_key = e.household_key
  WHERE e.age >= 60
  UNION ALL
  SELECT community_key, person_key, 'minor' AS care FROM entries WHERE age < 18
  UNION ALL
  SELECT community_key, person_key, 'registered' AS care FROM entries WHERE care_tags IS NOT NULL
  UNION ALL
  SELECT community_key, person_key, TRIM(tag) AS care
  FROM (
    SELECT community_key, person_key, UNNEST(STRING_SPLIT(REPLACE(care_tags, '；', ';'), ';')) AS tag FROM entries WHERE care_tags IS NOT NULL
  ) AS split
  WHERE TRIM(tag) NOT IN ('', 'elderly', 'minor', 'registered', 'living_alone')
),
counted AS (
  SELECT community_key, care, COUNT(DISTINCT person_key) AS people FROM tagged GROUP BY community_key, care
),
smallest AS (
  SELECT COALESCE(MAX(small_group), 5) AS small_group FROM district.profile
)
SELECT n.community_key, n.care, n.people
FROM counted AS n CROSS JOIN smallest AS s
WHERE n.people >= s.small_group
ORDER BY n.community_key, n.care
