"""What a release says to its reader: README.md in two languages, and `analyst.sql` that opens its libraries.

Belongs here: these two texts. Not here: facts; they are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from contracts.model import THEMES, Table
from contracts.schema import quoted
from warehouse.library import Plan
from warehouse.macros import Macro

_THEME = {
    "place": "地 place", "organization": "组织 organization", "person": "人 person", "thing": "物 thing", "event": "事 event",
    "sentiment": "情 sentiment", "subject": "专题 subject",
}  # fmt: skip


class Fresh(Protocol):
    """The facts about a feed's freshness that the page shows."""

    @property
    def feed(self) -> str: ...
    @property
    def decision(self) -> str: ...
    @property
    def days(self) -> int | None: ...


def analyst_sql(folder: Path, libraries: Sequence[str], release: str, macros: Sequence[Macro] = ()) -> str:
    """SQL that opens all libraries of one audience folder, read-only, by the release's own path (never `current`: it may switch).

    The macros for the usual questions follow, each with what it answers.
    """
    lines = [
        f"-- govlake {release}: opens all libraries read-only. 以只读方式打开全部主题库。",
        "-- duckdb -init analyst.sql        (DuckDB 1.1 or later)",
        "-- On another computer: copy this folder and change the paths below. 复制到其他电脑后请修改路径。",
    ]
    lines += [f"ATTACH {quoted(str(folder / f'{name}.duckdb'))} AS {name} (READ_ONLY);" for name in _in_order(libraries)]
    for macro in macros:
        lines += ["", f"-- {macro.name}{macro.arguments}: {macro.title} · {macro.title_zh}", macro.sql]
    return "\n".join(lines) + "\n"


def _in_order(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: THEMES.index(name) if name in THEMES else len(THEMES))  # type: ignore[arg-type]


def readme(release: str, plan: Plan, rows: Mapping[str, int], states: Sequence[Fresh], folder: Path) -> str:
    """The release's README.md."""
    sources = plan.sources
    district = sources.district
    tables = plan.tables
    late = [state for state in states if state.decision != "ok"]
    lines = [
        f"# {district.title_zh} · {district.title}",
        "",
        f"Release 发布 `{release}`, as of 截至 {sources.as_of:%Y-%m-%d %H:%M:%S}.",
        "This folder never changes. To stay on one state of the data, use this path, not `current`. 本目录不再变更；请使用本路径，而非 `current`。",
        "",
        "## Start 开始",
        "",
        f"- SQL: `duckdb -init {folder}/analyst.sql` (DuckDB 1.1 or later 及以上), then 然后 `SELECT * FROM event.event LIMIT 10;`",
        "- Python: `duckdb.sql(\"SELECT * FROM 'internal/subjects/community_monthly_effect.parquet'\")`",
        "- Another computer 其他电脑: copy the folder of your audience (`internal/` or `public/`) 复制对应目录即可.",
        "",
        "## What is where 目录",
        "",
        "| | |",
        "|---|---|",
        "| `internal/site/index.html` | pictures, books, dictionary, lineage, quality; opens by double click 数据站点：双击即可打开 |",
        "| `internal/*.duckdb` | theme libraries: pseudonyms, masked and redacted forms only 主题库（仅含假名与脱敏数据） |",
        "| `internal/subjects/*.parquet` | subject tables for applications 专题表 |",
        f"| `public/` | public columns; groups below {district.small_group} suppressed 公开数据（小于 {district.small_group} 的分组已抑制） |",
    ]
    if "restricted" in district.audiences:
        lines.append("| `restricted/` | names and sensitive facts; for authorised people alone 受限数据，仅授权人员可用 |")
    lines += [
        "| `contracts/` | what every table promises, ours (JSON) and ODCS (YAML) 数据契约 |",
        "| `manifest.json` | inputs, versions, row counts, checksums 清单：输入、版本、行数、校验和 |",
        "| `lineage.json` | where every column comes from 血缘 |",
        "",
        "## Freshness 时效",
        "",
    ]
    lines += [
        f"- {state.feed}: {'never delivered 从未交付' if state.days is None else f'{state.days} days old 天前'} ({state.decision})"
        for state in late
    ]
    lines += [] if late else ["All feeds are as fresh as the district asks. 各数据源均在规定时效内。"]
    lines += ["", "## Tables 数据表", ""]
    for theme in THEMES:
        mine: list[Table] = [table for table in tables.values() if table.theme == theme]
        if mine:
            lines += [f"### {_THEME[theme]}", "", "| table 表 | rows 行 | | audiences 受众 |", "|---|---:|---|---|"]
            lines += [
                f"| `{table.full_name}` | {rows.get(table.full_name, 0):,} | {table.title_zh} {table.title} | {', '.join(table.audiences)} |"
                for table in sorted(mine, key=lambda table: table.name)
            ]
            lines.append("")
    lines += [
        "Every table and column carries a comment in both languages 每个表与列均有中英文注释: `SELECT column_name, comment FROM duckdb_columns();`",
        "",
    ]
    return "\n".join(lines)
