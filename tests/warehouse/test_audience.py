"""What each audience may see: columns, small groups, and the gate over built files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from contracts.model import Column, Table
from contracts.schema import create_table
from warehouse.audience import columns_for, for_audience, gate, suppress


def counts(small_groups: tuple[str, ...] = ("n", "done")) -> Table:
    columns = [
        Column(name="place", title="p", title_zh="p", classification="public", required=True),
        Column(name="month", title="m", title_zh="m", classification="public", required=True),
        Column(name="n", type="integer", title="n", title_zh="n", classification="public"),
        Column(name="done", type="integer", title="d", title_zh="d", classification="public"),
        Column(name="share", type="decimal(5,2)", title="s", title_zh="s", classification="public"),
        Column(name="note", title="o", title_zh="o"),
    ]
    return Table(
        name="t",
        theme="subject",
        title="t",
        title_zh="t",
        grain="g",
        keys=("place", "month"),
        steward="s",
        columns=tuple(columns),
        audiences=("internal", "public"),
        small_groups=small_groups,
    )


def cells(*rows: tuple[str, str, int, int]) -> pa.Table:
    return pa.table({
        "place": [row[0] for row in rows], "month": [row[1] for row in rows], "n": pa.array([row[2] for row in rows], pa.int64()),
        "done": pa.array([row[3] for row in rows], pa.int64()), "share": pa.array([Decimal(row[3]) if row[2] else None for row in rows], pa.decimal128(5, 2)),
    })  # fmt: skip


def shown(rows: pa.Table) -> dict[tuple[str, str], int | None]:
    return {(row["place"], row["month"]): row["n"] for row in rows.to_pylist()}


def test_an_audience_gets_only_its_columns() -> None:
    assert [column.name for column in columns_for(counts(), "public")] == ["place", "month", "n", "done", "share"]
    assert len(columns_for(counts(), "internal")) == 6
    assert for_audience(counts(), "public").keys == ("place", "month")


def test_a_small_count_goes_and_the_smallest_other_of_each_line() -> None:
    table = cells(("a", "1", 3, 3), ("b", "1", 9, 9), ("c", "1", 40, 30), ("a", "2", 20, 20), ("b", "2", 30, 30), ("c", "2", 50, 50))
    made = suppress(table, counts(), 5)
    hidden = {key for key, value in shown(made).items() if value is None}
    assert {("a", "1"), ("b", "1"), ("a", "2")} <= hidden
    assert ("c", "2") not in hidden
    assert made.schema == table.schema
    assert [row["share"] for row in made.to_pylist() if row["n"] is None] == [None] * len(hidden)
    assert made["place"].to_pylist() == table["place"].to_pylist()


def test_zero_and_large_counts_stay() -> None:
    table = cells(("a", "1", 0, 0), ("b", "1", 5, 5), ("c", "1", 40, 30))
    assert suppress(table, counts(), 5).equals(table)


def test_what_is_gone_never_adds_up_to_a_small_group() -> None:
    made = suppress(cells(("a", "1", 1, 1), ("b", "1", 2, 2), ("c", "1", 30, 30), ("d", "1", 40, 40)), counts(), 5)
    assert [key[0] for key, value in shown(made).items() if value is None] == ["a", "b", "c"]


def test_a_table_without_small_groups_or_rows_is_as_it_was() -> None:
    table = cells(("a", "1", 1, 1))
    assert suppress(table, counts(()), 5).equals(table)
    assert suppress(table.slice(0, 0), counts(), 5).num_rows == 0


CELL = st.tuples(st.sampled_from("abcd"), st.sampled_from("123"), st.integers(0, 12), st.integers(0, 12))


CELLS = st.lists(CELL, min_size=1, max_size=12, unique_by=lambda cell: cell[:2])
LINES: tuple[list[str], ...] = (["place"], ["month"], [])


@given(CELLS, st.integers(2, 6))
def test_no_small_count_is_shown_and_no_total_gives_one_away(rows: list[tuple[str, str, int, int]], smallest: int) -> None:
    table = cells(*rows)
    made = pl.DataFrame(pl.from_arrow(suppress(table, counts(), smallest)))
    for name in ("n", "done"):
        whole = pl.DataFrame(pl.from_arrow(table)).with_columns(made[name].is_null().alias("gone"))
        assert not ((made[name] > 0) & (made[name] < smallest)).any()
        for line in LINES:
            for _, part in whole.group_by(line or pl.lit(0)):
                gone = part.filter("gone")
                # A reader who knows the line's total learns the sum of what is gone, and nothing about a single cell.
                if gone.height and gone.height < part.height:
                    assert gone.height >= 2
                    # A total below `smallest` is a small group itself.
                    assert gone[name].sum() == 0 or gone[name].sum() >= smallest or part[name].sum() < smallest


def possible(shown: pl.DataFrame, truth: pl.DataFrame, at: int, weights: tuple[int, int]) -> float:
    """How far `weights` · (n, done) of a row can vary for a reader of `shown` who knows the totals of both columns and that done ≤ n."""
    size = truth.height
    bounds: list[tuple[float, float | None]] = []
    for name in ("n", "done"):
        bounds += [(value, value) if value is not None else (0, None) for value in shown[name]]
    totals = np.kron(np.eye(2), np.ones((1, size)))
    below = np.hstack([-np.eye(size), np.eye(size)])
    cost = np.zeros(2 * size)
    cost[at], cost[size + at] = weights
    found = [
        linprog(sign * cost, A_ub=below, b_ub=np.zeros(size), A_eq=totals, b_eq=[truth["n"].sum(), truth["done"].sum()], bounds=bounds)
        for sign in (1, -1)
    ]
    assert all(one.success for one in found)
    return float(-found[1].fun - found[0].fun)


@settings(deadline=None, max_examples=150)
@given(CELLS, st.integers(3, 6))
def test_a_reader_who_knows_all_totals_along_one_key_pins_no_small_group(rows: list[tuple[str, str, int, int]], smallest: int) -> None:
    truth = pl.DataFrame(pl.from_arrow(cells(*((place, month, max(n, done), min(n, done)) for place, month, n, done in rows))))
    made = suppress(truth.to_arrow(), counts(("n", "done -> share", "n - done")), smallest)
    shown = pl.DataFrame(pl.from_arrow(made)).select("n", pl.col("done").alias("done"))
    both = truth.with_columns(shown["n"].alias("n_shown"), shown["done"].alias("done_shown"))
    assert (both["done_shown"].is_not_null() | pl.Series(made["share"].is_null().to_pylist())).all()
    for line in LINES:
        for _, part in both.group_by(line or pl.lit(0)):
            seen = part.select(n="n_shown", done="done_shown")
            for weights, size in (((1, 0), part["n"]), ((0, 1), part["done"]), ((1, -1), part["n"] - part["done"])):
                for at, value in enumerate(size):
                    # Where the whole line is a small group, its total is one too and not published.
                    if 0 < value < smallest <= size.sum() and (size > 0).sum() > 1:
                        assert possible(seen, part, at, weights) >= 1


def test_a_small_part_leaves_the_other_counts_of_its_row() -> None:
    table = cells(("a", "1", 20, 3), ("b", "1", 40, 30), ("c", "1", 60, 50))
    made = suppress(table, counts(("n", "done -> share")), 5)
    assert made["n"].to_pylist() == [20, 40, 60]
    assert made["done"].to_pylist() == [None, None, 50]
    assert [value is None for value in made["share"].to_pylist()] == [True, True, False]


def test_a_measure_that_no_group_names_goes_with_any_count_of_its_row() -> None:
    made = suppress(cells(("a", "1", 20, 3), ("b", "1", 40, 30), ("c", "1", 60, 50)), counts(("n", "done")), 5)
    assert [value is None for value in made["share"].to_pylist()] == [True, True, False]


def test_a_term_cannot_be_found_from_the_whole_and_the_other_parts() -> None:
    table = counts(("n", "done", "late", "n - done - late"))
    late = Column(name="late", type="integer", title="l", title_zh="l", classification="public")
    table = table.model_copy(update={"columns": (*table.columns, late)})
    rows = cells(("a", "1", 20, 17), ("b", "1", 40, 32), ("c", "1", 60, 50)).append_column("late", pa.array([3, 8, 10], pa.int64()))
    made = suppress(rows, table, 5)
    assert made["late"].to_pylist() == [None, None, 10]
    for row in made.slice(0, 2).to_pylist():
        assert row["late"] is None
        assert row["done"] is None
        assert row["n"] is not None
    assert made.slice(2).to_pylist()[0]["done"] == 50


def test_a_rank_does_not_stay_to_bracket_a_hidden_count() -> None:
    ranked = counts(("n",))
    rank = Column(name="rank", type="integer", title="r", title_zh="r", classification="public", required=True)
    ranked = ranked.model_copy(update={"keys": ("month", "rank"), "columns": (*ranked.columns, rank)})
    rows = cells(("a", "1", 30, 3), ("b", "1", 20, 3), ("c", "1", 4, 3), ("d", "1", 3, 3)).append_column("rank", pa.array([1, 2, 3, 4]))
    assert suppress(rows, ranked, 5)["place"].to_pylist() == ["a", "b"]


def library(path: Path, table: Table, *more: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(create_table(table, table.name))
        connection.execute("CREATE TABLE release (release_id VARCHAR)")
        for statement in more:
            connection.execute(statement)


def test_the_gate_lets_a_sound_release_through(tmp_path: Path) -> None:
    table = counts()
    library(tmp_path / "internal/subject.duckdb", table)
    library(tmp_path / "public/subject.duckdb", for_audience(table, "public"))
    assert gate(tmp_path, {"subject.t": table}, ("internal", "public")) == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ALTER TABLE t ADD COLUMN note VARCHAR", "subject.t.note is internal, which the public audience may not see"),
        ("ALTER TABLE t ADD COLUMN phone VARCHAR", "subject.t.phone is in no contract"),
        ("CREATE TABLE left_over (a INTEGER)", "subject.left_over has no contract"),
        ("CREATE VIEW peek AS SELECT 1 AS a", "subject.peek has no contract"),
    ],
)
def test_the_gate_stops_what_no_contract_allows(tmp_path: Path, statement: str, message: str) -> None:
    library(tmp_path / "public/subject.duckdb", for_audience(counts(), "public"), statement)
    problems = gate(tmp_path, {"subject.t": counts()}, ("internal", "public"))
    assert len(problems) == 1
    assert message in problems[0]


def test_the_gate_stops_tables_files_and_names_for_other_audiences(tmp_path: Path) -> None:
    internal = counts().model_copy(update={"audiences": ("internal",)})
    library(tmp_path / "public/subject.duckdb", for_audience(internal, "public"))
    library(tmp_path / "restricted/subject.duckdb", internal)
    named = internal.model_copy(update={"columns": (*internal.columns, Column(name="id_number", title="i", title_zh="i"))})
    library(tmp_path / "internal/subject.duckdb", named)
    problems = gate(tmp_path, {"subject.t": named}, ("internal", "public"))
    assert [problem.split(":")[0] for problem in problems] == [
        "internal/subject.duckdb",
        "public/subject.duckdb",
        "restricted/subject.duckdb",
    ]
    assert "bears the name of a personal column" in problems[0]
    assert "not for the public audience" in problems[1]
    assert "no audience of this district" in problems[2]


def test_the_gate_looks_into_parquet_too(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    (tmp_path / "public/subjects").mkdir(parents=True)
    pq.write_table(pa.table({"place": ["a"], "note": ["x"]}), tmp_path / "public/subjects/t.parquet")
    assert ["note" in problem for problem in gate(tmp_path, {"subject.t": counts()}, ("internal", "public"))] == [True]


def test_a_small_group_that_is_left_by_subtraction_within_a_row_takes_the_part() -> None:
    table = cells(("a", "1", 20, 18), ("b", "1", 40, 30), ("c", "1", 60, 40))
    assert suppress(table, counts(), 5).equals(table)
    made = suppress(table, counts(("n", "done", "n - done")), 5)
    assert made["n"].to_pylist() == [20, 40, 60]
    assert made["done"].to_pylist() == [None, None, 40]
