"""Stage 2: `raw.<feed>` → `clean.<feed>` and `quarantine.<feed>`, by contract.

Belongs here: which deliveries are due, and the order of writes. Not here: how a value is cleaned (`quality.clean`), how a personal value
is protected (`warehouse.privacy`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from assets import ledger
from assets.workplace import Workplace
from contracts.schema import arrow_schema
from quality.clean import clean, mapping_fingerprint
from warehouse.privacy import VERSION as PROTECTION_VERSION
from warehouse.privacy import protect

GROUP_ROWS = 1_000_000
"""Deliveries of one feed are cleaned and committed together up to this many rows."""


def fingerprint(workplace: Workplace, feed: str) -> str:
    """Changes with the contract, the district's mapping, the rules of protection or the pseudonym key: then the feed is cleaned again."""
    reading = mapping_fingerprint(workplace.contracts[feed], workplace.mapping(feed))
    return f"{reading}-{PROTECTION_VERSION}-{workplace.pseudonyms.fingerprint[:8]}"


def due(workplace: Workplace) -> dict[str, list[dict[str, Any]]]:
    """By feed, the intake rows whose delivery is not cleaned yet in this version, under this contract and mapping, or is to be redone."""
    taken = ledger.current(workplace.lake, ledger.INTAKE, ledger.INTAKE_SCHEMA)
    done = ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    finished = {(row["delivery"], row["version"]): row["mapping_fingerprint"] for row in done.iter_rows(named=True)}
    prints = {feed: fingerprint(workplace, feed) for feed in taken["feed"].unique().sort()}
    listed: dict[str, list[dict[str, Any]]] = {}
    for row in taken.sort("feed", "day", "delivery").iter_rows(named=True):
        current = finished.get((row["delivery"], row["version"])) == prints[row["feed"]]
        if not current or row["delivery"] in workplace.redo:
            listed.setdefault(row["feed"], []).append(row)
    return listed


def _groups(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        count = _rows_read(row)
        if group and size + count > GROUP_ROWS:
            yield group
            group, size = [], 0
        group.append(row)
        size += count
    if group:
        yield group


def _rows_read(row: dict[str, Any]) -> int:
    return int(pl.Series([row["certificate"]]).str.json_path_match("$.rows_read")[0] or 0) if row["certificate"] else 0


def clean_feed(workplace: Workplace, feed: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Clean the deliveries named by their intake rows; gives their ledger rows."""
    recorded: list[dict[str, Any]] = []
    for group in _groups(rows):
        recorded += _clean_group(workplace, feed, group)
        workplace.progress("clean", feed, len(recorded), len(rows))
    return recorded


def _clean_group(workplace: Workplace, feed: str, group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    contract, mapping = workplace.contracts[feed], workplace.mapping(feed)
    names = [row["delivery"] for row in group]
    content = [row for row in group if row["status"] == "accepted"]
    raw = workplace.lake.rows(f"raw/{feed}", column="_delivery", values=[row["delivery"] for row in content]) if content else None
    accepted, refused, notes = [], [], []
    counts: dict[str, dict[str, int]] = {}
    for row in content:
        assert raw is not None
        mine = raw.filter(pc.equal(raw["_delivery"], row["delivery"])) if len(content) > 1 else raw
        result = clean(mine, contract, mapping, row["day"], time_zone=workplace.district.time_zone)
        counts[row["delivery"]] = {
            "rows_read": result.rows_read,
            "rows_malformed": result.rows_malformed,
            "rows_accepted": result.accepted.num_rows,
            "rows_refused": result.refused.num_rows,
            "rows_repeated": result.rows_repeated,
        }
        accepted.append(protect(result.accepted, contract, workplace.pseudonyms))
        refused.append(result.refused)
        notes.append(result.notes)
    lake = workplace.lake
    lake.replace(f"clean/{feed}", _joined(accepted), column="delivery", values=names, schema=arrow_schema(contract.clean_columns))
    lake.replace(f"quarantine/{feed}", _joined(refused), column="delivery", values=names)
    lake.replace(ledger.VALUE_NOTES, _joined(notes), column="delivery", values=names)
    print_ = fingerprint(workplace, feed)
    nothing = {"rows_read": 0, "rows_malformed": 0, "rows_accepted": 0, "rows_refused": 0, "rows_repeated": 0}
    same_as = ledger.origins(ledger.current(lake, ledger.INTAKE, ledger.INTAKE_SCHEMA))
    rows = [
        {
            **{name: row[name] for name in ledger.INTAKE_SCHEMA.names if name in ledger.DELIVERIES_SCHEMA.names},
            **counts.get(row["delivery"], nothing),
            "same_as": same_as.get(row["delivery"]),
            "mapping_fingerprint": print_,
            "recorded_at": ledger.now(),
        }
        for row in group
    ]
    ledger.record(lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA, rows)
    return rows


def _joined(tables: list[pa.Table]) -> pa.Table | None:
    return pa.concat_tables(tables) if tables else None
