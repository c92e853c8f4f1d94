"""Nanshan: all channels in one table of events, one id per real matter; 1,610 grid cells, dated; grades of rental housing."""

from __future__ import annotations

import csv

import pytest

from assets.home import shipped_districts


@pytest.fixture(scope="module")
def nanshan(city):
    return city("nanshan")


def test_all_channels_stand_in_one_table_each_report_once(nanshan) -> None:
    whole = dict(nanshan.rows("SELECT feed, count(*) FROM subject.event_full_scope GROUP BY feed"))
    assert whole == {
        **{feed: nanshan.value(f"SELECT count(*) FROM event.{feed}") for feed in ("ticket", "petition", "grid_event", "hazard")},
        "device_reading": nanshan.value("SELECT count(*) FROM thing.device_day WHERE breaches > 0"),
    }
    assert nanshan.rows("SELECT event_id FROM subject.event_full_scope GROUP BY event_id HAVING count(*) > 1") == []


def test_reports_of_one_matter_share_one_id(nanshan) -> None:
    ids = nanshan.rows(
        "SELECT e.event_id FROM event.event AS e LEFT JOIN event.event_cluster AS c ON c.event_id = e.event_id"
        " WHERE e.feed IN ('ticket', 'petition', 'grid_event', 'hazard') GROUP BY e.event_id HAVING count(DISTINCT c.matter_id) <> 1"
    )
    assert ids == []
    across = "SELECT count(*) FROM (SELECT matter_id FROM subject.event_full_scope GROUP BY matter_id HAVING count(DISTINCT feed) > 1)"
    assert nanshan.value(across) > 0
    differing = "SELECT e.event_id FROM subject.event_full_scope AS e JOIN event.event_cluster AS c ON c.event_id = e.event_id WHERE c.matter_id <> e.matter_id"
    assert nanshan.rows(differing) == []


def test_1610_grid_cells_are_dated(nanshan) -> None:
    assert nanshan.value("SELECT count(DISTINCT grid_code) FROM place.grid_cell WHERE is_current") == 1610
    assert nanshan.rows("SELECT grid_code FROM place.grid_cell WHERE is_current GROUP BY grid_code HAVING count(*) > 1") == []
    assert nanshan.value("SELECT count(*) FROM place.grid_cell WHERE valid_to IS NOT NULL") == 8
    overlaps = "SELECT a.grid_code FROM place.grid_cell AS a JOIN place.grid_cell AS b ON b.grid_code = a.grid_code AND b.valid_from > a.valid_from AND b.valid_from < coalesce(a.valid_to, DATE '9999-12-31')"
    assert nanshan.rows(overlaps) == []
    assert nanshan.rows("SELECT grid_code FROM place.grid_cell WHERE community_key IS NULL OR valid_from IS NULL OR NOT synthetic") == []


def test_every_rented_building_has_the_gravest_grade_whose_rule_it_meets(nanshan) -> None:
    with (shipped_districts()["nanshan"] / "grade_rule.csv").open(encoding="utf-8") as lines:
        rules = sorted(csv.DictReader(lines), key=lambda row: int(row["rank"]))
    measures = ("tenants", "tenants_per_house", "open_hazards", "major_hazards", "issues_365_days")
    rented = nanshan.rows(f"SELECT building_key, grade, {', '.join(measures)} FROM subject.rental_housing")
    assert len(rented) == nanshan.value("SELECT count(DISTINCT building_key) FROM person.residence WHERE tenure = 'tenant'") > 100
    for building, grade, *found in rented:
        measured = {**dict(zip(measures, found, strict=True)), "any": 0}
        assert grade == next(rule["grade"] for rule in rules if measured[rule["measure"]] >= int(rule["amount"])), building
    assert {row[1] for row in rented} >= {"A", "B", "C"}


def test_the_queries_of_the_page_have_answers(nanshan, queries) -> None:
    given = nanshan.answered(queries("nanshan"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
