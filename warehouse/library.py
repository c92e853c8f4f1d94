"""The libraries: every table built into one DuckDB file a theme, by one writer, in the order that the models' inputs give.

Belongs here: the relations that models read, running models and steps, taking over unchanged tables, content hashes. Not here: what is
published to whom (`release`), what a table means (SQL files, `governance`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

import contracts
from contracts.district import District, contract_of
from contracts.model import THEMES, Column, Feed, Table
from contracts.schema import arrow_schema, comments, create_table, duckdb_type, quoted
from contracts.settings_file import load_setting
from contracts.step import PythonStep, StepContext
from warehouse import model as modelling
from warehouse.audience import terms
from warehouse.lake import Lake, empty_relation
from warehouse.model import Model, ModelError

STORAGE_VERSION = "v1.0.0"
"""The oldest storage that DuckDB writes: files open in 1.1 and later; the default of 2.0 opens in no older version."""

FEED_SCHEMAS = ("clean", "latest", "restricted")

_NODE = "address_key level chain name path parent_key district_key street_key community_key neighbourhood_key road_key lane_key number_key building_key district street community neighbourhood register_code lng:DECIMAL(10,6) lat:DECIMAL(9,6) valid_from:DATE valid_to:DATE status"
_LINK = "feed record_key delivery source_row:BIGINT address_key level outcome method district_key street_key community_key neighbourhood_key district street community neighbourhood score:DOUBLE margin:DOUBLE reason_code"
_DELIVERIES = "delivery feed date day:DATE file sha256 bytes:BIGINT version:BIGINT status same_as rows_read:BIGINT rows_malformed:BIGINT rows_accepted:BIGINT rows_refused:BIGINT rows_repeated:BIGINT certificate mapping_fingerprint read_as"


def _shape(text: str) -> dict[str, str]:
    return {name: kind or "VARCHAR" for name, _, kind in (part.partition(":") for part in text.split())}


RELATIONS: dict[str, dict[str, str]] = {
    "addresses.base": _shape(_NODE),
    "addresses.aliases": _shape("address_key alias kind"),
    "addresses.passports": _shape("address_key version:DATE event former_path successor_key detail"),
    "addresses.published_keys": _shape("address_key path level first_version:DATE"),
    "addresses.link": _shape(_LINK),
    "ledger.deliveries": _shape(_DELIVERIES),
    "ledger.value_notes": _shape("delivery field rule rows:BIGINT first_row:BIGINT message message_zh"),
    modelling.CLOCK: _shape("as_of:TIMESTAMP as_of_date:DATE"),
}
"""Columns and types of the relations that come neither from a feed's contract nor from a district setting."""


def relation_schema(feeds: Mapping[str, Feed] | None = None) -> dict[str, dict[str, str]]:
    """Columns and DuckDB types of every relation that models may read besides tables."""
    shapes = dict(RELATIONS)
    for name, feed in (contracts.feeds() if feeds is None else feeds).items():
        visible = {column.name: duckdb_type(column) for column in feed.open_columns}
        shapes |= {f"clean.{name}": visible, f"latest.{name}": visible}
        shapes[f"restricted.{name}"] = {column.name: duckdb_type(column) for column in feed.clean_columns}
    for name, setting in contracts.settings().items():
        shapes[f"district.{name}"] = {column.name: duckdb_type(column) for column in setting.columns}
    return shapes


# Where the relations' rows come from


