"""Deliveries to subscribers: each share that is due becomes one signed folder, whole or not at all, with a receipt.

Belongs here: what is due, which rows, the folder, the receipt. Not here: the file of subscriptions (`subscriptions`), forms (`forms`),
comparing (`changes`), keys (`signing`, `pseudonyms`).

    shares/<subscriber>/<share>/0001_<release>/   data, contract, README, public key, manifest, signature
    shares/.state/<subscriber>/<share>/0001/      the library that the last delivery was made from (a hard link), to compare with

Order of a delivery: state, folder under a hidden name, one rename, receipt. Broken off before the rename, nothing is visible and it is
made anew; broken off after it, the next run finds the folder and writes the receipt.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from contracts.delivery import Problem
from contracts.load import ContractError
from contracts.model import THEMES, Column, Table
from contracts.odcs import odcs_yaml
from contracts.schema import quoted
from publishing import changes, forms, pseudonyms, signing
from publishing.subscriptions import LEVELS, Order, audience_of, expired, filter_sql, problems, stopped

FORMAT = 1
BUILDING = ".building-"
STATE = ".state"
Status = Literal["delivered", "already", "not_due", "stopped"]

RECEIPTS = pa.schema(
    [
        ("subscriber", pa.string()), ("share", pa.string()), ("sequence", pa.int64()), ("status", pa.string()), ("release", pa.string()),
        ("as_of", pa.timestamp("us")), ("table", pa.string()), ("columns", pa.string()), ("filter", pa.string()),
        ("purpose", pa.string()), ("purpose_zh", pa.string()), ("until", pa.date32()), ("clearance", pa.string()), ("form", pa.string()),
        ("kind", pa.string()), ("rows", pa.int64()), ("inserted", pa.int64()), ("updated", pa.int64()), ("deleted", pa.int64()),
        ("rows_after", pa.int64()), ("bytes", pa.int64()), ("files", pa.string()), ("manifest_sha256", pa.string()),
        ("signed_by", pa.string()), ("folder", pa.string()), ("reason", pa.string()), ("reason_zh", pa.string()),
        ("recorded_at", pa.timestamp("us")),
    ]
)  # fmt: skip
"""The log: one row a delivery (`status` delivered: who, what, why, with which checksums) and one a delivery that was stopped (why)."""


@dataclass(frozen=True)
class Receipts:
    """Where receipts are kept: an append-only table."""

    read: Callable[[], list[dict[str, Any]]]
    append: Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Source:
    """A finished release as deliveries are made from it."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path) -> Source:
        """Read the release's manifest."""
        return cls(folder.resolve(), json.loads((folder / "manifest.json").read_text(encoding="utf-8")))

    @property
    def id(self) -> str:
        return str(self.manifest["release"])

    @property
    def as_of(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.manifest["as_of"])

    def tables(self) -> dict[str, Table]:
        """The contracts as this release holds them."""
        paths = [path for theme in THEMES for path in sorted((self.folder / "contracts" / theme).glob("*.json"))]
        return {f"{path.parent.name}.{path.stem}": Table.model_validate_json(path.read_text(encoding="utf-8")) for path in paths}

    def library(self, audience: str, table: Table) -> Path:
        return self.folder / audience / f"{table.theme}.duckdb"


