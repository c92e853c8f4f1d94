-- What was said is held against the rows, and against what else was said of the same thing: a rate against the rate that two stated
-- numbers give, and one statement against another.
WITH months AS (
  SELECT
    f.figure, SUM(m.issues) AS issues, SUM(m.hazards) AS hazards, SUM(m.handled) AS handled, SUM(m.answers) AS answers,
    SUM(m.satisfied) AS satisfied, SUM(m.responded) AS responded, SUM(m.mean_response_days * m.responded) AS response_days
  FROM district.published_figure AS f
  JOIN subject.community_monthly_effect AS m
    ON m.month >= f.month_from AND m.month <= f.month_to AND (f.community = '*' OR f.community = m.community)
  GROUP BY f.figure
),
computed AS (
  SELECT
    f.figure, f.measure, f.community, f.month_from, f.month_to, f.amount, f.wording, f.synthetic,
    CAST(
      CASE f.measure
        WHEN 'issues' THEN COALESCE(m.issues, 0)
        WHEN 'hazards' THEN COALESCE(m.hazards, 0)
        WHEN 'handled' THEN COALESCE(m.handled, 0)
        WHEN 'response_days' THEN ROUND(m.response_days / NULLIF(m.responded, 0), 2)
        WHEN 'satisfaction_pct' THEN ROUND(m.satisfied * 100 / NULLIF(m.answers, 0), 1)
        WHEN 'handled_pct' THEN ROUND(m.handled * 100 / NULLIF(m.issues, 0), 1)
      END AS DECIMAL(12, 2)
    ) AS computed
  FROM district.published_figure AS f LEFT JOIN months AS m ON m.figure = f.figure
),
implied AS (
  SELECT
    h.community, h.month_from, h.month_to, 'handled_pct' AS measure, h.figure || '/' || i.figure AS said_by,
    CAST(ROUND(h.amount * 100 / NULLIF(i.amount, 0), 1) AS DECIMAL(12, 2)) AS amount
  FROM district.published_figure AS h
  JOIN district.published_figure AS i
    ON i.community = h.community AND i.month_from = h.month_from AND i.month_to = h.month_to AND i.measure = 'issues'
  WHERE h.measure = 'handled'
),
said AS (
  SELECT community, month_from, month_to, measure, figure AS said_by, amount FROM district.published_figure
  UNION ALL
  SELECT community, month_from, month_to, measure, said_by, amount FROM implied
),
contradictions AS (
  SELECT c.figure, STRING_AGG(s.said_by, ';' ORDER BY s.said_by) AS contradicted_by, MIN(s.amount) AS other_amount
  FROM computed AS c
  JOIN said AS s
    ON s.community = c.community
    AND s.month_from = c.month_from
    AND s.month_to = c.month_to
    AND s.measure = c.measure
    AND s.said_by <> c.figure
    AND s.amount <> c.amount
  GROUP BY c.figure
)
SELECT
  c.figure,
  c.measure,
  c.community,
  c.month_from,
  c.month_to,
  c.amount AS stated,
  c.computed,
  COALESCE(c.amount = c.computed, FALSE) AS agrees,
  x.contradicted_by,
  x.other_amount,
  c.wording,
  COALESCE(c.synthetic, FALSE) AS synthetic
FROM computed AS c LEFT JOIN contradictions AS x ON x.figure = c.figure
ORDER BY c.figure
