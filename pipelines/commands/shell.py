"""The SQL shell over one release: prompt with history and completion, dot commands, paged results.

Belongs here: the conversation. Not here: what may be asked and how a result is written (`query`).
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
from pathlib import Path

import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import Completer, ThreadedCompleter, WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from pipelines.commands import query, screen
from pipelines.commands.outcome import CommandFailed
from pipelines.cookbook import recipes
from warehouse.macros import macros

HELP = """\
.tables [WORD]        tables, with what they hold        列出表（可按词筛选）
.describe TABLE       columns, types, meanings           表结构与说明
.macros               questions ready made, e.g. FROM overdue_as_of('2024-06-30');   常用宏
.cookbook [WORD|NO]   queries to start from; with a number: one of them   查询示例
.format table|csv|json  how results are shown            结果格式
.export FILE          the last result → .csv .json .parquet .xlsx   导出上一结果
.help                 this page                          帮助
.exit                 leave (also Ctrl-D)                退出
A query ends with a semicolon ; 查询以分号结束。"""


class Shell:
    """One conversation: the connection, the format, and the last query for `.export`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, form: str = "table") -> None:
        self.connection = connection
        self.form = form
        self.last: str | None = None
        self.open = True

    def take(self, text: str) -> str:
        """Do what one entry says; gives the text to show. CommandFailed where it cannot be done."""
        entry = text.strip()
        if entry.startswith("."):
            return self._command(entry.rstrip(";"))
        if not entry.strip("; \n"):
            return ""
        shown = io.StringIO()
        for statement in query.statements(self.connection, entry):
            query.write(query.run(self.connection, statement), self.form, shown, width=shutil.get_terminal_size().columns, rows=200)
            self.last = statement.query
        return shown.getvalue()

    def _command(self, entry: str) -> str:
        try:
            name, *rest = shlex.split(entry)
        except ValueError as error:
            raise CommandFailed(f"{entry}: {error}", "close the quotes") from error
        if name in (".exit", ".quit"):
            self.open = False
            return ""
        if name == ".help":
            return HELP + "\n"
        if name == ".tables":
            return self._tables(rest[0] if rest else "")
        if name == ".macros":
            return self._macros()
        if name == ".cookbook":
            return self._cookbook(rest[0] if rest else "")
        if name == ".describe" and rest:
            return self._describe(rest[0])
        if name == ".format" and rest and rest[0] in query.FORMATS:
            self.form = rest[0]
            return ""
        if name == ".export" and rest:
            return self._export(Path(rest[0]).expanduser())
        raise CommandFailed(f"{entry}: no such command, or something is missing", "see .help")

    def _tables(self, word: str) -> str:
        table = screen.grid("table", "rows", "what it holds 内容", numbers=["rows"])
        for library, name, rows, comment in query.catalogue(self.connection):
            if word.lower() in f"{library}.{name} {comment}".lower():
                table.add_row(f"{library}.{name}", f"{rows:,}", comment.split(". ")[0])
        return _drawn(table)

    def _describe(self, name: str) -> str:
        library, _, table = name.replace('"', "").rpartition(".")
        library = library.split(".")[0]
        found = [
            (where, what, said) for where, what, _, said in query.catalogue(self.connection) if what == table and library in ("", where)
        ]
        if not found:
            raise CommandFailed(f"no table {name}", "see .tables")
        drawn = []
        for where, what, said in found:
            grid = screen.grid("column", "type", "meaning 含义", title=f"{where}.{what}  {said}")
            for column, kind, comment in query.columns_of(self.connection, where, what):
                grid.add_row(column, kind, comment)
            drawn.append(_drawn(grid))
        return "\n".join(drawn)

    def _macros(self) -> str:
        table = screen.grid("macro", "answers", "含义")
        known = {row[0] for row in self.connection.execute("SELECT function_name FROM duckdb_functions() WHERE NOT internal").fetchall()}
        for macro in macros():
            if macro.name in known:
                table.add_row(f"{macro.name}{macro.arguments}", macro.title, macro.title_zh)
        return _drawn(table)

    def _cookbook(self, word: str) -> str:
        found = [recipe for recipe in recipes() if word == str(recipe.number)]
        if found:
            return found[0].sql + "\n"
        table = screen.grid("no", "query", "查询", numbers=["no"])
        for recipe in recipes():
            if word.lower() in f"{recipe.title} {recipe.title_zh} {recipe.sql}".lower():
                table.add_row(str(recipe.number), recipe.title, recipe.title_zh)
        return _drawn(table)

    def _export(self, path: Path) -> str:
        if not self.last:
            raise CommandFailed("no query yet", "run one, then .export FILE")
        statement = query.statements(self.connection, self.last)[0]
        rows = query.export(query.run(self.connection, statement), path)
        return f"{rows:,} rows → {path}\n"


def _drawn(table: object) -> str:
    """A Rich table as text, as wide as the screen."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=shutil.get_terminal_size().columns, highlight=False, emoji=False).print(table)
    return text.getvalue()


def _completer(connection: duckdb.DuckDBPyConnection) -> Completer:
    words = {f"{library}.{table}" for library, table, _, _ in query.catalogue(connection)}
    words |= {row[0] for row in connection.execute("SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal").fetchall()}
    words |= {row[0] for row in connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()}
    words |= {macro.name for macro in macros()}
    words |= {".tables", ".describe", ".macros", ".cookbook", ".format", ".export", ".help", ".exit"}
    return ThreadedCompleter(WordCompleter(sorted(words), ignore_case=True, pattern=re.compile(r"[\w.\u4e00-\u9fff]+")))


def _history(path: Path | None) -> History:
    """A private file in the home; in memory where the home cannot be written (an analyst on a shared folder)."""
    if path is None or not os.access(path.parent, os.W_OK):
        return InMemoryHistory()
    path.touch(mode=0o600, exist_ok=True)
    return FileHistory(str(path))


def _page(text: str) -> None:
    """Print; through the pager where the text is longer than the screen."""
    if text.count("\n") < shutil.get_terminal_size().lines - 2:
        print(text, end="")  # noqa: T201
        return
    os.environ.setdefault("LESS", "-RSFX")
    import pydoc

    pydoc.pager(text)


def shell(connection: duckdb.DuckDBPyConnection, folder: Path, *, history: Path | None, form: str) -> None:
    """Talk until .exit or Ctrl-D. Ctrl-C drops the line, or ends a query that takes too long."""
    release = folder.parent.name if folder.name in ("internal", "public", "restricted") else folder.name
    tables = query.catalogue(connection)
    screen.say(f"govlake · release {release} · {folder.name} · {len(tables)} tables, read-only 只读 · .help .tables .exit")
    session: PromptSession[str] = PromptSession(
        history=_history(history), completer=_completer(connection), lexer=PygmentsLexer(SqlLexer), complete_while_typing=False
    )
    conversation = Shell(connection, form)
    pending = ""
    while conversation.open:
        try:
            line = session.prompt("   ...> " if pending else "govlake> ")
        except KeyboardInterrupt:
            pending = ""
            continue
        except EOFError:
            break
        pending = f"{pending}\n{line}" if pending else line
        if not (pending.lstrip().startswith(".") or pending.rstrip().endswith(";") or not pending.strip()):
            continue
        entry, pending = pending, ""
        try:
            _page(conversation.take(entry))
        except CommandFailed as error:
            screen.failure(error)
        except KeyboardInterrupt:
            connection.interrupt()
            screen.warn("stopped / 已中断")