@dataclass(frozen=True)
class House:
    """Who delivers: the folder of shares, the signing key, the secret behind subscribers' pseudonyms, the receipts.

    `former_keys`: public keys that signed before the present one, by which a delivery of ours is still known.
    """

    shares: Path
    signer: signing.Signer = field(repr=False)
    secret: bytes = field(repr=False)
    receipts: Receipts
    memory_limit: str | None = None
    temporary: Path | None = None
    former_keys: Sequence[bytes] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one share: delivered (with its receipt), already (this release is there), not due yet, stopped (with the problem)."""

    order: Order
    status: Status
    receipt: Mapping[str, Any] | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class _Task:
    order: Order
    table: Table
    audience: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    condition: str | None
    sequence: int
    last: Mapping[str, Any] | None
    key: bytes = field(repr=False)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def deliver_all(orders: Sequence[Order], source: Source, house: House, *, full: bool = False, now: bool = False) -> list[Outcome]:
    """Make every delivery that is due from a release; the failure of one share is its own.

    `full`: begin shares of changes anew with everything; `now`: deliver what the frequency would not have yet. Neither delivers to a
    purpose that has run out, nor what the clearance does not cover. The caller holds the home's lock.
    """
    tables = source.tables()
    receipts = house.receipts.read()
    outcomes = []
    for order in orders:
        mine = [row for row in receipts if row["subscriber"] == order.subscriber and row["share"] == order.name]
        try:
            outcome = _deliver(order, source, house, tables, mine, full=full, now=now)
        except (duckdb.Error, pa.ArrowException, OSError, ContractError) as error:
            # The text of such an error may hold values; its kind is enough to look further.
            outcome = Outcome(order, "stopped", problem=_failed(order, type(error).__name__))
        except forms.FormProblem as error:
            message, _, remedy = str(error).partition("; remedy: ")
            outcome = Outcome(
                order, "stopped", problem=stopped(order, message, message, remedy, "请改用 csv 或 parquet，或缩小范围", "form")
            )
        _note_stopped(outcome, source, house, mine)
        outcomes.append(outcome)
    return outcomes


def _failed(order: Order, kind: str) -> Problem:
    return stopped(
        order, f"could not be written ({kind})", f"未能写出（{kind}）", "look for disk space and rights, then `govlake share deliver`",
        "请检查磁盘空间与权限，再运行 govlake share deliver",
    )  # fmt: skip


def _deliver(
    order: Order, source: Source, house: House, tables: Mapping[str, Table], mine: list[dict[str, Any]], *, full: bool, now: bool
) -> Outcome:
    last = _last(mine)
    adopted = _adopt(order, house, last)
    if adopted:
        mine.append(adopted)
        last = adopted
    if any(row["status"] == "delivered" and row["release"] == source.id for row in mine) and not full:
        return Outcome(order, "already", receipt=last)
    found = [*problems(order, tables)]
    late = expired(order, source.as_of.date())
    if late or found:
        return Outcome(order, "stopped", problem=late or _together(found))
    if last and not full and not (now and source.as_of >= last["as_of"]) and not due(order.share.every, last["as_of"], source.as_of):
        return Outcome(order, "not_due", receipt=last)
    task = _task(order, source, house, tables[order.share.table], last)
    if not source.library(task.audience, task.table).is_file():
        return Outcome(order, "stopped", problem=_no_audience(order, task))
    return Outcome(order, "delivered", receipt=_write(task, source, house, full=full))


def _together(found: Sequence[Problem]) -> Problem:
    """Several problems of one share as one; the first leads."""
    if len(found) == 1:
        return found[0]
    rest = [problem.message.split(": ", 1)[1] for problem in found[1:]]
    rest_zh = [problem.message_zh.split("：", 1)[1] for problem in found[1:]]
    return found[0].model_copy(
        update={"message": "; ".join([found[0].message, *rest]), "message_zh": "；".join([found[0].message_zh, *rest_zh])}
    )


def _no_audience(order: Order, task: _Task) -> Problem:
    return stopped(
        order, f"the release has nothing for the {task.audience} audience", f"发布中没有 {task.audience} 受众的数据",
        "see `audiences` in district.yaml", "请查看 district.yaml 中的 audiences", "table",
    )  # fmt: skip


def _last(mine: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    delivered = [row for row in mine if row["status"] == "delivered"]
    return dict(max(delivered, key=lambda row: row["sequence"])) if delivered else None


def due(every: str, last: dt.datetime, now: dt.datetime) -> bool:
    """Whether a release as of `now` is due for who last got one as of `last`. An as-of before the last one never is."""
    if every == "release":
        return now >= last
    return _period(every, now) > _period(every, last)


def _period(every: str, moment: dt.datetime) -> tuple[int, ...]:
    if every == "day":
        return (moment.toordinal(),)
    if every == "week":
        return moment.isocalendar()[:2]
    return (moment.year, moment.month)


def _task(order: Order, source: Source, house: House, table: Table, last: Mapping[str, Any] | None) -> _Task:
    share = order.share
    by_name = {column.name: column for column in table.columns}
    allowed = LEVELS[: LEVELS.index(order.who.clearance) + 1]
    audience = audience_of(order, table)
    assert audience is not None
    return _Task(
        order,
        table,
        audience,
        tuple(by_name[name] for name in share.columns),
        table.keys if set(table.keys) <= set(share.columns) else (),
        filter_sql(share.filter, table, source.as_of.date(), allowed) if share.filter else None,
        last["sequence"] + 1 if last else 1,
        last,
        pseudonyms.subscriber_key(house.secret, order.subscriber, order.who.pseudonym_series),
    )


# Writing one delivery


def _write(task: _Task, source: Source, house: House, *, full: bool) -> dict[str, Any]:
    order = task.order
    place = house.shares / order.subscriber / order.name
    place.mkdir(parents=True, exist_ok=True)
    for folder in (house.shares, place.parent, place):
        folder.chmod(0o750)
    for left in place.glob(f"{BUILDING}*"):
        _remove(left)
    building = place / f"{BUILDING}{task.sequence:04d}"
    building.mkdir()
    before = None if full or order.share.mode == "full" else _state_before(task, source, house)
    try:
        manifest = _fill(building, task, source, house, before)
        _keep_state(task, source, house, manifest)
        _seal(building)
        folder = place / f"{task.sequence:04d}_{source.id}"
        building.rename(folder)
        _sync(place)
    except BaseException:
        _remove(building)
        raise
    return _record(manifest, folder, house)


def _fill(building: Path, task: _Task, source: Source, house: House, before: tuple[Path, str | None] | None) -> dict[str, Any]:
    """All files of a delivery; gives its manifest."""
    order, share = task.order, task.order.share
    kind = "changes" if before else "full"
    data = f"{task.table.name}{'.changes' if before else ''}{forms.SUFFIX[share.form]}"
    about = _about(task, source)
    with _connection(house) as connection:
        counts, rows, rows_after = _data(connection, building / data, task, source, before, about)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "district": source.manifest["district"],
        "subscriber": order.subscriber,
        "share": order.name,
        "sequence": task.sequence,
        "kind": kind,
        "follows": _follows(task, house) if before else None,
        "release": source.id,
        "as_of": source.manifest["as_of"],
        "table": task.table.full_name,
        "version": task.table.version,
        "columns": [column.model_dump(mode="json", by_alias=True, exclude_defaults=True) for column in task.columns],
        "keys": list(task.keys),
        "filter": share.filter,
        "purpose": share.purpose,
        "purpose_zh": share.purpose_zh,
        "until": share.until.isoformat(),
        "clearance": order.who.clearance,
        "form": share.form,
        "data": data,
        "rows": rows,
        "changes": counts,
        "rows_after": rows_after,
        "pseudonyms": pseudonyms.fingerprint(task.key),
        "about": about,
        "written_with": {"duckdb": duckdb.__version__, "pyarrow": pa.__version__},
    }
    contract = _contract(task)
    (building / "contract.odcs.yaml").write_text(odcs_yaml(contract), encoding="utf-8")
    (building / "README.md").write_text(_readme(manifest, house.signer), encoding="utf-8")
    (building / "public_key.pem").write_bytes(house.signer.public_pem)
    paths = sorted(path for path in building.iterdir() if path.is_file())
    manifest["files"] = {path.name: {"sha256": signing.checksum(path), "bytes": path.stat().st_size} for path in paths}
    content = (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode()
    (building / signing.MANIFEST).write_bytes(content)
    (building / signing.SIGNATURE).write_bytes(house.signer.sign(content))
    return manifest


def _connection(house: House) -> duckdb.DuckDBPyConnection:
    settings: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    if house.memory_limit:
        settings["memory_limit"] = house.memory_limit
    if house.temporary:
        settings["temp_directory"] = str(house.temporary)
    return duckdb.connect(config=settings)


def _data(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    task: _Task,
    source: Source,
    before: tuple[Path, str | None] | None,
    about: Mapping[str, str],
) -> tuple[dict[str, int] | None, int, int]:
    """Write the data file; gives the counts by change (None for a full one), its rows, and the rows of the whole share."""
    connection.execute(f"ATTACH {quoted(str(source.library(task.audience, task.table)))} AS now (READ_ONLY)")
    after = changes.State(f"now.main.{task.table.name}", task.condition)
    relation = f"(SELECT {changes.named(task.names)} FROM {after.table}{after.where})"
    rows_after = int(connection.execute(f"SELECT count(*) FROM {after.table}{after.where}").fetchall()[0][0])
    columns: tuple[Column, ...] = task.columns
    if before:
        library, condition = before
        connection.execute(f"ATTACH {quoted(str(library))} AS was (READ_ONLY)")
        changes.compare(connection, changes.State(f"was.main.{task.table.name}", condition), after, task.names, task.keys, "touched")
        columns, relation = (changes.CHANGE, *task.columns), "touched"
    whole = (pseudonyms.RECORD,) if pseudonyms.about_people(task.table) else ()
    replaced = pseudonyms.replacing(connection, relation, task.columns, task.key, whole)
    values = [
        f"""{forms.prepared(task.order.share.form, column, replaced.get(column.name, f'r."{column.name}"'))} AS "{column.name}\""""
        for column in columns
    ]
    query = f"SELECT {', '.join(values)} FROM {relation} AS r{pseudonyms.joins(replaced)}"
    ordered = f"SELECT * FROM ({query}){changes.order_by(task.names, task.keys)}"
    forms.write(connection, ordered, columns, task.order.share.form, target, about)
    if not before:
        return None, rows_after, rows_after
    found = dict(connection.execute('SELECT "_change", count(*) FROM touched GROUP BY 1').fetchall())
    counts = {name: int(found.get(name, 0)) for name in ("insert", "update", "delete")}
    return counts, sum(counts.values()), rows_after


