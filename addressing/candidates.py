"""Places that a text's key leads to: which of several it is, what they share, and what speaks for or against a link. No reading, no stage."""

from __future__ import annotations

import numpy as np
import polars as pl

from .grammar import ALIAS, END, MARK
from .text import comparable
from .work import (
    COMMUNITY_AGREES,
    COMMUNITY_CONFLICT,
    DISTRICT_AGREES,
    DISTRICT_CONFLICT,
    DISTRICT_SILENT,
    LOOSE_BEFORE,
    METHOD,
    NONE,
    OUTCOME,
    REASON,
    Work,
    division_mark,
    division_name,
    index_of,
)


def settle_found(
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
    weigh(work, rows)


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
    agrees: dict[str, np.ndarray] = {}
    for level, weight in (("district", 4.0), ("street", 2.0), ("community", 1.0)):
        name = division_name(base, level).gather(base.core[level].gather(candidates["node"]))
        in_text = pl.DataFrame({"m": marked, "n": MARK[level] + name + END})
        inside = in_text.select(pl.col("m").str.contains(pl.col("n"), literal=True).fill_null(False)).to_series()
        agreement += weight * inside.to_numpy()
        agrees[level] = inside.to_numpy()
        if level == "district":
            away = pl.DataFrame(
                {"row": candidates["row"], "away": marked.str.contains(MARK[level], literal=True) & name.is_not_null() & ~inside}
            )
            work.foreign[away.group_by("row").agg(pl.col("away").all()).filter("away")["row"].to_numpy()] = True
        if level in work.queries.columns:
            hint = comparable(work.queries[level].gather(candidates["row"]), base.grammar)
            hinted = (hint == name).fill_null(False).to_numpy()
            agreement += weight * hinted
            agrees[level] = agrees[level] | hinted
    candidates = candidates.with_columns(agreement=pl.Series(agreement), **{level: pl.Series(value) for level, value in agrees.items()})
    if "lng" in work.queries.columns and "lat" in work.queries.columns:
        d = (base.core["lng"].gather(candidates["node"]) - work.queries["lng"].gather(candidates["row"])) ** 2 + (
            base.core["lat"].gather(candidates["node"]) - work.queries["lat"].gather(candidates["row"])
        ) ** 2
        candidates = candidates.with_columns(agreement=pl.col("agreement") + (d < 0.00001).fill_null(False).cast(pl.Float64))
    most = pl.col("agreement") == pl.col("agreement").max().over("at")
    # A community that speaks for another candidate of that district than the street does leaves both.
    settled = (most & pl.col("community")).any().over("at") | ~(most & pl.col("street")).any().over("at")
    rival = ~settled & pl.col("community") & (pl.col("district") == (most & pl.col("district")).any().over("at"))
    best = candidates.filter(most | rival)
    chosen = best.group_by("at", maintain_order=True).agg(pl.col("node").first(), n=pl.len(), all="node", row=pl.col("row").first())
    single = chosen.filter(pl.col("n") == 1)
    node = node.copy()
    node[many] = NONE
    node[single["at"].to_numpy()] = single["node"].to_numpy()
    several = best.join(chosen.filter(pl.col("n") > 1).select("at"), on="at", how="semi")
    if several.height:
        note_common(work, several)
    return node


def note_common(work: Work, several: pl.DataFrame) -> None:
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


def lies_elsewhere(work: Work, rows: np.ndarray) -> np.ndarray:
    """Whether the texts name a community, or a street and no community, and their places lie in none that they name. For answers that rest on a name
    written otherwise than the register does."""
    base, marked = work.base, work.marked.gather(rows)
    node = index_of(work.node[rows])
    away = np.zeros(len(rows), dtype=bool)
    for level in ("street", "community"):  # the community, where named, has the last word
        own = division_mark(base, level).gather(base.core[level].gather(node))
        read = pl.DataFrame({"m": marked, "own": own}).select(
            named=pl.col("m").str.contains(MARK[level], literal=True).fill_null(False) & pl.col("own").is_not_null(),
            inside=pl.col("m").str.contains(pl.col("own"), literal=True).fill_null(False),
        )
        named, inside = read["named"].to_numpy(), read["inside"].to_numpy()
        away = np.where(named, ~inside, away)
    return away


def weigh(work: Work, rows: np.ndarray) -> None:
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
        read = pl.DataFrame({"m": marked, "own": division_mark(base, level).gather(division)}).select(
            named=pl.col("m").str.contains(MARK[level], literal=True) & pl.col("own").is_not_null(),
            inside=pl.col("m").str.contains(pl.col("own"), literal=True).fill_null(False),
        )
        value = np.where(read["inside"].to_numpy(), agrees, np.where(read["named"].to_numpy(), conflict, silent)).astype(np.int16)
        if level in work.queries.columns:
            own = division_name(base, level).gather(division)
            hint = comparable(work.queries[level].gather(rows), base.grammar)
            value[((hint == own).fill_null(False)).to_numpy() & (value == silent)] = agrees
        evidence |= value
    loose = marked.str.contains(
        rf"[\p{{Han}}&&[^邻段号院楼栋在于与和及往到近过从至是的住]]{ALIAS}?[{MARK['road']}{MARK['estate']}]"
    ).to_numpy()
    evidence[loose] |= LOOSE_BEFORE
    work.evidence[rows] = evidence
