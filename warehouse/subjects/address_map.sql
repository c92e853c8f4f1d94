-- A record counts at the node that it is linked to and at what contains it: its building, community, street.
WITH links AS (
  SELECT feed, record_key, address_key, building_key, community_key, street_key FROM place.location_link WHERE address_key IS NOT NULL
),
spots AS (
  SELECT feed, record_key, address_key FROM links
  UNION
  SELECT feed, record_key, building_key AS address_key FROM links WHERE building_key IS NOT NULL
  UNION
  SELECT feed, record_key, community_key AS address_key FROM links WHERE community_key IS NOT NULL
  UNION
  SELECT feed, record_key, street_key AS address_key FROM links WHERE street_key IS NOT NULL
),
events AS (
  SELECT feed, record_key, reported_at, status IS NOT NULL AND NOT is_done AS is_open FROM event.event WHERE feed <> 'device_reading'
),
known AS (
  SELECT
    s.address_key,
    COUNT(*) AS records,
    COUNT(DISTINCT s.feed) AS feeds,
    COUNT(DISTINCT r.household_key) AS households,
    COUNT(DISTINCT r.person_key) AS residents,
    COUNT(DISTINCT CASE WHEN r.tenure = 'tenant' THEN r.household_key END) AS rented_households,
    COUNT(*) FILTER (WHERE s.feed = 'enterprise') AS enterprises,
    COUNT(*) FILTER (WHERE s.feed = 'facility') AS facilities,
    COUNT(*) FILTER (WHERE s.feed = 'device') AS devices,
    COUNT(*) FILTER (WHERE s.feed = 'ticket') AS tickets,
    COUNT(*) FILTER (WHERE s.feed = 'petition') AS petitions,
    COUNT(*) FILTER (WHERE s.feed = 'grid_event') AS grid_events,
    COUNT(*) FILTER (WHERE s.feed = 'hazard') AS hazards,
    COUNT(*) FILTER (WHERE s.feed = 'visit') AS visits,
    COUNT(*) FILTER (WHERE e.is_open) AS open_events,
    MAX(e.reported_at) AS last_event_at
  FROM spots AS s
  LEFT JOIN person.residence AS r ON s.feed = 'household' AND r.record_key = s.record_key
  LEFT JOIN events AS e ON e.feed = s.feed AND e.record_key = s.record_key
  GROUP BY s.address_key
),
aliases AS (
  SELECT address_key, STRING_AGG(alias, ';' ORDER BY alias, kind) AS aliases FROM place.address_alias GROUP BY address_key
),
passports AS (
  SELECT address_key, COUNT(*) AS register_changes FROM place.address_passport GROUP BY address_key
)
SELECT
  a.address_key,
  a.level,
  a.name,
  a.path,
  a.register_code,
  a.status,
  n.aliases,
  COALESCE(p.register_changes, 0) AS register_changes,
  a.building_key,
  b."use",
  b.storeys,
  b.houses,
  b.grid_code,
  g.team AS grid_team,
  a.community_key,
  a.district,
  a.street,
  a.community,
  a.lng,
  a.lat,
  k.feeds,
  k.records,
  k.households,
  k.residents,
  k.rented_households,
  k.enterprises,
  k.facilities,
  k.devices,
  k.tickets,
  k.petitions,
  k.grid_events,
  k.hazards,
  k.visits,
  k.open_events,
  k.last_event_at
FROM known AS k
JOIN place.address AS a ON a.address_key = k.address_key
LEFT JOIN aliases AS n ON n.address_key = a.address_key
LEFT JOIN passports AS p ON p.address_key = a.address_key
LEFT JOIN place.building AS b ON b.building_key = a.building_key
LEFT JOIN place.grid_cell AS g ON g.is_current AND g.grid_code = b.grid_code
ORDER BY a.address_key
