"""Luohu: everything known about a place on one row; 17 sources registered; 6 domains and 22 kinds; a service finds its people."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def luohu(city):
    return city("luohu")


def test_everything_known_about_a_place_stands_on_one_row(luohu) -> None:
    assert luohu.rows("SELECT address_key FROM subject.address_map GROUP BY address_key HAVING count(*) > 1") == []
    for level, key in (("building", "building_key"), ("community", "community_key"), ("street", "street_key")):
        counted = f"""
            SELECT a.address_key FROM subject.address_map AS a
            LEFT JOIN (SELECT {key} AS k, count(*) AS records, count(DISTINCT feed) AS feeds FROM place.location_link
                       WHERE address_key IS NOT NULL AND (address_key = {key} OR {key} IS NOT NULL) GROUP BY 1) AS l ON l.k = a.address_key
            WHERE a.level = '{level}' AND (l.k IS NULL OR l.records <> a.records OR l.feeds <> a.feeds)"""
        assert luohu.rows(counted) == [], level
    unseen = "SELECT DISTINCT l.address_key FROM place.location_link AS l LEFT JOIN subject.address_map AS a ON a.address_key = l.address_key WHERE l.address_key IS NOT NULL AND a.address_key IS NULL"
    assert luohu.rows(unseen) == []


def test_a_place_shows_who_lives_there_what_was_reported_and_which_team_answers(luohu) -> None:
    row = luohu.rows("""
        SELECT address_key, residents, tickets, grid_team FROM subject.address_map
        WHERE level = 'building' AND residents > 0 AND tickets > 0 AND grid_team IS NOT NULL ORDER BY tickets DESC, address_key LIMIT 1""")
    building, residents, tickets, team = row[0]
    assert residents == luohu.value(f"SELECT count(DISTINCT person_key) FROM person.residence WHERE building_key = '{building}'")
    assert tickets == luohu.value(f"SELECT count(*) FROM event.ticket WHERE building_key = '{building}'")
    assert team == luohu.value(
        f"SELECT g.team FROM place.building AS b JOIN place.grid_cell AS g ON g.grid_code = b.grid_code AND g.is_current WHERE b.building_key = '{building}'"
    )


def test_17_sources_are_registered_with_what_they_brought(luohu) -> None:
    assert luohu.value("SELECT count(*) FROM subject.source_catalogue") == 17
    brought = dict(luohu.rows("SELECT feed, rows_read FROM subject.source_catalogue WHERE feed IS NOT NULL"))
    assert len(brought) == 12
    assert brought["ticket"] == luohu.value("SELECT sum(rows_read) FROM subject.reconciliation WHERE feed = 'ticket'")
    assert luohu.rows("SELECT source_code FROM subject.source_catalogue WHERE steward IS NULL OR freshness IS NULL") == []


def test_events_fall_into_6_domains_and_22_kinds(luohu) -> None:
    assert luohu.rows(
        "SELECT count(DISTINCT category_1), count(DISTINCT category_key) FROM organization.category WHERE level = 2 AND origin = 'district'"
    ) == [(6, 22)]
    assert luohu.value("SELECT count(DISTINCT domain) FROM organization.category WHERE level = 3 AND origin = 'district'") == 6
    outside = "SELECT e.event_id FROM event.event AS e LEFT JOIN organization.category AS c ON c.category_key = e.category_key AND c.origin = 'district' WHERE e.feed IN ('ticket', 'petition', 'grid_event') AND e.category_key IS NOT NULL AND c.domain IS NULL"
    assert luohu.rows(outside) == []


def test_a_service_finds_its_people_and_their_households(luohu) -> None:
    rules = dict(luohu.rows("SELECT item_code, eligibility FROM organization.service_item WHERE eligibility IS NOT NULL"))
    people = luohu.rows(
        "SELECT l.person_key, l.household_key, max(l.age), list(DISTINCT t.tag), max(l.tenure), max(l.residence_kind) FROM subject.household_ledger AS l"
        " JOIN person.person AS p ON p.record_key = l.record_key LEFT JOIN person.person_tag AS t ON t.person_key = l.person_key GROUP BY 1, 2"
    )

    def meets(term: str, age: int | None, facts: set[str]) -> bool:
        if term.startswith("age>="):
            return age is not None and age >= int(term[5:])
        return age is not None and age < int(term[4:]) if term.startswith("age<") else term in facts

    expected = set()
    for item, rule in rules.items():
        for person, household, age, tags, tenure, kind in people:
            facts = {*tags, tenure, kind}
            ways = [way for way in rule.replace(" ", "").split(";") if way and way != "age>=0"]
            if any(all(meets(term, age, facts) for term in way.split("&")) for way in ways):
                expected.add((item, person, household))
    assert expected
    assert set(luohu.rows("SELECT item_code, person_key, household_key FROM subject.eligibility_list")) == expected


def test_the_queries_of_the_page_have_answers(luohu, queries) -> None:
    given = luohu.answered(queries("luohu"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
