"""Category from text: what a report is about where its feed gives no category, with a confidence and "don't know".

Belongs here: the district's rules (`category_word`), the names of its leaves, term weights learnt from its own labelled reports, and how
far each can be trusted. Does not belong here: cutting texts (`segmentation`), what a delivered path means (`organization.category_crosswalk`).

Three sources answer, in this order; the first that is sure enough wins:
- rule: a word of `district.category_word` stands in the text;
- name: the name of exactly one leaf of the tree stands in the text;
- learnt: multinomial naive Bayes over the terms of the text, the kind and the department that the feed names. Source: Manning, Raghavan
  and Schütze, "Introduction to Information Retrieval" (2008), chapter 13. Asked for the leaf first, then for the branch above it.
Confidence is a measured precision, not the model's own opinion: the learnt weights are first made from the older four fifths of the labelled
reports and judged by the youngest fifth; isotonic regression turns the model's probability into the share that was right there (a lower bound
of 90 % for small numbers). Words and names are judged by all labelled reports in which they stand. Below SURE the answer is "don't know".
Reports are never looked at by another's caller, place or number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from scipy import optimize, sparse

import contracts
from contracts.schema import arrow_schema
from contracts.step import StepContext
from governance import segmentation

_FEEDS = {
    "ticket": ("title_redacted", "body_redacted", "kind"),
    "petition": ("title_redacted", "body_redacted", None),
    "grid_event": (None, "description_redacted", None),
}
INPUTS = (*(f"event.{feed}" for feed in _FEEDS), "organization.category", "district.category_word")
_ASKED = tuple(
    f"event.{feed}.{column}"
    for feed, columns in _FEEDS.items()
    for column in (*(name for name in columns if name), "category_key", "department_delivered", "reported_at")
)
_DECIDES = (*_ASKED, "organization.category.category_key", "organization.category.name", "district.category_word.word")
ORIGINS = {
    "event_id": tuple(f"event.{feed}.event_id" for feed in _FEEDS),
    "feed": (),
    "category_key": _DECIDES,
    "category_source": _DECIDES,
    "level": _DECIDES,
    "confidence": _DECIDES,
    "suggested_key": _DECIDES,
    "terms": _DECIDES,
}

SURE = 0.9
"""The least confidence of an answer."""
LEAST_LABELLED = 200
"""Labelled reports below which no weights are learnt."""
_MOST_LABELLED = 200_000
"""The youngest labelled reports that weights are learnt from: older ones follow older practice."""
_LEAST_TEXTS = 3
"""Reports in which a term must stand to bear a weight."""
_SMOOTHING = 0.1
_PRIOR = 10
"""Reports that a word's precision starts with, SURE of them right: a word nobody has judged yet counts as just sure enough."""
_LEAST_NAME = 3
"""Characters of a leaf's name that may stand for it."""
_KNOWN_SHARE = 0.3
"""The least share of a text's terms that must be known: of a text in other words the history says nothing."""
_TOGETHER = 20_000
_BINS = 200

Floats = npt.NDArray[np.float32]


def text_category(inputs: Mapping[str, pa.Table], _context: StepContext) -> pa.Table:
    """`event.text_category` from INPUTS: one row per ticket, petition and grid event, ordered by event_id."""
    reports = _reports(inputs)
    tree = _frame(inputs["organization.category"]).select("category_key", "level", "name", "origin")
    answers = categorise(reports, tree, _frame(inputs["district.category_word"]))
    schema = arrow_schema(contracts.tables()["event.text_category"].columns)
    return answers.select(schema.names).sort("event_id").to_arrow().cast(schema)


