"""Every SQL model agrees with its contract, keeps to the common SQL subset, and builds on nothing."""

from __future__ import annotations

import pytest
import sqlglot
from lakehouse import build_order, inputs, lakehouse, sql_files
from sqlglot import exp

import contracts
from contracts.schema import create_table, duckdb_type
from governance import STEPS

FILES = sql_files()
TABLES = contracts.tables()


def test_every_table_has_one_model_and_every_model_a_contract() -> None:
    made = [*FILES, *(step.table for step in STEPS)]
    assert sorted(made) == sorted(TABLES)


@pytest.fixture(scope="module")
def empty_tables():
    """A lakehouse in which every table exists as its contract says, so that each model can be bound by itself."""
    house = lakehouse()
    for name in build_order():
        house.connection.execute(create_table(TABLES[name]))
    return house


@pytest.mark.parametrize("name", FILES)
def test_model_gives_the_columns_and_types_of_its_contract(name: str, empty_tables) -> None:
    bound = empty_tables.rows(f"DESCRIBE ({FILES[name].read_text(encoding='utf-8')})")
    made = {row[0]: row[1] for row in bound}
    promised = {column.name: duckdb_type(column) for column in TABLES[name].columns}
    assert list(made) == list(promised)
    assert made == promised


@pytest.mark.parametrize("name", FILES)
def test_model_is_ordered_by_the_keys_of_its_contract(name: str) -> None:
    order = sqlglot.parse_one(FILES[name].read_text(encoding="utf-8"), read="duckdb").args["order"]
    assert [entry.this.name for entry in order.expressions] == list(TABLES[name].keys)


@pytest.mark.parametrize("name", FILES)
def test_model_keeps_to_sql_that_spark_can_run(name: str) -> None:
    sql = FILES[name].read_text(encoding="utf-8")
    sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    tree = sqlglot.parse_one(sql, read="duckdb")
    assert not list(tree.find_all(exp.Star)) or all(isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))


@pytest.mark.parametrize("name", FILES)
def test_only_restricted_tables_read_personal_relations(name: str) -> None:
    restricted = {relation for relation in inputs(FILES[name].read_text(encoding="utf-8")) if relation.startswith("restricted.")}
    assert not restricted - set(TABLES[name].declassifies) or TABLES[name].audiences == ("restricted",)


def test_what_leaves_personal_relations_is_counts_of_groups_that_are_not_small() -> None:
    found = {name: table for name, table in TABLES.items() if table.declassifies}
    assert set(found) == {"person.care_count"}
    for name, table in found.items():
        assert {column.classification for column in table.columns} <= {"public", "internal"}
        assert "small_group" in FILES[name].read_text(encoding="utf-8")
        assert not any(column.name in ("person_key", "household_key", "record_key") for column in table.columns)


@pytest.mark.parametrize("name", TABLES)
def test_personal_columns_stand_in_restricted_tables_only(name: str) -> None:
    table = TABLES[name]
    hidden = [column.name for column in table.columns if column.classification in ("personal", "sensitive")]
    assert not hidden or table.audiences == ("restricted",)
    if "public" in table.audiences:
        assert all(column.classification == "public" for column in table.columns)


def test_references_name_a_column_that_exists() -> None:
    for table in TABLES.values():
        for column in table.columns:
            if column.references:
                theme, name, target = column.references.split(".")
                assert TABLES[f"{theme}.{name}"].column(target), f"{table.full_name}.{column.name}"


def test_all_tables_build_where_no_feed_ever_came() -> None:
    house = lakehouse()
    house.build()
    filled = {name for name in TABLES if house.rows(f"SELECT 1 FROM {name} LIMIT 1")}
    assert filled == {"event.work_day", "subject.catalogue", "subject.metric"}
    assert len(house.rows("SELECT table_name FROM subject.catalogue")) == len(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_rules_of_the_contract_are_queries_that_run(name: str, empty_tables) -> None:
    assert empty_tables.broken_rules(TABLES[name]) == []
