"""Hot words: what people speak of this week far more than they usually do.

Belongs here: how a word's rise is counted and which words may be shown. Does not belong here: cutting texts and finding new words
(`segmentation`), hot matters by place (`sentiment.hot_topic`).

A word counts once in a report. Its usual level is the mean share of the reports of the FORMER_WEEKS weeks before in which it stood, brought to
the number of reports of the week looked at; weeks in which nothing was reported say nothing and are left out. Weight = reports over
usual + 1, the rise and not the size, as in `sentiment.hot_topic`. A word is shown where at least LEAST reports by at least
LEAST_REPORTERS different reporters have it, the weight is at least LEAST_WEIGHT, and so many reports are no accident: by Poisson's
distribution with the usual as its mean, fewer than one in a thousand such weeks would have as many. (With thousands of words asked, some
rise by chance all the same.)

Nothing personal: texts are redacted before; words with digits or letters, words of one character, names of persons and of places (street, community), words that
read like a name, and what fewer than LEAST_REPORTERS people wrote are left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa

import contracts
from contracts.schema import arrow_schema
from contracts.step import StepContext
from governance import segmentation

INPUTS = ("event.event", "place.community", "district.category_word")
_COUNTED = (
    "event.event.title_redacted",
    "event.event.body_redacted",
    "event.event.reported_on",
    "event.event.feed",
    "event.event.reporter_key",
)
_SHOWN = (*_COUNTED, "place.community.name", "place.community.street", "place.community.district", "district.category_word.word")
ORIGINS = {
    "week": ("event.event.reported_on",),
    "word": _SHOWN,
    "reports": _COUNTED,
    "reporters": ("event.event.reporter_key", *_COUNTED[:4]),
    "usual": _COUNTED,
    "weight": _COUNTED,
    "is_new_word": ("event.event.title_redacted", "event.event.body_redacted"),
    "category_key": ("event.event.category_key",),
    "community_key": ("event.event.community_key",),
}

WEEKS = 13
"""Weeks, the last of them that of the as-of day, for which hot words are given."""
FORMER_WEEKS = 8
LEAST, LEAST_REPORTERS, LEAST_WEIGHT = 5, 3, 2
_CHANCE = 0.001
_FEEDS = ("ticket", "petition", "grid_event")
_LEAST_NEW = 8
"""Reports in which a new word must stand."""
_MOST_FOR_NEW = 100_000
"""The youngest reports in which new words are sought."""
_PLACE = r"\p{Han}(大道|[路街巷弄苑邨]|新村|公寓|大厦|花园|小区|社区|街道)$"
"""Ends of words that name an address: what is hot where is `sentiment.hot_topic`."""
_FACELESS = "grid_event"
"""A grid worker reports what others suffer: each report counts as one of its own."""


def hot_words(inputs: Mapping[str, pa.Table], context: StepContext) -> pa.Table:
    """`sentiment.hot_word` from INPUTS: one row per week and hot word, ordered by them."""
    community = _frame(inputs["place.community"].select(["name", "street", "district"]))
    places = pl.concat([community[name] for name in community.columns]).drop_nulls().unique()
    columns = ["event_id", "feed", "reported_on", "title_redacted", "body_redacted", "reporter_key", "category_key", "community_key"]
    reports = _frame(inputs["event.event"].select(columns))
    words = _frame(inputs["district.category_word"].select(["word"]))["word"].drop_nulls()
    found = hot(reports, context.as_of.date(), places, words)
    schema = arrow_schema(contracts.tables()["sentiment.hot_word"].columns)
    return found.select(schema.names).sort("week", "word").to_arrow().cast(schema)


def hot(reports: pl.DataFrame, as_of: dt.date, places: pl.Series, words: pl.Series) -> pl.DataFrame:
    """Hot words of the last WEEKS weeks: week, word, reports, reporters, usual, weight, is_new_word, category_key, community_key.

    `reports`: event_id, feed, reported_on, title_redacted, body_redacted, reporter_key, category_key, community_key. `places`: names of
    places. `words`: the district's own words, which the segmenter keeps whole.
    """
    last = as_of - dt.timedelta(days=as_of.weekday())
    first = last - dt.timedelta(weeks=WEEKS - 1)
    text = pl.concat_str("title_redacted", "body_redacted", separator="。", ignore_nulls=True)
    kept = (
        reports.filter(
            pl.col("feed").is_in(_FEEDS), pl.col("reported_on") >= first - dt.timedelta(weeks=FORMER_WEEKS), pl.col("reported_on") <= as_of
        )
        .with_columns(text.alias("text"), pl.col("reported_on").dt.truncate("1w").alias("week"))
        .filter(pl.col("text").str.len_chars() > 0)
        .sort("reported_on", "event_id")
        .with_row_index("row")
    )
    if not kept.height:
        return pl.DataFrame(schema=_HOT)
    stands, new = _stands(kept, words)
    rising = _rising(stands, kept, first)
    shown = rising.filter(~_hidden(rising["word"], places))
    return (
        _described(shown, stands, kept).with_columns(pl.col("word").is_in(sorted(new)).alias("is_new_word")).select(_HOT.names()).cast(_HOT)
    )


_COLUMNS: dict[str, pl.DataType] = {
    "week": pl.Date(),
    "word": pl.String(),
    "reports": pl.Int64(),
    "reporters": pl.Int64(),
    "usual": pl.Decimal(12, 2),
    "weight": pl.Decimal(12, 3),
    "is_new_word": pl.Boolean(),
    "category_key": pl.String(),
    "community_key": pl.String(),
}
_HOT = pl.Schema(_COLUMNS)


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _stands(reports: pl.DataFrame, words: pl.Series) -> tuple[pl.DataFrame, set[str]]:
    """Which word stands in which report (row, word), once each, and which of the words are new.

    New words are looked for in the youngest texts and counted by where they stand, beside the terms that they are made of.
    """
    young = reports["text"].tail(_MOST_FOR_NEW)
    found = segmentation.new_words(segmentation.segmented(young, words.to_list()), words.to_list(), least=_LEAST_NEW)
    new = set(found["word"].to_list())
    pieces = segmentation.segmented(reports["text"], [*words.to_list(), *sorted(new)])
    terms = pl.DataFrame({"piece": pl.Series(range(len(pieces.terms)), dtype=pl.UInt32), "word": pieces.terms}).explode("word").drop_nulls()
    possible = terms.filter(pl.col("word").str.contains(r"^\p{Han}{2,}$"), ~pl.col("word").is_in(sorted(segmentation.stop_words())))
    return pieces.places.join(possible, on="piece").select("row", "word").unique(), new


def _rising(stands: pl.DataFrame, reports: pl.DataFrame, first: dt.date) -> pl.DataFrame:
    """Weeks and words that are hot, with reports, reporters, usual and weight."""
    week = reports.select("row", "week", _reporter())
    sizes = reports.group_by("week").len("size").sort("week")
    counted = (
        stands.join(week, on="row")
        .group_by("week", "word")
        .agg(pl.len().cast(pl.Int64).alias("reports"), pl.col("reporter").n_unique().cast(pl.Int64).alias("reporters"))
    )
    asked = counted.filter(pl.col("week") >= first, pl.col("reports") >= LEAST, pl.col("reporters") >= LEAST_REPORTERS)
    former = pl.concat(
        [
            counted.select(pl.col("week").dt.offset_by(f"{ahead}w"), "word", pl.col("reports").alias("former"))
            for ahead in range(1, FORMER_WEEKS + 1)
        ]
    )
    former_sizes = pl.concat(
        [
            sizes.select(pl.col("week").dt.offset_by(f"{ahead}w"), pl.col("size").alias("former_size"))
            for ahead in range(1, FORMER_WEEKS + 1)
        ]
    )
    compared = (
        asked.join(former.group_by("week", "word").agg(pl.col("former").sum()), on=["week", "word"], how="left")
        .join(former_sizes.group_by("week").agg(pl.col("former_size").sum()), on="week", how="inner")
        .join(sizes, on="week")
        .with_columns(pl.col("former").fill_null(0))
        .with_columns((pl.col("former") * pl.col("size") / pl.col("former_size")).alias("expected"))
        .with_columns((pl.col("reports") / (pl.col("expected") + 1)).alias("weight"))
        .filter(pl.col("weight") >= LEAST_WEIGHT)
        .sort("week", "word")
    )
    # Half a report more than none: a word never seen before would otherwise beat chance by standing once.
    from scipy import stats  # takes most of a second to import; only a release that is built needs it

    chance = stats.poisson.sf(compared["reports"].to_numpy() - 1, compared["expected"].to_numpy() + 0.5)
    return (
        compared.filter(pl.Series(np.asarray(chance) < _CHANCE, dtype=pl.Boolean))
        .with_columns(pl.col("expected").round(2).alias("usual"), pl.col("weight").round(3))
        .select("week", "word", "reports", "reporters", "usual", "weight")
    )


def _reporter() -> pl.Expr:
    """Who reported: the pseudonym; a report without one, or by a grid worker, counts as by someone else."""
    known = pl.col("reporter_key").is_not_null() & (pl.col("feed") != _FACELESS)
    return pl.when(known).then("reporter_key").otherwise("event_id").alias("reporter")


def _hidden(words: pl.Series, places: pl.Series) -> pl.Series:
    """Words that are never shown: names of persons and places and parts of place names."""
    distinct = words.unique().sort()
    persons = segmentation.named_persons(distinct.to_list())
    stems = places.str.replace(r"(街道|社区|新区|区|里|村|镇|乡)$", "")
    joined = "|".join(sorted({*places.to_list(), *stems.to_list()}))
    parts = {word for word in distinct if word in joined}
    return words.is_in(sorted(persons | parts)) | words.str.contains(_PLACE)


def _described(hot: pl.DataFrame, stands: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """Adds the category and the community most of the word's reports are in: null where it is fewer than half of them."""
    about = stands.join(reports.select("row", "week", "category_key", "community_key"), on="row").join(
        hot.select("week", "word", "reports"), on=["week", "word"]
    )
    for column in ("category_key", "community_key"):
        most = (
            about.drop_nulls(column)
            .group_by("week", "word", column, "reports")
            .len("n")
            .filter(pl.col("n") * 2 > pl.col("reports"))
            .select("week", "word", column)
        )
        hot = hot.join(most, on=["week", "word"], how="left")
    return hot
