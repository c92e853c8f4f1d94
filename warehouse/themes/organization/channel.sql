WITH names AS (
  SELECT channel AS name, channel FROM district.channel
  UNION
  SELECT TRIM(alias) AS name, channel
  FROM (
    SELECT channel, UNNEST(STRING_SPLIT(REPLACE(aliases, '；', ';'), ';')) AS alias
    FROM district.channel
    WHERE aliases IS NOT NULL
  ) AS split
  WHERE TRIM(alias) <> ''
),
delivered AS (
  SELECT
    COALESCE(n.channel, e.channel) AS channel, COUNT(*) AS events, COUNT(DISTINCT e.feed) AS feeds, MIN(e.reported_at) AS first_reported_at,
    MAX(e.reported_at) AS last_reported_at
  FROM event.event AS e LEFT JOIN names AS n ON n.name = e.channel
  GROUP BY COALESCE(n.channel, e.channel)
),
channels AS (
  SELECT channel FROM district.channel
  UNION
  SELECT channel FROM delivered
)
SELECT
  c.channel,
  l.channel_group,
  l.owner,
  l.aliases,
  CASE WHEN l.channel IS NOT NULL THEN 'district' ELSE 'feed' END AS origin,
  COALESCE(d.feeds, 0) AS feeds,
  COALESCE(d.events, 0) AS events,
  d.first_reported_at,
  d.last_reported_at,
  COALESCE(l.synthetic, FALSE) AS synthetic
FROM channels AS c
LEFT JOIN district.channel AS l ON l.channel = c.channel
LEFT JOIN delivered AS d ON d.channel = c.channel
ORDER BY c.channel
