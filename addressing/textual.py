"""Registers that give full addresses alone: reading them into columns, and ranking their texts by likeness.

The columns come from the grammar's own suffixes and slots (no model). What no slot takes stays part of the place's identity, so two different
texts are never one place. The ranking is for texts that the cascade leaves open: n-grams and numbers weighted by rarity, with the rule that a
differing building or door number is a veto, never "similar".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from .grammar import ALIAS, END, Grammar
from .schema import REGISTER_COLUMNS
from .text import comparable, rewrite, simplified

# Both scripts of the few suffix characters that differ.
_SCRIPTS = {"区": "[区區]", "县": "[县縣]", "乡": "[乡鄉]", "镇": "[镇鎮]", "邻": "[邻鄰]", "号": "[号號]", "园": "[园園]", "厦": "[厦廈]",
            "广": "[广廣]", "场": "[场場]", "楼": "[楼樓]", "庄": "[庄莊]", "苑": "苑", "桥": "[桥橋]", "门": "[门門]", "东": "[东東]"}  # fmt: skip
# Rows of the code tables that are no places.
_PLACEHOLDER = "^(?:市辖区|省直辖县级行政区划|自治区直辖县级行政区划)"
_NUMERAL = "[0-9A-Za-zＡ-Ｚ０-９一二三四五六七八九十]"
# What may stand before a number on its own: a village or quarter whose lanes and doors are numbered without a road (新屋村2巷3号).
_BEFORE_NUMBER = r"(?:甲|乙|临|臨|附|特)?[0-9０-９一二三四五六七八九十百零〇廿][0-9０-９一二三四五六七八九十百零〇廿之-]*"
_NO_NAME = "路街巷弄号號段\\d,，()（）"


def _both(words: tuple[str, ...]) -> str:
    longest = sorted(words, key=len, reverse=True)
    return "|".join("".join(_SCRIPTS.get(character, character) for character in word) for word in longest)


def columns_from_text(frame: pl.DataFrame, grammar: Grammar, tree: pl.DataFrame) -> pl.DataFrame:
    """The register's rows with province … room filled from `full_address`. `tree` (division rows) is not needed for the reading itself."""
    del tree
    text = frame["full_address"].str.strip_chars()
    parts: dict[str, pl.Series] = {}
    rest = text.str.replace(r"^\d{3,6}", "")
    # A country is no part of a division's name; 台灣省 is none.
    country = simplified(rest).str.extract(rf"^((?:{'|'.join(re.escape(name) for name in grammar.countries)})[,，\s]*)(?:[^省]|$)", 1)
    rest = rest.to_frame("t").select(pl.col("t").str.slice(country.str.len_chars().fill_null(0))).to_series()
    for division in grammar.divisions:
        rest = rest.str.replace(_PLACEHOLDER, "")
        if division.pattern:
            expression = "^(" + division.pattern.replace("邻", _SCRIPTS["邻"]) + ")"
        else:
            longest = 9 if division.level in ("province", "city") else 8
            # A street office or community may bear a road's name (湖南路街道, 康平路社区).
            by_road = {"street": "街道办事处|街道辦事處|街道办|街道", "community": "社区居委会|居委会|社区|社區"}.get(division.level)
            of_road = rf"|[^\d,，()（）号號]{{1,7}}?[路街巷弄](?:{by_road})" if by_road and grammar.has_estates else ""
            expression = rf"^([^{_NO_NAME}]{{1,{longest}}}?(?:{_both(division.suffixes)}){of_road})"
        found = rest.str.extract(expression, 1)
        # A name may hold what ends other names: 杭州市, 前鎮區, 西乡街道, 義村里, 幸福村社区.
        if division.suffixes:
            also = ("居委会", "村委会", "居民委员会", "村民委员会") if division.level == "community" else ()
            longer = _after(rest, found).str.extract(rf"^({_both((*division.suffixes, *also))})", 1)
            # 古镇镇 and 新村村 are names; 济南市市中区 is a city and a district.
            both = pl.DataFrame({"found": found, "longer": longer})
            if division.level not in ("street", "community"):
                both = both.with_columns(longer=pl.when(~pl.col("found").str.ends_with(pl.col("longer"))).then("longer"))
            found = _unless_broken(rest, both.select(pl.col("found") + pl.col("longer").fill_null("")).to_series(), found, grammar)
        found = _unless_broken(rest, found, None, grammar)
        rest = _after(rest, found)
        parts[division.level] = found
    road = rest.str.extract(
        rf"^([^\d,，()（）号號]{{1,10}}?(?:{_both(grammar.road_suffixes)}))(?:[^\p{{Han}}]|[一二三四五六七八九十]|$|\p{{Han}})", 1
    )
    # 石榴新村三巷 is the village's third lane, not a road of that name.
    numbered = road.str.extract(r"^(\p{Han}{2,}?)[0-9０-９一二三四五六七八九十百]+[巷弄]$", 1)
    road = pl.select(pl.coalesce(numbered, road)).to_series()
    rest = _after(rest, road)
    # A name directly before a lane's or door's number is the thoroughfare, whatever its last character is; 3号楼 is a building.
    village = rest.str.extract(rf"^(\p{{Han}}{{2,10}}?){_BEFORE_NUMBER}(?:巷|弄|[号號](?:[^楼樓]|$))", 1)
    usable = road.is_null()
    if grammar.has_estates:
        usable &= ~village.str.contains(f"(?:{_both(grammar.estate_suffixes)})$").fill_null(False)
    village = pl.select(pl.when(usable).then(village)).to_series()
    rest = _after(rest, village)
    road = pl.select(pl.coalesce(road, village)).to_series()
    section = rest.str.extract(r"^([一二三四五六七八九十\d]+段)", 1)
    section = pl.select(pl.when(road.is_not_null()).then(section)).to_series()
    rest = _after(rest, section)
    parts["road"], parts["section"] = road, section
    for slot in grammar.street_slots:
        if slot.named:
            # A lane by name (溫泉路銀光巷); numbered ones are read with the number.
            unit = _both((slot.format.replace("{}", ""),))
            name = rest.str.extract(rf"^([^\d０-９一二三四五六七八九十{_NO_NAME}]\p{{Han}}{{0,5}}?(?:{unit}))", 1)
            parts[slot.column] = pl.select(pl.when(road.is_not_null()).then(name)).to_series()
            rest = _after(rest, parts[slot.column])
    if grammar.has_estates:
        number = rest.str.extract(r"^([^\p{Han}]{0,3}[临附甲乙]?\d[\d-]*[号號][院]?)", 1)
        rest = _after(rest, number)
        estate = rest.str.extract(rf"^([^\d,，()（）]{{2,14}}?(?:{_both(grammar.estate_suffixes)}))(?:[0-9A-Z一二三四五六七八九十]|$)", 1)
        # By its place: a name before a building or dashed numbers, or all that is left of the text.
        placed = rest.str.extract(
            rf"^(\p{{Han}}[\p{{Han}}A-Za-z0-9·]{{1,13}}?){_NUMERAL}{{1,3}}(?:栋|棟|幢|座|[号號][楼樓]|#|单元|單元|期|-\d)", 1
        )
        alone = rest.str.extract(r"^(\p{Han}[\p{Han}A-Za-z0-9·]{1,15})$", 1)
        alone = pl.select(pl.when(~alone.str.contains(r"\d|[栋棟幢座室房楼樓层層]$")).then(alone)).to_series()
        # What the grammar reads as a part inside a door (地下 as a floor) is no estate.
        inside = rewrite(comparable(alone, grammar), grammar).str.contains(f"^(?:{'|'.join(slot.expression for slot in grammar.inner)})$")
        alone = pl.select(pl.when(~inside).then(alone)).to_series()
        estate = pl.select(pl.coalesce(estate, placed, alone)).to_series()
        rest = _after(rest, estate)
        # 3号501: bare digits directly behind a door's number are a room of it, as in texts; 花园2 is a building.
        room = pl.select(
            pl.when(number.is_not_null() & estate.is_null()).then(rest.str.extract(r"^([0-9０-９]{3,4}[A-Za-z]?)$", 1))
        ).to_series()
        building = _null_if_empty(_after(rest, room))
        parts["number"], parts["estate"], parts["building"], parts["room"] = number, estate, building, room
    else:
        parts["number"] = _null_if_empty(rest)
    filled = frame.with_columns(pl.coalesce(name, parts[name].rename(f"_{name}")).alias(name) for name in parts)
    return filled.select(REGISTER_COLUMNS)


