-- A rule is alternatives separated by ;, each of them terms joined by & that must all hold. A service for everyone (age>=0) needs no list.
WITH alternatives AS (
  SELECT item_code, name, at_home, TRIM(alternative) AS alternative
  FROM (
    SELECT item_code, name, at_home, UNNEST(STRING_SPLIT(REPLACE(REPLACE(eligibility, '；', ';'), '|', ';'), ';')) AS alternative
    FROM organization.service_item
    WHERE eligibility IS NOT NULL
  ) AS split
),
terms AS (
  SELECT DISTINCT item_code, name, at_home, alternative, TRIM(term) AS term
  FROM (
    SELECT item_code, name, at_home, alternative, UNNEST(STRING_SPLIT(alternative, '&')) AS term
    FROM alternatives
    WHERE alternative <> '' AND REPLACE(alternative, ' ', '') <> 'age>=0'
  ) AS split
),
needed AS (
  SELECT item_code, alternative, COUNT(*) AS terms FROM terms GROUP BY item_code, alternative
),
people AS (
  SELECT l.person_key, l.household_key, l.age, l.residence_kind, l.tenure, l.address_key, l.community_key, l.community
  FROM person.person AS p JOIN subject.household_ledger AS l ON l.record_key = p.record_key
),
ages AS (
  SELECT
    term,
    CASE WHEN REPLACE(term, ' ', '') LIKE 'age>=%' THEN TRY_CAST(SUBSTR(REPLACE(term, ' ', ''), 6) AS BIGINT) END AS from_age,
    CASE WHEN REPLACE(term, ' ', '') LIKE 'age<%' THEN TRY_CAST(SUBSTR(REPLACE(term, ' ', ''), 5) AS BIGINT) END AS below_age
  FROM (SELECT DISTINCT term FROM terms WHERE term LIKE 'age%') AS distinct_terms
),
facts AS (
  SELECT person_key, tag AS term FROM person.person_tag
  UNION
  SELECT person_key, residence_kind AS term FROM people WHERE residence_kind IS NOT NULL
  UNION
  SELECT person_key, tenure AS term FROM people WHERE tenure IS NOT NULL
  UNION
  SELECT p.person_key, a.term FROM people AS p JOIN ages AS a ON p.age >= a.from_age OR p.age < a.below_age
),
met AS (
  SELECT t.item_code, t.name, t.at_home, t.alternative, f.person_key, COUNT(*) AS terms
  FROM terms AS t JOIN facts AS f ON f.term = t.term
  GROUP BY t.item_code, t.name, t.at_home, t.alternative, f.person_key
),
eligible AS (
  SELECT m.item_code, m.name, m.at_home, m.person_key, STRING_AGG(m.alternative, ';' ORDER BY m.alternative) AS met_by
  FROM met AS m JOIN needed AS n ON n.item_code = m.item_code AND n.alternative = m.alternative AND n.terms = m.terms
  GROUP BY m.item_code, m.name, m.at_home, m.person_key
)
SELECT
  e.item_code,
  e.person_key,
  e.name AS item,
  p.household_key,
  e.met_by,
  e.at_home,
  p.address_key,
  p.community_key,
  p.community
FROM eligible AS e JOIN people AS p ON p.person_key = e.person_key
ORDER BY e.item_code, e.person_key
