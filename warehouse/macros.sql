-- Table macros for the usual questions; `govlake sql` and `analyst.sql` make them after the libraries are attached.
-- Before each: its name with arguments, then what it answers in English and in Chinese. Must work in DuckDB 1.1 too.

-- find_address(words) | addresses whose full text or another name holds the words | 按名称或别名查地址
CREATE OR REPLACE MACRO find_address(words) AS TABLE
WITH named AS (
    SELECT address_key FROM place.address WHERE contains(path, words)
    UNION
    SELECT address_key FROM place.address_alias WHERE contains(alias, words)
)
SELECT address.address_key, address.level, address.path, address.status, address.community_key
FROM place.address AS address
JOIN named USING (address_key)
ORDER BY length(address.path), address.path;

-- addresses_under(of_key) | all that lies under an address, on both chains: rooms of a building, doors of a road or community | 某地址之下的全部地址（行政与道路两条链）
CREATE OR REPLACE MACRO addresses_under(of_key) AS TABLE
WITH RECURSIVE below(address_key) AS (
    SELECT address_key
    FROM place.address
    WHERE of_key IN (parent_key, district_key, street_key, community_key, neighbourhood_key, road_key, lane_key, number_key, building_key)
      AND address_key <> of_key
    UNION
    SELECT address.address_key
    FROM place.address AS address
    JOIN below ON address.parent_key = below.address_key
)
SELECT address.address_key, address.level, address.name, address.path, address.parent_key, address.status
FROM place.address AS address
JOIN below USING (address_key)
ORDER BY address.path, address.address_key;

-- address_history(of_key) | what the register's versions did to an address, and what became of it | 地址沿革与承继
CREATE OR REPLACE MACRO address_history(of_key) AS TABLE
WITH RECURSIVE line(address_key, step) AS (
    SELECT of_key, 0
    UNION
    SELECT passport.successor_key, line.step + 1
    FROM place.address_passport AS passport
    JOIN line ON passport.address_key = line.address_key
    WHERE passport.successor_key IS NOT NULL AND passport.successor_key <> passport.address_key AND line.step < 100
)
SELECT line.step, passport.address_key, passport.version, passport.entry_no, passport.event, passport.former_path, passport.successor_key,
    passport.detail
FROM (SELECT address_key, min(step) AS step FROM line GROUP BY address_key) AS line
JOIN place.address_passport AS passport ON passport.address_key = line.address_key
ORDER BY line.step, passport.version, passport.entry_no;

-- events_under(of_key) | every matter reported at an address or anywhere under it | 某地址及其之下发生的全部事项
CREATE OR REPLACE MACRO events_under(of_key) AS TABLE
WITH RECURSIVE below(address_key) AS (
    SELECT of_key
    UNION
    SELECT address_key
    FROM place.address
    WHERE of_key IN (parent_key, district_key, street_key, community_key, neighbourhood_key, road_key, lane_key, number_key, building_key)
    UNION
    SELECT address.address_key
    FROM place.address AS address
    JOIN below ON address.parent_key = below.address_key
)
SELECT event.event_id, event.feed, event.number, event.reported_at, event.category_key, event.status, event.department_code,
    event.address_key, event.address_level
FROM event.event AS event
JOIN below USING (address_key)
ORDER BY event.reported_at, event.event_id;

-- overdue_as_of(moment) | matters past their deadline and not handled at that moment, also of the past | 截至某时刻超期未办的事项（可回溯）
CREATE OR REPLACE MACRO overdue_as_of(moment) AS TABLE
SELECT event.event_id, event.feed, event.number, event.category_key, event.department_code, event.community_key, event.reported_at,
    deadline.due_at, round(epoch(CAST(moment AS TIMESTAMP) - deadline.due_at) / 3600, 1) AS hours_over
FROM event.deadline AS deadline
JOIN event.event AS event USING (event_id)
WHERE event.reported_at <= CAST(moment AS TIMESTAMP)
  AND deadline.due_at < CAST(moment AS TIMESTAMP)
  AND deadline.state NOT IN ('unknown', 'none')
  AND (event.handled_at > CAST(moment AS TIMESTAMP) OR (event.handled_at IS NULL AND NOT event.is_done))
ORDER BY hours_over DESC, event.event_id;

-- working_minutes_between(from_moment, to_moment) | minutes of the district's working time between two moments | 两个时刻之间的工作分钟数
CREATE OR REPLACE MACRO working_minutes_between(from_moment, to_moment) AS (
    WITH position AS (
        SELECT
            max(CASE WHEN work_day.day = CAST(from_moment AS DATE) THEN work_day.minutes_before + CASE WHEN work_day.is_working THEN
                least(greatest(epoch(CAST(from_moment AS TIMESTAMP) - work_day.day) / 60 - work_day.opens, 0), work_day.lunch - work_day.opens)
                + least(greatest(epoch(CAST(from_moment AS TIMESTAMP) - work_day.day) / 60 - work_day.reopens, 0), work_day.closes - work_day.reopens)
                ELSE 0 END END) AS starts,
            max(CASE WHEN work_day.day = CAST(to_moment AS DATE) THEN work_day.minutes_before + CASE WHEN work_day.is_working THEN
                least(greatest(epoch(CAST(to_moment AS TIMESTAMP) - work_day.day) / 60 - work_day.opens, 0), work_day.lunch - work_day.opens)
                + least(greatest(epoch(CAST(to_moment AS TIMESTAMP) - work_day.day) / 60 - work_day.reopens, 0), work_day.closes - work_day.reopens)
                ELSE 0 END END) AS ends
        FROM event.work_day AS work_day
        WHERE work_day.day IN (CAST(from_moment AS DATE), CAST(to_moment AS DATE))
    )
    SELECT CAST(trunc(round(ends - starts, 6)) AS BIGINT) FROM position
);

-- working_hours_between(from_moment, to_moment) | the same in hours, one decimal | 两个时刻之间的工作小时数
CREATE OR REPLACE MACRO working_hours_between(from_moment, to_moment) AS (
    round(working_minutes_between(from_moment, to_moment) / 60, 1)
);

-- same_matter(of_event) | all reports of the matter that an event reports, first report first | 与某事项属同一诉求的全部来件
CREATE OR REPLACE MACRO same_matter(of_event) AS TABLE
SELECT event.event_id, member.sequence, member.kind, event.feed, event.number, event.reported_at, event.category_key, event.status,
    event.address_key
FROM event.event_cluster AS asked
JOIN event.event_cluster AS member ON member.matter_id = asked.matter_id
JOIN event.event AS event ON event.event_id = member.event_id
WHERE asked.event_id = of_event
ORDER BY member.sequence;

-- last_months(months) | the community monthly effect table of the last months before the release's day | 发布日前若干月的社区月度成效
CREATE OR REPLACE MACRO last_months(months) AS TABLE
SELECT effect.*
FROM subject.community_monthly_effect AS effect
CROSS JOIN subject.release AS release
WHERE effect.month > CAST(date_trunc('month', release.as_of) AS DATE) - to_months(CAST(months AS INTEGER))
ORDER BY effect.month, effect.community_key;
