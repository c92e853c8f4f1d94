"""The registry of measures is whole, and its values are what the formulas say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import sqlglot

import contracts
from contracts.load import ContractError
from contracts.schema import arrow_schema
from contracts.step import StepContext
from governance import measures

CONTEXT = StepContext(as_of=dt.datetime(2026, 6, 30, 23, 59, 59), district_folder=Path())


def test_registry_holds_at_least_60_formulas_and_200_measures() -> None:
    registry = measures.registry()
    assert len({(measure.source, measure.sql) for measure in registry.measures.values()}) >= 60
    assert measures.metrics({}, CONTEXT).num_rows >= 200


@pytest.mark.parametrize("name", measures.registry().measures)
def test_every_measure_names_columns_that_exist_and_sql_that_spark_can_run(name: str) -> None:
    measure = measures.registry().measures[name]
    source = measures.registry().sources[measure.source]
    known = {f"{source.table}.{column.name}" for column in contracts.tables()[source.table].columns}
    assert set(measures.lineage(source, measure)) <= known | {source.table}
    assert {f"{source.table}.{column}" for column in source.dimensions.values()} <= known
    sqlglot.transpile(f"SELECT {measure.sql} FROM t", read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    assert all((measure.title, measure.title_zh, measure.definition, measure.definition_zh))


def test_no_measure_reads_a_restricted_table() -> None:
    tables = contracts.tables()
    assert not [table for table in measures.inputs() if tables[table].audiences == ("restricted",)]


def _visits(rows: list[dict[str, object]]) -> dict[str, pa.Table]:
    given = {name: arrow_schema(contracts.tables()[name].columns).empty_table() for name in measures.inputs()}
    return given | {"person.visit": pa.Table.from_pylist(rows, schema=arrow_schema(contracts.tables()["person.visit"].columns))}


def test_values_by_member_and_period() -> None:
    rows = [
        {"visit_no": "1", "visited_at": dt.datetime(2026, 5, 1, 9), "household_key": "h1", "result": "met", "community_key": "C1"},
        {"visit_no": "2", "visited_at": dt.datetime(2026, 6, 1, 9), "household_key": "h1", "result": "absent", "community_key": "C1"},
        {"visit_no": "3", "visited_at": dt.datetime(2026, 6, 2, 9), "household_key": "h2", "result": "met", "community_key": None},
    ]
    made = measures.metric_values(_visits(rows), CONTEXT).to_pylist()
    found = {(row["measure"], row["dimension"], row["member"], row["period_kind"], row["period"]): row["value"] for row in made}
    assert found["visit_visits", "all", "-", "total", dt.date(2026, 6, 30)] == 3
    assert found["visit_visits", "all", "-", "month", dt.date(2026, 6, 1)] == 2
    assert found["visit_visits", "community", "C1", "year", dt.date(2026, 1, 1)] == 2
    assert found["visit_met_pct", "all", "-", "total", dt.date(2026, 6, 30)] == Decimal("66.67")
    assert found["visit_households", "all", "-", "total", dt.date(2026, 6, 30)] == 2
    assert ("visit_workers", "community", "C2", "year", dt.date(2026, 1, 1)) not in found


def test_a_measure_without_basis_has_no_value() -> None:
    rows = [{"visit_no": "1", "visited_at": dt.datetime(2026, 5, 1, 9), "result": None}]
    made = {row["measure"] for row in measures.metric_values(_visits(rows), CONTEXT).to_pylist()}
    assert "visit_visits" in made
    assert "visit_met_pct" not in made


def test_nothing_delivered_gives_no_values() -> None:
    assert measures.metric_values(_visits([]), CONTEXT).num_rows == 0


def test_a_mistake_in_the_registry_names_line_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "measures.yaml"
    path.write_text("sources: {}\nmeasures:\n  x: {source: nothing, sql: COUNT(*), unit: count, titel: X}\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"measures.yaml:3: measures.x.titel.*remedy"):
        measures.registry(path)


def test_adding_a_measure_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "measures.yaml"
    entry = "  visit_absent: {source: visit, unit: count, sql: \"COUNT(*) FILTER (WHERE result = 'absent')\", title: A, title_zh: 甲, definition: B, definition_zh: 乙}"
    path.write_text(f"{measures.REGISTRY.read_text(encoding='utf-8').rstrip()}\n{entry}\n", encoding="utf-8")
    before, enlarged = measures.metrics({}, CONTEXT).num_rows, measures.registry(path)
    monkeypatch.setattr(measures, "registry", lambda: enlarged)
    rows = [{"visit_no": "1", "visited_at": dt.datetime(2026, 5, 1, 9), "result": "absent", "community_key": "C1"}]
    made = {
        (row["dimension"], row["member"], row["period_kind"]): row["value"]
        for row in measures.metric_values(_visits(rows), CONTEXT).to_pylist()
        if row["measure"] == "visit_absent"
    }
    assert made["all", "-", "total"] == made["community", "C1", "month"] == 1
    told = [row for row in measures.metrics({}, CONTEXT).to_pylist() if row["measure"] == "visit_absent"]
    assert len(told) == measures.metrics({}, CONTEXT).num_rows - before > 1
    assert told[0]["lineage"] == "person.visit.result, person.visit.visited_at"
    assert "person.visit.result" in measures.origins()["value"]


def test_words_of_every_measure_are_its_own() -> None:
    found = measures.registry().measures.values()
    assert len({measure.title_zh for measure in found}) == len({measure.title for measure in found}) == len(found)
