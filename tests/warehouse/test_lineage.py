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
