"""What people see: consoles, tables with both languages, progress on a terminal.

Belongs here: how things look. Results go to standard output, messages and progress to standard error, so that a pipe gets results
alone. Rich honours NO_COLOR and leaves colour out where no terminal is. Not here: what is said.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pipelines.commands.outcome import CommandFailed

Progress = Callable[[str, str, int, int], None]

STAGES_ZH = {
    "demo": "生成演示数据",
    "landing": "查看来件",
    "intake": "接收",
    "clean": "清洗",
    "addresses": "地址关联",
    "themes": "主题库",
    "tables": "建表",
    "checks": "质量检查",
    "release": "发布",
    "shares": "数据共享",
    "backup": "备份",
    "restore": "恢复",
    "link": "地址关联",
    "parse": "地址解析",
    "maintain": "维护",
}


@cache
def out() -> Console:
    """The console for results. Away from a terminal lines are not wrapped."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 200)


@cache
def err() -> Console:
    """The console for messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def say(text: str = "") -> None:
    """One line of result, plain text."""
    out().print(text, markup=False)


def note(text: str) -> None:
    """One line beside the result, on standard error."""
    err().print(text, markup=False, style="dim")


def warn(text: str) -> None:
    """One line that a person should read, on standard error."""
    err().print(text, markup=False, style="yellow")


def heading(english: str, chinese: str) -> None:
    """A heading in both languages."""
    from rich.text import Text

    out().print()
    out().print(Text(f"{english}  {chinese}", style="bold"))


def grid(*columns: str, numbers: Iterable[str] = (), title: str | None = None) -> Table:
    """A Rich table; `numbers` names the columns that are set right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    right = set(numbers)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def show(table: Table) -> None:
    """Print a table."""
    out().print(table)


def as_json(value: Any) -> None:
    """Print a value as JSON, for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def number(value: int | float | None) -> str:
    """A count with separators; a dash where there is none."""
    return "–" if value is None else f"{value:,}"


def size(count: int) -> str:
    """Bytes as people write them, in powers of 1024."""
    from rich.filesize import decimal

    return decimal(count)


def failure(error: CommandFailed) -> None:
    """One clear line, and the remedy under it."""
    from rich.text import Text

    err().print(Text("error 错误: ", style="bold red") + Text(error.message))
    if error.remedy:
        err().print(Text("remedy 办法: ", style="bold") + Text(error.remedy))


@contextmanager
def progress() -> Iterator[Progress]:
    """A callback (stage, item, done, total) that draws one bar a stage on a terminal and is silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda stage, item, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = [
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[item]}", markup=True),
    ]
    with Bars(*columns, console=err()) as bars:
        tasks: dict[str, Any] = {}

        def moved(stage: str, item: str, done: int, total: int) -> None:
            if stage not in tasks:
                title = f"{stage} {STAGES_ZH[stage]}" if stage in STAGES_ZH else stage
                tasks[stage] = bars.add_task(f"{title:<20}", total=total or None, item="")
            shown = "" if total and done >= total else item.replace("[", "(")[-48:]
            bars.update(tasks[stage], completed=done, total=total or None, item=shown)

        yield moved
