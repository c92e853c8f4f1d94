"""The elements of an address text, as labelled spans on the text as it was written.

Belongs here: cutting a text into elements by the words of a grammar (grammars/<name>.yaml, `elements`) and the national divisions
(divisions), and the rules that name an element by what stands before it. Does not belong here: what a register holds
(gazetteer, resolve), comparison forms (grammar, text). No model and no training: every decision is a word list or a rule.

Labels (of the NAACL-2019 corpus of Chinese addresses, and of CCKS-2021 task 2 where marked *):

============  =============================================================================================
country       中国
prov          province, 广东省, 广东; the short name of a municipality before its full one (*)
city          prefecture city or prefecture, 杭州市, 杭州; a municipality written 上海市
district      district, county, county-level city: 余杭区, 义乌市
devzone       development zone; parks too (*), which NAACL calls poi
town          street office, town, township: 五常街道, 龙港镇, 下沙
community     community or village: 五星村, 花园社区
village_group group of a village, 3组 (*), which NAACL calls road; neighbourhood, 5鄰
road          road, street, lane by name: 文一西路, 青年巷
roadno        number on the road, 969号; 553弄 where a number on it follows no more
subroad       second road of the address, lane or part of the road: 35弄, 西段
subroadno     number on the subroad
poi           estate, building by name, company, any place by name
subpoi        second place, inside the first: 二期, A区, 北门
houseno       building: 7幢, 3号楼, A座
cellno        unit: 2单元
floorno       floor: 3楼
roomno        room or door inside: 501室
assist        words of relation: 对面, 旁, 与, 交叉口
intersection  交叉口, 路口 (*)
distance      100米 (*)
redundant     separators, filler (电联, null), divisions written a second time; not labelled in (*)
============  =============================================================================================

CCKS masks every digit as 0 and letters as A, which no real address does. A text so masked is read by the CCKS convention (*), and so
is one without digits, where nothing but the smaller harm decides; any other by NAACL's (`_masked`).
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from .divisions import division_table, find_divisions
from .grammar import GrammarError, element_words
from .text import simplified

LABELS = (
    "country", "prov", "city", "district", "devzone", "town", "community", "village_group", "road", "roadno", "subroad",
    "subroadno", "poi", "subpoi", "houseno", "cellno", "floorno", "roomno", "assist", "intersection", "distance",
    "redundant", "otherinfo",
)  # fmt: skip
SPANS = pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64, "label": pl.String}))
ADDRESS_COLUMNS = ("address", "addr", "full_address", "text", "地址", "详细地址", "住址", "門牌", "地點")
_BATCH = 60_000  # distinct texts at a time; bounds memory, and lets batches run beside each other

_MARK = "\x1f"  # stands where an element may begin inside a run of characters
_JSON_LINES = (".jsonl", ".ndjson")
_NUMERAL = "一二三四五六七八九十百零〇两廿"
_ALNUM = "0-9A-Za-z０-９Ａ-Ｚａ-ｚ"
_DASH = r"\-—－–~～至之/、.·"
_CUT = r"\-—－–~～/、.·"  # 49之3號 is one number, 47-6-746 may be three
_SEPARATOR = r"\s\-_—－–,，.。:：;；/|()（）\[\]【】~～、·*?？!！+&<>《》“”\"'#"
_DIVISION_LABEL = {0: "prov", 1: "city", 2: "district", 3: "town"}


_WORD_LISTS = (
    "road", "road_part", "community", "town", "zone", "park", "poi", "part", "house", "unit", "floor", "floor_name", "basement",
    "letter_floor_after", "room", "number", "number_prefix", "lane", "group", "shop", "tie", "assist", "assist_last", "crossing", "joint",
    "filler", "labels", "country",
)  # fmt: skip


@cache
def _words(grammar: str) -> dict[str, Any]:
    """The grammar's `elements`, a missing list empty. Raises GrammarError for an unknown grammar or entry."""
    said = element_words(grammar)
    words: dict[str, Any] = {"divisions": [], "postcode": _MARK, "chains": True} | {key: [] for key in _WORD_LISTS} | said
    if extra := sorted(set(words) - {"divisions", "postcode", "chains", *_WORD_LISTS}):
        raise GrammarError(f"{grammar}: unknown entries under `elements`: {', '.join(extra)}")
    if words["divisions"] != "national":
        for level in words["divisions"]:
            if (
                not isinstance(level, dict)
                or level.get("label") not in _DIVISION_LABEL.values()
                or not isinstance(level.get("pattern"), str)
            ):
                known = ", ".join(_DIVISION_LABEL.values())
                raise GrammarError(f"{grammar}: elements.divisions: {level}: give a label of {known} and a pattern")
            for key in ("pattern", "again", "unless"):
                try:
                    pl.Series([""]).str.contains(level.get(key, ""))
                except pl.exceptions.ComputeError as error:
                    raise GrammarError(f"{grammar}: elements.divisions: {level['label']}: {key} is no pattern: {level[key]}") from error
    for key in _WORD_LISTS:
        words[key] = simplified(pl.Series(words[key], dtype=pl.String)).to_list()
    return words


