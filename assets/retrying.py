"""What became of refused rows and unreadable files when they were tried again: before and after, from the ledger and the quarantine.

Belongs here: which deliveries a retry concerns and comparing two states of them. Not here: reading and cleaning (`intake`, `cleaning`): a retry is an
ordinary run that is held to these deliveries, so whatever a contract, mapping or file changed takes effect by the same rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from assets import ledger
from assets.workplace import named
from contracts.model import Strict
from warehouse.lake import Lake


@dataclass(frozen=True)
class Standing:
    """How one delivery stands: its bytes and state, its rows by fate, values emptied in accepted rows, and rows refused by `rule:field`."""

    sha256: str
    status: str
    accepted: int
    refused: int
    emptied: int
    rules: Mapping[str, int] = field(default_factory=dict)


class RetryLine(Strict):
    """One delivery that had refused rows or emptied values, or could not be read.

    `taken_in` counts rows that are accepted now and were not before; `emptied` values of accepted rows that broke their rule. `rules` says why the rest is still refused. `earlier` is set where a former run had already taken rows in after a change: when, and how many.
    """

    delivery: str
    new_file: bool
    status_before: str
    status: str
    refused_before: int
    refused: int
    taken_in: int
    emptied_before: int
    emptied: int
    rules: dict[str, int]
    earlier: tuple[dt.datetime, int] | None = None


def standing(lake: Lake, names: Collection[str] = ()) -> dict[str, Standing]:
    """Every delivery that `names` cover (deliveries, dates or feeds; empty for all), as ledger and quarantine hold it now."""
    rows = ledger.current(lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    wanted = [row for row in rows.iter_rows(named=True) if not names or any(named(row["delivery"], name) for name in names)]
    rules = _rules(lake, {row["feed"] for row in wanted if row["rows_refused"]})
    emptied = _emptied(lake)
    return {
        row["delivery"]: Standing(
            row["sha256"],
            row["status"],
            row["rows_accepted"] or 0,
            row["rows_refused"] or 0,
            emptied.get(row["delivery"], 0),
            rules.get(row["delivery"], {}),
        )
        for row in wanted
    }


def _emptied(lake: Lake) -> dict[str, int]:
    """Values that a rule emptied, by delivery."""
    if not lake.exists(ledger.VALUE_NOTES):
        return {}
    notes = pl.DataFrame(lake.arrow(ledger.VALUE_NOTES, columns=["delivery", "field", "rows"])).filter(pl.col("field").is_not_null())
    return dict(notes.group_by("delivery").agg(pl.col("rows").sum()).iter_rows())


def _rules(lake: Lake, feeds: Collection[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for feed in sorted(feeds):
        if not lake.exists(f"quarantine/{feed}"):
            continue
        table = pl.DataFrame(lake.arrow(f"quarantine/{feed}", columns=["delivery", "rule", "field"]))
        label = pl.when(pl.col("field").is_null()).then(pl.col("rule")).otherwise(pl.format("{}:{}", "rule", "field"))
        counted = table.group_by("delivery", label.alias("label")).len().sort(["delivery", "len", "label"], descending=[False, True, False])
        for delivery, rule, rows in counted.iter_rows():
            found.setdefault(delivery, {})[rule] = rows
    return found


def to_retry(before: Mapping[str, Standing]) -> list[str]:
    """The deliveries that have something to try again: refused rows, emptied values, or a file that was not taken in."""
    return [name for name, one in before.items() if one.refused or one.emptied or one.status in ("unreadable", "stopped")]


def compared(
    before: Mapping[str, Standing], after: Mapping[str, Standing], earlier: Mapping[str, tuple[dt.datetime, int]]
) -> list[RetryLine]:
    """What became of each delivery that had something to try again, and what earlier runs had taken in of the others."""
    lines = []
    for name in sorted({*to_retry(before), *(earlier.keys() & before.keys())}):
        was = before[name]
        now = after.get(name, was)
        lines.append(
            RetryLine(
                delivery=name,
                new_file=now.sha256 != was.sha256,
                status_before=was.status,
                status=now.status,
                refused_before=was.refused,
                refused=now.refused,
                taken_in=max(0, now.accepted - was.accepted),
                emptied_before=was.emptied,
                emptied=now.emptied,
                rules=dict(now.rules),
                earlier=earlier.get(name),
            )
        )
    return lines


def taken_in_earlier(lake: Lake, names: Collection[str]) -> dict[str, tuple[dt.datetime, int]]:
    """Deliveries of which an earlier run took refused rows in, since contract, mapping or code list had changed: when, and how many rows.

    Only the latest such change under each delivery's present file counts.
    """
    if not lake.exists(ledger.DELIVERIES):
        return {}
    rows = pl.DataFrame(lake.arrow(ledger.DELIVERIES, columns=["delivery", "sha256", "version", "rows_accepted", "recorded_at"]))
    found: dict[str, tuple[dt.datetime, int]] = {}
    steps = (
        rows.sort("delivery", "version", "recorded_at")
        .filter(pl.col("sha256") == pl.col("sha256").last().over("delivery"))
        .with_columns((pl.col("rows_accepted") - pl.col("rows_accepted").shift(1).over("delivery")).alias("more"))
        .filter(pl.col("more") > 0)
    )
    for row in steps.iter_rows(named=True):
        if not names or any(named(row["delivery"], name) for name in names):
            found[row["delivery"]] = (row["recorded_at"], int(row["more"]))
    return found
