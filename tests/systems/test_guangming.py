"""Guangming: 24 industry grids in one whole-subject grid; the matter library; intake to dispatch, the 95th percentile against 30 minutes."""

from __future__ import annotations

import math

import pytest


@pytest.fixture(scope="module")
def guangming(city):
    return city("guangming")


def test_24_industry_grids_are_mapped_into_one_whole_subject_grid(guangming) -> None:
    assert guangming.rows("SELECT count(DISTINCT industry), count(DISTINCT grid_code) FROM place.industry_grid WHERE is_current") == [
        (24, 256)
    ]
    assert (
        guangming.rows(
            "SELECT industry FROM place.industry_grid WHERE department IS NULL OR community_key IS NULL OR valid_from IS NULL OR NOT synthetic"
        )
        == []
    )
    counted = "SELECT g.grid_code FROM place.grid_cell AS g LEFT JOIN (SELECT grid_code, count(DISTINCT industry) AS n FROM place.industry_grid WHERE is_current GROUP BY 1) AS i ON i.grid_code = g.grid_code WHERE g.is_current AND g.industry_grids <> coalesce(i.n, 0)"
    assert guangming.rows(counted) == []


def test_a_grid_event_leads_to_the_trades_whose_grids_its_cell_lies_in(guangming) -> None:
    trades = "SELECT e.event_id, count(DISTINCT i.industry) FROM event.event AS e JOIN place.industry_grid AS i ON i.grid_code = e.grid_code AND i.valid_from <= e.reported_on AND (i.valid_to IS NULL OR i.valid_to > e.reported_on) WHERE e.feed = 'grid_event' GROUP BY 1"
    found = guangming.rows(trades)
    assert len(found) > 50
    assert {count for _, count in found} == {8}


def test_the_matter_library_says_department_grade_and_deadline_of_each_item(guangming) -> None:
    assert guangming.rows(
        "SELECT count(*), count(department_code), count(grade), count(deadline_amount), sum(events) > 0 FROM organization.matter_item"
    ) == [(97, 97, 97, 97, True)]


def test_the_95th_percentile_of_dispatch_is_held_against_30_minutes(guangming) -> None:
    minutes: dict[tuple, list[int]] = {}
    for feed, month, found in guangming.rows(
        "SELECT feed, CAST(date_trunc('month', reported_at) AS DATE), date_diff('second', reported_at, dispatched_at) // 60 FROM event.event WHERE dispatched_at >= reported_at"
    ):
        minutes.setdefault((feed, month), []).append(found)
    said = guangming.rows(
        "SELECT feed, month, dispatched, p95_minutes, within_30_minutes, target_minutes, meets_target FROM subject.dispatch_latency"
    )
    assert {row[:2] for row in said} == set(minutes)
    for feed, month, dispatched, p95, within, target, meets in said:
        found = sorted(minutes[feed, month])
        assert target == 30
        assert dispatched == len(found)
        assert p95 == found[math.ceil(0.95 * len(found)) - 1]
        assert within == sum(value <= 30 for value in found)
        assert meets is (p95 <= 30)


def test_the_target_is_the_district_s(city, pack_copy) -> None:
    folder = pack_copy("guangming", "guangming_120")
    text = (folder / "district.yaml").read_text(encoding="utf-8")
    (folder / "district.yaml").write_text(text.replace("dispatch_minutes: 30", "dispatch_minutes: 120"), encoding="utf-8")
    said = city(folder, "subject.dispatch_latency").rows(
        "SELECT target_minutes, (p95_minutes <= 120) = meets_target FROM subject.dispatch_latency"
    )
    assert set(said) == {(120, True)}


def test_the_queries_of_the_page_have_answers(guangming, queries) -> None:
    given = guangming.answered(queries("guangming"))
    assert given
    assert [query for query, rows in given.items() if rows == 0] == []
