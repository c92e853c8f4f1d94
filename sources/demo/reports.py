"""Matters and who reports them: one stream of matters in time, each reported once or many times by ticket, grid event, petition, hazard.

Belongs here: the chunk of matters, its reports, their texts and their way through the nodes of a flow. Not here: files.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from sources.demo import texts, written
from sources.demo.people import People
from sources.demo.texts import Catalogue
from sources.demo.vocabulary import NAME_FIRST, NAME_SECOND, chosen, pick, stream
from sources.demo.world import World, setting

FEEDS = ("ticket", "grid_event", "petition", "hazard")
MATTERS_A_CHUNK = 40_000
REPEATS = ("first", "same_caller", "exact_duplicate", "other_caller")
_DAY = 86_400
_SIZES = np.array([0, 1, 2, 3, 4, 5, 8, 12])
_SIZE_SHARES = np.array([0.11, 0.69, 0.09, 0.05, 0.025, 0.02, 0.01, 0.005])


@dataclass(frozen=True)
class Plan:
    """How many matters there are, how many tickets each brings, and when: known before the first chunk is made."""

    seed: int
    start: dt.date
    end: dt.date
    counts: np.ndarray
    day_share: np.ndarray

    @property
    def chunks(self) -> int:
        return -(-len(self.counts) // MATTERS_A_CHUNK)

    @property
    def end_second(self) -> int:
        """The first second after the last day, in seconds since 1970 of local time."""
        return (self.end - dt.date(1970, 1, 1)).days * _DAY + _DAY


def plan(seed: int, tickets: int, start: dt.date, end: dt.date) -> Plan:
    """Matters until their tickets are exactly `tickets`; fewer on weekends, more on a few days."""
    generator = stream(seed, "plan")
    mean = float((_SIZES * _SIZE_SHARES).sum())
    drawn = generator.choice(_SIZES, int(tickets / mean * 1.1) + 50, p=_SIZE_SHARES).astype(np.uint8)
    total = np.cumsum(drawn, dtype=np.int64)
    last = int(np.searchsorted(total, tickets))
    counts = drawn[: last + 1].copy()
    counts[last] -= int(total[last]) - tickets
    days = (end - start).days + 1
    weekday = (np.arange(days) + start.weekday()) % 7
    share = np.where(weekday >= 5, 0.65, 1.0) * generator.uniform(0.85, 1.15, days)
    share[generator.permutation(days)[: max(1, days // 30)]] *= 1.8
    return Plan(seed, start, end, counts, np.cumsum(share) / share.sum())


@dataclass(frozen=True)
class Responsible:
    """Departments by leaf and street before and after the leaf's day of change, as positions in `names`."""

    names: list[str]
    before: np.ndarray
    after: np.ndarray
    change: np.ndarray


def responsible(matters: Catalogue, world: World) -> Responsible:
    """From the district's own responsibility list."""
    names = {row["department_code"]: row["name"] for row in setting("department")}
    order = list(names)
    streets = list(dict.fromkeys(world.communities["street"]))
    paths = {path: position for position, path in enumerate(matters.paths.iter_rows())}
    before, after = np.zeros((len(paths), len(streets)), dtype=int), np.zeros((len(paths), len(streets)), dtype=int)
    change = np.full(len(paths), 2**40)
    for row in sorted(setting("responsibility"), key=lambda row: row["street"] != "*"):
        leaf = paths[(row["category_1"], row["category_2"], row["category_3"])]
        columns = range(len(streets)) if row["street"] == "*" else [streets.index(row["street"])]
        department = order.index(row["department_code"])
        for column in columns:
            if row["valid_to"]:
                before[leaf, column] = department
                change[leaf] = (dt.date.fromisoformat(row["valid_to"]) - dt.date(1970, 1, 1)).days * _DAY
            else:
                after[leaf, column] = department
                if change[leaf] == 2**40:
                    before[leaf, column] = department
    return Responsible([names[code] for code in order], before, after, change)


@dataclass(frozen=True)
class Reports:
    """The reports of one chunk, in time within each feed; all arrays are aligned."""

    feed: np.ndarray
    matter: np.ndarray
    repeat: np.ndarray
    second: np.ndarray
    leaf: np.ndarray
    person: np.ndarray
    door: np.ndarray
    c: np.ndarray
    department: np.ndarray
    text: written.Written
    table: pl.DataFrame
    planted: pl.DataFrame


