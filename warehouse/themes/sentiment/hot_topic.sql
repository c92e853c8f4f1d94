WITH counted AS (
  SELECT
    CAST(DATE_TRUNC('week', reported_on) AS DATE) AS week,
    community_key,
    category_key,
    COUNT(*) AS reports,
    COUNT(DISTINCT reporter_key) AS reporters
  FROM event.event
  WHERE feed IN ('ticket', 'petition', 'grid_event') AND community_key IS NOT NULL AND category_key IS NOT NULL
  GROUP BY CAST(DATE_TRUNC('week', reported_on) AS DATE), community_key, category_key
),
-- Weeks without a report count as zero, hence a range over week numbers and a division by four.
compared AS (
  SELECT
    week,
    community_key,
    category_key,
    reports,
    reporters,
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
)
SELECT
  week,
  community_key,
  category_key,
  reports,
  CAST(former_reports / 4 AS DECIMAL(12, 2)) AS usual,
  CAST(ROUND(reports * 4 / (former_reports + 4), 3) AS DECIMAL(12, 3)) AS weight,
  reporters
FROM compared
WHERE reports >= 3 AND reports * 4 >= 2 * former_reports
ORDER BY week, community_key, category_key
