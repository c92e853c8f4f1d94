"""Stage 3: the address register → address base; every feed's distinct address queries → resolutions.

Belongs here: what is due and where it is kept. Not here: how an address is read or linked (`addressing`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

import addressing
from addressing import AddressBase, Grammar
from assets import ledger
from assets.workplace import Workplace
from contracts.settings_file import load_setting

REGISTER = "address_register"
RESOLUTIONS = "addresses/resolutions"
KEPT_BASE = "addresses/kept_base"
BASE_TABLES = {"base": "nodes", "aliases": "aliases", "passports": "passports", "published_keys": "published_keys"}
"""Lake table → attribute of the address base."""
HINTS = ("district", "street", "community", "lng", "lat")
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class BaseState:
    """The prepared base and what it was made from."""

    base: AddressBase
    fingerprint: str
    rebuilt: bool


def _dumps(workplace: Workplace, until: dt.date | None) -> list[tuple[dt.date, tuple[str, ...]]]:
    """The register's dumps in the order of their days: day and the deliveries that bring its rows (a repeat counts by its origin)."""
    done = ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    mine = done.filter((pl.col("feed") == REGISTER) & pl.col("status").is_in(["accepted", "unchanged"])).sort("day", "delivery")
    days: dict[dt.date, list[str]] = {}
    for row in mine.iter_rows(named=True):
        if until is None or row["day"] <= until:
            days.setdefault(row["day"], []).append(row["same_as"] or row["delivery"])
    found: list[tuple[dt.date, tuple[str, ...]]] = []
    for day, deliveries in days.items():
        dump = tuple(sorted(deliveries))
        if not found or found[-1][1] != dump:
            found.append((day, dump))
    return found


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str, ensure_ascii=False).encode()).hexdigest()[:16]