def chunk(plan: Plan, number: int, world: World, people: People, matters: Catalogue, offices: Responsible) -> Reports:
    """Matters `number` × MATTERS_A_CHUNK … and all their reports."""
    generator = stream(plan.seed, "reports", number)
    first = number * MATTERS_A_CHUNK
    counts = plan.counts[first : first + MATTERS_A_CHUNK].astype(int)
    size = len(counts)
    begun = _moments(generator, plan, first, size)
    leaf, place, detail, when = _matters(generator, counts, world, matters)
    talked_of = _bursts(plan, generator, counts, begun, leaf, place, detail, world, matters)
    same = _one_matter(begun, leaf, place, detail, matters)
    matter, feed, rank = _exploded(generator, counts, leaf, matters)
    total = len(matter)

    repeat = np.where(rank == 0, 0, generator.choice([1, 2, 3], total, p=[0.14, 0.06, 0.8]))
    repeat = np.where((rank > 0) & ~matters.shared[leaf[matter]], np.where(generator.random(total) < 0.75, 1, 2), repeat)
    repeat = np.where((feed != 0) & (rank > 0), 3, repeat)
    lead = np.flatnonzero(rank == 0)
    # The first report of the same matter and feed is the one that a repeat repeats.
    origin = lead[np.cumsum(rank == 0) - 1]
    gap = generator.exponential(1.6 * _DAY, total)
    gap = np.where(repeat == 2, generator.uniform(60, 7200, total), np.where(repeat == 1, gap + 0.5 * _DAY, gap))
    gap = np.where(
        rank == 0,
        np.where(feed == 0, 0, np.where(feed == 2, generator.uniform(1, 12, total) * _DAY, generator.exponential(1.0 * _DAY, total))),
        gap,
    )
    base = begun[matter] + np.where(rank == 0, 0, gap[origin])
    second = (base + np.minimum(gap, 12 * _DAY)).astype(np.int64)
    second = np.minimum(second, plan.end_second - 1 - generator.integers(0, 3600, total))

    # Officials are on their rounds from eight to eight.
    field = (feed == 1) | (feed == 3)
    second = np.where(field, second // _DAY * _DAY + 8 * 3600 + second % _DAY // 2, second)

    person = generator.integers(0, len(people.names), total)
    person = np.where((repeat == 1) | (repeat == 2), person[origin], person)
    door = _report_doors(generator, world, place[matter], rank)
    door = np.where((repeat == 1) | (repeat == 2), door[origin], door)
    damage = written.damages(generator, total, written.DAMAGES)
    text = written.write(world, door, damage, generator)
    c = world.doors["c"].to_numpy()[door]
    kind = matters.kind.gather(leaf[matter])
    other_kind = generator.random(total) < 0.05
    kind = pl.select(pl.when(pl.Series(other_kind & matters.shared[leaf[matter]])).then(pl.lit("help")).otherwise(kind)).to_series()
    spot = written_name(world, door)
    involved = ("，涉及" + talked_of.gather(matter)).fill_null("")
    say = texts.phrases(matters, leaf[matter], detail[matter], generator)
    contact, planted = _contacts(generator, world, people, person, np.where(field, 0.04, 0.14))
    title = texts.titles(pl.select(pl.when(pl.Series(generator.random(total) < 0.6)).then(spot)).to_series(), say, kind, generator)
    body = texts.bodies(
        spot,
        text.text,
        texts.when_words(when[matter], generator),
        texts.phrases(matters, leaf[matter], detail[matter], generator) + involved,
        kind,
        repeat == 1,
        contact,
        field,
        generator,
    )
    copy = np.where(repeat == 2, origin, np.arange(total))
    title, body = title.gather(copy), body.gather(copy)
    text = written.Written(
        text.text.gather(copy),
        text.damage.gather(copy),
        text.door[copy],
        text.level.gather(copy),
        text.c[copy],
        text.road[copy],
        text.estate[copy],
        text.outcome.gather(copy),
    )
    told = _told_leaf(generator, matters, leaf[matter])
    told, kind = told[copy], kind.gather(copy)
    planted = planted.join(pl.DataFrame({"at": copy, "report": np.arange(total)}), on="at").drop("at").sort("report", "kind")
    # What begins again within the week is another person's report of what is known already.
    repeat = np.where((same[matter] != matter) & (repeat == 0), 3, repeat)
    street = _street_of(world)[c]
    department = np.where(second < offices.change[leaf[matter]], offices.before[leaf[matter], street], offices.after[leaf[matter], street])
    dice = generator.random((total, 4))
    table = pl.DataFrame(
        {
            "category_1": pick(matters.paths["category_1"], told), "category_2": pick(matters.paths["category_2"], told), "category_3": pick(matters.paths["category_3"], told),
            "kind": kind, "title": title, "body": body, "address": text.text,
            "street": pick(world.communities["street"], np.where(dice[:, 0] < 0.75, c, -1)),
            "community": pick(world.communities["community"], np.where(dice[:, 1] < 0.5, c, -1)),
            "lng": world.doors["lng"].gather(door), "lat": world.doors["lat"].gather(door), "has_point": dice[:, 2] < 0.3,
            "grid": world.doors["grid"].gather(door), "grade": matters.grade[leaf[matter]],
        }
    )  # fmt: skip
    return Reports(feed, same[matter] + first, repeat, second, leaf[matter], person, door, c, department, text, table, planted)


def _matters(
    generator: np.random.Generator, counts: np.ndarray, world: World, matters: Catalogue
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Leaf, place, detail and time of day of each matter; now and then two different matters of one leaf happen at one place."""
    size = len(counts)
    any_weight = matters.weight * matters.ticket
    shared_weight = any_weight * matters.shared
    silent_weight = matters.weight * (matters.grid | matters.hazard | matters.petition)
    leaves = np.arange(len(matters.weight))
    leaf = generator.choice(leaves, size, p=any_weight / any_weight.sum())
    leaf = np.where(counts >= 2, generator.choice(leaves, size, p=shared_weight / shared_weight.sum()), leaf)
    leaf = np.where((counts == 2) & (generator.random(size) < 0.4), generator.choice(leaves, size, p=any_weight / any_weight.sum()), leaf)
    leaf = np.where(counts == 0, generator.choice(leaves, size, p=silent_weight / silent_weight.sum()), leaf)
    estate = world.places["estate"].to_numpy()
    kind = np.where(estate >= 0, world.estate_kind[np.maximum(estate, 0)], -1)
    pools = [np.arange(len(estate)), np.flatnonzero(kind == -1), np.flatnonzero((kind == 0) | (kind == 1)), np.flatnonzero(kind == 2)]
    pool = np.where(generator.random(size) < 0.85, matters.where[leaf], 0)
    dice = generator.random(size) ** 1.6
    place = np.zeros(size, dtype=int)
    for number, members in enumerate(pools):
        mine = pool == number
        # Some places see more than others; which ones is the seed's affair.
        shuffled = np.random.default_rng([int(members.sum()), number]).permutation(members)
        place[mine] = shuffled[(dice[mine] * len(members)).astype(int)]
    detail = (generator.random(size) * matters.detail_counts[leaf]).astype(int)
    when = generator.choice(6, size, p=[0.3, 0.2, 0.1, 0.2, 0.1, 0.1])
    twin = np.flatnonzero((generator.random(size) < 0.1) & (np.arange(size) > 0))
    twin = twin[(counts[twin] > 0) & (counts[twin - 1] > 0) & (matters.detail_counts[leaf[twin - 1]] > 1) & matters.shared[leaf[twin - 1]]]
    twin = twin[np.diff(twin, prepend=-2) > 1]
    leaf[twin], place[twin] = leaf[twin - 1], place[twin - 1]
    detail[twin] = (detail[twin - 1] + 1) % matters.detail_counts[leaf[twin]]
    return leaf, place, detail, when


def _bursts(
    plan: Plan, generator: np.random.Generator, counts: np.ndarray, begun: np.ndarray, leaf: np.ndarray, place: np.ndarray, detail: np.ndarray, world: World, matters: Catalogue
) -> pl.Series:  # fmt: skip
    """Each week one kind of matter rises in one community: some of that week's matters are turned into it, in place.

    Gives the name that everybody speaks of in these matters (a word that nobody used before), null in all others.
    """
    weeks = (plan.end - plan.start).days // 7 + 1
    fate = stream(plan.seed, "bursts")
    kinds = fate.choice(np.flatnonzero(matters.shared & matters.ticket), weeks)
    where = fate.integers(0, len(world.communities), weeks)
    names = chosen(fate, NAME_SECOND, weeks) + chosen(fate, NAME_FIRST, weeks) + chosen(fate, texts.TALKED_OF, weeks)
    week = np.clip((begun // _DAY - (plan.start - dt.date(1970, 1, 1)).days) // 7, 0, weeks - 1)
    of_place = world.places["c"].to_numpy()
    order = np.argsort(of_place, kind="stable")
    starts = np.searchsorted(of_place[order], np.arange(len(world.communities) + 1))
    room = np.diff(starts)[where[week]]
    turned = (generator.random(len(begun)) < 0.04) & (counts > 0) & (room > 0)
    spot = order[np.minimum(starts[where[week]] + (generator.random(len(begun)) * room).astype(int), len(order) - 1)]
    leaf[turned], place[turned] = kinds[week[turned]], spot[turned]
    detail[turned] = (generator.random(int(turned.sum())) * matters.detail_counts[leaf[turned]]).astype(int)
    return pick(names, np.where(turned, week, -1))


def _one_matter(begun: np.ndarray, leaf: np.ndarray, place: np.ndarray, detail: np.ndarray, matters: Catalogue) -> np.ndarray:
    """The number that each matter goes by: what is reported again at one place within seven days in the same detail is the same matter.

    Questions and praise are each person's own.
    """
    key = (place.astype(np.int64) * len(matters.weight) + leaf) * 4 + detail
    key = np.where(matters.asks[leaf], -1 - np.arange(len(key)), key)
    order = np.lexsort((begun, key))
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = (np.diff(key[order]) != 0) | (np.diff(begun[order]) > 7 * _DAY)
    leader = order[np.flatnonzero(fresh)][np.cumsum(fresh) - 1]
    made = np.empty(len(key), dtype=np.int64)
    made[order] = leader
    return made


def _moments(generator: np.random.Generator, plan: Plan, first: int, size: int) -> np.ndarray:
    """When each matter is first reported, in seconds since 1970 of local time, rising by day."""
    position = (first + np.arange(size) + generator.random(size)) / len(plan.counts)
    day = np.minimum(np.searchsorted(plan.day_share, position), len(plan.day_share) - 1)
    hour_share = np.array([1, 1, 0.5, 0.5, 0.5, 1, 2, 4, 8, 10, 10, 8, 6, 6, 8, 9, 9, 8, 6, 6, 6, 5, 4, 2])
    hour = generator.choice(24, size, p=hour_share / hour_share.sum())
    return ((plan.start - dt.date(1970, 1, 1)).days + day) * _DAY + hour * 3600 + generator.integers(0, 3600, size)


def _exploded(
    generator: np.random.Generator, counts: np.ndarray, leaf: np.ndarray, matters: Catalogue
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matter (within the chunk), feed, and rank within matter and feed of every report, tickets first."""
    size = len(counts)
    silent = counts == 0
    grid = np.where(matters.grid[leaf], generator.choice([0, 1, 2], size, p=[0.72, 0.24, 0.04]), 0)
    petition = np.where(matters.petition[leaf], generator.random(size) < 0.07, 0).astype(int)
    hazard = np.where(matters.hazard[leaf], generator.random(size) < 0.3, 0).astype(int)
    none = silent & (grid + petition + hazard == 0)
    grid[none & matters.grid[leaf]] = 1
    petition[none & ~matters.grid[leaf] & matters.petition[leaf]] = 1
    hazard[none & ~matters.grid[leaf] & ~matters.petition[leaf]] = 1
    parts = [(np.repeat(np.arange(size), number), feed, number) for feed, number in enumerate((counts, grid, petition, hazard))]
    matter = np.concatenate([part[0] for part in parts])
    feed = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
    rank = np.concatenate([np.arange(part[2].sum()) - np.repeat(np.cumsum(part[2]) - part[2], part[2]) for part in parts])
    return matter, feed, rank


def _report_doors(generator: np.random.Generator, world: World, place: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """The door each report is about: the building, one of its rooms, and sometimes a building beside it in the same estate."""
    places = world.places
    estate = places["estate"].to_numpy()
    beside = np.minimum(place + 1, len(estate) - 1)
    other = (rank > 0) & (generator.random(len(place)) < 0.1) & (estate[beside] == estate[place]) & (estate[place] >= 0)
    place = np.where(other, beside, place)
    rooms = places["rooms"].to_numpy()[place]
    in_room = (rooms > 0) & (generator.random(len(place)) < 0.5)
    room = places["room_start"].to_numpy()[place] + (generator.random(len(place)) * rooms).astype(int)
    return np.where(in_room, room, places["door"].to_numpy()[place])


def written_name(world: World, door: np.ndarray) -> pl.Series:
    """The name by which people call the place of a door: estate, else road."""
    doors = world.doors[door]
    return pick(world.estates.name, doors["estate"].to_numpy()).fill_null(pick(world.roads.name, doors["road"].to_numpy()))


def _street_of(world: World) -> np.ndarray:
    streets = list(dict.fromkeys(world.communities["street"]))
    return np.array([streets.index(street) for street in world.communities["street"]])


def _told_leaf(generator: np.random.Generator, matters: Catalogue, leaf: np.ndarray) -> np.ndarray:
    """The category as the clerk gives it: right, a neighbour in the tree, or none (-1)."""
    dice = generator.random(len(leaf))
    neighbour = np.clip(leaf + generator.choice([-1, 1], len(leaf)), 0, len(matters.weight) - 1)
    return np.where(dice < 0.86, leaf, np.where(dice < 0.93, neighbour, -1))


def _contacts(
    generator: np.random.Generator, world: World, people: People, person: np.ndarray, share: np.ndarray
) -> tuple[pl.Series, pl.DataFrame]:
    """What some callers add about themselves, and the truth of it: at, kind, text."""
    count = len(person)
    dice = generator.random(count)
    some = np.flatnonzero(dice < share)
    form = generator.integers(0, 5, len(some))
    name, phone, number = people.names.gather(person[some]), people.phones.gather(person[some]), people.id_numbers.gather(person[some])
    home = people.household_doors[people.persons["household"].to_numpy()[person[some]]]
    room = written.write(world, home, np.full(len(some), list(written.DAMAGES).index("no_division"), dtype=np.int8), generator).text
    table = pl.DataFrame({"name": name, "phone": phone, "number": number, "room": room})
    said = table.select(
        pl.when(pl.Series(form == 0)).then(pl.format("联系人{}，电话{}。", "name", "phone"))
        .when(pl.Series(form == 1)).then(pl.format("本人{}，手机号{}，请回电。", "name", "phone"))
        .when(pl.Series(form == 2)).then(pl.format("我叫{}，身份证号{}。", "name", "number"))
        .when(pl.Series(form == 3)).then(pl.format("我住{}，姓名{}，电话{}。", "room", "name", "phone"))
        .otherwise(pl.format("电话{}可联系。", "phone"))
    ).to_series()  # fmt: skip
    contact = (
        pl.Series([None], dtype=pl.String).new_from_index(0, count).scatter(some, said)
        if len(some)
        else pl.Series([None] * count, dtype=pl.String)
    )
    kinds = {"name": form < 4, "phone": form != 2, "id_number": form == 2, "door": form == 3}
    source = {"name": name, "phone": phone, "id_number": number, "door": room}
    rows = [
        pl.DataFrame(
            {"at": some[holds].astype(np.int64), "kind": [kind] * int(holds.sum()), "text": source[kind].filter(pl.Series(holds))},
            schema={"at": pl.Int64, "kind": pl.String, "text": pl.String},
        )
        for kind, holds in kinds.items()
    ]
    return contact, pl.concat(rows)


# Ways through the nodes of a flow. The last column says whether every step of it is legal.
PATHS: dict[str, list[tuple[tuple[str, ...], float, bool]]] = {
    "general": [
        (("received", "dispatched", "accepted", "handling", "handled", "closed"), 0.66, True),
        (("received", "dispatched", "returned", "dispatched", "accepted", "handling", "handled", "closed"), 0.1, True),
        (("received", "dispatched", "returned", "dispatched", "returned", "dispatched", "accepted", "handling", "handled", "closed"), 0.02, True),
        (("received", "dispatched", "accepted", "handling", "suspended", "handling", "handled", "closed"), 0.06, True),
        (("received", "dispatched", "accepted", "handling", "extended", "handling", "handled", "closed"), 0.08, True),
        (("received", "dispatched", "accepted", "handling", "handled", "handling", "handled", "closed"), 0.05, True),
        (("received", "dispatched", "closed"), 0.012, False),
        (("received", "handled", "closed"), 0.01, False),
        (("received", "dispatched", "accepted", "handling", "handled", "closed", "handling", "handled"), 0.008, False),
    ],
    "simple": [
        (("received", "handling", "handled", "checked", "closed"), 0.97, True),
        (("received", "closed"), 0.02, False),
        (("received", "handled", "handling", "closed"), 0.01, False),
    ],
    "grid_event": [
        (("received", "closed"), 0.25, True),
        (("received", "dispatched", "handling", "handled", "checked", "closed"), 0.6, True),
        (("received", "dispatched", "returned", "dispatched", "handling", "handled", "checked", "closed"), 0.1, True),
        (("received", "dispatched", "handling", "handled", "checked", "handling", "handled", "checked", "closed"), 0.03, True),
        (("received", "handled", "closed"), 0.02, False),
    ],
    "petition": [
        (("received", "dispatched", "handling", "handled", "closed"), 0.8, True),
        (("received", "dispatched", "handling", "handled", "checked", "closed"), 0.18, True),
        (("received", "closed"), 0.02, False),
    ],
    "hazard": [
        (("received", "handling", "handled", "closed"), 0.9, True),
        (("received", "handling", "handled", "handling", "handled", "closed"), 0.08, True),
        (("received", "closed"), 0.02, False),
    ],
}  # fmt: skip
_HOURS = {
    "received": 0.0,
    "dispatched": 0.4,
    "accepted": 3.0,
    "returned": 8.0,
    "handling": 10.0,
    "suspended": 12.0,
    "extended": 30.0,
    "handled": 40.0,
    "checked": 20.0,
    "closed": 12.0,
}
"""Median hours from the node before to this one."""


@dataclass(frozen=True)
class Nodes:
    """Versions of records: `at` the record, `status`, `second`, `step` within the record, `last` its last step before the end."""

    at: np.ndarray
    status: pl.Series
    second: np.ndarray
    step: np.ndarray
    legal: np.ndarray
    returned: np.ndarray
    """Whether the department named at this step is one that sends it back."""


def nodes(generator: np.random.Generator, flow: str, second: np.ndarray, grade: np.ndarray, end_second: int) -> Nodes:
    """The way of each record through the nodes of `flow`, as far as it came by the end; offices work from nine to six on weekdays."""
    paths = PATHS[flow]
    shares = np.array([share for _, share, _ in paths])
    way = generator.choice(len(paths), len(second), p=shares / shares.sum())
    longest = max(len(path) for path, _, _ in paths)
    names = list(_HOURS)
    codes = np.full((len(paths), longest), -1)
    for number, (path, _, _) in enumerate(paths):
        codes[number, : len(path)] = [names.index(status) for status in path]
    hours = np.array(list(_HOURS.values()))
    status = codes[way]
    moments = np.zeros((len(second), longest), dtype=np.int64)
    moments[:, 0] = second
    speed = np.where(grade == 1, 0.12, 1.0) * (0.35 if flow == "simple" else 1.0) * generator.lognormal(0, 0.5, len(second))
    for step in range(1, longest):
        wait = hours[status[:, step]] * 3600 * speed * generator.lognormal(0, 0.7, len(second))
        moment = moments[:, step - 1] + wait.astype(np.int64) + 30
        late = generator.integers(0, 3000, len(second))
        clock, day = moment % _DAY, moment // _DAY
        early, after = clock < 9 * 3600, clock >= 18 * 3600
        off = (grade > 1) & (status[:, step] != names.index("dispatched"))
        day = day + (off & after)
        weekend = (day + 3) % 7 >= 5
        day = np.where(off & weekend, day + 7 - (day + 3) % 7, day)
        shifted = off & (early | after | weekend)
        moments[:, step] = np.maximum(np.where(shifted, day * _DAY + 9 * 3600 + late, moment), moments[:, step - 1] + 1)
    holds = (status >= 0) & (moments < end_second)
    at, nth = np.nonzero(holds)
    legal = np.array([good for _, _, good in paths])[way[at]]
    return_code, dispatch_code = names.index("returned"), names.index("dispatched")
    following = np.concatenate([status[:, 1:], np.full((len(second), 1), -1)], axis=1)
    sends_back = (status == return_code) | ((status == dispatch_code) & (following == return_code))
    return Nodes(at, pick(names, status[at, nth]), moments[at, nth], nth, legal, sends_back[at, nth])
