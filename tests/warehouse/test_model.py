"""Models: their order, what the lint refuses, and what a fingerprint depends on."""

from __future__ import annotations

import datetime as dt
import importlib
from pathlib import Path

import pyarrow as pa
import pytest
from town import table, write

import contracts
from contracts.step import PythonStep
from governance import STEPS
from warehouse import model as modelling
from warehouse.library import bind_all, relation_schema
from warehouse.model import ModelError, fingerprint, lint, models, order


def one(folder: Path, sql: str, *columns: str, **more: object) -> modelling.Model:
    write(folder, "event.a", sql)
    return models(folder=folder, tables={"event.a": table("event.a", *(columns or ("k", "v integer")), **more)})["event.a"]


def test_all_models_of_the_project_fit_their_contracts_and_the_subset() -> None:
    assert bind_all(STEPS) == []


def test_tables_come_after_what_they_read(tmp_path: Path) -> None:
    write(tmp_path, "subject.c", "SELECT k FROM event.b ORDER BY k")
    write(tmp_path, "event.b", "WITH a AS (SELECT k FROM place.a) SELECT k FROM a ORDER BY k")
    write(tmp_path, "place.a", "SELECT record_key AS k FROM latest.ticket ORDER BY k")
    tables = {name: table(name, "k") for name in ("subject.c", "event.b", "place.a")}
    found = models(folder=tmp_path, tables=tables)
    assert [model.name for model in order(found, relation_schema())] == ["place.a", "event.b", "subject.c"]
    assert [model.name for model in order(found, relation_schema(), ["event.b"])] == ["place.a", "event.b"]


def test_an_unknown_input_names_file_line_and_a_near_name(tmp_path: Path) -> None:
    model = one(tmp_path, "SELECT\n  record_key AS k, 1 AS v\nFROM latest.tickets ORDER BY k")
    with pytest.raises(ModelError, match=r"themes/event/a\.sql:3: latest\.tickets .*perhaps latest\.ticket"):
        order({"event.a": model}, relation_schema())


def test_a_circle_is_named(tmp_path: Path) -> None:
    write(tmp_path, "event.a", "SELECT k FROM event.b ORDER BY k")
    write(tmp_path, "event.b", "SELECT k FROM event.a ORDER BY k")
    with pytest.raises(ModelError, match="circle: event"):
        order(models(folder=tmp_path, tables={name: table(name, "k") for name in ("event.a", "event.b")}), ())


def test_a_table_without_contract_or_with_two_models_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "event.a", "SELECT 1 AS k ORDER BY k")
    with pytest.raises(ModelError, match="no contract"):
        models(folder=tmp_path, tables={})
    step = PythonStep("event.a", (), lambda inputs, context: pa.table({}))
    with pytest.raises(ModelError, match="same table"):
        models([step], folder=tmp_path, tables={"event.a": table("event.a", "k")})


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT 1 AS k; SELECT 2", "DROP TABLE x", "SELECT 1 AS k FROM ("])
def test_a_file_that_is_not_one_select_is_refused(tmp_path: Path, sql: str) -> None:
    with pytest.raises(ModelError, match=r"a\.sql:\d+"):
        one(tmp_path, sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM latest.ticket ORDER BY k", "name the columns"),
        ("SELECT t.* FROM latest.ticket AS t ORDER BY k", "name the columns"),
        ("SELECT record_key AS k, LEN(LIST_TRANSFORM([1], x -> x + 1)) AS v FROM latest.ticket ORDER BY k", "anonymous function"),
        ("SELECT record_key AS k, LEN([x FOR x IN [1]]) AS v FROM latest.ticket ORDER BY k", "anonymous function"),
        ("SELECT record_key AS k, DATE_DIFF('day', created_at, NOW()) AS v FROM latest.ticket ORDER BY k", "run.clock"),
        ("SELECT record_key AS k, DATE_DIFF('day', CURRENT_DATE, created_at) AS v FROM latest.ticket ORDER BY k", "run.clock"),
        ("SELECT record_key AS k, CAST(RANDOM() AS INT) AS v FROM latest.ticket ORDER BY k", "run.clock"),
        ("SELECT record_key AS k, FIRST(source_row) AS v FROM latest.ticket GROUP BY 1 ORDER BY k", "ORDER BY"),
        ("SELECT record_key AS k, LEN(STRING_AGG(status, ',')) AS v FROM latest.ticket GROUP BY 1 ORDER BY k", "ORDER BY"),
        ("SELECT record_key AS k, LEN(LIST(status)) AS v FROM latest.ticket GROUP BY 1 ORDER BY k", "ORDER BY"),
        ("SELECT record_key AS k, ANY_VALUE(source_row) AS v FROM latest.ticket GROUP BY 1 ORDER BY k", "order of rows"),
        ("SELECT record_key AS k, ROW_NUMBER() OVER (PARTITION BY status) AS v FROM latest.ticket ORDER BY k", "no ORDER BY"),
        ("SELECT record_key AS k, SUM(source_row / 2) AS v FROM latest.ticket GROUP BY 1 ORDER BY k", "over a double"),
        ("SELECT record_key AS k, source_row AS w FROM latest.ticket ORDER BY k", "lacks v; gives w too"),
        ("SELECT source_row AS v, record_key AS k FROM latest.ticket ORDER BY k", "another order"),
        ("SELECT record_key AS k, source_row AS v FROM latest.ticket", "ORDER BY k"),
        ("SELECT record_key AS k, source_row AS v FROM restricted.ticket ORDER BY k", "restricted"),
    ],
)
def test_what_leaves_the_subset_is_named_with_file_and_line(tmp_path: Path, sql: str, message: str) -> None:
    problems = lint(one(tmp_path, sql), relation_schema())
    assert any((message in problem and problem.startswith("themes/event/a.sql:")) or message in problem for problem in problems), problems
    assert all(".sql:" in problem for problem in problems)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT record_key AS k, COUNT(*) AS v FROM latest.ticket GROUP BY record_key ORDER BY k",
        "SELECT record_key AS k, LEN(STRING_AGG(status, ',' ORDER BY status)) AS v FROM latest.ticket GROUP BY record_key ORDER BY k",
        "SELECT record_key AS k, SUM(CAST(source_row AS DECIMAL(18, 2))) AS v FROM latest.ticket GROUP BY record_key ORDER BY k",
        "SELECT record_key AS k, ROW_NUMBER() OVER (PARTITION BY status ORDER BY record_key) AS v FROM latest.ticket ORDER BY k",
    ],
)
def test_what_keeps_to_the_subset_passes(tmp_path: Path, sql: str) -> None:
    assert lint(one(tmp_path, sql), relation_schema()) == []


