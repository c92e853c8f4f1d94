"""`govlake quarantine`: refused rows counted, shown, written out for the office that delivered them, and tried again.

Belongs here: which feeds and deliveries, and printing. Not here: what of a refused row may be shown (`quality.quarantine`): this command never touches
a raw value by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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

    from assets.retrying import RetryLine


def listed(home: Path | None, feed: str | None, delivery: str | None, as_json: bool) -> None:
    """Refused rows by delivery, rule and field, largest first."""
    from quality import quarantine

    opened = existing_home(home)
    found: list[dict[str, Any]] = []
    for name in _feeds(opened, feed, delivery):
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
    (feed,) = _feeds(opened, None, delivery)
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
    for name in _feeds(opened, feed, delivery):
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


def retry(home: Path | None, feed: str | None, delivery: str | None, wait: bool, as_json: bool) -> Exit:
    """Try refused rows and unreadable files again under today's contract, mapping and files; gives the run's exit code.

    An ordinary run held to these deliveries: what a changed contract, mapping, code list or file lets pass joins the clean table and the release; the rest
    stays refused, with its newest reason. Nothing changed: nothing is done.
    """
    from assets import retrying
    from pipelines import job
    from pipelines.commands.run import exit_code
    from warehouse.lake import Lake

    opened = existing_home(home)
    named = _feeds(opened, feed, delivery)
    names = [delivery] if delivery else named if feed else []
    folder = district_folder(opened)
    lake = Lake(opened.lake)
    before = retrying.standing(lake, names)
    if delivery and delivery not in before:
        raise CommandFailed(f"{delivery}: no such delivery", "see `govlake quarantine list`", Exit.USAGE)
    chosen = retrying.to_retry(before)
    earlier = retrying.taken_in_earlier(lake, names)
    with screen.progress() as moved:
        done = job.run(opened.path, folder, only=chosen, progress=moved, wait=wait) if chosen else None
    lines = retrying.compared(before, retrying.standing(lake, names), earlier)
    gaps = _gaps(opened)
    if as_json:
        found = [{**line.model_dump(mode="json"), "what": _fate(line)[0]} for line in lines]
        screen.as_json({"deliveries": found, "run": done.status if done else None, "release": done.release if done else None, "gaps": gaps})
    else:
        _show_retry(lines, done.status if done else None, done.release if done else None, gaps)
    return Exit.FAILED if gaps else exit_code(done) if done else Exit.DONE


def _gaps(home: Home) -> list[str]:
    """What does not add up between files, ledger and lake; empty where the books balance."""
    from assets.books import books
    from warehouse.lake import Lake

    return [str(text) for text in books(Lake(home.lake)).violations["message"].to_pylist()]


def _fate(line: RetryLine) -> tuple[str, str]:
    """What became of a delivery, in both languages."""
    if line.new_file:
        return "replaced by a corrected file", "已由更正文件替换"
    if line.taken_in and not line.refused:
        return "all taken in", "全部接收"
    if line.taken_in:
        return "partly taken in", "部分接收"
    if line.status_before in ("unreadable", "stopped") and line.status == "accepted":
        return "read now", "已可读取"
    if line.status in ("unreadable", "stopped"):
        return "still not taken in", "仍未接收"
    if line.earlier and not line.refused:
        return f"taken in by the run of {line.earlier[0]:%Y-%m-%d %H:%M} (UTC)", "此前的运行已接收"
    if line.emptied < line.emptied_before:
        return "values taken in", "值已接收"
    if not line.refused:
        return "values still emptied: mend contract, mapping, code list or file", "值仍被置空：请先修正契约、映射、代码表或文件"
    return "still refused: mend contract, mapping, code list or file", "仍被拒收：请先修正契约、映射、代码表或文件"


def _show_retry(lines: Sequence[RetryLine], status: str | None, release: str | None, gaps: Sequence[str]) -> None:
    if not lines:
        screen.say("no refused rows / 没有拒收的行")
        return
    columns = (
        "refused before 原拒收",
        "taken in 已接收",
        "still refused 仍拒收",
        "taken in by earlier runs 此前已接收",
        "values emptied 置空值",
    )
    table = screen.grid("delivery 批次", *columns, "what 结果", "why still refused 仍拒收原因", numbers=columns)
    for line in lines:
        emptied = screen.number(line.emptied) if line.emptied == line.emptied_before else f"{line.emptied_before:,} → {line.emptied:,}"
        counts = (line.refused_before, line.taken_in, line.refused, line.earlier[1] if line.earlier else 0)
        why = ", ".join(f"{rule} {count:,}" for rule, count in line.rules.items())
        table.add_row(line.delivery, *(screen.number(count) for count in counts), emptied, "\n".join(_fate(line)[::-1]), why)
    screen.show(table)
    taken, left = sum(line.taken_in for line in lines), sum(line.refused for line in lines)
    screen.say(f"{taken:,} rows taken in 行已接收 · {left:,} still refused 行仍拒收" + (f" · release 发布 {release}" if release else ""))
    if status in ("blocked", "failed"):
        screen.say("the release was not made: see `govlake status` / 未能发布：请查看 govlake status")
    screen.say("the books balance / 账目平衡" if not gaps else "the books do not balance / 账目不平：")
    for gap in gaps:
        screen.say(f"  {gap}")


def _feeds(home: Home, feed: str | None, delivery: str | None) -> list[str]:
    """The feeds asked for, of those that come with govlake and those of the home's district."""
    if home.district_note.is_file():
        district_folder(home)
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
