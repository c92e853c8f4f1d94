"""Pairs of reports that may be about one matter, and what speaks for and against each.

Belongs here: which reports are compared, the evidence of a pair, and its score. Does not belong here: vectors of texts (`matter_text`),
and how pairs become matters (`matter`).

Reports are compared where they share a place (building; estate, lane, road or community if one of the two is no more exact), a caller or
a whole text, and lie near in time. Each block is a sorted neighbourhood (Hernández & Stolfo 1995): a report is compared with at most the
block's `reach` reports before it, so that no place, however busy, makes all pairs. Wide blocks are parted by a second key, category or
the strongest directions of the text.

The score is a sum of points, one for each kind of evidence, as in record linkage by Fellegi & Sunter (1969): ten points are one bit, that
is, they double the odds that both reports are about one matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

DAY = 86_400
PLACES = ("same_door", "same_building", "same_site", "on_the_road", "in_the_community", "unknown", "apart")
"""How the places of two reports stand: the same door; one building; another building of one estate or lane, or the number of the estate;
one names a road, lane or estate on which the other lies, or both name the same; one names no more than the community in which the other
lies, or both do; one of the two names no place as exact as a community; two different places."""
CATEGORIES = ("same", "same_2", "same_1", "unknown", "differs")
"""The finest level of the category on which two reports agree."""
_COMPARED = (
    "second", "width", "place", "spot", "number", "lane", "estate", "road", "neighbourhood", "community", "category", "category_2", "category_1",
    "reporter", "text_hash",
)  # fmt: skip
_CHUNK = 1_000_000
_NO_TEXT = -10_000

PLACE_POINTS = (0, -8, -75, -55, -70, -85, -160)
"""By position in PLACES."""
TEXT_POINTS = ((0, -120), (250, -80), (350, -50), (450, -10), (550, 20), (650, 45), (750, 70), (850, 85))
"""Similarity in thousandths → points; linear between."""
CATEGORY_POINTS = (5, 3, 0, 0, -8)
NO_TEXT_POINTS = (25, -5, -30, -15, -70)
"""The same where one of the two has no text: the category must speak for it. For doors the district's own figures count (`Haste`)."""
AGE_POINTS = -8
"""For each day between the two reports."""
CALLER_POINTS = 75
SAME_TEXT_POINTS = 30
VAGUE = (2, 3, 4)
"""Positions in PLACES where one of the reports may as well be about another house: there the others that it may mean are its rivals."""
JOIN = 0
"""Points from which two reports are about one matter more likely than not."""
WORDLESS_JOIN = 15
"""The same where one of the two has no text: there nobody can see from the record that the two were wrongly joined."""
POSSIBLE = -35
"""Points from which it is possible; below, a third report cannot bring the two together either."""


@dataclass(frozen=True)
class Block:
    """Which reports are compared: those with the same `keys`, at most `days` apart, each with at most `reach` before it."""

    keys: tuple[str, ...]
    days: int
    reach: int
    wide_only: bool = False
    """Only pairs in which one report's place is no door."""


BLOCKS = (
    Block(("spot",), 14, 60),
    Block(("reporter",), 30, 20),
    Block(("text_hash",), 14, 10),
    Block(("estate", "topic_1"), 7, 30),
    Block(("estate", "topic_2"), 7, 30),
    Block(("estate", "category_2"), 7, 30),
    Block(("road", "topic_1"), 7, 30, wide_only=True),
    Block(("road", "topic_2"), 7, 30, wide_only=True),
    Block(("road", "category_2"), 7, 30, wide_only=True),
    Block(("community", "topic_1"), 7, 30, wide_only=True),
    Block(("community", "topic_2"), 7, 30, wide_only=True),
    Block(("community", "category_2"), 7, 30, wide_only=True),
)


