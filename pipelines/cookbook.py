"""The cookbook: queries to start from, in `cookbook.sql`.

Belongs here: reading that file, and showing it as a page. Not here: running a query (`commands.query`).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files

from warehouse.macros import macros

_RECIPE = re.compile(r"^-- (\d+) \| (.*?) \| (.*?)\n(.*?;)$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """One query with its number and what it answers in both languages."""

    number: int
    title: str
    title_zh: str
    sql: str


@functools.cache
def recipes() -> tuple[Recipe, ...]:
    """All recipes in the order of their numbers."""
    text = files("pipelines").joinpath("cookbook.sql").read_text(encoding="utf-8")
    return tuple(Recipe(int(match[1]), match[2], match[3], match[4]) for match in _RECIPE.finditer(text))


def page() -> str:
    """docs/cookbook.md."""
    lines = [
        "# Cookbook 查询手册",
        "",
        "Queries to start from. They run in `govlake sql` on any release (`.cookbook` lists them there, `.cookbook 6` shows one), and in the plain",
        "`duckdb` shell after `duckdb -init analyst.sql`. 以下查询可直接在 `govlake sql` 或 `duckdb -init analyst.sql` 中运行。",
        "",
        "## Ready-made questions 常用宏",
        "",
        "| macro 宏 | answers 回答 | |",
        "|---|---|---|",
        *(f"| `{macro.name}{macro.arguments}` | {macro.title} | {macro.title_zh} |" for macro in macros()),
        "",
        "Write `FROM overdue_as_of('2024-06-30')`, or `SELECT working_hours_between(reported_at, handled_at) FROM event.event`.",
        "",
        "## Queries 查询",
        "",
    ]
    for recipe in recipes():
        lines += [f"### {recipe.number}. {recipe.title} · {recipe.title_zh}", "", "```sql", recipe.sql, "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
