"""What analysts start from, on a real release: the cookbook, the macros, and `analyst.sql` in a plain DuckDB."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.home import shipped_districts
from contracts.district import load_district
from contracts.settings_file import all_settings
from governance import clock
from pipelines import cookbook
from pipelines.commands import query
from pipelines.commands.shell import Shell
from warehouse.macros import macros

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def connection(demo_release: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with query.reader(demo_release / "internal") as opened:
        yield opened


@pytest.mark.parametrize("recipe", cookbook.recipes(), ids=lambda recipe: str(recipe.number))
def test_every_recipe_answers(connection: duckdb.DuckDBPyConnection, recipe: cookbook.Recipe) -> None:
    (statement,) = query.statements(connection, recipe.sql)
    rows = query.run(connection, statement).fetchall()
    assert rows, "a recipe that finds nothing in the demo city shows nobody anything"


def test_the_page_of_the_docs_is_the_cookbook() -> None:
    """To accept a change: python -m pipelines.cookbook > docs/cookbook.md"""
    assert (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8") == cookbook.page()
    assert len(cookbook.recipes()) >= 25
    assert [recipe.number for recipe in cookbook.recipes()] == list(range(1, len(cookbook.recipes()) + 1))


def test_every_macro_is_there_and_named_with_what_it_answers(connection: duckdb.DuckDBPyConnection) -> None:
    shell = Shell(connection)
    assert len(macros()) == (ROOT / "warehouse" / "macros.sql").read_text(encoding="utf-8").count("CREATE OR REPLACE MACRO")
    for macro in macros():
        assert macro.name in shell.take(".macros")
    assert "overdue_as_of" in shell.take(".cookbook 6")
    assert "超期" in shell.take(".cookbook 超期")


def test_working_time_between_two_moments_is_that_of_the_governance_clock(connection: duckdb.DuckDBPyConnection) -> None:
    starts = pl.datetime_range(dt.datetime(2023, 12, 20, 7, 13), dt.datetime(2024, 10, 12), "37h", eager=True)
    ends = starts + pl.Series([dt.timedelta(minutes=(number * 7919) % 60_000 - 9_000) for number in range(len(starts))])
    folder = shipped_districts()["demo"]
    expected = clock.Calendar.of(folder, all_settings(load_district(folder))["special_day"]).working_minutes(starts, ends)
    connection.register("moments", pl.DataFrame({"n": range(len(starts)), "a": starts, "b": ends}).to_arrow())
    found = connection.execute("SELECT working_minutes_between(a, b) FROM moments ORDER BY n").fetchall()
    assert [row[0] for row in found] == expected.to_list()


def test_what_is_overdue_now_is_what_the_deadlines_say(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute(
        "SELECT (SELECT count(*) FROM overdue_as_of((SELECT as_of FROM subject.release))), "
        "(SELECT count(*) FROM event.deadline WHERE state = 'overdue')"
    ).fetchall()
    assert rows[0][0] == rows[0][1] > 0


def test_rooms_lie_under_their_building_their_community_and_their_road(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute(
        "SELECT address_key, building_key, community_key, road_key FROM place.address "
        "WHERE level = 'room' AND building_key IS NOT NULL AND road_key IS NOT NULL ORDER BY address_key LIMIT 1"
    ).fetchall()
    room, *above = rows[0]
    for key in above:
        under = connection.execute("SELECT address_key FROM addresses_under(?)", [key]).fetchall()
        assert (room,) in under


def test_analyst_sql_makes_the_macros_in_a_plain_duckdb(demo_release: Path) -> None:
    with duckdb.connect() as plain:
        for statement in plain.extract_statements((demo_release / "analyst.sql").read_text(encoding="utf-8")):
            plain.execute(statement)
        assert plain.execute("SELECT count(*) > 0 FROM find_address('花园')").fetchall() == [(True,)]
        assert plain.execute("SELECT working_hours_between(TIMESTAMP '2024-06-03 09:00', TIMESTAMP '2024-06-03 15:30')").fetchall() == [
            (4.5,)
        ]
