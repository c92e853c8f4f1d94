"""Registered names that a misspelt name may stand for.

Belongs here: the ways in which a Chinese place name is damaged on its way into a text (input method, scanner, lost
bytes), and the search for the registered names of the same parent that one such damage explains. Does not belong
here: where names stand in a text (grammar), which node a corrected name means, whether the rest of the address
agrees (resolve). This module proposes with a margin; the resolver decides.

How it works: every way of damage becomes a text key that the damaged and the registered name share, for instance
``中<shan>路`` for a homophone at the second place. Both sides' keys are joined by equality, so nothing is compared
pairwise and no row is visited in Python.

Kinds, cheapest first. A further changed character adds 0.5.

==============  ====  ==================================================================================
unreadable      1.0   a placeholder (``?``, ``□``, U+FFFD …) stands where a character was lost
homophone       1.0   same syllables without tone: 宾康路 for 滨康路
look_alike      1.0   characters of like shape (data/look_alikes.csv), or that share their body (data/shapes.csv): 绵绣路 for 锦绣路
transposed      1.0   two neighbours swapped: 文路三街 for 文三路街
doubled         1.0   one character written twice: 中中山路 for 中山路
near_homophone  1.5   syllables that southern speech merges (zh/z, ch/c, sh/s, n/l, -ng/-n): 人名路 for 仁民路
lost            2.0   one character is missing: 建国路 for 建国门路
inserted        2.0   one character too many
like_radical    2.0   characters of one layout that share a radical in the same place: 宫发路 for 富发路
like_strokes    2.0   characters of nearly the same strokes (data/like_strokes.csv): 主源路 for 生源路
misread         3.0   any one character for another; only where the caller asks for it, with other evidence at hand
==============  ====  ==================================================================================
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl

_DATA = Path(__file__).parent / "data"
KINDS = (
    "unreadable",
    "homophone",
    "look_alike",
    "transposed",
    "doubled",
    "near_homophone",
    "lost",
    "inserted",
    "like_radical",
    "like_strokes",
    "misread",
)
COST = {
    "unreadable": 1.0,
    "homophone": 1.0,
    "look_alike": 1.0,
    "transposed": 1.0,
    "doubled": 1.0,
    "near_homophone": 1.5,
    "lost": 2.0,
    "inserted": 2.0,
    "like_radical": 2.0,
    "like_strokes": 2.0,
    "misread": 3.0,
}
NO_RIVAL = 9.0  # the margin where no other candidate exists
ENOUGH = 1.0  # the margin from which the best candidate counts as the only one

PLACEHOLDERS = "?？□■\ufffd*〓"
_MASK = "\x00"
_HAN_NUMERALS = "〇零一二三四五六七八九十百千廿卅两兩甲乙丙丁"
_NUMERALS = "0123456789" + _HAN_NUMERALS
_RANKS = "东西南北中前后上下内外新旧老大小左右東後內舊"
_SUFFIXES = "路街巷弄道段里村镇乡区县市庄屯寨坊桥园苑院城楼厦店組组鎮鄉區縣莊橋園樓廈號号衖"

# Syllables that many speakers do not tell apart; folded on both sides for near_homophone.
_MERGED_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))


@cache
def _readings() -> pl.DataFrame:
    """character, first (its usual syllable), folded, readings, folded_readings: of every character that has a reading."""
    table = pl.read_csv(_DATA / "readings.csv", comment_prefix="#", infer_schema=False).with_columns(pl.col("readings").str.split(" "))
    folded = pl.col("readings").list.eval(_fold(pl.element()))
    usual = table.with_columns(first=pl.col("readings").list.first(), folded_readings=folded)
    return usual.with_columns(folded=pl.col("folded_readings").list.first())


def _fold(syllable: pl.Expr) -> pl.Expr:
    for long, short in _MERGED_INITIALS:
        syllable = syllable.str.replace(f"^{long}", short)
    return syllable.str.replace("ng$", "n")


def prepare_tables() -> None:
    """Read the tables of sounds and shapes, so that the first name does not wait for it."""
    _readings()
    _shape_groups()


# A part that more characters than this have in one place is a radical: too little alone to be taken for another.
_COMMON_PART = 25


@cache
def _shape_groups() -> pl.DataFrame:
    """character, group, way: two characters of one group may stand for each other. way: "shape" of the look-alike table and of characters that share
    their body, "radical" where they share no more than a radical in the same place, "strokes" of nearly the same strokes."""
    table = pl.read_csv(_DATA / "look_alikes.csv", comment_prefix="#")
    listed = (
        table.with_row_index("group")
        .select(pl.col("characters").str.split("").alias("character"), pl.col("group").cast(pl.String), way=pl.lit("shape"))
        .explode("character")
    )
    shapes = pl.read_csv(_DATA / "shapes.csv", comment_prefix="#", infer_schema=False).with_columns(pl.col("parts").str.split(" "))
    parts = (
        shapes.filter(pl.col("layout").is_not_null() & (pl.col("layout") != ""))
        .with_columns(place=pl.int_ranges(0, pl.col("parts").list.len()))
        .explode("parts", "place")
        .with_columns(common=pl.len().over("parts") > _COMMON_PART)
    )
    by_body = parts.filter(~pl.col("common")).select("character", group="+" + pl.col("parts"), way=pl.lit("shape"))
    # 州 for 洲: a character is the body of those that it is a part of.
    itself = by_body.select(character=pl.col("group").str.slice(1), group="group", way="way").join(
        shapes.select("character"), on="character", how="semi"
    )
    by_radical = parts.filter("common").select(
        "character", group=pl.concat_str(pl.lit("="), "layout", "place", "parts"), way=pl.lit("radical")
    )
    strokes = pl.read_csv(_DATA / "like_strokes.csv", comment_prefix="#", infer_schema=False)
    pairs = strokes.select("character", other=pl.col("others").str.split("")).explode("other").filter(pl.col("other") != "")
    group = pl.concat_str(pl.lit("~"), "character", "other")
    by_strokes = [
        pairs.select(side, group=group, way=pl.lit("strokes")) for side in (pl.col("character"), pl.col("other").alias("character"))
    ]
    return pl.concat([listed, by_body, itself, by_radical, *by_strokes]).filter(pl.col("character") != "").unique()


def _characters(names: pl.Series) -> pl.DataFrame:
    """The rows of `_readings` for these names' characters; first and folded are the character itself where it has no reading (letters, digits)."""
    distinct = names.str.split("").explode(empty_as_null=True).drop_nulls().unique().to_frame("character")
    return distinct.join(_readings(), on="character", how="left").with_columns(pl.col("first", "folded").fill_null(pl.col("character")))


