"""The ledger: which deliveries came, what intake found in them and what became of their rows.

Belongs here: the ledger tables' shapes, reading their current rows, appending to them. A stage's row is written last, after its data:
that row is the commit point, so a run that is killed before it starts that delivery again and nothing is counted twice.
Not here: reconciling the counts (`quality.books`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
import pyarrow as pa

from contracts.delivery import Certificate, Delivery
from warehouse.lake import Lake

INTAKE = "ledger/intake"
DELIVERIES = "ledger/deliveries"
VALUE_NOTES = "ledger/value_notes"
CODE_COUNTS = "ledger/code_counts"
DISTRIBUTIONS = "ledger/distributions"

_DELIVERY = [
    ("delivery", pa.string()),
    ("feed", pa.string()),
    ("date", pa.string()),
    ("day", pa.date32()),
    ("file", pa.string()),
    ("bytes", pa.int64()),
    ("sha256", pa.string()),
    ("version", pa.int64()),
    ("status", pa.string()),
    ("certificate", pa.string()),
    ("recorded_at", pa.timestamp("us")),
]

INTAKE_SCHEMA = pa.schema([*_DELIVERY, ("mtime_ns", pa.int64()), ("mapping_fingerprint", pa.string())])
"""One row per delivery and version (1 for the first bytes under that name and date). `status`: accepted, unchanged (the bytes of the feed's date before), unreadable."""

DELIVERIES_SCHEMA = pa.schema(
    [
        *_DELIVERY,
        ("same_as", pa.string()),
        ("rows_read", pa.int64()),
        ("rows_malformed", pa.int64()),
        ("rows_accepted", pa.int64()),
        ("rows_refused", pa.int64()),
        ("rows_repeated", pa.int64()),
        ("mapping_fingerprint", pa.string()),
    ]
)
"""One row per delivery and version. `status`: accepted, unchanged (rows are those of `same_as`), unreadable, stopped. `rows_refused` counts the
malformed rows too: `rows_read` = `rows_accepted` + `rows_refused`."""


def now() -> dt.datetime:
    """The wall clock, for the ledger alone: nothing that is released may depend on it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def current(lake: Lake, table: str, schema: pa.Schema) -> pl.DataFrame:
    """The latest version's row of every delivery, ordered by delivery; empty where nothing was recorded yet."""
    if not lake.exists(table):
        return pl.DataFrame(schema=pl.from_arrow(schema.empty_table()).schema)  # type: ignore[union-attr]
    rows = pl.from_arrow(lake.arrow(table))
    assert isinstance(rows, pl.DataFrame)
    return rows.sort("delivery", "version", "recorded_at").group_by("delivery", maintain_order=True).last().select(schema.names)


def delivery_row(delivery: Delivery, certificate: Certificate | None, version: int, status: str) -> dict[str, Any]:
    """The columns that both ledger tables share."""
    return {
        "delivery": delivery.id,
        "feed": delivery.feed,
        "date": delivery.date,
        "day": delivery.day,
        "file": delivery.file,
        "bytes": delivery.bytes,
        "sha256": delivery.sha256,
        "version": version,
        "status": status,
        "certificate": certificate.model_dump_json() if certificate else None,
        "recorded_at": now(),
    }


def record(lake: Lake, table: str, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows to a ledger table in one commit."""
    listed = [dict(row) for row in rows]
    if listed:
        lake.append(table, pa.Table.from_pylist(listed, schema=schema))


def origins(intake: pl.DataFrame) -> dict[str, str]:
    """For every unchanged delivery, the delivery that brought its rows: the latest one before it with the same bytes that has content."""
    answer: dict[str, str] = {}
    latest: dict[tuple[str, str], str] = {}
    for row in intake.sort("feed", "day", "delivery").iter_rows(named=True):
        key = (row["feed"], row["sha256"])
        if row["status"] == "unchanged" and key in latest:
            answer[row["delivery"]] = latest[key]
        elif row["status"] == "accepted":
            latest[key] = row["delivery"]
    return answer
