"""The demo city's places: roads, estates, villages, doors, and how the address register changes from dump to dump.

Divisions are real (the district's `division.csv`); roads, estates, villages and doors are invented. The same settings and seed give the
same city. Belongs here: what is where. Not here: how people write it (`written`), who lives there (`people`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from sources.demo import vocabulary
from sources.demo.vocabulary import pick, stream

DISTRICT = Path(str(files("districts"))) / "demo"
DUMPS = 3
"""How many dumps of each register a demo city delivers."""

ANCHOR_ESTATES = ("翠湖花园", "锦绣家园", "金谷雅苑", "御景华府", "星河名庭", "鸿泰豪庭", "瑞和公馆", "悦澜新城", "碧岭花园", "蓝湾公寓")
ANCHOR_ALIASES = ("湖景大院", "老锦绣", "金谷苑", "御景台", "星河大院", "鸿泰楼", "瑞和楼", "澜城", "碧岭小区", "蓝湾楼")
TWIN_ESTATES = ("幸福花园", "阳光雅苑", "和谐家园")
"""Estates of which the city has two, in different streets: a text that says no more is ambiguous."""
WEST, SOUTH, CELL = 113.870, 22.695, 0.022


@dataclass(frozen=True)
class Names:
    """Names of one kind of place with all the ways in which people get them wrong; null where a way does not apply."""

    name: pl.Series
    short: pl.Series
    homophone: pl.Series
    look_alike: pl.Series
    transposed: pl.Series
    lost: pl.Series
    former: pl.Series
    alias: pl.Series


@dataclass(frozen=True)
class World:
    """The city. Positions in one table are the indices that the others use.

    `doors`: one row per registered place, a building's rooms right behind it. `places`: building-level doors with `door`,
    `room_start`, `rooms`. `roads`, `estates`: names. `communities`: name, street, codes, centre.
    """

    communities: pl.DataFrame
    grids: pl.DataFrame
    roads: Names
    estates: Names
    estate_kind: np.ndarray
    estate_is_twin: np.ndarray
    doors: pl.DataFrame
    places: pl.DataFrame
    absent_numbers: pl.DataFrame
    crossings: np.ndarray
    changes: pl.DataFrame


def setting(name: str) -> list[dict[str, str]]:
    """A settings table of the demo district as it stands in its CSV file."""
    with (DISTRICT / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def communities() -> pl.DataFrame:
    """The district's communities: name, street, code, street_code, lng, lat (centres on an invented grid)."""
    divisions = {row["code"]: row for row in setting("division")}
    rows = []
    for number, row in enumerate(entry for entry in divisions.values() if entry["level"] == "community"):
        east, north = number % 6, number // 6
        rows.append(
            {
                "community": row["name"],
                "street": divisions[row["parent_code"]]["name"],
                "community_code": row["code"],
                "street_code": row["parent_code"],
                "lng": WEST + (east + 0.5) * CELL,
                "lat": SOUTH + (north + 0.5) * CELL,
            }
        )
    return pl.DataFrame(rows)


def build(seed: int, people: int) -> World:
    """The city for `people` residents: about 1.3 registered places a resident."""
    generator = stream(seed, "world")
    around = communities()
    size = max(people, 200) / 10_000
    kinds, owners, names, former = _estates(generator, round(40 * size**0.7) + 20, len(around))
    road_names = _road_names(generator, min(600, round(60 * size**0.35)))
    segments, crossings = _segments(generator, len(road_names), len(around))
    numbers, absent = _numbers(generator, segments)
    blocks = _blocks(generator, kinds, owners, numbers, size)
    doors = _doors(generator, around, numbers, blocks, kinds)
    doors, changes, twin = _register_changes(generator, doors, names, former, kinds)
    places = _places(doors)
    estates = _names(generator, names, former, dict(zip(ANCHOR_ESTATES, ANCHOR_ALIASES, strict=True)))
    return World(
        communities=around,
        grids=pl.DataFrame(setting("grid_cell")).select("grid_code", "community").unique(maintain_order=True),
        roads=_names(generator, road_names, [None] * len(road_names), {}),
        estates=estates,
        estate_kind=kinds,
        estate_is_twin=twin,
        doors=doors,
        places=places,
        absent_numbers=absent,
        crossings=crossings,
        changes=changes,
    )


