"""Changes: what was inserted, updated and deleted between two states of a table, and the receiver's way back to the whole table.

Belongs here: the comparison by key, and `apply`. Not here: who gets it (`shares`).

A changes file has the column `_change` (insert, update, delete) before the table's columns. insert and update carry the whole row as it is
now, delete the key alone; a key stands in it once. A full file and all changes since, applied in order, give the newest full file byte
for byte: rows are ordered by key in both, and both are written by `forms.write`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from contracts.model import Column
from contracts.schema import duckdb_type
from publishing import forms, signing

CHANGE = Column(
    name="change",
    title="Change",
    title_zh="变更",
    required=True,
    codes={"insert": ("inserted", "新增"), "update": ("updated", "更新"), "delete": ("deleted, key only", "删除，仅主键")},
).model_copy(update={"name": "_change"})
"""No column of a contract begins with an underscore, so it meets none."""


class DoesNotFit(ValueError):
    """Changes were applied to a state that they do not follow; says which."""


def named(columns: Sequence[str], prefix: str = "") -> str:
    """Column names as a SQL list."""
    return ", ".join(f'{prefix}"{name}"' for name in columns)


def order_by(columns: Sequence[str], keys: Sequence[str]) -> str:
    """The order of a delivery: by its key, by everything where the key is not part of it."""
    return f" ORDER BY {named(keys if keys and set(keys) <= set(columns) else columns)}"


@dataclass(frozen=True)
class State:
    """A table at one moment, on a connection: `table` is a stored table, `condition` says which of its rows count."""

    table: str
    condition: str | None = None

    @property
    def where(self) -> str:
        return f" WHERE {self.condition}" if self.condition else ""


def compare(
    connection: duckdb.DuckDBPyConnection, before: State, after: State, columns: Sequence[str], keys: Sequence[str], into: str
) -> None:
    """Make the table `into` (`_change` and the columns, in no order) from two states of a table; `keys` are unique in each.

    Only hashes of all rows are compared, by key hash and row hash of 64 bits each; rows are fetched and compared by value where these
    differ. That an update goes unseen would take two versions of one row with the same hash: one in 2^64 a changed row.
    """
    for name, state in (("hashed_before", before), ("hashed_after", after)):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT rowid AS place, hash({named(keys)}) AS k, hash({named(columns)}) AS h FROM {state.table}{state.where}"
        )
    for name, state, one, other in (
        ("rows_before", before, "hashed_before", "hashed_after"),
        ("rows_after", after, "hashed_after", "hashed_before"),
    ):
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {name} AS SELECT {named(columns)} FROM {state.table}
            WHERE rowid IN (SELECT place FROM {one} ANTI JOIN {other} USING (k, h))"""
        )
    same_key = " AND ".join(f'b."{key}" IS NOT DISTINCT FROM a."{key}"' for key in keys)
    deleted = ", ".join(f'b."{name}"' if name in keys else f'NULL AS "{name}"' for name in columns)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {into} AS
        SELECT 'insert' AS "{CHANGE.name}", {named(columns, "a.")} FROM rows_after AS a ANTI JOIN rows_before AS b ON {same_key}
        UNION ALL
        SELECT 'update', {named(columns, "a.")} FROM rows_after AS a JOIN rows_before AS b ON {same_key}
        UNION ALL
        SELECT 'delete', {deleted} FROM rows_before AS b ANTI JOIN rows_after AS a ON {same_key}"""
    )


def apply(base: Path, changes: Sequence[Path], output: Path, trusted: Sequence[bytes]) -> dict[str, Any]:
    """Write the newest full file from a full delivery and the changes that follow it; gives {rows, sha256, release, sequence}.

    Folders are verified first (`signing.verify` with the trusted keys). DoesNotFit where they are no unbroken line of one share or a
    change meets a row that it cannot be for; then nothing is written.
    """
    said, _ = signing.verify(base, trusted)
    if said["kind"] != "full":
        raise DoesNotFit(f"{base}: holds changes; remedy: begin with the folder of a full delivery (`kind` in its manifest)")
    columns = tuple(Column.model_validate(column) for column in said["columns"])
    names, keys = [column.name for column in columns], list(said["keys"])
    with duckdb.connect() as connection:
        _create(connection, "state", columns)
        connection.register("delivered", forms.read(base / said["data"], columns, said["form"]))
        connection.execute("INSERT INTO state SELECT * FROM delivered")
        last = base
        for folder in changes:
            now, _ = signing.verify(folder, trusted)
            _follows(folder, now, last, said)
            _change(connection, folder, now, columns, keys)
            last, said = folder, now
        rows = int(connection.execute("SELECT count(*) FROM state").fetchall()[0][0])
        if rows != said["rows_after"]:
            raise DoesNotFit(f"{last}: gives {rows} rows where {said['rows_after']} should stand; remedy: begin with a new full delivery")
        aside = output.with_name(f".{output.name}.part")
        try:
            query = f"SELECT {named(names)} FROM state{order_by(names, keys)}"
            forms.write(connection, query, columns, said["form"], aside, said["about"])
            os.replace(aside, output)
        finally:
            aside.unlink(missing_ok=True)
    return {"rows": rows, "sha256": signing.checksum(output), "release": said["release"], "sequence": said["sequence"]}


def _create(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[Column]) -> None:
    listed = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({listed})")


def _follows(folder: Path, now: dict[str, Any] | Any, last: Path, said: Any) -> None:
    if now["kind"] != "changes":
        raise DoesNotFit(f"{folder}: is a full delivery; remedy: begin with it and leave out what came before")
    if now["follows"]["manifest_sha256"] != signing.checksum(last / signing.MANIFEST):
        raise DoesNotFit(
            f"{folder}: follows delivery {now['follows']['sequence']} of {now['subscriber']}/{now['share']}, not delivery {said['sequence']} "
            f"({last.name}); remedy: name all deliveries since the full one, in order"
        )


def _change(connection: duckdb.DuckDBPyConnection, folder: Path, now: Any, columns: Sequence[Column], keys: Sequence[str]) -> None:
    _create(connection, "change", (CHANGE, *columns))
    connection.register("delivered", forms.read(folder / now["data"], (CHANGE, *columns), now["form"]))
    connection.execute("INSERT INTO change SELECT * FROM delivered")
    same_key = " AND ".join(f's."{key}" IS NOT DISTINCT FROM c."{key}"' for key in keys)
    wrong = connection.execute(
        f"""SELECT count(*) FROM change AS c
        WHERE (c."{CHANGE.name}" = 'insert') = EXISTS (SELECT 1 FROM state AS s WHERE {same_key})"""
    ).fetchall()[0][0]
    if wrong:
        raise DoesNotFit(f"{folder}: {wrong} changes do not fit the rows they are for; remedy: begin with a new full delivery")
    connection.execute(f"DELETE FROM state AS s USING change AS c WHERE {same_key}")
    names = named([column.name for column in columns])
    connection.execute(f"""INSERT INTO state SELECT {names} FROM change WHERE "{CHANGE.name}" <> 'delete'""")