def _contract(task: _Task) -> Table:
    """The table's contract for the columns of the share; rules that look at other columns or tables stay behind."""
    names = set(task.names)
    rules = tuple(rule for rule in task.table.rules if rule.holds and _columns_in(rule.holds) <= names)
    return task.table.model_copy(update={"columns": task.columns, "keys": task.keys, "rules": rules, "small_groups": ()})


def _columns_in(condition: str) -> set[str]:
    import sqlglot
    from sqlglot import exp

    return {column.name for column in sqlglot.parse_one(condition, dialect="duckdb").find_all(exp.Column)}


def _about(task: _Task, source: Source) -> dict[str, str]:
    district, share = source.manifest["district"], task.order.share
    return {
        "数据表 table": f"{task.table.title_zh} {task.table.title} ({task.table.full_name})",
        "来源 from": f"{district['title_zh']} {district['title']}",
        "接收方 for": f"{task.order.who.title_zh} {task.order.who.title}",
        "用途 purpose": f"{share.purpose_zh} {share.purpose}",
        "有效期至 until": share.until.isoformat(),
    }


def _readme(manifest: Mapping[str, Any], signer: signing.Signer) -> str:
    about = manifest["about"]
    counts = manifest["changes"]
    what = f"{manifest['rows']:,} rows 行" if counts is None else ", ".join(f"{count:,} {name}" for name, count in counts.items())
    lines = [
        f"# {about['数据表 table']}",
        "",
        *(f"- {label}: {text}" for label, text in about.items()),
        f"- 发布 release: `{manifest['release']}`, 截至 as of {manifest['as_of']}",
        f"- 第 {manifest['sequence']} 次交付 delivery {manifest['sequence']}: {manifest['kind']}, {what}",
        "",
        "## Verify 校验",
        "",
        "    govlake share verify . --key public_key_you_were_given.pem",
        "    openssl pkeyutl -verify -pubin -inkey public_key_you_were_given.pem -rawin -in manifest.json -sigfile manifest.json.sig",
        "",
        f"Key 公钥指纹: `{signer.fingerprint}`. Compare it with the one you were told by another way 请通过其他渠道核对.",
        "`manifest.json` holds the SHA-256 of every file 清单含每个文件的校验和; `contract.odcs.yaml` says what each column means 契约说明各列含义.",
    ]
    if manifest["kind"] == "changes":
        lines += ["", "## Apply 合并", "", *_recipe(manifest)]
    return "\n".join(lines) + "\n"


