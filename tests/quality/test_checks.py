"""Checks through Great Expectations: every declared rule is run, found violations are counted, and nothing personal is told."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from contracts import tables
from contracts.district import District, FeedMapping
from contracts.model import Column, Table, TableRule
from contracts.schema import create_table
from quality.check_report import report_html, report_json
from quality.checks import BOOKS, CheckResult, run_checks
from quality.drift import DISTRIBUTION_SCHEMA

AS_OF = dt.date(2024, 6, 30)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = duckdb.connect()
    opened.execute("CREATE SCHEMA event; CREATE SCHEMA subject; CREATE SCHEMA place")
    yield opened
    opened.close()


def column(name: str, **given: object) -> Column:
    return Column.model_validate({"name": name, "title": name, "title_zh": name, **given})


def table(
    name: str, columns: list[Column], keys: tuple[str, ...] = ("id",), rules: tuple[TableRule, ...] = (), theme: str = "event"
) -> Table:
    given = {"name": name, "theme": theme, "title": name, "title_zh": name, "grain": "one row", "keys": keys, "steward": "test"}
    return Table.model_validate({**given, "columns": columns, "rules": rules})


PLACE = table("place", [column("id")], theme="place")
EVERY_KIND = table(
    "matter",
    [
        column("id", required=True),
        column("number", type="integer", unique=True, min=1, max=100),
        column("kind", codes={"a": ["A", "甲"], "b": ["B", "乙"]}, severity="warn"),
        column("code", pattern=r"[0-9]{3}(-\{%s:x\})?|[0-9]{13}", max_length=10),
        column("place", references="place.place.id"),
        column("name", **{"class": "personal"}),
    ],
    rules=(
        TableRule(name="like", holds="kind NOT LIKE '%b%' OR number > 1", message="m", message_zh="消息"),
        TableRule(name="no_ghosts", no_rows="SELECT id FROM event.matter WHERE name LIKE '%ghost%'", message="m", message_zh="消息"),
    ),
)
GOOD = "('1', 1, 'a', '123', 'p', 'n'), ('2', 2, 'b', '123-{%s:x}', NULL, NULL), ('3', NULL, NULL, NULL, NULL, NULL)"
BROKEN = {
    "required:id": "(NULL, 3, 'a', '123', 'p', 'n')",
    "unique:number": "('4', 1, 'a', '123', 'p', 'n')",
    "min:number": "('4', 0, 'a', '123', 'p', 'n')",
    "max:number": "('4', 101, 'a', '123', 'p', 'n')",
    "code:kind": "('4', 4, 'c', '123', 'p', 'n')",
    "pattern:code": "('4', 4, 'a', '12x', 'p', 'n')",
    "max_length:code": "('4', 4, 'a', '1234567890123', 'p', 'n')",
    "reference:place": "('4', 4, 'a', '123', 'q', 'n')",
    "key": "('1', 4, 'a', '123', 'p', 'n')",
    "no_ghosts": "('4', 4, 'a', '123', 'p', 'a ghost')",
}


def build(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    connection.execute("CREATE OR REPLACE TABLE place.place AS SELECT 'p' AS id")
    connection.execute(
        "CREATE OR REPLACE TABLE event.matter (id VARCHAR, number BIGINT, kind VARCHAR, code VARCHAR, place VARCHAR, name VARCHAR)"
    )
    connection.execute(f"INSERT INTO event.matter VALUES {rows}")


def broken(results: list[CheckResult]) -> dict[str, int]:
    return {result.rule: result.violations for result in results if not result.passed}


def test_every_declared_rule_is_run_and_every_run_rule_is_declared() -> None:
    declared: set[tuple[str, str]] = set()
    connection = duckdb.connect()
    for theme in {one.theme for one in tables().values()}:
        connection.execute(f"CREATE SCHEMA {theme}")
    for name, one in tables().items():
        connection.execute(create_table(one))
        declared |= {(name, rule.name) for rule in one.rules} | {(name, "key")}
        for each in one.columns:
            given = {
                "required": each.required,
                "code": each.codes,
                "pattern": each.pattern,
                "unique": each.unique,
                "reference": each.references,
            }
            limits = {"min": each.minimum is not None, "max": each.maximum is not None, "max_length": each.max_length is not None}
            declared |= {(name, f"{kind}:{each.name}") for kind, value in {**given, **limits}.items() if value}
    results = run_checks(connection, list(tables().values()))
    run = [(result.table, result.rule) for result in results]
    assert set(run) - declared == set()
    assert declared - set(run) == set()
    assert len(run) == len(set(run))
    assert [result for result in results if not result.passed] == []


def test_good_rows_pass_every_rule(connection: duckdb.DuckDBPyConnection) -> None:
    build(connection, GOOD)
    results = run_checks(connection, [PLACE, EVERY_KIND])
    assert broken(results) == {}
    assert {result.rows_checked for result in results if result.table == "event.matter"} == {3}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_finds_what_breaks_it_and_nothing_else(connection: duckdb.DuckDBPyConnection, rule: str) -> None:
    build(connection, f"{GOOD}, {BROKEN[rule]}")
    results = run_checks(connection, [PLACE, EVERY_KIND])
    assert broken(results) == {rule: 1}
    (found,) = [result for result in results if not result.passed]
    assert found.rows_checked == 4
    assert found.severity == ("warn" if rule == "code:kind" else "error")
    expected = {"required:id": ("",), "key": ("1",), "unique:number": ()}
    assert found.examples == expected.get(rule, ("4",))


def test_keys_of_personal_columns_are_not_told(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE event.secret AS SELECT 'a marked name' AS id, 0 AS number")
    secret = table("secret", [column("id", **{"class": "personal"}), column("number", type="integer", min=1)])
    (found,) = [result for result in run_checks(connection, [secret]) if not result.passed]
    assert (found.violations, found.examples) == (1, ())


def test_a_rule_that_cannot_be_run_fails_alone_and_tells_no_value(connection: duckdb.DuckDBPyConnection) -> None:
    build(connection, GOOD + ", ('4', 4, 'a', '123', 'p', 'a marked name')")
    rules = (
        TableRule(name="wrong_column", holds="no_such_column = 1", message="m", message_zh="消息"),
        TableRule(name="wrong_value", holds="CAST(name AS INTEGER) > 0", message="m", message_zh="消息"),
    )
    results = run_checks(connection, [PLACE, EVERY_KIND.model_copy(update={"rules": rules})])
    found = {result.rule: result for result in results if not result.passed}
    assert set(found) == {"wrong_column", "wrong_value"}
    assert all(result.severity == "error" and "remedy" in result.message for result in found.values())
    assert "no_such_column" in found["wrong_column"].message
    assert "marked" not in str(results)


def test_restricted_tables_are_reached_where_they_lie(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("ATTACH ':memory:' AS restricted_event; CREATE TABLE restricted_event.matter AS SELECT '1' AS id, 'a ghost' AS name")
    matter = table("matter", [column("id"), column("name")], rules=EVERY_KIND.rules[1:])
    results = run_checks(connection, [matter], name=lambda name: f"restricted_{name}")
    assert broken(results) == {"no_ghosts": 1}


def test_the_writers_connection_stays_open(connection: duckdb.DuckDBPyConnection) -> None:
    build(connection, f"{GOOD}, {BROKEN['min:number']}")
    run_checks(connection, [PLACE, EVERY_KIND])
    assert connection.sql("SELECT count(*) FROM event.matter").fetchall() == [(4,)]
    connection.execute("INSERT INTO place.place VALUES ('z')")


def books(connection: duckdb.DuckDBPyConnection, rows: list[tuple[str, dt.date, int]]) -> None:
    connection.execute(create_table(tables()[BOOKS]).replace(" NOT NULL", ""))
    for number, (feed, day, count) in enumerate(rows):
        connection.execute(
            f"INSERT INTO {BOOKS} (feed, delivery, version, delivery_date, status, rows_accepted) VALUES (?, ?, 1, ?, 'accepted', ?)",
            [feed, f"{feed}/{day}/{number}", day, count],
        )


def deliveries(connection: duckdb.DuckDBPyConnection, **mapping: object) -> dict[str, str]:
    district = District(name="test", title="t", title_zh="测", grammar="mainland", feeds={"ticket": FeedMapping.model_validate(mapping)})
    results = run_checks(connection, [tables()[BOOKS]], district=district, as_of=AS_OF)
    return {result.rule: result.severity for result in results if result.kind in ("freshness", "volume") and not result.passed}


def daily(last: int) -> list[tuple[str, dt.date, int]]:
    """Ten weeks of daily deliveries: 1,000 rows on weekdays, 100 at the week-end; the last day is a Sunday."""
    days = [AS_OF - dt.timedelta(days=number) for number in range(70)]
    return [("ticket", day, last if day == AS_OF else 100 + day.day if day.weekday() > 4 else 1000 + day.day) for day in days]


@pytest.mark.parametrize(("rows", "found"), [(110, {}), (1000, {"volume:ticket": "warn"}), (10, {"volume:ticket": "warn"})])
def test_volume_is_held_against_the_same_weekday(connection: duckdb.DuckDBPyConnection, rows: int, found: dict[str, str]) -> None:
    books(connection, daily(rows))
    assert deliveries(connection) == found


def test_monthly_volume_is_held_against_the_last_deliveries(connection: duckdb.DuckDBPyConnection) -> None:
    ends = [dt.date(2024, month, 28) for month in range(1, 6)]
    books(connection, [("ticket", day, 1000) for day in ends] + [("ticket", AS_OF, 100)])
    assert deliveries(connection) == {"volume:ticket": "warn"}


def test_little_history_gives_no_alarm(connection: duckdb.DuckDBPyConnection) -> None:
    books(connection, [("ticket", dt.date(2024, 5, 31), 1000), ("ticket", AS_OF, 1)])
    assert deliveries(connection) == {}


@pytest.mark.parametrize(
    ("required", "age", "found"),
    [
        (True, 3, {}),
        (True, 4, {"freshness:ticket": "error"}),
        (False, 4, {"freshness:ticket": "warn"}),
        (True, None, {"freshness:ticket": "error"}),
    ],
)
def test_a_stale_feed_is_found(connection: duckdb.DuckDBPyConnection, required: bool, age: int | None, found: dict[str, str]) -> None:
    books(connection, [] if age is None else [("ticket", AS_OF - dt.timedelta(days=age), 10)])
    assert deliveries(connection, required=required, when_missing="stop", stale_after_days=3) == found


@pytest.mark.parametrize(("status", "passed"), [("accepted", True), ("stopped", False)])
def test_a_stopped_delivery_is_warned_of_and_blocks_nothing(connection: duckdb.DuckDBPyConnection, status: str, passed: bool) -> None:
    books(connection, [("ticket", AS_OF, 10)])
    connection.execute(f"UPDATE {BOOKS} SET status = '{status}'")
    district = District(name="test", title="t", title_zh="测", grammar="mainland", feeds={"ticket": FeedMapping()})
    found = {result.rule: result for result in run_checks(connection, [tables()[BOOKS]], district=district, as_of=AS_OF)}
    result = found["stopped:ticket"]
    assert (result.passed, result.severity) == (passed, "warn")


@pytest.mark.parametrize(("day", "psi", "passed"), [(AS_OF, 0.3, False), (AS_OF, 0.2, True), (AS_OF + dt.timedelta(days=1), 0.3, True)])
def test_another_distribution_on_the_latest_day_warns(
    connection: duckdb.DuckDBPyConnection, day: dt.date, psi: float, passed: bool
) -> None:
    books(connection, [("ticket", AS_OF, 10)])
    before = AS_OF - dt.timedelta(days=1)
    made = pa.Table.from_pylist(
        [
            {"feed": "ticket", "day": one, "field": "kind", "rows": 500, "former_days": 8, "former_rows": 4000, "psi": value, "most": 0.25}
            for one, value in ((before, 0.9), (day, psi))
            if one != day or day <= AS_OF
        ]
        + [{"feed": "ticket", "day": AS_OF, "field": "kind", "psi": 0.1, "most": 0.25}] * (day > AS_OF)
        + [{"feed": "ticket", "day": day, "field": "kind", "psi": psi, "most": 0.25}] * (day > AS_OF),
        DISTRIBUTION_SCHEMA,
    )
    connection.register("made", made)
    connection.execute("CREATE TABLE distributions AS SELECT * FROM made")
    district = District(name="test", title="t", title_zh="测", grammar="mainland", feeds={"ticket": FeedMapping()})
    results = run_checks(connection, [tables()[BOOKS]], district=district, as_of=AS_OF, distributions="distributions")
    found = {result.rule: result for result in results}
    assert (found["drift:ticket.kind"].passed, found["drift:ticket.kind"].severity) == (passed, "warn")
    assert found["drift:ticket.status"].passed


def test_records_that_are_no_event_or_two_are_found(connection: duckdb.DuckDBPyConnection) -> None:
    books(connection, [("ticket", AS_OF, 2)])
    connection.execute(
        "CREATE TABLE event.event AS SELECT 'ticket' AS feed, '1' AS id; CREATE TABLE event.ticket AS SELECT range::VARCHAR AS id FROM range(3)"
    )
    district = District(name="test", title="t", title_zh="测", grammar="mainland", feeds={"ticket": FeedMapping()})
    listed = [tables()[BOOKS], table("event", [column("id")]), table("ticket", [column("id")])]
    results = run_checks(connection, listed, district=district, as_of=AS_OF)
    assert {result.rule: result.violations for result in results if result.kind == "reconciliation"} == {"reconciliation:ticket": 2}


def test_the_report_is_offline_and_names_what_broke(connection: duckdb.DuckDBPyConnection) -> None:
    build(connection, f"{GOOD}, {BROKEN['min:number']}, {BROKEN['code:kind']}")
    results = run_checks(connection, [PLACE, EVERY_KIND])
    page = report_html(results, title="Town <1>", title_zh="镇")
    assert "http" not in page
    assert "<script" not in page
    assert "Town &lt;1&gt;" in page
    assert "min:number" in page
    assert "<td>4</td>" in page
    assert [one["rule"] for one in json.loads(report_json(results))] == [result.rule for result in results]


def test_the_report_holds_the_books_and_marks_what_does_not_add_up() -> None:
    line = dict.fromkeys((column.name for column in tables()[BOOKS].columns), 0)
    sound = line | {"feed": "ticket", "delivery": "ticket/2024-06-30/a.csv", "version": 1, "status": "accepted", "rows_read": 12_345}
    page = report_html([], title="Town", title_zh="镇", books=[sound, sound | {"delivery": "ticket/2024-06-29/b.csv", "difference": 7}])
    for expected in ("账目", "ticket/2024-06-30/a.csv", "12,345", "24,690", "差额 difference 7", 'class="number failed">7</td>'):
        assert expected in page
    assert "账目" not in report_html([], title="Town", title_zh="镇")


def test_great_expectations_is_loaded_only_when_checks_run_and_without_charts() -> None:
    code = (
        "import sys, quality.checks, quality.check_report; assert 'great_expectations' not in sys.modules; import quality.gx_rule; "
        "assert not {'altair', 'scipy.stats'} & set(sys.modules); import scipy.stats, altair; assert scipy.stats.norm and altair.Chart; "
        "from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as module; assert module.stats.entropy"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
