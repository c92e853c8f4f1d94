"""`govlake status`: what came, what is due, what waits, which release is current, what the last run did. Reads, changes nothing.

Belongs here: gathering these from landing folder, ledger, releases and last run, and their look. Nothing is hashed or opened here,
so that it answers at once; the next run looks closer.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

from contracts.delivery import DRIFT_KINDS
from contracts.district import District, FeedMapping, load_district
from contracts.load import feeds
from pipelines.commands import screen
from pipelines.commands.places import existing_home
from pipelines.commands.summary import STATUS, problems
from pipelines.home import district_folder
from pipelines.summary import RunSummary, read_summary
from warehouse.home import Home

SETTLE_SECONDS = 0.3
_DRIFT_DAYS = 8
"""Drift is told of so many of a feed's latest delivery days."""


def status(home: Path | None, as_json: bool) -> None:
    """Print the state of a home."""
    opened = existing_home(home)
    district = load_district(district_folder(opened)) if opened.district_note.is_file() else None
    found = gather(opened, district)
    if as_json:
        screen.as_json(found)
    else:
        _print(found)
        if last := read_summary(opened.path):
            problems(last, most=100)


def gather(home: Home, district: District | None) -> dict[str, Any]:
    """Everything that status shows, as plain data."""
    from assets import ledger
    from warehouse.lake import Lake

    last = read_summary(home.path)
    lake = Lake(home.lake)
    done = ledger.current(lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA).to_dicts()
    intake = {row["delivery"]: row for row in ledger.current(lake, ledger.INTAKE, ledger.INTAKE_SCHEMA).to_dicts()}
    waiting, new, refused = _landing(home, district, intake)
    latest = max((row["day"] for row in done if row["status"] != "unreadable"), default=None)
    as_of = last.as_of.date() if last and last.as_of else latest
    names = sorted({row["feed"] for row in done} | set(district.feeds if district else ()))
    mappings = district.feeds if district else {}
    return {
        "home": str(home.path),
        "district": district.name if district else None,
        "last_run": _last_run(last),
        "running": _running(home),
        "current": _current(home),
        "releases": _releases(home),
        "as_of": as_of,
        "latest_delivery": latest,
        "feeds": [_feed(name, [row for row in done if row["feed"] == name], mappings.get(name, FeedMapping()), as_of) for name in names],
        "waiting": waiting,
        "new": new,
        "left_alone": refused,
    }


def _landing(home: Home, district: District | None, intake: dict[str, dict[str, Any]]) -> tuple[list[str], list[str], list[str]]:
    """Files that wait for their marker or still grow, files not taken in yet, and files that govlake leaves alone (with the reason)."""
    if district is None:
        return [], [], []
    from sources import landing

    found = landing.scan(home.landing, district, settle=SETTLE_SECONDS)
    new = []
    for item in found:
        known = intake.get(item.id)
        if item.state == "ready" and (known is None or (known["bytes"], known["mtime_ns"]) != (item.bytes, item.mtime_ns)):
            new.append(item.id)
    waiting = [item.id for item in found if item.state == "waiting"]
    return waiting, new, [item.problem.message for item in found if item.state == "refused" and item.problem]


def _feed(name: str, rows: list[dict[str, Any]], mapping: FeedMapping, as_of: dt.date | None) -> dict[str, Any]:
    seen = [row for row in rows if row["status"] in ("accepted", "unchanged")]
    latest = max((row["day"] for row in seen), default=None)
    behind = (as_of - latest).days if as_of and latest else None
    limit = mapping.stale_after_days
    contract = feeds().get(name)
    return {
        "feed": name,
        "title_zh": contract.title_zh if contract else "",
        "required": mapping.required,
        "deliveries": len(rows),
        "states": dict(sorted(Counter(row["status"] for row in rows).items())),
        "rows_read": sum(row["rows_read"] or 0 for row in rows),
        "rows_refused": sum(row["rows_refused"] or 0 for row in rows),
        "latest": latest,
        "days_behind": behind,
        "stale_after_days": limit,
        "stale": bool(limit is not None and behind is not None and behind > limit),
        "missing": not seen,
        "drift": _drift(rows, {column.name for column in contract.columns if column.required} if contract else set()),
        "stopped": [row["delivery"] for row in rows if row["status"] in ("stopped", "unreadable")],
    }