def _combined(generator: np.random.Generator, first: str, second: str) -> list[str]:
    stems = list(dict.fromkeys(one + two for one in dict.fromkeys(first) for two in dict.fromkeys(second) if one != two))
    return [stems[position] for position in generator.permutation(len(stems))]


def _road_names(generator: np.random.Generator, count: int) -> list[str]:
    stems = _combined(generator, vocabulary.ROAD_FIRST, vocabulary.ROAD_SECOND)
    kinds = generator.integers(0, len(vocabulary.ROAD_KINDS), count)
    return [stem + vocabulary.ROAD_KINDS[kind] for stem, kind in zip(stems, kinds, strict=False)]


def _estates(generator: np.random.Generator, count: int, communities: int) -> tuple[np.ndarray, np.ndarray, list[str], list[str | None]]:
    """Kind (0 estate, 1 village, 2 park), community, name and former name of each compound."""
    villages = max(communities, count // 2)
    parks = max(12, count // 6)
    stems = iter(_combined(generator, vocabulary.NAME_FIRST, vocabulary.NAME_SECOND))
    taken = {name[:2] for name in ANCHOR_ESTATES + TWIN_ESTATES}
    fresh = (stem for stem in stems if stem not in taken)
    names = list(ANCHOR_ESTATES) + [name for name in TWIN_ESTATES for _ in range(2)]
    owners = list(generator.permutation(communities)[: len(ANCHOR_ESTATES)])
    for _ in TWIN_ESTATES:
        owners += [int(generator.integers(0, communities // 2)), int(generator.integers(communities // 2 + 6, communities))]
    for stem in fresh:
        if len(names) >= count:
            break
        names.append(stem + vocabulary.ESTATE_KINDS[int(generator.integers(len(vocabulary.ESTATE_KINDS)))])
        owners.append(int(generator.integers(communities)))
    kinds = [0] * len(names)
    order = generator.permutation(len(vocabulary.VILLAGE_STEMS))
    for number in range(villages):
        stem = vocabulary.VILLAGE_STEMS[order[number % len(order)]]
        kind = vocabulary.VILLAGE_KINDS[(number // len(order)) % 4]
        again = number // (len(order) * 4)
        names.append(stem + (vocabulary.spelled(range(again, again + 1))[0] if again else "") + kind)
        owners.append(number % communities)
        kinds.append(1)
    for _ in range(parks):
        names.append(next(fresh) + vocabulary.PARK_KINDS[int(generator.integers(len(vocabulary.PARK_KINDS)))])
        owners.append(int(generator.integers(communities)))
        kinds.append(2)
    former: list[str | None] = [None] * len(names)
    plain = range(len(ANCHOR_ESTATES) + 2 * len(TWIN_ESTATES), kinds.index(1))
    for position in generator.permutation(plain)[: max(3, len(plain) // 8)]:
        former[position] = next(fresh) + "花园"
    return np.array(kinds), np.array(owners), names, former


def _segments(generator: np.random.Generator, roads: int, communities: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Which stretch of which road lies in which community (road, community, first, last number), and pairs of roads that cross."""
    rows = []
    by_community: dict[int, list[int]] = {}
    for road in range(roads):
        start, spans = road % communities, int(generator.integers(1, 5))
        step = 1 if generator.random() < 0.6 else 6
        first = 1
        for span in range(spans):
            community = start + span * step
            if community >= communities:
                break
            last = first + 2 * int(generator.integers(8, 22)) - 1
            rows.append({"road": road, "c": community, "first": first, "last": last})
            by_community.setdefault(community, []).append(road)
            first = last + 1
    pairs = [(one, two) for found in by_community.values() for one, two in pairwise(found) if one != two]
    return pl.DataFrame(rows), np.array(pairs)


def _numbers(generator: np.random.Generator, segments: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Door numbers that stand at the roads, and those that the register lacks between two that it has."""
    counts = (segments["last"] - segments["first"] + 1).to_numpy()
    at = np.repeat(np.arange(len(segments)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    every = segments[at].with_columns((pl.col("first") + offset).alias("n"))
    inner = (offset > 2) & (offset < counts[at] - 3)
    # A gap lies alone: its neighbours on both sides of it stand in the register.
    gap = inner & (every["n"].to_numpy() % 7 == 5) & (generator.random(len(every)) < 0.5)
    columns = ["road", "c", "n"]
    return every.filter(~gap).select(columns), every.filter(gap).select(columns)


def _blocks(generator: np.random.Generator, kinds: np.ndarray, owners: np.ndarray, numbers: pl.DataFrame, size: float) -> pl.DataFrame:
    """Buildings and village houses: estate, community, road and number of the gate, building, lane, house, units, floors, rooms a floor."""
    by_community = numbers.with_row_index("at").group_by("c", maintain_order=True).agg("at")
    gates = {row["c"]: row["at"] for row in by_community.iter_rows(named=True)}
    grown = max(1.0, min(3.0, size**0.25))
    parts = []
    for estate, (kind, owner) in enumerate(zip(kinds, owners, strict=True)):
        # A community without a road of its own takes a gate at its neighbour's road; the estate then counts to that community.
        community = int(owner) if int(owner) in gates else min(gates, key=lambda other: abs(other - int(owner)))
        gate = int(generator.choice(gates[community]))
        if kind == 1:
            lanes, houses = int(generator.integers(3, 7)), int(generator.integers(4, 9) * grown)
            count = lanes * houses
            part = {
                "lane": np.repeat(np.arange(1, lanes + 1), houses),
                "block": np.tile(np.arange(1, houses + 1), lanes),
                "units": np.ones(count, dtype=int),
                "floors": generator.integers(3, 8, count),
                "rooms": generator.integers(1, 3, count),
            }
        else:
            count = int(generator.integers(3, 7) * grown) if kind == 0 else int(generator.integers(2, 6))
            tall = int(generator.integers(6, 12) * grown)
            part = {
                "lane": np.zeros(count, dtype=int),
                "block": np.arange(1, count + 1),
                "units": generator.integers(1, 4, count) if kind == 0 else np.ones(count, dtype=int),
                "floors": np.full(count, tall) if kind == 0 else generator.integers(3, 7, count),
                "rooms": generator.integers(2, 5, count) if kind == 0 else np.ones(count, dtype=int),
            }
        parts.append(
            pl.DataFrame(part).with_columns(pl.lit(estate).alias("estate"), pl.lit(community).alias("c"), pl.lit(gate).alias("gate"))
        )
    return pl.concat(parts)


def _doors(
    generator: np.random.Generator, around: pl.DataFrame, numbers: pl.DataFrame, blocks: pl.DataFrame, kinds: np.ndarray
) -> pl.DataFrame:
    """All registered places; a building stands right before its rooms."""
    plain = numbers.with_columns(
        pl.lit(-1).alias("estate"),
        pl.lit(0).alias("lane"),
        pl.lit(0).alias("block"),
        pl.lit(0).alias("unit"),
        pl.lit(0).alias("floor"),
        pl.lit(0).alias("room"),
        pl.lit(0).alias("units"),
        pl.Series("storeys", generator.integers(1, 8, len(numbers))),
        pl.lit("number").alias("level"),
    )
    kind = kinds[blocks["estate"].to_numpy()]
    blocks = blocks.with_columns(
        numbers["road"].gather(blocks["gate"]).alias("road"),
        numbers["n"].gather(blocks["gate"]).alias("n"),
        pl.Series("kind", kind),
    )
    per_block = (blocks["units"] * blocks["floors"] * blocks["rooms"]).to_numpy() + 1
    at = np.repeat(np.arange(len(blocks)), per_block)
    within = np.arange(per_block.sum()) - np.repeat(np.cumsum(per_block) - per_block, per_block) - 1
    full = blocks[at]
    on_floor = full["rooms"].to_numpy()
    floors = full["floors"].to_numpy()
    is_block = within < 0
    unit = np.where(is_block, 0, within // (on_floor * floors) + 1)
    floor = np.where(is_block, 0, within // on_floor % floors + 1)
    room = np.where(is_block, 0, floor * 100 + within % on_floor + 1)
    is_village, is_park = full["kind"].to_numpy() == 1, full["kind"].to_numpy() == 2
    level = np.where(is_block, np.where(is_village, "number", "building"), np.where(is_park, "floor", "room"))
    built = full.select("road", "c", "n", "estate", "lane", "block", "units", storeys="floors").with_columns(
        pl.Series("unit", np.where(full["units"].to_numpy() > 1, unit, 0)),
        pl.Series("floor", floor),
        pl.Series("room", np.where(is_park, 0, room)),
        pl.Series("level", level),
        pl.when(pl.Series(is_village)).then(pl.lit(-1)).otherwise(pl.col("road")).alias("road"),
        pl.when(pl.Series(is_village)).then(pl.lit(0)).otherwise(pl.col("n")).alias("n"),
    )
    columns = ["level", "c", "road", "n", "estate", "lane", "block", "units", "unit", "floor", "room", "storeys"]
    doors = pl.concat([plain.select(columns), built.select(columns)], how="vertical_relaxed")
    return _coded(generator, doors, around, kinds)


def _coded(generator: np.random.Generator, doors: pl.DataFrame, around: pl.DataFrame, kinds: np.ndarray) -> pl.DataFrame:
    """Adds code, use, coordinates and grid cell. A room's code is its building's 19 digits and six of floor and room."""
    is_base = doors["level"].is_in(["number", "building"]).to_numpy()
    base = np.cumsum(is_base) - 1
    count = int(is_base.sum())
    community = doors["c"].to_numpy()
    serial = pl.Series(base + 1).cast(pl.String).str.zfill(7)
    tail = pl.Series(
        doors["unit"].to_numpy() * 100_000
        + doors["room"].to_numpy()
        + np.where(doors["level"].to_numpy() == "floor", doors["floor"].to_numpy() * 100, 0)
    )
    code = pick(around["community_code"], community) + serial + tail.cast(pl.String).str.zfill(6)
    scatter = generator.random((count, 2)) * CELL * 0.94 - CELL * 0.47
    estate = doors["estate"].to_numpy()
    middle = generator.random((len(kinds), 2)) * CELL * 0.7 - CELL * 0.35
    near = np.where((estate >= 0)[:, None], middle[np.maximum(estate, 0)] + scatter[base] * 0.1, scatter[base])
    lng = np.round(around["lng"].to_numpy()[community] + near[:, 0], 6)
    lat = np.round(around["lat"].to_numpy()[community] + near[:, 1], 6)
    cell = np.clip(np.floor((near[:, 0] / CELL + 0.5) * 4), 0, 3).astype(int) + 4 * (near[:, 1] > 0) + 1
    grid = pick(around["community_code"], community) + pl.Series(cell).cast(pl.String).str.zfill(2)
    mixed = np.array(["商业", "商住", "办公", "公共服务", "住宅"])[generator.choice(5, count, p=[0.45, 0.25, 0.12, 0.08, 0.1])]
    kind = np.where(estate >= 0, kinds[np.maximum(estate, 0)], -1)
    use = np.where(kind == 2, "工业", np.where(kind >= 0, "住宅", mixed[base]))
    return doors.with_columns(
        code.alias("code"), pl.Series("use", use), pl.Series("lng", lng), pl.Series("lat", lat), grid.alias("grid"), pl.Series("base", base)
    )


def _register_changes(
    generator: np.random.Generator, doors: pl.DataFrame, names: list[str], former: list[str | None], kinds: np.ndarray
) -> tuple[pl.DataFrame, pl.DataFrame, np.ndarray]:
    """Gives each door its first and last dump; truth of what changed from dump to dump.

    New: an estate that comes with a later dump. Renamed: an estate whose former name stands in the earlier dumps. Demolished: a
    building that is marked so in one dump and is missing from the next. Merged: two door numbers become one. Split: one becomes two.
    """
    count = len(doors)
    first, last, razed = np.zeros(count, dtype=int), np.full(count, DUMPS - 1), np.full(count, 99)
    was: list[str | None] = [None] * count
    estate = doors["estate"].to_numpy()
    changes: list[dict[str, object]] = []
    free = [number for number in range(16, len(names)) if kinds[number] == 0 and former[number] is None]
    code = doors["code"]
    for number in free[: max(2, len(free) // 20)]:
        dump = int(generator.integers(1, DUMPS))
        first[estate == number] = dump
        changes.append({"dump": dump, "kind": "created", "name": names[number], "former": None, "code": None})
    for number, old in enumerate(former):
        if old is not None:
            changes.append({"dump": 1, "kind": "renamed", "name": names[number], "former": old, "code": None})
    buildings = np.flatnonzero((doors["level"].to_numpy() == "building") & (first == 0) & (kinds[np.maximum(estate, 0)] == 0))
    base = doors["base"].to_numpy()
    for at in generator.permutation(buildings)[: max(2, len(buildings) // 150)]:
        mine = base == base[at]
        razed[mine], last[mine] = 1, 1
        changes.append({"dump": 1, "kind": "demolished", "name": names[estate[at]], "former": None, "code": code[int(at)]})
    road, n, c = doors["road"].to_numpy(), doors["n"].to_numpy(), doors["c"].to_numpy()
    plain = np.flatnonzero((estate < 0) & (doors["level"].to_numpy() == "number"))
    # Numbers that are the gate of an estate stay as they are.
    gates = {(one, two) for one, two in zip(road[estate >= 0], n[estate >= 0], strict=True)}
    extra = []
    moved = max(3, len(plain) // 400)
    used: set[int] = set()
    for at in generator.permutation(plain[:-2])[: moved * 6]:
        if len(used) >= moved * 4:
            break
        other = int(at) + 2
        pair = {int(at), int(at) + 1, other}
        if other >= count or estate[other] >= 0 or road[other] != road[at] or n[other] != n[at] + 2 or c[other] != c[at] or pair & used:
            continue
        if (int(road[at]), int(n[at])) in gates or (int(road[other]), int(n[other])) in gates:
            continue
        used |= pair
        if len(used) % 2:
            last[other] = 0
            was[at] = f"@{other}"
            changes.append({"dump": 1, "kind": "merged", "name": code[int(at)], "former": code[other], "code": code[int(at)]})
        else:
            last[at] = 0
            for part in (1, 2):
                extra.append((int(at), part))
            changes.append({"dump": 1, "kind": "split", "name": None, "former": code[int(at)], "code": code[int(at)]})
    doors = doors.with_columns(
        pl.Series("first_dump", first), pl.Series("last_dump", last), pl.Series("razed", razed),
        pl.Series("was", was, dtype=pl.String), pl.lit(0).alias("part"),
    )  # fmt: skip
    if extra:
        halves = doors[[at for at, _ in extra]].with_columns(
            pl.lit(1).alias("first_dump"), pl.lit(DUMPS - 1).alias("last_dump"),
            pl.Series("part", [part for _, part in extra], dtype=pl.Int32),
            pl.Series("was", [f"@{at}" for at, _ in extra]),
            (pl.col("code").str.slice(0, 19) + pl.Series([f"90000{part}" for _, part in extra])).alias("code"),
        )  # fmt: skip
        doors = pl.concat([doors, halves], how="vertical_relaxed")
    twin = np.array([names.count(name) > 1 for name in names])
    return doors, pl.DataFrame(changes, infer_schema_length=None), twin


def _places(doors: pl.DataFrame) -> pl.DataFrame:
    """Buildings, village houses and door numbers that stand in every dump: door, room_start, rooms, kind of place."""
    indexed = doors.with_row_index("door").with_columns(pl.col("door").cast(pl.Int64))
    rooms = (
        indexed.filter(pl.col("level").is_in(["room", "floor"]))
        .group_by("base", maintain_order=True)
        .agg(pl.col("door").min().alias("room_start"), pl.len().alias("rooms"))
    )
    steady = indexed.filter(
        pl.col("level").is_in(["number", "building"]),
        pl.col("first_dump") == 0,
        pl.col("last_dump") == DUMPS - 1,
        pl.col("razed") == 99,
        pl.col("was").is_null(),
    )
    return steady.join(rooms, on="base", how="left", maintain_order="left").select(
        "door", "estate", "road", "c", pl.col("room_start").fill_null(-1), pl.col("rooms").fill_null(0).cast(pl.Int64)
    )


def _names(generator: np.random.Generator, names: list[str], former: list[str | None], aliases: dict[str, str]) -> Names:
    def short(name: str) -> str:
        for kind in (
            "工业园",
            "科技园",
            "产业园",
            "创业园",
            "花园",
            "家园",
            "雅苑",
            "华府",
            "公馆",
            "名庭",
            "豪庭",
            "大厦",
            "公寓",
            "广场",
            "新城",
        ):
            if name.endswith(kind) and len(name) > len(kind) + 1:
                return name.removesuffix(kind)
        return name

    def column(values: list[str | None]) -> pl.Series:
        return pl.Series(values, dtype=pl.String)

    known = set(names)
    fresh = lambda value: value if value not in known else None  # noqa: E731  a damaged name that is another place's name is no damage
    return Names(
        name=column(list(names)),
        short=column([short(name) for name in names]),
        homophone=column([fresh(vocabulary.homophone(name, generator)) for name in names]),
        look_alike=column([fresh(vocabulary.look_alike(name)) for name in names]),
        transposed=column([fresh(vocabulary.transposed(name)) for name in names]),
        lost=column([vocabulary.lost(name) for name in names]),
        former=column(former),
        alias=column([aliases.get(name) for name in names]),
    )


def register_dump(world: World, dump: int) -> pl.DataFrame:
    """The address register as it is delivered in dump number `dump` (0 is the first), under its office's headers."""
    at = np.flatnonzero((world.doors["first_dump"].to_numpy() <= dump) & (world.doors["last_dump"].to_numpy() >= dump))
    doors = world.doors[at]
    around = world.communities
    c = doors["c"].to_numpy()
    parts = structured(world, at, dump)
    was = doors["was"]
    # `@n` points at the door that this one was made from.
    origin = was.str.strip_prefix("@").cast(pl.Int64).fill_null(-1).to_numpy() if dump >= 1 else np.full(len(at), -1)
    known = origin >= 0
    earlier = pl.Series([None] * len(at), dtype=pl.String)
    if known.any():
        earlier = earlier.scatter(np.flatnonzero(known), full_address(structured(world, origin[known], 0)))
    renamed = pick(world.estates.former, doors["estate"].to_numpy()) if dump >= 1 else pl.Series([None] * len(at), dtype=pl.String)
    return pl.DataFrame(
        {
            "标准地址编码": doors["code"],
            "地址全称": full_address(parts),
            "省": parts["province"], "市": parts["city"], "行政区": parts["district"], "街道名称": parts["street"], "社区名称": parts["community"],
            "路街巷": parts["road"], "门牌": parts["number"], "小区名称": parts["estate"], "巷": parts["lane"], "楼栋号": parts["building"],
            "单元号": parts["unit"], "楼层": doors["floor"].replace(0, None).cast(pl.String), "房号": parts["room"],
            "房屋用途": doors["use"], "楼层数": doors["storeys"].cast(pl.String),
            "经度": doors["lng"].cast(pl.String), "纬度": doors["lat"].cast(pl.String),
            "状态": np.where(doors["razed"].to_numpy() <= dump, "拆除", "在用"),
            "曾用名": earlier.fill_null(renamed) if dump >= 1 else renamed,
            "街道代码": pick(around["street_code"], c), "社区代码": pick(around["community_code"], c), "网格": doors["grid"],
        }
    )  # fmt: skip


def structured(world: World, at: np.ndarray, dump: int = DUMPS - 1) -> pl.DataFrame:
    """Address columns of the doors at the positions given, as registered in that dump; null where a level does not exist."""
    doors = world.doors[at]
    around = world.communities
    c = doors["c"].to_numpy()
    estates = world.estates.name if dump >= 1 else world.estates.former.fill_null(world.estates.name)
    lane = doors["lane"].to_numpy()
    block = doors["block"].to_numpy()
    n = doors["n"].to_numpy()
    room, unit, floor = doors["room"].to_numpy(), doors["unit"].to_numpy(), doors["floor"].to_numpy()
    is_house = lane > 0
    is_park = pl.Series(np.where(doors["estate"].to_numpy() >= 0, world.estate_kind[np.maximum(doors["estate"].to_numpy(), 0)], -1) == 2)
    numerals = vocabulary.spelled(range(100))
    letters = [chr(65 + number) for number in range(26)]
    part = doors["part"].to_numpy()
    number = _text(np.where(is_house, block, n)) + pick(("", "-1", "-2"), part) + "号"
    park_floor = pl.Series(floor > 0) & is_park
    return pl.DataFrame(
        {
            "province": pl.Series(["广东省"]).new_from_index(0, len(at)),
            "city": pl.Series(["深圳市"]).new_from_index(0, len(at)),
            "district": pl.Series(["光明区"]).new_from_index(0, len(at)),
            "street": pick(around["street"], c),
            "community": pick(around["community"], c),
            # A village's name stands where a road's does: its houses have lanes and numbers.
            "road": pick(world.roads.name, doors["road"].to_numpy()).fill_null(
                pick(estates, np.where(is_house, doors["estate"].to_numpy(), -1))
            ),
            "number": number,
            "estate": pick(estates, np.where(is_house, -1, doors["estate"].to_numpy())),
            "lane": pick(numerals, np.where(is_house, lane, -1)) + "巷",
            "building": pl.select(
                pl.when(pl.Series((block > 0) & ~is_house)).then(
                    pl.when(is_park).then(pick(letters, block - 1)).otherwise(_text(block)) + "栋"
                )
            ).to_series(),
            "unit": pl.select(pl.when(pl.Series(unit > 0)).then(_text(unit) + "单元")).to_series(),
            "floor": pl.select(pl.when(park_floor).then(_text(floor) + "楼")).to_series(),
            "room": pl.select(pl.when(pl.Series(room > 0)).then(_text(room))).to_series(),
        }
    )


def _text(numbers: np.ndarray) -> pl.Series:
    return pl.Series("n", numbers).cast(pl.String)


def full_address(parts: pl.DataFrame) -> pl.Series:
    """The standard address text of structured columns."""
    # In a village the estate comes before the lane and its number, at a road the number before the estate.
    is_house = pl.col("lane").is_not_null()
    return parts.select(
        pl.concat_str(
            "province", "city", "district", "street", "community", "road",
            pl.when(is_house).then(pl.lit(None)).otherwise(pl.col("number")),
            "estate", "lane", pl.when(is_house).then(pl.col("number")), "building", "unit", "floor", "room",
            ignore_nulls=True,
        )
    ).to_series()  # fmt: skip
