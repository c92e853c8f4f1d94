"""The open texts of one run and what has been found for them; the base's divisions and levels as the stages look them up. No stage."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from .base import AddressBase
from .grammar import END, MARK
from .reasons import REASON_CODES
from .schema import LEVELS, METHODS, OUTCOMES
from .text import comparable

HINTS = ("district", "street", "community", "lng", "lat")
NONE = -1
OUTCOME = {name: code for code, name in enumerate(OUTCOMES)}
METHOD = {name: code for code, name in enumerate(METHODS)}
REASON = {name: code for code, name in enumerate(REASON_CODES)}
LEVEL = {name: code for code, name in enumerate(LEVELS)}
# What a link rests on; with method and reason it is the class that a score is measured for.
DISTRICT_AGREES, DISTRICT_SILENT, DISTRICT_CONFLICT = 0, 1, 2
LOOSE_BEFORE = 4
COMMUNITY_CONFLICT = 8
COMMUNITY_AGREES = 16


@dataclass
class Work:
    """The open texts and what has been found. All arrays have one place per distinct text."""

    base: AddressBase
    queries: pl.DataFrame
    marked: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.String))
    slots: pl.DataFrame = field(default_factory=pl.DataFrame)
    stages: list[tuple[str, int]] = field(default_factory=list)
    # Where a dict is put here, stages leave in it what they looked at, for the receipt of one text. None in bulk.
    trace: dict[str, pl.DataFrame] | None = None

    def __post_init__(self) -> None:
        size = self.queries.height
        self.node = np.full(size, NONE, dtype=np.int64)
        self.outcome = np.full(size, NONE, dtype=np.int8)
        self.method = np.full(size, NONE, dtype=np.int8)
        self.reason = np.full(size, NONE, dtype=np.int8)
        self.evidence = np.zeros(size, dtype=np.int16)
        self.level = np.full(size, NONE, dtype=np.int8)
        self.runner_up = np.full(size, NONE, dtype=np.int64)
        self.community = np.full(size, NONE, dtype=np.int64)
        self.neighbourhood = np.full(size, NONE, dtype=np.int64)
        self.bare = np.zeros(size, dtype=bool)  # the answer's own community says nothing (a crossing)
        self.foreign = np.zeros(size, dtype=bool)  # several candidates, none in a district that the text names
        self.shared = np.full(size, NONE, dtype=np.int64)
        self.similarity = np.zeros(size)
        self.similarity_next = np.zeros(size)

    @property
    def open(self) -> np.ndarray:
        return np.flatnonzero(self.outcome == NONE)

    def settle(self, rows: np.ndarray, node: np.ndarray, outcome: str, method: str | None, reason: str) -> None:
        self.node[rows] = node
        self.outcome[rows] = OUTCOME[outcome]
        self.method[rows] = METHOD[method] if method else NONE
        self.reason[rows] = REASON[reason]


def take(work: Work, inner: Work, source: np.ndarray, target: np.ndarray) -> None:
    """Carry the answers of a second reading over to the texts they belong to."""
    for name in ("node", "outcome", "method", "reason", "evidence", "level", "runner_up", "community", "neighbourhood", "shared", "bare"):
        getattr(work, name)[target] = getattr(inner, name)[source]
    work.slots = with_rows(work.slots, target, inner.slots[source])


def with_rows(frame: pl.DataFrame, rows: np.ndarray, values: pl.DataFrame) -> pl.DataFrame:
    if not len(rows):
        return frame
    order = np.argsort(rows)
    return frame.with_columns(frame[name].scatter(rows[order], values[name].gather(order)) for name in frame.columns)


def index_of(numbers: np.ndarray) -> pl.Series:
    """Row numbers with NONE as null."""
    series = pl.Series(numbers.astype(np.int64))
    return series.set(series == NONE, None).cast(pl.UInt32) if len(numbers) else series.cast(pl.UInt32)


def level_codes(base: AddressBase) -> np.ndarray:
    """Place in LEVELS of each node's level; one more place at the end for NONE. Kept on the base."""
    if "_level_codes" not in base.__dict__:
        codes = kept_level_codes(base)["code"].to_numpy()
        base.__dict__["_level_codes"] = np.append(codes, np.int8(len(LEVELS)))
    return base.__dict__["_level_codes"]


def kept_level_codes(base: AddressBase) -> pl.DataFrame:
    """code: place in LEVELS of each node's level."""
    return base.kept("level_codes", lambda: base.core.select(code=pl.col("level").replace_strict(LEVEL, return_dtype=pl.Int8)))


def division_forms(base: AddressBase) -> pl.DataFrame:
    """node, level, form: all divisions, also retired ones, with their own names in comparison form; by node."""

    def build() -> pl.DataFrame:
        core = base.core.with_row_index("node").filter(pl.col("level").is_in(list(_DIVISIONS)))
        return core.select(pl.col("node").cast(pl.Int64), "level", form=comparable(core["name"], base.grammar))

    return base.kept("division_forms", build)


_DIVISIONS = ("district", "street", "community")


def division_name(base: AddressBase, level: str) -> pl.Series:
    """Comparison form of each node's own name, for division nodes (null elsewhere). Kept on the base."""
    return _spread(base, level, "_division_names", pl.col("form"))


def division_mark(base: AddressBase, level: str) -> pl.Series:
    """The mark that each division of that level has in a marked text (null for other nodes). Kept on the base."""
    return _spread(base, level, "_division_marks", MARK[level] + pl.col("form") + END)


def _spread(base: AddressBase, level: str, kept: str, value: pl.Expr) -> pl.Series:
    """A value of the divisions of one level as a column over all nodes."""
    cache = base.__dict__.setdefault(kept, {})
    if level not in cache:
        own = division_forms(base).filter(pl.col("level") == level).select("node", value=value)
        column = pl.Series([None], dtype=pl.String).new_from_index(0, base.core.height)
        cache[level] = column.scatter(own["node"].to_numpy(), own["value"]) if own.height else column
    return cache[level]


def division_tree(base: AddressBase) -> pl.DataFrame:
    """Current divisions: node, level, name, own_district, own_street (comparison forms). Kept on the base."""
    if "_tree" not in base.__dict__:
        own = division_forms(base)
        core = base.core.select("status", "district", "street")[own["node"]]
        tree = own.select("node", "level", name="form").with_columns(
            own_district=division_name(base, "district").gather(core["district"]),
            own_street=division_name(base, "street").gather(core["street"]),
        )
        base.__dict__["_tree"] = tree.filter(core["status"] == "current")
    return base.__dict__["_tree"]


def named_community(work: Work, rows: np.ndarray) -> np.ndarray:
    """The community that the text itself names, where that name is one community's alone (within the named district); NONE otherwise."""
    base = work.base
    marked = work.marked.gather(rows)
    asked = pl.DataFrame({
        "at": np.arange(len(rows)), "name": marked.str.extract(f"{MARK['community']}([^{END}]+){END}", 1),
        "district": marked.str.extract(f"{MARK['district']}([^{END}]+){END}", 1),
    }).filter(pl.col("name").is_not_null())  # fmt: skip
    found = asked.join(division_tree(base).filter(pl.col("level") == "community"), on="name", how="inner")
    found = found.filter(pl.col("district").is_null() | (pl.col("district") == pl.col("own_district")).fill_null(True))
    found = found.unique("at", keep="none")
    result = np.full(len(rows), NONE, dtype=np.int64)
    result[found["at"].to_numpy()] = found["node"].to_numpy()
    return result
