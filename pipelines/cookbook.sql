-- Queries to start from, for `govlake sql` (.cookbook) and docs/cookbook.md. Each: number, title in English and Chinese, then the SQL.
-- Keys in them are looked up, so that every query runs on any release as it stands; put your own in their place.

-- 1 | How many matters came in each month, by feed | 各来源每月受理量
SELECT date_trunc('month', reported_at)::DATE AS month, feed, count(*) AS events
FROM event.event
GROUP BY ALL
ORDER BY month, feed;

-- 2 | Matters by channel, with how many are done | 各渠道受理与办结
SELECT channel, count(*) AS events, count(*) FILTER (is_done) AS done, round(100 * avg(is_done::INTEGER), 1) AS done_pct
FROM event.event
GROUP BY channel
ORDER BY events DESC;

-- 3 | The ten categories that come up most | 最常见的十类诉求
SELECT category_1, category_2, category_3, count(*) AS events
FROM event.event
WHERE category_3 IS NOT NULL
GROUP BY ALL
ORDER BY events DESC, category_3
LIMIT 10;

-- 4 | Communities this month: issues, handled, satisfaction | 本月各社区诉求、办结与满意度
SELECT street, community, issues, handled_pct, mean_response_days, satisfaction_pct
FROM last_months(1)
ORDER BY issues DESC, community;

-- 5 | A community's year, month by month | 某社区逐月成效
SELECT month, issues, hazards, mean_response_days, satisfaction_pct
FROM subject.community_monthly_effect
WHERE community_key = (SELECT community_key FROM subject.community_portrait ORDER BY issues_365_days DESC, community_key LIMIT 1)
ORDER BY month;

-- 6 | What is overdue now, by department | 当前各部门超期未办
SELECT department.name AS department, count(*) AS overdue, max(late.hours_over) AS longest_hours
FROM overdue_as_of((SELECT as_of FROM subject.release)) AS late
LEFT JOIN organization.department AS department USING (department_code)
GROUP BY department.name
ORDER BY overdue DESC, department;

-- 7 | What was overdue a week before the release | 一周前的超期情况（回溯）
SELECT feed, count(*) AS overdue
FROM overdue_as_of((SELECT as_of - INTERVAL 7 DAY FROM subject.release))
GROUP BY feed
ORDER BY overdue DESC;

-- 8 | Working hours from report to dispatch | 从受理到派遣的工作小时
SELECT feed, round(median(working_hours_between(reported_at, dispatched_at)), 1) AS median_hours,
    round(quantile_cont(working_hours_between(reported_at, dispatched_at), 0.95), 1) AS p95_hours
FROM event.dispatch
WHERE dispatched_at IS NOT NULL
GROUP BY feed
ORDER BY feed;

-- 9 | Find an address by any part of its name | 按名称查找地址
SELECT address_key, level, path
FROM find_address('花园')
LIMIT 20;

-- 10 | All doors and rooms of one building | 一栋楼内的全部门牌与房间
SELECT level, path
FROM addresses_under((SELECT building_key FROM subject.building_portrait ORDER BY houses DESC, building_key LIMIT 1));

-- 11 | Everything that happened in one building | 一栋楼发生的全部事项
SELECT reported_at, feed, category_key, status
FROM events_under((SELECT building_key FROM subject.building_portrait ORDER BY issues DESC, building_key LIMIT 1));

-- 12 | Everything known about the busiest addresses, a row each | 事项最多地址的一张图信息
SELECT path, households, residents, enterprises, facilities, tickets, petitions, grid_events, hazards, open_events
FROM subject.address_map
WHERE level IN ('number', 'building')
ORDER BY tickets + petitions + grid_events DESC, path
LIMIT 20;

-- 13 | What became of renamed, split and retired addresses | 更名、拆分、注销地址的去向
SELECT passport.event, passport.version, passport.former_path, successor.path AS successor
FROM place.address_passport AS passport
LEFT JOIN place.address AS successor ON successor.address_key = passport.successor_key
WHERE passport.event <> 'created'
ORDER BY passport.version DESC, passport.event, passport.address_key
LIMIT 50;

-- 14 | The history of one renamed address | 某更名地址的沿革
SELECT *
FROM address_history((SELECT address_key FROM place.address_passport WHERE event = 'renamed' ORDER BY address_key LIMIT 1));

-- 15 | How well each feed could be linked to the address base | 各来源地址关联质量
SELECT feed, link_outcome, sum(records) AS records, round(100 * sum(share), 1) AS percent
FROM subject.address_quality
GROUP BY ALL
ORDER BY feed, records DESC;

-- 16 | Records that were linked to no door, with the reason | 未关联到门牌的记录与原因
SELECT feed, reason_code, count(*) AS records
FROM place.location_link
WHERE link_outcome <> 'linked'
GROUP BY ALL
ORDER BY records DESC;