def _unless_broken(text: pl.Series, name: pl.Series, otherwise: pl.Series | None, grammar: Grammar) -> pl.Series:
    """The name of a division, or `otherwise` where a road begins like it (市民大道, 区府路): what is left must not start with a bare road word.
    大道里 and 大道路 are names of their own."""
    left = _after(text, name)
    broken = left.str.contains(rf"^(?:{_both(grammar.road_suffixes)}|民大道|民路|民街|府路|[场場])").fill_null(False)
    words = _both(tuple(word for word in grammar.road_suffixes if len(word) > 1)) or "$"
    broken &= ~left.str.contains(rf"^(?:{words})(?:{_both(grammar.road_suffixes)}|里|村|社区|社區)").fill_null(False)
    return pl.select(pl.when(~broken).then(name).otherwise(otherwise)).to_series()


def _after(text: pl.Series, prefix: pl.Series) -> pl.Series:
    return pl.DataFrame({"t": text, "p": prefix.fill_null("")}).select(pl.col("t").str.strip_prefix(pl.col("p"))).to_series()


def _null_if_empty(text: pl.Series) -> pl.Series:
    return pl.select(pl.when(text.str.len_chars() > 0).then(text)).to_series()


@dataclass(frozen=True)
class TextIndex:
    """Features of the register's texts. features: f, node, v (weight); idf: f, idf, df; sizes: node, size; facts: node, buildings, numbers, gate."""

    features: pl.DataFrame
    idf: pl.DataFrame
    sizes: pl.DataFrame
    facts: pl.DataFrame
    count: int


