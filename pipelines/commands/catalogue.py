"""`govlake catalogue`: what is published, looked up in a release's catalogue.

Belongs here: printing. Not here: what the catalogue says (`publishing.catalogue`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.commands.places import existing_home, release_folder
from publishing import catalogue

_STATES = {"fresh": "fresh 及时", "stale": "stale 过期", "missing": "never delivered 未交付"}


def listed(home: Path | None, theme: str | None, release: str | None, as_json: bool) -> None:
    """Every table of the release, or those of one theme."""
    made = _catalogue(home, release)
    themes = sorted({entry["theme"] for entry in made["tables"].values()})
    if theme is not None and theme not in themes:
        raise CommandFailed(f"{theme}: no such theme", f"use one of {', '.join(themes)}", Exit.USAGE)
    entries = [entry for entry in made["tables"].values() if theme in (None, entry["theme"])]
    if as_json:
        screen.as_json(entries)
        return
    table = screen.grid(
        "table 表",
        "meaning 含义",
        "steward 管理单位",
        "class 密级",
        "rows 行",
        "fresh 时效",
        "rules 规则",
        numbers=("rows 行", "rules 规则"),
    )
    for entry in entries:
        table.add_row(
            entry["name"],
            f"{entry['title_zh']} {entry['title']}",
            entry["steward"],
            entry["classification"],
            screen.number(entry["rows"]),
            "✓" if entry["freshness"]["fresh"] else "stale 过期",
            _rules(entry["score"]),
        )
    screen.show(table)


def show(home: Path | None, name: str, release: str | None, as_json: bool) -> None:
    """One table with all that the catalogue knows of it."""
    made = _catalogue(home, release)
    if name not in made["tables"]:
        import difflib

        near = difflib.get_close_matches(name, made["tables"], n=3)
        raise CommandFailed(
            f"{name}: no such table in this release", f"perhaps {', '.join(near)}" if near else "see govlake catalogue list", Exit.USAGE
        )
    entry = made["tables"][name]
    if as_json:
        screen.as_json(entry)
        return
    screen.heading(f"{entry['name']}  {entry['title']}", entry["title_zh"])
    for text in (entry["description_zh"], entry["description"]):
        if text:
            screen.say(text)
    screen.say(f"grain 粒度: {entry['grain']} · keys 主键: {', '.join(entry['keys'])} · version 版本 {entry['version']}")
    screen.say(
        f"steward 管理单位: {entry['steward']} · class 密级 {entry['classification']} · audiences 受众 {', '.join(entry['audiences'])}"
    )
    screen.say(
        f"rows 行: {entry['rows']:,} · rules 规则 {_rules(entry['score'])} · filled 填充率 {_percent(entry['score']['completeness'])}"
    )
    _print_columns(entry)
    _print_freshness(entry["freshness"])
    _print_broken(entry["score"])
    _print_sample(entry)
    _print_history(entry["history"])
    screen.heading("Where it lies", "所在位置")
    for file in entry["files"]:
        screen.say(f"  {file['path']}" + (f" · {file['table']}" if "table" in file else ""))


def search(home: Path | None, words: list[str], release: str | None, as_json: bool) -> Exit:
    """Tables and columns that hold all the words; FAILED where there is none."""
    hits = catalogue.search(_catalogue(home, release), words)
    if as_json:
        screen.as_json([vars(hit) for hit in hits])
    elif not hits:
        screen.say("nothing found / 未找到")
    else:
        table = screen.grid("table 表", "column 列", "title", "名称", "meaning 含义")
        for hit in hits:
            table.add_row(hit.table, hit.column or "", hit.title, hit.title_zh, hit.text)
        screen.show(table)
    return Exit.DONE if hits else Exit.FAILED


def _catalogue(home: Path | None, release: str | None) -> dict[str, Any]:
    folder = release_folder(existing_home(home), release)
    made = catalogue.read(folder)
    if made is None:
        raise CommandFailed(
            f"release {folder.name} has no catalogue", "it is from before there were catalogues: run again, or name another release"
        )
    return made


def _rules(score: dict[str, Any]) -> str:
    return f"{score['passed']}/{score['rules']}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _print_columns(entry: dict[str, Any]) -> None:
    table = screen.grid("column 列", "type 类型", "class 密级", "filled 填充", "meaning 含义", numbers=("filled 填充",))
    for column in entry["columns"]:
        meaning = f"{column['title_zh']} | {column['title']}"
        more = column["description_zh"] or column["description"]
        table.add_row(
            column["name"], column["type"], column["classification"], _percent(column["filled"]), f"{meaning}. {more}" if more else meaning
        )
    screen.show(table)


def _print_freshness(freshness: dict[str, Any]) -> None:
    if not freshness["feeds"]:
        return
    screen.heading("Made from", "数据来源")
    for feed in freshness["feeds"]:
        days = "" if feed["days"] is None else f" · {feed['days']} days 天"
        screen.say(f"  {feed['feed']} {feed['title_zh']}: {_STATES[feed['state']]}{days}")


def _print_broken(score: dict[str, Any]) -> None:
    for rule in score["broken"]:
        screen.say(f"  {rule['severity']}: {rule['rule']}: {rule['violations']:,} · {rule['message_zh']} {rule['message']}")


def _print_sample(entry: dict[str, Any]) -> None:
    sample = (entry["sample"] or {}).get("internal") or (entry["sample"] or {}).get("public")
    if not sample or not sample["rows"]:
        return
    screen.heading("What values look like; no row is a record", "取值示例（各列独立，不是真实记录）")
    table = screen.grid("column 列", "values 取值")
    for place, name in enumerate(sample["columns"]):
        values = dict.fromkeys(str(row[place]) for row in sample["rows"] if row[place] is not None)
        table.add_row(name, " · ".join(values))
    screen.show(table)


def _print_history(history: list[dict[str, Any]]) -> None:
    screen.heading("Changes", "变更记录")
    for line in history[-5:]:
        changed = [
            f"{word} {', '.join(line[key])}" for key, word in (("added", "+"), ("removed", "−"), ("retyped", "type 类型")) if line[key]
        ]
        screen.say(f"  {line['release']} · {line['version']} · {line['rows']:,} rows 行 {' '.join(changed)}")
