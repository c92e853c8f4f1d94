"""The first rows of a table as Dagster shows them, without anything about a person.

Belongs here: which tables and columns may be previewed, and reading them from a finished release. Not here: what an audience may see of a
release (`warehouse.audience`); Dagster keeps what it is shown for months, so a preview is narrower than the internal audience.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg
import duckdb

from contracts.model import Column, Table
from contracts.schema import quoted

ROWS = 5
COLUMNS = 12
_NO_PREVIEW = ("person",)
"""Themes whose rows are people: even without names a row is about somebody."""


def previewed(table: Table) -> tuple[Column, ...]:
    """Columns that a preview shows: public ones, and internal ones that cannot hold free text, pseudonyms or keys of people."""
    if table.theme in _NO_PREVIEW or "internal" not in table.audiences:
        return ()
    return tuple(column for column in table.columns if _is_harmless(column))[:COLUMNS]


def _is_harmless(column: Column) -> bool:
    if column.classification == "public":
        return True
    if column.classification != "internal":
        return False
    return bool(column.codes) or column.type in ("integer", "boolean", "date") or (column.decimal is not None and column.unit != "degree")


def previews(release: Path, wanted: Iterable[Table]) -> Iterator[tuple[str, dg.TableMetadataValue]]:
    """Full name and first rows, by key, of each table that may be previewed and holds any."""
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as connection:
        attached: set[str] = set()
        for table in wanted:
            columns = previewed(table)
            library = release / "internal" / f"{table.theme}.duckdb"
            if not columns or not library.is_file():
                continue
            if table.theme not in attached:
                connection.execute(f'ATTACH {quoted(str(library))} AS "{table.theme}" (READ_ONLY)')
                attached.add(table.theme)
            names = ", ".join(f'"{column.name}"' for column in columns)
            rows = connection.execute(f'SELECT {names} FROM "{table.theme}"."{table.name}" LIMIT {ROWS}').fetchall()
            if rows:
                yield table.full_name, _table(columns, rows)


def _table(columns: tuple[Column, ...], rows: list[tuple[object, ...]]) -> dg.TableMetadataValue:
    records = [dg.TableRecord({column.name: _plain(value) for column, value in zip(columns, row, strict=True)}) for row in rows]
    schema = dg.TableSchema(columns=[dg.TableColumn(column.name, description=f"{column.title_zh} | {column.title}") for column in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def _plain(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.isoformat() if isinstance(value, dt.date) else str(value)
