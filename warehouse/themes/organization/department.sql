WITH listed AS (
  SELECT department_code, name, kind, parent_code, aliases, credit_code, COALESCE(synthetic, FALSE) AS synthetic FROM district.department
),
known_names AS (
  SELECT name FROM listed
  UNION
  SELECT TRIM(alias) AS name
  FROM (SELECT UNNEST(STRING_SPLIT(REPLACE(aliases, '；', ';'), ';')) AS alias FROM listed WHERE aliases IS NOT NULL) AS split
),
delivered AS (
  SELECT department_delivered AS name FROM event.ticket WHERE department_delivered IS NOT NULL
  UNION
  SELECT department_delivered AS name FROM event.petition WHERE department_delivered IS NOT NULL
  UNION
  SELECT department_delivered AS name FROM event.grid_event WHERE department_delivered IS NOT NULL
  UNION
  SELECT department_delivered AS name FROM event.hazard WHERE department_delivered IS NOT NULL
),
unlisted AS (
  SELECT d.name FROM delivered AS d LEFT JOIN known_names AS k ON k.name = d.name WHERE k.name IS NULL
),
departments AS (
  SELECT department_code, name, kind, parent_code, aliases, credit_code, 'district' AS origin, synthetic FROM listed
  UNION ALL
  SELECT
    '~' || name AS department_code, name, NULL AS kind, NULL AS parent_code, NULL AS aliases, NULL AS credit_code, 'feed' AS origin,
    FALSE AS synthetic
  FROM unlisted
)
SELECT department_code, name, kind, parent_code, aliases, credit_code, origin, synthetic
FROM departments
ORDER BY department_code