_UNSEEN = 9.0
_RARE = 400
_SHORTLIST = 60
_BATCH = 1_000
# Weights of the evidence beside the overlap of n-grams (0 … 1). Measured on pairs_dev, where each alone raises the share of right first
# ranks: a differing building or number weighs as much as a third of the whole text.
_BUILDING_DIFFERS, _BUILDING_SAME, _BUILDING_MISSING = -0.3, 0.2, -0.3
_NUMBER_DIFFERS, _GATE = -0.1, -0.2


def normal_form(text: pl.Series, grammar: Grammar) -> pl.Series:
    """Comparison form with the grammar's rewrites, without marks and punctuation."""
    form = rewrite(comparable(text.str.replace_all(r"[(（]\d{6}[)）]", ""), grammar), grammar)
    return form.str.replace_all(f"[{END}-{ALIAS},:.]", "")


def features(form: pl.Series) -> pl.DataFrame:
    """row, f, w: characters (0.5), pairs (1), and each number with its unit (1.5)."""
    frame = pl.DataFrame({"row": np.arange(len(form), dtype=np.uint32), "t": form})
    plain = frame.with_columns(t=pl.col("t").str.replace_all("[0-9A-Z]+", "#"))
    places = plain.with_columns(p=pl.int_ranges(0, pl.col("t").str.len_chars())).explode("p").drop_nulls()
    tables = [
        places.select("row", f=pl.col("t").str.slice("p", size), w=pl.lit(weight)).filter(
            (pl.col("f").str.len_chars() == size) & ~pl.col("f").str.contains("#", literal=True)
        )
        for size, weight in ((1, 0.5), (2, 1.0))
    ]
    number = r"[0-9A-Z]+(?:-[0-9A-Z]+)*(?:号|栋|单元|楼|室|弄|巷|期|区|组|米)?"
    tables.append(frame.select("row", f=pl.col("t").str.extract_all(number)).explode("f").drop_nulls().with_columns(w=pl.lit(1.5)))
    return pl.concat(tables).group_by("row", "f").agg(pl.col("w").sum()).sort("row", "f")


def _facts(form: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"row": np.arange(len(form), dtype=np.uint32), "t": form}).select(
        "row",
        buildings=pl.col("t").str.extract_all("[0-9A-Z]+栋").list.unique(),
        numbers=pl.col("t").str.extract_all(r"\d+(?:-\d+)*号").list.unique(),
        gate=pl.col("t").str.contains("[东南西北]\\d?\\d?门|停车场|出口|入口"),
    )


