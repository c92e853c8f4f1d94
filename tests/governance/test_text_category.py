"""Category from text: answers are sure, doubt is said, words that history proves wrong are not used."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from governance import text_category
from governance.text_category import SURE, categorise

TREE = pl.DataFrame(
    {
        "category_key": [
            "市容",
            "市容>垃圾",
            "市容>垃圾>垃圾桶满溢",
            "市容>绿化",
            "市容>绿化>树木修剪",
            "供水",
            "供水>停水",
            "供水>停水>小区停水",
        ],
        "level": [1, 2, 3, 2, 3, 1, 2, 3],
        "name": ["市容", "垃圾", "垃圾桶满溢", "绿化", "树木修剪", "供水", "停水", "小区停水"],
        "origin": ["district"] * 8,
    }
)
NO_WORDS = pl.DataFrame(schema={"word": pl.String, "category_1": pl.String, "category_2": pl.String, "category_3": pl.String})
SPEECH = {
    "市容>垃圾>垃圾桶满溢": ["垃圾没人清运臭味很大", "垃圾桶溢出来了", "楼下垃圾堆成山"],
    "市容>绿化>树木修剪": ["树枝伸到窗户", "大树遮住阳光要求修剪", "树叶堵住水沟"],
    "供水>停水>小区停水": ["自来水停了两天", "水压太低洗澡没水", "水管爆裂停水通知"],
}


def _reports(labelled: int, asked: list[str]) -> pl.DataFrame:
    numbers = np.random.default_rng(3)
    keys = sorted(SPEECH)
    rows = []
    for number in range(labelled):
        key = keys[number % 3]
        rows.append((f"ticket:{number:04}", key, SPEECH[key][int(numbers.integers(3))]))
    rows += [(f"ticket:x{number}", None, text) for number, text in enumerate(asked)]
    start = dt.datetime(2026, 1, 1)
    return pl.DataFrame(
        {
            "event_id": [row[0] for row in rows],
            "feed": "ticket",
            "reported_at": [start + dt.timedelta(hours=number) for number in range(len(rows))],
            "kind": "complaint",
            "department": None,
            "category_key": [row[1] for row in rows],
            "text": [row[2] for row in rows],
        },
        schema_overrides={"department": pl.String, "category_key": pl.String, "text": pl.String},
    )


def _answers(reports: pl.DataFrame, words: pl.DataFrame = NO_WORDS) -> dict[str, dict[str, object]]:
    made = categorise(reports, TREE, words)
    assert made["event_id"].to_list() == reports["event_id"].to_list()
    return {row["event_id"]: row for row in made.filter(pl.col("event_id").str.contains("x")).to_dicts()}


def _word(word: str, *path: str) -> pl.DataFrame:
    one, two, three = (*path, None, None)[:3]
    return pl.DataFrame({"word": [word], "category_1": [one], "category_2": [two], "category_3": [three]}, schema=NO_WORDS.schema)


def test_delivered_categories_stay_as_they_are() -> None:
    made = categorise(_reports(300, []), TREE, NO_WORDS)
    assert set(made["category_source"]) == {"delivered"}
    assert made["level"].unique().to_list() == [3]
    assert made["confidence"].null_count() == 300


def test_learnt_from_the_districts_own_labelled_reports() -> None:
    found = _answers(_reports(1200, ["自来水停了一整天", "垃圾堆在门口臭味难闻"]))
    assert [row["category_key"] for row in found.values()] == ["供水>停水>小区停水", "市容>垃圾>垃圾桶满溢"]
    assert {row["category_source"] for row in found.values()} == {"learnt"}
    assert all(float(row["confidence"]) >= SURE and row["terms"] for row in found.values())  # type: ignore[arg-type]


def test_a_text_of_unknown_words_or_none_gets_no_category() -> None:
    history = _reports(1200, ["请帮我查一下社保缴费年限", ""]).with_columns(
        # A third of the history is labelled at random: nothing that is said there can be trusted.
        pl.when(pl.int_range(pl.len()) % 3 == 0, pl.col("category_key").is_not_null())
        .then(pl.lit("市容>绿化>树木修剪"))
        .otherwise("category_key")
        .alias("category_key")
    )
    found = _answers(history.with_columns(pl.when(pl.col("text") != "").then("text").alias("text")))
    assert [row["category_source"] for row in found.values()] == ["none", "none"]
    assert [row["category_key"] for row in found.values()] == [None, None]


def test_labels_at_random_make_no_answer() -> None:
    numbers = np.random.default_rng(5)
    reports = _reports(1200, ["自来水停了一整天", "垃圾堆在门口臭味难闻"])
    keys = pl.Series([*np.array(sorted(SPEECH))[numbers.integers(0, 3, 1200)], None, None], dtype=pl.String)
    found = _answers(reports.with_columns(keys.alias("category_key")))
    assert {row["category_source"] for row in found.values()} == {"none"}
    assert all(row["suggested_key"] for row in found.values())


def test_without_history_only_words_and_names_answer() -> None:
    found = _answers(_reports(0, ["井边垃圾桶满溢无人管", "水表转不动", "树枝伸到窗户"]), _word("水表", "供水", "停水"))
    assert [(row["category_key"], row["category_source"]) for row in found.values()] == [
        ("市容>垃圾>垃圾桶满溢", "name"),
        ("供水>停水", "rule"),
        (None, "none"),
    ]


def test_a_word_that_history_proves_wrong_is_not_used() -> None:
    found = _answers(_reports(1200, ["自来水停了一整天"]), _word("自来水", "市容", "绿化", "树木修剪"))
    assert found["ticket:x0"]["category_key"] == "供水>停水>小区停水"
    assert found["ticket:x0"]["category_source"] == "learnt"


def test_words_that_contradict_each_other_leave_the_answer_to_the_weights() -> None:
    words = pl.concat([_word("树枝", "市容", "绿化"), _word("水管", "供水", "停水")])
    found = _answers(_reports(0, ["树枝压断水管"]), words)
    assert found["ticket:x0"]["category_source"] == "none"


def test_where_the_leaf_is_doubtful_the_branch_answers() -> None:
    reports = _reports(1500, ["垃圾堆在门口臭味难闻"])
    # Whether it is 桶 or 清运 is a coin's throw in this history; that it is 垃圾 is sure.
    tree = pl.concat(
        [TREE, pl.DataFrame({"category_key": ["市容>垃圾>清运不及时"], "level": [3], "name": ["清运不及时"], "origin": ["district"]})]
    )
    coin = pl.Series(np.random.default_rng(7).random(reports.height) < 0.5)
    keys = pl.when(coin, pl.col("category_key") == "市容>垃圾>垃圾桶满溢").then(pl.lit("市容>垃圾>清运不及时")).otherwise("category_key")
    made = categorise(reports.with_columns(keys.alias("category_key")), tree, NO_WORDS)
    asked = made.filter(pl.col("event_id") == "ticket:x0").to_dicts()[0]
    assert (asked["category_key"], asked["level"], asked["category_source"]) == ("市容>垃圾", 2, "learnt")


def test_confidence_is_the_share_that_was_right() -> None:
    probability = np.concatenate([np.full(400, 0.3), np.full(400, 0.9)])
    right = np.concatenate([np.arange(400) % 2, np.arange(400) % 20 != 0]).astype(float)
    scale = text_category._scale(probability, right)
    low, high = text_category._precision(scale, np.array([0.3, 0.95]))
    assert low == pytest.approx(0.5, abs=0.05)
    assert high == pytest.approx(0.95, abs=0.03)
    assert (low < 0.5, high < 0.95) == (True, True)
    assert text_category._precision(scale, np.array([0.1]))[0] == 0


def test_the_order_of_the_rows_says_nothing() -> None:
    reports = _reports(600, ["自来水停了一整天", "大树要修剪"])
    again = categorise(reports.sample(fraction=1, shuffle=True, seed=1), TREE, NO_WORDS).sort("event_id")
    assert again.equals(categorise(reports, TREE, NO_WORDS).sort("event_id"))


@pytest.mark.realdata
def test_on_a_real_district_without_texts_what_is_answered_is_right(realdata: Path) -> None:
    """The unit and the channel say little about a leaf: few answers, but these hold."""
    table = pl.read_csv(realdata / "pingshan" / "events_to_2018-09.csv", infer_schema=False)
    levels = ("EVENT_TYPE_NAME", "MAIN_TYPE_NAME", "SUB_TYPE_NAME")
    reports = table.select(
        pl.int_range(pl.len()).cast(pl.String).str.zfill(6).alias("event_id"),
        pl.lit("ticket").alias("feed"),
        pl.col("CREATE_TIME").alias("reported_at"),
        pl.lit("ticket").alias("kind"),
        pl.col("DISPOSE_UNIT_NAME").alias("department"),
        pl.concat_str(levels, separator=">").alias("label"),
        pl.concat_str("EVENT_PROPERTY_NAME", "EVENT_SRC_NAME", "COMMUNITY_NAME", separator="。").alias("text"),
    ).sort("reported_at", "event_id")
    paths = reports["label"].drop_nulls().unique().str.split(">")
    keys = pl.concat([paths.list.head(depth).list.join(">") for depth in (1, 2, 3)]).unique().sort()
    tree = pl.DataFrame({"category_key": keys, "level": 3, "name": keys, "origin": "feed"})
    young = pl.int_range(pl.len()) >= reports.height * 4 // 5
    asked = reports.with_columns(pl.when(~young).then("label").alias("category_key"))
    made = categorise(asked.drop("label"), tree, NO_WORDS).join(reports.select("event_id", "label"), on="event_id")
    answered = made.filter(pl.col("category_source") == "learnt", pl.col("label").is_not_null())
    right = answered.filter((pl.col("label") + ">").str.starts_with(pl.col("category_key") + ">"))
    assert answered.height >= 20
    assert right.height >= 0.9 * answered.height
