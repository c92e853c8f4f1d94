"""Segmentation: the terms of Chinese texts.

Belongs here: cutting texts into terms, the stop list, the district's own words, and new words found in texts. Does not belong here: what
terms mean for a matter (`text_category`) or what rises (`hot_words`).

A text is cut into runs of Chinese characters and letters ("pieces"); digits, punctuation and the placeholders of redaction end a piece. The
same pieces recur in many texts, so each distinct piece is segmented once. The segmenter is `rjieba` with its dictionary alone: its guess
at unknown words (a hidden Markov model trained on newspapers) joins parts of neighbouring words in the clerks' short sentences; what is new
in a district is found in the district's own texts instead (`new_words`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import polars as pl

_PIECE = r"[\p{Han}A-Za-z]{2,}"
_PLACEHOLDER = r"\[[^\[\]]{1,8}\]"
_TOGETHER = 2_000
"""Pieces cut in one call of the segmenter: a call for each costs more than the cutting."""
_LONGEST = 4
"""Terms that a new word may be made of."""
_SHORTEST_WORD, _LONGEST_WORD = 2, 6
"""Characters of a new word."""
_NOMINAL = ("n", "vn", "an", "t", "s", "b", "j")
"""Tags of the segmenter's dictionary that a part of a new word of two characters or more may have: a sentence is no word."""
_LITTLE = frozenset(
    "的了是在有和与及或也都就又还很被把给对向从到这那个为以之于而但并其该此我你他她它们着过吗呢吧啊不没来去要会能可想请让使人上下里外中前后"
    "占停拉烂坏收加放买卖打做住倒吵叫说讲装搬挂贴堵涨退欠骗偷骂问办报领交付扣罚查修补换开关高低大小多少太老谁好差重轻快慢远近一二三四五六七八九十几两半"
)
"""Characters that by themselves are no part of a new word: function words, verbs of every day, adjectives, numerals."""


_DOUBLE_SURNAMES = (
    "欧阳",
    "上官",
    "司马",
    "诸葛",
    "司徒",
    "令狐",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "夏侯",
    "端木",
    "南宫",
    "独孤",
    "轩辕",
)
"""The commonest surnames of two characters."""


class Pieces(NamedTuple):
    """Texts as pieces: `places` (row UInt32, piece UInt32), and by position `terms` (list of text), the terms of each distinct piece."""

    places: pl.DataFrame
    terms: pl.Series
    texts: pl.Series


def stop_words() -> frozenset[str]:
    """Words that say nothing about a matter, from `words/stop.txt`."""
    return _words("stop.txt")


def surnames() -> frozenset[str]:
    """The characters of `words/surnames.txt`."""
    return frozenset("".join(_words("surnames.txt")))


@cache
def _words(name: str) -> frozenset[str]:
    text = (files(__package__) / "words" / name).read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def segment(texts: pl.Series, words: Collection[str] = ()) -> pl.Series:
    """The terms of each text in their order (list of text; null for null). `words` are the district's own, kept whole."""
    pieces = segmented(texts, words)
    made = (
        pieces.places.with_columns(pieces.terms.gather(pieces.places["piece"]).alias("terms"))
        .explode("terms")
        .drop_nulls("terms")
        .group_by("row", maintain_order=True)
        .agg("terms")
    )
    rows = pl.DataFrame({"row": pl.Series(range(len(texts)), dtype=pl.UInt32), "text": texts})
    none = pl.lit([], dtype=pl.List(pl.String))
    return (
        rows.join(made, on="row", how="left", maintain_order="left")
        .select(pl.when(pl.col("text").is_not_null()).then(pl.col("terms").fill_null(none)).alias("terms"))
        .to_series()
    )


def segmented(texts: pl.Series, words: Collection[str] = ()) -> Pieces:
    """The texts as distinct pieces with their terms: what `segment` gives, before it is spread over the texts."""
    cut = texts.cast(pl.String).str.replace_all(_PLACEHOLDER, "。").str.extract_all(_PIECE)
    spread = pl.DataFrame({"row": pl.Series(range(len(texts)), dtype=pl.UInt32), "text": cut}).explode("text").drop_nulls("text")
    distinct = spread.select(pl.col("text").unique().sort()).to_series()
    numbered = pl.DataFrame({"text": distinct, "piece": pl.Series(range(len(distinct)), dtype=pl.UInt32)})
    places = spread.join(numbered, on="text", how="left", maintain_order="left").select("row", "piece")
    return Pieces(places, _cut(distinct, words), distinct)


