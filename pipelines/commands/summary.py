"""The summary at the end of a run, for people: what came in, what was refused, what was linked, what was made, where it lies.

Belongs here: how a RunSummary looks, and the queries that it proposes. Not here: its shape (`pipelines.summary`).
"""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from contracts.delivery import Problem
from contracts.model import THEMES
from pipelines.commands import screen
from pipelines.commands.places import chosen_home
from pipelines.summary import FeedLine, LinkLine, RunSummary, TableLine
from warehouse.home import Home

STATUS = {
    "released": ("released", "已发布", "bold green"),
    "nothing_to_do": ("nothing to do", "无新来件，无需处理", "bold green"),
    "blocked": ("blocked: the former release stays current", "已阻断，沿用上一发布", "bold red"),
    "failed": ("failed: the former release stays current", "失败，沿用上一发布", "bold red"),
}

OUTCOMES_ZH = {
    "resolved": "已关联",
    "partial": "部分关联",
    "ambiguous": "有歧义",
    "not_in_register": "库中未登记",
    "no_address": "无地址",
}


def level_name(level: str | None) -> str:
    """A level with its Chinese name."""
    from addressing.reasons import LEVEL_NAMES

    return f"{level} {LEVEL_NAMES[level][1]}" if level and level in LEVEL_NAMES else level or "–"


QUERIES = (
    (
        "where matters were reported last month, and how they were handled",
        "最近一月各社区诉求与办理成效",
        "SELECT street, community, issues, handled_pct, satisfaction_pct FROM subject.community_monthly_effect "
        "WHERE month = (SELECT max(month) FROM subject.community_monthly_effect) ORDER BY issues DESC, community LIMIT 10",
    ),
    (
        "doors that most events of all channels lead to",
        "各渠道事件最集中的门牌与楼栋",
        "SELECT a.path, a.level, count(*) AS events, count(DISTINCT e.feed) AS feeds "
        "FROM event.event AS e JOIN place.address AS a ON a.address_key = e.address_key "
        "WHERE a.level IN ('number', 'building') GROUP BY ALL ORDER BY events DESC, a.path LIMIT 10",
    ),
    (
        "departments by what is overdue",
        "各部门超期情况",
        "SELECT department, sum(events) AS events, sum(overdue) AS overdue, sum(late) AS late "
        "FROM subject.department_scorecard GROUP BY department ORDER BY overdue DESC, department LIMIT 10",
    ),
    (
        "the books: where every delivered row went",
        "对账：每一行的去向",
        "SELECT feed, sum(rows_read) AS read, sum(rows_refused) AS refused, sum(rows_accepted) AS accepted "
        "FROM subject.reconciliation GROUP BY feed ORDER BY feed",
    ),
)
"""Proposed queries: what they answer in English and Chinese, and the SQL. The first three that a release can answer are shown."""


def show(done: RunSummary, home: Home) -> None:
    """Print the summary of a run that just ended."""
    from rich.text import Text

    english, chinese, style = STATUS[done.status]
    screen.out().print()
    screen.out().print(Text(f"{english}  {chinese}", style=style) + Text(f"   {done.seconds:,.1f} s"))
    _facts(done)
    if done.feeds:
        _feeds(done.feeds)
    if done.links:
        _links(done.links)
    if done.tables:
        _tables(done.tables)
    if done.shares:
        _shares(done, home)
    problems(done)
    if done.release_path and done.status in ("released", "nothing_to_do"):
        _where(done, home)


def _facts(done: RunSummary) -> None:
    facts = [f"district 区域 {done.district}"]
    if done.as_of:
        facts.append(f"as of 截至 {done.as_of:%Y-%m-%d %H:%M}")
    if done.release:
        facts.append(f"release 发布 {done.release}")
    if done.checks_passed or done.checks_warned or done.checks_failed:
        facts.append(f"checks 检查: passed 通过 {done.checks_passed}, warned 提示 {done.checks_warned}, failed 未通过 {done.checks_failed}")
    for fact in facts:
        screen.say(fact)


