"""`govlake quarantine`: refused rows counted, shown and written out for the office that delivered them.

Belongs here: which feeds and deliveries, and printing. Not here: what of a refused row may be shown (`quality.quarantine`): this command never touches
a raw value by itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.district import District, FeedMapping, contract_of, load_district
from contracts.load import feeds
from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.commands.places import existing_home
from pipelines.home import district_folder
from warehouse.home import Home

if TYPE_CHECKING:
    import pyarrow as pa


def listed(home: Path | None, feed: str | None, delivery: str | None, as_json: bool) -> None:
    """Refused rows by delivery, rule and field, largest first."""
    from quality import quarantine

    opened = existing_home(home)
    found: list[dict[str, Any]] = []
    for name in _feeds(feed, delivery):
        rows = _rows(opened, name, delivery)
        if rows is not None:
            found += quarantine.listed(rows).to_pylist()
    if as_json:
        screen.as_json(found)
        return
    if not found:
        screen.say("no refused rows / 没有拒收的行")
        return
    table = screen.grid(
        "delivery 批次",
        "rule 规则",
        "field 字段",
        "rows 行",
        "first row 首行",
        "what and remedy 问题与办法",
        numbers=("rows 行", "first row 首行"),
    )
    for group in found:
        said = f"{group['message_zh']} {group['message']}\n→ {group['remedy_zh'] or ''} {group['remedy'] or ''}".rstrip(" →\n")
        table.add_row(group["delivery"], group["rule"], group["field"] or "", screen.number(group["rows"]), str(group["first_row"]), said)
    screen.show(table)
    screen.say(
        f"{sum(group['rows'] for group in found):,} rows / 行 · govlake quarantine show DELIVERY · govlake quarantine export FILE.xlsx"
    )


def show(home: Path | None, delivery: str, rule: str | None, most: int, as_json: bool) -> None:
    """The refused rows of one delivery, values masked."""
    from quality import quarantine

    opened = existing_home(home)
    (feed,) = _feeds(None, delivery)
    rows = _rows(opened, feed, delivery)
    if rows is None or not rows.num_rows:
        raise CommandFailed(f"no refused rows of {delivery}", "see `govlake quarantine list`")
    district = _district(opened)
    found = quarantine.shown(
        rows, contract_of(district, feed), _mapping(district, feed), delivery=delivery, rule=rule, most=most
    ).to_pylist()
    if as_json:
        screen.as_json([{**row, "row": json.loads(row["row"])} for row in found])
        return
    table = screen.grid("row 行", "rule 规则", "field 字段", "what 问题", "values, masked 值（脱敏）", numbers=("row 行",))
    for row in found:
        values = "  ".join(f"{header}={value}" for header, value in json.loads(row["row"]).items() if value is not None)
        table.add_row(str(row["source_row"]), row["rule"], row["field"] or "", f"{row['message_zh']}\n{row['message']}", values)
        table.add_section()
    screen.show(table)
    screen.say(f"{len(found):,} of / 共 {rows.num_rows:,} rows / 行" + (f" · rule 规则 {rule}" if rule else ""))


def export(home: Path | None, output: Path, feed: str | None, delivery: str | None) -> None:
    """An Excel workbook for the source offices; it appears whole or not at all."""
    from quality import quarantine

    if output.suffix.lower() != ".xlsx":
        raise CommandFailed(f"{output.name}: the sheet is an Excel file", "name it ….xlsx", Exit.USAGE)
    opened = existing_home(home)
    district = _district(opened)
    chosen = []
    for name in _feeds(feed, delivery):
        rows = _rows(opened, name, delivery)
        if rows is not None and rows.num_rows:
            chosen.append(quarantine.FeedQuarantine(contract_of(district, name), _mapping(district, name), rows))
    if not chosen:
        screen.say("no refused rows, nothing written / 没有拒收的行，未写文件")
        return
    aside = output.with_name(f".{output.name}.part")
    try:
        written = quarantine.export(chosen, aside)
        aside.replace(output)
    finally:
        aside.unlink(missing_ok=True)
    screen.say(f"{output}: {written:,} rows, personal values masked / 已写出 {written:,} 行，个人信息已脱敏")


def _feeds(feed: str | None, delivery: str | None) -> list[str]:
    """The feeds asked for."""
    named = feed or (delivery.partition("/")[0] if delivery else None)
    if named is None:
        return list(feeds())
    if named not in feeds():
        raise CommandFailed(f"{named}: no such feed", f"use one of {', '.join(feeds())}", Exit.USAGE)
    if delivery and (delivery.count("/") != 2 or delivery.partition("/")[0] != named):
        raise CommandFailed(f"{delivery}: a delivery is named feed/date/file", "see `govlake quarantine list`", Exit.USAGE)
    return [named]


def _rows(home: Home, feed: str, delivery: str | None) -> pa.Table | None:
    from warehouse.lake import Lake

    lake, name = Lake(home.lake), f"quarantine/{feed}"
    if not lake.exists(name):
        return None
    return lake.rows(name, column="delivery", values=[delivery]) if delivery else lake.arrow(name)


def _district(home: Home) -> District:
    return load_district(district_folder(home))


def _mapping(district: District, feed: str) -> FeedMapping:
    return district.feeds.get(feed, FeedMapping())