def _drift(rows: list[dict[str, Any]], required: set[str]) -> dict[str, Any] | None:
    """How the latest delivery with a certificate differs from the contract (unknown headers, required columns missing) and from the one before."""
    with_columns = [row for row in sorted(rows, key=lambda row: (row["day"], row["delivery"])) if row["certificate"]]
    if not with_columns:
        return None
    certificates = [json.loads(row["certificate"]) for row in with_columns[-2:]]
    now = certificates[-1]
    columns = now.get("columns") or {}
    unknown = [header for header, column in columns.items() if column is None]
    before = (certificates[0].get("columns") or {}) if len(certificates) == 2 else columns
    last_days = sorted({row["day"] for row in with_columns})[-_DRIFT_DAYS:]
    found = {
        "delivery": with_columns[-1]["delivery"],
        "unknown_columns": unknown,
        "missing_columns": [name for name in now.get("columns_missing") or () if name in required],
        "new_since_last": [header for header in columns if header not in before],
        "gone_since_last": [header for header in before if header not in columns],
        "events": [event for row in with_columns if row["day"] in last_days for event in _events(row)],
    }
    return found if any(value for key, value in found.items() if key != "delivery") else None


def _events(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What a delivery's certificate says of drift, without the values of any row."""
    names = ("kind", "severity", "field", "count", "message", "message_zh")
    return [
        {"delivery": row["delivery"], **{name: problem.get(name) for name in names}}
        for problem in json.loads(row["certificate"])["problems"]
        if problem["kind"] in DRIFT_KINDS
    ]


def _last_run(last: RunSummary | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {
        **last.model_dump(mode="json", include={"status", "started_at", "seconds", "as_of", "release"}),
        "checks": {"passed": last.checks_passed, "warned": last.checks_warned, "failed": last.checks_failed},
        "problems": len(last.problems),
    }


def _running(home: Home) -> int | None:
    """The process that holds the home now, if one does."""
    from warehouse.home import HomeBusy

    if not (home.path / "run.holder").is_file():
        return None
    try:
        with home.locked(wait=False):
            return None
    except HomeBusy:
        try:
            return int(json.loads((home.path / "run.holder").read_text(encoding="utf-8"))["pid"])
        except (OSError, ValueError, KeyError):
            return None


def _releases(home: Home) -> list[str]:
    if not home.releases.is_dir():
        return []
    folders = [path for path in home.releases.iterdir() if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")]
    return sorted((path.name for path in folders if (path / "manifest.json").is_file()), reverse=True)


def _current(home: Home) -> str | None:
    link = home.releases / "current"
    return link.resolve().name if link.exists() else None


def _print(found: dict[str, Any]) -> None:
    from rich.text import Text

    screen.say(f"home 工作目录 {found['home']} · district 区域 {found['district'] or '–'}")
    last = found["last_run"]
    if last:
        english, chinese, style = STATUS[last["status"]]
        screen.out().print(
            Text("last run 上次运行 ")
            + Text(f"{english} {chinese}", style=style)
            + Text(f" · {last['started_at'][:16]} · {last['seconds']:,.1f} s")
        )
    else:
        screen.say("last run 上次运行 – none yet 尚未运行: govlake run")
    if found["running"]:
        screen.out().print(f"a run is working now 正在运行 (process {found['running']})", style="yellow")
    others = [name for name in found["releases"] if name != found["current"]]
    screen.say(
        f"release 当前发布 {found['current'] or '–'}"
        + (f" · {len(others)} more 其他: {', '.join(others[:5])}{' …' if len(others) > 5 else ''}" if others else "")
    )
    if found["latest_delivery"]:
        age = (dt.date.today() - found["latest_delivery"]).days
        screen.say(f"latest delivery 最新来件 {found['latest_delivery']} ({age:,} days ago 天前) · as of 截至 {found['as_of']}")
    _print_feeds(found["feeds"])
    _print_drift(found["feeds"])
    for title, chinese, names in (
        ("Not taken in yet", "尚未接收", found["new"]),
        ("Waiting: still growing, or without their ready marker", "等待：仍在写入或缺少就绪标记", found["waiting"]),
        ("Left alone", "未处理", found["left_alone"]),
    ):
        _print_list(title, chinese, names)


def _print_feeds(lines: list[dict[str, Any]]) -> None:
    if not lines:
        return
    from rich.text import Text

    screen.heading("Feeds", "来源")
    table = screen.grid(
        "feed 来源", "deliveries 批次", "state 状态", "rows 行", "refused 拒收", "latest 最新", "days behind/limit 落后/限", "",
        numbers=("deliveries 批次", "rows 行", "refused 拒收", "days behind/limit 落后/限"),
    )  # fmt: skip
    for line in lines:
        if line["missing"]:
            mark = Text("missing, required 缺失（必需）", style="bold red") if line["required"] else Text("none yet 尚无", style="dim")
        else:
            mark = Text("stale 过期", style="yellow") if line["stale"] else Text("")
        table.add_row(
            f"{line['feed']} {line['title_zh']}",
            str(line["deliveries"]),
            ", ".join(f"{state} {count}" for state, count in line["states"].items()),
            screen.number(line["rows_read"]),
            screen.number(line["rows_refused"]),
            str(line["latest"] or "–"),
            f"{_dash(line['days_behind'])} / {_dash(line['stale_after_days'])}",
            mark,
        )
    screen.show(table)


_COLUMN_DRIFT = ("unknown_columns", "missing_columns", "new_since_last", "gone_since_last")


def _print_drift(lines: list[dict[str, Any]]) -> None:
    drifted = [line["drift"] for line in lines if line["drift"]]
    stopped = [name for line in lines for name in line["stopped"]]
    columns = [drift for drift in drifted if any(drift[name] for name in _COLUMN_DRIFT)]
    if columns:
        screen.heading("Columns that differ from the contract or from the delivery before", "列变化")
        table = screen.grid(
            "delivery 批次", "unknown 未知列", "required, missing 缺少必需列", "new since last 新增", "gone since last 消失"
        )
        for drift in columns:
            table.add_row(drift["delivery"], *(_few(drift[name]) for name in _COLUMN_DRIFT))
        screen.show(table)
    _print_events([event for drift in drifted for event in drift["events"]])
    _print_list("Deliveries that were not accepted", "未被接收的批次", stopped)


def _print_events(events: list[dict[str, Any]]) -> None:
    """One line for each feed, kind and field: the latest of these events, and in how many deliveries there was one."""
    if not events:
        return
    grouped: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for event in events:
        grouped.setdefault((event["delivery"].partition("/")[0], event["kind"], event["field"] or ""), []).append(event)
    screen.heading(f"Drift in each feed's last {_DRIFT_DAYS} delivery days", f"近 {_DRIFT_DAYS} 个交付日的变化")
    table = screen.grid("feed 来源", "kind 类别", "field 字段", "deliveries 批次", "latest 最近一次", numbers=("deliveries 批次",))
    for (feed, kind, field), same in grouped.items():
        table.add_row(feed, kind, field, str(len(same)), f"{same[-1]['message']}\n{same[-1]['message_zh']}")
    screen.show(table)


def _dash(value: int | None) -> str:
    return "–" if value is None else str(value)


def _few(names: list[str], most: int = 6) -> str:
    shown = ", ".join(name[:40] for name in names[:most])
    return shown + (f" … +{len(names) - most}" if len(names) > most else "")


def _print_list(title: str, chinese: str, names: list[str], most: int = 15) -> None:
    if not names:
        return
    screen.heading(f"{title} ({len(names):,})", chinese)
    for name in names[:most]:
        screen.say(f"  {name}")
    if len(names) > most:
        screen.say(f"  … {len(names) - most:,} more 还有 {len(names) - most:,} 项 (--json shows all)")
