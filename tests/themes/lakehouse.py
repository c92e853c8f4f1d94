"""A lakehouse in memory for tests of models: every relation that a model may name, empty until a test puts rows in.

Belongs here: the stand-in for the builder. It reads the SQL files and contracts as they are; it knows no table by name.
"""

from __future__ import annotations

import datetime as dt
import graphlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

import contracts
from contracts.model import Column, Table
from contracts.schema import arrow_schema, create_table, duckdb_type, quoted
from contracts.step import StepContext
from governance import STEPS

MODELS = Path(__file__).parents[2] / "warehouse"
DISTRICT = Path(__file__).with_name("district")
AS_OF = dt.datetime(2026, 6, 30, 23, 59, 59)

ADDRESSES = {
    "base": "address_key, level, chain, name, path, parent_key, district_key, street_key, community_key, neighbourhood_key, road_key, lane_key,"
    " number_key, building_key, district, street, community, neighbourhood, register_code, lng DOUBLE, lat DOUBLE, valid_from DATE,"
    " valid_to DATE, status",
    "aliases": "address_key, alias, kind",
    "passports": "address_key, version DATE, event, former_path, successor_key, detail",
    "link": "feed, record_key, delivery, source_row BIGINT, address_key, level, outcome, method, district_key, street_key, community_key,"
    " neighbourhood_key, district, street, community, neighbourhood, score DOUBLE, margin DOUBLE, reason_code",
}
LEDGER = {
    "deliveries": "delivery, feed, read_as, date, day DATE, file, sha256, bytes BIGINT, status, rows_read BIGINT, rows_malformed BIGINT, rows_accepted BIGINT,"
    " rows_refused BIGINT, rows_repeated BIGINT, certificate, mapping_fingerprint, version BIGINT",
    "value_notes": "delivery, field, rule, rows BIGINT, first_row BIGINT, message, message_zh",
}


def sql_files() -> dict[str, Path]:
    """All SQL models by full name."""
    found = {f"{path.parent.name}.{path.stem}": path for path in sorted((MODELS / "themes").glob("*/*.sql"))}
    return found | {f"subject.{path.stem}": path for path in sorted((MODELS / "subjects").glob("*.sql"))}


def inputs(sql: str) -> set[str]:
    """The relations that a model reads, by full name."""
    return {f"{table.db}.{table.name}" for table in sqlglot.parse_one(sql, read="duckdb").find_all(exp.Table) if table.db}


def build_order() -> list[str]:
    """All tables, SQL and Python, so that each comes after its inputs."""
    needs = {name: inputs(path.read_text(encoding="utf-8")) for name, path in sql_files().items()}
    needs |= {step.table: set(step.inputs) for step in STEPS}
    graph = {name: {need for need in wanted if need in needs} for name, wanted in needs.items()}
    return list(graphlib.TopologicalSorter(graph).static_order())


def _create(connection: duckdb.DuckDBPyConnection, name: str, columns: Iterable[Column]) -> None:
    body = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in columns)
    connection.execute(f"CREATE TABLE {name} ({body})")


def _create_loose(connection: duckdb.DuckDBPyConnection, name: str, columns: str) -> None:
    typed = [part.strip() if " " in part.strip() else f"{part.strip()} VARCHAR" for part in columns.split(",")]
    connection.execute(f"CREATE TABLE {name} ({', '.join(typed)})")


def _latest(name: str, mode: str, status_time: str | None) -> str:
    order = ", ".join(([f"{status_time} NULLS FIRST"] if status_time else []) + ["delivery_date", "delivery", "source_row"])
    ranked = f"SELECT * FROM clean.{name} QUALIFY row_number() OVER (PARTITION BY record_key ORDER BY {_reversed(order)}) = 1"
    if mode == "snapshot":
        return ranked.replace(" QUALIFY", f" WHERE delivery_date = (SELECT max(delivery_date) FROM clean.{name}) QUALIFY")
    return ranked


def _reversed(order: str) -> str:
    return order.replace(" NULLS FIRST", " DESC NULLS LAST").replace(
        "delivery_date, delivery, source_row", "delivery_date DESC, delivery DESC, source_row DESC"
    )