def _feeds(feeds: tuple[FeedLine, ...]) -> None:
    screen.heading("Rows in", "来件")
    columns = ("deliveries 批次", "read 读入", "malformed 破损", "refused 拒收", "accepted 接收", "repeated 重复")
    table = screen.grid("feed 来源", *columns, numbers=columns)
    for line in feeds:
        counts = (line.deliveries, line.rows_read, line.rows_malformed, line.rows_refused, line.rows_accepted, line.rows_repeated)
        table.add_row(f"{line.feed} {line.title_zh}", *(screen.number(count) for count in counts))
    if len(feeds) > 1:
        totals = (
            sum(line.deliveries for line in feeds),
            sum(line.rows_read for line in feeds),
            sum(line.rows_malformed for line in feeds),
            sum(line.rows_refused for line in feeds),
            sum(line.rows_accepted for line in feeds),
            sum(line.rows_repeated for line in feeds),
        )
        table.add_section()
        table.add_row("all 合计", *(screen.number(total) for total in totals), style="bold")
    screen.show(table)


BANDS = {
    "door 门牌": ("number", "estate", "building", "unit", "floor", "room"),
    "road 路巷": ("road", "lane", "alley", "crossing"),
    "community 社区": ("community", "neighbourhood"),
    "district 区街": ("province", "city", "district", "street"),
}
"""Levels as people ask for them; every level of the address base is in one of them."""


def _links(links: tuple[LinkLine, ...]) -> None:
    """Feeds down, bands of levels across; then all feeds together by level and by outcome."""
    from addressing import LEVELS

    screen.heading("Linked to the address base", "地址关联")
    columns = (*BANDS, "none 无", "all 合计")
    band_of = {level: band for band, levels in BANDS.items() for level in levels}
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_level: dict[str, int] = defaultdict(int)
    by_outcome: dict[str, int] = defaultdict(int)
    for line in links:
        for row in (line.feed, "all 合计"):
            counts[row][band_of.get(line.level or "", "none 无")] += line.rows
            counts[row]["all 合计"] += line.rows
        by_level[line.level or ""] += line.rows
        by_outcome[line.outcome] += line.rows
    table = screen.grid("feed 来源", *columns, numbers=columns)
    for feed in [*sorted(counts.keys() - {"all 合计"}), "all 合计"]:
        if feed == "all 合计":
            table.add_section()
        table.add_row(feed, *(screen.number(counts[feed][column]) for column in columns), style="bold" if feed == "all 合计" else None)
    screen.show(table)
    levels = [f"{level_name(level)} {by_level[level]:,}" for level in reversed(LEVELS) if by_level.get(level)]
    outcomes = [
        f"{outcome} {OUTCOMES_ZH.get(outcome, '')} {count:,}" for outcome, count in sorted(by_outcome.items(), key=lambda one: -one[1])
    ]
    screen.say(f"levels 级别: {' · '.join(levels)}")
    screen.say(f"outcomes 结果: {' · '.join(outcomes)}")


def _tables(tables: tuple[TableLine, ...]) -> None:
    """One row a library, in the order in which people read them."""
    from rich.columns import Columns
    from rich.text import Text

    libraries: dict[str, list[TableLine]] = defaultdict(list)
    for line in tables:
        libraries[line.table.partition(".")[0]].append(line)
    reused = sum(line.reused for line in tables)
    screen.heading(
        f"Tables: {len(tables)} made" + (f", {reused} of them unchanged" if reused else ""),
        f"数据表：{len(tables)} 张" + (f"，其中 {reused} 张未变" if reused else ""),
    )
    table = screen.grid("library 主题库", "tables and rows 表与行数")
    order = list(THEMES)
    for library in sorted(libraries, key=lambda name: order.index(name) if name in order else len(order)):
        lines = sorted(libraries[library], key=lambda line: line.table)
        named = [Text(f"{line.table.partition('.')[2]} {line.title_zh} {line.rows:,}", no_wrap=True) for line in lines]
        table.add_row(library, Columns(named, padding=(0, 3)))
    screen.show(table)


def _shares(done: RunSummary, home: Home) -> None:
    """What subscribers got; silent where nothing happened."""
    if any(line.status in ("delivered", "stopped") for line in done.shares):
        from assets.sharing import shares_folder
        from pipelines.commands.share import show as show_shares

        screen.heading("Shares", "数据共享")
        show_shares(done.shares, shares_folder(home))


