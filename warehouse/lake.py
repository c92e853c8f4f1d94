"""The lake: Delta tables that change, each write one commit.

Belongs here: reading and writing Delta tables, and the one expression by which DuckDB reads them. Not here: what a table holds, and
anything published (`release`): readers never read the lake.

A table's name is its path below the root, e.g. `clean/ticket`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import duckdb
import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, WriterProperties, write_deltalake

from contracts.schema import quoted

Data: TypeAlias = "pa.Table | pa.RecordBatchReader"

_WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=122_880)
_HOOKS = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
_MAINTENANCE = ("OPTIMIZE", "VACUUM")
SMALL_FILES = 64
"""A table that has collected this many files below `SMALL_FILE_BYTES` is worth compacting (`compact(only_if_needed=True)`)."""
SMALL_FILE_BYTES = 16 * 1024 * 1024


class LakeError(RuntimeError):
    """A table that is not there, or cannot be read."""


class Lake:
    """All tables below one folder. Only one process writes at a time (the home's lock); readers see whole commits."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).absolute()
        # Delta's reader takes these for parts of an address, DuckDB for a pattern.
        wrong = sorted(set("[]%*#?") & set(str(self.root)))
        if wrong:
            raise LakeError(f"{self.root}: the lake cannot lie in a folder with {' '.join(wrong)} in its path; remedy: choose another home")

    def path(self, name: str) -> Path:
        """The table's folder."""
        return self.root / name

    def exists(self, name: str) -> bool:
        """Whether the table has been written at least once."""
        return (self.path(name) / "_delta_log").is_dir() and DeltaTable.is_deltatable(str(self.path(name)))

    def names(self) -> list[str]:
        """All tables, sorted."""
        logs = (path.parent for path in self.root.glob("**/_delta_log"))
        return sorted(path.relative_to(self.root).as_posix() for path in logs)

    def open(self, name: str, version: int | None = None) -> DeltaTable:
        """The Delta table (at a version); LakeError where there is none."""
        if not self.exists(name):
            raise LakeError(f"the lake has no table {name}; remedy: run the stage that writes it")
        return DeltaTable(str(self.path(name)), version=version)

    def version(self, name: str) -> int:
        """The Delta version; -1 for a table that does not exist."""
        return self.open(name).version() if self.exists(name) else -1

    def data_version(self, name: str) -> int:
        """The last Delta version that changed rows: compaction and vacuum leave it as it was; -1 for a table that does not exist."""
        if not self.exists(name):
            return -1
        table = self.open(name)
        for entry in table.history(50):
            if not str(entry.get("operation", "")).upper().startswith(_MAINTENANCE):
                return int(entry["version"])
        return table.version()

    def schema(self, name: str) -> pa.Schema:
        """The table's Arrow schema."""
        return _arrow_schema(self.open(name))

    def files(self, name: str) -> list[str]:
        """The Parquet files of the table as it stands now, sorted.

        Taken from the log's own paths: `DeltaTable.file_uris` (and so Polars' scan_delta) percent-encodes folders with blanks or Chinese
        characters, and then nobody finds the files.
        """
        listed = pa.table(self.open(name).get_add_actions())["path"].to_pylist()
        return sorted(str(self.path(name) / unquote(file)) for file in listed)

    # Writing

    def write(self, name: str, data: Data, *, replace: dict[str, str] | None = None, merge_schema: bool = False) -> None:
        """Overwrite the table; with `replace={column: value}` only the rows of that value, in one commit."""
        if replace:
            (column, value), *more = replace.items()
            if more:
                raise ValueError("replace takes one column")
            self.replace(name, data, column=column, values=[value], merge_schema=merge_schema)
            return
        mode = "merge" if merge_schema else "overwrite"
        self._commit(name, data, mode="overwrite", schema_mode=mode)

    def append(self, name: str, data: Data, *, merge_schema: bool = False) -> None:
        """Add rows in one commit; `merge_schema` lets new columns in."""
        self._commit(name, data, mode="append", schema_mode="merge" if merge_schema else None)

    def replace(
        self,
        name: str,
        data: Data | None,
        *,
        column: str,
        values: Sequence[str],
        merge_schema: bool = False,
        schema: pa.Schema | None = None,
    ) -> None:
        """Put `data` in the place of all rows whose `column` is one of `values`, in one commit; with None they are only taken out.

        Idempotent: the same call again leaves the same rows. Values that the table does not hold yet cost an append alone, however many
        files the table has. `schema`: written with this one; a table that does not exist yet is made with it even if there are no rows.
        """
        if schema is not None:
            data = schema.empty_table() if data is None else _as(data, schema)
        if not self.exists(name):
            if data is not None:
                self._commit(name, data, mode="overwrite", schema_mode=None)
            return
        held = self._held(name, column, values)
        if not held:
            if data is not None and not (isinstance(data, pa.Table) and data.num_rows == 0 and not merge_schema):
                self.append(name, data, merge_schema=merge_schema or schema is not None)
            return
        predicate = f"{column} IN ({', '.join(quoted(value) for value in held)})"
        if data is None or (isinstance(data, pa.Table) and data.num_rows == 0):
            self.open(name).delete(predicate, writer_properties=_WRITER, post_commithook_properties=_HOOKS)
        elif set(held) == set(values):
            self._commit(
                name, data, mode="overwrite", schema_mode="merge" if merge_schema or schema is not None else None, predicate=predicate
            )
        else:
            wide = f"{column} IN ({', '.join(quoted(value) for value in dict.fromkeys(values))})"
            self._commit(name, data, mode="overwrite", schema_mode="merge" if merge_schema or schema is not None else None, predicate=wide)

    def _held(self, name: str, column: str, values: Sequence[str]) -> list[str]:
        if not values or column not in self.schema(name).names:
            return []
        wanted = ", ".join(quoted(value) for value in dict.fromkeys(values))
        with duckdb.connect() as connection:
            rows = connection.execute(
                f'SELECT DISTINCT "{column}" FROM {self.relation(name)} WHERE "{column}" IN ({wanted}) ORDER BY 1'
            ).fetchall()
        return [row[0] for row in rows]

    def _commit(self, name: str, data: Data, *, mode: Any, schema_mode: Any, predicate: str | None = None) -> None:
        path = self.path(name)
        path.mkdir(parents=True, exist_ok=True)
        write_deltalake(
            str(path),
            _storable(data),
            mode=mode,
            schema_mode=schema_mode,
            predicate=predicate,
            writer_properties=_WRITER,
            commit_properties=CommitProperties(max_commit_retries=0),
            post_commithook_properties=_HOOKS,
        )

    # Reading

    def relation(self, name: str, schema: pa.Schema | None = None) -> str:
        """A DuckDB table expression for the table as it stands now.

        An existing table without rows, and an absent one where `schema` is given, become an empty relation with the right columns.
        """
        if self.exists(name):
            files = self.files(name)
            if files:
                listed = ", ".join(quoted(file) for file in files)
                return f"read_parquet([{listed}], union_by_name=true, hive_partitioning=true, hive_types_autocast=false)"
            schema = schema or self.schema(name)
        if schema is None:
            raise LakeError(f"the lake has no table {name}; remedy: run the stage that writes it")
        return empty_relation(schema)

    def arrow(self, name: str, columns: Sequence[str] | None = None, filter: str | None = None) -> pa.Table:
        """The table (some columns, rows where a DuckDB condition holds) as Arrow; row order is not promised."""
        listed = ", ".join(f'"{column}"' for column in columns) if columns else "*"
        where = f" WHERE {filter}" if filter else ""
        with duckdb.connect() as connection:
            return connection.sql(f"SELECT {listed} FROM {self.relation(name)}{where}").to_arrow_table()

    def rows(self, name: str, *, column: str, values: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows whose `column` is one of `values`, as Arrow; an absent table has none and is an error only if its shape is asked."""
        wanted = ", ".join(quoted(value) for value in dict.fromkeys(values)) or "NULL"
        return self.arrow(name, columns, f'"{column}" IN ({wanted})')

    def scan(self, name: str) -> pl.LazyFrame:
        """The table as a Polars lazy frame."""
        files, schema = self.files(name), self.schema(name)
        empty = pl.DataFrame(pl.from_arrow(schema.empty_table()))
        if not files:
            return empty.lazy()
        return pl.scan_parquet(files, schema=empty.schema, missing_columns="insert", extra_columns="ignore")

    def count(self, name: str) -> int:
        """Rows, from the table's log alone; 0 where it does not exist."""
        return int(self.open(name).count()) if self.exists(name) else 0

    # Care

    def compact(self, name: str, *, only_if_needed: bool = False) -> dict[str, Any]:
        """Join small files; gives Delta's metrics, or {} where nothing was needed."""
        table = self.open(name)
        if only_if_needed:
            sizes = pa.table(table.get_add_actions(flatten=True))["size_bytes"].to_pylist()
            if sum(size < SMALL_FILE_BYTES for size in sizes) < SMALL_FILES:
                return {}
        return table.optimize.compact(writer_properties=_WRITER, post_commithook_properties=_HOOKS)

    def vacuum(self, name: str, days: int) -> int:
        """Delete files that no version younger than `days` needs, and expired log entries; gives the number of files deleted."""
        table = self.open(name)
        deleted = table.vacuum(retention_hours=days * 24, dry_run=False, enforce_retention_duration=False)
        table.create_checkpoint()
        return len(deleted)

    def as_of_version(self, name: str, moment: dt.datetime) -> pa.Table:
        """The table as it stood at a moment, while its versions are kept."""
        table = self.open(name)
        table.load_as_version(moment)
        return table.to_pyarrow_table()


def empty_relation(schema: pa.Schema) -> str:
    """A DuckDB table expression without rows and with the schema's columns."""
    columns = ", ".join(f'CAST(NULL AS {_duckdb_type(field.type)}) AS "{field.name}"' for field in schema)
    return f"(SELECT {columns} WHERE FALSE)"


def _duckdb_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP"
    for test, name in (
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_int64, "BIGINT"),
        (pa.types.is_int32, "INTEGER"),
        (pa.types.is_int16, "SMALLINT"),
        (pa.types.is_int8, "TINYINT"),
        (pa.types.is_unsigned_integer, "UBIGINT"),
        (pa.types.is_float64, "DOUBLE"),
        (pa.types.is_float32, "FLOAT"),
        (pa.types.is_binary, "BLOB"),
        (pa.types.is_large_binary, "BLOB"),
    ):
        if test(kind):
            return name
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{_duckdb_type(kind.value_type)}[]"
    return "VARCHAR"


def _arrow_schema(table: DeltaTable) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def _as(data: Data, schema: pa.Schema) -> Data:
    if isinstance(data, pa.Table):
        return data.select(schema.names).cast(schema)
    return pa.RecordBatchReader.from_batches(schema, (batch.select(schema.names).cast(schema) for batch in data))


def _storable(data: Data) -> Data:
    """Delta knows neither Arrow's null type nor dictionaries: an all-null column is text without values."""
    fields = [pa.field(field.name, _storable_type(field.type)) for field in data.schema]
    schema = pa.schema(fields)
    if schema.equals(data.schema.remove_metadata()):
        return data
    if isinstance(data, pa.Table):
        return data.cast(schema)
    return pa.RecordBatchReader.from_batches(schema, _cast_batches(data, schema))


def _cast_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterable[pa.RecordBatch]:
    for batch in batches:
        yield batch.cast(schema)


def _storable_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_dictionary(kind):
        return _storable_type(kind.value_type)
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return pa.timestamp("us")
    return kind
