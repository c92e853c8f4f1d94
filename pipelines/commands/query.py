"""Reading a release with SQL, and nothing but reading it.

Belongs here: opening the libraries of one release read-only, deciding which statements are let in, writing results out.

What holds the door: the libraries are attached read-only; DuckDB's own parser says the type of each statement and only SELECT and
EXPLAIN of a SELECT pass (DESCRIBE, SHOW and SUMMARIZE are of type SELECT there); file system and network are switched off and the
settings locked after the libraries are attached; Python variables are no tables. What stays readable are the attached files.
"""

from __future__ import annotations

import csv
import decimal
import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import duckdb

from contracts.schema import quoted
from pipelines.commands.outcome import CommandFailed
from warehouse.macros import create

REMEDY = (
    "ask with SELECT, EXPLAIN, DESCRIBE or SHOW: a release is never changed, and files outside it are neither read nor written "
    "/ 只允许 SELECT、EXPLAIN、DESCRIBE、SHOW；发布不可修改，也不读写其外的文件"
)

_EXPLAIN = re.compile(r"^\s*EXPLAIN\s+(?:ANALYZE\b\s*)?(?:\([^()]*\)\s*)?", re.IGNORECASE)
FORMATS = ("table", "csv", "json")
FILE_FORMATS = (".csv", ".json", ".parquet", ".xlsx")
_BATCH = 20_000


class NotAllowed(CommandFailed):
    """A statement that is not for reading."""


@contextmanager
def reader(folder: Path, *, memory: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with every `*.duckdb` of the folder attached under its file name, as described above, and the usual questions as macros.

    Large sorts and joins spill to a temporary folder that goes with the connection.
    """
    with tempfile.TemporaryDirectory(prefix="govlake-sql-") as spill:
        settings: dict[str, Any] = {
            "temp_directory": spill,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_unsigned_extensions": False,
        }
        if memory:
            settings["memory_limit"] = memory
        connection = duckdb.connect(":memory:", config=settings)
        try:
            for path in sorted(folder.glob("*.duckdb")):
                try:
                    connection.execute(f'ATTACH {quoted(str(path.resolve()))} AS "{path.stem}" (READ_ONLY)')
                except duckdb.Error as error:
                    raise CommandFailed(
                        f"{path.name} cannot be opened: {first_line(error)}", "switch to another release, or run again"
                    ) from error
            create(connection)
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        finally:
            connection.close()


def statements(connection: duckdb.DuckDBPyConnection, text: str) -> list[duckdb.Statement]:
    """The statements of a text, each let in; NotAllowed names the first that is not, before any of them runs."""
    parsed = _parse(connection, text)
    for statement in parsed:
        _let_in(connection, statement)
    return parsed


def _parse(connection: duckdb.DuckDBPyConnection, text: str) -> list[duckdb.Statement]:
    try:
        return connection.extract_statements(text)
    except duckdb.Error as error:
        raise CommandFailed(f"SQL: {str(error).strip()}") from error


def _let_in(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    kind = _kind(statement)
    if kind == "SELECT":
        return
    if kind == "EXPLAIN":
        # EXPLAIN ANALYZE runs what it explains, and its type hides what that is.
        inner = _EXPLAIN.sub("", _without_comments(statement.query), count=1)
        explained = [_kind(one) for one in _parse(connection, inner)]
        if explained == ["SELECT"]:
            return
        kind = f"EXPLAIN of {explained[0]}" if explained else kind
    if kind == "MULTI":
        raise NotAllowed("PIVOT must name its values here", "write PIVOT … ON column IN ('a', 'b') USING …")
    raise NotAllowed(f"{kind} is not allowed here / 此处不允许", REMEDY)


def _kind(statement: duckdb.Statement) -> str:
    """The parser's name for a statement's type. DuckDB has types that its Python side cannot name, such as that of UPDATE EXTENSIONS."""
    try:
        return statement.type.name
    except ValueError:
        return "this statement"


def _without_comments(text: str) -> str:
    """The text without comments before and between its first words; literals further on are not touched."""
    comment = re.compile(r"^((?:\s|EXPLAIN\b|ANALYZE\b)*)(?:/\*.*?\*/|--[^\n]*(?:\n|$))", re.IGNORECASE | re.DOTALL)
    while match := comment.match(text):
        text = match[1] + " " + text[match.end() :]
    return text


def run(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> duckdb.DuckDBPyRelation:
    """The result of one statement that was let in; CommandFailed with DuckDB's own words where it fails."""
    try:
        return connection.query(statement)  # type: ignore[arg-type]  # the stub knows texts only
    except duckdb.Error as error:
        raise _failed(error) from error


def _failed(error: duckdb.Error) -> CommandFailed:
    text = str(error).strip()
    if "disabled by configuration" in text or "configuration has been locked" in text:
        return NotAllowed("files outside the release and settings are out of reach / 不能访问发布以外的文件或更改设置", REMEDY)
    remedy = "see `.tables` in the shell, or SHOW ALL TABLES" if isinstance(error, duckdb.CatalogException) else ""
    return CommandFailed(f"SQL: {text}", remedy)


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def write(relation: duckdb.DuckDBPyRelation, form: str, target: TextIO, *, width: int | None = None, rows: int = 200) -> int:
    """Write a result as a table for the eye (at most `rows` rows), CSV or JSON (all rows, one object a line inside an array).

    Gives the number of rows written, which a table for the eye does not count (0).
    """
    try:
        return {"table": _table, "csv": _csv, "json": _json}[form](relation, target, width, rows)
    except duckdb.Error as error:
        raise _failed(error) from error


def _table(relation: duckdb.DuckDBPyRelation, target: TextIO, width: int | None, rows: int) -> int:
    if relation.columns == ["explain_key", "explain_value"]:
        for _, plan in relation.fetchall():
            target.write(plan.rstrip() + "\n")
        return 0
    shown = io.StringIO()
    with redirect_stdout(shown):
        relation.show(max_width=width, max_rows=rows)
    target.write(shown.getvalue().rstrip("\n") + "\n")
    return 0


def _csv(relation: duckdb.DuckDBPyRelation, target: TextIO, width: int | None, rows: int) -> int:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(relation.columns)
    written = 0
    for batch in _batches(relation):
        writer.writerows(batch)
        written += len(batch)
    return written


def _json(relation: duckdb.DuckDBPyRelation, target: TextIO, width: int | None, rows: int) -> int:
    columns = relation.columns
    written = 0
    target.write("[")
    before = "\n"
    for batch in _batches(relation):
        for row in batch:
            target.write(before + json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=_plain))
            before = ",\n"
        written += len(batch)
    target.write("\n]\n" if before != "\n" else "]\n")
    return written