def _places(names: pl.DataFrame) -> pl.DataFrame:
    """One row per name and place: id, name, place, head, character, tail."""
    return (
        names.with_columns(place=pl.int_ranges(0, pl.col("name").str.len_chars(), dtype=pl.UInt32))
        .explode("place", empty_as_null=True)
        .drop_nulls("place")
        .with_columns(
            head=pl.col("name").str.slice(0, pl.col("place")),
            character=pl.col("name").str.slice(pl.col("place"), 1),
            tail=pl.col("name").str.slice(pl.col("place") + 1),
        )
    )


def _key(way: str | pl.Expr, key: pl.Expr) -> list[pl.Expr]:
    return [pl.col("id"), (pl.lit(way) if isinstance(way, str) else way).alias("way"), key.alias("key")]


def _sound_and_shape_keys(names: pl.DataFrame, places: pl.DataFrame) -> list[pl.DataFrame]:
    """The keys that the registered and the unknown side build alike: sound of one place, of all places, shape."""
    known = places.join(_characters(names["name"]), on="character", how="left")

    def around(middle: str) -> pl.Expr:
        return pl.concat_str("head", pl.lit("<"), middle, pl.lit(">"), "tail")

    sound = known.explode("readings", empty_as_null=True).drop_nulls("readings")
    folded = known.explode("folded_readings", empty_as_null=True).drop_nulls("folded_readings")
    shape = places.join(_shape_groups(), on="character")
    whole = known.group_by("id", maintain_order=False).agg(
        pl.col("first").sort_by("place").str.join(" "), pl.col("folded").sort_by("place").str.join(" ")
    )
    return [
        sound.select(_key("sound", around("readings"))),
        folded.select(_key("near", around("folded_readings"))),
        shape.select(_key(pl.col("way"), around("group"))),
        whole.select(_key("all_sound", pl.col("first"))),
        whole.select(_key("all_near", pl.col("folded"))),
    ]