@cache
def engine_fingerprint() -> str:
    """Over the addressing package's code and data: another engine may answer otherwise, so its base and resolutions are made anew."""
    folder = Path(addressing.__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return _hash([(path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files])


def _divisions(workplace: Workplace, registered: bool) -> pa.Table:
    """The district's divisions; where it lists none and no register came yet, the names in district.yaml, so that there is a base at all."""
    listed = load_setting(workplace.district, "division")
    if listed.num_rows or registered:
        return listed
    district = workplace.district
    named = [(level, name) for level in ("province", "city", "district") if (name := getattr(district, level))]
    named = named or [("city", district.title_zh)]
    codes = [f"{level}:{name}" for level, name in named]
    rows = [
        {"code": code, "name": name, "level": level, "parent_code": parent}
        for code, (level, name), parent in zip(codes, named, [None, *codes], strict=False)
    ]
    return pa.Table.from_pylist(rows, schema=listed.schema)


def address_base(workplace: Workplace, until: dt.date | None) -> BaseState:
    """The address base of all register dumps up to `until`: opened where it is prepared already, else folded from the dumps.

    A new dump is folded onto the prepared base of the dumps before it; the result equals a full fold (a property of `addressing`).
    """
    dumps = _dumps(workplace, until)
    divisions = _divisions(workplace, registered=bool(dumps))
    aliases = load_setting(workplace.district, "alias")
    source = workplace.district.grammar_source
    grammar = Grammar.load(source)
    said = Path(source).read_text(encoding="utf-8") if Path(source).is_file() else source
    done = ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    version = {row["delivery"]: f"{row['version']}-{row['sha256']}-{row['mapping_fingerprint']}" for row in done.iter_rows(named=True)}
    ground = _hash(engine_fingerprint(), said, divisions.to_pylist(), aliases.to_pylist())
    prints = [ground]
    for day, deliveries in dumps:
        prints.append(_hash(prints[-1], day, [version[name] for name in deliveries]))
    folder = workplace.home.addressing
    prepared = folder / prints[-1]
    if (prepared / "done").is_file():
        return BaseState(AddressBase.open(prepared), prints[-1], rebuilt=False)
    previous = None
    start = 0
    for position in range(len(dumps) - 1, 0, -1):
        if (folder / prints[position] / "done").is_file():
            previous, start = AddressBase.open(folder / prints[position]), position
            break
    registers = [(day, _register(workplace, deliveries)) for day, deliveries in dumps[start:]]
    base = addressing.build_base(
        registers, grammar, divisions=divisions, aliases=aliases, published_keys=_published(workplace), previous=previous
    )
    shutil.rmtree(prepared, ignore_errors=True)
    base.save(prepared)
    (prepared / "done").touch()
    _keep_newest(workplace, {prints[-1], *(prints[start : start + 1] if previous else ())})
    return BaseState(base, prints[-1], rebuilt=True)


def _keep_newest(workplace: Workplace, wanted: set[str]) -> None:
    for folder in workplace.home.addressing.iterdir():
        if folder.is_dir() and folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)


def _register(workplace: Workplace, deliveries: tuple[str, ...]) -> pa.Table:
    rows = workplace.lake.rows(f"clean/{REGISTER}", column="delivery", values=list(deliveries))
    columns = [name for name in addressing.REGISTER_COLUMNS if name in rows.column_names]
    return rows.select(columns)


def _published(workplace: Workplace) -> pa.Table | None:
    name = "addresses/published_keys"
    return workplace.lake.arrow(name) if workplace.lake.exists(name) else None


def keep_base(workplace: Workplace, state: BaseState) -> dict[str, int]:
    """Write the base's tables to the lake unless they are those of this base; gives rows by table.

    The base's fingerprint is written last, so that a run killed between the tables writes all of them again.
    """
    counts = {}
    lake = workplace.lake
    kept = lake.exists(KEPT_BASE) and lake.arrow(KEPT_BASE)["fingerprint"].to_pylist() == [state.fingerprint]
    for name, attribute in BASE_TABLES.items():
        lake_name = f"addresses/{name}"
        if not kept:
            lake.write(lake_name, getattr(state.base, attribute))
        counts[name] = lake.count(lake_name)
    if not kept:
        lake.write(KEPT_BASE, pa.table({"fingerprint": [state.fingerprint]}))
    return counts


def queries(workplace: Workplace) -> pa.Table:
    """Distinct address queries of all feeds: `address_query` (text and hints joined by U+001F), sorted."""
    lake = workplace.lake
    parts = [
        f"SELECT DISTINCT address_query FROM {lake.relation(f'clean/{feed}')} WHERE address_query IS NOT NULL"
        for feed, contract in workplace.contracts.items()
        if contract.address and lake.exists(f"clean/{feed}")
    ]
    if not parts:
        return pa.table({"address_query": pa.array([], pa.string())})
    with duckdb.connect() as connection:
        return connection.sql(" UNION ".join(parts) + " ORDER BY address_query").to_arrow_table()


def resolve_all(workplace: Workplace, state: BaseState) -> Mapping[str, int]:
    """Resolve every distinct query that has no resolution under this base yet.

    Gives `queries`, `resolved_now`.
    """
    lake = workplace.lake
    wanted = queries(workplace)
    kept: pa.Table | None = None
    if lake.exists(RESOLUTIONS):
        before = lake.arrow(RESOLUTIONS)
        same_base = before.num_rows and before["register_version"][0].as_py() == state.fingerprint
        kept = before if same_base else None
    frame = pl.DataFrame(wanted)
    todo = frame.join(pl.DataFrame(kept.select(["address_query"])), on="address_query", how="anti") if kept is not None else frame
    todo = todo.sort("address_query")
    if not todo.is_empty():
        answers = _resolve(state, todo)
        if kept is None:
            lake.write(RESOLUTIONS, answers)
        else:
            lake.append(RESOLUTIONS, answers)
    workplace.progress("addresses", "resolve", todo.height, todo.height)
    return {"queries": frame.height, "resolved_now": todo.height}


def _resolve(state: BaseState, todo: pl.DataFrame) -> pa.Table:
    fields = pl.col("address_query").str.split_exact(SEPARATOR, len(HINTS)).struct.rename_fields(["text", *HINTS])
    asked = todo.select(fields.alias("query")).unnest("query")
    asked = asked.with_columns(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in asked.columns)
    asked = asked.with_columns(pl.col("text").fill_null(""), pl.col("lng", "lat").cast(pl.Float64, strict=False))
    answers = addressing.resolve(state.base, asked.to_arrow())
    return answers.add_column(0, "address_query", todo["address_query"].to_arrow().cast(pa.string())).append_column(
        "register_version", pa.repeat(pa.scalar(state.fingerprint, pa.string()), todo.height)
    )