def _cut(pieces: pl.Series, words: Collection[str]) -> pl.Series:
    """The terms of each piece."""
    if not len(pieces):
        return pl.Series([], dtype=pl.List(pl.String))
    import rjieba  # its dictionary takes a quarter of a second: only where there is a text

    jieba = rjieba.Jieba()
    for word in sorted(words):
        # A word of the district goes before any way of cutting it.
        jieba.add_word(word, 1_000_000, "n")
    found: list[pl.Series] = []
    for at in range(0, len(pieces), _TOGETHER):
        part = pieces.slice(at, _TOGETHER)
        terms = pl.Series(jieba.cut("\n".join(part.to_list()), False), dtype=pl.String)
        breaks = terms == "\n"
        table = pl.DataFrame({"piece": breaks.cum_sum(), "terms": terms}).filter(~breaks)
        found.append(table.group_by("piece", maintain_order=True).agg("terms")["terms"])
    return pl.concat(found)


def looks_like_name(words: pl.Series) -> pl.Series:
    """Whether a word reads like a person's name: a common surname and one or two characters more (boolean)."""
    single = words.str.len_chars().is_between(2, 3) & words.str.slice(0, 1).is_in(sorted(surnames()))
    return single | (words.str.len_chars().is_between(3, 4) & words.str.slice(0, 2).is_in(_DOUBLE_SURNAMES))


def named_persons(terms: Sequence[str]) -> set[str]:
    """Those of the terms that the segmenter's dictionary knows as a person's name and that read like one."""
    import rjieba

    likely = pl.Series(terms, dtype=pl.String)
    likely = likely.filter(looks_like_name(likely))
    return {term for term in likely if any(word == term and tag.startswith("nr") for word, tag in rjieba.tag(term, False))}


def new_words(pieces: Pieces, words: Collection[str] = (), *, least: int, cohesion: float = 4.0, freedom: float = 1.0) -> pl.DataFrame:
    """Words that the dictionary lacks, found among neighbouring terms: word, texts (Int64), cohesion, freedom (Float64), ordered by word.

    Of each run of two to four terms: `texts` in which it stands, at least `least`; cohesion = the smallest pointwise mutual information
    over its splits in two (natural logarithm); freedom = the smaller of the entropies of what stands before it and after it. The edge of a
    piece and a stop word are neighbours that differ each time. Parts of two characters and more must be nouns; `words`, known to the
    district already, are no parts. Of two words one within the other with about the same count, the longer stays.
    Source: branching entropy and PMI as in Jin & Tanaka-Ishii, "Unsupervised Segmentation of Chinese Text by Use of Branching Entropy" (2006).
    """
    weight = pieces.places.unique().group_by("piece").len("weight")
    flat = (
        pl.DataFrame({"piece": pl.Series(range(len(pieces.terms)), dtype=pl.UInt32), "term": pieces.terms})
        .join(weight, on="piece", maintain_order="left")
        .explode("term")
        .drop_nulls("term")
    )
    edge = pl.col("term").is_in(sorted(stop_words() | _LITTLE | _without_nouns(flat["term"]) | set(words)))
    flat = flat.with_columns(
        pl.col("term").cast(pl.Categorical).to_physical().alias("code"), edge.alias("edge"), pl.col("weight").cast(pl.Int64)
    )
    total = int(flat["weight"].sum() or 0)
    if not total:
        return _no_words()
    names = flat.select("code", "term").unique("code")
    singles = flat.group_by("code").agg(pl.col("weight").sum().alias("n0"))
    ahead = [pl.col("code").shift(-step).alias(f"t{step}") for step in range(_LONGEST + 1)]
    valid = [(pl.col("piece").shift(-step) == pl.col("piece")).fill_null(False).alias(f"in{step}") for step in range(_LONGEST + 1)]
    free = [pl.col("edge").shift(-step).fill_null(True).alias(f"edge{step}") for step in range(_LONGEST + 1)]
    before = [
        pl.col("code").shift(1).alias("before"),
        ((pl.col("piece").shift(1) == pl.col("piece")) & ~pl.col("edge").shift(1)).fill_null(False).alias("has_before"),
    ]
    grams = flat.select("weight", *ahead, *valid, *free, *before)
    counts: dict[int, pl.DataFrame] = {1: singles.rename({"code": "t0", "n0": "n"})}
    for size in range(2, _LONGEST + 1):
        whole = pl.all_horizontal(pl.col(f"in{size - 1}"), *(~pl.col(f"edge{step}") for step in range(size)))
        counts[size] = (
            grams.filter(whole)
            .group_by([f"t{step}" for step in range(size)])
            .agg(pl.col("weight").sum().alias("n"))
            .filter(pl.col("n") >= least)
        )
    made = [_judged(grams, counts, size, total, names) for size in range(2, _LONGEST + 1) if counts[size].height]
    if not made:
        return _no_words()
    length = pl.col("word").str.len_chars()
    found = pl.concat(made).filter(
        pl.col("cohesion") >= cohesion,
        pl.col("freedom") >= freedom,
        length.is_between(_SHORTEST_WORD, _LONGEST_WORD),
        pl.col("word").str.contains(r"^[\p{Han}]+$"),
    )
    found = found.filter(~looks_like_name(found["word"]))
    return _longest(found).sort("word")


