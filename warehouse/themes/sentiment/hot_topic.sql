WITH reports AS (
  SELECT
    CAST(DATE_TRUNC('week', e.reported_on) AS DATE) AS week, e.community_key, e.category_key, e.reporter_key, e.event_id, c.matter_id
  FROM event.event AS e LEFT JOIN event.event_cluster AS c ON c.event_id = e.event_id
  WHERE e.feed IN ('ticket', 'petition', 'grid_event') AND e.community_key IS NOT NULL AND e.category_key IS NOT NULL
),
counted AS (
  SELECT
    week, community_key, category_key, COUNT(*) AS reports, COUNT(DISTINCT reporter_key) AS reporters,
    COUNT(DISTINCT COALESCE(matter_id, event_id)) AS matters
  FROM reports
  GROUP BY week, community_key, category_key
),
-- Weeks without a report count as zero, hence a range over week numbers and a division by four.
compared AS (
  SELECT
    week,
    community_key,
    category_key,
    reports,
    reporters,
    matters,
    CAST(
      COALESCE(
        SUM(reports) OVER (
          PARTITION BY community_key, category_key
          ORDER BY DATE_DIFF('day', DATE '1970-01-05', week) // 7
          RANGE BETWEEN 4 PRECEDING AND 1 PRECEDING
        ),
        0
      ) AS BIGINT
    ) AS former_reports
  FROM counted
),
-- The matter that most of the week's reports were about.
in_matter AS (
  SELECT week, community_key, category_key, matter_id, COUNT(*) AS reports
  FROM reports
  WHERE matter_id IS NOT NULL
  GROUP BY week, community_key, category_key, matter_id
),
ranked AS (
  SELECT
    week, community_key, category_key, matter_id, reports,
    ROW_NUMBER() OVER (PARTITION BY week, community_key, category_key ORDER BY reports DESC, matter_id) AS place
  FROM in_matter
)
SELECT
  h.week,
  h.community_key,
  h.category_key,
  h.reports,
  CAST(h.former_reports / 4 AS DECIMAL(12, 2)) AS usual,
  CAST(ROUND(h.reports * 4 / (h.former_reports + 4), 3) AS DECIMAL(12, 3)) AS weight,
  h.reporters,
  h.matters,
  m.matter_id AS top_matter_id,
  m.reports AS top_matter_reports
FROM compared AS h
LEFT JOIN ranked AS m
  ON m.week = h.week AND m.community_key = h.community_key AND m.category_key = h.category_key AND m.place = 1
WHERE h.reports >= 3 AND h.reports * 4 >= 2 * h.former_reports
ORDER BY h.week, h.community_key, h.category_key