-- 17 | One matter, all its reports | 同一诉求的全部来件
SELECT *
FROM same_matter((SELECT event_id FROM event.event_cluster ORDER BY reports DESC, event_id LIMIT 1));

-- 18 | Matters that most different people report | 多人反映的事项
SELECT cluster.matter_id, max(cluster.reports) AS reports, count(DISTINCT event.reporter_key) AS reporters, any_value(event.category_key) AS category
FROM event.event_cluster AS cluster
JOIN event.event AS event USING (event_id)
GROUP BY cluster.matter_id
ORDER BY reporters DESC, reports DESC, cluster.matter_id
LIMIT 20;

-- 19 | Complaints that came again after they were handled | 办结后再次投诉
SELECT category_key, community_key, reports, after_handled, last_reported_at
FROM subject.repeat_complaint
WHERE after_handled > 0
ORDER BY after_handled DESC, last_reported_at DESC
LIMIT 20;

-- 20 | How long matters stay in each node of their flow | 各环节平均停留时间
SELECT flow, status, count(*) AS nodes, round(avg(minutes) / 60, 1) AS mean_hours, count(*) FILTER (NOT is_legal) AS illegal
FROM event.event_node
GROUP BY ALL
ORDER BY flow, mean_hours DESC;

-- 21 | Returns and reassignments by department | 各部门退单与改派
SELECT department.name AS department, sum(dispatch.returns) AS returns, sum(dispatch.reassignments) AS reassignments
FROM event.dispatch AS dispatch
LEFT JOIN organization.department AS department USING (department_code)
GROUP BY department.name
ORDER BY returns DESC, department;

-- 22 | Dispatch within 30 minutes, month by month | 三十分钟内派遣率
SELECT feed, month, dispatched, p95_minutes, within_30_pct
FROM subject.dispatch_latency
ORDER BY feed, month;

-- 23 | Replies that are late, short or copied | 迟复、短复与雷同答复
SELECT department_code, count(*) AS replies, count(*) FILTER (is_short) AS short, count(*) FILTER (is_copied) AS copied, round(avg(days_to_reply), 1) AS mean_days
FROM sentiment.reply
GROUP BY department_code
ORDER BY replies DESC;

-- 24 | Topics that rise against the usual | 异常上升的热点
SELECT week, community, category_key, reports, usual, weight
FROM subject.hot_topic
ORDER BY week DESC, weight DESC
LIMIT 20;

-- 25 | Alerts in force, with how many events are behind each | 预警及其依据数量
SELECT severity, rule_zh, rule, object_kind, object_key, evidence, last_reported_at
FROM subject.alert
ORDER BY last_reported_at DESC, alert_id
LIMIT 20;

-- 26 | Enterprises with open hazards that are overdue | 隐患逾期未整改的企业
SELECT name, industry, community, open_hazards, overdue_hazards, last_hazard_at
FROM subject.enterprise_portrait
WHERE open_hazards > 0
ORDER BY overdue_hazards DESC, open_hazards DESC, org_key
LIMIT 20;

-- 27 | Devices outside their thresholds | 超阈值的感知设备
SELECT device.kind, device.device_no, device.community, day.day, day.breaches, day.lowest, day.highest
FROM thing.device_day AS day
JOIN thing.device AS device USING (device_no)
WHERE day.breaches > 0
ORDER BY day.day DESC, day.breaches DESC
LIMIT 20;

-- 28 | Which fields a grid worker must still ask for, by scenario | 网格员各场景待采集字段
SELECT scenario, scenario_zh, count(*) AS objects, sum(due_count) AS fields_due, sum(confirm_count) AS fields_to_confirm
FROM subject.collection_list
GROUP BY ALL
ORDER BY objects DESC;

-- 29 | People who need care, by community | 各社区重点关爱人群
SELECT community.street, community.name AS community, care.care, care.people
FROM person.care_count AS care
JOIN place.community AS community USING (community_key)
ORDER BY care.people DESC, community.name, care.care
LIMIT 20;

-- 30 | Where did the rows of each delivery go | 每批数据的去向
SELECT feed, delivery, rows_read, rows_malformed, rows_refused, rows_accepted, rows_repeated, rows_in_theme, difference
FROM subject.reconciliation
ORDER BY feed, delivery;

-- 31 | A measure with its definition | 指标及其定义
SELECT metric.title_zh, metric.title, metric.definition_zh, value.dimension, value.member, value.period, value.value
FROM subject.metric_value AS value
JOIN subject.metric AS metric USING (measure, dimension, period_kind)
ORDER BY value.period DESC, metric.measure, value.member
LIMIT 20;

-- 32 | Which tables hold what, and whose they are | 有哪些表、归谁管理
SELECT table_name, title_zh, title, grain, steward, classification
FROM subject.catalogue
ORDER BY table_name;
