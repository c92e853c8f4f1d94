"""Yantian: 12 classes and 80 items, each with one department at any date; every classified report gets one; petitions and 12345 in one stream."""

from __future__ import annotations

import datetime as dt

import pytest

from contracts.district import load_district
from contracts.load import ContractError
from contracts.settings_file import load_setting

LEVELS = ("category_1", "category_2", "category_3")


@pytest.fixture(scope="module")
def yantian(city):
    return city("yantian")


def test_the_tree_has_12_classes_and_80_items(yantian) -> None:
    assert yantian.rows(
        "SELECT level, count(*) FROM organization.category WHERE origin = 'district' AND level IN (1, 3) GROUP BY level ORDER BY 1"
    ) == [
        (1, 12),
        (3, 80),
    ]
    assert yantian.rows("SELECT count(*), count(department_code), bool_and(synthetic) FROM organization.matter_item") == [(80, 80, True)]


@pytest.mark.parametrize("day", [dt.date(2020, 1, 1), dt.date(2023, 12, 31), dt.date(2024, 6, 30), dt.date(2030, 1, 1)])
def test_each_item_has_exactly_one_department_at_any_date(yantian, day: dt.date) -> None:
    answering = yantian.rows(f"""
        SELECT c.category_key, count(DISTINCT r.department_code)
        FROM organization.category AS c
        LEFT JOIN organization.responsibility AS r
          ON r.street = '*' AND r.category_1 = c.category_1 AND r.category_2 IN (c.category_2, '*') AND r.category_3 IN (c.category_3, '*')
          AND r.valid_from <= DATE '{day}' AND (r.valid_to IS NULL OR r.valid_to > DATE '{day}')
        WHERE c.level = 3 AND c.origin = 'district'
        GROUP BY c.category_key""")
    assert len(answering) == 80
    assert [row for row in answering if row[1] != 1] == []


def test_every_classified_report_falls_into_one_item_with_one_department(yantian) -> None:
    reports = "FROM event.event AS e LEFT JOIN organization.matter_item AS i ON i.category_key = e.category_key WHERE e.feed IN ('ticket', 'petition', 'grid_event') AND e.category_3 IS NOT NULL"
    assert yantian.value(f"SELECT count(*) {reports}") > 900
    assert (
        yantian.rows(f"SELECT e.event_id {reports} AND (i.category_key IS NULL OR e.responsible_code IS NULL OR e.department_code IS NULL)")
        == []
    )
    assert yantian.rows(f"SELECT e.event_id {reports} AND e.responsible_code <> i.department_code") == []


def test_a_mapped_report_keeps_the_path_that_its_feed_delivered(yantian) -> None:
    moved = "SELECT count(*) FROM event.ticket AS t JOIN organization.category_crosswalk AS c ON c.delivered_key = t.category_delivered WHERE c.category_key = t.category_key AND c.method = 'map'"
    assert yantian.value(moved) == yantian.value("SELECT count(*) FROM event.ticket WHERE category_key IS NOT NULL")


def test_petitions_and_12345_run_in_one_stream(yantian) -> None:
    stream = dict(yantian.rows("SELECT feed, count(*) FROM subject.event_full_scope GROUP BY feed"))
    assert stream["ticket"] == yantian.value("SELECT count(*) FROM event.ticket") > 0
    assert stream["petition"] == yantian.value("SELECT count(*) FROM event.petition") > 0


def test_two_departments_at_once_do_not_load_and_the_line_is_named(pack_copy) -> None:
    folder = pack_copy("yantian")
    path = folder / "responsibility.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[1].replace("2020-01-01", "2024-05-01").replace("GM001", "GM002")]) + "\n", encoding="utf-8")
    with pytest.raises(
        ContractError, match=r"responsibility\.csv:82: .*a second department from 2024-05-01.*line 2 .*remedy: give line 2 a valid_to"
    ):
        load_setting(load_district(folder), "responsibility")


def test_an_item_without_department_for_a_while_does_not_load(pack_copy) -> None:
    folder = pack_copy("yantian")
    path = folder / "responsibility.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1].replace("2020-01-01,,", "2020-01-01,2024-05-01,")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"responsibility\.csv:2: .*has no department from 2024-05-01; remedy"):
        load_setting(load_district(folder), "responsibility")


def test_the_queries_of_the_page_have_answers(yantian, queries) -> None:
    given = yantian.answered(queries("yantian"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
