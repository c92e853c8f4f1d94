"""The catalogue: one row per table that govlake builds, taken from the contracts.

Belongs here: what the contracts say. Does not belong here: row counts and freshness, which only the builder knows.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

import contracts
from contracts.model import Table
from contracts.schema import arrow_schema
from contracts.step import StepContext

_CLASSES = ("public", "internal", "personal", "sensitive")


def catalogue(_inputs: Mapping[str, pa.Table], _context: StepContext) -> pa.Table:
    """`subject.catalogue`: every table contract as one row, ordered by table name."""
    tables = contracts.tables()
    rows = [_row(tables[name]) for name in sorted(tables)]
    return pa.Table.from_pylist(rows, schema=arrow_schema(tables["subject.catalogue"].columns))


def _row(table: Table) -> dict[str, object]:
    return {
        "table_name": table.full_name,
        "theme": table.theme,
        "title": table.title,
        "title_zh": table.title_zh,
        "description": table.description or None,
        "description_zh": table.description_zh or None,
        "grain": table.grain,
        "keys": ", ".join(table.keys),
        "steward": table.steward,
        "classification": max((column.classification for column in table.columns), key=_CLASSES.index),
        "columns": len(table.columns),
        "audiences": ", ".join(table.audiences),
        "version": table.version,
    }