def build_text_index(nodes: pl.Series, texts: pl.Series, grammar: Grammar) -> TextIndex:
    """Index of register texts; nodes: their row numbers in the base."""
    form = normal_form(texts, grammar)
    table = features(form)
    count = len(form)
    idf = table.group_by("f").agg(df=pl.len()).with_columns(idf=(count / pl.col("df")).log() + 0.01)
    node = nodes.cast(pl.UInt32)
    weighted = table.join(idf, on="f").select("f", node=node.gather(table.join(idf, on="f")["row"]), v=pl.col("w") * pl.col("idf"))
    sizes = weighted.group_by("node").agg(size=pl.col("v").sum())
    facts = _facts(form).with_columns(node=node).drop("row")
    return TextIndex(weighted, idf, sizes, facts, count)


def rank(index: TextIndex, texts: pl.Series, grammar: Grammar) -> pl.DataFrame:
    """row, node, s, rank (1, 2): the two likeliest register texts of each text. s is 1 for equal texts."""
    form = normal_form(texts, grammar)
    answers = [
        _rank_batch(index, form.slice(start, _BATCH)).with_columns(row=pl.col("row") + pl.lit(start, dtype=pl.UInt32))
        for start in range(0, len(form), _BATCH)
    ]
    return pl.concat(answers) if answers else pl.DataFrame(schema={"row": pl.UInt32, "node": pl.UInt32, "s": pl.Float64, "rank": pl.UInt32})


def _rank_batch(index: TextIndex, form: pl.Series) -> pl.DataFrame:
    table = features(form).join(index.idf, on="f", how="left").with_columns(v=pl.col("w") * pl.col("idf").fill_null(_UNSEEN))
    asked = table.group_by("row").agg(whole=pl.col("v").sum())
    rare = table.filter((pl.col("df") <= max(_RARE, index.count // 40)) & (pl.col("f").str.len_chars() > 1))
    short = (
        rare.select("row", "f", q="v").join(index.features.select("f", "node", c="v"), on="f")
        .group_by("row", "node").agg(o=pl.min_horizontal("q", "c").sum())
        .sort("row", "o", "node", descending=[False, True, False])
        .group_by("row", maintain_order=True).head(_SHORTLIST).select("row", "node")
    )  # fmt: skip
    overlap = (
        short.join(table.select("row", "f", q="v"), on="row")
        .join(index.features.select("f", "node", c="v"), on=["f", "node"])
        .group_by("row", "node").agg(o=pl.min_horizontal("q", "c").sum())
    )  # fmt: skip
    said = _facts(form)
    scored = (
        overlap.join(index.sizes, on="node").join(asked, on="row").join(index.facts, on="node")
        .join(said.select("row", q_buildings="buildings", q_numbers="numbers", q_gate="gate"), on="row")
    )  # fmt: skip
    both_b = (pl.col("buildings").list.len() > 0) & (pl.col("q_buildings").list.len() > 0)
    same_b = pl.col("buildings").list.set_intersection("q_buildings").list.len() > 0
    both_n = (pl.col("numbers").list.len() > 0) & (pl.col("q_numbers").list.len() > 0)
    same_n = pl.col("numbers").list.set_intersection("q_numbers").list.len() > 0
    scored = scored.with_columns(
        s=pl.col("o") / (0.6 * pl.col("whole") + 0.4 * pl.col("size"))
        + pl.when(both_b & ~same_b).then(_BUILDING_DIFFERS).otherwise(0.0)
        + pl.when(same_b).then(_BUILDING_SAME).otherwise(0.0)
        + pl.when((pl.col("q_buildings").list.len() > 0) & (pl.col("buildings").list.len() == 0)).then(_BUILDING_MISSING).otherwise(0.0)
        + pl.when(both_n & ~same_n).then(_NUMBER_DIFFERS).otherwise(0.0)
        + pl.when(pl.col("gate") & ~pl.col("q_gate")).then(_GATE).otherwise(0.0)
    )
    return (
        scored.sort("row", "s", "node", descending=[False, True, False])
        .group_by("row", maintain_order=True).head(2)
        .select("row", "node", "s", rank=(pl.int_range(1, pl.len() + 1).over("row")).cast(pl.UInt32))
    )  # fmt: skip