def _without_nouns(terms: pl.Series) -> set[str]:
    """The terms of two characters and more that the dictionary does not know as nouns."""
    import rjieba

    longer = terms.unique().sort()
    return {term for term in longer.filter(longer.str.len_chars() > 1) if not rjieba.tag(term, False)[0][1].startswith(_NOMINAL)}


def _no_words() -> pl.DataFrame:
    return pl.DataFrame(schema={"word": pl.String, "texts": pl.Int64, "cohesion": pl.Float64, "freedom": pl.Float64})


def _judged(grams: pl.DataFrame, counts: dict[int, pl.DataFrame], size: int, total: int, names: pl.DataFrame) -> pl.DataFrame:
    """The runs of `size` terms with their cohesion and freedom."""
    keys = [f"t{step}" for step in range(size)]
    table = counts[size]
    splits = []
    for cut in range(1, size):
        left = counts[cut].rename({"n": f"left{cut}"})
        right = counts[size - cut].rename({f"t{step}": f"t{step + cut}" for step in range(size - cut)} | {"n": f"right{cut}"})
        table = table.join(left, on=keys[:cut], how="left").join(right, on=keys[cut:], how="left")
        splits.append((pl.col("n") * total / (pl.col(f"left{cut}") * pl.col(f"right{cut}"))).log())
    table = table.with_columns(pl.min_horizontal(splits).alias("cohesion"))
    inside = grams.filter(pl.col(f"in{size - 1}")).join(table.select(keys), on=keys, how="semi")
    after_edge = ~pl.col(f"in{size}") | pl.col(f"edge{size}")
    sides = (
        _entropy(inside, keys, pl.when(pl.col("has_before")).then("before"), "left"),
        _entropy(inside, keys, pl.when(~after_edge).then(f"t{size}"), "right"),
    )
    for side in sides:
        table = table.join(side, on=keys, how="left")
    for key in keys:
        table = table.join(names.rename({"code": key, "term": f"{key}_text"}), on=key, how="left")
    return table.select(
        pl.concat_str([f"{key}_text" for key in keys]).alias("word"),
        pl.col("n").alias("texts"),
        pl.col("cohesion").round(6),
        pl.min_horizontal("left", "right").round(6).alias("freedom"),
    )


def _entropy(inside: pl.DataFrame, keys: list[str], neighbour: pl.Expr, name: str) -> pl.DataFrame:
    """Entropy of the neighbours on one side; a missing one (null) differs from all others each time."""
    counted = inside.group_by(*keys, neighbour.alias("neighbour")).agg(pl.col("weight").sum().alias("n")).sort(*keys, "neighbour")
    share = pl.col("n") / pl.col("n").sum().over(keys)
    part = pl.when(pl.col("neighbour").is_null()).then(share * pl.col("n").sum().over(keys).log()).otherwise(-share * share.log())
    return counted.with_columns(part.alias("part")).group_by(keys, maintain_order=True).agg(pl.col("part").sum().alias(name))


def _longest(found: pl.DataFrame) -> pl.DataFrame:
    """Without the words that nearly always stand within a longer one."""
    words = found.sort(pl.col("word").str.len_chars(), "word", descending=[True, False])
    kept: list[tuple[str, int]] = []
    for word, texts in words.select("word", "texts").iter_rows():
        if not any(word in longer and texts <= 1.25 * count for longer, count in kept):
            kept.append((word, texts))
    return found.filter(pl.col("word").is_in([word for word, _ in kept]))
