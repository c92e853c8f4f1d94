"""Corrections propose what one damage explains, and never another number, side or suffix."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addressing.confusion import KINDS, confusion_index, corrections

NAMES = [
    "滨康路", "文三路", "中山一路", "中山二路", "中山路", "未来路", "建国门路", "廈門街", "东门街", "西门街", "平安国际大厦", "仁民路",
    "重庆路", "宁波路", "朝阳路", "生源路", "林和路", "兴安路", "东新路", "兰辉街", "新梅路",
]  # fmt: skip


def frame(names: list[str], parent: str = "A") -> pl.DataFrame:
    return pl.DataFrame({"parent": [parent] * len(names), "name": names})


@pytest.fixture(scope="module")
def index() -> pl.DataFrame:
    return confusion_index(frame(NAMES))


@pytest.mark.parametrize(
    ("unknown", "candidate", "kind"),
    [
        ("宾康路", "滨康路", "homophone"),
        ("平安国际大夏", "平安国际大厦", "homophone"),
        ("潮阳路", "朝阳路", "homophone"),
        ("末来路", "未来路", "look_alike"),
        ("波宁路", "宁波路", "transposed"),
        ("重庆庆路", "重庆路", "doubled"),
        ("人名路", "仁民路", "near_homophone"),
        ("建国路", "建国门路", "lost"),
        ("?門街", "廈門街", "unreadable"),
        ("廈□街", "廈門街", "unreadable"),
        ("平安\ufffd\ufffd大厦", "平安国际大厦", "unreadable"),
        ("滨??路", "滨康路", "unreadable"),
        ("冬门街", "东门街", "homophone"),
        ("主源路", "生源路", "like_strokes"),
        ("村和路", "林和路", "like_radical"),
        ("兵安路", "兴安路", "look_alike"),
        ("新东路", "东新路", "transposed"),
        ("三辉街", "兰辉街", "look_alike"),
        ("辛梅路", "新梅路", "homophone"),
    ],
)
def test_one_damage_leads_to_the_one_name(index: pl.DataFrame, unknown: str, candidate: str, kind: str) -> None:
    best = corrections(frame([unknown]), index).row(0, named=True)
    assert (best["candidate"], best["kind"], best["unique"]) == (candidate, kind, True)


@pytest.mark.parametrize("unknown", ["中山三路", "南门街", "滨康街", "末來街", "重庆路", "", "???"])
def test_numbers_sides_suffixes_and_known_names_are_never_corrected(index: pl.DataFrame, unknown: str) -> None:
    assert corrections(frame([unknown]), index).is_empty()


def test_any_character_is_proposed_only_where_asked_for_and_never_a_number(index: pl.DataFrame) -> None:
    assert corrections(frame(["桃康路"]), index).is_empty()
    found = corrections(frame(["桃康路", "中山九路"]), index, any_character=True)
    assert found.select("unknown", "candidate").rows() == [("桃康路", "滨康路")]
    assert found["kind"].to_list() == ["misread"]


def test_two_candidates_are_both_given_and_neither_is_unique(index: pl.DataFrame) -> None:
    found = corrections(frame(["?门街"]), index)
    assert found["candidate"].to_list() == ["东门街", "西门街"]
    assert not found["unique"].any()


def test_only_names_of_the_same_parent_are_proposed(index: pl.DataFrame) -> None:
    assert corrections(frame(["宾康路"], "B"), index).is_empty()


def test_the_index_survives_a_file(index: pl.DataFrame, tmp_path) -> None:
    index.write_parquet(tmp_path / "index.parquet")
    again = pl.read_parquet(tmp_path / "index.parquet")
    asked = frame(["宾康路", "建国路"])
    assert corrections(asked, again).equals(corrections(asked, index))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="滨宾康文三山路街东门?庆", min_size=1, max_size=6), max_size=5))
def test_candidates_are_registered_names_best_first(index: pl.DataFrame, unknown: list[str]) -> None:
    found = corrections(
        pl.DataFrame({"parent": ["A"] * len(unknown), "name": unknown}, schema_overrides={"parent": pl.String, "name": pl.String}), index
    )
    assert set(found["candidate"].to_list()) <= set(NAMES)
    assert set(found["kind"].to_list()) <= set(KINDS)
    for _, group in found.group_by("unknown"):
        assert group["cost"].is_sorted()
        assert group["rank"].to_list() == list(range(1, group.height + 1))
