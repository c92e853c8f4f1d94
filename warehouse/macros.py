"""Table macros for the usual questions, over the attached libraries of one release.

Belongs here: reading `macros.sql` and making those macros whose tables are there. Not here: the tables; attaching libraries.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from contracts.schema import quoted

_HEAD = re.compile(r"^-- (\w+)(\([^)]*\)) \| (.*?) \| (.*?)\n(CREATE OR REPLACE MACRO .*?;)\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Macro:
    """A macro: name, arguments as written `(of_key)`, what it answers in both languages, and the statement that makes it."""

    name: str
    arguments: str
    title: str
    title_zh: str
    sql: str


@functools.cache
def macros() -> tuple[Macro, ...]:
    """All macros in the order of the file, in which a macro uses only earlier ones."""
    text = files("warehouse").joinpath("macros.sql").read_text(encoding="utf-8")
    return tuple(Macro(*match.groups()) for match in _HEAD.finditer(text))


def create(connection: duckdb.DuckDBPyConnection) -> list[Macro]:
    """Make the macros in the connection's own memory; gives those made.

    DuckDB binds a macro when it is made: one whose tables or columns this audience or folder does not hold is left out.
    """
    made = []
    for macro in macros():
        try:
            connection.execute(macro.sql)
        except (duckdb.CatalogException, duckdb.BinderException):
            continue
        made.append(macro)
    return made


def usable(folder: Path) -> list[Macro]:
    """The macros that work on the libraries of one audience's folder."""
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as connection:
        for library in sorted(folder.glob("*.duckdb")):
            connection.execute(f'ATTACH {quoted(str(library))} AS "{library.stem}" (READ_ONLY)')
        return create(connection)