@dataclass(frozen=True)
class Sources:
    """What a release is built from: the lake as it stands, the district's settings, and the as-of moment."""

    lake: Lake
    district: District
    as_of: dt.datetime

    @cached_property
    def feeds(self) -> dict[str, Feed]:
        return {name: contract_of(self.district, name) for name in contracts.feeds()}

    @cached_property
    def deliveries(self) -> list[dict[str, object]]:
        """The ledger's row of each delivery's latest version up to the as-of date: feed, delivery, day, status, same_as."""
        with duckdb.connect() as connection:
            relation = _ledger(self, "delivery, feed, day, status, same_as, version")
            rows = connection.sql(
                f"SELECT * FROM {relation} WHERE day <= {_date(self.as_of)} QUALIFY version = max(version) OVER (PARTITION BY delivery) ORDER BY feed, day, delivery"
            )
            return [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]

    @cached_property
    def district_fingerprint(self) -> str:
        """Over every file of the district's folder and of those that it is based on."""
        files = [
            (number, path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
            for number, folder in enumerate(self.district.folders)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
        return modelling.digest(files)

    def joining(self, feed: str) -> list[str]:
        """The feeds whose rows are read with those of `feed`."""
        return [name for name, contract in self.feeds.items() if contract.joins == feed]

    def shown(self, feed: str) -> list[str] | None:
        """For a snapshot: the deliveries whose rows are the register as of the as-of date; None where every delivery counts.

        A delivery that only repeats an earlier one's bytes shows the earlier one's rows.
        """
        if self.feeds[feed].mode != "snapshot":
            return None
        seen = [row for row in self.deliveries if row["feed"] == feed and row["status"] in ("accepted", "unchanged")]
        if not seen:
            return []
        last = max(row["day"] for row in seen)  # type: ignore[type-var]
        return sorted({str(row["same_as"] or row["delivery"]) for row in seen if row["day"] == last})


def default_as_of(lake: Lake) -> dt.datetime | None:
    """The end of the latest delivery date in the ledger; None where nothing was delivered yet."""
    if not lake.exists("ledger/deliveries"):
        return None
    with duckdb.connect() as connection:
        day = connection.execute(f"SELECT max(day) FROM {lake.relation('ledger/deliveries')}").fetchall()[0][0]
    return dt.datetime.combine(day, dt.time(23, 59, 59)) if day else None


def _date(moment: dt.datetime) -> str:
    return f"DATE '{moment.date().isoformat()}'"


def _columns(lake: Lake, name: str, wanted: Mapping[str, str]) -> str:
    """A select list that gives the wanted columns and types from a lake table which may lack some or hold others."""
    held = set(lake.schema(name).names) if lake.exists(name) else set()
    return ", ".join(
        f'CAST("{column}" AS {kind}) AS "{column}"' if column in held else f'CAST(NULL AS {kind}) AS "{column}"'
        for column, kind in wanted.items()
    )


def _stored(lake: Lake, name: str, wanted: Mapping[str, str]) -> str:
    if not lake.exists(name):
        listed = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in wanted.items())
        return f"(SELECT {listed} WHERE FALSE)"
    return f"(SELECT {_columns(lake, name, wanted)} FROM {lake.relation(name)})"


def _ledger(sources: Sources, columns: str = "*") -> str:
    """The ledger's deliveries, one row per delivery and version; a version that a later one took the place of is `replaced`.

    A version is another content: the same bytes taken in again (redone, or turned into a repeat by a late arrival) are one version, so that
    what is released does not depend on the order of arrival.
    """
    lake, name = sources.lake, "ledger/deliveries"
    shape = RELATIONS["ledger.deliveries"]
    if not lake.exists(name):
        return _stored(lake, name, shape)
    recorded = "recorded_at" if "recorded_at" in lake.schema(name).names else "version"
    plain = ", ".join(f'"{column}"' for column in shape if column not in ("status", "version"))
    once = f"""SELECT {_columns(lake, name, shape)}, {recorded} AS recorded FROM {lake.relation(name)}
        QUALIFY row_number() OVER (PARTITION BY delivery, sha256 ORDER BY version DESC, recorded DESC) = 1"""
    whole = f"""SELECT {plain}, row_number() OVER (PARTITION BY delivery ORDER BY version) AS version, CASE WHEN status = 'accepted' AND version < max(version) OVER (PARTITION BY delivery) THEN 'replaced' ELSE status END AS status
        FROM ({once})"""
    return f"(SELECT {columns} FROM ({whole}))"


def tokens(sources: Sources, needed: Iterable[str]) -> dict[str, str]:
    """A fingerprint of each relation's rows as of the as-of moment, without reading them: lake versions and the deliveries that count."""
    found: dict[str, str] = {}
    lake = sources.lake
    for name in needed:
        schema, table = name.split(".")
        if schema in FEED_SCHEMAS:
            found[name] = modelling.digest([name, *(_token(sources, feed) for feed in (table, *sources.joining(table)))])
        elif schema == "district":
            found[name] = modelling.digest([name, load_setting(sources.district, table).to_pylist()])
        elif name == "addresses.link":
            parts = [(f"clean/{feed}", lake.data_version(f"clean/{feed}")) for feed, contract in sources.feeds.items() if contract.address]
            parts += [(part, lake.data_version(part)) for part in ("addresses/resolutions", "addresses/base")]
            found[name] = modelling.digest([name, parts, max((str(row["day"]) for row in sources.deliveries), default="")])
        elif name == modelling.CLOCK:
            found[name] = sources.as_of.isoformat()
        else:
            found[name] = modelling.digest(
                [name, lake.data_version(f"{schema}/{table}"), len(sources.deliveries) if schema == "ledger" else 0]
            )
    return found


def _token(sources: Sources, feed: str) -> list[object]:
    days = [str(row["day"]) for row in sources.deliveries if row["feed"] == feed]
    return [sources.lake.data_version(f"clean/{feed}"), days[-1:], sources.shown(feed), sources.feeds[feed].status_time]


def create_relations(connection: duckdb.DuckDBPyConnection, sources: Sources, needed: Iterable[str]) -> None:
    """Create the relations named, as views over the lake; what several models would compute again is kept as a table."""
    wanted = set(needed)
    for schema in ("stored", "superseded", *FEED_SCHEMAS, "addresses", "ledger", "district", "run"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    linked = (
        {feed for feed, contract in sources.feeds.items() if contract.address and not contract.joins}
        if "addresses.link" in wanted
        else set()
    )
    for feed in sorted({name.split(".")[1] for name in wanted if name.split(".")[0] in FEED_SCHEMAS} | linked):
        _create_feed(connection, sources, feed, wanted)
    for name in sorted(wanted):
        schema, table = name.split(".")
        if schema == "district":
            connection.register("given_setting", load_setting(sources.district, table))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given_setting")
            connection.unregister("given_setting")
        elif name == modelling.CLOCK:
            connection.execute(
                f"CREATE TABLE {name} AS SELECT TIMESTAMP '{sources.as_of:%Y-%m-%d %H:%M:%S}' AS as_of, {_date(sources.as_of)} AS as_of_date"
            )
        elif name == "addresses.link":
            _create_link(connection, sources)
        elif name == "ledger.deliveries":
            listed = ", ".join(f'"{column}"' for column in RELATIONS[name])
            connection.execute(
                f"CREATE TABLE {name} AS SELECT {listed} FROM (SELECT * REPLACE ({_read_as(sources)} AS read_as) FROM {_ledger(sources)}) "
                f"WHERE day <= {_date(sources.as_of)}"
            )
        elif schema in ("addresses", "ledger"):
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {_stored(sources.lake, f'{schema}/{table}', RELATIONS[name])}")


def _read_as(sources: Sources) -> str:
    """The feed with whose rows a delivery's rows are read: another one for a feed that joins it."""
    whens = "".join(f" WHEN {quoted(name)} THEN {quoted(contract.joins)}" for name, contract in sources.feeds.items() if contract.joins)
    return f"CASE feed{whens} ELSE feed END" if whens else "feed"


def _create_feed(connection: duckdb.DuckDBPyConnection, sources: Sources, feed: str, wanted: set[str]) -> None:
    contract, lake, name = sources.feeds[feed], sources.lake, f"clean/{feed}"
    shape = {column.name: duckdb_type(column) for column in contract.clean_columns}
    relation = (
        lake.relation(name, arrow_schema(contract.clean_columns))
        if lake.exists(name)
        else empty_relation(arrow_schema(contract.clean_columns))
    )
    columns = _columns(lake, name, shape) if lake.exists(name) else "*"
    parts = [f"SELECT {columns} FROM {relation} WHERE delivery_date <= {_date(sources.as_of)}"]
    parts += [_joining(sources, other, shape) for other in sources.joining(feed) if lake.exists(f"clean/{other}")]
    connection.execute(f"CREATE VIEW stored.{feed} AS {' UNION ALL '.join(parts)}")
    opened = ", ".join(f'"{column.name}"' for column in contract.open_columns)
    connection.execute(f"CREATE VIEW clean.{feed} AS SELECT {opened} FROM stored.{feed}")
    if not wanted & {f"latest.{feed}", f"restricted.{feed}"}:
        return
    condition = _latest(connection, sources, feed)
    connection.execute(f"CREATE VIEW latest.{feed} AS SELECT {opened} FROM stored.{feed} AS rows{condition}")
    connection.execute(f"CREATE VIEW restricted.{feed} AS SELECT * FROM stored.{feed} AS rows{condition}")


def _joining(sources: Sources, other: str, shape: Mapping[str, str]) -> str:
    """The rows of a feed that joins another, in the other's columns. Their keys bear the feed's name: two offices may count alike."""
    held = _columns(sources.lake, f"clean/{other}", {name: kind for name, kind in shape.items() if name != "record_key"})
    listed = ", ".join(f"{quoted(other + '/')} || record_key AS record_key" if name == "record_key" else f'"{name}"' for name in shape)
    relation = sources.lake.relation(f"clean/{other}")
    return f"SELECT {listed} FROM (SELECT record_key, {held} FROM {relation}) WHERE delivery_date <= {_date(sources.as_of)}"


def _latest(connection: duckdb.DuckDBPyConnection, sources: Sources, feed: str) -> str:
    """The condition that keeps one row per record: the latest version. Superseded rows are few, so they are listed and left out."""
    contract = sources.feeds[feed]
    shown = sources.shown(feed)
    if shown is not None:
        shown = [*shown, *(delivery for other in sources.joining(feed) for delivery in sources.shown(other) or ())]
    of_date = ""
    if shown is not None:
        of_date = f" WHERE delivery IN ({', '.join(map(quoted, shown)) or 'NULL'})"
        if not sources.deliveries:
            of_date = f" WHERE delivery_date = (SELECT max(delivery_date) FROM stored.{feed})"
    first = f"{contract.status_time} DESC NULLS LAST, " if contract.status_time else ""
    narrow = f"SELECT record_key, delivery, source_row, delivery_date{', ' + contract.status_time if contract.status_time else ''} FROM stored.{feed}{of_date}"
    connection.execute(f"""
        CREATE TABLE superseded.{feed} AS
        WITH shown AS ({narrow}),
        repeated AS (SELECT record_key FROM shown GROUP BY record_key HAVING count(*) > 1),
        ranked AS (
            SELECT delivery, source_row,
                row_number() OVER (PARTITION BY record_key ORDER BY {first}delivery_date DESC, delivery DESC, source_row DESC) AS place
            FROM shown SEMI JOIN repeated USING (record_key)
        )
        SELECT delivery, source_row FROM ranked WHERE place > 1""")
    if connection.execute(f"SELECT count(*) FROM superseded.{feed}").fetchall()[0][0]:
        return f" ANTI JOIN superseded.{feed} AS gone USING (delivery, source_row){of_date}"
    return of_date


def _create_link(connection: duckdb.DuckDBPyConnection, sources: Sources) -> None:
    """`addresses.link`: every clean row of a feed with addresses, joined to what its address query resolves to."""
    lake = sources.lake
    shape = RELATIONS["addresses.link"]
    own = ("feed", "record_key", "delivery", "source_row")
    answers = {"address_query": "VARCHAR"} | {name: kind for name, kind in shape.items() if name not in own}
    connection.execute(f"CREATE VIEW stored.resolutions AS SELECT * FROM {_stored(lake, 'addresses/resolutions', answers)}")
    connection.execute(
        f"CREATE VIEW stored.street_names AS SELECT address_key AS street_key, name AS street FROM {_stored(lake, 'addresses/base', RELATIONS['addresses.base'])} WHERE level = 'street'"
    )
    parts = [
        f"SELECT {quoted(feed)} AS feed, record_key, delivery, source_row, address_query FROM stored.{feed}"
        for feed, contract in sources.feeds.items()
        if contract.address and not contract.joins
    ]
    listed = ", ".join(
        "coalesce(r.street, s.street) AS street" if name == "street" else f"q.{name}" if name in own else f"r.{name}" for name in shape
    )
    connection.execute(
        f"CREATE TABLE addresses.link AS SELECT {listed} FROM ({' UNION ALL '.join(parts)}) AS q "
        "LEFT JOIN stored.resolutions AS r ON r.address_query = q.address_query LEFT JOIN stored.street_names AS s ON s.street_key = r.street_key"
    )


# Binding: do all models fit their inputs and contracts?


def bind_all(
    steps: Sequence[PythonStep] = (),
    *,
    folder: Path = modelling.HERE,
    tables: Mapping[str, Table] | None = None,
    feeds: Mapping[str, Feed] | None = None,
) -> list[str]:
    """Bind every model against empty inputs, compare columns and types with contracts, and lint; gives all problems found, [] when sound."""
    declared = dict(contracts.tables() if tables is None else tables)
    shapes = relation_schema(feeds)
    try:
        found = modelling.models(steps, folder=folder, tables=declared)
    except ModelError as error:
        return [str(error)]
    problems = []
    try:
        modelling.order(found, shapes)
    except ModelError as error:
        problems.append(str(error))
    problems += [
        f"{name}: has a contract and neither SQL nor step; remedy: write one of them" for name in modelling.without_model(found, declared)
    ]
    problems += _contract_problems(declared)
    schema = shapes | modelling.table_schema(declared)
    restricted = {name for name, model in found.items() if model.restricted}
    with duckdb.connect() as connection:
        for schema_name in dict.fromkeys(name.split(".")[0] for name in schema):
            connection.execute(f"CREATE SCHEMA {schema_name}")
        for name, columns in schema.items():
            body = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            connection.execute(f"CREATE TABLE {name} ({body})")
        for model in found.values():
            problems += modelling.lint(model, schema, restricted)
            problems += _origin_problems(model, schema) if model.step else bind(connection, model)
    return problems


def _origin_problems(model: Model, schema: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Whether a step that declares its columns' origins names all of its columns, and only columns of its inputs."""
    assert model.step is not None
    origins = model.step.origins
    if not origins:
        return []
    declared = {column.name for column in model.table.columns}
    problems = [f"{model.name}: origins and contract differ in {name}" for name in sorted(declared ^ set(origins))]
    for column, sources in origins.items():
        for source in sources:
            relation, _, field = source.rpartition(".")
            if relation not in model.inputs or field not in schema.get(relation, {}):
                problems.append(f"{model.name}.{column}: its origin {source} is no column of an input")
    return [f"{problem}; remedy: correct the step's origins" for problem in problems]


def _contract_problems(tables: Mapping[str, Table]) -> list[str]:
    problems = []
    for name, table in tables.items():
        if "public" in table.audiences:
            closed = [key for key in table.keys if table.column(key).classification != "public"]
            if closed:
                problems.append(
                    f"{name}: is for the public, but its keys {closed} are not; remedy: class them public, or take the audience away"
                )
        if "restricted" not in table.audiences or len(table.audiences) > 1:
            personal = [column.name for column in table.columns if column.classification in ("personal", "sensitive")]
            if personal:
                problems.append(
                    f"{name}: {personal} are personal and the table is not for the restricted audience alone; remedy: masked or keyed forms, or audiences [restricted]"
                )
        for group in table.small_groups:
            if not set(terms(group)) <= {column.name for column in table.columns}:
                problems.append(f"{name}: small_groups names {group}, which is no column; remedy: correct the name")
        for column in table.columns:
            if column.references and not _has_column(tables, column.references):
                problems.append(f"{name}.{column.name}: references {column.references}, which is not there; remedy: correct it")
    return problems


def _has_column(tables: Mapping[str, Table], reference: str) -> bool:
    name, _, column = reference.rpartition(".")
    return name in tables and any(known.name == column for known in tables[name].columns)


_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}


def bind(connection: duckdb.DuckDBPyConnection, model: Model, sql: str | None = None) -> list[str]:
    """Ask DuckDB for the columns and types that a SQL model gives and compare them with its contract."""
    try:
        given = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE {sql or model.sql}").fetchall()]
    except duckdb.Error as error:
        return [f"{model.where}: {str(error).splitlines()[0]}; remedy: correct the SQL"]
    declared = [column.name for column in model.table.columns]
    if [name for name, _ in given] != declared:
        return [
            f"{model.where}: gives columns {', '.join(name for name, _ in given)}; the contract of {model.name} says {', '.join(declared)}"
        ]
    return [
        f"{model.where}: {column.name} is {kind} in the SQL and {duckdb_type(column)} in the contract of {model.name}; remedy: CAST it, or correct the contract"
        for (_, kind), column in zip(given, model.table.columns, strict=True)
        if not _fits(kind, column)
    ]


def _fits(kind: str, column: Column) -> bool:
    """Whether the value goes in without loss: same type, whole numbers of another width, decimals of no more places."""
    wanted = duckdb_type(column)
    if kind in (wanted, '"NULL"', "NULL"):
        return True
    if wanted == "BIGINT":
        return kind in _WHOLE
    if column.decimal and kind.startswith("DECIMAL("):
        _, _, scale = kind[8:-1].partition(",")
        return int(scale) <= column.decimal[1]
    return bool(column.decimal) and kind in _WHOLE


# Planning and building


@dataclass(frozen=True)
class Plan:
    """What is to be built: models in order and, for each table, a fingerprint of all it is made from."""

    sources: Sources
    models: tuple[Model, ...]
    fingerprints: Mapping[str, str]
    tokens: Mapping[str, str]

    @property
    def tables(self) -> dict[str, Table]:
        return {model.name: model.table for model in self.models}


def plan(
    sources: Sources, steps: Sequence[PythonStep] = (), *, folder: Path = modelling.HERE, tables: Mapping[str, Table] | None = None
) -> Plan:
    """Find and order the models and fingerprint each table; reads versions and the ledger, no rows. ModelError where a model is wrong.

    Restricted tables are left out where the district has no restricted audience.
    """
    found = modelling.models(steps, folder=folder, tables=tables)
    if "restricted" not in sources.district.audiences:
        found = {name: model for name, model in found.items() if not model.restricted}
    ordered = modelling.order(found, relation_schema(sources.feeds))
    for model in ordered:
        reach = modelling.lint_reach(model, {name for name, other in found.items() if other.restricted})
        if reach:
            raise ModelError(reach[0])
    given = tokens(sources, sorted({name for model in ordered for name in model.inputs if name not in found}))
    prints: dict[str, str] = {}
    for model in ordered:
        prints[model.name] = modelling.fingerprint(model, given | prints, sources.as_of.isoformat(), sources.district_fingerprint)
    return Plan(sources, tuple(ordered), prints, given)


@dataclass(frozen=True)
class Former:
    """An earlier release from which unchanged tables are taken over: its folder and its manifest's entry per table."""

    folder: Path
    tables: Mapping[str, Mapping[str, object]]

    def fingerprint(self, name: str) -> str | None:
        entry = self.tables.get(name)
        return str(entry["fingerprint"]) if entry else None


@dataclass(frozen=True)
class BuiltTable:
    """One table as it was built or taken over. `content_hash` is equal for equal rows, whatever their order and the number of threads."""

    name: str
    rows: int
    seconds: float
    fingerprint: str
    content_hash: str
    reused: bool


OnTable = Callable[[str, int, float], None]
"""Called after each table with name, rows, seconds (0 for a table that was taken over)."""


@dataclass
class Libraries:
    """The libraries of one release while they are built: one connection that holds all of them open for writing.

    Catalogs are named by theme (`event.ticket`); restricted tables lie in catalogs of their own (`restricted_person.person_tag`),
    because no table of one audience may share a file with another's.
    """

    plan: Plan
    folder: Path
    connection: duckdb.DuckDBPyConnection
    tables: dict[str, BuiltTable] = field(default_factory=dict)
    attached: dict[str, Path] = field(default_factory=dict)

    def address(self, name: str) -> str:
        """How a statement on the connection names the table."""
        return _address(self.plan.tables[name])

    def attach(self, catalog: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection.execute(f"ATTACH {quoted(str(path))} AS {catalog} (STORAGE_VERSION '{STORAGE_VERSION}')")
        self.attached[catalog] = path

    def close(self) -> None:
        """Write everything out and close the files; also after an error."""
        for catalog in reversed(list(self.attached)):
            self.connection.execute(f"CHECKPOINT {catalog}")
            self.connection.execute(f"DETACH {catalog}")
        self.attached.clear()
        self.connection.close()


def _catalog(table: Table) -> str:
    return f"restricted_{table.theme}" if table.audiences == ("restricted",) else table.theme


def _address(table: Table) -> str:
    return f"{_catalog(table)}.{table.name}"


def open_connection(
    *, memory_limit: str | None = None, temporary: Path | None = None, threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that fetches nothing from anywhere. `memory_limit` as DuckDB writes it, e.g. `4GB`."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET enable_progress_bar = false")
    if memory_limit:
        connection.execute(f"SET memory_limit = {quoted(memory_limit)}")
    if threads:
        connection.execute(f"SET threads = {threads}")
    if temporary:
        temporary.mkdir(parents=True, exist_ok=True)
        connection.execute(f"SET temp_directory = {quoted(str(temporary))}")
    return connection


def build(
    planned: Plan,
    folder: Path,
    *,
    former: Former | None = None,
    memory_limit: str | None = None,
    temporary: Path | None = None,
    threads: int | None = None,
    on_table: OnTable | None = None,
) -> Libraries:
    """Build all tables of the plan into `folder` (internal/<theme>.duckdb, restricted/<theme>.duckdb); the caller closes the result.

    A table whose fingerprint equals the former release's is taken over with its file. ModelError where SQL and contract differ.
    """
    connection = open_connection(memory_limit=memory_limit, temporary=temporary, threads=threads)
    libraries = Libraries(planned, folder, connection)
    try:
        kept = _take_over(libraries, former)
        todo = [model for model in planned.models if model.name not in kept]
        made = set(planned.tables)
        create_relations(connection, planned.sources, sorted({name for model in todo for name in model.inputs if name not in made}))
        for model in planned.models:
            started = time.perf_counter()
            if model.name in kept and former is not None:
                entry = former.tables[model.name]
                rows, content, seconds = int(str(entry["rows"])), str(entry["content_hash"]), 0.0
            else:
                _make(libraries, model)
                rows, content = content_of(connection, model.table, libraries.address(model.name))
                seconds = time.perf_counter() - started
            libraries.tables[model.name] = BuiltTable(
                model.name, rows, seconds, planned.fingerprints[model.name], content, model.name in kept
            )
            if on_table:
                on_table(model.name, rows, seconds)
        return libraries
    except BaseException:
        connection.close()
        raise


def library_path(folder: Path, catalog: str) -> Path:
    """The file of a catalog below a release's folder."""
    audience, theme = ("restricted", catalog.removeprefix("restricted_")) if catalog.startswith("restricted_") else ("internal", catalog)
    return folder / audience / f"{theme}.duckdb"


def _take_over(libraries: Libraries, former: Former | None) -> set[str]:
    """Attach a library a theme, starting from the former release's file where a table in it is unchanged; gives the tables kept."""
    kept: set[str] = set()
    by_catalog: dict[str, list[Table]] = {}
    for table in libraries.plan.tables.values():
        by_catalog.setdefault(_catalog(table), []).append(table)
    names = [theme for theme in THEMES if theme in by_catalog] + sorted(name for name in by_catalog if name.startswith("restricted_"))
    for catalog in names:
        path = library_path(libraries.folder, catalog)
        same = [
            table
            for table in by_catalog[catalog]
            if former and former.fingerprint(table.full_name) == libraries.plan.fingerprints[table.full_name]
        ]
        old = library_path(former.folder, catalog) if former else None
        if same and old is not None and old.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(old, path)
            try:
                libraries.attach(catalog, path)
            except duckdb.Error:  # a damaged file: what it held is built anew
                path.unlink()
                libraries.attach(catalog, path)
            held = {
                row[0]
                for row in libraries.connection.execute(
                    "SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [catalog]
                ).fetchall()
            }
            keep = {table.name for table in same} & held
            for name in sorted(held - keep):
                libraries.connection.execute(f'DROP TABLE {catalog}."{name}"')
            libraries.connection.execute(f"CHECKPOINT {catalog}")
            kept |= {table.full_name for table in same if table.name in keep}
        else:
            libraries.attach(catalog, path)
    return kept


def _make(libraries: Libraries, model: Model) -> None:
    connection, target = libraries.connection, libraries.address(model.name)
    if model.step:
        _make_by_step(libraries, model, target)
    else:
        sql = _addressed(model, libraries)
        problems = bind(connection, model, sql)
        if problems:
            raise ModelError(problems[0])
        connection.execute(create_table(model.table, target))
        try:
            connection.execute(f"INSERT INTO {target} {sql}")
        except duckdb.Error as error:
            raise ModelError(
                f"{model.where}: {_without_values(error)}; remedy: see the contract of {model.name} and the model's SQL"
            ) from None
    for statement in comments(model.table, target):
        connection.execute(statement)


def _without_values(error: duckdb.Error) -> str:
    """The first line of DuckDB's message, with quoted values taken out: a message must carry no value of a row."""
    kind = type(error).__name__
    line = str(error).splitlines()[0]
    if isinstance(error, duckdb.ConstraintException):
        return line
    if isinstance(error, (duckdb.ConversionException, duckdb.OutOfRangeException)):
        return f"{kind}: a value does not fit the column's type"
    return line


def _addressed(model: Model, libraries: Libraries) -> str:
    """The model's SQL as it is; references to restricted tables are turned to the catalog where they lie."""
    tables = libraries.plan.tables
    moved = {name for name in model.inputs if name in tables and _address(tables[name]) != name}
    if not moved:
        return model.sql
    tree = model.tree.copy()
    for node in tree.find_all(exp.Table):
        if f"{node.db}.{node.name}" in moved:
            node.set("db", exp.to_identifier(_catalog(tables[f"{node.db}.{node.name}"])))
    return tree.sql("duckdb")


def _make_by_step(libraries: Libraries, model: Model, target: str) -> None:
    assert model.step is not None
    connection, sources, tables = libraries.connection, libraries.plan.sources, libraries.plan.tables
    given = {
        name: connection.sql(f"SELECT * FROM {libraries.address(name) if name in tables else name}").to_arrow_table()
        for name in model.inputs
    }
    result = model.step.run(given, StepContext(sources.as_of, sources.district.folder))
    schema = arrow_schema(model.table.columns)
    if result.schema.names != schema.names:
        raise ModelError(
            f"{model.where}: gives columns {', '.join(result.schema.names)}; the contract of {model.name} says {', '.join(schema.names)}"
        )
    try:
        result = result.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ModelError(f"{model.where}: a column cannot be brought to the contract's type; remedy: cast it in the step") from error
    connection.execute(create_table(model.table, target))
    connection.register("given_result", result)
    try:
        connection.execute(f"INSERT INTO {target} SELECT * FROM given_result")
    except duckdb.Error as error:
        raise ModelError(f"{model.where}: {_without_values(error)}; remedy: see the contract of {model.name}") from None
    finally:
        connection.unregister("given_result")


def content_of(connection: duckdb.DuckDBPyConnection, table: Table, address: str) -> tuple[int, str]:
    """Rows and content hash of a table.

    The hash is DuckDB's 64-bit row hash, taken twice with different salts and summed over all rows: it does not depend on the order of
    rows or the number of threads. It costs a tenth of an MD5 over text; it may change with DuckDB's version, which the manifest names.
    """
    listed = ", ".join(f'"{column.name}"' for column in table.columns)
    row = connection.execute(
        f"SELECT count(*), sum(hash({listed})::HUGEINT), sum(hash('govlake', {listed})::HUGEINT) FROM {address}"
    ).fetchall()[0]
    return int(row[0]), modelling.digest(
        [[column.name, duckdb_type(column)] for column in table.columns] + [str(value) for value in row], 32
    )
