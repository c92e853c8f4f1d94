"""Pingshan: 148 channels in one stream, a strict tree of 17/189/512, two flows with a node log, deadlines by kind, alerts, 200 measures."""

from __future__ import annotations

import csv
import datetime as dt

import pytest

from assets.home import shipped_districts
from contracts.district import load_district
from contracts.load import ContractError
from contracts.settings_file import load_setting

AS_OF = dt.datetime(2024, 6, 28, 23, 59, 59)
KINDS = ("咨询", "建议", "投诉", "求决")
WAYS = {
    "general": ("受理", "派单", "签收", "办理中", "挂起", "办理中", "延期", "办结", "结案"),
    "simple": ("受理", "办理中", "办结", "核查", "结案"),
}
STRAY = ("受理", "结案")
"""A way that neither flow allows."""


def setting(name: str) -> list[dict[str, str]]:
    with (shipped_districts()["pingshan"] / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def written() -> dict[str, list[dict[str, object]]]:
    """One ticket for each leaf of the tree, over all channels, on the ways of both flows; every fortieth takes a way that is not allowed."""
    leaves, channels = setting("category"), setting("channel")
    communities = [row["name"] for row in setting("division") if row["level"] == "community"]
    tickets: list[dict[str, object]] = []
    for number, leaf in enumerate(leaves):
        flow = "general" if number % 2 else "simple"
        way = STRAY if number % 40 == 39 else WAYS[flow][: 2 + number % (len(WAYS[flow]) - 1)]
        reported = dt.datetime(2024, 6, 3 + number % 5, 9, number % 60)
        place = communities[number % len(communities)]
        for step, status in enumerate(way):
            tickets.append(
                {
                    "REC_ID": f"PS{number:05d}",
                    "CREATE_TIME": reported,
                    "EVENT_PROPERTY_NAME": KINDS[number % 4],
                    "EVENT_TYPE_NAME": leaf["category_1"],
                    "MAIN_TYPE_NAME": leaf["category_2"],
                    "SUB_TYPE_NAME": leaf["category_3"],
                    "EVENT_SRC_NAME": channels[number % len(channels)]["channel"],
                    "COMMUNITY_NAME": place,
                    "OCCUR_PLACE": "-",
                    "标题": "反映有人聚集" if number % 100 == 0 else "示例诉求",
                    "流程": flow,
                    "状态": status,
                    "更新时间": reported + dt.timedelta(hours=step),
                }
            )
    return {"ticket/2024-06-28/appeals.csv": tickets}


@pytest.fixture(scope="module")
def pingshan(town):
    return town("pingshan", AS_OF, written())


def test_148_channels_come_together_in_one_stream(pingshan) -> None:
    assert pingshan.rows(
        "SELECT count(*), count(*) FILTER (WHERE events > 0), sum(events) FROM organization.channel WHERE origin = 'district'"
    ) == [(148, 148, 512)]
    assert pingshan.rows("SELECT count(*), count(DISTINCT number), count(DISTINCT channel) FROM event.event") == [(512, 512, 148)]


def test_the_tree_has_17_classes_189_groups_and_512_items_and_is_strict(pingshan) -> None:
    levels = pingshan.rows("SELECT level, count(*) FROM organization.category WHERE origin = 'district' GROUP BY level ORDER BY level")
    assert levels == [(1, 17), (2, 189), (3, 512)]
    assert pingshan.rows("SELECT DISTINCT synthetic FROM organization.category WHERE origin = 'district'") == [(True,)]
    orphans = "SELECT c.category_key FROM organization.category AS c LEFT JOIN organization.category AS p ON p.category_key = c.parent_key AND p.level = c.level - 1 WHERE c.level > 1 AND p.category_key IS NULL"
    assert pingshan.rows(orphans) == []
    counts = pingshan.rows(
        "SELECT counted, declared, delivered, unlisted_paths FROM subject.declared_count WHERE setting = 'category' ORDER BY 1"
    )
    assert counts == [("category_1", 17, 17, None), ("category_2", 189, 189, None), ("category_3", 512, 512, 0)]


def test_a_tree_of_another_size_does_not_load(pack_copy) -> None:
    folder = pack_copy("pingshan")
    path = folder / "category.csv"
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(
        ContractError, match=r"district\.yaml:\d+: declared\.counts\.category\.category_3: 512 declared, category\.csv has 511"
    ):
        load_setting(load_district(folder), "category")


def test_both_flows_have_five_to_nine_nodes_and_each_log_is_checked_against_its_flow(pingshan) -> None:
    rows = setting("flow")
    nodes = {flow: {row[end] for row in rows if row["flow"] == flow for end in ("from_status", "to_status")} - {"start"} for flow in WAYS}
    assert {flow: len(found) for flow, found in nodes.items()} == {"general": 9, "simple": 5}
    legal = {flow: {(row["from_status"], row["to_status"]) for row in rows if row["flow"] == flow} for flow in WAYS}
    log = pingshan.rows("SELECT flow, coalesce(previous_status, 'start'), status, is_legal FROM event.event_node")
    assert [(flow, one, two, said) for flow, one, two, said in log if ((one, two) in legal[flow]) is not said] == []
    stray = pingshan.column("SELECT DISTINCT event_id FROM event.event_node WHERE NOT is_legal ORDER BY 1")
    assert stray == [f"ticket:PS{number:05d}" for number in range(39, 512, 40)]
    jumps = "SELECT count(*) FROM event.event_node WHERE left_at IS NOT NULL AND minutes <> 60"
    assert pingshan.rows(jumps) == [(0,)]


def test_deadlines_follow_the_kind_from_one_hour_to_seven_working_days(pingshan) -> None:
    rules = pingshan.rows(
        "SELECT e.kind, min(d.amount || d.unit), max(d.amount || d.unit) FROM event.deadline AS d JOIN event.event AS e ON e.event_id = d.event_id"
        " WHERE e.kind IN ('consultation', 'suggestion') GROUP BY e.kind ORDER BY 1"
    )
    assert rules == [("consultation", "1working_day", "1working_day"), ("suggestion", "3working_day", "3working_day")]
    complaints = set(
        pingshan.rows(
            "SELECT d.amount, d.unit FROM event.deadline AS d JOIN event.event AS e ON e.event_id = d.event_id WHERE e.kind = 'complaint'"
        )
    )
    assert {(1, "hour"), (7, "working_day")} <= complaints
    # 2024-06-10 is a public holiday, so a working day from Friday the 7th ends on Tuesday the 11th.
    friday = "SELECT DISTINCT CAST(d.due_at AS DATE) FROM event.deadline AS d JOIN event.event AS e ON e.event_id = d.event_id WHERE e.kind = 'consultation' AND e.reported_on = DATE '2024-06-07' AND d.suspended_minutes = 0"
    assert pingshan.rows(friday) == [(dt.date(2024, 6, 11),)]
    hour = "SELECT count(*) FROM event.deadline WHERE unit = 'hour' AND suspended_minutes = 0 AND date_diff('minute', starts_at, due_at) <> 60 * amount"
    assert pingshan.rows(hour) == [(0,)]


def test_sensitive_words_and_hot_matters_raise_alerts_with_their_evidence(pingshan) -> None:
    gatherings = pingshan.column("SELECT DISTINCT event_id FROM event.alert WHERE rule = 'word_gathering' ORDER BY 1")
    assert gatherings == [f"ticket:PS{number:05d}" for number in range(0, 512, 100)]
    assert pingshan.value("SELECT count(*) FROM event.alert WHERE kind = 'overdue'")
    assert (
        pingshan.rows(
            "SELECT a.alert_id FROM event.alert AS a LEFT JOIN event.event AS e ON e.event_id = a.event_id WHERE e.event_id IS NULL"
        )
        == []
    )


def test_more_than_200_measures_are_registered_and_computed(pingshan) -> None:
    registered = pingshan.value(
        "SELECT count(*) FROM subject.metric WHERE definition <> '' AND definition_zh <> '' AND sql <> '' AND lineage <> ''"
    )
    assert registered >= 200
    assert pingshan.value("SELECT count(*) FROM (SELECT DISTINCT measure, dimension, period_kind FROM subject.metric_value)") >= 200


def test_every_item_has_one_department_on_every_day(pingshan) -> None:
    leaves = {tuple(row[level] for level in ("category_1", "category_2", "category_3")) for row in setting("category")}
    answers = pingshan.rows("SELECT category_1, category_2, category_3, count(DISTINCT responsible_code) FROM event.event GROUP BY ALL")
    assert {row[:3]: row[3] for row in answers} == dict.fromkeys(leaves, 1)


def test_the_queries_of_the_page_have_answers(pingshan, queries) -> None:
    given = pingshan.answered(queries("pingshan"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
