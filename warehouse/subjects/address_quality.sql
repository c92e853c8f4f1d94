WITH counted AS (
  SELECT
    feed,
    COALESCE(address_level, '-') AS address_level,
    link_outcome,
    COALESCE(link_method, '-') AS link_method,
    COUNT(*) AS records,
    COUNT(community_key) AS with_community
  FROM place.location_link
  GROUP BY feed, COALESCE(address_level, '-'), link_outcome, COALESCE(link_method, '-')
),
totals AS (
  SELECT feed, SUM(records) AS records FROM counted GROUP BY feed
)
SELECT
  c.feed,
  c.address_level,
  c.link_outcome,
  c.link_method,
  c.records,
  CAST(ROUND(c.records / t.records, 6) AS DECIMAL(7, 6)) AS share,
  c.with_community
FROM counted AS c JOIN totals AS t ON t.feed = c.feed
ORDER BY c.feed, c.address_level, c.link_outcome, c.link_method
