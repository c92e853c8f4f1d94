"""Releases: built aside, looked through, made visible by one atomic switch; never changed afterwards.

Belongs here: the release folder (libraries by audience, Parquet, contracts, manifest, reader's page), its id, the compatibility of its
contracts, switching, listing, pruning. Not here: how tables are built (`library`), who sees what (`audience`).

    releases/<id>/internal|public|restricted/…   releases/current -> <id>   releases/current.json   releases/.building-<id>/ (unfinished)
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import duckdb

import contracts
from contracts.delivery import Problem
from contracts.model import Audience, Table
from contracts.odcs import odcs_yaml
from contracts.schema import comments, create_table, quoted
from warehouse import lineage, model
from warehouse.audience import RELEASE_TABLE, for_audience, gate, suppress
from warehouse.compatibility import FEEDS, breaking_changes
from warehouse.library import STORAGE_VERSION, BuiltTable, Former, Libraries, OnTable, Plan, Sources, build, library_path
from warehouse.macros import usable
from warehouse.reader import analyst_sql, readme

MANIFEST = "manifest.json"
BUILDING = ".building-"
ROW_GROUP = 122_880
YOUNG = dt.timedelta(hours=24)
FORMAT = 2
"""Raised when the release's own layout changes, so that an unchanged input still gives a new release."""


class ReleaseError(RuntimeError):
    """Something about a release that a person must decide; the message names the remedy."""


class ReleaseBlocked(ReleaseError):
    """The release was not made; the former one stays current. `problems` lists each reason with its remedy, in both languages."""

    def __init__(self, kind: str, reasons: Iterable[str]) -> None:
        self.problems = [_problem(kind, reason) for reason in reasons]
        super().__init__("; ".join(f"{problem.message}; remedy: {problem.remedy}" for problem in self.problems))


_BLOCKED = {
    "feed_stale": ("必需数据源缺失或过期", "请交付该数据源，或在 district.yaml 中将 when_missing 设为 go_on"),
    "contract_broken": ("与上一发布的契约不兼容", "请撤回变更，或提高契约的主版本号"),
    "audience_leak": ("包含该受众不得查看的内容", "请去除、脱敏或改用假名，并核对契约的分类"),
}
"""Why a release is blocked, and what to do, in Chinese; the English text of each reason says the details."""


def _problem(kind: str, reason: str) -> Problem:
    message, _, remedy = reason.partition("; remedy: ")
    said, todo = _BLOCKED[kind]
    subject = message.split(": ")[0]
    return Problem(
        kind=kind,
        severity="error",
        message=message,
        message_zh=f"{subject}：{said}（{message.partition(': ')[2]}）",
        remedy=remedy,
        remedy_zh=todo,
    )


@dataclass(frozen=True)
class FeedState:
    """How fresh a feed is at the as-of moment, and what the district wants done about it."""

    feed: str
    required: bool
    latest: dt.date | None
    days: int | None
    stale: bool
    decision: Literal["ok", "go_on", "stop"]


@dataclass(frozen=True)
class ReleaseInfo:
    """One release as `release list` shows it."""

    id: str
    path: Path
    as_of: dt.datetime
    built_at: dt.datetime
    is_current: bool
    tables: int
    rows: int
    bytes: int


def staleness(sources: Sources) -> list[FeedState]:
    """The state of every feed that the district names: missing (no delivery yet), stale (older than it may be), or ok."""
    states = []
    for feed, mapping in sorted(sources.district.feeds.items()):
        days = [row["day"] for row in sources.deliveries if row["feed"] == feed and row["status"] in ("accepted", "unchanged")]
        latest = max(days) if days else None  # type: ignore[type-var]
        assert latest is None or isinstance(latest, dt.date)
        age = (sources.as_of.date() - latest).days if latest else None
        stale = age is not None and mapping.stale_after_days is not None and age > mapping.stale_after_days
        lacking = stale or (latest is None and mapping.required)
        decision: Literal["ok", "go_on", "stop"] = "ok"
        if lacking:
            decision = "stop" if mapping.required and mapping.when_missing == "stop" else "go_on"
        states.append(FeedState(feed, mapping.required, latest, age, stale, decision))
    return states


