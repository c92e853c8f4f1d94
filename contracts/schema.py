"""Physical schemas from contracts: Arrow, Polars and DuckDB say the same because they are made from one declaration.

Belongs here: type mapping and DDL. Not here: creating anything.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from contracts.model import Column, Table


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of a column; timestamps are microseconds without zone, in the district's local time."""
    if column.decimal:
        return pa.decimal128(*column.decimal)
    return {
        "text": pa.string(),
        "integer": pa.int64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "boolean": pa.bool_(),
    }[column.type]


def duckdb_type(column: Column) -> str:
    """The DuckDB type of a column."""
    if column.decimal:
        return "DECIMAL({},{})".format(*column.decimal)
    return {"text": "VARCHAR", "integer": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "boolean": "BOOLEAN"}[column.type]


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Arrow schema of the columns, all nullable: what may be null is a rule that checks see, not a reason to crash a writer."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def create_table(table: Table, name: str | None = None) -> str:
    """CREATE TABLE for a table contract, NOT NULL where a column is required."""
    lines = [f'  "{column.name}" {duckdb_type(column)}{" NOT NULL" if column.required else ""}' for column in table.columns]
    return f"CREATE TABLE {name or table.full_name} (\n" + ",\n".join(lines) + "\n)"


def comments(table: Table, name: str | None = None) -> list[str]:
    """COMMENT statements for the table and each of its columns, in Chinese and English."""
    target = name or table.full_name
    made = [f"COMMENT ON TABLE {target} IS {quoted(table.comment)}"]
    made += [f'COMMENT ON COLUMN {target}."{column.name}" IS {quoted(column.comment)}' for column in table.columns]
    return made
