WITH reports AS (
  SELECT
    event_id, 'ticket' AS feed, COALESCE(channel, 'ticket') AS channel, ticket_no AS number, reported_at, kind, category_key, category_1,
    category_2, category_3, NULL AS grade, title_redacted, body_redacted, caller_key AS reporter_key, NULL AS people, department_delivered, flow,
    status, status_time, due_at AS due_at_delivered, handled_in_time, NULL AS credit_code, NULL AS device_no, NULL AS grid_code, address_key,
    address_level, link_outcome, building_key, street_key, community_key, district, street, community, record_key, key_is_weak, delivery,
    delivery_date, source_row
  FROM event.ticket
  UNION ALL
  SELECT
    event_id, 'petition' AS feed, COALESCE(form, 'petition') AS channel, petition_no AS number, reported_at, 'petition' AS kind, category_key,
    category_1, category_2, category_3, NULL AS grade, title_redacted, body_redacted, petitioner_key AS reporter_key, people,
    department_delivered, 'petition' AS flow, status, status_time, NULL AS due_at_delivered, NULL AS handled_in_time, NULL AS credit_code,
    NULL AS device_no, NULL AS grid_code, address_key, address_level, link_outcome, building_key, street_key, community_key, district, street,
    community, record_key, key_is_weak, delivery, delivery_date, source_row
  FROM event.petition
  UNION ALL
  SELECT
    event_id, 'grid_event' AS feed, 'grid_event' AS channel, event_no AS number, reported_at, 'grid_event' AS kind, category_key, category_1,
    category_2, category_3, grade, NULL AS title_redacted, description_redacted AS body_redacted, worker_key AS reporter_key, NULL AS people,
    department_delivered, 'grid_event' AS flow, status, status_time, NULL AS due_at_delivered, NULL AS handled_in_time, NULL AS credit_code,
    NULL AS device_no, grid_code, address_key, address_level, link_outcome, building_key, street_key, community_key, district, street, community,
    record_key, key_is_weak, delivery, delivery_date, source_row
  FROM event.grid_event
  UNION ALL
  -- The day by which a hazard must be removed ends at midnight.
  SELECT
    event_id, 'hazard' AS feed, 'hazard' AS channel, hazard_no AS number, reported_at, 'hazard' AS kind, category_key, kind AS category_1,
    NULL AS category_2, NULL AS category_3, grade, NULL AS title_redacted, description_redacted AS body_redacted, NULL AS reporter_key,
    NULL AS people, department_delivered, 'hazard' AS flow, status, status_time, CAST(remove_by + INTERVAL 1 DAY AS TIMESTAMP) AS due_at_delivered,
    NULL AS handled_in_time, credit_code, NULL AS device_no, NULL AS grid_code, address_key, address_level, link_outcome, building_key,
    street_key, community_key, district, street, community, record_key, key_is_weak, delivery, delivery_date, source_row
  FROM event.hazard
  UNION ALL
  SELECT
    'device_reading:' || d.first_breach_record_key AS event_id, 'device_reading' AS feed, 'device_reading' AS channel, d.device_no AS number,
    d.first_breach_at AS reported_at, 'device_reading' AS kind, NULL AS category_key, NULL AS category_1, NULL AS category_2,
    NULL AS category_3, NULL AS grade, NULL AS title_redacted, NULL AS body_redacted, NULL AS reporter_key, NULL AS people,
    NULL AS department_delivered, NULL AS flow, NULL AS status, NULL AS status_time, NULL AS due_at_delivered, NULL AS handled_in_time,
    NULL AS credit_code, d.device_no, NULL AS grid_code, v.address_key, v.address_level, v.link_outcome, v.building_key, v.street_key,
    v.community_key, v.district, v.street, v.community, d.first_breach_record_key AS record_key, FALSE AS key_is_weak,
    d.first_breach_delivery AS delivery, d.first_breach_delivery_date AS delivery_date, d.first_breach_source_row AS source_row
  FROM thing.device_day AS d LEFT JOIN thing.device AS v ON v.device_no = d.device_no
  WHERE d.breaches > 0
),
-- What a text was found to be about stands where the feed gives no category.
found AS (
  SELECT event_id, category_key, category_source, confidence FROM event.text_category WHERE category_source IN ('rule', 'name', 'learnt')
),
channels AS (
  SELECT
    r.event_id, r.feed, r.channel, r.number, r.reported_at, r.kind, COALESCE(r.category_key, x.category_key) AS category_key,
    COALESCE(r.category_1, k.category_1) AS category_1, COALESCE(r.category_2, k.category_2) AS category_2, COALESCE(r.category_3,
    k.category_3) AS category_3, CASE WHEN r.category_key IS NOT NULL THEN 'delivered' ELSE COALESCE(x.category_source, 'none') END AS
    category_source, x.confidence AS category_confidence, r.grade, r.title_redacted, r.body_redacted, r.reporter_key, r.people,
    r.department_delivered, r.flow, r.status, r.status_time, r.due_at_delivered, r.handled_in_time, r.credit_code, r.device_no,
    r.grid_code, r.address_key, r.address_level, r.link_outcome, r.building_key, r.street_key, r.community_key, r.district, r.street,
    r.community, r.record_key, r.key_is_weak, r.delivery, r.delivery_date, r.source_row
  FROM reports AS r
  LEFT JOIN found AS x ON x.event_id = r.event_id
  LEFT JOIN organization.category AS k ON k.category_key = x.category_key
),
names AS (
  SELECT name, department_code, origin FROM organization.department
  UNION
  SELECT TRIM(alias) AS name, department_code, origin
  FROM (
    SELECT department_code, origin, UNNEST(STRING_SPLIT(REPLACE(aliases, '；', ';'), ';')) AS alias
    FROM organization.department
    WHERE aliases IS NOT NULL
  ) AS split
),
-- A name that two departments bear says nothing.
departments AS (
  SELECT name, MIN(department_code) AS department_code, MIN(origin) AS origin FROM names GROUP BY name HAVING COUNT(DISTINCT department_code) = 1
),
asked AS (
  SELECT DISTINCT
    category_1, COALESCE(category_2, '') AS category_2, COALESCE(category_3, '') AS category_3, COALESCE(street, '') AS street,
    CAST(reported_at AS DATE) AS reported_on
  FROM channels
  WHERE category_1 IN (SELECT category_1 FROM organization.responsibility)
),
answers AS (
  SELECT
    a.category_1, a.category_2, a.category_3, a.street, a.reported_on, r.department_code,
    ROW_NUMBER() OVER (
      PARTITION BY a.category_1, a.category_2, a.category_3, a.street, a.reported_on
      ORDER BY r.specificity DESC, r.valid_from DESC, r.department_code
    ) AS place
  FROM asked AS a
  JOIN organization.responsibility AS r
    ON r.category_1 = a.category_1
    AND (r.category_2 = '*' OR r.category_2 = a.category_2)
    AND (r.category_3 = '*' OR r.category_3 = a.category_3)
    AND (r.street = '*' OR r.street = a.street)
    AND r.valid_from <= a.reported_on
    AND (r.valid_to IS NULL OR r.valid_to > a.reported_on)
),
times AS (
  SELECT
    event_id,
    MIN(CASE WHEN status = 'dispatched' THEN entered_at END) AS dispatched_at,
    MIN(CASE WHEN status IN ('accepted', 'handling', 'handled', 'checked', 'closed') THEN entered_at END) AS first_response_at,
    MAX(
      CASE
        WHEN status IN ('handled', 'checked', 'closed') AND COALESCE(previous_status, '') NOT IN ('handled', 'checked', 'closed') THEN entered_at
      END
    ) AS done_at,
    COUNT(*) FILTER (WHERE is_return) AS returns
  FROM event.event_node
  WHERE status <> 'received'
  GROUP BY event_id
),
judged AS (
  SELECT
    c.event_id, c.feed, c.channel, c.number, c.reported_at, c.kind, c.category_key, c.category_1, c.category_2, c.category_3,
    c.category_source, c.category_confidence, c.grade,
    c.title_redacted, c.body_redacted, c.reporter_key, c.people, c.department_delivered, r.department_code AS responsible_code,
    d.department_code AS named_code, d.origin AS named_origin, c.flow, c.status, c.status_time,
    COALESCE(c.status IN ('handled', 'checked', 'closed'), c.handled_in_time IS NOT NULL) AS is_done, t.dispatched_at, t.first_response_at, t.done_at,
    COALESCE(t.returns, 0) AS returns, c.due_at_delivered, c.handled_in_time, c.credit_code, c.device_no, c.grid_code, c.address_key,
    c.address_level, c.link_outcome, c.building_key, c.street_key, c.community_key, c.district, c.street, c.community, c.record_key,
    c.key_is_weak, c.delivery, c.delivery_date, c.source_row
  FROM channels AS c
  LEFT JOIN departments AS d ON d.name = c.department_delivered
  LEFT JOIN answers AS r
    ON r.category_1 = c.category_1
    AND r.category_2 = COALESCE(c.category_2, '')
    AND r.category_3 = COALESCE(c.category_3, '')
    AND r.street = COALESCE(c.street, '')
    AND r.reported_on = CAST(c.reported_at AS DATE)
    AND r.place = 1
  LEFT JOIN times AS t ON t.event_id = c.event_id
)
SELECT
  event_id,
  feed,
  channel,
  number,
  reported_at,
  CAST(reported_at AS DATE) AS reported_on,
  kind,
  category_key,
  category_1,
  category_2,
  category_3,
  category_source,
  category_confidence,
  grade,
  title_redacted,
  body_redacted,
  reporter_key,
  CAST(people AS BIGINT) AS people,
  department_delivered,
  responsible_code,
  CASE WHEN named_origin = 'district' THEN named_code ELSE COALESCE(responsible_code, named_code) END AS department_code,
  CASE
    WHEN named_origin = 'district' THEN 'delivered'
    WHEN responsible_code IS NOT NULL THEN 'responsibility'
    WHEN named_code IS NOT NULL THEN 'unlisted'
    ELSE 'none'
  END AS department_method,
  flow,
  status,
  status_time,
  is_done,
  dispatched_at,
  first_response_at,
  CASE WHEN is_done THEN done_at END AS handled_at,
  returns,
  due_at_delivered,
  handled_in_time,
  credit_code,
  device_no,
  grid_code,
  address_key,
  address_level,
  link_outcome,
  building_key,
  street_key,
  community_key,
  district,
  street,
  community,
  record_key,
  key_is_weak,
  delivery,
  delivery_date,
  source_row
FROM judged
ORDER BY event_id