def lakehouse(district_folder: Path | None = None, as_of: dt.datetime = AS_OF) -> Lakehouse:
    """A lakehouse with every relation empty; `run.clock` says `as_of`."""
    connection = duckdb.connect()
    for schema in (
        "latest",
        "clean",
        "restricted",
        "addresses",
        "ledger",
        "district",
        "run",
        *(table.theme for table in contracts.tables().values()),
    ):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for name, feed in contracts.feeds().items():
        _create(connection, f"restricted_clean_{name}", feed.clean_columns)
        opened = ", ".join(f'"{column.name}"' for column in feed.open_columns)
        connection.execute(f"CREATE VIEW clean.{name} AS SELECT {opened} FROM restricted_clean_{name}")
        connection.execute(f"CREATE VIEW latest.{name} AS {_latest(name, feed.mode, feed.status_time)}")
        connection.execute(
            f"CREATE VIEW restricted.{name} AS SELECT r.* FROM restricted_clean_{name} AS r SEMI JOIN latest.{name} USING (delivery, source_row)"
        )
    for name, setting in contracts.settings().items():
        _create(connection, f"district.{name}", setting.columns)
    for schema, relations in (("addresses", ADDRESSES), ("ledger", LEDGER)):
        for name, columns in relations.items():
            _create_loose(connection, f"{schema}.{name}", columns)
    connection.execute("CREATE TABLE run.clock (as_of TIMESTAMP, as_of_date DATE)")
    connection.execute("INSERT INTO run.clock VALUES (?, ?)", [as_of, as_of.date()])
    return Lakehouse(connection, StepContext(as_of=as_of, district_folder=district_folder or DISTRICT))


class Lakehouse:
    """The connection and the three things a test does with it: put rows in, build, look."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, context: StepContext) -> None:
        self.connection = connection
        self.context = context

    def put(self, relation: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Insert rows given by column name. Rows of a feed go in as `clean.<feed>` and get provenance where they name none."""
        schema, name = relation.split(".")
        target = f"restricted_clean_{name}" if schema == "clean" else relation
        for number, given in enumerate(rows, start=2):
            row = dict(given)
            if schema == "clean":
                feed = contracts.feeds()[name]
                row.setdefault("record_key", "|".join(str(row[key]) for key in feed.keys))
                row.setdefault("key_is_weak", False)
                row.setdefault("delivery_date", dt.date(2026, 6, 30))
                row.setdefault("delivery", f"{name}/{row['delivery_date']}/{name}.csv")
                row.setdefault("source_row", number)
            columns = ", ".join(f'"{column}"' for column in row)
            marks = ", ".join("?" for _ in row)
            self.connection.execute(f"INSERT INTO {target} ({columns}) VALUES ({marks})", list(row.values()))

    def build(self, *wanted: str) -> None:
        """Build the tables named and what they need (all, where none is named), each into a table made from its contract."""
        files = sql_files()
        steps = {step.table: step for step in STEPS}
        needed = set(wanted) or set(build_order())
        for name in reversed(build_order()):
            if name in needed:
                needed |= inputs(files[name].read_text(encoding="utf-8")) if name in files else set(steps[name].inputs)
        for name in build_order():
            if name not in needed:
                continue
            table = contracts.tables()[name]
            self.connection.execute(create_table(table))
            if name in files:
                self.connection.execute(f"INSERT INTO {name} {files[name].read_text(encoding='utf-8')}")
            else:
                step = steps[name]
                given = {relation: self.connection.table(relation).to_arrow_table() for relation in step.inputs}
                made = step.run(given, self.context)
                assert made.schema.equals(arrow_schema(table.columns)), f"{name}: {made.schema}"
                self.connection.execute(f"INSERT INTO {name} SELECT * FROM made")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """The result of a query as plain tuples."""
        return self.connection.execute(sql).fetchall()

    def broken_rules(self, table: Table, references: bool = True) -> list[str]:
        """Names of the table's rules that do not hold, keys, codes and references among them; references need all tables built."""
        broken = []
        keys = ", ".join(table.keys)
        if self.rows(f"SELECT {keys} FROM {table.full_name} GROUP BY {keys} HAVING count(*) > 1"):
            broken.append("keys_unique")
        for column in table.columns:
            if references and column.references and self._dangling(table, column):
                broken.append(f"{column.name}_references")
            codes = ", ".join(quoted(code) for code in column.codes)
            if codes and self.rows(f'SELECT 1 FROM {table.full_name} WHERE "{column.name}" NOT IN ({codes}) LIMIT 1'):
                broken.append(f"{column.name}_codes")
        for rule in table.rules:
            query = rule.no_rows or f"SELECT 1 FROM {table.full_name} WHERE NOT ({rule.holds})"
            if self.rows(f"{query} LIMIT 1"):
                broken.append(rule.name)
        return broken

    def _dangling(self, table: Table, column: Column) -> bool:
        theme, name, target = str(column.references).split(".")
        return bool(
            self.rows(
                f'SELECT 1 FROM {table.full_name} WHERE "{column.name}" IS NOT NULL AND "{column.name}" NOT IN '
                f'(SELECT "{target}" FROM {theme}.{name} WHERE "{target}" IS NOT NULL) LIMIT 1'
            )
        )
