"""Same matter: what joins and what does not, alike however the rows come, and alike whether found at once or day by day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import matter, matter_pairs, matter_text

START = dt.datetime(2026, 3, 2, 8)
ADDRESSES = pl.DataFrame(
    {
        "address_key": ["R1", "E1", "A1", "A2", "B1", "B2", "R2", "A3"],
        "level": ["road", "estate", "number", "number", "building", "building", "road", "number"],
        "name": ["南园路", "锦绣花园", None, None, None, None, "北环路", None],
        "parent_key": [None, "R1", "R1", "R1", "E1", "E1", None, "R2"],
        "number_key": [None, None, "A1", "A2", None, None, None, "A3"],
        "lane_key": [None] * 8,
        "road_key": ["R1", "R1", "R1", "R1", "R1", "R1", "R2", "R2"],
        "neighbourhood_key": [None] * 8,
    },
    schema_overrides={"lane_key": pl.String, "neighbourhood_key": pl.String},
)
BUILDINGS = {"A1": "A1", "A2": "A2", "B1": "B1", "B2": "B2", "A3": "A3"}
LEVELS = dict(ADDRESSES.select("address_key", "level").iter_rows())
WAYS = {  # what happens: ways to say it; no two ways of one have a pair of characters in common
    "噪音": ("半夜打桩吵闹", "凌晨机器轰鸣", "夜里电锯刺耳"),
    "漏水": ("水管爆裂冒水", "路面积满污水", "下水道堵塞外溢"),
    "停车": ("货车占用车道", "路边乱停小车", "消防通道被堵"),
    "路灯": ("路灯全部不亮", "夜晚漆黑一片", "灯杆歪斜断电"),
}
# In a district many more things happen than a test speaks of: kinds of made-up words.
OTHERS = {
    f"其他{kind}": tuple("".join(chr(0x5000 + 24 * kind + 8 * way + at) for at in range(6)) for way in range(3)) for kind in range(20)
}


def events(rows: list[dict]) -> pl.DataFrame:
    """Events with the columns of `event.event` that the comparison reads; `at`: hours after START, `place`: an address key."""
    made = []
    for number, row in enumerate(rows):
        place = row.get("place", "A1")
        category = row.get("category", "噪音")
        made.append(
            {
                "event_id": row.get("id", f"ticket:{number:05}"), "feed": row.get("feed", "ticket"), "reported_at": START + dt.timedelta(hours=row.get("at", 0)),
                "category_key": category, "category_1": category, "category_2": None, "title_redacted": row.get("title"), "body_redacted": row.get("body"),
                "reporter_key": row.get("caller"), "device_no": row.get("device"), "address_key": place, "address_level": LEVELS.get(place),
                "building_key": BUILDINGS.get(place), "community_key": "C1",
            }
        )  # fmt: skip
    texts = ("event_id", "feed", "category_key", "category_1", "category_2", "title_redacted", "body_redacted", "reporter_key", "device_no",
             "address_key", "address_level", "building_key", "community_key")  # fmt: skip
    schema = dict.fromkeys(texts, pl.String) | {"reported_at": pl.Datetime("us")}
    return pl.DataFrame(made, schema={name: schema[name] for name in matter.EVENT_COLUMNS})


def history(number: int = 1200) -> list[dict]:
    """Reports long before, each of a place and day of its own: what words mean is learnt from these."""
    dice = np.random.default_rng(5)
    made = []
    for position in range(number):
        kind = list(WAYS | OTHERS)[int(dice.integers(len(WAYS | OTHERS)))]
        title, body = ((WAYS | OTHERS)[kind][int(dice.integers(3))] for _ in range(2))
        made.append(
            {"id": f"ticket:H{position:05}", "at": -24 * 40 * (position + 2), "category": kind, "title": title, "body": body + "请尽快处理"}
        )
    return made


@pytest.fixture(scope="module")
def knowledge() -> matter.Knowledge:
    return learnt(history(8000))


def found(rows: list[dict], knowledge: matter.Knowledge, former: matter.Matching | None = None) -> matter.Matching:
    return matter.matching(matter.reports_of(events(rows), ADDRESSES), knowledge, former)


def learnt(rows: list[dict]) -> matter.Knowledge:
    return matter.learnt(matter.reports_of(events(rows), ADDRESSES), matter.place_names(ADDRESSES))


def joined(rows: list[dict], knowledge: matter.Knowledge | None = None) -> list[set[int]]:
    """The matters with more than one report, as sets of positions in `rows`."""
    table = events(rows)
    pairs = found(rows, knowledge or learnt(rows))
    made = matter.grown(pairs.reports.height, pairs.pairs)
    position = {event: number for number, event in enumerate(table["event_id"])}
    groups: dict[int, set[int]] = {}
    for event, group in zip(pairs.reports["event_id"], made, strict=True):
        groups.setdefault(int(group), set()).add(position[event])
    return sorted((group for group in groups.values() if len(group) > 1), key=min)


def say(kind: str, way: int, **more: object) -> dict:
    return {"category": kind, "title": WAYS[kind][way], "body": WAYS[kind][(way + 1) % 3] + "请尽快处理", **more}


def test_one_matter_said_in_other_words_is_joined_and_another_at_the_same_door_is_not(knowledge) -> None:
    rows = [
        {"title": WAYS["噪音"][0], "body": WAYS["噪音"][0], "caller": "k1"},
        {"title": WAYS["噪音"][1], "body": WAYS["噪音"][2], "caller": "k2", "at": 5},
        {"title": WAYS["漏水"][1], "body": WAYS["漏水"][2], "caller": "k3", "at": 6},
    ]
    assert joined(rows, knowledge) == [{0, 1}]


def test_the_same_words_at_two_doors_are_two_matters(knowledge) -> None:
    assert joined([say("噪音", 0, place="A1"), say("噪音", 0, place="A2", at=1), say("噪音", 0, place="B1", at=2)], knowledge) == []


def test_a_report_that_names_only_the_road_joins_the_only_house_that_it_may_mean(knowledge) -> None:
    assert joined([say("噪音", 0, place="A1"), say("噪音", 1, place="R1", at=2)], knowledge) == [{0, 1}]
    rivals = [say("噪音", 0, place="A1"), say("噪音", 0, place="A2"), say("噪音", 0, place="B1"), say("噪音", 1, place="R1", at=2)]
    assert joined(rivals, knowledge) == []


def test_a_chain_of_reports_does_not_run_away(knowledge) -> None:
    chain = [say("噪音", number % 3, at=72 * number, caller=f"k{number}") for number in range(12)]
    matters = joined(chain, knowledge)
    assert len(matters) > 1
    assert all(max(group) - min(group) <= 4 for group in matters)


def test_channels_mix_and_the_same_caller_counts_where_texts_are_missing(knowledge) -> None:
    rows = [
        {"caller": "k1", "category": "停车"},
        {"caller": "k1", "category": "停车", "at": 60},
        {"caller": "k2", "category": "停车", "at": 400},
        {"feed": "grid_event", "id": "grid_event:1", "category": "停车", "at": 401, "body": WAYS["停车"][0]},
        {"feed": "device_reading", "id": "device_reading:1", "device": "V1", "category": None, "at": 900},
        {"feed": "device_reading", "id": "device_reading:2", "device": "V1", "category": None, "at": 924},
    ]
    assert joined(rows, knowledge) == [{0, 1}, {2, 3}, {4, 5}]


def test_where_reports_of_a_kind_come_all_the_time_two_in_a_day_say_nothing() -> None:
    """Two categories without texts at one door: one steady, one in bursts."""
    dice = np.random.default_rng(3)
    steady = [{"category": "清运", "at": float(at)} for at in np.sort(dice.uniform(0, 24 * 300, 900))]
    bursts = [{"category": "停水", "at": float(at) + shift} for at in np.arange(0, 24 * 300, 240) for shift in (0, 0.5, 1.0)]
    matters = joined(steady + bursts)
    assert sum(len(group) for group in matters if min(group) < 900) < 0.1 * len(steady)
    assert sum(len(group) for group in matters if min(group) >= 900) > 0.9 * len(bursts)


def test_the_past_is_judged_alike_for_a_month() -> None:
    """What is learnt comes from whole months before: a report more changes nothing until the next month."""
    rows = history(6000)
    one = learnt([*rows, say("噪音", 0)])
    other = learnt([*rows, say("噪音", 0), say("漏水", 2, at=30)])
    texts = pl.Series(["半夜打桩吵闹", "水管爆裂冒水"])
    assert (one.lexicon.of(texts) == other.lexicon.of(texts)).all()


def test_words_that_stand_for_each_other_are_alike(knowledge) -> None:
    ways = [way for kind in WAYS.values() for way in kind]
    vectors = matter_pairs.Vectors(np.arange(len(ways)), knowledge.lexicon.of(pl.Series(ways)))
    likeness = [
        [matter_pairs._cosine(vectors.matrix, np.array([one]), np.array([other]))[0] for other in range(len(ways))]
        for one in range(len(ways))
    ]
    inside = [likeness[one][other] for one in range(12) for other in range(12) if one != other and one // 3 == other // 3]
    across = [likeness[one][other] for one in range(12) for other in range(12) if one // 3 != other // 3]
    assert min(inside) > 600
    assert max(across) < 400


def test_names_of_places_and_placeholders_are_no_words() -> None:
    assert matter_text.plain(pl.Series(["南园路[门牌]半夜打桩"]), pl.Series(["南园路"])).to_list() == ["  半夜打桩"]


@st.composite
def reports(draw) -> list[dict]:
    """A few reports on few places, close in time, with texts, callers and categories that often agree."""
    made = []
    for number in range(draw(st.integers(0, 14))):
        kind = draw(st.sampled_from(["噪音", "漏水"]))
        row = say(kind, draw(st.integers(0, 2))) if draw(st.booleans()) else {"category": kind}
        row |= {
            "id": f"ticket:{number:03}", "at": draw(st.integers(0, 200)), "place": draw(st.sampled_from(["A1", "A1", "A2", "R1", "E1", "B1", "A3"])),
            "caller": draw(st.sampled_from([None, "k1", "k2"])),
        }  # fmt: skip
        made.append(row)
    return made


def _table(made: matter.Matching) -> list[tuple]:
    ids = made.reports["event_id"]
    pairs = made.pairs.with_columns(first=ids.gather(made.pairs["first"]), later=ids.gather(made.pairs["later"]))
    return sorted(pairs.select(sorted(pairs.columns)).rows())


@settings(max_examples=60, deadline=None)
@given(reports(), st.data())
def test_new_changed_and_removed_reports_give_what_a_comparison_of_all_gives(knowledge, rows, data) -> None:
    before = [dict(row) for row in rows if data.draw(st.booleans())]
    for row in before:
        if data.draw(st.integers(0, 3)) == 0:
            row["place"] = "A2"
    if before and data.draw(st.booleans()):
        before.append(say("噪音", 0, id="ticket:gone", at=data.draw(st.integers(0, 200))))
    former = found(before, knowledge)
    full = found(rows, knowledge)
    step = found(rows, knowledge, former)
    assert _table(step) == _table(full)
    assert step.reports.sort("event_id").equals(full.reports.sort("event_id"))


@settings(max_examples=30, deadline=None)
@given(reports(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(knowledge, rows, random) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    names = lambda rows: sorted(sorted(rows[position]["id"] for position in group) for group in joined(rows, knowledge))  # noqa: E731
    assert names(mixed) == names(rows)


@settings(max_examples=40, deadline=None)
@given(reports())
def test_in_every_matter_each_report_is_possibly_about_the_same_as_each_other(knowledge, rows) -> None:
    made = found(rows, knowledge)
    group = matter.grown(made.reports.height, made.pairs)
    possible = made.pairs.filter(pl.col("points") >= matter_pairs.POSSIBLE)
    known = set(possible.select("first", "later").rows())
    for one in range(len(group)):
        for other in range(one + 1, len(group)):
            assert group[one] != group[other] or (one, other) in known


def test_a_busy_place_is_joined_day_by_day_as_at_once(knowledge, monkeypatch) -> None:
    """With blocks so short that every new report pushes another out of reach."""
    short = tuple(matter_pairs.Block(block.keys, block.days, 2, block.wide_only) for block in matter_pairs.BLOCKS)
    monkeypatch.setattr(matter_pairs, "BLOCKS", short)
    dice = np.random.default_rng(11)
    rows = [
        say(("噪音", "漏水")[int(dice.integers(2))], int(dice.integers(3)), id=f"ticket:{number:03}", at=int(dice.integers(0, 300)),
            place=("A1", "R1", "B1")[int(dice.integers(3))])
        for number in range(120)
    ]  # fmt: skip
    former = None
    for end in (40, 80, 120):
        former = found(rows[:end], knowledge, former)
    assert _table(former) == _table(found(rows, knowledge))
    assert _table(found(rows[::2], knowledge, former)) == _table(found(rows[::2], knowledge))
