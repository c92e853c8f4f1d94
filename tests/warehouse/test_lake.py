"""The lake: one commit a write, idempotent replacement, columns that come later, folders with any name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.lake import Lake, LakeError


def rows(delivery: str, count: int, **more: list[object]) -> pa.Table:
    return pa.table({"delivery": pa.array([delivery] * count, pa.string()), "value": pa.array(range(count), pa.int64()), **more})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "湖 lake's")


def read(lake: Lake, name: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM {lake.relation(name)} ORDER BY ALL").fetchall()


def test_a_delivery_replaced_by_itself_leaves_the_same_rows(lake: Lake) -> None:
    for _ in range(2):
        lake.replace("clean/ticket", rows("a", 3), column="delivery", values=["a"])
    assert read(lake, "clean/ticket") == [("a", 0), ("a", 1), ("a", 2)]


@pytest.mark.parametrize("name", ["a [1]", "50%25", "a*", "a#1", "a?"])
def test_a_folder_name_that_delta_cannot_take_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(LakeError, match="another home"):
        Lake(tmp_path / name)


def test_a_new_delivery_costs_one_append_and_a_replacement_one_commit(lake: Lake) -> None:
    lake.replace("clean/ticket", rows("a", 3), column="delivery", values=["a"])
    before = set(lake.files("clean/ticket"))
    lake.replace("clean/ticket", rows("b", 2), column="delivery", values=["b"])
    assert before < set(lake.files("clean/ticket"))
    assert lake.version("clean/ticket") == 1
    lake.replace("clean/ticket", rows("a", 1), column="delivery", values=["a"])
    assert lake.version("clean/ticket") == 2
    assert read(lake, "clean/ticket") == [("a", 0), ("b", 0), ("b", 1)]


def test_nothing_in_the_place_of_a_delivery_takes_it_out(lake: Lake) -> None:
    lake.replace("clean/ticket", pa.concat_tables([rows("a", 1), rows("it's", 2)]), column="delivery", values=["a", "it's"])
    lake.replace("clean/ticket", None, column="delivery", values=["it's", "never seen"])
    assert read(lake, "clean/ticket") == [("a", 0)]
    lake.replace("clean/ticket", None, column="delivery", values=["a"])
    assert read(lake, "clean/ticket") == []
    assert lake.count("clean/ticket") == 0


def test_replacing_some_old_and_some_new_deliveries_at_once(lake: Lake) -> None:
    lake.replace("clean/ticket", pa.concat_tables([rows("a", 2), rows("b", 2)]), column="delivery", values=["a", "b"])
    lake.replace("clean/ticket", pa.concat_tables([rows("b", 1), rows("c", 1)]), column="delivery", values=["b", "c"])
    assert read(lake, "clean/ticket") == [("a", 0), ("a", 1), ("b", 0), ("c", 0)]


def test_a_column_that_comes_later_is_kept_and_null_before(lake: Lake) -> None:
    lake.append("raw/ticket", rows("a", 1))
    lake.append("raw/ticket", rows("b", 1, extra=["x"]), merge_schema=True)
    assert read(lake, "raw/ticket") == [("a", 0, None), ("b", 0, "x")]
    assert lake.scan("raw/ticket").collect().shape == (2, 3)


def test_a_table_made_without_rows_has_its_columns(lake: Lake) -> None:
    schema = pa.schema([("delivery", pa.string()), ("at", pa.timestamp("us")), ("amount", pa.decimal128(9, 2)), ("day", pa.date32())])
    lake.replace("clean/visit", None, column="delivery", values=["a"], schema=schema)
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM {lake.relation('clean/visit')}").fetchall()
    assert [row[1] for row in described] == ["VARCHAR", "TIMESTAMP", "DECIMAL(9,2)", "DATE"]
    assert lake.arrow("clean/visit").num_rows == 0


def test_an_absent_table_is_empty_where_its_shape_is_known_and_an_error_elsewhere(lake: Lake) -> None:
    assert not lake.exists("clean/ticket")
    assert "WHERE FALSE" in lake.relation("clean/ticket", rows("a", 0).schema)
    with pytest.raises(LakeError, match="remedy"):
        lake.relation("clean/ticket")


def test_a_stream_of_batches_and_an_all_null_column_can_be_written(lake: Lake) -> None:
    table = rows("a", 3).append_column("nothing", pa.nulls(3))
    lake.append("raw/ticket", pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1)))
    assert lake.schema("raw/ticket").field("nothing").type == pa.string()
    assert lake.count("raw/ticket") == 3


def test_types_come_back_as_they_went_in(lake: Lake) -> None:
    moment = dt.datetime(2026, 6, 30, 12, 30, 15, 123456)
    table = pa.table(
        {"delivery": ["2026-01-01"], "at": pa.array([moment], pa.timestamp("us")), "day": pa.array([moment.date()], pa.date32())}
    )
    lake.write("clean/ticket", table)
    assert read(lake, "clean/ticket") == [("2026-01-01", moment, moment.date())]


def test_compaction_and_vacuum_change_no_row_and_not_the_data_version(lake: Lake) -> None:
    for name in "abcd":
        lake.append("clean/ticket", rows(name, 2))
    before, version = read(lake, "clean/ticket"), lake.data_version("clean/ticket")
    lake.compact("clean/ticket")
    assert lake.vacuum("clean/ticket", 0) == 4
    assert len(lake.files("clean/ticket")) == 1
    assert (read(lake, "clean/ticket"), lake.data_version("clean/ticket")) == (before, version)
    assert lake.version("clean/ticket") > version


def test_selected_rows_and_columns(lake: Lake) -> None:
    lake.append("clean/ticket", pa.concat_tables([rows("a", 2), rows("b", 2)]))
    assert lake.rows("clean/ticket", column="delivery", values=["b"], columns=["value"]).to_pydict() == {"value": [0, 1]}
    assert lake.rows("clean/ticket", column="delivery", values=[]).num_rows == 0
    assert lake.arrow("clean/ticket", filter="value > 0").num_rows == 2
    assert lake.names() == ["clean/ticket"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sets(st.sampled_from("abcd"), min_size=1), st.integers(0, 3)), min_size=1, max_size=6))
def test_replacements_in_any_sequence_hold_the_last_state_of_each_delivery(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[set[str], int]]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    expected: dict[str, int] = {}
    for names, count in steps:
        data = pa.concat_tables([rows(name, count) for name in sorted(names)])
        lake.replace("t", data, column="delivery", values=sorted(names))
        expected |= dict.fromkeys(names, count)
    assert len(read(lake, "t")) == sum(expected.values())