def candidates(reports: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of row numbers of `reports`, the earlier first, each pair once, in order.

    `reports`: ordered by time and event id; the key columns of BLOCKS as whole numbers (null: not in the block), `second`, `width`.
    """
    size = reports.height
    second = reports["second"].to_numpy()
    wide = reports["width"].to_numpy() > 0
    found = [np.empty(0, dtype=np.int64)]
    for block in BLOCKS:
        key = _block_key(reports, block.keys)
        for first, later in _neighbours(key, second, block):
            holds = (wide[first] | wide[later]) if block.wide_only else np.ones(len(first), dtype=bool)
            found.append(first[holds].astype(np.int64) * size + later[holds])
    # Sorted by hand: np.unique hashes whole numbers, which takes four times as long.
    codes = np.sort(np.concatenate(found))
    codes = codes[np.diff(codes, prepend=-1) > 0]
    return codes // max(size, 1), codes % max(size, 1)


def _block_key(reports: pl.DataFrame, keys: tuple[str, ...]) -> np.ndarray:
    """One number a report; -1 where a key is unknown."""
    known = pl.all_horizontal(pl.col(key).is_not_null() for key in keys)
    number = (pl.struct(keys).hash() // 2).cast(pl.Int64) if len(keys) > 1 else pl.col(keys[0])
    return reports.select(pl.when(known).then(number).otherwise(-1).alias("key"))["key"].to_numpy()


def _neighbours(key: np.ndarray, second: np.ndarray, block: Block) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of one key near in time, lag by lag; rows come in the order of time, so that a stable sort keeps it."""
    order = np.argsort(key, kind="stable")
    order = order[np.searchsorted(key[order], 0) :]
    sorted_key, sorted_second = key[order], second[order]
    at = np.arange(len(order))
    for lag in range(1, block.reach + 1):
        at = at[at + lag < len(order)]
        near = (sorted_key[at] == sorted_key[at + lag]) & (sorted_second[at + lag] - sorted_second[at] <= block.days * DAY)
        at = at[near]
        if not len(at):
            return
        yield order[at], order[at + lag]


@dataclass(frozen=True)
class Vectors:
    """Vectors of texts: `matrix` (int8) and, for each report, its row there in `slot`; -1 without text."""

    slot: np.ndarray
    matrix: np.ndarray


def evidence(reports: pl.DataFrame, vectors: Vectors, first: np.ndarray, later: np.ndarray) -> pl.DataFrame:
    """What speaks for and against each pair: first, later, place, text (thousandths, null without text), hours, same_caller, category,
    same_text. `place` and `category` are positions in PLACES and CATEGORIES."""
    columns = {name: reports[name].fill_null(-1).to_numpy() for name in _COMPARED}
    parts = [
        _evidence(columns, vectors, first[start : start + _CHUNK], later[start : start + _CHUNK])
        for start in range(0, max(len(first), 1), _CHUNK)
    ]
    return pl.concat(parts)


class _Both:
    """The values of one column for both reports of each pair; -1 where unknown."""

    def __init__(self, columns: dict[str, np.ndarray], first: np.ndarray, later: np.ndarray) -> None:
        self.columns, self.first, self.later = columns, first, later

    def one(self, name: str) -> np.ndarray:
        return self.columns[name][self.first]

    def other(self, name: str) -> np.ndarray:
        return self.columns[name][self.later]

    def same(self, name: str) -> np.ndarray:
        one = self.one(name)
        return (one >= 0) & (one == self.other(name))

    def holds(self, ancestor: str) -> np.ndarray:
        """Whether the place of one report is the other's `ancestor`."""
        place_1, place_2 = self.one("place"), self.other("place")
        return ((place_1 >= 0) & (place_1 == self.other(ancestor))) | ((place_2 >= 0) & (place_2 == self.one(ancestor)))


def _evidence(columns: dict[str, np.ndarray], vectors: Vectors, first: np.ndarray, later: np.ndarray) -> pl.DataFrame:
    both = _Both(columns, first, later)
    one, other = vectors.slot[first], vectors.slot[later]
    spoken = (one >= 0) & (other >= 0)
    text = np.full(len(first), _NO_TEXT, dtype=np.int64)
    text[spoken] = _cosine(vectors.matrix, one[spoken], other[spoken])
    second = columns["second"]
    unknown = (both.one("category_1") < 0) | (both.other("category_1") < 0)
    category = np.select([unknown, both.same("category"), both.same("category_2"), both.same("category_1")], [3, 0, 1, 2], 4)
    return pl.DataFrame(
        {
            "first": first, "later": later, "place": _place(both), "text": text.astype(np.int16),
            "hours": ((second[later] - second[first]) // 3600).astype(np.int32), "same_caller": both.same("reporter"),
            "category": category.astype(np.int8), "same_text": both.same("text_hash"),
        }
    ).with_columns(text=pl.when(pl.col("text") != _NO_TEXT).then("text"))  # fmt: skip


def _place(both: _Both) -> np.ndarray:
    """The position in PLACES for each pair."""
    width = np.maximum(both.one("width"), both.other("width"))
    door = width == 0
    same = both.same("place")
    near = both.holds("number") | both.holds("lane") | both.holds("estate") | both.holds("road") | same
    far = both.holds("community") | both.holds("neighbourhood") | same
    found = np.select(
        [
            same & door, both.same("spot") & door, door & (both.holds("number") | both.same("estate") | both.same("lane")),
            (width == 1) & near, (width == 2) & far, width == 3,
        ],
        [0, 1, 2, 3, 4, 5],
        6,
    )  # fmt: skip
    return found.astype(np.int8)


def _cosine(vectors: np.ndarray, first: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Cosine in thousandths, from whole-numbered vectors."""
    made = np.empty(len(first), dtype=np.int64)
    length = np.einsum("ij,ij->i", vectors, vectors, dtype=np.int32)
    for start in range(0, len(first), 100_000):
        one, other = first[start : start + 100_000], later[start : start + 100_000]
        dot = np.einsum("ij,ij->i", vectors[one], vectors[other], dtype=np.int32)
        scale = np.sqrt(length[one].astype(np.float64) * length[other])
        made[start : start + 100_000] = np.rint(1000 * dot / np.maximum(scale, 1))
    return made


@dataclass(frozen=True)
class Haste:
    """How soon reports of one category follow each other at one door, by category and position in HASTE_HOURS.

    Where nothing connects them, reports come at any time alike: as many a day after one day as after ten. What comes sooner more often
    than that is about one matter. `table`: category_key, step, points.
    """

    table: pl.DataFrame

    def of(self, categories: pl.Series, hours: np.ndarray) -> np.ndarray:
        """Points of pairs of one category at one door without texts; those of all categories where the category is not known."""
        step = np.searchsorted(HASTE_HOURS, hours, side="right").astype(np.int64)
        asked = pl.DataFrame({"category_key": categories, "step": step})
        found = asked.join(self.table, on=["category_key", "step"], how="left", maintain_order="left", nulls_equal=True)["points"]
        usual = asked.with_columns(category_key=pl.lit(None, dtype=pl.String)).join(
            self.table, on=["category_key", "step"], how="left", maintain_order="left", nulls_equal=True
        )["points"]
        return found.fill_null(usual).fill_null(FAR).to_numpy()


HASTE_HOURS = (3, 12, 24, 48, 72, 120, 168)
"""Upper ends of the steps; pairs of the week after that show what comes by chance."""
FAR = -100
"""Points of pairs beyond the last step."""
_BY_CHANCE_HOURS = (168, 336)
_PRIOR_PAIRS = 20
"""Pairs that the expectation weighs against a category's own."""


def haste(pairs: pl.DataFrame, categories: pl.Series) -> Haste:
    """From all compared pairs (evidence) and the category of each (`categories`, that of the first report)."""
    known = pairs.with_columns(category_key=categories).filter(
        pl.col("text").is_null(),
        pl.col("place") == 0,
        pl.col("category") == 0,
        ~pl.col("same_caller"),
        pl.col("hours") < _BY_CHANCE_HOURS[1],
    )
    edges = (0, *HASTE_HOURS, _BY_CHANCE_HOURS[1])
    steps = pl.DataFrame({"step": range(len(edges) - 1), "days": [(end - start) / 24 for start, end in pairwise(edges)]})
    step = pl.Series("step", np.searchsorted(HASTE_HOURS, known["hours"].to_numpy(), side="right"), dtype=pl.Int64)
    counted = known.with_columns(step).group_by("category_key", "step").len("n")
    middle = np.array([(start + end) / 2 for start, end in pairwise(edges)])
    guess = 1 / (1 + 2 ** (-(NO_TEXT_POINTS[0] + AGE_POINTS * middle / 24) / 10))
    every = counted.group_by("step").agg(pl.col("n").sum()).with_columns(category_key=pl.lit(None, dtype=pl.String))
    any_category = pl.DataFrame({"category_key": [None]}, schema={"category_key": pl.String})
    usual = _share(any_category, every, steps, pl.DataFrame({"step": steps["step"], "prior": guess}))
    own = _share(counted.select("category_key").unique(), counted, steps, usual.select("step", prior="share"))
    table = pl.concat([usual, own]).with_columns(
        points=(10 * (pl.col("share") / (1 - pl.col("share"))).log(2)).round().clip(-100, 60).cast(pl.Int64)
    )
    return Haste(table.filter(pl.col("step") < len(HASTE_HOURS)).select("category_key", "step", "points").sort("category_key", "step"))


def _share(categories: pl.DataFrame, counted: pl.DataFrame, steps: pl.DataFrame, prior: pl.DataFrame) -> pl.DataFrame:
    """Of the pairs of each category and step the share that chance does not explain: category_key, step, share."""
    grid = categories.join(steps, how="cross").join(prior, on="step")
    last = steps.height - 1
    full = grid.join(counted, on=["category_key", "step"], how="left", nulls_equal=True).with_columns(pl.col("n").fill_null(0))
    daily = full.filter(pl.col("step") == last).select("category_key", chance=pl.col("n") / pl.col("days"))
    excess = pl.max_horizontal(pl.col("n") - pl.col("chance") * pl.col("days"), 0)
    share = (excess + _PRIOR_PAIRS * pl.col("prior")) / (pl.max_horizontal("n", pl.col("chance") * pl.col("days")) + _PRIOR_PAIRS)
    return full.join(daily, on="category_key", how="left", nulls_equal=True).select("category_key", "step", share=share.clip(0.001, 0.999))


def points(pairs: pl.DataFrame, certainty: float, haste: Haste, categories: pl.Series) -> pl.DataFrame:
    """Adds `raw` (Int32), the sum of points, to the evidence.

    `certainty` 0 … 1: how well the texts are understood. Where they are not, that two texts are unlike says little, and the category must
    speak as where there is no text. `categories`: the category key of each pair's first report.
    """
    knots = np.array(TEXT_POINTS)
    silent = pairs["text"].is_null().to_numpy()
    spoken = np.where(silent, 0.0, certainty)
    text = np.interp(pairs["text"].fill_null(0).to_numpy(), knots[:, 0], knots[:, 1])
    place, category, hours = pairs["place"].to_numpy(), pairs["category"].to_numpy(), pairs["hours"].to_numpy()
    told = text + np.array(CATEGORY_POINTS)[category]
    untold = np.where(silent, 0, np.maximum(text, 0)) + np.array(NO_TEXT_POINTS)[category]
    situation = np.array(PLACE_POINTS)[place] + np.rint(spoken * told + (1 - spoken) * untold) + np.rint(AGE_POINTS / 24 * hours)
    measured = silent & (category == 0) & (place < 2)
    where = np.flatnonzero(measured)
    situation[where] = np.array(PLACE_POINTS)[place[where]] + haste.of(categories.gather(where), hours[where])
    total = situation + CALLER_POINTS * pairs["same_caller"].to_numpy() + SAME_TEXT_POINTS * pairs["same_text"].to_numpy()
    return pairs.with_columns(pl.Series("raw", total.astype(np.int32)))


def with_rivals(pairs: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """Adds `points` to pairs with `raw` points: those left when a report that does not name its house may mean several.

    If k, m, … are the houses that it may mean and their odds o, then k has the odds o(k) : 1 + sum of o(m). The odds of a house are those of
    the likeliest pair with it that a block brought together (`is_block`). `reports`: place, spot, width.
    """
    where = reports.select(pl.coalesce("spot", "place").fill_null(-1)).to_series()
    width = reports["width"]
    rows = pairs.select("first", "later", "raw", "is_block").with_row_index("pair").filter(pairs["place"].is_in(VAGUE))
    one, other = width.gather(rows["first"]), width.gather(rows["later"])
    sides = pl.concat(
        [
            rows.select("pair", "raw", "is_block", me="first", you="later").filter((one > 0) | (other == 0)),
            rows.select("pair", "raw", "is_block", me="later", you="first").filter((other > 0) | (one == 0)),
        ]
    )
    # Whole numbers, so that sums do not depend on their order.
    sides = sides.with_columns(
        house=where.gather(sides["you"]), odds=(1000 * 2.0 ** (pl.col("raw").clip(-100, 300) / 10)).round().cast(pl.Int64)
    )
    houses = sides.filter("is_block").group_by("me", "house").agg(pl.col("odds").max())
    mine = houses.rename({"odds": "mine"})
    every = houses.group_by("me").agg(every=pl.col("odds").sum())
    judged = (
        sides.join(every, on="me", how="left")
        .join(mine, on=["me", "house"], how="left")
        .with_columns(rivals=pl.col("every").fill_null(0) - pl.col("mine").fill_null(0))
        .group_by("pair")
        .agg(pl.col("rivals").max())
        .select(pl.col("pair"), lost=(10 * (1 + pl.col("rivals") / 1000).log(2)).round().cast(pl.Int32))
    )
    return (
        pairs.with_row_index("pair")
        .join(judged, on="pair", how="left", maintain_order="left")
        .with_columns(points=pl.col("raw") - pl.col("lost").fill_null(0))
        .drop("pair", "lost")
    )


def margin() -> pl.Expr:
    """By how many points a pair is above what joins two reports; from `points` and `text`."""
    return (pl.col("points") - pl.when(pl.col("text").is_null()).then(WORDLESS_JOIN).otherwise(JOIN)).cast(pl.Int64)