def _any(words: list[str]) -> str:
    """Alternation, longest first (Rust's regex takes the first alternative that matches); of nothing, what stands in no text."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda w: (-len(w), w))) or _MARK


@cache
def _expressions(grammar: str) -> dict[str, str]:
    words = _words(grammar)
    counted = [*words["house"], *words["unit"], *words["floor"], *words["room"], *words["number"], *words["lane"],
               *words["road_part"], *words["group"], *words["part"], *words["shop"], "排", "米", "公里"]  # fmt: skip
    prefix, floors = _any(words["number_prefix"]), _any(words["floor"])
    basement = rf"(?:{_any(words['basement'])})[{_ALNUM}{_NUMERAL}]+(?:{floors})|{_any(words['floor_name'])}"
    stop = f"{_ALNUM}{_SEPARATOR}{_MARK}"
    names = [*words["road"], *words["community"], *words["town"], *words["zone"], *words["park"], *words["poi"]]
    unit = _any([word for word in counted if word not in ("#",)])
    # 组团 and 号路 are no counted 组 and 号: listed so that the longer word wins.
    begun = [*words["house"], *words["unit"], *words["floor"], *words["room"], *words["number"], *words["part"], *words["lane"], *words["road_part"],
             "组", "队", "村民组", "小组", "组团", "号路", "号大街", "号门"]  # fmt: skip
    begun = [word for word in begun if word not in ("园", "门", "苑", "库", "车间", "仓库")]
    return {
        # An element may begin before a counted numeral, a relation word or filler; it ends after the latter two.
        "numeral": f"((?:{prefix}|{_any(words['basement'])})?[{_NUMERAL}]+(?:之[{_NUMERAL}]+)?(?:{_any(begun)})(?:之[{_ALNUM}{_NUMERAL}]+)?)",
        "basement": f"({basement})",
        "label": f"^({_any(words['labels'])})",
        "standing": f"({_any([*words['assist'], *words['crossing'], *words['filler'], *words['country']])})",
        # 东区, 北门 at the end of a name; 路口 is a road and 口; a joint only after a road.
        "side": rf"([^{stop}]{{2}})([东西南北][区门])",
        "corner": rf"((?:{_any(words['road'])}))([口{''.join(words['joint'])}])",
        "token": "|".join(
            [
                _any(words["filler"]),
                # 12号大街, 滨海 2路
                rf"[{_ALNUM}]+号?(?:大街|大道|公路|支路|路)",
                # 35弄, 3号楼, 2-1号, A座, 0组
                basement,
                rf"(?:{prefix})?[{_ALNUM}]+(?:[{_DASH}]+[{_ALNUM}]+)*(?:{unit})[甲乙丙丁]?(?:之[{_ALNUM}{_NUMERAL}]+)?",
                rf"(?:{prefix})?[{_NUMERAL}]+(?:之[{_NUMERAL}]+)?(?:{unit})(?:之[{_ALNUM}{_NUMERAL}]+)?",
                rf"[{_ALNUM}]+#",
                rf"[{_ALNUM}]+(?:[{_DASH}]+[{_ALNUM}]+)*",
                rf"[{_SEPARATOR}]+",
                rf"[东西南北中][{_any(['楼', '座', '幢']).replace('|', '')}]",
                _any([*words["assist"], *words["crossing"]]),
                # 付村镇, 新街镇, 陇海路街道: a town's name may itself end like a village or road.
                rf"[^{stop}]{{1,2}}[村街][镇乡]|[^{stop}]{{1,3}}[路街巷](?:街道办事处|街道|办事处)",
                rf"[^{stop}]+?(?:{_any(names)})",
                rf"[^{stop}]+",
                "(?s:.)",
            ]
        ),
    }


@cache
def _village_stems() -> pl.DataFrame:
    """street (9-digit code), stem: communities by the name before 村 or 社区, as people write them after a street."""
    return (
        division_table()
        .filter(pl.col("level") == "community")
        .select(street=pl.col("code") // 1000, stem=pl.col("name").str.replace("(?:社区|村)$", ""))
        .filter(pl.col("stem").str.len_chars().is_between(2, 5) & ~pl.col("stem").str.contains("[路街巷弄]$"))
        .unique()
    )


def _unknown_districts(gaps: pl.DataFrame) -> pl.DataFrame:
    """row, begin, cut: a district that the national table does not know (misspelt or new), by suffix and place alone.

    鄞洲区 right after a province or city, or alone before a street that is known.
    """
    letters = r"[^\d\sA-Za-z省市区县镇乡村路街新园工业小校城郊开发高东西南北中一二三四五六七八九十]"
    after = pl.col("gap").str.slice(pl.col("cut"), 2)
    whole = pl.col("cut") == pl.col("gap").str.len_chars()
    headed = pl.col("gap").str.slice(pl.col("cut")).str.contains("^[^区县\\d]{2,4}(?:路|大道|大街|街|弄)")
    opens = (pl.col("begin") == 0) & ((whole & (pl.col("level") == 3)) | (headed & pl.col("gap").str.contains("^..区")))
    return (
        gaps.with_columns(
            cut=pl.coalesce(
                pl.col("gap").str.extract(f"^({letters}{{2,3}}[区县])", 1),
                pl.when(pl.col("above") <= 1).then(pl.col("gap").str.extract(f"^({letters}{{2}}市)", 1)),
            ).str.len_chars()
        )
        .filter(pl.col("cut").is_not_null() & ~after.str.contains("^(?:[栋幢号楼0-9]|路|街|[场民])") & ((pl.col("above") <= 1) | opens))
        .select("row", "begin", "cut", city=(pl.col("above") == 0) & (pl.col("gap").str.slice(2, 1) == "市"))
    )


def _bare_villages(gaps: pl.DataFrame) -> pl.DataFrame:
    """row, begin, length of a village name without its suffix that opens the gap after a street of known code."""
    opened = gaps.filter(pl.col("code") > 10**8).select("row", "begin", "gap", "code")
    stems = _village_stems()
    found = [
        opened.select("row", "begin", "gap", street="code", stem=pl.col("gap").str.slice(0, length))
        .filter(pl.col("stem").str.len_chars() == length)
        .join(stems, on=["street", "stem"])
        .with_columns(length=pl.lit(length, pl.UInt32), rest=pl.col("gap").str.slice(length))
        for length in (5, 4, 3, 2)
    ]
    long = pl.col("length") >= 3
    whole = pl.col("rest").str.contains(rf"^(?:$|[{_ALNUM}])")
    other = pl.col("rest").str.contains(
        r"^(?:[东西南北中]?.?[路街巷]|大道|大街|村|社区|新村|小区|公?寓|花[园苑]|大厦|工业|苑|市场|国际|商|[中小大]学|广场|门|桥)"
    )
    return (
        pl.concat(found)
        .filter(pl.when(long).then(~other).otherwise(whole))
        .unique(["row", "begin"], keep="first", maintain_order=True)
        .select("row", "begin", "length")
    )


def _kind(grammar: str, token: pl.Expr) -> pl.Expr:
    """The class of a token by its last word and shape."""
    words = _words(grammar)
    numeral = rf"(?:[{_ALNUM}{_NUMERAL}甲乙丙丁]+(?:[{_DASH}]+[{_ALNUM}]+)*)"

    def counted(key: str, more: str = "") -> pl.Expr:
        before = _any([*words["number_prefix"], *words["basement"]])
        return token.str.contains(rf"^(?:{before})?{numeral}(?:之[{_NUMERAL}]+)?(?:{_any(words[key])}){more}$")

    def ends(key: str) -> pl.Expr:
        return token.str.contains(rf"(?:{_any(words[key])})$")

    rules = [
        (token.str.contains(rf"^(?:{_any(words['filler'])})$"), "filler"),
        (token.str.contains(rf"^(?:{_any(words['country'])})$"), "country"),
        (token.str.contains(rf"^[{_SEPARATOR}]+$"), "separator"),
        (token.str.contains(rf"^(?:{_any(words['crossing'])}|路?口)$"), "crossing"),
        (token.str.contains(rf"^(?:{_any(words['assist'])})$"), "assist"),
        (token.str.contains(rf"^(?:{_any(words['joint'])})$"), "joint"),
        (token.str.contains(rf"^{numeral}(?:米|公里)$"), "distance"),
        (counted("house") | token.str.contains("^[东西南北中][座幢]$"), "house"),
        (counted("unit"), "unit"),
        (counted("floor", rf"(?:之[{_ALNUM}{_NUMERAL}]+)?") | token.is_in(words["floor_name"]), "floor"),
        (counted("room"), "room"),
        (counted("lane"), "lane"),
        (counted("number", rf"[甲乙丙丁]?(?:之[{_ALNUM}{_NUMERAL}]+)?"), "number"),
        (counted("group"), "group"),
        (token.str.contains(rf"^[{_ALNUM}]+(?:[{_DASH}]+[{_ALNUM}]+)+$"), "chain"),
        (token.str.contains(rf"^[{_ALNUM}]+$"), "plain"),
        (
            token.str.contains(
                rf"^(?:{_any(words['number_prefix'])})?[{_ALNUM}{_NUMERAL}东西南北中前后上下]{{1,3}}(?:{_any(words['part'])})$"
            ),
            "part",
        ),
        (token.str.contains(rf"[东西南北中{_NUMERAL}{_ALNUM}](?:{_any(words['road_part'])})$"), "road_part"),
        (ends("road"), "road"),
        (ends("zone"), "zone"),
        (ends("park"), "park"),
        (ends("poi"), "poi"),
        (ends("town"), "town"),
        (ends("community"), "community"),
    ]
    chain: Any = pl
    for condition, kind in rules:
        chain = chain.when(condition).then(pl.lit(kind))
    expression: pl.Expr = chain.otherwise(pl.lit("name"))
    return expression


def _suffix_divisions(texts: pl.Series, grammar: str) -> pl.DataFrame:
    """Divisions by the patterns of a grammar without a national table: row, start, end, level, code (null), repeated, superseded.

    Read from the start, one at a time, all texts in step. Of several chains the last of the longest counts; the others are superseded.
    """
    words = _words(grammar)
    filler = rf"^(?:[{_SEPARATOR}]|{_any([*words['country'], *words['labels'], *words['filler']])}|(?:{words['postcode']}))+"
    levels: list[dict[str, str]] = words["divisions"]
    read = [f"read_{place}" for place in range(len(levels))]
    state = pl.DataFrame({"text": texts}).with_row_index("row").drop_nulls().with_columns(
        pl.lit(0, pl.UInt32).alias("cursor"), pl.lit(-1, pl.Int8).alias("last"), *(pl.lit(_MARK).alias(name) for name in read)
    )  # fmt: skip
    found = []
    for _ in range(_MAX_DIVISIONS):
        rest = pl.col("text").str.slice(pl.col("cursor"))
        # With the filler taken off and without: 台湾省 begins with a country's name.
        leads = pl.concat_list(pl.lit(0, pl.UInt32), rest.str.extract(filler, 0).str.len_chars().fill_null(0)).list.unique()
        state = (
            state.with_columns(lead=leads).explode("lead").with_columns(body=pl.col("text").str.slice(pl.col("cursor") + pl.col("lead")))
        )
        names = []
        for place, level in enumerate(levels):
            known = pl.col("body").str.extract(f"^({level.get('again', _MARK)})", 1)
            same = pl.when(pl.col("body").str.starts_with(pl.col(read[place]))).then(pl.col(read[place]))
            first = pl.when(pl.col("last") < place).then(pl.col("body").str.extract(f"^({level['pattern']})", 1))
            name = pl.coalesce(known, same, first)
            other = pl.col("body").str.slice(name.str.len_chars()).str.contains(f"^(?:{level.get('unless', _MARK)})")
            names.append(pl.struct(pl.when(~other).then(name).alias("name"), pl.lit(place, pl.Int8).alias("place")))
        step = (
            state.with_columns(reading=pl.concat_list(names))
            .explode("reading")
            .unnest("reading")
            .drop_nulls("name")
            .sort("row", "place", "lead", descending=[False, False, True])
            .unique("row", keep="first", maintain_order=True)
            .with_columns(start=pl.col("cursor") + pl.col("lead"))
            .with_columns(end=pl.col("start") + pl.col("name").str.len_chars())
        )
        if step.is_empty():
            break
        found.append(step.select("row", "start", "end", "place"))
        state = step.select(
            "row", "text", pl.col("end").alias("cursor"), pl.col("place").alias("last"),
            *(pl.when(pl.col("place") == place).then("name").otherwise(name).alias(name) for place, name in enumerate(read)),
        )  # fmt: skip
    if not found:
        return pl.DataFrame(schema=_SUFFIX_SPANS)
    run = (pl.col("place") <= pl.col("place").shift(1).over("row")).fill_null(False).cast(pl.UInt8).cum_sum().over("row")
    spans = pl.concat(found).sort("row", "start").with_columns(run=run)
    chosen = (
        spans.group_by("row", "run")
        .agg(top=pl.col("place").min(), bottom=pl.col("place").max())
        .sort("row", pl.col("bottom"), -pl.col("top"), "run")
        .unique("row", keep="last")
    )
    number = {label: level for level, label in _DIVISION_LABEL.items()}
    return (
        spans.join(chosen.select("row", chosen="run"), on="row", maintain_order="left")
        .with_columns(
            level=pl.col("place").replace_strict(dict(enumerate(number[level["label"]] for level in levels)), return_dtype=pl.UInt8),
            code=pl.lit(None, pl.UInt64), repeated=pl.lit(False), superseded=pl.col("run") != pl.col("chosen"),
        ).select(list(_SUFFIX_SPANS))
    )  # fmt: skip


_MAX_DIVISIONS = 8  # written before an address in a grammar without a national table, repeats included
_SUFFIX_SPANS = {"row": pl.UInt32, "start": pl.UInt32, "end": pl.UInt32, "level": pl.UInt8, "code": pl.UInt64, "repeated": pl.Boolean,
                 "superseded": pl.Boolean}  # fmt: skip


def _tokens(texts: pl.Series, divisions: pl.DataFrame, grammar: str) -> pl.DataFrame:
    """row, start, end, kind, token: the whole of every text, in order; kinds of divisions are prov, city, district, town0."""
    expressions = _expressions(grammar)
    whole = pl.DataFrame({"text": texts}).with_row_index("row").drop_nulls()
    ends = whole.select("row", pl.col("text").str.len_chars().alias("start")).with_columns(end=pl.col("start"))
    cuts = pl.concat(
        [
            divisions.select("row", "start", "end", "code", "level"),
            ends.select("row", "start", "end", code=pl.lit(None), level=pl.lit(None)),
        ],
        how="vertical_relaxed",
    ).sort("row", "start")
    gaps = (
        cuts.with_columns(
            begin=pl.col("end").shift(1).over("row").fill_null(0),
            code=pl.col("code").shift(1).over("row"),
            above=pl.col("level").shift(1).over("row"),
        )
        .filter(pl.col("start") > pl.col("begin"))
        .join(whole, on="row")
        .select(
            "row",
            "begin",
            "code",
            "above",
            "level",
            gap=pl.col("text").str.slice(pl.col("begin"), pl.col("start") - pl.col("begin")),
        )
    )
    unknown = _unknown_districts(gaps if _national(grammar) else gaps.clear())
    gaps = (
        gaps.join(unknown, on=["row", "begin"], how="left")
        .with_columns(pl.col("cut").fill_null(0))
        .with_columns(
            begin=pl.col("begin") + pl.col("cut"),
            gap=pl.col("gap").str.slice(pl.col("cut")),
            code=pl.when(pl.col("cut") == 0).then("code"),
        )
        .drop("cut")
    )
    villages = _bare_villages(gaps)
    gaps = (
        gaps.join(villages, on=["row", "begin"], how="left")
        .with_columns(pl.col("length").fill_null(0))
        .select("row", begin=pl.col("begin") + pl.col("length"), gap=pl.col("gap").str.slice(pl.col("length")))
    )
    labelled = pl.when(pl.col("begin") == 0).then(pl.col("gap").str.replace(expressions["label"], f"$1{_MARK}")).otherwise("gap")
    marked = (
        labelled.str.replace_all(expressions["standing"], f"{_MARK}$1{_MARK}")
        .str.replace_all(expressions["basement"], f"{_MARK}$1{_MARK}")
        .str.replace_all(expressions["numeral"], f"{_MARK}$1{_MARK}")
        .str.replace_all(expressions["corner"], f"$1{_MARK}$2{_MARK}")
        # 白杨街路口: the road stands before 路口.
        .str.replace_all(f"([路街巷道]){_MARK}*路{_MARK}口{_MARK}", f"$1{_MARK}路口{_MARK}")
        .str.replace_all(expressions["side"], f"$1{_MARK}$2{_MARK}")
    )
    pieces = (
        gaps.with_columns(token=marked.str.extract_all(expressions["token"]))
        .select("row", "begin", "token")
        .explode("token", empty_as_null=True)
        .drop_nulls("token")
        .with_columns(length=pl.when(pl.col("token") == _MARK).then(0).otherwise(pl.col("token").str.len_chars()))
        .with_columns(end=pl.col("begin") + pl.col("length").cum_sum().over("row", "begin"))
        .with_columns(start=pl.col("end") - pl.col("length"))
        .filter(pl.col("length") > 0)
        .with_columns(kind=_kind(grammar, pl.col("token")))
        .select("row", pl.col("start").cast(pl.UInt32), pl.col("end").cast(pl.UInt32), "kind", "token")
    )
    named = divisions.select(
        "row",
        "start",
        "end",
        kind=pl.when(pl.col("repeated") | pl.col("superseded")).then(pl.lit("again_")).otherwise(pl.lit("division_"))
        + pl.col("level").replace_strict(_DIVISION_LABEL, return_dtype=pl.String),
        end_word=pl.col("end") - 1,
    ).join(whole, on="row", how="left", maintain_order="left")
    named = named.select("row", "start", "end", "kind", token=_MARK + pl.col("text").str.slice("end_word", 1))
    communities = villages.select(
        "row",
        pl.col("begin").cast(pl.UInt32).alias("start"),
        (pl.col("begin") + pl.col("length")).cast(pl.UInt32).alias("end"),
        kind=pl.lit("division_community"),
        token=pl.lit(""),
    )
    districts = unknown.select(
        "row",
        pl.col("begin").cast(pl.UInt32).alias("start"),
        (pl.col("begin") + pl.col("cut")).cast(pl.UInt32).alias("end"),
        kind=pl.when("city").then(pl.lit("division_city")).otherwise(pl.lit("division_district")),
        token=pl.lit(""),
    )
    return pl.concat([pieces, named, communities, districts]).sort("row", "start")


def _fillers(tokens: pl.DataFrame, grammar: str) -> pl.DataFrame:
    """Labels that open a text (门牌), and postcodes before a division or, as long as six digits, at the end, become filler."""
    words = _words(grammar)
    opens = pl.col("start") == 0
    before = pl.when(pl.col("row").shift(1) == pl.col("row")).then(pl.col("kind").shift(1))
    after = pl.when(pl.col("row").shift(-1) == pl.col("row")).then(pl.col("kind").shift(-1))
    solid = pl.when(pl.col("kind") != "separator").then("kind").shift(-1).backward_fill(1)
    division = pl.coalesce(pl.when(after != "separator").then(after), pl.when(pl.col("row").shift(-2) == pl.col("row")).then(solid))
    label = opens & pl.col("token").is_in(words["labels"])
    code = (
        (pl.col("kind") == "plain")
        & pl.col("token").str.contains(f"^(?:{words['postcode']})$")
        & (
            ((before.is_null() | before.is_in(["separator", "filler", "country"]) | before.str.contains("^(?:division|again)_") | label.shift(1))
             & division.str.contains("^(?:division_|again_|country$)"))
            | (after.is_null() & (pl.col("token").str.len_chars() == 6))
            | label.shift(1)
        ).fill_null(False)
    )  # fmt: skip
    return tokens.with_columns(kind=pl.when(label | code).then(pl.lit("filler")).otherwise("kind"))


def _tied(tokens: pl.DataFrame, grammar: str) -> pl.DataFrame:
    """49号 | - | 3 is one number, 4楼 | - | 6 one floor, where the grammar ties them by that sign."""
    signs = [sign for sign in _words(grammar)["tie"] if sign != "之"]  # 之 is part of the counted word already
    if not signs:
        return tokens
    same = pl.col("row").shift(-2) == pl.col("row")
    touching = (pl.col("end") == pl.col("start").shift(-1)) & (pl.col("end").shift(-1) == pl.col("start").shift(-2))
    head = (
        same & touching & pl.col("kind").is_in(["number", "floor"]) & (pl.col("kind").shift(-2) == "plain")
        & pl.col("token").shift(-1).is_in([*signs, *(chr(0xFEE0 + ord(sign)) for sign in signs)])
    ).fill_null(False)  # fmt: skip
    return (
        tokens.with_columns(
            end=pl.when(head).then(pl.col("end").shift(-2)).otherwise("end"),
            token=pl.when(head).then(pl.col("token") + pl.col("token").shift(-1) + pl.col("token").shift(-2)).otherwise("token"),
            taken=(head.shift(1) | head.shift(2)).fill_null(False),
        )
        .filter(~pl.col("taken"))
        .drop("taken")
    )


_PLACES = ["poi", "park", "name", "part", "community", "zone", "town"]


def _merged(tokens: pl.DataFrame, grammar: str) -> pl.DataFrame:
    """Joins pieces of one name: 学院|路, 花园|村, 广场|西路, 滨海|10|路."""
    words = _words(grammar)
    tail = [*words["road"], *words["community"], *words["town"], *words["zone"], *words["park"], *words["poi"]]
    bare = pl.col("token").str.contains(rf"^(?:[东西南北中]?[{_NUMERAL}]?(?:{_any(words['road'])})|{_any(tail)})$")
    road_only = pl.col("token").str.contains(rf"^[东西南北中{_NUMERAL}]+(?:{_any(words['road'])})$")
    before = pl.col("kind").shift(1)
    touching = (pl.col("row").shift(1) == pl.col("row")) & (pl.col("end").shift(1) == pl.col("start"))
    # 滨海10路: the number belongs to the road's name.
    office = (pl.col("kind") == "town") & pl.col("token").str.contains("^(?:街道|办事处)") & before.is_in(["road", "town"])
    numbered = (before.is_in(["plain"])) & bare & (pl.col("kind") == "road")
    sided = pl.col("token").str.contains(rf"^[东西南北中{_NUMERAL}]") & before.is_in(["community", "town", "part"])
    # 学院二路 is a road, 沙埔新村四巷 a lane inside an estate.
    inner_part = (pl.col("kind") == "part") & (before == "name") & ~pl.col("masked") & pl.col("token").str.contains("区$")
    lane_inside = pl.col("token").str.contains(rf"^[{_NUMERAL}]+[巷街弄]$") & (before == "poi")
    joins = (
        touching
        & ~lane_inside
        & (
            (bare & ~sided & before.is_in(_PLACES) & ~(pl.col("kind") == "part"))
            | (road_only & before.is_in(["poi", "park", "name", "zone"]))
            | (
                (pl.col("kind") == "name")
                & (pl.col("token").str.len_chars() == 1)
                & ~pl.col("token").is_in(words["assist_last"])
                & before.is_in(["poi", "park"])
            )
            | numbered
            | office
            | inner_part
        )
    )
    after_numbered = (
        touching
        & (pl.col("kind") == "plain")
        & before.is_in(["name"])
        & (pl.col("token").shift(-1).str.contains(rf"^(?:{_any(words['road'])})$").fill_null(False))
    )
    group = (~(joins | after_numbered).fill_null(False)).cast(pl.UInt32).cum_sum()
    merged = (
        tokens.with_columns(group=group)
        .group_by("group", maintain_order=True)
        .agg(
            pl.col("row").first(),
            pl.col("start").first(),
            pl.col("end").last(),
            pl.when(pl.len() > 1)
            .then(pl.when(pl.col("kind").last() == "part").then(pl.lit("poi")).otherwise(pl.col("kind").last()))
            .otherwise(pl.col("kind").first())
            .alias("kind"),
            pl.when((pl.len() > 1) & (pl.col("kind").last() == "name")).then(pl.col("kind").first()).alias("kept"),
            pl.col("token").str.join(""),
            pl.col("masked").first(),
        )
        .with_columns(kind=pl.coalesce("kept", "kind"))
        .drop("group", "kept")
    )
    return merged


def _split_roads(tokens: pl.DataFrame) -> pl.DataFrame:
    """下骆宅振兴东路: a road of six characters or more is a place and a road of two characters, a side and the suffix."""
    tail = rf"^(.{{2,}}?)([^{_ALNUM}]{{2}}(?:[东西南北中][{_NUMERAL}]?|[{_NUMERAL}]+)?(?:大道|大街|公路|路|街|巷))$"
    head = pl.col("token").str.extract(tail, 1)
    before = pl.when(pl.col("row").shift(1) == pl.col("row")).then(pl.col("kind").shift(1))
    size = pl.col("token").str.len_chars()
    marked = tokens.with_columns(
        head=pl.when((pl.col("kind") == "road") & (size >= 6)).then(head),
        inside=(before == "division_town").fill_null(False),
    )
    long = marked.filter(pl.col("head").is_not_null()).with_columns(cut=pl.col("head").str.len_chars())
    place = pl.when(pl.col("inside") & (pl.col("cut") <= 4)).then(pl.lit("community")).otherwise(pl.lit("name"))
    return pl.concat(
        [
            marked.filter(pl.col("head").is_null()).select(tokens.columns),
            long.with_columns(end=pl.col("start") + pl.col("cut"), kind=place, token="head").select(tokens.columns),
            long.with_columns(start=pl.col("start") + pl.col("cut"), token=pl.col("token").str.slice(pl.col("cut"))).select(tokens.columns),
        ]
    ).sort("row", "start")


def _joined_zones(tokens: pl.DataFrame, grammar: str) -> pl.DataFrame:
    """In the CCKS convention a zone of a county or town takes its name: 永康市经济开发区, 掌起镇工业区."""
    words = _words(grammar)
    bare = rf"^(?:{_any([*words['zone'], *words['park']])})$"
    before = pl.col("row").shift(1) == pl.col("row")
    joins = (
        (pl.col("masked") & before & pl.col("kind").is_in(["zone", "park"]) & pl.col("token").str.contains(bare))
        & (pl.col("start") == pl.col("end").shift(1))
        & (
            ((pl.col("kind").shift(1) == "division_town") & pl.col("token").shift(1).str.contains("[镇乡]$"))
            | ((pl.col("kind").shift(1) == "division_district") & pl.col("token").shift(1).str.contains("[市县]$"))
        )
    ).fill_null(False)
    taken = joins.shift(-1).fill_null(False)
    marked = tokens.with_columns(joins=joins, taken=taken, head=pl.col("start").shift(1))
    return (
        marked.filter(~pl.col("taken"))
        .with_columns(start=pl.when("joins").then("head").otherwise("start"), kind=pl.when("joins").then(pl.lit("zone")).otherwise("kind"))
        .select(tokens.columns)
    )


def _split_chains(tokens: pl.DataFrame, grammar: str) -> pl.DataFrame:
    """47-6-746 after a place: house, unit, room with the separators between; on a road it stays one number, and so does 24、26、28号."""
    before = pl.col("kind").shift(1)
    same = pl.col("row").shift(1) == pl.col("row")
    on_road = same & before.is_in(["road", "lane", "road_part", "joint"])
    parts = pl.col("token").str.count_matches(rf"[{_CUT}]+") + 1
    # On a road 12-16号 is a range, 16-2号 a house 2 behind number 16.
    bounds = pl.col("token").str.extract_groups(rf"^([0-9]+)[{_CUT}]+([0-9]+)")
    rising = bounds.struct.field("2").cast(pl.Int64, strict=False) > bounds.struct.field("1").cast(pl.Int64, strict=False)
    chained = (
        pl.col("kind").is_in(["chain", "room", "floor", "number", "house"])
        & (parts >= 2)
        & pl.col("token").str.contains(rf"^[{_ALNUM}]+[{_CUT}]")
        & ~(on_road & (parts == 2) & rising.fill_null(True))
        & ~((pl.col("kind") == "number") & same & before.is_in(["community", "division_community", "group", "division_town"]))
        & ~pl.col("masked")
        # 1201-1203室 is a range of rooms.
        & ~((pl.col("kind") == "room") & (parts == 2) & rising.fill_null(False) & pl.col("token").str.contains(r"^\d{3,}\D\d{3,}\D$"))
        & ~pl.col("token").str.contains(rf"^[^{_CUT}]+(?:、[^{_CUT}]+)+$")
        & ((pl.col("kind") == "chain") | pl.lit(bool(_words(grammar)["chains"])))
    )
    marked = tokens.with_columns(chained=chained, before=pl.when(same).then(before))
    plain = marked.filter(~pl.col("chained"))
    split = (
        marked.filter(pl.col("chained"))
        .with_columns(parts=parts, last=pl.col("kind"), piece=pl.col("token").str.extract_all(rf"[{_CUT}]+|[^{_CUT}]+"))
        .with_row_index("id")
        .explode("piece", empty_as_null=True)
        .with_columns(length=pl.col("piece").str.len_chars())
        .with_columns(
            end=pl.col("start") + pl.col("length").cum_sum().over("id"),
            place=(pl.int_range(pl.len()).over("id") / 2).floor().cast(pl.Int32),
            dash=pl.col("piece").str.contains(rf"^[{_CUT}]+$"),
        )
        .with_columns(start=pl.col("end") - pl.col("length"))
        .with_columns(
            # Rank from the right: the last piece is the room, the one before the unit (of three) or the house.
            right=pl.col("parts").cast(pl.Int32) - 1 - pl.col("place"),
            inside=pl.col("before").is_in(["house", "unit", "floor"]),
        )
        .with_columns(
            kind=pl.when("dash")
            .then(pl.lit("separator"))
            .when((pl.col("right") == 0) & pl.col("last").is_in(["floor"]))
            .then(pl.lit("floor"))
            .when((pl.col("before").is_in(["road", "lane", "road_part"])) & (pl.col("place") == 0))
            .then(pl.lit("number"))
            .when((pl.col("before").is_in(["road", "lane", "road_part"])) & (pl.col("place") == 1))
            .then(pl.lit("house"))
            # 63-12: numbers so small are doors or units, not rooms.
            .when((pl.col("right") == 0) & (pl.col("parts") == 2) & (pl.col("length") <= 2) & (pl.col("last") == "chain"))
            .then(pl.lit("unit"))
            .when(pl.col("right") == 0)
            .then(pl.lit("room"))
            .when((pl.col("right") == 1) & ((pl.col("parts") >= 3) | (pl.col("before") == "house")))
            .then(pl.lit("unit"))
            .otherwise(pl.lit("house")),
            token=pl.col("piece"),
        )
        .select(tokens.columns)
    )
    return pl.concat(
        [plain.select(tokens.columns), split.cast(dict(tokens.schema))]  # type: ignore[arg-type]
    ).sort("row", "start")


def _labelled(tokens: pl.DataFrame, grammar: str) -> pl.DataFrame:
    """Adds label (null: none) by kind, what stands before, and the convention."""
    words = _words(grammar)
    kind, masked, size = pl.col("kind"), pl.col("masked"), pl.col("token").str.len_chars()
    solid = pl.when(~kind.is_in(["separator", "filler"])).then(kind)
    same = pl.col("row") == pl.col("row").shift(1)
    before = pl.when(same).then(solid.shift(1).forward_fill())
    after = pl.when(pl.col("row").shift(-1) == pl.col("row")).then(kind.shift(-1))
    roads = kind.is_in(["road"]).cast(pl.UInt8).cum_sum().over("row") - kind.is_in(["road"]).cast(pl.UInt8)
    subroads = kind.is_in(["lane", "road_part"]).cast(pl.UInt8)
    places = kind.is_in(["poi", "park", "name"]).cast(pl.UInt8)
    numbers = kind.is_in(["number", "plain", "chain"]).cast(pl.UInt8)
    frame = tokens.with_columns(
        before=before,
        after=after,
        roads=roads,
        places=places.cum_sum().over("row") - places,
        numbers=numbers.cum_sum().over("row") - numbers,
        size=size,
        lanes=(subroads.cum_sum() - subroads).over("row"),
    )
    b, a = pl.col("before").fill_null("start"), pl.col("after").fill_null("end")
    on_road = b.is_in(["road", "lane", "road_part"])
    on_subroad = ~masked & (
        (b == "lane") & (pl.col("roads") > 0) | (b == "road_part") | ((b == "road") & (pl.col("roads") > 1) & (pl.col("numbers") == 0))
    )
    inside = b.is_in(["house", "unit", "floor"])
    place = b.is_in(["poi", "park", "name", "part", "zone"])
    settled = b.is_in(["community", "division_community", "group", "division_town", "division_district", "town", "start"])
    second_place = (pl.col("places") > 0) & b.is_in(["poi", "park", "name", "part", "house", "floor", "unit", "room", "assist"])

    def by_style(ccks: str | None, naacl: str | None) -> pl.Expr:
        return pl.when(masked).then(pl.lit(ccks)).otherwise(pl.lit(naacl))

    rules: list[tuple[pl.Expr, pl.Expr]] = [
        (kind.str.starts_with("division_"), kind.str.slice(9)),
        (kind.str.starts_with("again_"), pl.when(masked).then(kind.str.slice(6)).otherwise(pl.lit("redundant"))),
        ((kind == "filler") & pl.col("token").str.ends_with("区"), by_style("district", "redundant")),
        (kind.is_in(["separator", "filler"]), by_style(None, "redundant")),
        # 9一2192: a dash typed as the numeral one.
        ((kind == "name") & (pl.col("token") == "一"), by_style(None, "redundant")),
        (kind == "country", by_style(None, "country")),
        (kind == "crossing", by_style("intersection", "assist")),
        (kind.is_in(["assist", "joint"]), pl.when(masked & (kind == "joint")).then(None).otherwise(pl.lit("assist"))),
        (kind == "distance", by_style("distance", "assist")),
        ((kind == "group") & pl.col("token").str.contains("[鄰邻]$"), pl.lit("village_group")),
        (
            kind.is_in(["poi", "name", "community"])
            & pl.col("token").str.contains("[^小]组$")
            & (pl.col("size") <= 6)
            & b.is_in(["community", "division_community"]),
            by_style("village_group", "road"),
        ),
        (kind == "group", by_style("village_group", "road")),
        (kind == "road_part", by_style("assist", "subroad")),
        ((kind == "lane") & masked, pl.lit("road")),
        ((kind == "lane") & (pl.col("roads") == 0), pl.lit("road")),
        ((kind == "lane") & a.is_in(["number", "chain", "plain", "lane"]), pl.lit("subroad")),
        (kind == "lane", pl.lit("roadno")),
        (
            (kind == "road") & (pl.col("roads") > 0) & b.is_in(["road", "joint", "road_part"]),
            by_style("road", "subroad"),
        ),
        (kind == "road", pl.lit("road")),
        (kind == "house", pl.lit("houseno")),
        (kind == "unit", pl.lit("cellno")),
        (kind == "floor", pl.lit("floorno")),
        ((kind == "room") & pl.col("token").str.contains(f"^[{_NUMERAL}]"), pl.lit("roomno")),
        (kind == "room", by_style(None, "roomno")),
        ((kind == "plain") & pl.col("token").str.contains("^[BbＢ][0-9０-９]$") & b.is_in(words["letter_floor_after"]), pl.lit("floorno")),
        ((kind == "part") & (b == "house") & pl.col("token").str.contains("门$"), pl.lit("cellno")),
        ((kind.is_in(["number", "chain", "plain"])) & on_subroad, pl.lit("subroadno")),
        ((kind == "plain") & ~masked & on_road & (pl.col("size") >= 5), pl.lit("roomno")),
        ((kind.is_in(["number", "chain", "plain"])) & on_road, pl.lit("roadno")),
        ((kind == "number") & settled, by_style("houseno", "roadno")),
        ((kind == "number") & inside & (b == "house") & (pl.col("size") <= 3), by_style(None, "cellno")),
        ((kind == "number") & inside, by_style(None, "roomno")),
        ((kind == "number") & (b == "number"), pl.lit("houseno")),
        ((kind == "number") & masked, pl.lit("houseno")),
        ((kind == "number") & (pl.col("size") >= 4) & (pl.col("numbers") > 0), pl.lit("roomno")),
        ((kind == "number") & (pl.col("numbers") > 0), pl.lit("houseno")),
        ((kind == "number") & place & a.is_in(["unit", "room", "plain", "floor"]), pl.lit("houseno")),
        ((kind == "number") & place & (pl.col("size") >= 5), pl.lit("roomno")),
        (kind == "number", pl.lit("roadno")),
        ((kind.is_in(["plain", "chain"])) & inside, by_style(None, "roomno")),
        ((kind == "plain") & (place | (b == "number")) & (pl.col("size") <= 2), by_style("houseno", "houseno")),
        ((kind == "plain") & settled & (pl.col("size") <= 3), by_style("houseno", "roadno")),
        ((kind.is_in(["plain", "chain"])), by_style(None, "roomno")),
        (
            (kind == "town")
            & pl.col("size").is_between(3, 8)
            & (settled | b.str.starts_with("division_") | b.str.starts_with("again_") | (b == "zone")),
            pl.lit("town"),
        ),
        ((kind == "town") & pl.col("size").is_between(2, 8) & pl.col("token").str.contains("镇$"), pl.lit("town")),
        (kind == "town", pl.lit("poi")),
        (kind == "district", pl.lit("district")),
        (kind == "community", pl.when(pl.col("size") <= 8).then(pl.lit("community")).otherwise(pl.lit("poi"))),
        (kind == "zone", pl.lit("devzone")),
        ((kind == "park") & masked, pl.lit("devzone")),
        (
            (kind == "name") & pl.col("token").str.contains(rf"^(?:{_any(words['assist_last'])})$"),
            pl.lit("assist"),
        ),
        ((kind == "name") & masked & (b == "community") & a.is_in(["number", "group"]), pl.lit("community")),
        (
            kind.is_in(["poi", "name"]) & masked & pl.col("token").str.contains("(?:[村居]委会?)$") & (pl.col("size") <= 8),
            pl.lit("community"),
        ),
        (kind.is_in(["poi", "name"]) & masked & (b == "house"), pl.lit("poi")),
        # After a relation word, and in CCKS after a zone, a place is a first one again.
        (kind.is_in(["poi", "name", "part"]) & masked & b.is_in(["assist", "zone", "park"]), pl.lit("poi")),
        (kind.is_in(["poi", "park", "name", "part"]) & second_place, pl.lit("subpoi")),
        (kind == "part", pl.when(b.is_in(["poi", "park", "name"])).then(pl.lit("subpoi")).otherwise(pl.lit("poi"))),
        (kind.is_in(["poi", "park", "name"]), pl.lit("poi")),
    ]
    chain: Any = pl
    for condition, label in rules:
        chain = chain.when(condition).then(label)
    # 24号、26号, 1号至19号: the further numbers of a list are what its first one is.
    listed = (
        (kind == "number")
        & kind.shift(2).is_in(["number", "plain"])
        & (pl.col("row").shift(2) == pl.col("row"))
        & pl.col("token").shift(1).str.contains("^[、,，~～至到和与及]$")
    ).fill_null(False)
    of_number = pl.when(kind.is_in(["number", "plain"]) & ~pl.col("listed")).then(pl.col("label")).forward_fill()
    return frame.with_columns(label=chain.otherwise(None), listed=listed).with_columns(
        label=pl.when("listed").then(of_number).otherwise("label")
    )


def _masked(texts: pl.Series, grammar: str) -> pl.Series:
    """True where a text is read by the CCKS convention: all digits 0, letters masked as A, or neither digits nor filler."""
    if not _national(grammar):
        return pl.Series([False]).new_from_index(0, len(texts))
    digits = texts.str.contains("[1-9１-９]")
    filler = texts.str.contains("null|NULL")
    return (~digits & (texts.str.contains("[0０]|AA|电联") | ~filler)).fill_null(False)


def _one_script(texts: pl.Series, grammar: str) -> pl.Series:
    """The texts in simplified characters, one for one; with the national table those that write a type word in traditional ones alone.

    The table holds names with characters that are traditional elsewhere (於潜镇).
    """
    if not _national(grammar):
        return simplified(texts)
    return pl.select(pl.when(texts.str.contains("[區縣鎮鄉號樓棟層單園廈參]")).then(simplified(texts)).otherwise(texts)).to_series()


def _national(grammar: str) -> bool:
    return bool(_words(grammar)["divisions"] == "national")


def _parse_distinct(written: pl.Series, grammar: str) -> pl.Series:
    texts = _one_script(written, grammar)
    found = find_divisions(texts) if _national(grammar) else _suffix_divisions(texts, grammar)
    styles = pl.DataFrame({"masked": _masked(texts, grammar)}).with_row_index("row")
    tokens = _fillers(_tokens(texts, found, grammar), grammar)
    tokens = _split_roads(_merged(_tied(tokens, grammar).join(styles, on="row", how="left", maintain_order="left"), grammar))
    labelled = _labelled(_split_chains(_joined_zones(tokens, grammar), grammar), grammar).drop_nulls("label")
    lists = labelled.group_by("row", maintain_order=True).agg(
        pl.struct(pl.col("start").cast(pl.Int64), pl.col("end").cast(pl.Int64), "label").alias("spans")
    )
    return (
        pl.DataFrame({"text": texts})
        .with_row_index("row")
        .join(lists, on="row", how="left", maintain_order="left")
        .select(pl.when(pl.col("text").is_null()).then(None).otherwise(pl.col("spans").fill_null([])).cast(SPANS))
        .to_series()
        .alias("spans")
    )


def parse(texts: pa.Array | pa.ChunkedArray | pl.Series, grammar: str = "mainland") -> pl.Series:
    """The elements of each text as list[struct{start, end, label}], in order, without overlap.

    ``start`` and ``end`` count characters of the text as given (end exclusive). A null text gives null, a text without
    any element an empty list. ``grammar``: mainland, taiwan or the path of a grammar file. Raises GrammarError.
    Equal texts are read once.
    """
    series = texts if isinstance(texts, pl.Series) else pl.Series(texts)
    series = series.cast(pl.String).alias("text")
    _words(grammar)
    distinct = series.drop_nulls().unique(maintain_order=True)
    if distinct.is_empty():
        return pl.Series("spans", [None] * len(series), dtype=SPANS)
    batches = [distinct.slice(begin, _BATCH) for begin in range(0, len(distinct), _BATCH)]
    # Polars leaves the interpreter's lock while it works, so threads do.
    with ThreadPoolExecutor(min(len(batches), pl.thread_pool_size())) as workers:
        parsed = pl.concat(list(workers.map(lambda batch: _parse_distinct(batch, grammar), batches)))
    known = pl.DataFrame({"text": distinct, "spans": parsed})
    return pl.DataFrame({"text": series}).join(known, on="text", how="left", maintain_order="left").get_column("spans")


def _address_column(columns: list[str], asked: str | None) -> str:
    if asked is not None:
        if asked not in columns:
            raise ValueError(f"No column {asked!r}; the file has: {', '.join(columns)} / 没有列 {asked}")
        return asked
    for name in ADDRESS_COLUMNS:
        if name in columns:
            return name
    if len(columns) == 1:
        return columns[0]
    raise ValueError(
        f"Which column holds the address? The file has: {', '.join(columns)}. Name it with --address-column"
        f" / 请用 --address-column 指明地址列"
    )


def _json_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file; ``spans`` is renamed as in `parse_file`."""
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path.name}, line {number}: no JSON ({error.msg}) / 第 {number} 行不是 JSON") from error
            if not isinstance(row, dict):
                raise ValueError(f"{path.name}, line {number}: no JSON object / 第 {number} 行不是 JSON 对象")
            rows.append({"spans_input" if name == "spans" else name: value for name, value in row.items()})
    return rows


