"""How people write an address: the same door in the forms and with the damage that real records show, and what a text still says.

Belongs here: texts of addresses and the truth about them. Not here: which door a record is at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from sources.demo import vocabulary
from sources.demo.vocabulary import full_width, pick
from sources.demo.world import World, structured

DAMAGES: dict[str, float] = {
    "full": 0.12, "missing_levels": 0.24, "no_division": 0.17, "dashed": 0.06, "chinese_numerals": 0.04, "full_width": 0.03,
    "colloquial": 0.08, "other_suffix": 0.03, "missing_suffix": 0.03, "prefixed": 0.03, "homophone": 0.02, "look_alike": 0.015,
    "transposed": 0.015, "lost_character": 0.01, "relation": 0.04, "crossing": 0.01, "road_only": 0.015, "community_only": 0.02,
    "alias": 0.01, "former_name": 0.01, "wrong_division": 0.01, "absent_number": 0.012, "absent_room": 0.01, "no_address": 0.028,
}  # fmt: skip
"""Forms of an address text and how often residents write them."""
TIDY: dict[str, float] = {
    "full": 0.6,
    "missing_levels": 0.25,
    "dashed": 0.05,
    "full_width": 0.03,
    "no_division": 0.03,
    "homophone": 0.01,
    "former_name": 0.02,
    "absent_room": 0.01,
}
"""The same for texts that officials keep."""
NOTHING = ("无", "不详", "-", "来电人未提供", "未知", "匿名", "N/A")
RELATIONS = ("旁边", "对面", "附近", "门口", "楼下", "后面", "斜对面")
PREFIXES = ("地址：", "事发地：", "518107 ", "中国", "现住址:", "位于")


class Written(NamedTuple):
    """Texts and what they say, aligned with the doors asked for.

    `text`: null where nothing is given. `door`: the registered door that the text names, -1 where it names none (its level is then
    above a door or the register lacks it). `level`: the deepest level named. `c`: the community, -1 where the text does not fix it.
    `outcome`: what an ideal resolver answers from the text alone.
    """

    text: pl.Series
    damage: pl.Series
    door: np.ndarray
    level: pl.Series
    c: np.ndarray
    road: np.ndarray
    estate: np.ndarray
    outcome: pl.Series


def damages(generator: np.random.Generator, count: int, shares: dict[str, float]) -> np.ndarray:
    """A form for each text, as positions in DAMAGES."""
    names = list(DAMAGES)
    weight = np.array([shares.get(name, 0.0) for name in names])
    return generator.choice(len(names), count, p=weight / weight.sum()).astype(np.int8)


def write(world: World, at: np.ndarray, damage: np.ndarray, generator: np.random.Generator) -> Written:
    """Write the doors at the positions `at` in the forms `damage`; a form that a door does not have becomes `missing_levels`."""
    count = len(at)
    names = list(DAMAGES)
    number_of = {name: position for position, name in enumerate(names)}
    parts = structured(world, at)
    doors = world.doors[at]
    estate, road, c = doors["estate"].to_numpy().copy(), doors["road"].to_numpy().copy(), doors["c"].to_numpy().copy()
    level = doors["level"]
    in_estate = estate >= 0
    damage = _possible(world, damage, number_of, estate, road, level, doors["unit"].to_numpy())
    is_ = {name: pl.Series(damage == position) for name, position in number_of.items()}

    main = _main_name(world, parts, is_, estate, road)
    dice = generator.random((count, 4))
    absent = _absent_numbers(world, road, generator, is_["absent_number"].to_numpy())
    tail = _tail(parts, is_, dice, pick(world.absent_numbers["n"].cast(pl.String), absent))
    prefix = _prefix(world, parts, is_, dice, c, generator)
    relation = vocabulary.chosen(generator, RELATIONS, count)
    other_road = pick(world.roads.name, _crossing(world, road, generator))
    table = pl.DataFrame({"prefix": prefix, "main": main, "tail": tail, "relation": relation, "other": other_road, "community": parts["community"], "road": parts["road"], "estate": parts["estate"], "label": vocabulary.chosen(generator, PREFIXES, count), "nothing": vocabulary.chosen(generator, NOTHING, count)})  # fmt: skip
    plain = pl.concat_str("prefix", "main", "tail", ignore_nulls=True)
    text = table.select(
        pl.when(is_["no_address"]).then(pl.when(pl.Series(dice[:, 0] < 0.5)).then(pl.lit(None)).otherwise(pl.col("nothing")))
        .when(is_["crossing"]).then(pl.concat_str("main", pl.lit("与"), "other", pl.when(pl.Series(dice[:, 0] < 0.5)).then(pl.lit("交叉口")).otherwise(pl.lit("路口"))))
        .when(is_["road_only"]).then(pl.concat_str(pl.when(pl.Series(dice[:, 0] < 0.4)).then(pl.col("community")), "main", pl.when(pl.Series(dice[:, 1] < 0.4)).then(pl.lit("路边")), ignore_nulls=True))
        .when(is_["community_only"]).then(pl.concat_str("community", pl.when(pl.Series(dice[:, 1] < 0.4)).then(pl.lit("附近")), ignore_nulls=True))
        .when(is_["relation"]).then(pl.concat_str("prefix", "main", "tail", "relation", ignore_nulls=True))
        .when(is_["prefixed"]).then(pl.concat_str("label", plain))
        .when(is_["full_width"]).then(full_width(plain))
        .otherwise(plain).alias("text")
    ).to_series()  # fmt: skip

    # What is left of the door in the text.
    door = at.copy()
    base_door = _base_doors(world)
    door = np.where(is_["relation"].to_numpy(), base_door[doors["base"].to_numpy()], door)
    above = is_["crossing"] | is_["road_only"] | is_["community_only"] | is_["no_address"]
    lacking = is_["absent_number"] | is_["absent_room"]
    door = np.where((above | lacking).to_numpy(), -1, door)
    named = pl.select(
        pl.when(is_["no_address"]).then(pl.lit(None)).when(is_["crossing"]).then(pl.lit("crossing")).when(is_["road_only"]).then(pl.lit("road"))
        .when(is_["community_only"]).then(pl.lit("community")).when(is_["relation"]).then(pl.Series(world.doors["level"]).gather(np.maximum(door, 0)))
        .when(is_["absent_number"]).then(pl.lit("number")).when(is_["absent_room"]).then(pl.lit("room")).otherwise(level)
    ).to_series().alias("level")  # fmt: skip
    twin = pl.Series(in_estate & world.estate_is_twin[np.maximum(estate, 0)])
    bare = is_["no_division"] | is_["colloquial"]
    outcome = pl.select(
        pl.when(is_["no_address"]).then(pl.lit("no_address"))
        .when(twin & bare).then(pl.lit("ambiguous"))
        .when(lacking).then(pl.lit("not_in_register")).when(is_["crossing"]).then(pl.lit("resolved"))
        .when(above).then(pl.lit("partial")).otherwise(pl.lit("resolved"))
    ).to_series().alias("outcome")  # fmt: skip
    door = np.where((outcome == "ambiguous").to_numpy(), -1, door)
    c = np.where((is_["no_address"] | is_["crossing"] | (outcome == "ambiguous")).to_numpy(), -1, c)
    absent_c = np.where(absent >= 0, world.absent_numbers["c"].to_numpy()[np.maximum(absent, 0)] if len(world.absent_numbers) else -1, -1)
    c = np.where(absent >= 0, absent_c, c)
    # A road alone says the community only where the text adds it.
    c = np.where(is_["road_only"].to_numpy() & (dice[:, 0] >= 0.4), -1, c)
    return Written(text, pick(names, damage).alias("damage"), door, named, c, road, estate, outcome)


def _possible(
    world: World, damage: np.ndarray, number_of: dict[str, int], estate: np.ndarray, road: np.ndarray, level: pl.Series, unit: np.ndarray
) -> np.ndarray:
    """`damage` with the forms that a door cannot have replaced by `missing_levels`."""
    in_estate, on_road = estate >= 0, road >= 0
    has_variant = {}
    for name, column in {
        "homophone": "homophone",
        "look_alike": "look_alike",
        "transposed": "transposed",
        "alias": "alias",
        "former_name": "former",
    }.items():
        for_estate = getattr(world.estates, column).is_not_null().to_numpy()[np.maximum(estate, 0)]
        for_road = getattr(world.roads, column).is_not_null().to_numpy()[np.maximum(road, 0)]
        has_variant[name] = np.where(in_estate, for_estate, for_road)
    lacking_roads = np.zeros(len(world.roads.name) + 1, dtype=bool)
    lacking_roads[world.absent_numbers["road"].to_numpy()] = True
    crossing_roads = np.zeros(len(world.roads.name) + 1, dtype=bool)
    crossing_roads[world.crossings.ravel()] = True
    possible = {
        **has_variant,
        "dashed": in_estate & (level == "room").to_numpy(),
        # A building with several units has the same room number in each of them.
        "missing_suffix": in_estate & on_road & (level == "room").to_numpy() & (unit == 0),
        "other_suffix": in_estate & on_road,
        "chinese_numerals": (level != "number").to_numpy(),
        "crossing": on_road & ~in_estate & crossing_roads[road],
        "road_only": on_road & ~in_estate,
        "absent_number": on_road & ~in_estate & lacking_roads[road],
        "absent_room": (level == "room").to_numpy(),
        "colloquial": in_estate & on_road,
    }
    made = damage.copy()
    for name, holds in possible.items():
        made[(made == number_of[name]) & ~holds] = number_of["missing_levels"]
    return made


def _main_name(world: World, parts: pl.DataFrame, is_: dict[str, pl.Series], estate: np.ndarray, road: np.ndarray) -> pl.Series:
    """The estate's name, or the road's where there is no estate, in the form asked for."""

    def form(column: str) -> pl.Series:
        of_estate = pick(getattr(world.estates, column), estate)
        return of_estate if column == "short" else of_estate.fill_null(pick(getattr(world.roads, column), np.where(estate >= 0, -1, road)))

    return pl.select(
        pl.when(is_["homophone"]).then(form("homophone"))
        .when(is_["look_alike"]).then(form("look_alike"))
        .when(is_["transposed"]).then(form("transposed"))
        .when(is_["lost_character"]).then(form("lost"))
        .when(is_["alias"]).then(form("alias"))
        .when(is_["former_name"]).then(form("former"))
        .when(is_["colloquial"]).then(form("short"))
        .otherwise(form("name"))
    ).to_series()  # fmt: skip


def _tail(parts: pl.DataFrame, is_: dict[str, pl.Series], dice: np.ndarray, absent: pl.Series) -> pl.Series:
    """Everything after the main name: building, unit, floor, room, or lane and number."""
    relation = is_["relation"]
    house = pl.col("lane").is_not_null()
    room_word = (
        pl.when(pl.Series(dice[:, 1] < 0.3)).then(pl.lit("室")).when(pl.Series(dice[:, 1] < 0.5)).then(pl.lit("房")).otherwise(pl.lit(""))
    )
    number = pl.when(house).then(pl.concat_str("lane", "number"))
    road_number = pl.when(pl.col("estate").is_null() & ~house).then(pl.col("number"))
    usual = pl.concat_str(number, road_number, "building", "unit", "floor", pl.col("room") + room_word, ignore_nulls=True)
    block = pl.col("building").str.strip_suffix("栋")
    dashed = pl.concat_str(
        pl.concat_str(number, pl.when(house).then(pl.lit("-")), block, ignore_nulls=True),
        pl.when(~house).then(pl.lit("-")),
        pl.col("unit").str.strip_suffix("单元") + "-",
        "room",
        ignore_nulls=True,
    )
    chinese = pl.concat_str(
        number,
        road_number,
        _chinese(block, wide=False) + "栋",
        _chinese(pl.col("unit").str.strip_suffix("单元"), wide=False) + "单元",
        _chinese(pl.col("floor").str.strip_suffix("楼"), wide=False) + "楼",
        _chinese(pl.col("room"), wide=True) + "房",
        ignore_nulls=True,
    )
    kinds = (
        pl.when(pl.Series(dice[:, 2] < 0.35))
        .then(pl.lit("座"))
        .when(pl.Series(dice[:, 2] < 0.6))
        .then(pl.lit("幢"))
        .when(pl.Series(dice[:, 2] < 0.8))
        .then(pl.lit("号楼"))
        .otherwise(pl.lit("#"))
    )
    other = pl.concat_str(number, block + kinds, "unit", "floor", pl.col("room") + room_word, ignore_nulls=True)
    bare = pl.concat_str(block, pl.lit(" "), "room", ignore_nulls=True)
    near = pl.concat_str(number, road_number, "building", ignore_nulls=True)
    lacking = pl.concat_str(number, "building", "unit", pl.lit("99") + pl.col("room").str.slice(-2), ignore_nulls=True)
    return parts.select(
        pl.when(relation).then(near)
        .when(is_["dashed"]).then(dashed)
        .when(is_["chinese_numerals"]).then(chinese)
        .when(is_["other_suffix"]).then(other)
        .when(is_["missing_suffix"]).then(bare)
        .when(is_["absent_room"]).then(lacking)
        .when(is_["absent_number"]).then(absent + "号")
        .otherwise(usual)
    ).to_series()  # fmt: skip


def _chinese(number: pl.Expr, *, wide: bool) -> pl.Expr:
    """Digits as Chinese numerals: digit by digit (rooms), or as a number below a hundred (buildings, units); letters stay."""
    if wide:
        made = number
        for digit, character in enumerate(vocabulary.DIGITS_CN):
            made = made.str.replace_all(str(digit), character, literal=True)
        return made
    return number.replace({str(value): word for value, word in enumerate(vocabulary.spelled(range(100)))})


def _prefix(
    world: World, parts: pl.DataFrame, is_: dict[str, pl.Series], dice: np.ndarray, c: np.ndarray, generator: np.random.Generator
) -> pl.Series:
    """Divisions before the main name."""
    wrong = pick(world.communities["street"], (c + 1 + generator.integers(0, 20, len(c))) % len(world.communities))
    some = pl.Series(dice[:, 3])
    road_part = pl.when(pl.col("estate").is_not_null() & pl.col("road").is_not_null()).then(pl.concat_str("road", "number"))
    return parts.select(
        pl.when(is_["full"]).then(pl.concat_str("province", "city", "district", "street", "community", road_part, ignore_nulls=True))
        .when(is_["no_division"] | is_["colloquial"]).then(pl.lit(None))
        .when(is_["wrong_division"]).then(pl.concat_str("district", pl.Series("wrong", wrong), "community"))
        .when(some < 0.3).then(pl.concat_str("street", "community"))
        .when(some < 0.55).then(pl.col("community"))
        .when(some < 0.7).then(pl.concat_str("district", "community"))
        .when(some < 0.85).then(pl.concat_str("city", "district", "street"))
        .otherwise(pl.concat_str("street", "community", road_part, ignore_nulls=True))
    ).to_series()  # fmt: skip


def _absent_numbers(world: World, road: np.ndarray, generator: np.random.Generator, wanted: np.ndarray) -> np.ndarray:
    """For each text that wants one, a position in `absent_numbers` on its road; -1 elsewhere."""
    lacking = world.absent_numbers["road"].to_numpy()
    starts = np.searchsorted(lacking, np.arange(len(world.roads.name) + 1))
    counts = np.diff(starts)
    on = np.where(wanted & (road >= 0), road, 0)
    position = starts[on] + (generator.random(len(road)) * counts[on]).astype(int)
    return np.where(wanted, position, -1)


def _crossing(world: World, road: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A road that crosses each road; -1 where none does."""
    other = np.full(len(world.roads.name) + 1, -1)
    if len(world.crossings):
        other[world.crossings[:, 1]] = world.crossings[:, 0]
        other[world.crossings[:, 0]] = world.crossings[:, 1]
    return np.where(road >= 0, other[road], -1)


def _base_doors(world: World) -> np.ndarray:
    """The building-level door of each building number."""
    doors = world.doors
    made = np.full(int(doors["base"].to_numpy().max()) + 1, -1)
    at = np.flatnonzero(doors["level"].is_in(["number", "building"]).to_numpy() & (doors["part"].to_numpy() == 0))
    made[doors["base"].to_numpy()[at]] = at
    return made
