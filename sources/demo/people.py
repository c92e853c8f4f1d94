"""The demo city's people: who they are, who lives with whom at which door, and how the household register changes from dump to dump.

Belongs here: persons, households and their register. Not here: what they report (`reports`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from sources.demo import vocabulary, written
from sources.demo.identity import CITIES, broken, identity_numbers, phones
from sources.demo.vocabulary import pick, stream
from sources.demo.world import DUMPS, World

ID_DAMAGE = ("none", "wrong_check", "fifteen_digits", "lower_case_x", "digit_lost", "blanks", "full_width")
TAGS = (
    "elderly_alone",
    "disabled",
    "low_income",
    "chronic_illness",
    "veteran",
    "left_behind_child",
    "community_correction",
    "mental_health",
)
NULLS = ("", "-", "无", "NULL", "N/A")
EMPLOYERS = ("", "", "", "个体经营", "自由职业", "退休", "务农", "无", "制造企业", "物流企业", "学校", "医院")


@dataclass(frozen=True)
class People:
    """`persons`: one row per register entry with person (a person may be entered in two households), household, door, and truth.

    `names` and `phones` are by person; `first`, `last` are the dumps in which an entry stands; `moved_to` another door from the
    last dump on, -1 where it stays.
    """

    persons: pl.DataFrame
    names: pl.Series
    phones: pl.Series
    id_numbers: pl.Series
    household_doors: np.ndarray


def build(seed: int, people: int, world: World, end: dt.date) -> People:
    """`people` register entries in households of 1 to 6 at rooms and village houses."""
    generator = stream(seed, "people")
    sizes = generator.choice([1, 2, 3, 4, 5, 6], people, p=[0.33, 0.25, 0.2, 0.14, 0.06, 0.02])
    households = int(np.searchsorted(np.cumsum(sizes), people)) + 1
    sizes = sizes[:households]
    sizes[-1] -= int(sizes.sum()) - people
    home = np.repeat(np.arange(households), sizes)
    member = np.arange(people) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    dwellings = np.flatnonzero(
        (world.doors["level"] == "room").to_numpy()
        & (world.doors["first_dump"].to_numpy() == 0)
        & (world.doors["last_dump"].to_numpy() == DUMPS - 1)
    )
    order = generator.permutation(dwellings)
    household_doors = order[np.arange(households) % len(order)]

    age = _ages(generator, member, sizes[home])
    sex = generator.integers(1, 3, people)
    couple = (member == 1) & (age > 20)
    head_sex = sex[np.flatnonzero(member == 0)][home]
    sex = np.where(couple, 3 - head_sex, sex)
    birth_days = (np.datetime64(end) - (age * 365.25 + generator.random(people) * 365).astype("timedelta64[D]")).astype("datetime64[D]")
    birth = pl.Series(birth_days)
    yyyymmdd = birth.dt.strftime("%Y%m%d").cast(pl.Int64).to_numpy()
    registered = generator.random(households)[home] < 0.35
    city = np.where(registered, CITIES[0], CITIES[generator.integers(3, len(CITIES), people)])
    number_order = generator.permutation(people) % 500 * 2 + sex % 2
    body = city * 10**11 + yyyymmdd * 1000 + number_order
    for _ in range(50):
        _, firsts = np.unique(body, return_index=True)
        again = np.ones(people, dtype=bool)
        again[firsts] = False
        if not again.any():
            break
        number_order[again] = (number_order[again] + 2 * generator.integers(1, 500, int(again.sum()))) % 1000
        body = city * 10**11 + yyyymmdd * 1000 + number_order
    numbers = identity_numbers(city, yyyymmdd, number_order)
    person = np.arange(people)
    # A second home: the same person is entered in another household as well.
    twice = (member > 0) & (generator.random(people) < 0.012)
    person[twice] = generator.integers(0, people, int(twice.sum()))
    person = np.where(person[person] == person, person, np.arange(people))
    surname = generator.integers(0, len(vocabulary.SURNAMES), households)[home]
    surname = np.where(member == 1, generator.integers(0, len(vocabulary.SURNAMES), people), surname)
    given = pick(list(vocabulary.GIVEN), generator.integers(0, len(vocabulary.GIVEN), people))
    second = pick(
        list(vocabulary.GIVEN), np.where(generator.random(people) < 0.82, generator.integers(0, len(vocabulary.GIVEN), people), -1)
    ).fill_null("")
    names = pick(list(vocabulary.SURNAMES), surname) + given + second
    mobile = phones(np.arange(people))

    kinship = np.where(member == 0, 0, np.where(couple, 1, np.where(age < 25, np.where(sex == 1, 2, 3), np.where(age > 58, 5, 8))))
    tenure = np.where(registered, 0, 1)
    tags = _tags(generator, age, sizes[home])
    first = np.where(generator.random(households) < 0.04, generator.integers(1, DUMPS, households), 0)[home]
    last = np.where(generator.random(households) < 0.03, generator.integers(0, DUMPS - 1, households), DUMPS - 1)[home]
    last = np.maximum(first, last)
    moved = np.where(generator.random(households) < 0.02, generator.permutation(household_doors), -1)[home]
    damage = generator.choice(7, people, p=[0.952, 0.012, 0.01, 0.012, 0.005, 0.006, 0.003])
    damage[(damage == 3) & ~numbers.str.ends_with("X").to_numpy()] = 0
    damage[(damage == 2) & (yyyymmdd >= 20_000_000)] = 0
    foreign = generator.random(people) < 0.008
    persons = pl.DataFrame(
        {
            "entry": np.arange(people), "person": person, "household": home, "member": member + 1, "door": household_doors[home], "moved_to": moved,
            "age": age, "sex": sex[person], "birth": birth.gather(person), "kinship": kinship, "registered": registered, "tenure": tenure,
            "tags": tags, "first": first, "last": last, "id_damage": damage, "foreign": foreign & (age > 18),
            "no_number": (age < 2) & (generator.random(people) < 0.3),
        }
    )  # fmt: skip
    return People(persons=persons, names=names, phones=mobile, id_numbers=numbers, household_doors=household_doors)


def _ages(generator: np.random.Generator, member: np.ndarray, size: np.ndarray) -> np.ndarray:
    adult = np.clip(generator.normal(37, 12, len(member)), 18, 95)
    old = np.clip(generator.normal(70, 9, len(member)), 58, 101)
    child = generator.random(len(member)) * 18
    lone_old = (size <= 2) & (generator.random(len(member)) < 0.12)
    return np.where(member <= 1, np.where(lone_old, old, adult), np.where(generator.random(len(member)) < 0.72, child, old)).astype(int)


def _tags(generator: np.random.Generator, age: np.ndarray, size: np.ndarray) -> pl.Series:
    """Care tags joined by `;`, null without any."""
    dice = generator.random((len(age), len(TAGS)))
    holds = [
        (age >= 65) & (size == 1), dice[:, 1] < 0.02, dice[:, 2] < 0.015, (age > 50) & (dice[:, 3] < 0.15), (age > 22) & (dice[:, 4] < 0.015),
        (age < 16) & (dice[:, 5] < 0.03), (age > 18) & (dice[:, 6] < 0.003), dice[:, 7] < 0.004,
    ]  # fmt: skip
    columns = [pl.when(pl.Series(tag, holds[position])).then(pl.lit(tag)).alias(tag) for position, tag in enumerate(TAGS)]
    joined = pl.select(*columns).select(pl.concat_str(pl.all(), separator=";", ignore_nulls=True)).to_series()
    return joined.replace("", None)


def register_dump(
    people: People, world: World, employers: pl.Series, seed: int, dump: int, day: dt.date
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The household register of one dump under its office's headers, truth of places, truth of persons."""
    generator = stream(seed, "household", 0)
    persons = people.persons
    door = persons["door"].to_numpy()
    if dump == DUMPS - 1:
        door = np.where(persons["moved_to"].to_numpy() >= 0, persons["moved_to"].to_numpy(), door)
    # One household's address is written once.
    heads, position = np.unique(persons["household"].to_numpy(), return_index=True)
    damage = written.damages(generator, len(heads), written.TIDY)
    texts = written.write(world, door[position], damage, stream(seed, "household_text"))
    home = persons["household"].to_numpy()
    count = len(persons)
    dice = generator.random((count, 6))
    person = persons["person"].to_numpy()
    number = broken(people.id_numbers.gather(person), persons["id_damage"].to_numpy())
    # Workers name one of the city's own enterprises now and then.
    works = (generator.random(count) < 0.3) & (persons["age"].to_numpy() > 17) & (persons["age"].to_numpy() < 65)
    employer = pick(employers, np.where(works, generator.integers(0, len(employers), count), -1)).fill_null(
        pick(EMPLOYERS, generator.integers(0, len(EMPLOYERS), count))
    )
    passport = "E" + pl.Series(10_000_000 + person * 7919 % 90_000_000).cast(pl.String)
    foreign, none = persons["foreign"], persons["no_number"]
    nothing = pick(NULLS, generator.integers(0, len(NULLS), count))
    birth = persons["birth"]
    kinds = ("户主", "配偶", "子", "女", "孙子女", "父母", "祖父母", "兄弟姐妹", "其他亲属", "非亲属")
    tables = pl.DataFrame(
        {
            "户编号": "H" + pl.Series(home + 1).cast(pl.String).str.zfill(8),
            "序号": persons["member"].cast(pl.String),
            "姓名": people.names.gather(person),
            "证件类型": pl.select(pl.when(foreign).then(pl.lit("护照")).when(none).then(pl.lit("无")).otherwise(pl.lit("居民身份证"))).to_series(),
            "证件号码": pl.select(pl.when(foreign).then(passport).when(none).then(nothing).otherwise(number)).to_series(),
            "性别": pick(("未知", "男", "女"), persons["sex"].to_numpy()),
            "出生日期": pl.select(
                pl.when(pl.Series(dice[:, 0] < 0.7)).then(birth.dt.strftime("%Y-%m-%d"))
                .when(pl.Series(dice[:, 0] < 0.8)).then(birth.dt.strftime("%Y/%-m/%-d"))
                .when(pl.Series(dice[:, 0] < 0.9)).then(birth.dt.strftime("%Y%m%d"))
                .when(pl.Series(dice[:, 0] < 0.97)).then(birth.dt.strftime("%Y年%-m月%-d日"))
                .otherwise(((birth - dt.date(1899, 12, 30)).dt.total_days()).cast(pl.String))
            ).to_series(),
            "与户主关系": pick(kinds, persons["kinship"].to_numpy()),
            "联系电话": pl.select(
                pl.when(pl.Series(dice[:, 1] < 0.03)).then(nothing)
                .when(pl.Series(dice[:, 1] < 0.05)).then("+86" + people.phones.gather(person))
                .when(pl.Series(dice[:, 1] < 0.07)).then(people.phones.gather(person).str.replace(r"(\d{3})(\d{4})(\d{4})", "$1-$2-$3"))
                .when(pl.Series(dice[:, 1] < 0.08)).then(vocabulary.full_width(pl.lit(people.phones.gather(person))))
                .otherwise(people.phones.gather(person))
            ).to_series(),
            "居住类别": pl.select(pl.when(foreign).then(pl.lit("境外人员")).when(persons["registered"]).then(pl.lit("户籍")).otherwise(pl.lit("流动人口"))).to_series(),
            "住房性质": pick(("自有", "租赁", "宿舍", "其他"), np.where(dice[:, 2] < 0.05, 2, persons["tenure"].to_numpy())),
            "现住址": texts.text.gather(home),
            "街道": pick(world.communities["street"], world.doors["c"].to_numpy()[door]),
            "社区": pick(world.communities["community"], np.where(dice[:, 3] < 0.1, -1, world.doors["c"].to_numpy()[door])),
            "入住日期": pl.Series((np.datetime64(day) - np.timedelta64(40, "D") - (stream(seed, "moved_in").random(count) * 3000).astype("timedelta64[D]")).astype("datetime64[D]")).dt.strftime("%Y-%m-%d"),
            "关爱标签": persons["tags"],
            "工作单位": employer,
            "核实日期": pl.Series((np.datetime64(day) - (generator.random(count) * 300).astype("timedelta64[D]")).astype("datetime64[D]")).dt.strftime("%Y.%m.%d"),
        }
    )  # fmt: skip
    here = pl.Series((persons["first"].to_numpy() <= dump) & (persons["last"].to_numpy() >= dump)) & (birth <= day)
    key = tables["户编号"] + "|" + tables["序号"]
    where = pl.DataFrame(
        {
            "record_key": key, "text": tables["现住址"], "damage": texts.damage.gather(home), "door": texts.door[home], "level": texts.level.gather(home),
            "c": texts.c[home], "true_door": door, "outcome": texts.outcome.gather(home),
            "street_given": tables["街道"].is_not_null(), "community_given": tables["社区"].is_not_null(),
        }
    )  # fmt: skip
    who = pl.DataFrame(
        {
            "record_key": key, "person": persons["person"], "id_number": people.id_numbers.gather(person),
            "id_damage": pl.select(pl.when(foreign).then(pl.lit("passport")).when(none).then(pl.lit("no_number")).otherwise(pick(ID_DAMAGE, persons["id_damage"].to_numpy()))).to_series(),
            "name": tables["姓名"],
        }
    )  # fmt: skip
    return tables.filter(here), where.filter(here), who.filter(here)
