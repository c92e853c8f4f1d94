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

import numpy as np
import polars as pl

DAY = 86_400
PLACES = ("same_door", "same_building", "same_site", "on_the_road", "in_the_community", "unknown", "apart")
"""How the places of two reports stand: the same door; one building; another building of one estate or lane, or the number of the estate;
one names a road, lane or estate on which the other lies, or both name the same; one names no more than the community in which the other
lies, or both do; one of the two names no place as exact as a community; two different places."""
CATEGORIES = ("same", "same_2", "same_1", "unknown", "differs")
"""The finest level of the category on which two reports agree."""
_CHUNK = 1_000_000
_NO_TEXT = -10_000

PLACE_POINTS = (0, -8, -70, -55, -70, -85, -160)
"""By position in PLACES."""
TEXT_POINTS = ((0, -120), (250, -80), (350, -40), (450, 5), (550, 30), (650, 55), (750, 75), (850, 85))
"""Similarity in thousandths → points; linear between."""
CATEGORY_POINTS = (5, 3, 0, 0, -8)
NO_TEXT_POINTS = 10
"""Where one of the two has no text, the category must speak for it."""
NO_TEXT_CATEGORY_POINTS = (15, -15, -40, -25, -80)
AGE_POINTS = -8
"""For each day between the two reports."""
CALLER_POINTS = 60
SAME_TEXT_POINTS = 30
RIVAL_POINTS = -10
"""For each doubling of the places at which a report without a door may be about something."""
JOIN = 0
"""Points from which two reports are about one matter more likely than not."""
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
    codes = np.unique(np.concatenate(found))
    return codes // max(size, 1), codes % max(size, 1)


def _block_key(reports: pl.DataFrame, keys: tuple[str, ...]) -> np.ndarray:
    """One number a report; -1 where a key is unknown."""
    known = pl.all_horizontal(pl.col(key).is_not_null() for key in keys)
    number = pl.struct(keys).rank("dense") if len(keys) > 1 else pl.col(keys[0])
    return reports.select(pl.when(known).then(number.cast(pl.Int64)).otherwise(-1).alias("key"))["key"].to_numpy()


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


def evidence(reports: pl.DataFrame, vectors: np.ndarray, first: np.ndarray, later: np.ndarray) -> pl.DataFrame:
    """What speaks for and against each pair: first, later, place, text (thousandths, null without text), hours, same_caller, category,
    same_text. `place` and `category` are positions in PLACES and CATEGORIES."""
    parts = [
        _evidence(reports, vectors, first[start : start + _CHUNK], later[start : start + _CHUNK])
        for start in range(0, max(len(first), 1), _CHUNK)
    ]
    return pl.concat(parts)


class _Both:
    """The values of one column for both reports of each pair; -1 where unknown."""

    def __init__(self, reports: pl.DataFrame, first: np.ndarray, later: np.ndarray) -> None:
        self.columns = {name: reports[name].fill_null(-1).to_numpy() for name in reports.columns if reports[name].dtype.is_integer()}
        self.first, self.later = first, later

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


def _evidence(reports: pl.DataFrame, vectors: np.ndarray, first: np.ndarray, later: np.ndarray) -> pl.DataFrame:
    both = _Both(reports, first, later)
    spoken = reports["has_text"].to_numpy()
    text = np.where(spoken[first] & spoken[later], _cosine(vectors, first, later), _NO_TEXT)
    second = reports["second"].to_numpy()
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


def points(pairs: pl.DataFrame) -> pl.DataFrame:
    """Adds `points` (Int32) to the evidence; the report's rivals are not counted yet."""
    knots = np.array(TEXT_POINTS)
    spoken = pairs["text"].is_not_null().to_numpy()
    text = np.rint(np.interp(pairs["text"].fill_null(0).to_numpy(), knots[:, 0], knots[:, 1])).astype(np.int32)
    place, category = pairs["place"].to_numpy(), pairs["category"].to_numpy()
    days = pairs["hours"].to_numpy() / 24
    total = (
        np.array(PLACE_POINTS)[place]
        + np.where(spoken, text, NO_TEXT_POINTS)
        + np.where(spoken, np.array(CATEGORY_POINTS)[category], np.array(NO_TEXT_CATEGORY_POINTS)[category])
        + np.rint(AGE_POINTS * days).astype(np.int32)
        + CALLER_POINTS * pairs["same_caller"].to_numpy()
        + SAME_TEXT_POINTS * pairs["same_text"].to_numpy()
    )
    return pairs.with_columns(pl.Series("points", total, dtype=pl.Int32))
