"""What holds in every pack: each clean report stands in the stream once, rows reconcile, keys lead across libraries, what is invented says so."""

from __future__ import annotations

import csv

import duckdb
import pytest

from assets.home import shipped_districts
from contracts import settings
from contracts.settings_file import FROM_DISTRICT

PACKS = (
    "baoan",
    "china_mobile",
    "dapeng",
    "demo",
    "futian",
    "guangming",
    "longgang",
    "longhua",
    "luohu",
    "nanshan",
    "shanghai",
    "yantian",
)
ALONE = ("hubei", "pingshan")
"""Packs whose figures are not the demo city's."""


@pytest.mark.parametrize("feed", ["ticket", "petition", "grid_event", "hazard"])
def test_every_clean_report_is_an_event_exactly_once(city, lake, feed: str) -> None:
    with duckdb.connect() as connection:
        clean = connection.execute(f"SELECT DISTINCT record_key FROM {lake.relation(f'clean/{feed}')}").fetchall()
    events = city("demo").column(f"SELECT record_key FROM event.event WHERE feed = '{feed}'")
    assert len(events) == len(set(events))
    assert {key for (key,) in clean} == set(events) != set()


@pytest.mark.parametrize("pack", PACKS)
def test_rows_reconcile_from_delivery_to_event(city, pack: str) -> None:
    assert city(pack).rows("SELECT delivery, version, difference FROM subject.reconciliation WHERE difference <> 0") == []


@pytest.mark.parametrize("pack", PACKS)
def test_references_across_libraries_lead_somewhere(city, pack: str) -> None:
    made, dangling = city(pack), []
    for name, table in made.tables.items():
        for column in table.columns:
            if column.references and column.severity == "error":
                target, _, key = column.references.rpartition(".")
                lost = f'SELECT 1 FROM {name} AS a LEFT JOIN {target} AS b ON b."{key}" = a."{column.name}" WHERE a."{column.name}" IS NOT NULL AND b."{key}" IS NULL LIMIT 1'
                dangling += [f"{name}.{column.name}"] if made.rows(lost) else []
    assert dangling == []


@pytest.mark.parametrize("pack", PACKS)
def test_the_rules_of_every_table_hold(city, pack: str) -> None:
    broken = {name: city(pack).broken_rules(name) for name, table in city(pack).tables.items() if table.rules}
    assert {name: rules for name, rules in broken.items() if rules} == {}


@pytest.mark.parametrize("pack", [*PACKS, *ALONE])
def test_each_entry_of_a_pack_says_whether_it_is_invented(pack: str) -> None:
    for path in sorted(shipped_districts()[pack].glob("*.csv")):
        with path.open(encoding="utf-8") as lines:
            marks = {row.get("synthetic") for row in csv.DictReader(lines)}
        assert marks <= {"true", "false"}, path.name
        assert path.stem in ("division", "deadline", "published_figure") or marks == {"true"}, path.name


def test_every_setting_of_a_kind_that_can_be_invented_has_the_mark() -> None:
    assert {name for name, setting in settings().items() if not any(column.name == "synthetic" for column in setting.columns)} == set(
        FROM_DISTRICT
    )
