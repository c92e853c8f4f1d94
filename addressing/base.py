"""The address base: nodes, aliases, passports and published keys, and the prepared index that the resolver reads. Saving and opening.

Row numbers of `core` are internal ids: parents, ancestors, keys and aliases point at rows. Rows are never removed or reordered by a new
version, only appended and changed, so that an id stays good from version to version.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from .gazetteer import Gazetteer
from .grammar import END, MARK, Grammar
from .schema import ALIAS_SCHEMA, NODE_SCHEMA, PASSPORT_SCHEMA, PUBLISHED_SCHEMA
from .text import rewrite

_TABLES = ("core", "keys", "names", "alias_rows", "passport_rows", "published_rows")
# Small tables made of these that the resolver looks things up in. A base saved without one of them builds it when it is first asked for.
_KEPT = ("level_codes", "division_forms", "whereabouts", "confusions", "estates_by_number", "street_heads")
_REFS = ("parent", "district", "street", "community", "neighbourhood", "road", "lane", "number", "building")
# Polars does not promise the same hash in every version: the kept order is trusted only while this text hashes the same.
_PROBE = "臺北市 12號"


class AddressBaseError(ValueError):
    """A stored base cannot be opened; the message says which folder and what is wrong."""


def empty_core() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "identity": pl.String, "address_key": pl.String, "level": pl.String, "chain": pl.String, "name": pl.String, "path": pl.String,
            **dict.fromkeys(_REFS, pl.UInt32), "register_code": pl.String, "lng": pl.Float64, "lat": pl.Float64,
            "valid_from": pl.Date, "valid_to": pl.Date, "status": pl.String, "own_text": pl.Boolean,
        }
    )  # fmt: skip


@dataclass
class AddressBase:
    """One register, all versions folded. Read `nodes`, `aliases`, `passports`, `published_keys`; the rest is for the resolver."""

    grammar: Grammar
    version: dt.date | None = None
    core: pl.DataFrame = field(default_factory=empty_core)
    keys: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"key": pl.String, "form": pl.Int8, "node": pl.UInt32}))
    names: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"surface": pl.String, "kind": pl.String, "canonical": pl.String, "is_alias": pl.Boolean}
        )
    )
    alias_rows: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"node": pl.UInt32, "alias": pl.String, "kind": pl.String})
    )
    passport_rows: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={
                "node": pl.UInt32,
                "version": pl.Date,
                "event": pl.String,
                "former_path": pl.String,
                "successor": pl.UInt32,
                "detail": pl.String,
            }
        )
    )
    published_rows: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"address_key": pl.String, "path": pl.String, "level": pl.String, "first_version": pl.Date}
        )
    )
    text_only: bool = False

    @cached_property
    def nodes(self) -> pa.Table:
        """All nodes, also retired ones; columns of NODE_SCHEMA, ordered by key."""
        key, name = self.core["address_key"], self.core["name"]
        table = self.core.select(
            "address_key", "level", "chain", "name", "path", "register_code", "lng", "lat", "valid_from", "valid_to", "status",
            *(key.gather(self.core[ref]).alias(f"{ref}_key") for ref in _REFS),
            *(name.gather(self.core[ref]).alias(ref) for ref in ("district", "street", "community", "neighbourhood")),
        )  # fmt: skip
        return table.select(NODE_SCHEMA.names).sort("address_key").to_arrow().cast(NODE_SCHEMA)

    @cached_property
    def aliases(self) -> pa.Table:
        table = self.alias_rows.select(self.core["address_key"].gather(self.alias_rows["node"]), "alias", "kind")
        return table.unique().sort("address_key", "alias", "kind").to_arrow().cast(ALIAS_SCHEMA)

    @cached_property
    def passports(self) -> pa.Table:
        key = self.core["address_key"]
        table = self.passport_rows.select(
            key.gather(self.passport_rows["node"]), "version", "event", "former_path",
            key.gather(self.passport_rows["successor"]).alias("successor_key"), "detail",
        )  # fmt: skip
        return table.unique().sort("version", "address_key", "event", "successor_key").to_arrow().cast(PASSPORT_SCHEMA)

    @cached_property
    def published_keys(self) -> pa.Table:
        """Every key ever given out by this base or handed to it: an append-only table, an input of the next build."""
        own = self.core.select("address_key", "path", "level", first_version="valid_from")
        table = pl.concat([self.published_rows, own.join(self.published_rows, on="address_key", how="anti")])
        return table.sort("address_key").to_arrow().cast(PUBLISHED_SCHEMA)

    @cached_property
    def gazetteer(self) -> Gazetteer:
        return Gazetteer.build(self.names)

    @cached_property
    def numbers_communities(self) -> bool:
        """Whether doors of this register are numbered by their community (南门村12号), as if it were a road."""
        roads, communities = (self.core.filter(pl.col("level") == level)["name"] for level in ("road", "community"))
        return bool(roads.is_in(communities.implode()).any())

    def mark(self, text: pl.Series) -> pl.Series:
        """Texts in comparison form with their names marked and the grammar's rewrites done. A community directly before a number is marked as a
        road too, where the register numbers doors so."""
        marked = rewrite(self.gazetteer.mark(text), self.grammar)
        if not self.numbers_communities:
            return marked
        slots = "|".join(slot.pattern for slot in self.grammar.outer)
        return marked.to_frame("t").select(
            pl.col("t").str.replace(f"({MARK['community']}([^{END}]+){END}),?({slots})", f"${{1}}{MARK['road']}${{2}}{END}${{3}}")
        ).to_series().alias(text.name)  # fmt: skip

    @cached_property
    def key_index(self) -> KeyIndex:
        return KeyIndex.build(self.keys)

    @cached_property
    def numbers(self) -> pl.DataFrame:
        """Registered numbers for the neighbour rule: street (node), number, side (0 even, 1 odd), node, community, neighbourhood; sorted."""
        is_number = (pl.col("level") == "number") & (pl.col("status") == "current") & pl.col("parent").is_not_null()
        own = self.core.with_row_index("node").filter(is_number)
        value = pl.col("identity").str.extract(r"(\d+)(?:-\d+)*[^\d]*$").cast(pl.UInt32, strict=False)
        return (
            own.select("node", "community", "neighbourhood", street="parent", number=value)
            .filter(pl.col("number").is_not_null())
            .with_columns(side=(pl.col("number") % 2).cast(pl.UInt8))
            .sort("street", "side", "number", "node")
        )

    def kept(self, name: str, build: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """A look-up table of this base: as it was saved, else built now, once."""
        if name not in self._kept:
            self._kept[name] = build()
        return self._kept[name]

    @cached_property
    def _kept(self) -> dict[str, pl.DataFrame]:
        return {}

    def save(self, folder: str | Path) -> None:
        """Write tables and prepared index into `folder` (made if absent)."""
        from .cascade import prepare  # the resolver, which reads this base, makes the look-up tables

        prepare(self)
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        tables = {name: getattr(self, name) for name in _TABLES} | {name: self._kept[name] for name in _KEPT}
        tables |= {"order": self.key_index.order.to_frame("order"), "numbers": self.numbers}
        for name, table in tables.items():
            # Aside first: an open base reads its files where they lie.
            table.write_ipc(target / f"{name}.arrow.new", compression="uncompressed")
            (target / f"{name}.arrow.new").replace(target / f"{name}.arrow")
        facts = {
            "grammar": self.grammar.source
            if self.grammar.source and Path(self.grammar.source).parent.name != "grammars"
            else self.grammar.name,
            "version": self.version.isoformat() if self.version else None,
            "text_only": self.text_only,
            "probe": str(pl.Series([_PROBE]).hash()[0]),
            "kept": _kept_stamp(),
        }
        (target / "base.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def open(folder: str | Path) -> AddressBase:
        """A base written by `save`. Raises AddressBaseError where the folder does not hold one."""
        source = Path(folder)
        try:
            facts = json.loads((source / "base.json").read_text(encoding="utf-8"))
            tables = {name: _read_in_place(source / f"{name}.arrow") for name in (*_TABLES, "order", "numbers")}
            kept = {name: _read_in_place(path) for name in _KEPT if (path := source / f"{name}.arrow").exists()}
        except (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise AddressBaseError(f"{source}: no readable address base ({error}); build it again from the register") from error
        base = AddressBase(
            grammar=Grammar.load(facts["grammar"]),
            version=dt.date.fromisoformat(facts["version"]) if facts["version"] else None,
            text_only=facts["text_only"],
            **{name: tables[name] for name in _TABLES},
        )
        if facts["probe"] == str(pl.Series([_PROBE]).hash()[0]):
            base.__dict__["key_index"] = KeyIndex.build(base.keys, tables["order"]["order"])
        base.__dict__["numbers"] = tables["numbers"]
        if facts.get("kept") == _kept_stamp():
            base._kept.update(kept)
        return base


def _kept_stamp() -> int:
    """Changes with the code and data that the look-up tables are made by."""
    here = Path(__file__).parent
    made_by = [here / f"{name}.py" for name in ("confusion", "correctable", "fragments", "text", "work")]
    stamp = 0
    for path in (*made_by, *sorted((here / "data").glob("*.csv"))):
        stamp = zlib.crc32(path.read_bytes(), stamp)
    return stamp


def _read_in_place(path: Path) -> pl.DataFrame:
    """The table of an uncompressed Arrow file, mapped into memory: nothing is read before it is used."""
    with pa.memory_map(str(path)) as mapped:
        return pl.DataFrame(pl.from_arrow(pa.ipc.open_file(mapped).read_all()))


@dataclass(frozen=True)
class KeyIndex:
    """Key text → nodes, by sorted 64-bit hash; the text itself is compared after, so that a collision can't answer."""

    hashes: np.ndarray
    order: pl.Series
    keys: pl.Series
    nodes: np.ndarray
    forms: np.ndarray
    count: np.ndarray  # candidates from this place on that carry the same key (first place of a run holds the whole count)

    @staticmethod
    def build(keys: pl.DataFrame, order: pl.Series | None = None) -> KeyIndex:
        hashed = keys["key"].hash()
        if order is None:
            order = keys.select(h=hashed, key="key", node="node").with_row_index("i").sort("h", "key", "node")["i"]
        hashes = hashed.gather(order).to_numpy()
        count = np.ones(len(hashes), dtype=np.int32)
        if len(hashes):
            starts = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])
            count[starts] = np.diff(np.r_[starts, len(hashes)])
        return KeyIndex(
            hashes=hashes,
            order=order,
            keys=keys["key"],
            nodes=keys["node"].gather(order).to_numpy(),
            forms=keys["form"].gather(order).to_numpy(),
            count=count,
        )

    def find(self, wanted: pl.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """node of the first candidate (-1 none), number of candidates, place in the index; null texts find nothing."""
        found = np.full(len(wanted), -1, dtype=np.int64)
        count = np.zeros(len(wanted), dtype=np.int32)
        if not len(self.hashes) or not len(wanted):
            return found, count, found.copy()
        hashed = wanted.fill_null("").hash().to_numpy()
        # In rising order the search walks through the index once, instead of jumping about in it for every text.
        rising = np.argsort(hashed)
        place = np.empty(len(hashed), dtype=np.int64)
        place[rising] = np.searchsorted(self.hashes, hashed[rising])
        inside = np.minimum(place, len(self.hashes) - 1)
        hit = np.flatnonzero(self.hashes[inside] == hashed)
        same = (self.keys.gather(self.order.gather(inside[hit])) == wanted.gather(hit)).fill_null(False).to_numpy()
        hit = hit[same]
        at = inside[hit]
        found[hit] = self.nodes[at]
        count[hit] = self.count[at]
        places = np.full(len(wanted), -1, dtype=np.int64)
        places[hit] = at
        return found, count, places
