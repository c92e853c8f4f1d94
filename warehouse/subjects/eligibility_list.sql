-- A rule is alternatives separated by ;, each of them terms joined by & that must all hold. A service for everyone (age>=0) needs no list.
WITH alternatives AS (
  SELECT item_code, name, at_home, TRIM(alternative) AS alternative
  FROM (
    SELECT item_code, name, at_home, UNNEST(STRING_SPLIT(REPLACE(REPLACE(eligibility, '；', ';'), '|', ';'), ';')) AS alternative
    FROM organization.service_item
    WHERE eligibility IS NOT NULL
  ) AS split
  WHERE REPLACE(alternative, ' ', '') NOT IN ('', 'age>=0')
),
terms AS (
  SELECT DISTINCT item_code, name, at_home, alternative, term
  FROM (
    SELECT item_code, name, at_home, alternative, UNNEST(STRING_SPLIT(REPLACE(alternative, ' ', ''), '&')) AS term FROM alternatives
  ) AS split
),
needed AS (
  SELECT item_code, alternative, COUNT(*) AS terms FROM terms GROUP BY item_code, alternative
),
met AS (
  SELECT t.item_code, t.name, t.at_home, t.alternative, p.person_key, COUNT(*) AS terms
  FROM terms AS t JOIN person.person_term AS p ON p.term = t.term
  GROUP BY t.item_code, t.name, t.at_home, t.alternative, p.person_key
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
  l.household_key,
  e.met_by,
  e.at_home,
  l.address_key,
  l.community_key,
  l.community
FROM eligible AS e
JOIN person.person AS p ON p.person_key = e.person_key
JOIN subject.household_ledger AS l ON l.record_key = p.record_key
ORDER BY e.item_code, e.person_key