def release_id(plan: Plan, pseudonym_fingerprint: str) -> str:
    """As-of moment and ten hex digits over everything the release is made from: sorts by time, and equal inputs give an equal id."""
    district = plan.sources.district
    parts = [
        FORMAT,
        dict(plan.fingerprints),
        pseudonym_fingerprint,
        district.model_dump(mode="json", include={"name", "title", "title_zh", "audiences", "small_group"}),
        [asdict(state) | {"days": None} for state in staleness(plan.sources)],
    ]
    return f"{plan.sources.as_of:%Y%m%dT%H%M%S}-{model.digest(parts, 10)}"


@cache
def code_version() -> str:
    """The package's version, and a hash over its models and contracts so that two checkouts of one version can be told apart."""
    try:
        version = importlib.metadata.version("govlake")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    root = Path(__file__).parent.parent
    files = [
        *(root / "warehouse").rglob("*.sql"),
        *(root / "warehouse").rglob("*.py"),
        *(root / "governance").rglob("*.py"),
        *(root / "contracts").rglob("*.yaml"),
    ]
    return f"{version}+{model.digest([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(files)], 12)}"


# Finding releases


def current(releases: Path) -> Path | None:
    """The real folder of the current release; None before the first."""
    link = releases / "current"
    if link.is_symlink() or link.is_dir():
        folder = link.resolve()
        return folder if (folder / MANIFEST).is_file() else None
    pointer = releases / "current.json"
    if pointer.is_file():
        folder = (releases / json.loads(pointer.read_text(encoding="utf-8"))["release"]).resolve()
        return folder if (folder / MANIFEST).is_file() else None
    return None


def exists(releases: Path, release: str) -> bool:
    """Whether a whole release of that id is there."""
    return (releases / release / MANIFEST).is_file()


def is_current(releases: Path, release: str) -> bool:
    """Whether the current release has that id."""
    folder = current(releases)
    return folder is not None and folder.name == release


def listed(releases: Path) -> list[ReleaseInfo]:
    """All whole releases, newest first (by as-of, then by when they were built)."""
    folder = current(releases)
    now = folder.name if folder else None
    found = []
    for path in releases.iterdir() if releases.is_dir() else ():
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".") and (path / MANIFEST).is_file():
            said = manifest_of(path)
            found.append(
                ReleaseInfo(
                    path.name,
                    path.resolve(),
                    dt.datetime.fromisoformat(said["as_of"]),
                    dt.datetime.fromisoformat(said["built_at"]),
                    path.name == now,
                    len(said["tables"]),
                    sum(entry["rows"] for entry in said["tables"].values()),
                    sum(entry["bytes"] for entry in said["files"].values()),
                )
            )
    return sorted(found, key=lambda info: (info.as_of, info.built_at), reverse=True)


def manifest_of(folder: Path) -> dict[str, Any]:
    """A release folder's manifest."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def show(releases: Path, release: str | None = None) -> dict[str, Any]:
    """The manifest of a release, the current one by default. ReleaseError where there is none."""
    folder = _folder(releases, release) if release else current(releases)
    if folder is None:
        raise ReleaseError(f"there is no release in {releases} yet; remedy: govlake run")
    return manifest_of(folder)


def _folder(releases: Path, release: str) -> Path:
    folder = releases / release
    if "/" in release or release.startswith(".") or folder.is_symlink() or not (folder / MANIFEST).is_file():
        raise ReleaseError(f"no release {release!r} in {releases}; remedy: choose one of `govlake release list`")
    return folder


# Switching and pruning


def switch(releases: Path, release: str) -> Path:
    """Make a release the current one in one step; gives its real folder. Readers that resolved `current` before keep what they have."""
    folder = _folder(releases, release)
    _write_atomically(
        releases / "current.json",
        json.dumps({"release": release, "path": str(folder.resolve()), "as_of": manifest_of(folder)["as_of"]}, ensure_ascii=False) + "\n",
    )
    temporary = releases / f".current-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(release, target_is_directory=True)
    os.replace(temporary, releases / "current")
    _sync_folder(releases)
    return folder.resolve()


def prune(releases: Path, keep: int, now: dt.datetime | None = None) -> list[str]:
    """Delete all but the `keep` newest releases; never the current one nor any built less than 24 h ago. Gives the ids deleted."""
    moment = now or dt.datetime.now(dt.UTC)
    gone = []
    for info in listed(releases)[max(keep, 1) :]:
        if not info.is_current and moment - info.built_at >= YOUNG:
            _delete(releases, info.path)
            gone.append(info.id)
    clear_unfinished(releases)
    return gone


def clear_unfinished(releases: Path) -> list[str]:
    """Delete what a killed run left behind. Only for who holds the home's lock: a build in progress looks the same."""
    left = (
        [path for path in releases.glob(".*") if path.name.startswith((BUILDING, ".deleting-", ".current-"))] if releases.is_dir() else []
    )
    for path in left:
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            _remove(path)
    return sorted(path.name for path in left)


