"""Lineage from the SQL that runs, back to source headers."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import town
from town import table, write

from contracts.step import PythonStep
from governance import STEPS
from warehouse import library, lineage

TABLES = {name: table(name, "k", "v") for name in ("event.a", "event.b", "subject.c", "subject.d")}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> library.Plan:
    folder = tmp_path_factory.mktemp("lineage")
    write(folder, "event.a", "SELECT record_key AS k, COALESCE(status, channel) AS v FROM latest.ticket ORDER BY k")
    write(
        folder,
        "event.b",
        "WITH x AS (SELECT k, v FROM event.a UNION ALL SELECT record_key AS k, status AS v FROM latest.petition) SELECT k, MAX(v) AS v FROM x GROUP BY k ORDER BY k",
    )
    write(folder, "subject.d", "SELECT k, v FROM subject.c ORDER BY k")
    step = PythonStep("subject.c", ("event.b",), lambda inputs, context: pa.table({}))
    return library.plan(town.town(folder / "home", tickets=1), [step], folder=folder, tables=TABLES)


def test_a_column_is_traced_through_tables_to_feed_columns_and_headers(plan: library.Plan) -> None:
    edges = lineage.column_lineage(lineage.build(plan), "event.b", "v")
    assert [(edge.depth, edge.target, edge.source) for edge in edges] == [
        (1, "event.b.v", "event.a.v"),
        (1, "event.b.v", "latest.petition.status"),
        (2, "event.a.v", "latest.ticket.channel"),
        (2, "event.a.v", "latest.ticket.status"),
    ]
    assert "渠道" in edges[2].headers
    assert edges[0].headers == ()


def test_a_python_step_is_traced_by_table(plan: library.Plan) -> None:
    edges = lineage.column_lineage(lineage.build(plan), "subject.d", "v")
    assert [(edge.target, edge.source) for edge in edges] == [("subject.d.v", "subject.c.v"), ("subject.c.v", "event.b")]


def test_a_protected_column_carries_the_headers_of_what_it_hides(plan: library.Plan) -> None:
    known = lineage.build(plan)
    assert "来电号码" in known["feeds"]["ticket"]["caller_key"]


def test_unchanged_tables_take_their_lineage_from_before(plan: library.Plan) -> None:
    known = lineage.build(plan)
    known["tables"]["event.a"]["columns"]["v"] = ["taken.over.once"]
    assert lineage.build(plan, known)["tables"]["event.a"]["columns"]["v"] == ["taken.over.once"]
    known["tables"]["event.a"]["mark"] = "other"
    assert lineage.build(plan, known)["tables"]["event.a"]["columns"]["v"] != ["taken.over.once"]


def test_what_is_not_there_is_an_error(plan: library.Plan) -> None:
    known = lineage.build(plan)
    with pytest.raises(KeyError, match="no table"):
        lineage.column_lineage(known, "event.nothing", "v")
    with pytest.raises(KeyError, match="no column"):
        lineage.column_lineage(known, "event.a", "nothing")


def test_every_sql_model_of_the_project_has_column_lineage(tmp_path: Path) -> None:
    known = lineage.build(library.plan(town.town(tmp_path, tickets=1), STEPS))
    assert [name for name, entry in known["tables"].items() if entry["kind"] == "sql" and entry["columns"] is None] == []
    sources = {edge.source for edge in lineage.column_lineage(known, "subject.event_full_scope", "status")}
    assert "latest.ticket.status" in sources or "clean.ticket.status" in sources


def test_a_python_step_that_declares_its_origins_is_traced_by_column(tmp_path: Path) -> None:
    write(tmp_path, "event.a", "SELECT record_key AS k, status AS v FROM latest.ticket ORDER BY k")
    step = PythonStep(
        "subject.c", ("event.a",), lambda inputs, context: pa.table({}), origins={"k": ("event.a.k",), "v": ("event.a.k", "event.a.v")}
    )
    tables = {name: TABLES[name] for name in ("event.a", "subject.c")}
    planned = library.plan(town.town(tmp_path / "home", tickets=1), [step], folder=tmp_path, tables=tables)
    edges = lineage.column_lineage(lineage.build(planned), "subject.c", "v")
    assert [edge.source for edge in edges] == ["event.a.k", "event.a.v", "latest.ticket.record_key", "latest.ticket.status"]


@pytest.mark.parametrize(
    "origins", [{"k": ("event.a.k",)}, {"k": ("event.a.k",), "v": ("event.a.nothing",)}, {"k": (), "v": ("event.b.v",)}]
)
def test_origins_that_do_not_fit_the_contract_or_the_inputs_are_named(tmp_path: Path, origins: dict[str, tuple[str, ...]]) -> None:
    write(tmp_path, "event.a", "SELECT record_key AS k, status AS v FROM latest.ticket ORDER BY k")
    step = PythonStep("subject.c", ("event.a",), lambda inputs, context: pa.table({}), origins=origins)
    tables = {name: TABLES[name] for name in ("event.a", "subject.c")}
    assert any("origin" in problem for problem in library.bind_all([step], folder=tmp_path, tables=tables))
