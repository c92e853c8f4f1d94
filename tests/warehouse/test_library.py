"""Libraries: relations show what DESIGN says, unchanged tables are taken over, errors name model and contract."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import town
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import table, write

from contracts.model import Table
from contracts.step import PythonStep
from warehouse import library
from warehouse.lake import Lake
from warehouse.library import Former, Libraries, Sources, create_relations, default_as_of
from warehouse.model import ModelError

DAY = dt.date(2026, 6, 1)


def relations(sources: Sources, *names: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create_relations(connection, sources, names)
    return connection


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(Lake(tmp_path / "lake"), town.district(tmp_path / "district"), town.AS_OF)


def test_the_latest_version_of_a_ticket_counts_by_status_time_then_delivery(sources: Sources) -> None:
    early, late = dt.datetime(2026, 6, 1, 8), dt.datetime(2026, 6, 2, 8)
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 2), [town.ticket(1, moment=late, status="handled"), town.ticket(2, moment=early)])
    town.deliver(
        sources.lake,
        "ticket",
        dt.date(2026, 6, 3),
        [town.ticket(1, moment=early, status="received"), town.ticket(2, moment=early, status="closed")],
    )
    with relations(sources, "latest.ticket", "clean.ticket") as connection:
        assert connection.sql("SELECT ticket_no, status FROM latest.ticket ORDER BY 1").fetchall() == [
            ("T000001", "handled"),
            ("T000002", "closed"),
        ]
        assert connection.sql("SELECT count(*) FROM clean.ticket").fetchall() == [(4,)]


def test_a_snapshot_shows_the_last_delivery_alone_and_a_repeated_one_by_its_origin(sources: Sources) -> None:
    first = town.deliver(sources.lake, "household", dt.date(2026, 6, 1), [town.resident(1), town.resident(2)])
    town.deliver(sources.lake, "household", dt.date(2026, 6, 5), [town.resident(1)])
    with relations(sources, "latest.household", "restricted.household") as connection:
        assert connection.sql("SELECT count(*) FROM latest.household").fetchall() == [(1,)]
        assert connection.sql("SELECT name FROM restricted.household").fetchall() == [("丙丁",)]
    town.record(sources.lake, "household/2026-06-09/household.csv", "household", dt.date(2026, 6, 9), 2, status="unchanged", same_as=first)
    with relations(Sources(sources.lake, sources.district, sources.as_of), "latest.household") as connection:
        assert connection.sql("SELECT count(*) FROM latest.household").fetchall() == [(2,)]


def test_nothing_after_the_as_of_date_is_seen(sources: Sources) -> None:
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 2), [town.ticket(1)])
    town.deliver(sources.lake, "ticket", dt.date(2026, 7, 1), [town.ticket(1, status="closed"), town.ticket(2)])
    with relations(sources, "latest.ticket", "clean.ticket", "ledger.deliveries") as connection:
        assert connection.sql("SELECT ticket_no, status FROM latest.ticket").fetchall() == [("T000001", "received")]
        assert connection.sql("SELECT count(*) FROM ledger.deliveries").fetchall() == [(1,)]
    assert default_as_of(sources.lake) == dt.datetime(2026, 7, 1, 23, 59, 59)


def test_models_see_no_personal_column(sources: Sources) -> None:
    town.deliver(sources.lake, "ticket", DAY, [town.ticket(1)])
    with relations(sources, "latest.ticket", "clean.ticket") as connection:
        for relation in ("latest.ticket", "clean.ticket"):
            seen = {row[0] for row in connection.sql(f"DESCRIBE {relation}").fetchall()}
            assert not seen & {"caller_name", "caller_phone", "body", "title", "address", "address_query"}
            assert {"body_redacted", "caller_key", "record_key"} <= seen


def test_relations_of_feeds_that_never_came_are_empty_and_have_their_shape(sources: Sources) -> None:
    shapes = library.relation_schema(sources.feeds)
    with relations(sources, *shapes) as connection:
        for name, columns in shapes.items():
            described = {row[0]: row[1] for row in connection.sql(f"DESCRIBE {name}").fetchall()}
            assert described == dict(columns), name


def test_links_are_joined_back_to_each_record(sources: Sources) -> None:
    town.deliver(sources.lake, "ticket", DAY, [town.ticket(1, address="甲路1号"), town.ticket(2, address="甲路1号"), town.ticket(3)])
    resolved = {"address_query": "甲路1号" + "\x1f" * 5, "address_key": "K1", "level": "number", "outcome": "resolved", "street_key": "S1"}
    sources.lake.write("addresses/resolutions", pa.Table.from_pylist([resolved]))
    sources.lake.write("addresses/base", pa.Table.from_pylist([{"address_key": "S1", "level": "street", "name": "甲街道"}]))
    with relations(sources, "addresses.link") as connection:
        found = connection.sql("SELECT record_key, address_key, street FROM addresses.link ORDER BY 1").fetchall()
    assert found == [("T000001", "K1", "甲街道"), ("T000002", "K1", "甲街道"), ("T000003", None, None)]


def test_the_same_bytes_taken_in_again_are_no_new_version(sources: Sources) -> None:
    town.deliver(sources.lake, "ticket", DAY, [town.ticket(1)])
    line = sources.lake.arrow("ledger/deliveries").to_pylist()[0]
    sources.lake.append("ledger/deliveries", pa.Table.from_pylist([line | {"version": 2}], schema=sources.lake.schema("ledger/deliveries")))
    with relations(sources, "ledger.deliveries") as connection:
        assert connection.sql("SELECT version, status FROM ledger.deliveries").fetchall() == [(1, "accepted")]


def test_a_replaced_version_of_a_delivery_says_so_in_the_ledger(sources: Sources) -> None:
    town.deliver(sources.lake, "ticket", DAY, [town.ticket(1)])
    line = sources.lake.arrow("ledger/deliveries").to_pylist()[0]
    sources.lake.append(
        "ledger/deliveries",
        pa.Table.from_pylist([line | {"version": 2, "sha256": "other"}], schema=sources.lake.schema("ledger/deliveries")),
    )
    with relations(sources, "ledger.deliveries") as connection:
        assert connection.sql("SELECT version, status FROM ledger.deliveries ORDER BY 1").fetchall() == [(1, "replaced"), (2, "accepted")]


# Building


TABLES = {
    "event.small": table("event.small", "k", "status"),
    "event.count": table("event.count", "status", "n integer"),
    "place.fixed": table("place.fixed", "k", "v integer"),
    "person.secret": table("person.secret", "k", "name", audiences=("restricted",)),
    "person.secret_count": table("person.secret_count", "name", "n integer", audiences=("restricted",)),
    "subject.made": table("subject.made", "status", "n integer"),
}


def small_models(folder: Path) -> tuple[Path, tuple[PythonStep, ...]]:
    write(folder, "event.small", "SELECT record_key AS k, COALESCE(status, '-') AS status FROM latest.ticket ORDER BY k")
    write(folder, "event.count", "SELECT status, COUNT(*) AS n FROM event.small GROUP BY status ORDER BY status")
    write(folder, "place.fixed", "SELECT name AS k, CAST(1 AS BIGINT) AS v FROM district.department ORDER BY k")
    write(folder, "person.secret", "SELECT record_key AS k, name FROM restricted.household ORDER BY k")
    write(folder, "person.secret_count", "SELECT name, COUNT(*) AS n FROM person.secret GROUP BY name ORDER BY name")
    step = PythonStep("subject.made", ("event.count",), lambda inputs, context: inputs["event.count"])
    return folder, (step,)


def make(
    sources: Sources,
    target: Path,
    folder: Path,
    steps: Sequence[PythonStep],
    former: Former | None = None,
    threads: int = 2,
    tables: dict[str, Table] | None = None,
) -> Libraries:
    planned = library.plan(sources, steps, folder=folder, tables=tables or TABLES)
    return library.build(planned, target, former=former, threads=threads, temporary=target / "spill")


def entries(libraries: Libraries) -> dict[str, dict[str, object]]:
    return {
        name: {"fingerprint": built.fingerprint, "rows": built.rows, "content_hash": built.content_hash}
        for name, built in libraries.tables.items()
    }


def test_libraries_hold_every_table_with_comments_and_not_null(tmp_path: Path) -> None:
    sources = town.town(tmp_path, tickets=20)
    seen: list[tuple[str, int]] = []
    folder, steps = small_models(tmp_path / "models")
    planned = library.plan(sources, steps, folder=folder, tables=TABLES)
    libraries = library.build(planned, tmp_path / "out", on_table=lambda name, rows, seconds: seen.append((name, rows)))
    libraries.close()
    assert dict(seen)["event.small"] == 20
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.duckdb")} == {
        "internal/event.duckdb", "internal/place.duckdb", "internal/subject.duckdb", "restricted/person.duckdb",
    }  # fmt: skip
    with duckdb.connect(str(tmp_path / "out/internal/event.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT comment FROM duckdb_tables() WHERE table_name = 'small'").fetchall() == [
            (TABLES["event.small"].comment,)
        ]
    with duckdb.connect(str(tmp_path / "out/restricted/person.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT * FROM secret_count").fetchall() == [("丙丁", 60)]


def test_restricted_tables_are_not_built_where_the_district_has_no_such_audience(tmp_path: Path) -> None:
    sources = town.town(tmp_path, tickets=3, audiences="internal")
    folder, steps = small_models(tmp_path / "models")
    libraries = make(sources, tmp_path / "out", folder, steps)
    libraries.close()
    assert not any(name.startswith("person.") for name in libraries.tables)
    assert not (tmp_path / "out/restricted").exists()


def test_an_open_table_cannot_be_built_from_a_restricted_one(tmp_path: Path) -> None:
    sources = town.town(tmp_path, tickets=3)
    folder, steps = small_models(tmp_path / "models")
    write(folder, "person.open", "SELECT k FROM person.secret ORDER BY k")
    with pytest.raises(ModelError, match=r"reads person\.secret, which is restricted"):
        library.plan(sources, steps, folder=folder, tables=TABLES | {"person.open": table("person.open", "k")})


def test_unchanged_tables_are_taken_over_and_equal_a_full_build(tmp_path: Path) -> None:
    sources = town.town(tmp_path, tickets=30)
    folder, steps = small_models(tmp_path / "models")
    first = make(sources, tmp_path / "one", folder, steps)
    first.close()
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 30), [town.ticket(3, status="closed", moment=dt.datetime(2026, 6, 30))])
    later = Sources(sources.lake, sources.district, sources.as_of)
    again = make(later, tmp_path / "two", folder, steps, Former(tmp_path / "one", entries(first)))
    again.close()
    assert {name for name, built in again.tables.items() if built.reused} == {"place.fixed", "person.secret", "person.secret_count"}
    whole = make(later, tmp_path / "three", folder, steps)
    whole.close()
    assert {name: built.content_hash for name, built in again.tables.items()} == {
        name: built.content_hash for name, built in whole.tables.items()
    }
    for name in TABLES:
        assert contents(tmp_path / "two", name) == contents(tmp_path / "three", name)


def contents(folder: Path, name: str) -> list[tuple[object, ...]]:
    theme, short = name.split(".")
    path = next(folder.glob(f"*/{theme}.duckdb"))
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(f"SELECT * FROM {short} ORDER BY ALL").fetchall()


def test_a_damaged_library_of_the_former_release_is_built_anew(tmp_path: Path) -> None:
    sources = town.town(tmp_path, tickets=5)
    folder, steps = small_models(tmp_path / "models")
    first = make(sources, tmp_path / "one", folder, steps)
    first.close()
    (tmp_path / "one/internal/event.duckdb").write_bytes(b"no library")
    again = make(sources, tmp_path / "two", folder, steps, Former(tmp_path / "one", entries(first)))
    again.close()
    assert not again.tables["event.small"].reused
    assert again.tables["place.fixed"].reused
    assert again.tables["event.small"].content_hash == first.tables["event.small"].content_hash


@pytest.mark.parametrize("threads", [1, 4])
def test_content_hashes_are_equal_at_any_number_of_threads(tmp_path: Path, threads: int) -> None:
    sources = town.town(tmp_path, tickets=500)
    folder, steps = small_models(tmp_path / "models")
    one, other = (make(sources, tmp_path / str(count), folder, steps, threads=count) for count in (2, threads))
    assert entries(one) == entries(other)
    one.close()
    other.close()


def test_a_null_in_a_required_column_names_model_and_column_and_no_value(tmp_path: Path) -> None:
    sources = town.town(tmp_path, tickets=3)
    write(
        tmp_path / "m",
        "event.a",
        "SELECT record_key AS k, CASE WHEN record_key = 'T000001' THEN NULL ELSE body_redacted END AS v FROM latest.ticket ORDER BY k",
    )
    contract = table("event.a", "k", "v")
    contract = contract.model_copy(update={"columns": (contract.columns[0], contract.columns[1].model_copy(update={"required": True}))})
    with pytest.raises(ModelError, match=r"themes/event/a\.sql: .*NOT NULL.*v") as caught:
        make(sources, tmp_path / "out", tmp_path / "m", (), tables={"event.a": contract})
    assert "楼道" not in str(caught.value)


def test_a_step_that_gives_other_columns_is_named(tmp_path: Path) -> None:
    sources = town.town(tmp_path, tickets=3)
    step = PythonStep("event.a", (), lambda inputs, context: pa.table({"x": [1]}))
    with pytest.raises(ModelError, match=r"step event\.a: gives columns x; the contract of event\.a says k"):
        make(sources, tmp_path / "out", tmp_path / "m", [step], tables={"event.a": table("event.a", "k")})


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.sampled_from(["received", "handled", "closed"])), min_size=1, max_size=12),
    st.randoms(),
)
def test_deliveries_in_any_order_give_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, reports: list[tuple[int, int, str]], chance
) -> None:  # type: ignore[no-untyped-def]
    """Incremental = full: delivered day by day in any order, with a build after each, equals one build of all."""
    days: dict[int, list[dict[str, object]]] = {}
    for number, day, status in reports:
        days.setdefault(day, []).append(town.ticket(number, status=status, moment=dt.datetime(2026, 6, 1 + day, 9)))
    base = tmp_path_factory.mktemp("order")
    folder, steps = small_models(base / "models")
    found = []
    for run, order in enumerate((sorted(days), chance.sample(sorted(days), len(days)))):
        sources = Sources(Lake(base / f"lake{run}"), town.district(base / "district"), town.AS_OF)
        former: Former | None = None
        for step, day in enumerate(order):
            town.deliver(sources.lake, "ticket", dt.date(2026, 6, 1 + day), days[day])
            if run or day == order[-1]:
                target = base / f"out{run}_{step}"
                libraries = make(Sources(sources.lake, sources.district, sources.as_of), target, folder, steps, former)
                libraries.close()
                former = Former(target, entries(libraries))
        assert former is not None
        found.append({name: (entry["rows"], entry["content_hash"]) for name, entry in former.tables.items()})
    assert found[0] == found[1]