def _recipe(manifest: Mapping[str, Any]) -> list[str]:
    keys = [f'"{key}"' for key in manifest["keys"]]
    names = ", ".join(f'"{column["name"]}"' for column in manifest["columns"])
    same = " AND ".join(f"s.{key} = c.{key}" for key in keys)
    return [
        f"It follows delivery {manifest['follows']['sequence']} 接续第 {manifest['follows']['sequence']} 次交付. `_change` is insert, update or delete (key only 仅主键).",
        "",
        "    govlake share apply FULL_FOLDER CHANGES_FOLDER… --output newest",
        "",
        "In SQL, where `s` is your table 或使用 SQL（s 为已有数据表，c 为本次变更）:",
        "",
        f"    DELETE FROM s USING c WHERE {same};",
        f"    INSERT INTO s SELECT {names} FROM c WHERE \"_change\" <> 'delete';",
    ]


# State, sealing, receipts


def _state(house: House, order: Order, sequence: int) -> Path:
    return house.shares / STATE / order.subscriber / order.name / f"{sequence:04d}"


def _definition(task: _Task) -> dict[str, Any]:
    """What must be the same for changes to make sense to who holds the former deliveries."""
    return {
        "table": task.table.full_name,
        "audience": task.audience,
        "columns": [[column.name, column.type] for column in task.columns],
        "keys": list(task.keys),
        "form": task.order.share.form,
        "filter": task.order.share.filter,
        "pseudonyms": pseudonyms.fingerprint(task.key),
    }