def problems(done: RunSummary, most: int = 12) -> None:
    """Print what a run found that a person should look at, alike ones together; at most `most` of them."""
    if done.waiting:
        screen.heading("Left alone: still growing, or without their ready marker", "暂不处理：文件仍在写入或缺少就绪标记")
        for name in done.waiting[:most]:
            screen.say(f"  {name}")
        _more(len(done.waiting) - most)
    if not done.problems:
        return
    style = {"error": "red", "warn": "yellow", "info": "dim"}
    screen.heading("To look at", "请留意")
    alike = _alike(done.problems)
    for group in alike[:most]:
        first = group[0]
        others = f"  (+{len(group) - 1} deliveries alike 另有 {len(group) - 1} 个批次类似)" if len(group) > 1 else ""
        screen.out().print(f"  {first.message}{others}", style=style[first.severity], markup=False)
        screen.out().print(f"  {first.message_zh}", style=style[first.severity], markup=False)
        if first.remedy or first.remedy_zh:
            screen.out().print(f"    → {first.remedy} {first.remedy_zh}".rstrip(), style="dim", markup=False)
    _more(len(alike) - most)


def _alike(found: Iterable[Problem]) -> list[list[Problem]]:
    """Problems of one kind in several deliveries of one feed together; errors first, and of these what blocks the release before single deliveries."""
    groups: dict[tuple[str, str, str], list[Problem]] = defaultdict(list)
    for problem in found:
        place = problem.message.partition(":")[0]
        # Only a delivery (feed/date/file) stands for its like; a table's check stands for itself, and so does a file that was refused.
        alike = place.count("/") == 2 and problem.severity != "error"
        groups[(problem.severity, problem.kind, place.partition("/")[0] if alike else problem.message)].append(problem)
    rank = {"error": 0, "warn": 1, "info": 2}
    return sorted(groups.values(), key=lambda group: (rank[group[0].severity], group[0].message.partition(":")[0].count("/") == 2))


def _more(count: int) -> None:
    if count > 0:
        screen.say(f"  … {count:,} more 还有 {count:,} 项: govlake status")


def _where(done: RunSummary, home: Home) -> None:
    assert done.release_path
    screen.heading("Where it lies", "所在位置")
    path = done.release_path
    places = [
        ("release 发布", path),
        ("site 数据站点", path / "internal" / "site" / "index.html"),
        ("libraries 主题库", path / "internal"),
        ("subject tables 专题表", path / "internal" / "subjects"),
    ]
    places += [("current 当前发布", home.releases / "current"), ("for the reader 说明", path / "README.md")]
    table = screen.grid("", "")
    table.show_header = False
    for name, place in places:
        if place.exists():
            table.add_row(name, str(place))
    screen.show(table)
    queries = queries_for(path)
    if not queries:
        return
    screen.heading("Try", "试一试")
    command = program()
    option = "" if home.path == chosen_home(None) else f" --home {home.path}"
    for english, chinese, sql in queries:
        screen.out().print(f"  # {english} {chinese}", style="dim", markup=False)
        screen.out().print(f'  {command} sql{option} "{sql}"', markup=False)
    screen.out().print("  # the shell, and Dagster in the browser 交互查询与网页界面", style="dim", markup=False)
    screen.say(f"  {command} sql{option}")
    screen.say(f"  {command} ui{option}")


def program() -> str:
    """How the person at the terminal calls this command: by its name if it is on the path, else by the path used now."""
    found = shutil.which("govlake")
    used = Path(sys.argv[0])
    if used.name != "govlake" or (found and Path(found).resolve() == used.resolve()):
        return "govlake"
    return str(used.relative_to(Path.cwd())) if used.is_absolute() and used.is_relative_to(Path.cwd()) else str(used)


def queries_for(release: Path, most: int = 3) -> list[tuple[str, str, str]]:
    """The first proposed queries whose tables this release has."""
    import duckdb

    from pipelines.commands import query

    folder = release / "internal" if (release / "internal").is_dir() else release
    made = []
    with query.reader(folder) as connection:
        for english, chinese, sql in QUERIES:
            try:
                connection.execute(f"EXPLAIN {sql}").fetchall()
            except duckdb.Error:
                continue
            made.append((english, chinese, sql))
    return made[:most]
