"""Whether what was built is what the contracts promise: every library, table, column, type, key and comment, Parquet file and lake table, both ways.

Belongs here: reading built files back and saying each difference. Not here: models before they are built (`library.bind_all`), who may see what
(`audience.gate`), rules over rows (`quality.checks`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import yaml

from contracts.model import Audience, Feed, Table
from contracts.odcs import odcs
from contracts.schema import arrow_schema, duckdb_type, quoted
from warehouse.audience import RELEASE_TABLE, for_audience
from warehouse.lake import Lake


def release_differences(release: Path, tables: Mapping[str, Table], audiences: Iterable[Audience]) -> list[str]:
    """What differs between a built release and the contracts; [] where nothing does. Each text names the file, the table and the column."""
    found: list[str] = []
    for audience in audiences:
        promised = {name: for_audience(table, audience) for name, table in tables.items() if audience in table.audiences}
        found += _libraries(release / audience, audience, promised)
        found += _files(release / audience / "subjects", audience, promised)
    return [*found, *_contracts(release / "contracts", tables)]


def _libraries(folder: Path, audience: str, promised: Mapping[str, Table]) -> Iterator[str]:
    built: set[str] = set()
    for path in sorted(folder.glob("*.duckdb")):
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {quoted(str(path))} AS built (READ_ONLY)")
            comments = dict(
                connection.execute(
                    "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'built' AND NOT internal"
                ).fetchall()
            )
            listed = connection.execute(
                "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() "
                "WHERE database_name = 'built' AND NOT internal ORDER BY table_name, column_index"
            ).fetchall()
            for short, comment in sorted(comments.items()):
                name = f"{path.stem}.{short}"
                if short == RELEASE_TABLE:
                    continue
                built.add(name)
                if name not in promised:
                    yield f"{audience}: table {name} is built and in no contract of this audience"
                    continue
                table = promised[name]
                if comment != table.comment:
                    yield f"{audience}: {name}: the table's comment is not its contract's"
                yield from _columns(f"{audience}: {name}", table, [row[1:] for row in listed if row[0] == short], audience)
                yield from _keys(f"{audience}: {name}", table, connection, f"built.{short}")
    for name in sorted(promised.keys() - built):
        yield f"{audience}: table {name} is promised and not built"


def _columns(where: str, table: Table, built: list[tuple[str, str, bool, str | None]], audience: str) -> Iterator[str]:
    names = [name for name, *_ in built]
    declared = [column.name for column in table.columns]
    if names != declared and sorted(names) == sorted(declared):
        yield f"{where}: columns stand in another order than in the contract"
    for name in names:
        if name not in declared:
            yield f"{where}.{name}: is built and in no contract"
    for column in table.columns:
        if column.name not in names:
            yield f"{where}.{column.name}: is promised and not built"
            continue
        _, kind, nullable, comment = built[names.index(column.name)]
        if kind != duckdb_type(column):
            yield f"{where}.{column.name}: is {kind}, the contract says {duckdb_type(column)}"
        if comment != column.comment:
            yield f"{where}.{column.name}: the comment is not the contract's"
        # Small groups are suppressed in public tables, so what is required there may still be null.
        suppressed = audience == "public" and table.small_groups and column.name not in table.keys
        if nullable == column.required and not suppressed:
            yield f"{where}.{column.name}: may{'' if nullable else ' not'} be null, the contract says otherwise"


def _keys(where: str, table: Table, connection: duckdb.DuckDBPyConnection, source: str) -> Iterator[str]:
    shown = {column.name for column in table.columns}
    if not table.keys or not shown.issuperset(table.keys):
        return
    listed = ", ".join(f'"{key}"' for key in table.keys)
    try:
        rows, told_apart = connection.execute(
            f"SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT {listed} FROM {source}) AS told_apart) FROM {source}"
        ).fetchall()[0]
    except duckdb.BinderException:
        yield f"{where}: the key {', '.join(table.keys)} is not built"
        return
    if rows != told_apart:
        yield f"{where}: {rows - told_apart} rows share a key ({', '.join(table.keys)}) with another"


def _files(folder: Path, audience: str, promised: Mapping[str, Table]) -> Iterator[str]:
    subjects = {table.name: table for table in promised.values() if table.theme == "subject"}
    built = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    for name in sorted(built.keys() - subjects.keys()):
        yield f"{audience}: subjects/{name}.parquet is built and in no contract of this audience"
    for name, table in sorted(subjects.items()):
        if name not in built:
            yield f"{audience}: subjects/{name}.parquet is promised and not built"
            continue
        schema, wanted = pq.read_schema(built[name]), arrow_schema(table.columns)
        if schema.names != wanted.names:
            differing = sorted(set(schema.names) ^ set(wanted.names)) or ["their order"]
            yield f"{audience}: subjects/{name}.parquet: columns differ from the contract: {', '.join(differing)}"
            continue
        for field in wanted:
            if schema.field(field.name).type != field.type:
                yield f"{audience}: subjects/{name}.parquet.{field.name}: is {schema.field(field.name).type}, the contract says {field.type}"


def _contracts(folder: Path, tables: Mapping[str, Table]) -> Iterator[str]:
    """The contracts that ship with the release, ours and the standard's form."""
    shipped = {f"{path.parent.name}.{path.stem}": path for path in sorted(folder.glob("*/*.json")) if path.parent.name != "feed"}
    for name in sorted(shipped.keys() ^ tables.keys()):
        yield f"contracts: {name} is {'shipped and unknown' if name in shipped else 'not shipped'}"
    for name in sorted(shipped.keys() & tables.keys()):
        if Table.model_validate(json.loads(shipped[name].read_text(encoding="utf-8"))) != tables[name]:
            yield f"contracts: {name}: the shipped contract is another one"
        standard = shipped[name].with_suffix("").with_suffix(".odcs.yaml")
        if not standard.is_file():
            yield f"contracts: {name}: the ODCS form is not shipped"
        elif yaml.load(standard.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) != odcs(tables[name]):
            yield f"contracts: {name}: the shipped ODCS form is another one"


def lake_differences(lake: Lake, feeds: Mapping[str, Feed]) -> list[str]:
    """What differs between the clean tables of the lake and the feeds' contracts (with the district's additions); [] where nothing does."""
    found = []
    for name in lake.names():
        layer, _, feed = name.partition("/")
        if layer != "clean":
            continue
        if feed not in feeds:
            found.append(f"lake: {name} is of no feed")
            continue
        built, wanted = lake.schema(name), arrow_schema(feeds[feed].clean_columns)
        for column in dict.fromkeys([*wanted.names, *built.names]):
            if column not in built.names:
                found.append(f"lake: {name}.{column}: is promised and not built")
            elif column not in wanted.names:
                found.append(f"lake: {name}.{column}: is built and in no contract")
            elif built.field(column).type != wanted.field(column).type:
                found.append(f"lake: {name}.{column}: is {built.field(column).type}, the contract says {wanted.field(column).type}")
        if built.names != wanted.names and sorted(built.names) == sorted(wanted.names):
            found.append(f"lake: {name}: columns stand in another order than in the contract")
    return found