def confusion_index(names: pl.DataFrame, *, parent: str = "parent", name: str = "name") -> pl.DataFrame:
    """The keys under which registered names can be found again.

    ``names``: one row per registered name or alias under a parent; duplicates and nulls are dropped. ``parent`` may have
    any type that joins. Returns ``parent`` (as given), ``name`` String, ``way`` String, ``key`` String; write it beside
    the register and read it back, there is no other state.
    """
    distinct = (
        names.select(pl.col(parent).alias("parent"), pl.col(name).cast(pl.String).alias("name"))
        .drop_nulls()
        .filter(pl.col("name") != "")
        .unique()
        .sort("parent", "name")
        .with_row_index("id")
    )
    places = _places(distinct)
    keys = pl.concat(
        [
            distinct.select(_key("exact", pl.col("name"))),
            places.select(_key("masked", pl.concat_str("head", pl.lit(_MASK), "tail"))),
            places.select(_key("shorter", pl.concat_str("head", "tail"))),
            *_sound_and_shape_keys(distinct, places),
        ]
    ).unique()
    return keys.join(distinct, on="id").select("parent", "name", "way", "key").sort("parent", "way", "key", "name")


# Kind of damage: the way of the index under which the registered name is found.
_WAYS = {
    "lost": "shorter", "inserted": "exact", "doubled": "exact", "transposed": "exact", "unreadable": "masked", "misread": "masked",
}  # fmt: skip
_KINDS_OF_WAYS = {
    "sound": "homophone", "all_sound": "homophone", "near": "near_homophone", "all_near": "near_homophone",
    "shape": "look_alike", "radical": "like_radical", "strokes": "like_strokes",
}  # fmt: skip


def _unknown_keys(unknown: pl.DataFrame, *, any_character: bool) -> pl.DataFrame:
    """id, kind, way (of the index), key. Few operations: for one text their number is what takes the time."""
    masked = pl.col("name").str.contains(_MASK, literal=True)
    whole = unknown.select("id", unreadable=pl.when(masked).then("name"), lost=pl.when(~masked).then("name"))
    readable = unknown.filter(~masked)
    places = _places(readable)
    following = pl.col("tail").str.slice(0, 1)
    last, doubled = pl.col("tail") == "", pl.col("character") == following
    shorter = pl.concat_str("head", "tail")
    changed = places.select(
        "id",
        inserted=pl.when(~doubled | last).then(shorter),
        doubled=pl.when(doubled).then(shorter),
        transposed=pl.when(~last & ~doubled).then(pl.concat_str("head", following, "character", pl.col("tail").str.slice(1))),
        misread=pl.concat_str("head", pl.lit(_MASK), "tail") if any_character else pl.lit(None, dtype=pl.String),
    )
    by_kind = [frame.unpivot(index="id", variable_name="kind", value_name="key").drop_nulls("key") for frame in (whole, changed)]
    by_way = pl.concat(_sound_and_shape_keys(readable, places))
    named = pl.concat(by_kind).with_columns(way=pl.col("kind").replace_strict(_WAYS, return_dtype=pl.String))
    alike = by_way.with_columns(kind=pl.col("way").replace_strict(_KINDS_OF_WAYS, return_dtype=pl.String))
    return pl.concat([frame.select("kind", "id", "way", "key") for frame in (named, alike)]).unique()