def categorise(reports: pl.DataFrame, tree: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
    """Reports (event_id, feed, reported_at, kind, department, category_key, text) with what is known of their category.

    Gives category_key, category_source (delivered, rule, name, learnt, none), level, confidence, suggested_key, terms. `tree`: category_key,
    level, name, origin; where the district has a tree of its own, only its nodes are answers. `words`: word and category_1 to category_3.
    """
    own = tree.filter(pl.col("origin") == "district")
    nodes = own if own.height else tree
    known = pl.col("category_key").is_in(nodes["category_key"].to_list())
    reports = reports.with_row_index("row")
    labelled = reports.filter(known, pl.col("text").is_not_null()).sort("reported_at", "event_id").tail(_MOST_LABELLED)
    asked = reports.filter(pl.col("category_key").is_null(), pl.col("text").is_not_null())
    if asked.height:
        found = _answered(asked, labelled, nodes, words)
    else:
        found = pl.DataFrame(schema=_ANSWER)
    levels = tree.select("category_key", pl.col("level").alias("delivered_level")).unique("category_key")
    joined = reports.join(levels, on="category_key", how="left").join(found, on="row", how="left")
    delivered = pl.col("category_key").is_not_null()
    return joined.select(
        "event_id",
        "feed",
        pl.coalesce("category_key", "answer").alias("category_key"),
        pl.when(delivered).then(pl.lit("delivered")).otherwise(pl.col("source").fill_null("none")).alias("category_source"),
        pl.coalesce("delivered_level", "level").cast(pl.Int64).alias("level"),
        pl.col("confidence").cast(pl.Decimal(4, 3)),
        "suggested_key",
        "terms",
    )


_ANSWER = pl.Schema(
    {
        "row": pl.UInt32,
        "answer": pl.String,
        "source": pl.String,
        "level": pl.Int64,
        "confidence": pl.Float64,
        "suggested_key": pl.String,
        "terms": pl.String,
    }
)


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _reports(inputs: Mapping[str, pa.Table]) -> pl.DataFrame:
    made = []
    for feed, (title, body, kind) in _FEEDS.items():
        given = _frame(
            inputs[f"event.{feed}"].select(
                [n for n in ("event_id", "reported_at", "category_key", "department_delivered", title, body, kind) if n]
            )
        )
        text = pl.concat_str([pl.col(name) for name in (title, body) if name], separator="。", ignore_nulls=True)
        made.append(
            given.select(
                "event_id",
                pl.lit(feed).alias("feed"),
                "reported_at",
                (pl.col(kind) if kind else pl.lit(feed)).alias("kind"),
                pl.col("department_delivered").alias("department"),
                "category_key",
                pl.when(text.str.len_chars() > 0).then(text).alias("text"),
            )
        )
    return pl.concat(made)


def _answered(asked: pl.DataFrame, labelled: pl.DataFrame, nodes: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
    """Answers of all three sources for the rows asked, the first sure one for each (_ANSWER)."""
    known = _patterns(nodes, words)
    by_word = _by_word(asked, labelled, known)
    learnt = _learnt(asked, labelled) if labelled.height >= LEAST_LABELLED else pl.DataFrame(schema=_ANSWER)
    spoken = asked.select("row").join(by_word, on="row", how="left")
    from_word = spoken.filter(pl.col("source").is_not_null())
    rest = asked.select("row").join(from_word, on="row", how="anti").join(learnt, on="row", how="inner")
    return pl.concat([from_word.select(_ANSWER.names()).cast(_ANSWER), rest.select(_ANSWER.names()).cast(_ANSWER)])


def _patterns(nodes: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
    """Words that stand for a category: pattern, answer, source. A rule goes before a name; a name that two leaves bear stands for none."""
    leaf = pl.concat_str("category_1", "category_2", "category_3", separator=">", ignore_nulls=True)
    rules = words.filter(pl.col("word").is_not_null()).select(
        pl.col("word").alias("pattern"), leaf.alias("answer"), pl.lit("rule").alias("source")
    )
    parents = nodes["category_key"].str.replace(r">[^>]*$", "").filter(nodes["category_key"].str.contains(">", literal=True))
    names = (
        nodes.filter(pl.col("name").str.len_chars() >= _LEAST_NAME, ~pl.col("category_key").is_in(parents.to_list()))
        .group_by("name")
        .agg(pl.col("category_key").first().alias("answer"), pl.len().alias("nodes"))
        .filter(pl.col("nodes") == 1)
        .select(pl.col("name").alias("pattern"), "answer", pl.lit("name").alias("source"))
    )
    known = pl.col("answer").is_in(nodes["category_key"].to_list())
    return pl.concat([rules, names]).filter(known).unique("pattern", keep="first", maintain_order=True).sort("pattern")


def _by_word(asked: pl.DataFrame, labelled: pl.DataFrame, patterns: pl.DataFrame) -> pl.DataFrame:
    """The answer of the surest word that stands in each text, where its precision is at least SURE (_ANSWER)."""
    if not patterns.height:
        return pl.DataFrame(schema=_ANSWER)
    right = (pl.col("category_key") == pl.col("answer")) | pl.col("category_key").str.starts_with(pl.col("answer") + ">")
    judged = (
        _hits(labelled, patterns)
        .join(labelled.select("row", "category_key"), on="row")
        .group_by("pattern")
        .agg(pl.len().alias("n"), right.sum().alias("right"))
    )
    precision = (pl.col("right").fill_null(0) + SURE * _PRIOR) / (pl.col("n").fill_null(0) + _PRIOR)
    sure = (
        patterns.join(judged, on="pattern", how="left")
        .with_columns(precision.round(3).alias("confidence"))
        .filter(pl.col("confidence") >= SURE)
    )
    hits = _hits(asked, sure)
    best = hits.sort("row", "source", "confidence", "pattern", descending=[False, True, True, False]).unique(
        "row", keep="first", maintain_order=True
    )
    # Two rules that name different categories contradict each other: the learnt weights decide.
    torn = hits.group_by("row", "source").agg(pl.col("answer").n_unique().alias("answers")).filter(pl.col("answers") > 1)
    return best.join(torn, on=["row", "source"], how="anti").select(
        "row",
        "answer",
        "source",
        (pl.col("answer").str.count_matches(">", literal=True) + 1).cast(pl.Int64).alias("level"),
        "confidence",
        pl.col("answer").alias("suggested_key"),
        pl.col("pattern").alias("terms"),
    )


def _hits(texts: pl.DataFrame, patterns: pl.DataFrame) -> pl.DataFrame:
    """Which patterns stand in which text: row and the columns of `patterns`."""
    found = texts.select("row", pl.col("text").str.extract_many(patterns["pattern"].to_list(), overlapping=True).alias("pattern"))
    return found.explode("pattern").drop_nulls("pattern").unique().join(patterns, on="pattern", how="inner")


class _Weights(NamedTuple):
    """What was learnt: `of_term` (term × category) and `of_category`."""

    of_term: Floats
    of_category: Floats


class _Scale(NamedTuple):
    """Probability to precision, by steps: `above` ascending, `precision` never falling."""

    above: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]


def _learnt(asked: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """Answers of the learnt weights, the leaf where it is sure enough, else the branch above it, else none (_ANSWER)."""
    together = pl.concat([labelled, asked])
    matrix, vocabulary, spoken = _matrix(together, labelled.height)
    keys = labelled["category_key"].unique().sort()
    truth = labelled["category_key"].replace_strict(keys, np.arange(len(keys)), return_dtype=pl.Int64).to_numpy()
    trees = _levels(keys)
    cut = labelled.height * 4 // 5
    older = _train(matrix[:cut], truth[:cut], len(keys))
    judged = np.flatnonzero(spoken[cut : labelled.height]) + cut
    if not len(judged):
        return pl.DataFrame(schema=_ANSWER)
    scales = _calibrated(older, matrix[judged], truth[judged], trees)
    weights = _train(matrix[: labelled.height], truth, len(keys))
    understood = asked.filter(pl.Series(spoken[labelled.height :]))
    wanted = matrix[np.flatnonzero(spoken[labelled.height :]) + labelled.height]
    made = [
        _decided(weights, wanted[at : at + _TOGETHER], trees, scales, vocabulary, understood["row"].slice(at, _TOGETHER))
        for at in range(0, understood.height, _TOGETHER)
    ]
    return pl.concat(made) if made else pl.DataFrame(schema=_ANSWER)


def _matrix(reports: pl.DataFrame, labelled: int) -> tuple[sparse.csr_matrix, pl.Series, npt.NDArray[np.bool_]]:
    """Which term stands in which report (0 or 1), the terms being those of at least _LEAST_TEXTS labelled reports; the terms; and whether
    at least _KNOWN_SHARE of a report's text are such terms.
    """
    pieces = segmentation.segmented(reports["text"])
    terms = pl.DataFrame({"piece": pl.Series(range(len(pieces.terms)), dtype=pl.UInt32), "term": pieces.terms}).explode("term").drop_nulls()
    rows = reports.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), "kind", "department")
    given = [rows.select("row", (pl.lit(f"{name}:") + pl.col(name)).alias("term")).drop_nulls() for name in ("kind", "department")]
    said = pieces.places.join(terms, on="piece").select("row", "term").unique()
    stands = pl.concat([said, *given])
    vocabulary = (
        stands.filter(pl.col("row") < labelled)
        .group_by("term")
        .len()
        .filter(pl.col("len") >= _LEAST_TEXTS)
        .select("term")
        .to_series()
        .sort()
    )
    coded = stands.join(pl.DataFrame({"term": vocabulary, "code": np.arange(len(vocabulary))}), on="term").sort("row", "code")
    ones = np.ones(coded.height, dtype=np.float32)
    matrix = sparse.csr_matrix((ones, (coded["row"].to_numpy(), coded["code"].to_numpy())), shape=(reports.height, len(vocabulary)))
    counted = said.group_by("row").agg(pl.col("term").is_in(vocabulary.to_list()).mean().alias("known"))
    spoken = rows.select("row").join(counted, on="row", how="left", maintain_order="left")["known"].fill_null(0) >= _KNOWN_SHARE
    return matrix, vocabulary, spoken.to_numpy()


def _levels(keys: pl.Series) -> list[tuple[pl.Series, npt.NDArray[np.int64]]]:
    """By level from the leaf up: the distinct answers, and which of them each key falls under."""
    parts = keys.str.split(">")
    made = []
    for depth in (3, 2, 1):
        path = parts.list.head(depth).list.join(">")
        distinct = path.unique().sort()
        made.append((distinct, path.replace_strict(distinct, np.arange(len(distinct)), return_dtype=pl.Int64).to_numpy()))
    return made


def _train(matrix: sparse.csr_matrix, truth: npt.NDArray[np.int64], categories: int) -> _Weights:
    """Naive Bayes over term counts."""
    member = sparse.csr_matrix((np.ones(len(truth), np.float32), (truth, np.arange(len(truth)))), shape=(categories, len(truth)))
    counts = (member @ matrix).toarray().astype(np.float64)
    share = (counts + _SMOOTHING) / (counts.sum(axis=1, keepdims=True) + _SMOOTHING * max(1, counts.shape[1]))
    sizes = np.bincount(truth, minlength=categories)
    return _Weights(np.log(share).T.astype(np.float32), np.log((sizes + 1) / (sizes.sum() + categories)).astype(np.float32))


def _probabilities(weights: _Weights, matrix: sparse.csr_matrix) -> Floats:
    """Probability of each category for each report."""
    score = matrix @ weights.of_term + weights.of_category
    score -= score.max(axis=1, keepdims=True)
    share = np.exp(score)
    made: Floats = (share / share.sum(axis=1, keepdims=True)).astype(np.float32)
    return made


def _grouped(probabilities: Floats, under: npt.NDArray[np.int64], groups: int) -> Floats:
    member = sparse.csr_matrix((np.ones(len(under), np.float32), (np.arange(len(under)), under)), shape=(len(under), groups))
    made: Floats = np.asarray(probabilities @ member, dtype=np.float32)
    return made


def _calibrated(
    weights: _Weights, matrix: sparse.csr_matrix, truth: npt.NDArray[np.int64], trees: list[tuple[pl.Series, npt.NDArray[np.int64]]]
) -> list[_Scale]:
    """For each level: which share of the held-out reports was right at which probability."""
    parts: list[list[npt.NDArray[np.float64]]] = [[] for _ in trees]
    for at in range(0, matrix.shape[0], _TOGETHER):
        leaves = _probabilities(weights, matrix[at : at + _TOGETHER])
        for number, (names, under) in enumerate(trees):
            grouped = _grouped(leaves, under, len(names))
            best = grouped.argmax(axis=1)
            right = best == under[truth[at : at + _TOGETHER]]
            parts[number].append(np.stack([grouped[np.arange(len(best)), best].astype(np.float64).round(5), right.astype(np.float64)]))
    return [_scale(*np.concatenate(part, axis=1)) for part in parts]


def _scale(probability: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> _Scale:
    """Isotonic steps over about _BINS equal groups; each group's share is lowered by 1.28 standard errors (one-sided 90 %)."""
    order = np.argsort(probability, kind="stable")
    probability, right = probability[order], right[order]
    # A group ends only where the probability changes, so that equal ones share one step.
    starts = np.unique(np.searchsorted(probability, probability[np.arange(0, len(probability), max(1, len(probability) // _BINS))]))
    counts = np.diff(np.append(starts, len(probability))).astype(np.float64)
    shares = np.add.reduceat(right, starts) / counts
    fitted = optimize.isotonic_regression(shares, weights=counts)
    blocks = np.asarray(fitted.blocks)
    sizes = np.add.reduceat(counts, blocks[:-1])
    share = np.clip(fitted.x[blocks[:-1]], 0, 1)
    # Agresti and Coull's interval: a step of few reports must not look certain.
    z = 1.2816
    centre = (share * sizes + z * z / 2) / (sizes + z * z)
    lowered = centre - z * np.sqrt(centre * (1 - centre) / (sizes + z * z))
    return _Scale(probability[starts[blocks[:-1]]], np.maximum.accumulate(np.clip(lowered, 0, 1)))


def _precision(scale: _Scale, probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    step = np.searchsorted(scale.above, probability, side="right") - 1
    return np.where(step >= 0, scale.precision[np.maximum(step, 0)], 0).round(3)


def _decided(
    weights: _Weights,
    matrix: sparse.csr_matrix,
    trees: list[tuple[pl.Series, npt.NDArray[np.int64]]],
    scales: list[_Scale],
    vocabulary: pl.Series,
    rows: pl.Series,
) -> pl.DataFrame:
    leaves = _probabilities(weights, matrix)
    count = len(rows)
    answer, level = pl.Series([None] * count, dtype=pl.String), np.zeros(count, dtype=np.int64)
    confidence = np.zeros(count)
    suggested = pl.Series([None] * count, dtype=pl.String)
    for number, (names, under) in enumerate(trees):
        grouped = _grouped(leaves, under, len(names))
        best = grouped.argmax(axis=1)
        sure = _precision(scales[number], grouped[np.arange(count), best].astype(np.float64).round(5))
        named = names.gather(best)
        if number == 0:
            suggested, confidence = named, sure
        taken = (sure >= SURE) & (level == 0)
        answer = pl.select(pl.when(pl.Series(taken)).then(named).otherwise(answer)).to_series()
        depth = (named.str.count_matches(">", literal=True) + 1).to_numpy().astype(np.int64)
        confidence = np.where(taken, sure, confidence)
        level = np.where(taken, depth, level)
    decided = pl.DataFrame({"row": rows, "answer": answer, "level": level, "confidence": confidence, "suggested_key": suggested})
    return decided.with_columns(
        pl.when(pl.col("answer").is_not_null()).then(pl.lit("learnt")).otherwise(pl.lit("none")).alias("source"),
        pl.when(pl.col("level") > 0).then("level").alias("level"),
        _reasons(weights, matrix, leaves.argmax(axis=1), vocabulary).alias("terms"),
    ).select(_ANSWER.names())


def _reasons(weights: _Weights, matrix: sparse.csr_matrix, best: npt.NDArray[np.int64], vocabulary: pl.Series) -> pl.Series:
    """The three terms of each report that spoke most for its best category, against the mean of all categories; names left out."""
    coordinates = matrix.tocoo()
    usual = weights.of_term.mean(axis=1)
    lift = weights.of_term[coordinates.col, best[coordinates.row]] - usual[coordinates.col]
    terms = vocabulary.gather(coordinates.col.astype(np.uint32))
    table = pl.DataFrame({"at": coordinates.row.astype(np.uint32), "term": terms, "lift": lift.round(4)}).filter(
        ~segmentation.looks_like_name(terms), pl.col("lift") > 0
    )
    named = (
        table.sort("at", "lift", "term", descending=[False, True, False])
        .group_by("at", maintain_order=True)
        .agg(pl.col("term").head(3))
        .with_columns(pl.col("term").list.join("; "))
    )
    rows = pl.DataFrame({"at": pl.Series(range(matrix.shape[0]), dtype=pl.UInt32)})
    return rows.join(named, on="at", how="left", maintain_order="left")["term"]
