-- Age is counted in full years on the as-of day. Sixty is the age from which the law on the rights of the elderly speaks of them.
WITH entries AS (
  SELECT
    h.person_key, h.household_key, h.birth_date, h.care_tags, h.record_key, h.delivery, h.source_row,
    DATE_DIFF('year', h.birth_date, c.as_of_date)
    - CASE
      WHEN EXTRACT(MONTH FROM h.birth_date) * 100 + EXTRACT(DAY FROM h.birth_date)
        > EXTRACT(MONTH FROM c.as_of_date) * 100 + EXTRACT(DAY FROM c.as_of_date) THEN 1
      ELSE 0
    END AS age
  FROM restricted.household AS h CROSS JOIN run.clock AS c
),
sizes AS (
  SELECT household_key, COUNT(DISTINCT person_key) AS members FROM entries GROUP BY household_key
),
tags AS (
  SELECT person_key, TRIM(tag) AS tag, 'register' AS origin, record_key, delivery, source_row
  FROM (
    SELECT person_key, UNNEST(STRING_SPLIT(REPLACE(care_tags, '；', ';'), ';')) AS tag, record_key, delivery, source_row
    FROM entries
    WHERE care_tags IS NOT NULL
  ) AS split
  UNION ALL
  SELECT person_key, 'elderly' AS tag, 'derived' AS origin, record_key, delivery, source_row FROM entries WHERE age >= 60
  UNION ALL
  SELECT person_key, 'minor' AS tag, 'derived' AS origin, record_key, delivery, source_row FROM entries WHERE age < 18
  UNION ALL
  SELECT e.person_key, 'living_alone' AS tag, 'derived' AS origin, e.record_key, e.delivery, e.source_row
  FROM entries AS e JOIN sizes AS s ON s.household_key = e.household_key
  WHERE s.members = 1
),
first_tags AS (
  SELECT
    person_key, tag, origin, record_key, delivery, source_row,
    ROW_NUMBER() OVER (PARTITION BY person_key, tag ORDER BY origin DESC, record_key) AS place
  FROM tags
  WHERE tag <> ''
)
SELECT t.person_key, t.tag, t.origin, l.community_key, t.record_key, t.delivery, t.source_row
FROM first_tags AS t LEFT JOIN place.location_link AS l ON l.feed = 'household' AND l.record_key = t.record_key
WHERE t.place = 1
ORDER BY t.person_key, t.tag