def _many_lost(broken: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    """Names with two or more placeholders: join on parent, length and the readable characters' places.

    A name of k readable characters must agree with a candidate at all k places, counted after one equality join.
    """
    names = index.filter(pl.col("way") == "exact").select("parent", "name").with_row_index("id")
    length = pl.col("name").str.len_chars().alias("length")
    left = _places(broken).with_columns(length).filter(pl.col("character") != _MASK)
    wanted = left.group_by("id").agg(pl.len().alias("readable"))
    right = _places(names).with_columns(length).select("parent", "name", "length", "place", "character")
    return (
        left.select("id", "parent", "length", "place", "character")
        .join(right, on=["parent", "length", "place", "character"])
        .group_by("id", "name")
        .agg(pl.len().alias("agreeing"))
        .join(wanted, on="id")
        .filter(pl.col("agreeing") == pl.col("readable"))
        .select("id", pl.lit("unreadable").alias("kind"), pl.col("name").alias("candidate"))
    )


def _only(text: pl.Expr, alphabet: str) -> pl.Expr:
    return text.str.replace_all(f"[^{alphabet}]", "")


def _vetoes() -> pl.Expr:
    """True where the change would make another place of it: numbers, ranks and type suffixes are never misspellings."""
    unknown, candidate, kind = pl.col("name"), pl.col("candidate"), pl.col("kind")
    # A name may begin with a numeral (三元路); it may be misread as another character or another as it, since no series is counted there.
    first = unknown.str.contains(f"^[{_HAN_NUMERALS}]") != candidate.str.contains(f"^[{_HAN_NUMERALS}]")
    begins = kind.is_in(["look_alike", "like_radical", "like_strokes"]) & first
    counted = _only(unknown, _NUMERALS) != _only(candidate, _NUMERALS)
    counted_after = _only(unknown.str.slice(1), _NUMERALS) != _only(candidate.str.slice(1), _NUMERALS)
    numbers = (kind != "unreadable") & pl.when(begins).then(counted_after).otherwise(counted)
    ranks_before, ranks_after = _only(unknown, _RANKS), _only(candidate, _RANKS)
    # A homophone or look-alike may turn into a rank word (冬门 for 东门), but a rank word never into something else.
    becomes = kind.is_in(["homophone", "near_homophone", "look_alike", "like_radical", "like_strokes"]) & (
        ranks_before.str.len_chars() < ranks_after.str.len_chars()
    )
    # 新东路 for 东新路 swaps two of them and changes none.
    ranks = ~kind.is_in(["unreadable", "transposed"]) & (ranks_before != ranks_after) & ~becomes
    end_before, end_after = unknown.str.slice(-1), candidate.str.slice(-1)
    was_suffix = end_before.str.contains(f"[{_SUFFIXES}]")
    suffix = (end_before != end_after) & (was_suffix | kind.is_in(["lost", "inserted", "transposed"]))
    short = (pl.min_horizontal(unknown.str.len_chars(), candidate.str.len_chars()) <= 2) & ~kind.is_in(["unreadable", "homophone"])
    return numbers | ranks | suffix | short


def _changed(longest: int) -> pl.Expr:
    """Number of places at which unknown and candidate differ if they are of one length, else 1."""
    same_length = pl.col("name").str.len_chars() == pl.col("candidate").str.len_chars()
    differing = pl.sum_horizontal(
        (pl.col("name").str.slice(place, 1) != pl.col("candidate").str.slice(place, 1)).cast(pl.UInt16) for place in range(longest)
    )
    return pl.when(same_length).then(differing).otherwise(1).cast(pl.UInt16)


def corrections(
    unknown: pl.DataFrame, index: pl.DataFrame, *, parent: str = "parent", name: str = "name", any_character: bool = False
) -> pl.DataFrame:
    """Registered names that one kind of damage turns into the unknown ones, best first.

    ``unknown``: (parent, name) pairs that exact and alias look-up left open; ``index``: from `confusion_index`. Returns one
    row per (parent, unknown, candidate), ordered by parent, unknown, rank:

    ==========  =======  ============================================================================
    parent      as given
    unknown     String   as given
    candidate   String   the registered name
    kind        Enum     one of `KINDS`, the cheapest that explains the difference
    cost        Float32  lower is likelier, see the table above
    changed     UInt16   characters that differ
    rank        UInt32   1 = best of this unknown
    candidates  UInt32   how many there are
    margin      Float32  rank 1 only: distance to the next candidate's cost, `NO_RIVAL` without one
    unique      Boolean  rank 1 with margin ≥ `ENOUGH`: may be taken without further evidence
    ==========  =======  ============================================================================

    Never proposed: another number or numeral, another direction or rank word (东/西, 新/老), another type suffix (路/街),
    a name of two characters except by homophone or placeholder. A name that is itself registered gets no row.
    any_character: also propose names that differ in any one character (kind misread).
    """
    asked = (
        unknown.select(pl.col(parent).alias("parent"), pl.col(name).cast(pl.String).alias("unknown"))
        .drop_nulls()
        .filter(pl.col("unknown") != "")
        .unique()
        .join(
            index.filter(pl.col("way") == "exact").select("parent", pl.col("name").alias("unknown")),
            on=["parent", "unknown"],
            how="anti",
        )
        .sort("parent", "unknown")
        .with_row_index("asked")
    )
    masked = asked.with_columns(name=pl.col("unknown").str.replace_all(f"[{PLACEHOLDERS}]", _MASK))
    # A lost two-byte character leaves one or two placeholders: read a pair both ways.
    variants = (
        pl.concat([masked, masked.with_columns(pl.col("name").str.replace_all(_MASK * 2, _MASK, literal=True))])
        .unique(["asked", "name"])
        .filter(pl.col("name").str.replace_all(_MASK, "", literal=True) != "")
        .with_row_index("id")
    )
    lost = pl.col("name").str.count_matches(_MASK, literal=True)
    single = variants.filter(lost <= 1)
    found = (
        _unknown_keys(single.select("id", "name"), any_character=any_character)
        .join(single.select("id", "parent"), on="id")
        .join(index.filter(pl.col("parent").is_in(asked["parent"].unique().implode())), on=["parent", "way", "key"])
        .select("id", "kind", candidate="name")
    )
    many = variants.filter(lost >= 2)
    if many.height:
        found = pl.concat([found, _many_lost(many.select("id", "parent", "name"), index)])
    longest = max(variants["name"].str.len_chars().to_list(), default=1)
    ranked = (
        found.join(variants.select("id", "asked", "name"), on="id")
        .filter(pl.col("name") != pl.col("candidate"))
        .filter(~_vetoes())
        .with_columns(changed=_changed(longest))
        .with_columns(
            cost=(
                pl.col("kind").replace_strict(COST, return_dtype=pl.Float32)
                + pl.when(pl.col("kind").is_in(["homophone", "near_homophone", "unreadable"]))
                .then(pl.col("changed").cast(pl.Float32) - 1)
                .otherwise(0.0)
                * 0.5
            ).cast(pl.Float32),
            kind=pl.col("kind").cast(pl.Enum(KINDS)),
        )
        .sort("asked", "cost", "kind", "candidate")
        .unique(["asked", "candidate"], keep="first", maintain_order=True)
        .with_columns(
            rank=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("asked"),
            candidates=pl.len().over("asked").cast(pl.UInt32),
            next=pl.col("cost").shift(-1).over("asked"),
        )
        .with_columns(margin=pl.when(pl.col("rank") == 1).then((pl.col("next") - pl.col("cost")).fill_null(NO_RIVAL)))
    )
    return (
        ranked.join(asked, on="asked")
        .with_columns(unique=(pl.col("rank") == 1) & (pl.col("margin") >= ENOUGH).fill_null(False))
        .sort("asked", "rank")
        .select("parent", "unknown", "candidate", "kind", "cost", "changed", "rank", "candidates", "margin", "unique")
    )
