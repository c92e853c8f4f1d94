"""Futian: what grid workers still have to ask, by scenario, and what is known and need not be asked again; 70 services at home."""

from __future__ import annotations

import csv

import pytest

from assets.home import shipped_districts

KNOWN = {
    "sex": "sex IS NOT NULL",
    "kinship": "kinship IS NOT NULL",
    "phone": "phone IS NOT NULL",
    "residence_kind": "residence_kind IS NOT NULL",
    "tenure": "tenure IS NOT NULL",
    "moved_in": "moved_in IS NOT NULL",
}


@pytest.fixture(scope="module")
def futian(city):
    return city("futian")


def rules() -> list[dict[str, str]]:
    with (shipped_districts()["futian"] / "collection_rule.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_each_field_of_a_scenario_is_asked_confirmed_or_known(futian) -> None:
    fields: dict[str, set[str]] = {}
    for rule in rules():
        fields.setdefault(rule["scenario"], set()).add(rule["field"])
    assert len(fields) == 6
    listed = futian.rows(
        "SELECT scenario, fields_due, fields_to_confirm, fields_known, due_count, confirm_count FROM subject.collection_list"
    )
    assert listed
    for scenario, due, confirm, known, due_count, confirm_count in listed:
        parts = [set(part.split(";")) if part else set() for part in (due, confirm, known)]
        assert set.union(*parts) == fields[scenario]
        assert sum(map(len, parts)) == len(fields[scenario])
        assert (len(parts[0]), len(parts[1])) == (due_count, confirm_count)


def test_a_field_is_asked_only_where_the_register_lacks_it(futian) -> None:
    for field, known in KNOWN.items():
        wrong = f"""
            SELECT c.object_key FROM subject.collection_list AS c JOIN subject.household_ledger AS l ON l.record_key = c.object_key
            WHERE (list_contains(string_split(c.fields_due, ';'), '{field}') AND {known})
               OR (list_contains(string_split(c.fields_known, ';'), '{field}') AND NOT ({known}))"""
        assert futian.rows(wrong) == [], field
    assert futian.value("SELECT sum(due_count) FROM subject.collection_list") > 0


def test_a_known_field_is_asked_again_only_after_the_days_of_its_rule(futian) -> None:
    days = {(rule["scenario"], rule["field"]): rule["again_days"] for rule in rules()}
    asked = futian.rows(
        "SELECT scenario, unnest(string_split(fields_to_confirm, ';')), date_diff('day', last_confirmed_on, DATE '2024-06-30') FROM subject.collection_list WHERE fields_to_confirm IS NOT NULL"
    )
    assert asked
    assert [row for row in asked if not days[row[:2]] or (row[2] is not None and row[2] <= int(days[row[:2]]))] == []
    rested = "SELECT object_key FROM subject.collection_list WHERE scenario = 'rental_check' AND list_contains(string_split(fields_known, ';'), 'tenure') AND (last_confirmed_on IS NULL OR date_diff('day', last_confirmed_on, DATE '2024-06-30') > 30)"
    assert futian.rows(rested) == []


def test_a_scenario_asks_only_the_objects_that_it_is_for(futian) -> None:
    others = "SELECT c.object_key FROM subject.collection_list AS c JOIN subject.household_ledger AS l ON l.record_key = c.object_key WHERE (c.scenario = 'rental_check' AND l.tenure IS DISTINCT FROM 'tenant') OR (c.scenario = 'floating_check' AND l.residence_kind IS DISTINCT FROM 'floating')"
    assert futian.rows(others) == []


def test_70_services_are_done_at_home(futian) -> None:
    assert futian.rows(
        "SELECT count(*), count(DISTINCT item_code), count(*) FILTER (at_home), count(department) FROM organization.service_item"
    ) == [(70, 70, 70, 70)]
    assert futian.value("SELECT count(DISTINCT household_key) FROM subject.eligibility_list WHERE at_home") > 0


def test_the_queries_of_the_page_have_answers(futian, queries) -> None:
    given = futian.answered(queries("futian"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