def _json_lines(path: Path) -> pl.DataFrame:
    """All keys of all lines as columns; anything but text as JSON text, so that mixed lists are no trouble."""
    rows = _json_rows(path)
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame({name: pl.Series([_text(row.get(name)) for row in rows], dtype=pl.String) for name in names}, strict=False)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(path: Path) -> pl.DataFrame:
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            return pl.read_parquet(path)
        if kind in _JSON_LINES:
            return _json_lines(path)
        if kind == ".csv":
            return pl.read_csv(_decoded(path), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        reason = type(error).__name__  # its message may hold a line of the file
        raise ValueError(f"{path.name} cannot be read as {kind[1:]} ({reason}) / 无法按 {kind[1:]} 读取") from error
    raise ValueError(f"{path.name}: give a .csv, .jsonl or .parquet file / 请提供 .csv、.jsonl 或 .parquet 文件")


def _decoded(path: Path) -> bytes:
    """A CSV file as UTF-8, from UTF-8, GB18030 or Big5: the first that decodes without error."""
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030", "big5"):
        try:
            return content.decode(encoding).encode()
        except UnicodeDecodeError:
            continue
    raise ValueError(f"{path.name}: neither UTF-8, GB18030 nor Big5; save it as UTF-8 / 编码无法识别，请另存为 UTF-8")


def parse_file(input: Path | str, output: Path | str, grammar: str = "mainland", address_column: str | None = None) -> int:
    """Parses a CSV, JSON Lines or Parquet file (by extension) and writes its columns plus ``spans``; returns the rows.

    ``spans`` is a list of [start, end, label] in JSON Lines, the same as JSON text in CSV, a list of structs in Parquet.
    CSV columns stay text; values of JSON Lines that are no text become JSON text in other formats; a column ``spans`` of the input is kept as
    ``spans_input``. Raises ValueError for an unknown extension, grammar or address column. The output appears whole
    or not at all.
    """
    source, target = Path(input), Path(output)
    if target.suffix.lower() not in (".csv", ".parquet", *_JSON_LINES):
        raise ValueError(f"{target.name}: write to .csv, .jsonl or .parquet / 输出须为 .csv、.jsonl 或 .parquet")
    table = _read(source)
    column = _address_column(table.columns, address_column)
    spans = parse(table[column].cast(pl.String), grammar)
    table = table.rename({"spans": "spans_input"}, strict=False)
    partial = target.with_name(f".{target.name}.partial")
    if target.suffix.lower() == ".parquet":
        table.with_columns(spans=spans).write_parquet(partial)
    elif target.suffix.lower() == ".csv":
        table.with_columns(spans=_as_json(spans)).write_csv(partial)
    else:
        rows = _json_rows(source) if source.suffix.lower() in _JSON_LINES else table.to_dicts()
        with partial.open("w", encoding="utf-8") as lines:
            for row, found in zip(rows, spans.to_list(), strict=True):
                row["spans"] = None if found is None else [[s["start"], s["end"], s["label"]] for s in found]
                lines.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    partial.replace(target)
    return table.height


def _as_json(spans: pl.Series) -> pl.Series:
    """[[0, 3, "prov"], …] as text; null stays null."""
    one = pl.format('[{}, {}, "{}"]', *(pl.element().struct.field(name) for name in ("start", "end", "label")))
    return pl.DataFrame({"spans": spans}).select(pl.format("[{}]", pl.col("spans").list.eval(one).list.join(", "))).to_series()