def _batches(relation: duckdb.DuckDBPyRelation) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in batches, so that a result larger than memory can be written."""
    for batch in relation.to_arrow_reader(_BATCH):
        yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _plain(value: object) -> object:
    if isinstance(value, decimal.Decimal):
        near = float(value)
        return int(value) if value == int(value) else near if decimal.Decimal(repr(near)) == value else str(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def export(relation: duckdb.DuckDBPyRelation, path: Path) -> int:
    """Write a result to a file by its ending (.csv with a mark that Excel reads as UTF-8, .json, .parquet, .xlsx); gives the rows.

    The file appears whole or not at all. Text stays text in Excel: nothing becomes a formula or a link.
    """
    kind = path.suffix.lower()
    if kind not in FILE_FORMATS:
        raise CommandFailed(
            f"{path.name}: a result is written as {', '.join(FILE_FORMATS)}",
            "choose one of these endings",
        )
    aside = path.with_name(f".{path.name}.part{kind}")
    try:
        if kind in (".csv", ".json"):
            with aside.open("w", encoding="utf-8-sig" if kind == ".csv" else "utf-8", newline="") as target:
                rows = write(relation, kind[1:], target)
        else:
            table = relation.to_arrow_table()
            rows = table.num_rows
            _parquet(table, aside) if kind == ".parquet" else _excel(table, aside)
        aside.replace(path)
    except duckdb.Error as error:
        raise _failed(error) from error
    finally:
        aside.unlink(missing_ok=True)
    return rows


def _parquet(table: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def _excel(table: Any, path: Path) -> None:
    import polars as pl
    import xlsxwriter

    if table.num_rows > 1_048_575:
        raise CommandFailed(f"{table.num_rows:,} rows do not fit into an Excel sheet (1,048,575)", "write .csv or .parquet")
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as book:
        frame.write_excel(book, worksheet="result", autofit=True, freeze_panes=(1, 0))


def catalogue(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int, str]]:
    """Every table of the release: library, table, estimated rows (exact for tables that were only written once), comment."""
    return connection.execute(
        """
        SELECT database_name, table_name, estimated_size, coalesce(comment, '')
        FROM duckdb_tables() WHERE NOT internal AND database_name NOT IN ('system', 'temp', 'memory')
        ORDER BY database_name, table_name
        """
    ).fetchall()


def columns_of(connection: duckdb.DuckDBPyConnection, library: str, table: str) -> list[tuple[str, str, str]]:
    """Name, type and comment of a table's columns, in order."""
    return connection.execute(
        """
        SELECT column_name, data_type, coalesce(comment, '') FROM duckdb_columns()
        WHERE database_name = ? AND table_name = ? ORDER BY column_index
        """,
        [library, table],
    ).fetchall()


def sql(folder: Path, text: str | None, *, form: str, output: Path | None, rows: int, history: Path | None) -> None:
    """The `govlake sql` command over one folder of libraries: a text, standard input where it is a pipe, else the shell."""
    with reader(folder) as connection:
        if text is None and sys.stdin.isatty():
            from pipelines.commands.shell import shell

            shell(connection, folder, history=history, form=form)
            return
        found = statements(connection, text if text is not None else sys.stdin.read())
        if not found:
            raise CommandFailed("no SQL given", "write a query, or nothing for the shell")
        for statement in found[:-1] if output else found:
            write(run(connection, statement), form, sys.stdout, width=_width(), rows=rows)
        if output:
            made = export(run(connection, found[-1]), output)
            sys.stderr.write(f"{made:,} rows → {output} / 已写出 {made:,} 行\n")


def _width() -> int | None:
    """The terminal's width; wide where there is none, so that a pipe loses no column."""
    import shutil

    return shutil.get_terminal_size((10_000, 50)).columns if sys.stdout.isatty() else 10_000
