-- A row read is accepted or refused; an accepted row lies in the clean table unless its delivery was replaced; a row of the latest
-- state arrives in its theme table, and a report also in event.event; a row of a feed with addresses is linked at some level or at none. The
-- difference adds up what breaks any of them.
WITH delivered AS (
  SELECT
    d.feed, d.read_as, d.delivery, d.version, d.day, d.status, COALESCE(d.bytes, 0) AS bytes, COALESCE(d.rows_read, 0) AS rows_read,
    COALESCE(d.rows_malformed, 0) AS rows_malformed, COALESCE(d.rows_refused, 0) AS rows_refused, COALESCE(d.rows_accepted, 0) AS rows_accepted,
    COALESCE(d.rows_repeated, 0) AS rows_repeated
  FROM ledger.deliveries AS d CROSS JOIN run.clock AS c
  WHERE d.day <= c.as_of_date
),
in_clean AS (
  SELECT delivery, COUNT(*) AS row_count FROM clean.ticket GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.petition GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.grid_event GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.hazard GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.household GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.enterprise GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.facility GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.device GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.device_reading GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.satisfaction GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.visit GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM clean.address_register GROUP BY delivery
),
in_latest AS (
  SELECT delivery, COUNT(*) AS row_count FROM latest.ticket GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.petition GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.grid_event GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.hazard GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.household GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.enterprise GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.facility GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.device GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.device_reading GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.satisfaction GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.visit GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM latest.address_register GROUP BY delivery
),
in_theme AS (
  SELECT delivery, COUNT(*) AS row_count FROM event.ticket GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM event.petition GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM event.grid_event GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM event.hazard GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM person.membership GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM organization.enterprise GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM thing.facility GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM thing.device GROUP BY delivery
  UNION ALL
  -- Readings are summed by day, so a reading has arrived where its day is there.
  SELECT r.delivery, COUNT(*) AS row_count
  FROM latest.device_reading AS r JOIN thing.device_day AS d ON d.device_no = r.device_no AND d.day = CAST(r.read_at AS DATE)
  GROUP BY r.delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM sentiment.satisfaction GROUP BY delivery
  UNION ALL
  SELECT delivery, COUNT(*) AS row_count FROM person.visit GROUP BY delivery
),
in_event AS (
  SELECT delivery, COUNT(*) AS row_count FROM event.event WHERE feed IN ('ticket', 'petition', 'grid_event', 'hazard') GROUP BY delivery
),
linked AS (
  SELECT
    delivery,
    COUNT(*) FILTER (WHERE level IN ('number', 'building', 'unit', 'floor', 'room')) AS linked_door,
    COUNT(*) FILTER (WHERE level IN ('road', 'lane', 'alley', 'crossing', 'estate')) AS linked_way,
    COUNT(*) FILTER (WHERE level IN ('community', 'neighbourhood')) AS linked_community,
    COUNT(*) FILTER (WHERE level IN ('province', 'city', 'district', 'street')) AS linked_division,
    COUNT(*) FILTER (WHERE level IS NULL) AS not_linked
  FROM addresses.link
  GROUP BY delivery
),
counted AS (
  SELECT
    d.feed, d.delivery, d.version, d.day, d.status, d.bytes, d.rows_read, d.rows_malformed, d.rows_refused, d.rows_accepted, d.rows_repeated,
    d.status = 'accepted' AS is_current,
    d.read_as NOT IN ('address_register', 'device_reading', 'satisfaction') AS has_addresses,
    CASE WHEN d.status = 'replaced' THEN d.rows_accepted ELSE 0 END AS rows_replaced,
    -- Only the current version of a delivery has its rows in the lake.
    CASE WHEN d.status = 'accepted' THEN COALESCE(c.row_count, 0) ELSE 0 END AS rows_in_clean,
    CASE WHEN d.status = 'accepted' THEN COALESCE(l.row_count, 0) ELSE 0 END AS rows_in_latest,
    CASE WHEN d.read_as = 'address_register' THEN NULL WHEN d.status = 'accepted' THEN COALESCE(t.row_count, 0) ELSE 0 END AS rows_in_theme,
    CASE
      WHEN d.read_as NOT IN ('ticket', 'petition', 'grid_event', 'hazard') THEN NULL
      WHEN d.status = 'accepted' THEN COALESCE(e.row_count, 0)
      ELSE 0
    END AS rows_in_event,
    CASE WHEN d.status = 'accepted' THEN COALESCE(k.linked_door, 0) ELSE 0 END AS linked_door,
    CASE WHEN d.status = 'accepted' THEN COALESCE(k.linked_way, 0) ELSE 0 END AS linked_way,
    CASE WHEN d.status = 'accepted' THEN COALESCE(k.linked_community, 0) ELSE 0 END AS linked_community,
    CASE WHEN d.status = 'accepted' THEN COALESCE(k.linked_division, 0) ELSE 0 END AS linked_division,
    CASE WHEN d.status = 'accepted' THEN COALESCE(k.not_linked, 0) ELSE 0 END AS not_linked
  FROM delivered AS d
  LEFT JOIN in_clean AS c ON c.delivery = d.delivery
  LEFT JOIN in_latest AS l ON l.delivery = d.delivery
  LEFT JOIN in_theme AS t ON t.delivery = d.delivery
  LEFT JOIN in_event AS e ON e.delivery = d.delivery
  LEFT JOIN linked AS k ON k.delivery = d.delivery
)
SELECT
  feed,
  delivery,
  version,
  day AS delivery_date,
  status,
  bytes,
  rows_read,
  rows_malformed,
  rows_refused,
  rows_accepted,
  rows_repeated,
  rows_replaced,
  rows_in_clean,
  rows_in_clean - rows_in_latest AS rows_superseded,
  rows_in_latest,
  linked_door,
  linked_way,
  linked_community,
  linked_division,
  not_linked,
  rows_in_theme,
  rows_in_event,
  CASE WHEN status IN ('accepted', 'replaced') THEN ABS(rows_read - rows_refused - rows_accepted) ELSE 0 END
  + CASE WHEN is_current THEN ABS(rows_accepted - rows_in_clean) ELSE 0 END
  + CASE
    WHEN is_current AND has_addresses
      THEN ABS(rows_in_clean - linked_door - linked_way - linked_community - linked_division - not_linked)
    ELSE 0
  END
  + COALESCE(ABS(rows_in_latest - rows_in_theme), 0)
  + COALESCE(ABS(rows_in_latest - rows_in_event), 0) AS difference
FROM counted
ORDER BY feed, delivery, version