def _delete(releases: Path, folder: Path) -> None:
    """Out of sight in one step first, so that nobody meets half a release."""
    aside = releases / f".deleting-{folder.name}"
    folder.chmod(0o755)
    folder.rename(aside)
    _remove(aside)


def _remove(folder: Path) -> None:
    for inner in [folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())]:
        inner.chmod(0o700)
    shutil.rmtree(folder)


# Building


@dataclass
class Building:
    """A release while it is made. `connection` is the writer's own, for checks; `finish` makes the release whole."""

    releases: Path
    id: str
    path: Path
    libraries: Libraries
    pseudonym_fingerprint: str
    states: list[FeedState]
    former: Path | None
    finished: bool = False
    shared: bool = False
    extra: dict[str, int] = field(default_factory=dict)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        return self.libraries.connection

    @property
    def tables(self) -> dict[str, BuiltTable]:
        return self.libraries.tables

    def address(self, name: str) -> str:
        """How a query on the connection names a table: restricted ones lie in catalogs of their own."""
        return self.libraries.address(name)

    @cached_property
    def lineage(self) -> dict[str, Any]:
        """Where every column comes from, as `lineage.json` will hold it."""
        before = self.former / lineage.FILE if self.former else None
        known = json.loads(before.read_text(encoding="utf-8")) if before and before.is_file() else None
        return lineage.build(self.libraries.plan, known)

    def share(self) -> None:
        """Fill the libraries of the other audiences (`public_subject.metric` on the connection), small groups suppressed. Once."""
        if not self.shared:
            _share(self)
            self.shared = True

    def add(self, name: str, content: str | bytes) -> None:
        """Put a further file into the release, e.g. `checks.json`, `report.html`."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def finish(self) -> ReleaseInfo:
        """Audiences, Parquet, gate, contracts, manifest; then the folder gets its name. ReleaseBlocked where it must not be published."""
        plan = self.libraries.plan
        tables = plan.tables
        audiences = plan.sources.district.audiences
        broken = breaking_changes(self.former, tables, contracts.feeds(), contracts.retired())
        if broken:
            raise ReleaseBlocked("contract_broken", broken)
        self.share()
        _mark(self)
        _export(self)
        self.libraries.close()
        leaks = gate(self.path, tables, audiences)
        if leaks:
            raise ReleaseBlocked("audience_leak", leaks)
        self._describe()
        _write_manifest(self)
        _seal(self.path, self.releases)
        target = self.releases / self.id
        if target.exists():
            _delete(self.releases, target)
        self.path.rename(target)
        _sync_folder(self.releases)
        self.finished = True
        return next(info for info in listed(self.releases) if info.id == self.id)

    def _describe(self) -> None:
        plan = self.libraries.plan
        for name, table in plan.tables.items():
            stem = name.replace(".", "/")
            self.add(f"contracts/{stem}.json", table.model_dump_json(indent=1, by_alias=True, exclude_defaults=True) + "\n")
            self.add(f"contracts/{stem}.odcs.yaml", odcs_yaml(table))
        for name, feed in contracts.feeds().items():
            self.add(f"contracts/{FEEDS}/{name}.json", feed.model_dump_json(indent=1, by_alias=True, exclude_defaults=True) + "\n")
            self.add(f"contracts/{FEEDS}/{name}.odcs.yaml", odcs_yaml(feed))
        self.add(lineage.FILE, json.dumps(self.lineage, ensure_ascii=False, sort_keys=True) + "\n")
        final = self.releases.resolve() / self.id
        for audience in plan.sources.district.audiences:
            libraries = sorted(path.stem for path in (self.path / audience).glob("*.duckdb"))
            if libraries:
                text = analyst_sql(final / audience, libraries, self.id, usable(self.path / audience))
                self.add(f"{audience}/analyst.sql", text)
                if audience == "internal":
                    self.add("analyst.sql", text)
        self.add("README.md", readme(self.id, plan, {name: built.rows for name, built in self.tables.items()}, self.states, final))


@contextmanager
def begin(
    releases: Path,
    plan: Plan,
    *,
    pseudonym_fingerprint: str,
    memory_limit: str | None = None,
    temporary: Path | None = None,
    threads: int | None = None,
    on_table: OnTable | None = None,
) -> Iterator[Building]:
    """Build all libraries aside and hand over the Building; leaving without `finish()` throws the build away.

    The caller holds the home's lock. ReleaseBlocked where a required feed is missing or stale and the district says stop.
    """
    states = staleness(plan.sources)
    stopping = [state for state in states if state.decision == "stop"]
    if stopping:
        raise ReleaseBlocked("feed_stale", (_stop_message(state) for state in stopping))
    releases.mkdir(parents=True, exist_ok=True)
    clear_unfinished(releases)
    identity = release_id(plan, pseudonym_fingerprint)
    path = releases / f"{BUILDING}{identity}"
    path.mkdir()
    former = current(releases)
    try:
        libraries = build(
            plan,
            path,
            former=Former(former, manifest_of(former)["tables"]) if former else None,
            memory_limit=memory_limit,
            temporary=temporary,
            threads=threads,
            on_table=on_table,
        )
    except BaseException:
        _remove(path)
        raise
    building = Building(releases, identity, path, libraries, pseudonym_fingerprint, states, former)
    try:
        yield building
    finally:
        if not building.finished:
            libraries.connection.close()
            _remove(path)


def _stop_message(state: FeedState) -> str:
    what = f"is {state.days} days old" if state.latest else "has never been delivered"
    return f"{state.feed}: is required and {what}; remedy: deliver it, or set feeds.{state.feed}.when_missing to go_on in district.yaml"


def _share(building: Building) -> None:
    """Fill the public libraries, and copy into the restricted ones what is for both audiences."""
    libraries, district = building.libraries, building.libraries.plan.sources.district
    for name, table in libraries.plan.tables.items():
        for audience in table.audiences:
            if audience in district.audiences and audience != "internal" and libraries.address(name) != f"restricted_{name}":
                _copy_to(libraries, table, audience, district.small_group)


def _copy_to(libraries: Libraries, table: Table, audience: Audience, smallest: int) -> None:
    catalog = f"{audience}_{table.theme}"
    if catalog not in libraries.attached:
        libraries.attach(catalog, libraries.folder / audience / f"{table.theme}.duckdb")
    shown = for_audience(table, audience)
    target = f"{catalog}.{table.name}"
    connection = libraries.connection
    connection.execute(create_table(shown, target))
    listed_columns = ", ".join(f'"{column.name}"' for column in shown.columns)
    query = f"SELECT {listed_columns} FROM {libraries.address(table.full_name)}{_order(table)}"
    if audience == "public" and table.small_groups:
        connection.register("shown_rows", suppress(connection.sql(query).to_arrow_table(), table, smallest))
        for column in shown.columns:
            if column.required and column.name not in table.keys:
                connection.execute(f'ALTER TABLE {target} ALTER COLUMN "{column.name}" DROP NOT NULL')
        connection.execute(f"INSERT INTO {target} SELECT * FROM shown_rows")
        connection.unregister("shown_rows")
    else:
        connection.execute(f"INSERT INTO {target} {query}")
    for statement in comments(shown, target):
        connection.execute(statement)


def _order(table: Table) -> str:
    return " ORDER BY " + ", ".join(f'"{key}"' for key in table.keys) if table.keys else ""


def _mark(building: Building) -> None:
    """The one-row table `release` in every library."""
    sources = building.libraries.plan.sources
    for catalog, path in building.libraries.attached.items():
        target = f"{catalog}.{RELEASE_TABLE}"
        execute = building.connection.execute
        execute(
            f"CREATE TABLE {target} (release_id VARCHAR NOT NULL, as_of TIMESTAMP NOT NULL, district VARCHAR NOT NULL, audience VARCHAR NOT NULL, code_version VARCHAR NOT NULL)"
        )
        execute(
            f"INSERT INTO {target} VALUES (?, ?, ?, ?, ?)",
            [building.id, sources.as_of, sources.district.name, path.parent.name, code_version()],
        )
        execute(f"COMMENT ON TABLE {target} IS '发布版本 | The release that this library belongs to'")
        for column, comment in _RELEASE_COMMENTS.items():
            execute(f"COMMENT ON COLUMN {target}.{column} IS {quoted(comment)}")


_RELEASE_COMMENTS = {
    "release_id": "发布编号 | Release",
    "as_of": "截至时间 | As-of moment",
    "district": "区县 | District",
    "audience": "受众 | Audience",
    "code_version": "代码版本 | Code version",
}


def _export(building: Building) -> None:
    """Subject tables as Parquet, by audience: sorted by keys, the same bytes for the same rows."""
    libraries = building.libraries
    for name, table in libraries.plan.tables.items():
        if table.theme != "subject":
            continue
        for audience in table.audiences:
            if audience not in libraries.plan.sources.district.audiences:
                continue
            source = (
                libraries.address(name)
                if audience == "internal" or libraries.address(name) == f"restricted_{name}"
                else f"{audience}_{name}"
            )
            target = building.path / audience / "subjects" / f"{table.name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            if not _linked(building, table, audience, target):
                export_parquet(libraries.connection, for_audience(table, audience), source, target)


def export_parquet(connection: duckdb.DuckDBPyConnection, table: Table, source: str, target: Path) -> None:
    """Write a table as Parquet: rows by keys, zstd, row groups of fixed size; byte-equal whatever the number of threads."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    connection.execute(
        f"COPY (SELECT {columns} FROM {source}{_order(table)}) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE {ROW_GROUP})"
    )


