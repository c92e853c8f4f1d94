-- Every tag and every term that a rule over people names (a kind of residence, a tenure, an age), and who meets it. Rules are then joins.
WITH rules AS (
  SELECT eligibility AS rule_text FROM district.service_item WHERE eligibility IS NOT NULL
  UNION
  SELECT terms AS rule_text FROM district.population_rule
  UNION
  SELECT tag AS rule_text FROM person.person_tag
),
terms AS (
  SELECT DISTINCT REPLACE(term, ' ', '') AS term
  FROM (
    SELECT UNNEST(STRING_SPLIT(REPLACE(REPLACE(REPLACE(rule_text, '；', '&'), ';', '&'), '|', '&'), '&')) AS term FROM rules
  ) AS split
),
ages AS (
  SELECT
    term,
    CASE WHEN term LIKE 'age>=%' THEN TRY_CAST(SUBSTR(term, 6) AS BIGINT) END AS from_age,
    CASE WHEN term LIKE 'age<%' THEN TRY_CAST(SUBSTR(term, 5) AS BIGINT) END AS below_age
  FROM terms
  WHERE term LIKE 'age%'
),
people AS (
  SELECT p.person_key, l.age, l.residence_kind, l.tenure
  FROM person.person AS p JOIN subject.household_ledger AS l ON l.record_key = p.record_key
),
facts AS (
  SELECT person_key, tag AS term FROM person.person_tag
  UNION
  SELECT person_key, residence_kind AS term FROM people WHERE residence_kind IS NOT NULL
  UNION
  SELECT person_key, tenure AS term FROM people WHERE tenure IS NOT NULL
  UNION
  SELECT p.person_key, a.term FROM people AS p JOIN ages AS a ON p.age >= a.from_age OR p.age < a.below_age
)
SELECT f.person_key, f.term
FROM facts AS f JOIN terms AS t ON t.term = f.term
ORDER BY f.person_key, f.term
