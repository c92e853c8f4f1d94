"""China Mobile platform: six theme libraries; portraits of key persons, communities, enterprises; alerts and hits; file, dispatch, check, close."""

from __future__ import annotations

import csv
import datetime as dt

import pytest

from assets.home import shipped_districts
from contracts import tables

THEMES = {"person", "place", "thing", "event", "sentiment", "organization"}
SMALL_GROUP = 5


@pytest.fixture(scope="module")
def platform(city):
    return city("china_mobile")


def test_there_are_six_theme_libraries_and_none_is_empty(platform) -> None:
    assert {path.stem for path in (platform.folder / "internal").glob("*.duckdb")} == THEMES | {"subject"}
    for theme in THEMES:
        names = [name for name in tables() if name.startswith(f"{theme}.")]
        assert any(platform.value(f"SELECT count(*) FROM {name}") for name in names), theme


def test_key_persons_are_those_whom_the_rules_name(platform) -> None:
    with (shipped_districts()["china_mobile"] / "population_rule.csv").open(encoding="utf-8") as lines:
        rules = {row["rule"]: row for row in csv.DictReader(lines)}
    found = platform.rows("SELECT person_key, groups, visit_days FROM subject.key_population")
    assert found
    for _, groups, days in found:
        named = groups.split(";")
        assert set(named) <= set(rules)
        assert days == min(int(rules[name]["visit_days"]) for name in named)
    old = "SELECT count(DISTINCT p.person_key) FROM person.person AS p JOIN subject.household_ledger AS l ON l.record_key = p.record_key WHERE l.age >= 80"
    assert (
        platform.value("SELECT count(*) FROM subject.key_population WHERE list_contains(string_split(groups, ';'), 'care_elderly')")
        >= platform.value(old)
        > 0
    )


def test_a_visit_is_due_when_nobody_was_met_for_the_days_of_the_rule(platform) -> None:
    today = dt.date(2024, 6, 30)
    for visited, days, due in platform.rows("SELECT last_visited_at, visit_days, is_visit_due FROM subject.key_population"):
        assert due is (visited is None or (today - visited.date()).days >= days)


def test_a_community_s_portrait_shows_no_small_group(platform) -> None:
    care = ("elderly", "elderly_alone", "minors", "disabled", "low_income", "chronic_illness", "care_people")
    rows = platform.rows(f"SELECT residents, {', '.join(care)} FROM subject.community_portrait")
    assert len(rows) == platform.value("SELECT count(*) FROM place.community")
    shown = [count for row in rows for count in row[1:] if count is not None]
    assert shown
    assert min(shown) >= SMALL_GROUP
    minors = "SELECT c.minors, count(DISTINCT t.person_key) FROM subject.community_portrait AS c JOIN person.residence AS r ON r.community_key = c.community_key JOIN person.person_tag AS t ON t.person_key = r.person_key AND t.tag = 'minor' GROUP BY c.community_key, c.minors"
    assert [pair for pair in platform.rows(minors) if (pair[0] or 0) != (pair[1] if pair[1] >= SMALL_GROUP else 0)] == []


def test_each_open_enterprise_has_a_portrait(platform) -> None:
    lacking = "SELECT e.org_key FROM organization.enterprise AS e LEFT JOIN subject.enterprise_portrait AS p ON p.org_key = e.org_key WHERE p.org_key IS NULL"
    assert platform.rows(lacking) == []
    assert platform.value("SELECT count(*) FROM subject.enterprise_portrait") > 0


def test_each_rule_is_there_with_its_hits_and_no_alert_counts_one_report_twice(platform) -> None:
    with (shipped_districts()["china_mobile"] / "alert_rule.csv").open(encoding="utf-8") as lines:
        rules = {row["rule"] for row in csv.DictReader(lines)}
    hits = dict(platform.rows("SELECT rule, count(DISTINCT alert_id) FROM event.alert GROUP BY rule"))
    assert set(hits) == rules
    assert platform.rows("SELECT alert_id, event_id FROM event.alert GROUP BY ALL HAVING count(*) > 1") == []


def test_the_loop_goes_from_filing_over_dispatch_and_check_to_closing(platform) -> None:
    stations = dict(platform.rows("SELECT station, count(*) FROM subject.closed_loop GROUP BY station"))
    assert set(stations) == {"filed", "dispatched", "handled", "checked", "closed"}
    assert sum(stations.values()) == platform.value("SELECT count(*) FROM event.event WHERE status IS NOT NULL")
    whole = platform.rows("SELECT filed_at, handled_at, checked_at, closed_at FROM subject.closed_loop WHERE is_whole")
    assert whole
    assert all(None not in times for times in whole)
    jumped = "SELECT l.event_id FROM subject.closed_loop AS l WHERE l.illegal_steps <> (SELECT count(*) FROM event.event_node AS n WHERE n.event_id = l.event_id AND NOT n.is_legal)"
    assert platform.rows(jumped) == []


def test_the_queries_of_the_page_have_answers(platform, queries) -> None:
    given = platform.answered(queries("china_mobile"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
