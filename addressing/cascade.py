"""The resolver: distinct texts through a cascade of named stages, each taking only what the former left open.

Every stage is a set operation over all open texts; none loops over rows, and no text's answer depends on another text. What a stage finds
is written into `Work`; `_report` turns it into the columns of RESOLUTION_SCHEMA.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from .base import AddressBase
from .confusion import confusion_index, corrections
from .divisions import find_divisions
from .grammar import ALIAS, END, MARK
from .reasons import REASON_CODES, sentence
from .register import inner_key
from .schema import LEVELS, METHODS, OUTCOMES, RESOLUTION_SCHEMA
from .slots import read_slots, split_street_part
from .text import comparable, rewrite
from .textual import build_text_index, normal_form, rank

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


def resolve(base: AddressBase, queries: pa.Table) -> pa.Table:
    """Link texts to the base. queries: `text`, optionally district, street, community (names), lng, lat (degrees, WGS 84 or the register's own).

    One row per query, same order; columns of RESOLUTION_SCHEMA. Equal queries get equal answers whatever stands beside them.
    """
    frame = _query_frame(queries)
    all_distinct = frame.width == 1 and frame["text"].n_unique() == frame.height  # several times cheaper than making them distinct
    distinct = frame if all_distinct else frame.unique(maintain_order=True)
    report = _in_batches(base, distinct)
    if distinct.height < frame.height:
        place = frame.join(distinct.with_row_index("_place"), on=frame.columns, how="left", nulls_equal=True, maintain_order="left")[
            "_place"
        ]
        report = report.take(place.to_arrow())
    return report


_BATCH = 300_000


def _in_batches(base: AddressBase, distinct: pl.DataFrame) -> pa.Table:
    """All stages on batches in parallel (Polars lets go of the interpreter; one text operation alone uses one core)."""
    workers = pl.thread_pool_size()
    # Equal batches, the same number for every worker: the last one to finish sets the time.
    rounds = max(1, -(-distinct.height // (_BATCH * workers)))
    size = max(5_000, -(-distinct.height // (rounds * workers)))
    if distinct.height <= size:
        return _answers(base, distinct)
    prepare(base)
    parts = [distinct.slice(start, size) for start in range(0, distinct.height, size)]
    with ThreadPoolExecutor(workers) as pool:
        return pa.concat_tables(pool.map(lambda part: _answers(base, part), parts))


def prepare(base: AddressBase) -> None:
    """Build all that the resolver keeps beside the saved index, so that the first texts do not wait for it."""
    for prepared in (base.key_index, base.gazetteer, base.numbers, _correctable(base), _confusions(base), _division_tree(base),
                     _level_codes(base), _division_mark(base, "district"), _division_mark(base, "community"), _number_order(base), _calibration()):  # fmt: skip
        del prepared


def _answers(base: AddressBase, distinct: pl.DataFrame) -> pa.Table:
    return _report(run(base, distinct)).to_arrow().cast(RESOLUTION_SCHEMA)


def _query_frame(queries: pa.Table) -> pl.DataFrame:
    if "text" not in queries.column_names:
        raise ValueError(f"queries need a column `text`; there are: {', '.join(queries.column_names)}")
    frame = pl.DataFrame(pl.from_arrow(queries))
    columns = [pl.col("text").cast(pl.String).fill_null("")]
    for hint in HINTS:
        if hint in frame.columns and frame[hint].null_count() < frame.height:
            columns.append(pl.col(hint).cast(pl.Float64 if hint in ("lng", "lat") else pl.String, strict=False))
    return frame.select(columns)


def run(base: AddressBase, distinct: pl.DataFrame) -> Work:
    """All stages over distinct queries. The order is the cascade; each stage says how many texts it settled."""
    work = Work(base, distinct)
    for stage in STAGES:
        before = len(work.open)
        stage(work)
        work.stages.append((stage.__name__, before - len(work.open)))
    return work


def stage_read(work: Work) -> None:
    """Comparison form, names marked, slots read."""
    base = work.base
    text = comparable(work.queries["text"], base.grammar)
    marked = rewrite(base.gazetteer.mark(text), base.grammar)
    work.marked = marked
    work.slots = read_slots(marked, base.grammar)


def stage_full_text(work: Work) -> None:
    """Of a register of full texts: the text equals a registered one."""
    base = work.base
    if not base.text_only:
        return
    own = _own_texts(base)
    asked = pl.DataFrame({"row": np.arange(len(work.marked)), "form": normal_form(work.queries["text"], base.grammar)})
    found = asked.filter(pl.col("form") != "").join(own.unique("form", keep="none"), on="form", how="inner").sort("row")
    work.settle(found["row"].to_numpy(), found["node"].to_numpy(), "resolved", "exact", "full_text")


def _own_texts(base: AddressBase) -> pl.DataFrame:
    """node, path, form: current places that have a text of their own in the register."""
    if "_own_texts" not in base.__dict__:
        core = base.core.with_row_index("node").filter((pl.col("status") == "current") & pl.col("own_text"))
        base.__dict__["_own_texts"] = core.select(pl.col("node").cast(pl.Int64), "path", form=normal_form(core["path"], base.grammar))
    return base.__dict__["_own_texts"]


def _is_list_of_places(base: AddressBase) -> bool:
    """True of a text register most of whose entries are no addresses in slots but names and descriptions."""
    if "_is_list" not in base.__dict__:
        own = base.core.filter(pl.col("own_text"))
        base.__dict__["_is_list"] = base.text_only and own.height > 0 and float(own["identity"].str.starts_with("X:").mean() or 0) > 0.25  # type: ignore[arg-type]
    return base.__dict__["_is_list"]


def stage_similar_text(work: Work) -> None:
    """Of a register of full texts: the likeliest one for what is still open. Never sure: outcome ambiguous, the score says how alike."""
    base = work.base
    if not base.text_only:
        return
    full_text = (work.outcome == OUTCOME["resolved"]) & (work.reason == REASON["full_text"])
    if _is_list_of_places(base):
        rows = np.flatnonzero(~full_text)
    else:
        rows = np.flatnonzero((work.outcome != OUTCOME["resolved"]) & (work.reason == REASON["unknown_name"]))
    if not len(rows):
        return
    if "_text_index" not in base.__dict__:
        own = _own_texts(base)
        base.__dict__["_text_index"] = build_text_index(own["node"], own["path"], base.grammar)
    ranked = rank(base.__dict__["_text_index"], work.queries["text"].gather(rows), base.grammar)
    first = ranked.filter(pl.col("rank") == 1)
    second = ranked.filter(pl.col("rank") == 2)
    at = rows[first["row"].to_numpy()]
    work.settle(at, first["node"].cast(pl.Int64).to_numpy(), "ambiguous", "correction", "similar_text")
    for array in (work.community, work.neighbourhood, work.runner_up, work.level):
        array[at] = NONE
    work.runner_up[rows[second["row"].to_numpy()]] = second["node"].cast(pl.Int64).to_numpy()
    work.similarity[at] = first["s"].clip(0, 1).to_numpy()
    work.similarity_next[rows[second["row"].to_numpy()]] = second["s"].clip(0, 1).to_numpy()


def stage_exact(work: Work) -> None:
    """The deepest registered place on the text's own road and number, or estate."""
    base, grammar, slots = work.base, work.base.grammar, work.slots
    levels = [slot.level for slot in grammar.inner]
    rows = np.flatnonzero(slots["shape"].is_in(["door", "estate"]).fill_null(False).to_numpy() & (work.outcome == NONE))
    if not len(rows):
        return
    part = slots[rows] if len(rows) < slots.height else slots
    head = part.select(pl.concat_str("street_part", "number")).to_series()
    named = np.full(len(rows), NONE, dtype=np.int8)  # place of the deepest inner level that the text names
    node = np.full(len(rows), NONE, dtype=np.int64)
    count = np.zeros(len(rows), dtype=np.int32)
    place = np.full(len(rows), NONE, dtype=np.int64)
    reached = np.full(len(rows), NONE, dtype=np.int8)
    for depth in reversed(range(len(levels))):
        has = part[levels[depth]].is_not_null()
        if not has.any():
            continue
        named = np.where((named == NONE) & has.to_numpy(), depth, named)
        for key_head in (head, part["estate"]):
            wanted = np.flatnonzero(has.to_numpy() & (node == NONE) & key_head.is_not_null().to_numpy())
            if not len(wanted):
                continue
            key = part[wanted].select(key_head.gather(wanted).alias("_head") + inner_key(grammar, levels[depth])).to_series()
            found, many, at = base.key_index.find(key)
            hit = found != NONE
            node[wanted[hit]], count[wanted[hit]], place[wanted[hit]] = found[hit], many[hit], at[hit]
            reached[wanted[hit]] = depth
    for key_head in (part["estate"], head):
        wanted = np.flatnonzero((node == NONE) & key_head.is_not_null().to_numpy())
        if len(wanted):
            found, many, at = base.key_index.find(key_head.gather(wanted))
            hit = found != NONE
            node[wanted[hit]], count[wanted[hit]], place[wanted[hit]] = found[hit], many[hit], at[hit]
    hit = node != NONE
    _settle_found(work, rows[hit], node[hit], count[hit], place[hit], named[hit], reached[hit], reason=None)


def _settle_found(
    work: Work,
    rows: np.ndarray,
    node: np.ndarray,
    count: np.ndarray,
    place: np.ndarray,
    named: np.ndarray,
    reached: np.ndarray,
    reason: str | None,
) -> None:
    """Outcome and evidence for texts whose key is in the register."""
    base = work.base
    many = count > 1
    if many.any():
        node = _choose(work, rows, node, count, place)
    form = base.key_index.forms[place]
    work.settle(rows, node, "resolved", "exact", reason or "exact")
    work.reason[rows[form == 1]] = REASON["section_omitted" if not base.grammar.has_estates else "unit_omitted"]
    short = (named > reached) | (work.slots["unread"].gather(rows) != "").fill_null(False).to_numpy()
    if reason == "list":
        short[:] = False
    work.outcome[rows[short]] = OUTCOME["not_in_register"]
    work.reason[rows[short]] = REASON["inside_missing"]
    if base.grammar.ground_floor and short.any():
        floor = work.slots["floor"].gather(rows[short]).is_in(list(base.grammar.ground_floor)).fill_null(False).to_numpy()
        ground = rows[short][floor]
        work.outcome[ground], work.reason[ground] = OUTCOME["resolved"], REASON["ground_floor"]
    retired = form == 9
    work.outcome[rows[retired]], work.reason[rows[retired]] = OUTCOME["not_in_register"], REASON["retired"]
    alias = work.marked.gather(rows).str.contains(ALIAS, literal=True).to_numpy()
    alias |= form == 2
    work.method[rows[alias]] = METHOD["alias"]
    by_alias = rows[alias & (work.reason[rows] == REASON["exact"])]
    work.reason[by_alias] = REASON["alias"]
    several = node == NONE
    work.outcome[rows[several]], work.reason[rows[several]] = OUTCOME["ambiguous"], REASON["several"]
    work.method[rows[several]] = NONE
    _weigh(work, rows)


def _choose(work: Work, rows: np.ndarray, node: np.ndarray, count: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Of several candidates the one that the named divisions or the hints leave; NONE (and their common ancestors noted) where they leave more."""
    base = work.base
    many = np.flatnonzero(count > 1)
    spread = np.repeat(many, count[many])
    offset = np.arange(len(spread)) - np.repeat(np.cumsum(count[many]) - count[many], count[many])
    candidates = (
        pl.DataFrame({"at": spread, "row": rows[spread], "node": base.key_index.nodes[place[spread] + offset]})
        .with_columns(pl.col("node").cast(pl.Int64))
        .unique(["at", "node"])
        .sort("at", "node")
    )
    marked = work.marked.gather(candidates["row"])
    agreement = np.zeros(candidates.height, dtype=np.float64)
    for level, weight in (("district", 4.0), ("street", 2.0), ("community", 1.0)):
        name = _division_name(base, level).gather(base.core[level].gather(candidates["node"]))
        in_text = pl.DataFrame({"m": marked, "n": MARK[level] + name + END})
        agreement += weight * in_text.select(pl.col("m").str.contains(pl.col("n"), literal=True).fill_null(False)).to_series().to_numpy()
        if level in work.queries.columns:
            hint = comparable(work.queries[level].gather(candidates["row"]), base.grammar)
            agreement += weight * (hint == name).fill_null(False).to_numpy()
    candidates = candidates.with_columns(agreement=pl.Series(agreement))
    if "lng" in work.queries.columns and "lat" in work.queries.columns:
        d = (base.core["lng"].gather(candidates["node"]) - work.queries["lng"].gather(candidates["row"])) ** 2 + (
            base.core["lat"].gather(candidates["node"]) - work.queries["lat"].gather(candidates["row"])
        ) ** 2
        candidates = candidates.with_columns(agreement=pl.col("agreement") + (d < 0.00001).fill_null(False).cast(pl.Float64))
    best = candidates.filter(pl.col("agreement") == pl.col("agreement").max().over("at"))
    chosen = best.group_by("at", maintain_order=True).agg(pl.col("node").first(), n=pl.len(), all="node", row=pl.col("row").first())
    single = chosen.filter(pl.col("n") == 1)
    node = node.copy()
    node[many] = NONE
    node[single["at"].to_numpy()] = single["node"].to_numpy()
    several = best.join(chosen.filter(pl.col("n") > 1).select("at"), on="at", how="semi")
    if several.height:
        _note_common(work, several)
    return node


def _note_common(work: Work, several: pl.DataFrame) -> None:
    """What all candidates of a text share, deepest first, becomes its answer; the second candidate is kept as runner-up."""
    core = work.base.core
    refs = ["building", "number", "lane", "road", "neighbourhood", "community", "street", "district"]
    frame = several.with_columns(core[ref].gather(several["node"]).alias(ref) for ref in refs)
    # Sections of one road share the road as a whole.
    whole = core["parent"].gather(frame["road"])
    is_road = (core["level"].gather(whole) == "road").fill_null(False)
    frame = frame.with_columns(whole=pl.select(pl.when(is_road).then(whole)).to_series())
    refs.insert(refs.index("road") + 1, "whole")
    shared = frame.group_by("row", maintain_order=True).agg(
        *(pl.when((pl.col(ref).n_unique() == 1) & (pl.col(ref).null_count() == 0)).then(pl.col(ref).first()).alias(ref) for ref in refs),
        runner=pl.col("node").get(1),
    )
    rows = shared["row"].to_numpy()
    work.runner_up[rows] = shared["runner"].to_numpy()
    for name, target in (("community", work.community), ("neighbourhood", work.neighbourhood)):
        target[rows] = shared[name].cast(pl.Int64).fill_null(NONE).to_numpy()
    work.level[rows] = NONE
    common = shared.select(
        pl.coalesce("building", "number", "lane", "road", "whole", "neighbourhood", "community", "street", "district")
    ).to_series()
    work.shared[rows] = common.cast(pl.Int64).fill_null(NONE).to_numpy()


def _division_name(base: AddressBase, level: str) -> pl.Series:
    """Comparison form of each node's own name, for division nodes (null elsewhere). Kept on the base."""
    cache = base.__dict__.setdefault("_division_forms", {})
    if level not in cache:
        is_level = (base.core["level"] == level).fill_null(False)
        forms = pl.Series([None], dtype=pl.String).new_from_index(0, base.core.height)
        cache[level] = (
            forms.scatter(is_level.arg_true(), comparable(base.core["name"].filter(is_level), base.grammar)) if is_level.any() else forms
        )
    return cache[level]


def _division_mark(base: AddressBase, level: str) -> pl.Series:
    """The mark that each division of that level has in a marked text (null for other nodes). Kept on the base."""
    cache = base.__dict__.setdefault("_division_marks", {})
    if level not in cache:
        cache[level] = MARK[level] + _division_name(base, level) + END
    return cache[level]


def _weigh(work: Work, rows: np.ndarray) -> None:
    """Evidence beside the door itself: does the district that the text (or the hint) names agree, is the name's left boundary clean."""
    base = work.base
    node = work.node[rows]
    valid = np.flatnonzero(node != NONE)
    if not len(valid):
        return
    rows, node = rows[valid], node[valid]
    marked = work.marked.gather(rows)
    evidence = np.zeros(len(rows), dtype=np.int16)
    for level, agrees, silent, conflict in (
        ("district", DISTRICT_AGREES, DISTRICT_SILENT, DISTRICT_CONFLICT),
        ("community", COMMUNITY_AGREES, 0, COMMUNITY_CONFLICT),
    ):
        division = base.core[level].gather(node)
        read = pl.DataFrame({"m": marked, "own": _division_mark(base, level).gather(division)}).select(
            named=pl.col("m").str.contains(MARK[level], literal=True) & pl.col("own").is_not_null(),
            inside=pl.col("m").str.contains(pl.col("own"), literal=True).fill_null(False),
        )
        value = np.where(read["inside"].to_numpy(), agrees, np.where(read["named"].to_numpy(), conflict, silent)).astype(np.int16)
        if level in work.queries.columns:
            own = _division_name(base, level).gather(division)
            hint = comparable(work.queries[level].gather(rows), base.grammar)
            value[((hint == own).fill_null(False)).to_numpy() & (value == silent)] = agrees
        evidence |= value
    loose = marked.str.contains(
        rf"[\p{{Han}}&&[^邻段号院楼栋在于与和及往到近过从至是的住]]{ALIAS}?[{MARK['road']}{MARK['estate']}]"
    ).to_numpy()
    evidence[loose] |= LOOSE_BEFORE
    work.evidence[rows] = evidence


def stage_short_name(work: Work) -> None:
    """An estate's short form before a building or room (翠湖3栋 for 翠湖花园): taken only where that building or room is registered."""
    base, grammar = work.base, work.base.grammar
    if not grammar.has_estates:
        return
    rows = work.open
    rows = rows[work.slots["shape"].gather(rows).is_null().to_numpy()]
    if not len(rows):
        return
    inner_slots = "|".join(slot.pattern for slot in grammar.inner)
    marked = work.marked.gather(rows)
    asked = pl.DataFrame({"row": rows, "marked": marked}).with_columns(
        chunk=pl.col("marked").str.extract(rf"([\p{{Han}}]{{2,10}}?(?:小区)?)(?:{inner_slots}|\d+-\d)", 1)
    ).drop_nulls()  # fmt: skip
    if not asked.height:
        return
    sizes = pl.concat_list([pl.when(pl.col("chunk").str.len_chars() >= n).then(pl.col("chunk").str.tail(n)) for n in range(2, 11)])
    pieces = asked.with_columns(piece=sizes).explode("piece").drop_nulls().with_columns(short=pl.col("piece").str.strip_suffix("小区"))
    chosen = pieces.join(_short_names(base), on="short", how="inner").sort("row", pl.col("piece").str.len_chars(), descending=[False, True])
    chosen = chosen.unique("row", keep="first", maintain_order=True)
    if not chosen.height:
        return
    around = chosen.select(pl.col("marked").str.splitn(pl.col("piece"), 2), "mark").unnest("marked")
    inner = Work(base, work.queries[chosen["row"].to_numpy()])
    inner.marked = rewrite(around.select(pl.col("field_0") + ALIAS + pl.col("mark") + pl.col("field_1")).to_series(), grammar)
    inner.slots = read_slots(inner.marked, grammar)
    stage_exact(inner)
    taken = (inner.outcome == OUTCOME["resolved"]) & (inner.node != NONE)
    _take(work, inner, np.flatnonzero(taken), chosen["row"].to_numpy()[taken])


def _take(work: Work, inner: Work, source: np.ndarray, target: np.ndarray) -> None:
    """Carry the answers of a second reading over to the texts they belong to."""
    for name in ("node", "outcome", "method", "reason", "evidence", "level", "runner_up", "community", "neighbourhood", "shared", "bare"):
        getattr(work, name)[target] = getattr(inner, name)[source]
    work.slots = _with_rows(work.slots, target, inner.slots[source])


def _short_names(base: AddressBase) -> pl.DataFrame:
    """short, mark: an estate's name without its type word, or its first two characters with or without it, where only one estate of the base is so
    called and no other name is."""
    if "_short_names" not in base.__dict__:
        table = _correctable(base).filter(pl.col("mark").str.starts_with(MARK["estate"])).select("name", "mark").unique()
        suffix = "|".join(sorted(base.grammar.estate_suffixes, key=len, reverse=True))
        kind = pl.col("name").str.extract(f"({suffix})$", 1)
        without = pl.col("name").str.replace(f"({suffix})$", "")
        shorts = pl.concat([
            table.select(without.alias("short"), "mark"), table.select((pl.col("name").str.slice(0, 2) + kind).alias("short"), "mark"),
            table.filter(pl.col("name").str.len_chars() >= 4).select(pl.col("name").str.slice(0, 2).alias("short"), "mark"),
        ]).filter(pl.col("short").str.len_chars() >= 2).drop_nulls().unique()  # fmt: skip
        known = base.names.select(short="surface")
        base.__dict__["_short_names"] = shorts.filter(pl.len().over("short") == 1).join(known, on="short", how="anti")
    return base.__dict__["_short_names"]


def stage_contradiction(work: Work) -> None:
    """A number or floor in the text that differs from the found place's own is a veto: what both share remains."""
    base, slots = work.base, work.slots
    if not base.grammar.has_estates:
        return
    core = base.core
    rows = np.flatnonzero((work.node != NONE) & slots["estate"].is_not_null().to_numpy() & slots["number"].is_not_null().to_numpy())
    if len(rows):
        own = core["number"].gather(work.node[rows])
        said, _, _ = base.key_index.find(slots[rows].select(pl.concat_str("street_part", "number")).to_series())
        differs = own.is_not_null().to_numpy() & (own.cast(pl.Int64).fill_null(NONE).to_numpy() != said)
        at = rows[differs]
        community = core["community"].gather(work.node[at]).cast(pl.Int64).fill_null(NONE).to_numpy()
        other = core["community"].gather(_index(said[differs])).cast(pl.Int64).fill_null(NONE).to_numpy()
        shared = np.where((other == NONE) | (other == community), community, NONE)
        work.runner_up[at] = work.node[at]
        work.settle(at, shared, "ambiguous", None, "contradiction")
    rows = np.flatnonzero((work.node != NONE) & slots["floor"].is_not_null().to_numpy())
    if len(rows):
        level, parent = core["level"].gather(work.node[rows]), core["parent"].gather(work.node[rows])
        own_floor = core["name"].gather(parent).str.extract(r"^(B?\d+)", 1)
        said_floor = slots["floor"].gather(rows).str.extract(r"^(B?\d+)", 1)
        is_room = (level == "room") & (core["level"].gather(parent) == "floor")
        differs = (is_room & (own_floor != said_floor)).fill_null(False).to_numpy()
        at = rows[differs]
        building = pl.select(pl.coalesce(core["building"].gather(work.node[at]), core["number"].gather(work.node[at]))).to_series()
        work.runner_up[at] = work.node[at]
        work.settle(at, building.cast(pl.Int64).fill_null(NONE).to_numpy(), "ambiguous", None, "contradiction")


def stage_list(work: Work) -> None:
    """Lists and ranges of numbers (24、26號, 1–19號): the first member that is registered."""
    base, grammar = work.base, work.base.grammar
    rows = work.open
    if not len(rows):
        return
    separators = "".join(sorted({s for s in grammar.list_separators if len(s) == 1 and s != "-"}))
    expression = f"({grammar.street_expression})((?:临)?\\d[\\d号{separators}-]*)号"
    marked = work.marked.gather(rows)
    has = marked.str.contains(expression).fill_null(False)
    rows = rows[has.to_numpy()]
    if not len(rows):
        return
    groups = marked.filter(has).to_frame("t").select(pl.col("t").str.extract_groups(expression)).unnest("t")
    members = groups.select(
        row=pl.Series(np.arange(len(rows))), street=pl.col("1"), member=pl.col("2").str.extract_all(r"\d+(?:-\d+)?"),
        is_list=pl.col("2").str.contains(rf"[号{separators}]"),
    ).explode("member")  # fmt: skip
    # A hyphen is a range where the second number is the larger one of the same side (81-85號); else it is a sub-number (12-1號).
    low = members["member"].str.extract(r"^(\d+)-", 1).cast(pl.Int64, strict=False)
    high = members["member"].str.extract(r"-(\d+)$", 1).cast(pl.Int64, strict=False)
    is_range = ((high > low) & ((high - low) % 2 == 0) & (high - low <= 200)).fill_null(False)
    ends = members.filter(is_range).with_columns(member=low.filter(is_range).cast(pl.String))
    members = pl.concat([members.filter("is_list"), ends]).with_row_index("order").sort("row", "order").drop("order", "is_list")
    if not members.height:
        return
    key = members.select(pl.col("street") + pl.col("member") + "号").to_series()
    found, count, place = base.key_index.find(key)
    members = members.with_columns(node=pl.Series(found), count=pl.Series(count), place=pl.Series(place)).filter(pl.col("node") != NONE)
    first = members.group_by("row", maintain_order=True).first()
    if not first.height:
        return
    at = first["row"].to_numpy()
    nothing = np.full(len(at), NONE, dtype=np.int8)
    _settle_found(
        work, rows[at], first["node"].to_numpy(), first["count"].to_numpy(), first["place"].to_numpy(), nothing, nothing, reason="list"
    )


def stage_other_district(work: Work) -> None:
    """A door in another district than the text names is not the text's door: its street is, and the number is missing there."""
    rows = np.flatnonzero((work.node != NONE) & ((work.evidence & 3) == DISTRICT_CONFLICT))
    if not len(rows):
        return
    node, _ = _deepest_street(work, rows)
    work.settle(rows, node, "not_in_register", "exact", "district_conflict")
    work.method[rows[node == NONE]] = NONE


def stage_missing_number(work: Work) -> None:
    """A number that the register lacks: its street, and the community that its neighbours on the same side share."""
    base, slots = work.base, work.slots
    rows = work.open
    if not len(rows):
        return
    rows = rows[slots["number"].gather(rows).is_not_null().to_numpy()]
    if not len(rows):
        return
    node, whole = _deepest_street(work, rows)
    hit = node != NONE
    work.settle(rows[hit], node[hit], "not_in_register", "exact", "number_missing")
    work.reason[rows[hit & ~whole]] = REASON["lane_missing"]
    _weigh(work, rows[hit])
    work.community[rows[hit]] = _named_community(work, rows[hit])
    known = np.flatnonzero(hit & whole)
    if not len(known):
        return
    number = slots["number"].gather(rows[known]).str.extract(r"(\d+)").cast(pl.UInt32, strict=False)
    asked = pl.DataFrame({"at": known, "street": node[known], "number": number}).filter(pl.col("number").is_not_null())
    below, above = _neighbours(base, asked["street"].to_numpy(), asked["number"].to_numpy())
    community, neighbourhood = base.numbers["community"], base.numbers["neighbourhood"]
    joined = asked.select("at").with_columns(
        community=community.gather(below), neighbourhood=neighbourhood.gather(below),
        c2=community.gather(above), n2=neighbourhood.gather(above),
    )  # fmt: skip
    same = joined.filter((pl.col("community") == pl.col("c2")) & pl.col("community").is_not_null())
    at = rows[same["at"].to_numpy()]
    work.community[at] = same["community"].cast(pl.Int64).to_numpy()
    named = _named_community(work, at)
    work.community[at] = np.where(named == NONE, work.community[at], named)
    lin = same.select(
        pl.when(pl.col("neighbourhood") == pl.col("n2")).then(pl.col("neighbourhood")).cast(pl.Int64).fill_null(NONE)
    ).to_series()
    agree = (named == NONE) | (named == same["community"].cast(pl.Int64).to_numpy())
    work.neighbourhood[at] = np.where(agree, lin.to_numpy(), NONE)
    work.reason[at[agree]] = REASON["number_missing_neighbours"]


def _neighbours(base: AddressBase, street: np.ndarray, number: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Places in `base.numbers` of the next registered numbers below and above (or at) the asked ones, on the same street and side; null where none."""
    order, asked = _number_order(base), _street_side_number(street, number)
    below, above = np.searchsorted(order, asked, side="right") - 1, np.searchsorted(order, asked, side="left")
    line = asked >> np.uint64(32)

    def on_line(place: np.ndarray) -> pl.Series:
        inside = (place >= 0) & (place < len(order))
        inside[inside] = (order[place[inside]] >> np.uint64(32)) == line[inside]
        return _index(np.where(inside, place, NONE))

    return on_line(below), on_line(above)


def _number_order(base: AddressBase) -> np.ndarray:
    """`base.numbers` as integers that rise in its own order. Kept on the base."""
    if "_number_order" not in base.__dict__:
        base.__dict__["_number_order"] = _street_side_number(base.numbers["street"].to_numpy(), base.numbers["number"].to_numpy())
    return base.__dict__["_number_order"]


def _street_side_number(street: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Street, side (1 odd) and number in one integer: 31, 1 and 32 bits."""
    number = number.astype(np.uint64)
    return (street.astype(np.uint64) << np.uint64(33)) | ((number % np.uint64(2)) << np.uint64(32)) | number


def _named_community(work: Work, rows: np.ndarray) -> np.ndarray:
    """The community that the text itself names, where that name is one community's alone (within the named district); NONE otherwise."""
    base = work.base
    marked = work.marked.gather(rows)
    asked = pl.DataFrame({
        "at": np.arange(len(rows)), "name": marked.str.extract(f"{MARK['community']}([^{END}]+){END}", 1),
        "district": marked.str.extract(f"{MARK['district']}([^{END}]+){END}", 1),
    }).filter(pl.col("name").is_not_null())  # fmt: skip
    found = asked.join(_division_tree(base).filter(pl.col("level") == "community"), on="name", how="inner")
    found = found.filter(pl.col("district").is_null() | (pl.col("district") == pl.col("own_district")).fill_null(True))
    found = found.unique("at", keep="none")
    result = np.full(len(rows), NONE, dtype=np.int64)
    result[found["at"].to_numpy()] = found["node"].to_numpy()
    return result


def _deepest_street(work: Work, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The deepest registered part of the street that a text names, and whether that is the whole of it."""
    base = work.base
    street = work.slots["street_part"].gather(rows)
    found, count, _ = base.key_index.find(street)
    whole = (found != NONE) & (count == 1)
    node = np.where(whole, found, NONE)
    rest = np.flatnonzero(~whole & street.is_not_null().to_numpy())
    if not len(rest):
        return node, whole
    part = street.gather(rest)
    parts = split_street_part(part, base.grammar)
    for key in (parts["lane"], parts["road"], parts["road"].str.extract(f"^([^{END}]+{END})", 1)):
        wanted = np.flatnonzero((node[rest] == NONE) & ((key != part).fill_null(False)).to_numpy())
        if not len(wanted):
            continue
        found, count, _ = base.key_index.find(key.gather(wanted))
        hit = (found != NONE) & (count == 1)
        node[rest[wanted[hit]]] = found[hit]
    return node, whole


def stage_street(work: Work) -> None:
    """Texts without a number: the road or lane they name, or the crossing of two."""
    rows = work.open
    if not len(rows):
        return
    rows = rows[work.slots["street_part"].gather(rows).is_not_null().to_numpy()]
    if not len(rows):
        return
    node, whole = _deepest_street(work, rows)
    hit = node != NONE
    work.settle(rows[hit], node[hit], "partial", "exact", "names_no_more")
    missing = rows[hit & ~whole]
    work.outcome[missing], work.reason[missing] = OUTCOME["not_in_register"], REASON["lane_missing"]
    alias = work.marked.gather(rows[hit]).str.contains(ALIAS, literal=True).to_numpy()
    work.method[rows[hit][alias]] = METHOD["alias"]
    _crossings(work, rows[hit])
    _weigh(work, rows[hit])


def _crossings(work: Work, rows: np.ndarray) -> None:
    """Two streets in one text are a crossing: the first (or the one that is part of the other) is the answer, the other the runner-up;
    the community is certain where the two streets share exactly one."""
    base = work.base
    marked = work.marked.gather(rows)
    two = (marked.str.count_matches(MARK["road"], literal=True) > 1) & ~marked.str.contains("[间至到往]")
    rows = rows[two.fill_null(False).to_numpy()]
    if not len(rows):
        return
    streets = pl.DataFrame({"row": rows, "street": work.marked.gather(rows).str.extract_all(base.grammar.street_expression)}).explode(
        "street"
    )
    found, count, _ = base.key_index.find(streets["street"])
    streets = streets.with_columns(node=pl.Series(found)).filter((pl.col("node") != NONE) & pl.Series(count == 1))
    streets = streets.unique(["row", "node"], keep="first", maintain_order=True)
    pairs = streets.group_by("row", maintain_order=True).agg(first=pl.col("node").first(), second=pl.col("node").get(1, null_on_oob=True))
    pairs = pairs.filter(pl.col("second").is_not_null())
    if not pairs.height:
        return
    parent = base.core["parent"].gather(pairs["second"]).cast(pl.Int64)
    is_part = (parent == pairs["first"]).fill_null(False)
    pairs = pairs.with_columns(
        answer=pl.when(is_part).then("second").otherwise("first"), other=pl.when(is_part).then("first").otherwise("second")
    )
    at = pairs["row"].to_numpy()
    work.node[at], work.runner_up[at] = pairs["answer"].to_numpy(), pairs["other"].to_numpy()
    work.level[at], work.reason[at], work.outcome[at] = LEVEL["crossing"], REASON["crossing"], OUTCOME["resolved"]
    # Two streets that meet in several communities leave the crossing open; only streets that lie whole in one settle it.
    one, other = base.core["community"].gather(pairs["first"]), base.core["community"].gather(pairs["second"])
    same = (one == other).fill_null(False).to_numpy()
    work.community[at] = np.where(same, one.cast(pl.Int64).fill_null(NONE).to_numpy(), NONE)
    work.bare[at[~same]] = True


def stage_corrected(work: Work) -> None:
    """A misspelt road or estate before a number: the one registered name of the same district that one kind of damage explains, if the rest
    of the address then fits. Homophones and lost characters may lead to a missing number; other damage only to a registered door."""
    base, grammar = work.base, work.base.grammar
    rows = work.open
    # A text whose road is registered names it rightly; only a text without any is looked at.
    rows = rows[work.slots["shape"].gather(rows).is_null().to_numpy()]
    rows = rows[work.marked.gather(rows).str.contains(r"[\p{Han}?□■〓\x{FFFD}*][0-9A-Z]").to_numpy()] if len(rows) else rows
    if not len(rows):
        return
    slots = [slot.pattern for slot in (*grammar.outer, *grammar.inner)]
    lost = r"[\p{Han}?□■〓\x{FFFD}*]"
    expression = f"({lost}{{2,12}})(?:{'|'.join(slots)})"
    marked = work.marked.gather(rows)
    chunk = marked.str.extract(expression, 1)
    home = marked.str.extract(f"{MARK['district']}([^{END}]+){END}[^{MARK['district']}]*$", 1)
    if "district" in work.queries.columns:
        home = pl.select(pl.coalesce(home, comparable(work.queries["district"].gather(rows), grammar))).to_series()
    districts = _division_tree(base).filter(pl.col("level") == "district")["name"].unique()
    if len(districts) <= 1:
        home = home.fill_null(districts[0] if len(districts) else "")
    asked = pl.DataFrame({"row": rows, "chunk": chunk, "parent": home, "marked": marked}).drop_nulls()
    if not asked.height:
        return
    pieces = asked.select("chunk", "parent").unique().with_columns(
        piece=pl.concat_list([
            pl.when(pl.col("chunk").str.len_chars() >= size).then(pl.col("chunk").str.tail(size)) for size in range(2, 9)
        ])
    ).explode("piece").drop_nulls()  # fmt: skip
    proposed = corrections(pieces.select("parent", name="piece").unique(), _confusions(base))
    # Candidates of one cost are all tried: the register's numbers may leave only one of them.
    proposed = proposed.filter(pl.col("cost") <= pl.col("cost").min().over("parent", "unknown") + 0.4).select(
        "parent", "candidate", "cost", pl.col("kind").cast(pl.String), piece="unknown"
    )
    proposed = pl.concat([proposed, _without_type(base, asked, pieces)])
    size = pl.col("piece").str.len_chars()
    best = pieces.join(proposed, on=["parent", "piece"]).filter(pl.col("cost") == pl.col("cost").min().over("chunk", "parent"))
    best = best.filter(size == size.max().over("chunk", "parent", "candidate")).filter(pl.len().over("chunk", "parent") <= 5)
    chosen = asked.join(best, on=["chunk", "parent"], how="inner").join(
        _correctable(base).select("parent", candidate="name", mark="mark"), on=["parent", "candidate"], how="inner"
    ).sort("row", "candidate", "mark", "piece")  # fmt: skip
    if not chosen.height:
        return
    around = chosen.select(pl.col("marked").str.splitn(pl.col("piece"), 2), "mark").unnest("marked")
    corrected = around.select(pl.col("field_0") + pl.col("mark") + pl.col("field_1")).to_series()
    at = chosen["row"].to_numpy()
    inner = Work(base, work.queries[at])
    inner.marked = rewrite(corrected, grammar)
    inner.slots = read_slots(inner.marked, grammar)
    for stage in (stage_exact, stage_list, stage_missing_number):
        stage(inner)
    fit = np.where(inner.outcome == OUTCOME["resolved"], 6, np.where(inner.reason == REASON["lane_missing"], 2, 4))
    fit = fit + ((inner.evidence & COMMUNITY_AGREES) > 0)
    sure = chosen["kind"].is_in(["unreadable", "homophone"]).to_numpy()
    tried = chosen.select("row").with_columns(
        at=pl.int_range(pl.len()), node=pl.Series(inner.node), fit=pl.Series(fit)
    ).filter((pl.col("node") != NONE) & (pl.Series(sure) | (pl.col("fit") >= 6)))  # fmt: skip
    won = tried.filter(pl.col("fit") == pl.col("fit").max().over("row")).filter(pl.col("node").n_unique().over("row") == 1)
    won = won.unique("row", keep="first", maintain_order=True)
    source, target = won["at"].to_numpy(), won["row"].to_numpy()
    _take(work, inner, source, target)
    work.method[target] = METHOD["correction"]
    resolved = target[work.outcome[target] == OUTCOME["resolved"]]
    work.reason[resolved] = REASON["correction"]


def _without_type(base: AddressBase, asked: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
    """Roads whose type word the text leaves out before a section, lane or alley (罗斯福2段 for 罗斯福路2段): parent, candidate, cost, kind, piece.
    Not before a number alone: parks, gates and station exits are so called (洲子2号)."""
    slots = "|".join(slot.pattern for slot in base.grammar.street_slots)
    chunks = asked.filter(pl.col("marked").str.extract(rf"([\p{{Han}}]{{2,12}})(?:{slots})", 1) == pl.col("chunk"))
    names = [pl.col("piece") + suffix for suffix in base.grammar.road_suffixes]
    roads = _correctable(base).filter(pl.col("mark").str.starts_with(MARK["road"])).select("parent", candidate="name").unique()
    full = pieces.join(chunks.select("chunk", "parent").unique(), on=["chunk", "parent"], how="semi")
    full = full.select("parent", "piece").unique().with_columns(candidate=pl.concat_list(names)).explode("candidate")
    cost = pl.lit(2.0, dtype=pl.Float32)
    return full.join(roads, on=["parent", "candidate"]).select("parent", "candidate", cost=cost, kind=pl.lit("lost"), piece="piece")


def _with_rows(frame: pl.DataFrame, rows: np.ndarray, values: pl.DataFrame) -> pl.DataFrame:
    if not len(rows):
        return frame
    order = np.argsort(rows)
    return frame.with_columns(frame[name].scatter(rows[order], values[name].gather(order)) for name in frame.columns)


def _correctable(base: AddressBase) -> pl.DataFrame:
    """parent (district's name), name, mark: the roads and estates of each district, in comparison form."""
    if "_correctable" not in base.__dict__:
        core = base.core.filter((pl.col("status") == "current") & pl.col("level").is_in(["number", "estate", "lane", "road"]))
        parent = _division_name(base, "district").gather(core["district"]).fill_null("")
        mark = core["identity"].str.extract(f"([{MARK['road']}{MARK['estate']}][^{END}]+{END})", 1)
        table = pl.DataFrame({"parent": parent, "mark": mark}).drop_nulls().unique()
        base.__dict__["_correctable"] = table.with_columns(name=pl.col("mark").str.slice(1).str.strip_suffix(END)).sort(
            "parent", "name", "mark"
        )
    return base.__dict__["_correctable"]


def _confusions(base: AddressBase) -> pl.DataFrame:
    if "_confusions" not in base.__dict__:
        base.__dict__["_confusions"] = confusion_index(_correctable(base).select("parent", "name"))
    return base.__dict__["_confusions"]


def stage_near(work: Work) -> None:
    """Near X is X's place, at its building or above: a relation word says that the matter is not in the room."""
    core = work.base.core
    rows = np.flatnonzero(np.isin(work.outcome, (OUTCOME["resolved"], OUTCOME["partial"])) & (work.node != NONE))
    if not len(rows):
        return
    near = work.marked.gather(rows).str.contains_any(list(work.base.grammar.near_words)).to_numpy()
    rows = rows[near]
    inside = core["level"].gather(work.node[rows]).is_in(["unit", "floor", "room"]).to_numpy()
    outer = pl.select(pl.coalesce(core["building"].gather(work.node[rows]), core["number"].gather(work.node[rows]))).to_series()
    lift = np.flatnonzero(inside & outer.is_not_null().to_numpy())
    work.node[rows[lift]] = outer.gather(lift).to_numpy()
    plain = work.level[rows] == NONE
    work.reason[rows[plain]] = REASON["near"]


def stage_elsewhere(work: Work) -> None:
    """A text that names a city or district which the register does not cover has no door here, whatever its road is called."""
    base = work.base
    if base.grammar.division("province") is None:
        return
    rows = np.flatnonzero((work.node != NONE) & ((work.evidence & 3) != DISTRICT_AGREES))
    if not len(rows):
        return
    marked = work.marked.gather(rows)
    own = marked.str.contains(f"[{MARK['district']}{MARK['street']}{MARK['community']}]")
    foreign = marked.str.contains(r"\p{Han}{2,}[省市县区旗州]")
    rows = rows[(foreign & ~own).fill_null(False).to_numpy()]
    if not len(rows):
        return
    found = find_divisions(work.queries["text"].gather(rows)).filter(pl.col("full") & (pl.col("level").is_between(1, 2)))
    text = work.queries["text"].gather(rows)
    names = pl.DataFrame({"row": found["row"], "name": text.gather(found["row"])}).with_columns(start=found["start"], end=found["end"])
    names = names.with_columns(
        name=comparable(names.select(pl.col("name").str.slice("start", pl.col("end") - pl.col("start"))).to_series(), base.grammar)
    )
    covered = comparable(base.core.filter(pl.col("level").is_in(["city", "district"]))["name"].unique(), base.grammar)
    away = rows[names.filter(~pl.col("name").is_in(covered.implode()))["row"].unique().sort().to_numpy()]
    if len(away) and len(covered):
        work.settle(away, np.full(len(away), NONE), "not_in_register", None, "elsewhere")
        for array in (work.community, work.neighbourhood, work.runner_up, work.level):
            array[away] = NONE


_NEAR_METRES = 50.0


def stage_nearest_number(work: Work) -> None:
    """A road or lane without a number, and coordinates beside the text: the nearest registered number on it, if within 50 m."""
    base = work.base
    if not {"lng", "lat"} <= set(work.queries.columns):
        return
    named = (work.outcome == OUTCOME["partial"]) & (work.reason == REASON["names_no_more"]) & (work.level == NONE)
    rows = np.flatnonzero(named & np.isin(_level_codes(base)[work.node], [LEVEL["road"], LEVEL["lane"], LEVEL["alley"]]))
    if not len(rows):
        return
    asked = pl.DataFrame(
        {
            "row": rows,
            "street": work.node[rows].astype(np.uint32),
            "x": work.queries["lng"].gather(rows),
            "y": work.queries["lat"].gather(rows),
        }
    )
    places = base.numbers.select(
        "street", "node", lng=base.core["lng"].gather(base.numbers["node"]), lat=base.core["lat"].gather(base.numbers["node"])
    )
    # Plane distance at the place's own latitude: exact to well under a metre at this range (111,320 m per degree).
    metres = (((pl.col("lng") - pl.col("x")) * pl.col("y").radians().cos()) ** 2 + (pl.col("lat") - pl.col("y")) ** 2).sqrt() * 111_320
    near = (
        asked.drop_nulls().join(places, on="street", how="inner").with_columns(metres=metres)
        .filter(pl.col("metres") <= _NEAR_METRES).sort("row", "metres", "node").unique("row", keep="first", maintain_order=True)
    )  # fmt: skip
    work.settle(near["row"].to_numpy(), near["node"].cast(pl.Int64).to_numpy(), "resolved", "hint", "nearest_number")


def stage_landmark(work: Work) -> None:
    """A landmark of the district's alias file: the place that the file says it is."""
    base = work.base
    rows = work.open
    table = base.alias_rows.filter(pl.col("kind") == "landmark").with_columns(pl.col("node").cast(pl.Int64))
    if not len(rows) or not table.height:
        return
    table = table.select("node", name=comparable(table["alias"], base.grammar)).unique("name", keep="none")
    named = pl.DataFrame({"row": rows, "name": work.marked.gather(rows).str.extract(f"{MARK['landmark']}([^{END}]+){END}", 1)})
    found = named.join(table, on="name", how="inner").sort("row")
    work.settle(found["row"].to_numpy(), found["node"].to_numpy(), "resolved", "alias", "alias")
    _weigh(work, found["row"].to_numpy())


def stage_division(work: Work) -> None:
    """Texts without street or estate: the deepest division that the text or the hints name."""
    base = work.base
    rows = work.open
    if not len(rows):
        return
    marked = work.marked.gather(rows)
    names: dict[str, pl.Series] = {}
    from_hint = np.zeros(len(rows), dtype=bool)
    for level in ("district", "street", "community"):
        named = marked.str.extract(f"{MARK[level]}([^{END}]+){END}", 1)
        if level in work.queries.columns:
            hint = comparable(work.queries[level].gather(rows), base.grammar)
            from_hint |= (named.is_null() & hint.is_not_null()).to_numpy()
            named = pl.select(pl.coalesce(named, hint)).to_series()
        names[level] = named
    tree = _division_tree(base)
    node = np.full(len(rows), NONE, dtype=np.int64)
    clash = np.zeros(len(rows), dtype=bool)
    for level in ("community", "street", "district"):
        wanted = np.flatnonzero((node == NONE) & names[level].is_not_null().to_numpy())
        if not len(wanted):
            continue
        asked = pl.DataFrame(
            {"at": wanted, "name": names[level].gather(wanted), "d": names["district"].gather(wanted), "s": names["street"].gather(wanted)}
        )
        found = asked.join(tree.filter(pl.col("level") == level), on="name", how="inner", suffix="_own")
        found = found.with_columns(
            fit=(pl.col("d") == pl.col("own_district")).fill_null(False).cast(pl.Int8) * 2
            + (pl.col("s") == pl.col("own_street")).fill_null(False).cast(pl.Int8)
        )
        best = (
            found.filter(pl.col("fit") == pl.col("fit").max().over("at"))
            .group_by("at", maintain_order=True)
            .agg(pl.col("node").first(), n=pl.len())
        )
        single = best.filter(pl.col("n") == 1)
        node[single["at"].to_numpy()] = single["node"].to_numpy()
        clash[best.filter(pl.col("n") > 1)["at"].to_numpy()] = True
    hit = node != NONE
    work.settle(rows[hit], node[hit], "partial", "exact", "names_no_more")
    hinted = rows[hit & from_hint]
    work.method[hinted], work.reason[hinted] = METHOD["hint"], REASON["hint_only"]
    ambiguous = rows[hit & clash]
    work.outcome[ambiguous], work.reason[ambiguous] = OUTCOME["ambiguous"], REASON["several"]
    _weigh(work, rows[hit])


def _division_tree(base: AddressBase) -> pl.DataFrame:
    """Current divisions: node, level, name, own_district, own_street (comparison forms)."""
    if "_tree" not in base.__dict__:
        core = base.core.with_row_index("node").filter(
            pl.col("level").is_in(["district", "street", "community"]) & (pl.col("status") == "current")
        )
        base.__dict__["_tree"] = core.select(
            pl.col("node").cast(pl.Int64), "level", name=comparable(core["name"], base.grammar),
            own_district=_division_name(base, "district").gather(core["district"]),
            own_street=_division_name(base, "street").gather(core["street"]),
        )  # fmt: skip
    return base.__dict__["_tree"]


def stage_rest(work: Work) -> None:
    """What no stage could place."""
    rows = work.open
    if not len(rows):
        return
    looks = work.marked.gather(rows).str.contains(r"\d+(?:号|巷|弄|栋|室)|[路街]").fill_null(False).to_numpy()
    nothing = np.full(len(rows), NONE, dtype=np.int64)
    work.settle(rows, nothing, "no_address", None, "no_address")
    work.outcome[rows[looks]], work.reason[rows[looks]] = OUTCOME["not_in_register"], REASON["unknown_name"]


# The cascade, in order.
STAGES: tuple[Callable[[Work], None], ...] = (
    stage_read, stage_full_text, stage_exact, stage_short_name, stage_list, stage_contradiction, stage_other_district, stage_missing_number,
    stage_corrected, stage_street, stage_nearest_number, stage_landmark, stage_division, stage_rest, stage_near, stage_elsewhere, stage_similar_text,
)  # fmt: skip


def _report(work: Work) -> pl.DataFrame:
    """The columns of RESOLUTION_SCHEMA."""
    core = work.base.core
    work.node = np.where((work.node == NONE) & (work.outcome == OUTCOME["ambiguous"]), work.shared, work.node)
    node = _index(work.node)
    refs = {ref: core[ref].gather(node) for ref in ("district", "street", "community", "neighbourhood")}
    if work.bare.any():
        rows = np.flatnonzero(work.bare)
        for ref in ("community", "neighbourhood"):
            refs[ref] = refs[ref].scatter(rows, None)
    for ref, override in (("community", work.community), ("neighbourhood", work.neighbourhood)):
        rows = np.flatnonzero((override != NONE) & refs[ref].is_null().to_numpy())
        if len(rows):
            refs[ref] = refs[ref].scatter(rows, override[rows].astype(np.uint32))
    of_community = core["district"].gather(refs["community"])
    refs["district"] = pl.select(pl.coalesce(refs["district"], of_community)).to_series()
    node_level = _level_codes(work.base)[work.node]
    level_code = np.where(work.level != NONE, work.level, node_level).astype(np.int64)
    own_level = pl.Series((*LEVELS, None)).gather(level_code)
    code = level_code * len(REASON_CODES) + work.reason
    sentences = [(sentence(reason, level, "en"), sentence(reason, level, "zh")) for level in (*LEVELS, None) for reason in REASON_CODES]
    score, margin = _scores(work, node_level)
    key, name = core["address_key"], core["name"]
    return pl.DataFrame(
        {
            "address_key": key.gather(node),
            "level": own_level,
            "outcome": pl.Series(OUTCOMES).gather(work.outcome),
            "method": pl.Series(METHODS).gather(_index(work.method)),
            "matched_text": core["path"].gather(node),
            **{f"{ref}_key": key.gather(refs[ref]) for ref in ("district", "street", "community", "neighbourhood")},
            **{ref: name.gather(refs[ref]) for ref in ("district", "community", "neighbourhood")},
            "score": score,
            "margin": margin,
            "runner_up": key.gather(_index(work.runner_up)),
            "reason_code": pl.Series(REASON_CODES).gather(work.reason),
            "reason": pl.Series([en for en, _ in sentences]).gather(code),
            "reason_zh": pl.Series([zh for _, zh in sentences]).gather(code),
        }
    )


def _index(numbers: np.ndarray) -> pl.Series:
    """Row numbers with NONE as null."""
    series = pl.Series(numbers.astype(np.int64))
    return series.set(series == NONE, None).cast(pl.UInt32) if len(numbers) else series.cast(pl.UInt32)


def _level_codes(base: AddressBase) -> np.ndarray:
    """Place in LEVELS of each node's level; one more place at the end for NONE."""
    if "_level_codes" not in base.__dict__:
        codes = base.core["level"].replace_strict(LEVEL, return_dtype=pl.Int8).to_numpy()
        base.__dict__["_level_codes"] = np.append(codes, np.int8(len(LEVELS)))
    return base.__dict__["_level_codes"]


def _scores(work: Work, node_level: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Score: the measured share of right links in the text's class (tables/calibration.csv). Margin: distance to the runner-up's score;
    the whole score where there is no runner-up, 0 where the outcome is ambiguous."""
    combined = ((node_level.astype(np.int64) * 64 + work.reason) * 8 + work.method + 1) * 64 + work.evidence
    classes = np.flatnonzero(np.bincount(combined)) if len(combined) else np.zeros(0, dtype=np.int64)
    table = _calibration()
    values = []
    for code in classes.tolist():
        evidence, method, reason = code % 64, code // 64 % 8 - 1, code // 512 % 64
        level = code // 32768
        if level == len(LEVELS):
            values.append(0.0)
            continue
        key = (
            METHODS[method] if method >= 0 else "",
            REASON_CODES[reason],
            LEVELS[level],
            EVIDENCE_NAMES[evidence & 3],
            bool(evidence & LOOSE_BEFORE),
        )
        score: float = next((table[k] for k in _broader(key) if k in table), 0.5)
        # Too few were met to measure: a name that only ends like a registered one is never counted among the sure links.
        values.append(min(score, 0.9) if key[-1] else score)
    by_class = np.zeros(int(classes.max()) + 1 if len(classes) else 1)
    by_class[classes] = values
    scores = by_class[combined]
    ambiguous = work.outcome == OUTCOME["ambiguous"]
    margin = np.where(ambiguous, 0.0, scores)
    similar = work.reason == REASON["similar_text"]
    scores = np.where(similar, 0.9 * work.similarity, scores)
    margin = np.where(similar, np.maximum(0.9 * (work.similarity - work.similarity_next), 0.0), margin)
    return pl.Series(scores.round(4)), pl.Series(margin.round(4))


EVIDENCE_NAMES = ("agrees", "silent", "conflict", "conflict")


def _broader(key: tuple) -> list[tuple]:
    """The class itself, then ever broader ones: without the boundary, without the district, without the level, the reason alone."""
    method, reason, level, district, _loose = key
    return [
        key, (method, reason, level, district, "*"), (method, reason, level, "*", "*"), (method, reason, "*", "*", "*"), ("*", reason, "*", "*", "*"),
    ]  # fmt: skip


@lru_cache(maxsize=1)
def _calibration() -> dict[tuple, float]:
    table = pl.read_csv(Path(__file__).parent / "tables" / "calibration.csv", comment_prefix="#", infer_schema=False)
    rows = table.with_columns(pl.col("score").cast(pl.Float64)).rows(named=True)
    loose = {"yes": True, "no": False, "*": "*"}
    return {(r["method"], r["reason"], r["level"], r["district"], loose[r["loose"]]): r["score"] for r in rows}