def _linked(building: Building, table: Table, audience: Audience, target: Path) -> bool:
    """Take an unchanged table's file from the former release by hard link; both are immutable. Public ones depend on the district too."""
    if building.former is None or audience != "internal" or not building.tables[table.full_name].reused:
        return False
    old = building.former / target.relative_to(building.path)
    if not old.is_file():
        return False
    try:
        os.link(old, target)
    except OSError:
        return False
    return True


# Manifest and sealing


def _write_manifest(building: Building) -> None:
    plan = building.libraries.plan
    sources = plan.sources
    files = {}
    for path in sorted(path for path in building.path.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[path.relative_to(building.path).as_posix()] = {"sha256": digest, "bytes": path.stat().st_size}
    names = [name for name in sources.lake.names() if not name.startswith(("raw/", "quarantine/"))]
    manifest = {
        "release": building.id,
        "format": FORMAT,
        "district": {"name": sources.district.name, "title": sources.district.title, "title_zh": sources.district.title_zh},
        "as_of": sources.as_of.isoformat(),
        "built_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "code_version": code_version(),
        "libraries": {"duckdb": duckdb.__version__, "storage": STORAGE_VERSION, "opens_in": "DuckDB 1.1 and later"},
        "audiences": list(sources.district.audiences),
        "small_group": sources.district.small_group,
        "pseudonym_key": building.pseudonym_fingerprint,
        "published_keys": sources.lake.version("addresses/published_keys"),
        "lake": {name: sources.lake.version(name) for name in names},
        "feeds": [asdict(state) | {"latest": state.latest.isoformat() if state.latest else None} for state in building.states],
        "deliveries": [{key: str(row[key]) for key in ("feed", "delivery", "day", "status")} for row in sources.deliveries],
        "content_hash": f"DuckDB {duckdb.__version__} row hash, summed",
        "tables": {
            name: {
                "rows": built.rows,
                "content_hash": built.content_hash,
                "fingerprint": built.fingerprint,
                "version": plan.tables[name].version,
                "audiences": list(plan.tables[name].audiences),
                "taken_over": built.reused,
                "inputs": list(next(found for found in plan.models if found.name == name).inputs),
            }
            for name, built in sorted(building.tables.items())
        },
        "files": files,
    }
    building.add(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def _seal(folder: Path, releases: Path) -> None:
    """On disk before it gets its name, and read-only: files 0444, the restricted folder for its owner alone."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.chmod(0o700 if path.relative_to(folder).parts[0] == "restricted" else 0o755)
            _sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            if stat.S_IMODE(path.stat().st_mode) != 0o444:
                path.chmod(0o444)
    folder.chmod(0o755)
    _sync_folder(folder)
    _sync_folder(releases)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


__all__ = [
    "Building", "FeedState", "ReleaseBlocked", "ReleaseError", "ReleaseInfo", "begin", "breaking_changes", "clear_unfinished", "current", "exists",
    "is_current", "library_path", "listed", "manifest_of", "prune", "release_id", "show", "staleness", "switch",
]  # fmt: skip
