"""Every `govlake …` line and every query on every page: the command parses as the real one would, the query binds on the contracts' tables."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from following import DOCS, ROOT, blocks

import contracts
from contracts.schema import create_table
from pipelines.cli import app
from pipelines.commands import query

COMMAND: Any = typer.main.get_command(app)
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "README.zh-CN.md"]
NEW_TABLES = ("subject.channel_month", "clean.", "latest.", "restricted.", "raw.")
"""Queries on what a page itself adds are run by the page's own test; the lake's relations are no tables of a release."""

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def shell_lines(page: Path) -> list[tuple[str, bool]]:
    """The commands of a page and whether each is whole: those of shell blocks are, those in the prose or in an explained list may leave out values."""
    text = page.read_text(encoding="utf-8")
    block = re.compile(r"^```(?:sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    partly = re.findall(r"^ {4}(govlake .*)$", prose, re.MULTILINE) + re.findall(r"`(govlake [a-z][^`\n]*)`", prose)
    whole = [line for body in block.findall(text) for line in body.replace("\\\n", " ").splitlines()]
    return [(line, True) for line in whole] + [(line, False) for line in partly]


def calls(page: Path) -> list[tuple[list[str], bool]]:
    """Each call of govlake as its words, up to a comment or pipe, and whether it is whole."""
    found = []
    for line, whole in shell_lines(page):
        match = re.search(r"(?:^|[\s/])govlake (?=[a-z])(.*)$", line)
        if match is None:
            continue
        lexer = shlex.shlex(match[1].replace("…", "x"), posix=True, punctuation_chars="|&;")
        lexer.whitespace_split = True
        words = list(itertools.takewhile(lambda word: not set(word) <= set("|&;"), lexer))
        found.append((words, whole))
    return found


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    command, rest = COMMAND, list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"govlake has no command {' '.join(words)!r}"
        command = command.commands[rest.pop(0)]
    return command, rest


def forms(parameter: Any) -> tuple[str, ...]:
    return (*parameter.opts, *parameter.secondary_opts)


@pages
def test_commands_parse(page: Path) -> None:
    for words, whole in calls(page):
        command, rest = command_of(words)
        options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
        used = [word.partition("=")[0] for word in rest if re.match(r"^--?[a-z]", word)]
        assert set(used) <= {form for option in options for form in forms(option)} | {"--help", "-h"}, f"govlake {' '.join(words)}"
        if not whole or set(used) & {"--help", "-h"}:
            continue
        assert not hasattr(command, "commands"), f"govlake {' '.join(words)}: names no command"
        takes_value = {form for option in options if not option.is_flag for form in forms(option)}
        bare = [word for word in rest if word in takes_value]
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        given = len([word for word in rest if not re.match(r"^--?[a-z]", word)]) - len(bare)
        least = sum(argument.required for argument in arguments)
        most = given if any(argument.nargs == -1 for argument in arguments) else len(arguments)
        assert least <= given <= most, f"govlake {' '.join(words)}: takes {least} to {most} arguments"


def test_pages_show_commands() -> None:
    assert sum(len(calls(page)) for page in PAGES) > 100


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Libraries with every table of every contract, empty, as `govlake sql` opens them."""
    folder = tmp_path_factory.mktemp("release")
    for theme in {table.theme for table in contracts.tables().values()}:
        with duckdb.connect(str(folder / f"{theme}.duckdb")) as library:
            for table in contracts.tables().values():
                if table.theme == theme:
                    library.execute(create_table(table, table.name))
            library.execute("CREATE TABLE release (release_id TEXT, as_of TIMESTAMP, district TEXT, audience TEXT)")
    with query.reader(folder) as opened:
        yield opened


def queries(page: Path) -> list[str]:
    """The queries that `govlake sql "…"` is given on a page, and its SQL blocks of SELECTs but for those that name a file to write."""
    found = [words[1:] for words, _ in calls(page) if words[0] == "sql"]
    asked = [word for words in found for word in words if re.match(r"(?i)(select|with|from|show|describe|summarize)\b", word)]
    if page.is_relative_to(DOCS):
        shown = [body for kind, body in blocks(str(page.relative_to(DOCS))) if kind == "sql"]
        asked += [body for body in shown if re.match(r"(?i)(select|with|from)\b", body)]
    return [sql for sql in asked if not re.search(r"\bx FROM\b|^SELECT x", sql) and not any(name in sql for name in NEW_TABLES)]


@pages
def test_queries_bind(page: Path, connection: duckdb.DuckDBPyConnection) -> None:
    for sql in queries(page):
        for statement in query.statements(connection, sql):
            query.run(connection, statement)


def test_pages_show_queries() -> None:
    assert sum(len(queries(page)) for page in PAGES) > 100