def _state_before(task: _Task, source: Source, house: House) -> tuple[Path, str | None] | None:
    """Library and condition of the last delivery; None where everything must be sent: the first time, or the share was defined anew."""
    if task.last is None:
        return None
    folder = _state(house, task.order, task.last["sequence"])
    said = folder / "source.json"
    if not said.is_file():
        return None
    known = json.loads(said.read_text(encoding="utf-8"))
    same = known["definition"] == _definition(task) and known["pseudonym_key"] == source.manifest["pseudonym_key"]
    return (folder / "library.duckdb", known["condition"]) if same else None


def _keep_state(task: _Task, source: Source, house: House, manifest: Mapping[str, Any]) -> None:
    if task.order.share.mode != "changes":
        return
    folder = _state(house, task.order, task.sequence)
    if folder.exists():
        _remove(folder)
    folder.mkdir(parents=True)
    # It holds whole libraries: for nobody but the home's owner.
    (house.shares / STATE).chmod(0o700)
    library = source.library(task.audience, task.table)
    try:
        os.link(library, folder / "library.duckdb")
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(library, folder / "library.duckdb")
    known = {"definition": _definition(task), "condition": task.condition, "pseudonym_key": source.manifest["pseudonym_key"]}
    (folder / "source.json").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
    shutil.copyfile(
        house.shares / task.order.subscriber / task.order.name / f"{BUILDING}{task.sequence:04d}" / signing.MANIFEST,
        folder / signing.MANIFEST,
    )
    _sync(folder)


def _follows(task: _Task, house: House) -> dict[str, Any]:
    assert task.last is not None
    return {name: task.last[name] for name in ("sequence", "release", "manifest_sha256")}


def _adopt(order: Order, house: House, last: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The receipt of a delivery whose run was broken off between the rename and the receipt."""
    sequence = last["sequence"] + 1 if last else 1
    for folder in (house.shares / order.subscriber / order.name).glob(f"{sequence:04d}_*"):
        try:
            manifest, _ = signing.verify(folder, [house.signer.public_pem, *house.former_keys])
        except (signing.NotGenuine, OSError):
            continue
        return _record(manifest, folder, house)
    return None


def _record(manifest: Mapping[str, Any], folder: Path, house: House) -> dict[str, Any]:
    """Write the receipt of a delivery that is in place, then let go of the state before it."""
    counts = manifest["changes"] or {}
    row = {
        **{name: manifest[name] for name in ("subscriber", "share", "sequence", "release", "table", "filter", "purpose", "purpose_zh", "clearance",
                                             "form", "kind", "rows", "rows_after")},
        "status": "delivered",
        "as_of": dt.datetime.fromisoformat(manifest["as_of"]),
        "columns": ", ".join(column["name"] for column in manifest["columns"]),
        "until": dt.date.fromisoformat(manifest["until"]),
        **{past: counts.get(name) for past, name in (("inserted", "insert"), ("updated", "update"), ("deleted", "delete"))},
        "bytes": sum(entry["bytes"] for entry in manifest["files"].values()),
        "files": json.dumps({name: entry["sha256"] for name, entry in manifest["files"].items()}),
        "manifest_sha256": signing.checksum(folder / signing.MANIFEST),
        "signed_by": house.signer.fingerprint,
        "folder": folder.relative_to(house.shares).as_posix(),
        "recorded_at": _now(),
    }  # fmt: skip
    house.receipts.append(row)
    states = house.shares / STATE / manifest["subscriber"] / manifest["share"]
    for state in states.iterdir() if states.is_dir() else ():
        if state.name != f"{manifest['sequence']:04d}":
            _remove(state)
    return row


def _note_stopped(outcome: Outcome, source: Source, house: House, mine: Sequence[Mapping[str, Any]]) -> None:
    """Keep why a delivery was stopped, once a release and reason."""
    if outcome.problem is None:
        return
    order, reason = outcome.order, outcome.problem.message
    if any(row["status"] == "stopped" and row["release"] == source.id and row["reason"] == reason for row in mine):
        return
    house.receipts.append(
        {
            "subscriber": order.subscriber,
            "share": order.name,
            "status": "stopped",
            "release": source.id,
            "as_of": source.as_of,
            "table": order.share.table,
            "columns": ", ".join(order.share.columns),
            "filter": order.share.filter,
            "purpose": order.share.purpose,
            "purpose_zh": order.share.purpose_zh,
            "until": order.share.until,
            "clearance": order.who.clearance,
            "form": order.share.form,
            "reason": reason,
            "reason_zh": outcome.problem.message_zh,
            "recorded_at": _now(),
        }
    )


def _now() -> dt.datetime:
    """The wall clock, for the log alone."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _seal(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.chmod(0o440)
    folder.chmod(0o750)
    _sync(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
