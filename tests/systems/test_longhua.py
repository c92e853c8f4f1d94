"""Longhua: 17 classes and 384 graded items; dispatch and returns; device readings with threshold alerts."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def longhua(city):
    return city("longhua")


def test_17_classes_hold_more_than_380_graded_items(longhua) -> None:
    assert longhua.rows(
        "SELECT count(DISTINCT category_1), count(*), count(grade), count(department_code) FROM organization.matter_item"
    ) == [(17, 384, 384, 384)]
    assert set(longhua.column("SELECT DISTINCT grade FROM organization.matter_item")) == {"1", "2", "3", "4"}


def test_each_classified_report_has_the_grade_of_its_item_unless_the_feed_gave_one(longhua) -> None:
    wrong = "SELECT e.event_id FROM subject.event_full_scope AS e JOIN organization.matter_item AS i ON i.category_key = e.category_key JOIN event.event AS o ON o.event_id = e.event_id WHERE e.grade IS DISTINCT FROM coalesce(o.grade, i.grade)"
    assert longhua.rows(wrong) == []
    assert longhua.value("SELECT count(*) FROM subject.event_full_scope WHERE grade = '1'") > 0


def test_dispatch_counts_returns_and_reassignments_of_the_node_log(longhua) -> None:
    log = longhua.rows(
        "SELECT event_id, status, department_delivered FROM event.event_node WHERE NOT is_reported ORDER BY event_id, node_no"
    )
    counted: dict[str, list[int]] = {}
    former: dict[str, tuple[str, str | None]] = {}
    for event, status, department in log:
        found = counted.setdefault(event, [0, 0])
        before = former.get(event)
        found[0] += status == "returned" and (before is None or before[0] != "returned")
        found[1] += bool(before and before[1] and department and department != before[1])
        former[event] = (status, department)
    dispatched = {row[0]: list(row[1:]) for row in longhua.rows("SELECT event_id, returns, reassignments FROM event.dispatch")}
    assert {event: counted[event] for event in dispatched} == dispatched
    assert sum(found[0] for found in dispatched.values()) > 0
    assert sum(found[1] for found in dispatched.values()) > 0


def test_readings_beyond_their_threshold_alert_once_a_device_and_stretch(longhua) -> None:
    breaches = set(longhua.column("SELECT device_no FROM thing.device_day WHERE breaches > 0 AND day > DATE '2024-06-23'"))
    alerted = set(longhua.column("SELECT object_key FROM event.alert WHERE kind = 'device'"))
    assert alerted
    assert alerted <= {device for found in breaches for device in (found,)} | breaches
    assert longhua.rows("SELECT alert_id, event_id FROM event.alert WHERE kind = 'device' GROUP BY ALL HAVING count(*) > 1") == []


def test_a_breach_is_an_event_of_its_own_with_the_reading_as_evidence(longhua) -> None:
    days = longhua.value("SELECT count(*) FROM thing.device_day WHERE breaches > 0")
    assert longhua.value("SELECT count(*) FROM event.event WHERE feed = 'device_reading'") == days > 0
    assert (
        longhua.rows("SELECT event_id FROM event.event WHERE feed = 'device_reading' AND (record_key IS NULL OR source_row IS NULL)") == []
    )


def test_the_queries_of_the_page_have_answers(longhua, queries) -> None:
    given = longhua.answered(queries("longhua"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
