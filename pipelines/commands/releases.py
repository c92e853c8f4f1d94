"""`govlake release`: list, show, switch, prune.

Belongs here: the home's lock around what changes, and printing. Not here: what a release is (`warehouse.release`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts.district import Retention, load_district
from pipelines.commands import screen
from pipelines.commands.places import existing_home
from pipelines.home import district_folder
from warehouse import release
from warehouse.home import Home


def listed(home: Path | None, as_json: bool) -> None:
    """All releases, newest first."""
    opened = existing_home(home)
    found = release.listed(opened.releases)
    if as_json:
        screen.as_json([{**vars(info)} for info in found])
        return
    if not found:
        screen.say("no release yet / 尚无发布: govlake run")
        return
    table = screen.grid(
        "release 发布",
        "as of 截至",
        "built 生成 (UTC)",
        "tables 表",
        "rows 行",
        "size 大小",
        "",
        numbers=("tables 表", "rows 行", "size 大小"),
    )
    for info in found:
        table.add_row(
            info.id,
            f"{info.as_of:%Y-%m-%d %H:%M}",
            f"{info.built_at:%Y-%m-%d %H:%M}",
            str(info.tables),
            screen.number(info.rows),
            screen.size(info.bytes),
            "current 当前" if info.is_current else "",
            style="bold" if info.is_current else None,
        )
    screen.show(table)


def show(home: Path | None, name: str | None, as_json: bool) -> None:
    """The manifest of a release, as it is or for the eye."""
    opened = existing_home(home)
    manifest = release.show(opened.releases, name)
    if as_json:
        screen.as_json(manifest)
        return
    screen.say(f"release 发布 {manifest['release']} · {manifest['district']['title_zh']} {manifest['district']['title']}")
    screen.say(f"as of 截至 {manifest['as_of']} · built 生成 {manifest['built_at']} · code 代码 {manifest['code_version']}")
    screen.say(f"audiences 受众 {', '.join(manifest['audiences'])} · pseudonym key 假名密钥 {manifest['pseudonym_key']}")
    screen.say(f"folder 目录 {(opened.releases / manifest['release']).resolve()}")
    _feeds(manifest["feeds"])
    _tables(manifest["tables"])


def _feeds(feeds: list[dict[str, Any]]) -> None:
    screen.heading("Feeds at that moment", "当时的来源")
    table = screen.grid("feed 来源", "latest 最新", "days behind 落后天数", "", numbers=("days behind 落后天数",))
    for feed in feeds:
        state = "" if feed["decision"] == "ok" else "missing 缺失" if feed["latest"] is None else "stale 过期"
        table.add_row(feed["feed"], feed["latest"] or "–", screen.number(feed["days"]), state)
    screen.show(table)


def _tables(tables: dict[str, Any]) -> None:
    from contracts.load import tables as contracts

    known = contracts()
    screen.heading("Tables", "数据表")
    table = screen.grid("table 表", "", "rows 行", "version 版本", "audiences 受众", numbers=("rows 行",))
    for name, built in tables.items():
        title = known[name].title_zh if name in known else ""
        table.add_row(name, title, screen.number(built["rows"]), built["version"], ", ".join(built["audiences"]))
    screen.show(table)


def switch(home: Path | None, name: str) -> None:
    """Make a release current. Not under the home's lock: the switch is one step, and whoever switches back may not wait for a run."""
    opened = existing_home(home)
    before = release.current(opened.releases)
    folder = release.switch(opened.releases, name)
    screen.say(f"current 当前发布: {folder.name}" + (f" (was 此前 {before.name})" if before and before != folder else ""))
    screen.note("the next `govlake run` switches to the newest state again / 下次运行会再次切换到最新状态")


def prune(home: Path | None, keep: int | None) -> None:
    """Delete old releases under the home's lock."""
    opened = existing_home(home)
    with opened.locked(wait=True):
        gone = release.prune(opened.releases, keep or retention(opened).releases)
    for name in gone:
        screen.say(f"deleted 已删除 {name}")
    if not gone:
        screen.say("nothing to delete / 无可清理 (never the current one, never one younger than 24 hours 当前发布与24小时内的发布不会删除)")


def retention(home: Home) -> Retention:
    """The district's retention; the defaults where the home has no district yet."""
    return load_district(district_folder(home)).retention if home.district_note.is_file() else Retention()