def test_the_line_of_a_problem_is_where_it_stands(tmp_path: Path) -> None:
    problems = lint(
        one(tmp_path, "SELECT\n  record_key AS k,\n  DATE_DIFF('day', created_at, CURRENT_DATE) AS v\nFROM latest.ticket\nORDER BY k"),
        relation_schema(),
    )
    assert [problem.split(":")[1] for problem in problems] == ["3"]


def test_a_restricted_table_may_read_restricted_relations(tmp_path: Path) -> None:
    sql = "SELECT record_key AS k, source_row AS v FROM restricted.ticket ORDER BY k"
    assert lint(one(tmp_path, sql, audiences=("restricted",)), relation_schema()) == []


def test_binding_names_sql_and_contract_where_types_differ(tmp_path: Path) -> None:
    write(tmp_path, "event.a", "SELECT record_key AS k, created_at AS v FROM latest.ticket ORDER BY k")
    problems = bind_all(folder=tmp_path, tables={"event.a": table("event.a", "k", "v date")})
    assert problems == [
        "themes/event/a.sql: v is TIMESTAMP in the SQL and DATE in the contract of event.a; remedy: CAST it, or correct the contract"
    ]


def test_a_public_table_needs_public_keys_and_no_open_table_a_personal_column(tmp_path: Path) -> None:
    write(tmp_path, "event.a", "SELECT record_key AS k, source_row AS v FROM latest.ticket ORDER BY k")
    public = table("event.a", "k", "v integer", audiences=("internal", "public"))
    assert any("keys ['k'] are not" in problem for problem in bind_all(folder=tmp_path, tables={"event.a": public}))
    personal = public.model_copy(
        update={"columns": tuple(column.model_copy(update={"classification": "personal"}) for column in public.columns)}
    )
    assert any("are personal" in problem for problem in bind_all(folder=tmp_path, tables={"event.a": personal}))


def test_a_fingerprint_changes_with_meaning_and_not_with_layout(tmp_path: Path) -> None:
    base = one(tmp_path, "SELECT record_key AS k, source_row AS v FROM latest.ticket ORDER BY k")
    same = one(tmp_path, "-- a comment\nSELECT record_key AS k,\n  source_row AS v\nFROM latest.ticket ORDER BY k")
    other = one(tmp_path, "SELECT record_key AS k, source_row + 1 AS v FROM latest.ticket ORDER BY k")
    given = {"latest.ticket": "1"}
    first = fingerprint(base, given, "2026-01-01")
    assert fingerprint(same, given, "2026-02-02") == first
    assert fingerprint(other, given, "2026-01-01") != first
    assert fingerprint(base, {"latest.ticket": "2"}, "2026-01-01") != first
    clocked = one(tmp_path, "SELECT t.record_key AS k, 1 AS v FROM latest.ticket AS t CROSS JOIN run.clock AS c ORDER BY k")
    prints = {fingerprint(clocked, given | {"run.clock": "c"}, moment) for moment in ("2026-01-01", "2026-01-02")}
    assert len(prints) == 2


def test_a_step_counts_its_version_and_its_use_of_the_as_of_moment() -> None:
    def run(inputs: object, context: object) -> pa.Table:
        return pa.table({})

    def of(**more: object) -> str:
        step = PythonStep("event.a", (), run, **more)  # type: ignore[arg-type]
        return fingerprint(
            models([step], folder=Path("nowhere"), tables={"event.a": table("event.a", "k")})["event.a"], {}, dt.date.today().isoformat()
        )

    assert of() == of()
    assert len({of(), of(version=2), of(uses_as_of=True)}) == 3


def test_every_table_has_a_model() -> None:
    assert modelling.without_model(models(STEPS), contracts.tables()) == []


def test_a_step_is_built_anew_when_what_its_package_reads_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further entry in the registry of measures changes `subject.metric_value` though no code and no input did."""
    package = tmp_path / "steps_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("def run(inputs, context):\n    return None\n", encoding="utf-8")
    (package / "registry.yaml").write_text("one: 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    step = PythonStep("subject.x", (), importlib.import_module("steps_of_a_test").run)
    before = modelling._code_of(step)
    (package / "registry.yaml").write_text("one: 1\ntwo: 2\n", encoding="utf-8")
    monkeypatch.setattr(modelling, "_CODE", {})
    assert modelling._code_of(step) != before
