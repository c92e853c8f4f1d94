"""Misspelt names in whole texts: what decides between candidates, and what is never taken."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from addressing import AddressBase, Grammar, build_base, resolve
from addressing.correctable import confusions, correctable

# street, community, road, number, estate, building, room
PLACES = [
    ("北湖街道", "上河社区", "晨岭路", "53号", None, None, None),
    ("南湖街道", "下河社区", "生岭路", "53号", None, None, None),
    ("北湖街道", "上河社区", "创川街", "25号", None, None, None),
    ("北湖街道", "上河社区", "兰川街", "25号", None, None, None),
    ("北湖街道", "中河社区", "聚庆大道", "15号", None, None, None),
    ("南湖街道", "下河社区", "田庆大道", "15号", None, None, None),
    ("北湖街道", "中河社区", "东新路", "9号", None, None, None),
    ("北湖街道", "中河社区", "长新路", "20号", None, None, None),
    ("北湖街道", "中河社区", "人民路", "5号", None, None, None),
    ("北湖街道", "中河社区", "民庆路", "8号", "天晖家园", "4栋", "302"),
    ("北湖街道", "中河社区", "民庆路", "8号", "天晖家园", "2栋", None),
    ("北湖街道", "中河社区", "民庆路", "10号", "锦畔华府", "1栋", None),
    ("北湖街道", "中河社区", "民庆路", "10号", "锦岸华府", "1栋", None),
    ("北湖街道", "上河社区", "文昌路", "3号", "幸福花园", "1栋", None),
    ("南湖街道", "下河社区", "玉泉路", "7号", "幸福花园", "1栋", None),
    ("南湖街道", "下河社区", "玉泉路", "9号", "新城广场", "1栋", None),
]


@pytest.fixture(scope="module")
def base() -> AddressBase:
    names = ("street", "community", "road", "number", "estate", "building", "room")
    rows = []
    for at, values in enumerate(PLACES):
        place = dict(zip(names, values, strict=True))
        full = "广东省深圳市光明区" + "".join(part or "" for part in values)
        rows.append(
            {"address_code": f"B{at:04d}", "full_address": full, "province": "广东省", "city": "深圳市", "district": "光明区", **place}
        )
    return build_base([(dt.date(2026, 1, 1), pa.Table.from_pylist(rows))], Grammar.load("mainland"))


def answer(base: AddressBase, text: str, **hints: str) -> dict:
    return resolve(base, pa.table({"text": [text], **{name: [value] for name, value in hints.items()}})).to_pylist()[0]


def found(base: AddressBase, text: str, **hints: str) -> str:
    row = answer(base, text, **hints)
    return f"{row['outcome']} {(row['matched_text'] or '').removeprefix('广东省深圳市光明区')}".strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A damaged estate behind its own road and number, by placeholder, sound and swap.
        ("民庆路8号?晖家园4栋302", "resolved 北湖街道中河社区民庆路8号天晖家园4栋302"),
        ("民庆路8号天灰家园2栋", "resolved 北湖街道中河社区民庆路8号天晖家园2栋"),
        ("民庆路8号晖天家园2栋", "resolved 北湖街道中河社区民庆路8号天晖家园2栋"),
        # Any one character, since number and building speak for the only such estate there.
        ("民庆路8号天池家园2栋", "resolved 北湖街道中河社区民庆路8号天晖家园2栋"),
        # The named street leaves one of the roads that end so.
        ("北湖街道?庆大道15号", "resolved 北湖街道中河社区聚庆大道15号"),
        # Here the cheaper homophone lies elsewhere; the likelier name in the named community is taken.
        ("上河社区晟岭路53号", "resolved 北湖街道上河社区晨岭路53号"),
        ("新东路9号", "resolved 北湖街道中河社区东新路9号"),
        ("长辛路20号", "resolved 北湖街道中河社区长新路20号"),
        ("主岭路53号", "resolved 南湖街道下河社区生岭路53号"),
        ("三川街25号", "resolved 北湖街道上河社区兰川街25号"),
        ("中河社区人民5号", "resolved 北湖街道中河社区人民路5号"),
        ("人民5号", "resolved 北湖街道中河社区人民路5号"),
        # A blank between building and room.
        ("天晖家园4 302", "resolved 北湖街道中河社区民庆路8号天晖家园4栋302"),
        ("天晖家园４　302室", "resolved 北湖街道中河社区民庆路8号天晖家园4栋302"),
    ],
)
def test_one_damage_is_mended_where_the_rest_agrees(base: AddressBase, text: str, expected: str) -> None:
    assert found(base, text) == expected


def test_a_column_beside_the_text_decides_as_the_text_does(base: AddressBase) -> None:
    assert found(base, "?庆大道15号", street="南湖街道") == "resolved 南湖街道下河社区田庆大道15号"


@pytest.mark.parametrize(
    "text",
    [
        "民庆路8号天池家园7栋",  # no such building: a differing building is a veto
        "民庆路10号锦池华府1栋",  # two estates of that number differ from it by one character
        "民庆路8号金色家园4栋302",  # two characters differ
    ],
)
def test_an_estate_that_nothing_explains_leaves_its_number(base: AddressBase, text: str) -> None:
    assert answer(base, text)["level"] == "number"
    assert answer(base, text)["method"] != "correction"


def test_names_that_fit_alike_are_left_open_with_what_they_share(base: AddressBase) -> None:
    row = answer(base, "上河社区?川街25号")
    assert (row["outcome"], row["level"], row["community"]) == ("ambiguous", "community", "上河社区")
    assert row["runner_up"] is not None


@pytest.mark.parametrize("text", ["上河社区民青路8号", "下河社区人民5号", "人民5号公园", "人民8号"])
def test_a_misspelt_name_that_lies_elsewhere_is_not_taken(base: AddressBase, text: str) -> None:
    assert answer(base, text)["level"] not in ("number", "room", "road")


@pytest.mark.parametrize("text", ["盛柏新城1栋", "上河社区新城1栋"])
def test_a_short_name_is_not_read_in_another_estates_name_or_in_another_community(base: AddressBase, text: str) -> None:
    assert answer(base, text)["level"] != "building"
    assert found(base, "新城1栋") == "resolved 南湖街道下河社区玉泉路9号新城广场1栋"


def test_of_two_estates_at_one_number_the_named_one_is_taken(base: AddressBase) -> None:
    for estate in ("锦畔华府", "锦岸华府"):
        assert found(base, f"民庆路10号{estate}1栋") == f"resolved 北湖街道中河社区民庆路10号{estate}1栋"
    assert answer(base, "民庆路10号1栋")["outcome"] == "ambiguous"


def test_street_and_community_of_different_places_leave_both(base: AddressBase) -> None:
    row = answer(base, "南湖街道上河社区幸福花园1栋")
    assert (row["outcome"], row["level"]) == ("ambiguous", "district")


def test_a_park_is_no_door_of_the_road_that_is_called_so(taiwan: AddressBase) -> None:
    assert answer(taiwan, "青山區廈港24號")["level"] == "district"
    assert answer(taiwan, "青山區廈港街24號")["level"] == "number"
    assert answer(taiwan, "青山區乙安里廈港24號")["level"] == "number"


def test_the_tables_of_names_are_saved_with_the_base(base: AddressBase, tmp_path: Path) -> None:
    base.save(tmp_path)
    opened = AddressBase.open(tmp_path)
    assert {"whereabouts", "confusions"} <= set(opened._kept)
    assert confusions(opened).equals(confusions(base))
    assert correctable(opened).equals(correctable(base))
    # Made by other code or data, or by a version that did not save them: built again.
    facts = (tmp_path / "base.json").read_text(encoding="utf-8")
    (tmp_path / "base.json").write_text(facts.replace('"kept": ', '"kept": 1'), encoding="utf-8")
    (tmp_path / "whereabouts.arrow").unlink()
    again = AddressBase.open(tmp_path)
    assert not again._kept
    assert found(again, "北湖街道?庆大道15号") == found(base, "北湖街道?庆大道15号")


def test_an_open_base_may_be_saved_over_itself(base: AddressBase, tmp_path: Path) -> None:
    base.save(tmp_path)
    opened = AddressBase.open(tmp_path)
    opened.save(tmp_path)
    assert pl.DataFrame(pl.from_arrow(opened.nodes)).equals(pl.DataFrame(pl.from_arrow(base.nodes)))
