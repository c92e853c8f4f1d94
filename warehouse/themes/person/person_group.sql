-- Alternatives are separated by ;, terms joined by & must all hold. A district without rules looks after those whom a register tags, and
-- the elderly who live alone.
WITH rules AS (
  SELECT rule, title_zh, terms, ledger_zh, visit_days FROM district.population_rule
  UNION ALL
  SELECT g.rule, g.title_zh, g.terms, g.title_zh || '台账' AS ledger_zh, 30 AS visit_days
  FROM (
    SELECT 'elderly_alone' AS rule, '独居老人' AS title_zh, 'elderly&living_alone;elderly_alone' AS terms
    UNION ALL
    SELECT tag AS rule, tag AS title_zh, tag AS terms
    FROM person.person_tag
    WHERE origin = 'register' AND tag <> 'elderly_alone'
    GROUP BY tag
  ) AS g
  WHERE (SELECT COUNT(*) FROM district.population_rule) = 0
),
alternatives AS (
  SELECT rule, alternative
  FROM (
    SELECT rule, UNNEST(STRING_SPLIT(REPLACE(REPLACE(REPLACE(terms, ' ', ''), '；', ';'), '|', ';'), ';')) AS alternative FROM rules
  ) AS split
  WHERE alternative <> ''
),
terms AS (
  SELECT DISTINCT rule, alternative, term
  FROM (SELECT rule, alternative, UNNEST(STRING_SPLIT(alternative, '&')) AS term FROM alternatives) AS split
),
needed AS (
  SELECT rule, alternative, COUNT(*) AS terms FROM terms GROUP BY rule, alternative
),
met AS (
  SELECT t.rule, t.alternative, p.person_key, COUNT(*) AS terms
  FROM terms AS t JOIN person.person_term AS p ON p.term = t.term
  GROUP BY t.rule, t.alternative, p.person_key
),
groups AS (
  SELECT m.person_key, m.rule, STRING_AGG(m.alternative, ';' ORDER BY m.alternative) AS met_by
  FROM met AS m JOIN needed AS n ON n.rule = m.rule AND n.alternative = m.alternative AND n.terms = m.terms
  GROUP BY m.person_key, m.rule
)
SELECT g.person_key, g.rule, r.title_zh AS rule_zh, r.ledger_zh, g.met_by, r.visit_days, p.community_key
FROM groups AS g
JOIN rules AS r ON r.rule = g.rule
JOIN person.person AS p ON p.person_key = g.person_key
ORDER BY g.person_key, g.rule
