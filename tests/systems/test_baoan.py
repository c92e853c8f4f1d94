"""Bao'an: person, organization, building, house and address linked, each pair with method, confidence and validity; which pairs is a setting."""

from __future__ import annotations

import datetime as dt

import pytest


@pytest.fixture(scope="module")
def baoan(city):
    return city("baoan")


def test_five_codes_are_linked(baoan) -> None:
    kinds = baoan.rows(
        "SELECT DISTINCT from_kind FROM subject.five_code_crosswalk UNION SELECT DISTINCT to_kind FROM subject.five_code_crosswalk"
    )
    assert {kind for (kind,) in kinds} == {"person", "organization", "building", "house", "address"}
    assert baoan.value("SELECT count(*) FROM (SELECT DISTINCT from_kind, to_kind FROM subject.five_code_crosswalk)") == 9


def test_each_link_has_method_confidence_and_validity(baoan) -> None:
    lacking = "SELECT * FROM subject.five_code_crosswalk WHERE method IS NULL OR confidence IS NULL OR confidence <= 0 OR confidence > 1 OR valid_from IS NULL OR valid_to < valid_from"
    assert baoan.rows(lacking) == []
    assert {"register", "exact", "correction"} <= set(baoan.column("SELECT DISTINCT method FROM subject.five_code_crosswalk"))


def test_who_moved_away_or_closed_has_an_end(baoan) -> None:
    moved = "SELECT count(*), min(valid_to), max(valid_to) FROM subject.five_code_crosswalk WHERE from_kind = 'person' AND to_kind = 'house' AND valid_to IS NOT NULL"
    people, first, last = baoan.rows(moved)[0]
    assert people > 0
    assert dt.date(2024, 5, 1) < first <= last <= dt.date(2024, 6, 30)
    left = "SELECT count(*) FROM subject.five_code_crosswalk AS x JOIN person.residence AS r ON r.person_key = x.from_code AND r.address_key = x.to_code WHERE x.from_kind = 'person' AND x.valid_to IS NOT NULL"
    assert baoan.value(left) == 0


def test_both_ends_of_a_link_exist(baoan) -> None:
    for kind, table, key in (("person", "person.person", "person_key"), ("organization", "organization.enterprise", "org_key")):
        gone = f"SELECT from_code FROM subject.five_code_crosswalk AS x LEFT JOIN {table} AS t ON t.{key} = x.from_code WHERE x.from_kind = '{kind}' AND x.valid_to IS NULL AND t.{key} IS NULL"
        assert baoan.rows(gone) == []
    for kind in ("building", "house"):
        gone = f"SELECT to_code FROM subject.five_code_crosswalk AS x LEFT JOIN place.{kind} AS t ON t.{kind}_key = x.to_code WHERE x.to_kind = '{kind}' AND t.{kind}_key IS NULL"
        assert baoan.rows(gone) == []


def test_the_district_chooses_the_pairs_and_the_least_confidence(city, pack_copy, baoan) -> None:
    folder = pack_copy("baoan", "baoan_two")
    (folder / "code_link.csv").write_text("from_kind,to_kind,least_confidence\nperson,house,0.99\nbuilding,address,\n", encoding="utf-8")
    text = (folder / "district.yaml").read_text(encoding="utf-8")
    (folder / "district.yaml").write_text(text.replace("{rows: 9}", "{rows: 2}"), encoding="utf-8")
    chosen = city(folder, "subject.five_code_crosswalk").rows(
        "SELECT from_kind, to_kind, count(*), min(confidence) >= 0.99 FROM subject.five_code_crosswalk GROUP BY 1, 2 ORDER BY 1"
    )
    surer = baoan.value(
        "SELECT count(*) FROM subject.five_code_crosswalk WHERE from_kind = 'person' AND to_kind = 'house' AND confidence >= 0.99"
    )
    buildings = baoan.value("SELECT count(*) FROM subject.five_code_crosswalk WHERE from_kind = 'building'")
    assert chosen == [("building", "address", buildings, True), ("person", "house", surer, True)]


def test_the_queries_of_the_page_have_answers(baoan, queries) -> None:
    given = baoan.answered(queries("baoan"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
