"""The books of a whole home: ledger, certificates and the lake's own row counts set side by side.

Belongs here: counting rows per delivery in the lake. Not here: what must add up (`quality.books`).
"""

from __future__ import annotations

import duckdb

from assets import ledger
from contracts.load import feeds
from quality.books import Books, reconcile
from warehouse.lake import Lake


def books(lake: Lake) -> Books:
    """Balance every delivery that the ledger holds; reads one column of each lake table."""
    done = ledger.current(lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    return reconcile(
        done.to_arrow(),
        raw=_counts(lake, "raw", "_delivery"),
        clean=_counts(lake, "clean", "delivery"),
        quarantined=_counts(lake, "quarantine", "delivery"),
    )


def _counts(lake: Lake, layer: str, column: str) -> dict[str, int]:
    """Rows of each delivery in the tables of one layer."""
    found: dict[str, int] = {}
    with duckdb.connect() as connection:
        for feed in feeds():
            if lake.exists(f"{layer}/{feed}"):
                rows = connection.execute(f'SELECT "{column}", count(*) FROM {lake.relation(f"{layer}/{feed}")} GROUP BY ALL').fetchall()
                found |= dict(rows)
    return found
