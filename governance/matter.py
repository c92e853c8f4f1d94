"""Same matter: which reports of all channels are about one real matter, and why.

Belongs here: reports as the comparison wants them, how pairs become matters, and the tables `event.event_pair` and `event.event_cluster`.
Does not belong here: what is compared and how it counts (`matter_pairs`), texts (`matter_text`).

Two matters grow together where their reports are about one matter on average (`matter_pairs.margin`) and every single report of the one is at
least possibly about the same as every single report of the other (`POSSIBLE`): complete linkage (Sørensen 1948), so that a chain of
reports, each like the next, does not run away. In each round two matters join that are each other's best partner; the outcome does not
depend on the order of rows, and reports that no pair connects never touch each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

import contracts
from contracts.schema import arrow_schema
from contracts.step import StepContext
from governance import matter_pairs
from governance.matter_pairs import CATEGORIES, PLACES, POSSIBLE, margin
from governance.matter_text import LEARN_FROM, Lexicon, plain

PAIR_INPUTS = ("event.event", "place.address")
CLUSTER_INPUTS = ("event.event", "event.event_pair")
EVENT_COLUMNS = (
    "event_id", "feed", "reported_at", "category_key", "category_1", "category_2", "title_redacted", "body_redacted", "reporter_key", "device_no",
    "address_key", "address_level", "building_key", "community_key",
)  # fmt: skip
ADDRESS_COLUMNS = ("address_key", "level", "name", "parent_key", "number_key", "lane_key", "road_key", "neighbourhood_key")
CLUSTER_COLUMNS = ("event_id", "feed", "reported_at", "reporter_key")
_TEXT = ("event.event.title_redacted", "event.event.body_redacted")
_PLACE = ("event.event.address_key", "event.event.building_key", "event.event.community_key", "place.address.parent_key")
_CATEGORY = ("event.event.category_key",)
_CALLER = ("event.event.reporter_key", "event.event.device_no")
_TIME = ("event.event.reported_at",)
_ALL = (*_TEXT, *_PLACE, *_CATEGORY, *_CALLER, *_TIME)
PAIR_ORIGINS = {
    "event_id": ("event.event.event_id",), "later_event_id": ("event.event.event_id",), "is_likely": _ALL, "score": _ALL, "points": _ALL,
    "place": _PLACE, "text_similarity": _TEXT, "category": _CATEGORY, "hours_between": _TIME, "is_same_caller": _CALLER, "is_same_text": _TEXT,
}  # fmt: skip
_JOINED = ("event.event_pair.points",)
CLUSTER_ORIGINS = {
    "event_id": ("event.event.event_id",), "matter_id": ("event.event.event_id", *_JOINED), "sequence": (*_JOINED, *_TIME), "reports": _JOINED,
    "kind": (*_JOINED, "event.event_pair.is_same_text", "event.event_pair.is_same_caller", "event.event.reporter_key"),
    "matched_event_id": ("event.event_pair.event_id", *_JOINED), "score": ("event.event_pair.score",), "weakest_score": ("event.event_pair.score",),
    **{name: (f"event.event_pair.{name}",) for name in ("place", "text_similarity", "category", "hours_between", "is_same_caller", "is_same_text")},
}  # fmt: skip
_DOORS = ("number", "building", "unit", "floor", "room")
_ROADS = ("estate", "lane", "road", "crossing")
_COMMUNITIES = ("community", "neighbourhood")
_NAMED = (*_ROADS, *_COMMUNITIES, "street", "district", "city", "province")
"""Levels whose names are taken out of texts."""
_SEED = 20260101
_CALLED = ("ticket", "petition")
"""Feeds in which the reporter is a caller; in the others he is an official on his rounds or a device."""
_TOPICS = ("topic_1", "topic_2")
_ENOUGH = 5_000
"""Reports before the current month that are enough to learn from."""
_PAIRS = 2_000_000
"""Pairs judged at a time."""
_CLOSED = 200
"""Within connected reports up to this many every pair is compared, also those that no block brings together."""


def event_pair(inputs: Mapping[str, pa.Table], context: StepContext) -> pa.Table:
    """`event.event_pair` from PAIR_INPUTS: one row per pair of reports that are possibly about one matter, ordered by its keys."""
    events, addresses = _table(inputs["event.event"], EVENT_COLUMNS), _table(inputs["place.address"], ADDRESS_COLUMNS)
    reports = reports_of(events, addresses)
    return _as_contract(_shown(matching(reports, learnt(reports, place_names(addresses)))), "event.event_pair")


def event_cluster(inputs: Mapping[str, pa.Table], context: StepContext) -> pa.Table:
    """`event.event_cluster` from CLUSTER_INPUTS: one row per event, ordered by event_id."""
    return _as_contract(clusters(_table(inputs["event.event"], CLUSTER_COLUMNS), _table(inputs["event.event_pair"])), "event.event_cluster")


def _table(data: pa.Table, columns: tuple[str, ...] | None = None) -> pl.DataFrame:
    frame = pl.from_arrow(data.select(columns) if columns else data)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _as_contract(frame: pl.DataFrame, name: str) -> pa.Table:
    schema = arrow_schema(contracts.tables()[name].columns)
    return frame.select(schema.names).to_arrow().cast(schema)


# Reports


def reports_of(events: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """Reports as `matter_pairs` wants them, ordered by time and event id: keys as whole numbers (hashes of their values, the same in every
    run), `second`, `width`, texts, and `digest`, a number over all of these.

    `events`: the columns EVENT_COLUMNS of event.event. `addresses`: the columns ADDRESS_COLUMNS of place.address.
    `width` of the place: 0 a door, 1 a road, lane or estate, 2 a community, 3 wider or unknown.
    """
    chains = addresses.select("address_key", number="number_key", lane="lane_key", road="road_key", neighbourhood="neighbourhood_key").join(
        _estates(addresses), on="address_key", how="left", maintain_order="left"
    )
    level = pl.col("address_level")
    spoken = pl.col("title_redacted").is_not_null() | pl.col("body_redacted").is_not_null()
    keys = {
        "place": pl.coalesce("address_key", "community_key"),
        "spot": pl.when(level.is_in(_DOORS)).then(pl.coalesce("building_key", "address_key")),
        **{name: pl.col(name) for name in ("number", "lane", "estate", "road", "neighbourhood")},
        "community": pl.col("community_key"),
        "category": pl.col("category_key"),
        "category_2": pl.when(pl.col("category_2").is_not_null()).then(pl.concat_str("category_1", "category_2", separator=">")),
        "category_1": pl.col("category_1"),
        "reporter": pl.when(pl.col("feed").is_in(_CALLED))
        .then("reporter_key")
        .when(pl.col("device_no").is_not_null())
        .then(pl.lit("device:") + pl.col("device_no")),
        "text_hash": pl.when(spoken).then(pl.concat_str("title_redacted", "body_redacted", separator="\n", ignore_nulls=True)),
    }
    wide = (
        pl.when(level.is_in(_DOORS))
        .then(0)
        .when(level.is_in(_ROADS))
        .then(1)
        .when(pl.col("community_key").is_not_null() & level.fill_null("community").is_in(_COMMUNITIES))
        .then(2)
        .otherwise(3)
        .cast(pl.Int64)
    )
    return (
        events.sort("reported_at", "event_id")
        .join(chains, on="address_key", how="left", maintain_order="left")
        .select(
            "event_id",
            pl.col("reported_at").dt.epoch("s").alias("second"),
            wide.alias("width"),
            *(pl.when(value.is_not_null()).then((value.hash(_SEED) // 2).cast(pl.Int64)).alias(name) for name, value in keys.items()),
            "category_key",
            spoken.alias("has_text"),
            pl.col("title_redacted").fill_null("").alias("title"),
            pl.col("body_redacted").fill_null("").alias("body"),
        )
        .with_columns(digest=(pl.struct("event_id", "second", "width", *keys).hash(_SEED) // 2).cast(pl.Int64))
    )


def _estates(addresses: pl.DataFrame) -> pl.DataFrame:
    """The estate in which each node lies: address_key, estate (a node of level estate lies in itself); only nodes that lie in one."""
    parent = addresses.select("address_key", "parent_key")
    inside = addresses.filter(pl.col("level") == "estate").select("address_key", estate="address_key")
    found = [inside]
    while inside.height:
        inside = parent.join(inside.rename({"address_key": "parent_key"}), on="parent_key").select("address_key", "estate")
        found.append(inside)
    return pl.concat(found).unique("address_key", keep="first", maintain_order=True)


# Pairs


@dataclass(frozen=True)
class Knowledge:
    """What a comparison knows of the district beforehand: names of places, what words mean, how soon reports follow by chance."""

    names: pl.Series
    lexicon: Lexicon
    haste: matter_pairs.Haste


@dataclass(frozen=True)
class Matching:
    """What a comparison found: `reports` in order (with `digest` and topics) and `pairs` (first, later: rows of `reports`; evidence; raw points;
    points without what rivals take; is_block: a block brought the two together)."""

    reports: pl.DataFrame
    pairs: pl.DataFrame


def place_names(addresses: pl.DataFrame) -> pl.Series:
    """Names of roads, estates, communities and what holds them."""
    return addresses.filter(pl.col("level").is_in(_NAMED))["name"].drop_nulls().unique().sort()


def learnt(reports: pl.DataFrame, names: pl.Series) -> Knowledge:
    """What all reports before the month of the last one teach; all reports where those are few. `names`: `place_names`.

    So the past is judged alike for a month, and a report more does not change what was joined elsewhere.
    """
    month = reports.select(pl.from_epoch(pl.col("second").max(), time_unit="s").dt.truncate("1mo").dt.epoch("s")).item()
    before = reports.filter(pl.col("second") < pl.lit(month, dtype=pl.Int64))
    before = before if before.height >= _ENOUGH else reports
    sample = before.filter("has_text").select("title", "body", order=pl.col("event_id").hash(_SEED)).sort("order").head(LEARN_FROM)
    lexicon = Lexicon(plain(sample["title"], names), plain(sample["body"], names))
    silent = before.filter(~pl.col("has_text")).with_columns(pl.lit(None, dtype=pl.Int64).alias(topic) for topic in _TOPICS)
    none = matter_pairs.Vectors(np.full(silent.height, -1), np.empty((0, 1), dtype=np.int8))
    pairs = matter_pairs.evidence(silent, none, *matter_pairs.candidates(silent))
    return Knowledge(names, lexicon, matter_pairs.haste(pairs, silent["category_key"].gather(pairs["first"])))


def matching(reports: pl.DataFrame, knowledge: Knowledge, former: Matching | None = None) -> Matching:
    """All pairs of reports that are possibly about one matter.

    `former`: what the same knowledge found for earlier reports; only what is near new, changed and removed reports is then compared anew.
    The result is the same.
    """
    known = _known(reports, former)
    vectors = _vectors(reports, knowledge, np.flatnonzero(~known))
    reports = _with_topics(reports, vectors, known, former)
    first, later = matter_pairs.candidates(reports)
    kept = None
    if former is not None:
        anew = _anew(reports, known, former)
        taken = ~(anew[first] & anew[later]) & known[first] & known[later]
        kept = _carried(reports, former)
        again = pl.DataFrame({"first": first[taken], "later": later[taken]})
        kept_pairs = kept.filter("is_block").join(again, on=["first", "later"], how="semi")
        first, later = first[~taken], later[~taken]
    pairs = _judged(reports, knowledge, vectors, first, later).with_columns(is_block=True)
    if kept is not None:
        pairs = pl.concat([pairs, kept_pairs.select(pairs.columns)])
    pairs = matter_pairs.with_rivals(pairs, reports)
    return Matching(reports.drop("title", "body"), _closed(reports, knowledge, vectors, pairs))


def _known(reports: pl.DataFrame, former: Matching | None) -> np.ndarray:
    """Which reports the former comparison had already, just as they are."""
    if former is None:
        return np.zeros(reports.height, dtype=bool)
    same = reports.select("event_id", "digest").join(
        former.reports.select("event_id", "digest", known=True), on=["event_id", "digest"], how="left", maintain_order="left"
    )
    return same["known"].fill_null(False).to_numpy()


def _carried(reports: pl.DataFrame, former: Matching) -> pl.DataFrame:
    """The former pairs of reports that are still as they were, by the rows that these have now."""
    now = reports.with_row_index("now").select("event_id", "digest", pl.col("now").cast(pl.Int64))
    moved = former.reports.select("event_id", "digest").join(now, on=["event_id", "digest"], how="left", maintain_order="left")["now"]
    pairs = former.pairs
    return pairs.with_columns(first=moved.gather(pairs["first"]), later=moved.gather(pairs["later"])).drop_nulls(["first", "later"])


def _anew(reports: pl.DataFrame, known: np.ndarray, former: Matching) -> np.ndarray:
    """Reports that share a block, and in it the time, with a report that is new, changed or gone."""
    gone = former.reports.join(reports.select("event_id", "digest"), on=["event_id", "digest"], how="anti")
    changed = reports.filter(~pl.Series(known))
    found = ~known
    for block in matter_pairs.BLOCKS:
        columns = ["second", *block.keys]
        near = pl.concat([changed.select(columns), gone.select(columns)]).drop_nulls().sort("second").with_columns(near=True)
        mine = reports.select(columns).with_row_index("row").drop_nulls().sort("second")
        touched = mine.join_asof(
            near, on="second", by=list(block.keys), strategy="nearest", tolerance=block.days * matter_pairs.DAY, check_sortedness=False
        )
        found[touched.filter(pl.col("near"))["row"].to_numpy()] = True
    return found


def _vectors(reports: pl.DataFrame, knowledge: Knowledge, rows: np.ndarray) -> matter_pairs.Vectors:
    """Vectors of those of the `rows` that have a text."""
    rows = rows[reports["has_text"].to_numpy()[rows]]
    spoken = reports[rows]
    titles, bodies = plain(spoken["title"], knowledge.names), plain(spoken["body"], knowledge.names)
    slot = np.full(reports.height, -1, dtype=np.int64)
    slot[rows] = np.arange(len(rows))
    return matter_pairs.Vectors(slot, knowledge.lexicon.of(pl.select(pl.concat_str(titles, bodies, separator=" ")).to_series()))


def _with_topics(reports: pl.DataFrame, vectors: matter_pairs.Vectors, known: np.ndarray, former: Matching | None) -> pl.DataFrame:
    """Adds topic_1 and topic_2, the two directions in which a text is strongest, as whole numbers; null without text."""
    fresh = np.flatnonzero(vectors.slot >= 0)
    made = pl.DataFrame({"row": fresh, **dict(zip(_TOPICS, _topics(vectors.matrix), strict=True))})
    reports = reports.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    if former is not None:
        old = reports.filter(pl.Series(known)).select("row", "event_id")
        made = pl.concat([made, old.join(former.reports, on="event_id").select("row", *_TOPICS)])
    return reports.join(made, on="row", how="left", maintain_order="left").drop("row")


def _topics(matrix: np.ndarray) -> list[pl.Series]:
    found = np.full((2, len(matrix)), -1, dtype=np.int64)
    for start in range(0, len(matrix), 50_000):
        part = matrix[start : start + 50_000]
        strength = np.abs(part.astype(np.int16))
        rows = np.arange(len(part))
        for position in range(2):
            at = strength.argmax(axis=1)
            found[position, start : start + len(part)] = np.where(strength[rows, at] > 0, at * 2 + (part[rows, at] > 0), -1)
            strength[rows, at] = 0
    codes = [pl.Series(name, found[position]) for position, name in enumerate(_TOPICS)]
    return [pl.select(pl.when(code >= 0).then(code)).to_series().alias(name) for code, name in zip(codes, _TOPICS, strict=True)]


def _judged(
    reports: pl.DataFrame, knowledge: Knowledge, vectors: matter_pairs.Vectors, first: np.ndarray, later: np.ndarray
) -> pl.DataFrame:
    """Those of the pairs that are possibly about one matter, with evidence and points."""
    needed = np.flatnonzero(np.bincount(np.concatenate([first, later]), minlength=reports.height))
    if (vectors.slot[needed] < 0).any() and reports["has_text"].gather(needed[vectors.slot[needed] < 0]).any():
        vectors = _vectors(reports, knowledge, needed)
    found = []
    for start in range(0, max(len(first), 1), _PAIRS):
        pairs = matter_pairs.evidence(reports, vectors, first[start : start + _PAIRS], later[start : start + _PAIRS])
        pairs = matter_pairs.points(pairs, knowledge.lexicon.certainty, knowledge.haste, reports["category_key"].gather(pairs["first"]))
        found.append(pairs.filter(pl.col("raw") >= POSSIBLE))
    return pl.concat(found)


def _closed(reports: pl.DataFrame, knowledge: Knowledge, vectors: matter_pairs.Vectors, pairs: pl.DataFrame) -> pl.DataFrame:
    """Adds the pairs that no block brought together though other reports connect them."""
    joined = pairs.filter(margin() >= 0)
    part = _connected(reports.height, joined["first"].to_numpy(), joined["later"].to_numpy())
    members = pl.DataFrame({"part": part, "row": np.arange(reports.height)})
    members = members.filter(pl.len().over("part").is_between(3, _CLOSED))
    all_pairs = (
        members.join(members, on="part", suffix="_later").filter(pl.col("row") < pl.col("row_later")).select(first="row", later="row_later")
    )
    missing = all_pairs.join(pairs.select("first", "later"), on=["first", "later"], how="anti").sort("first", "later")
    more = _judged(reports, knowledge, vectors, missing["first"].to_numpy(), missing["later"].to_numpy())
    every = pl.concat([pairs.drop("points"), more.with_columns(is_block=False)]).sort("first", "later")
    return matter_pairs.with_rivals(every, reports)


def _connected(size: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _shown(found: Matching) -> pl.DataFrame:
    """The pairs as `event.event_pair` shows them."""
    ids = found.reports["event_id"]
    pairs = found.pairs.filter(pl.col("points") >= POSSIBLE)
    return pairs.select(
        ids.gather(pairs["first"]).alias("event_id"),
        ids.gather(pairs["later"]).alias("later_event_id"),
        (margin() >= 0).alias("is_likely"),
        _probability(pl.col("points")).alias("score"),
        "points",
        pl.col("place").replace_strict(dict(enumerate(PLACES))),
        (pl.col("text") / 1000).cast(pl.Decimal(4, 3)).alias("text_similarity"),
        pl.col("category").replace_strict(dict(enumerate(CATEGORIES))),
        pl.col("hours").alias("hours_between"),
        pl.col("same_caller").alias("is_same_caller"),
        pl.col("same_text").alias("is_same_text"),
    ).sort("event_id", "later_event_id")


def _probability(points: pl.Expr) -> pl.Expr:
    """Points → probability in thousandths; ten points double the odds."""
    return (1 / (1 + 2.0 ** (-points / 10))).round(3).cast(pl.Decimal(4, 3))


# Clusters


def clusters(events: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """One row per event, as `event.event_cluster`: from the columns CLUSTER_COLUMNS of `event.event`, and `event.event_pair`."""
    paired = pl.concat([pairs["event_id"], pairs["later_event_id"]]).unique().to_frame()
    reports = events.join(paired, on="event_id", how="semi").sort("reported_at", "event_id").with_row_index("row")
    rows = reports.select("event_id", pl.col("row").cast(pl.Int64))
    tied = (
        pairs.join(rows.rename({"row": "first"}), on="event_id")
        .join(rows.rename({"event_id": "later_event_id", "row": "later"}), on="later_event_id")
        .sort("first", "later")
    )
    matter = pl.Series("matter", grown(reports.height, tied.with_columns(text="text_similarity")))
    tied = tied.filter(matter.gather(tied["first"]) == matter.gather(tied["later"]))
    matched = _matched(reports, tied)
    weakest = (
        pl.concat([tied.select("score", row="first"), tied.select("score", row="later")])
        .group_by("row")
        .agg(weakest_score=pl.col("score").min())
    )
    made = (
        reports.with_columns(matter, pl.col("row").cast(pl.Int64), matter_id=reports["event_id"].gather(matter))
        .join(matched, on="row", how="left")
        .join(weakest, on="row", how="left")
        .sort("row")
        .with_columns(
            sequence=pl.int_range(1, pl.len() + 1).over("matter"),
            reports=pl.len().over("matter").cast(pl.Int64),
            kind=pl.when(pl.col("row") == pl.col("matter")).then(pl.lit("first")).otherwise("kind"),
        )
        .drop("row", "matter", "feed", "reported_at", "reporter_key")
    )
    alone = {"matter_id": pl.col("event_id"), "sequence": 1, "reports": 1, "kind": pl.lit("first")}
    every = events.select("event_id").join(made, on="event_id", how="left", maintain_order="left")
    every = every.with_columns(pl.col(name).fill_null(value).alias(name) for name, value in alone.items())
    return every if every["event_id"].is_sorted() else every.sort("event_id")


def _matched(reports: pl.DataFrame, tied: pl.DataFrame) -> pl.DataFrame:
    """For each report that repeats: row, kind, matched_event_id and the evidence for the pair.

    Of the earlier reports of its matter it is matched to one of the same words, else to one of the same caller, else to the likeliest;
    of equal ones to the nearest in time.
    """
    called = pl.col("feed").is_in(_CALLED)
    known = reports.select(
        pl.col("row").cast(pl.Int64), nameless=called & pl.col("reporter_key").is_null(), caller=pl.when(called).then("reporter_key")
    )
    seen = tied.join(known.rename({"row": "later"}), on="later", how="left").join(
        known.rename({"row": "first", "nameless": "first_nameless", "caller": "first_caller"}), on="first", how="left"
    )
    differs = (pl.col("caller") != pl.col("first_caller")).fill_null(False)
    seen = seen.with_columns(
        repeated=pl.col("is_same_text") & ~differs, told_apart=~pl.col("nameless") & ~pl.col("first_nameless") & ~pl.col("is_same_caller")
    )
    told = seen.group_by("later").agg(told_apart=pl.col("told_apart").any())
    best = (
        seen.drop("told_apart")
        .sort("later", "repeated", "is_same_caller", "points", "first", descending=[False, True, True, True, True])
        .unique("later", keep="first", maintain_order=True)
    )
    return best.join(told, on="later").select(
        row="later",
        kind=pl.when("repeated")
        .then(pl.lit("exact_duplicate"))
        .when("is_same_caller")
        .then(pl.lit("same_caller"))
        .when("told_apart")
        .then(pl.lit("other_caller"))
        .otherwise(pl.lit("caller_unknown")),
        matched_event_id="event_id",
        score="score",
        place="place",
        text_similarity="text_similarity",
        category="category",
        hours_between="hours_between",
        is_same_caller="is_same_caller",
        is_same_text="is_same_text",
    )


def grown(size: int, pairs: pl.DataFrame) -> np.ndarray:
    """The matter of each report: the row of its first report. `pairs`: first, later, points, text of all possible pairs."""
    matter = np.arange(size)
    ties = pairs.filter(pl.col("points") >= POSSIBLE).select(a="first", b="later", n=pl.lit(1, dtype=pl.Int64), margin=margin())
    while True:
        sizes = pl.Series(np.bincount(matter, minlength=size))
        ties = ties.with_columns(full=sizes.gather(ties["a"]) * sizes.gather(ties["b"]))
        ready = ties.filter(pl.col("n") == pl.col("full"), pl.col("margin") >= 0)
        if not ready.height:
            return matter
        # Of equal partners the earlier one; the mean as a whole number, so that no rounding decides.
        ready = ready.with_columns(mean=pl.col("margin") * 1000 // pl.col("n"))
        sides = pl.concat([ready.select(me="a", you="b", mean="mean"), ready.select(me="b", you="a", mean="mean")])
        best = sides.sort("me", "mean", "you", descending=[False, True, False]).unique("me", keep="first", maintain_order=True)
        mutual = best.join(best.select(me="you", you="me"), on=["me", "you"]).filter(pl.col("me") < pl.col("you"))
        target = np.arange(size)
        target[mutual["you"].to_numpy()] = mutual["me"].to_numpy()
        matter = target[matter]
        moved = pl.Series(target)
        ties = (
            ties.select(moved.gather(ties["a"]).alias("a"), moved.gather(ties["b"]).alias("b"), "n", "margin")
            .filter(pl.col("a") != pl.col("b"))
            .select(a=pl.min_horizontal("a", "b"), b=pl.max_horizontal("a", "b"), n="n", margin="margin")
            .group_by("a", "b")
            .agg(pl.col("n").sum(), pl.col("margin").sum())
        )
