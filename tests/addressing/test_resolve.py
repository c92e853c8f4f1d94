"""What the resolver answers: readable cases by grammar, and laws that hold for any text."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addressing import LEVELS, RESOLUTION_SCHEMA, AddressBase, resolve


def answer(base: AddressBase, text: str, **hints: object) -> dict:
    query = pa.table({"text": [text], **{name: [value] for name, value in hints.items()}})
    return resolve(base, query).to_pylist()[0]


ROOM = "广东省深圳市光明区公明街道上村社区松白路12号翠湖花园3栋2单元303室"


@pytest.mark.parametrize(
    "text",
    [
        "深圳市光明区公明街道上村社区松白路12号翠湖花园3栋2单元303室", "光明区松白路12号翠湖花园3栋2单元303", "翠湖花园3-2-303", "翠湖花园三幢二单元303",
        "翠湖花园3座2单元303房", "松白路12号3栋2单元303", "翠湖花園3棟2單元303室", "翠湖花园３栋２单元３０３", "翠湖花园3号楼2单元3楼303",
        "翠湖花园3栋303", "翠湖3栋303", "我家在翠湖花园3栋2单元303，楼上漏水",
    ],
)  # fmt: skip
def test_many_ways_to_write_one_room_lead_to_it(mainland: AddressBase, text: str) -> None:
    found = answer(mainland, text)
    assert found["matched_text"] == ROOM
    assert (found["outcome"], found["level"], found["community"]) == ("resolved", "room", "上村社区")


@pytest.mark.parametrize(
    ("text", "outcome", "level", "community"),
    [
        ("翠湖花园3栋2单元301", "not_in_register", "unit", "上村社区"),  # 301 is in unit 1: a differing unit is a veto
        ("翠湖花园9栋303", "not_in_register", "estate", "上村社区"),
        ("松白路14号翠湖花园3栋2单元303", "ambiguous", "community", "上村社区"),
        ("翠湖花园3栋2单元5楼303", "ambiguous", "building", "上村社区"),
        ("别墅路9号", "not_in_register", "road", "上村社区"),  # between 7 and 13
        ("别墅路17号", "not_in_register", "road", None),  # between 13 and 21, which lie in two communities
        ("建设路7号2栋B1", "not_in_register", "building", "下村社区"),
        ("阳光花园1栋101", "ambiguous", "district", None),
        ("广州市天河区松白路12号", "not_in_register", None, None),
        ("上村社区", "partial", "community", "上村社区"),
        ("公明街道", "partial", "street", None),
        ("松白路", "partial", "road", "上村社区"),
        ("不知道在哪里", "no_address", None, None),
        ("", "no_address", None, None),
    ],
)  # fmt: skip
def test_what_is_not_certain_stays_above_it(
    mainland: AddressBase, text: str, outcome: str, level: str | None, community: str | None
) -> None:
    found = answer(mainland, text)
    assert (found["outcome"], found["level"], found["community"]) == (outcome, level, community)


def test_a_hint_decides_between_two_estates_of_one_name(mainland: AddressBase) -> None:
    assert answer(mainland, "阳光花园1栋101", street="凤凰街道")["community"] == "甲子塘社区"
    assert answer(mainland, "公明街道阳光花园1栋101")["community"] == "下村社区"


def test_hints_alone_lead_to_the_community(mainland: AddressBase) -> None:
    found = answer(mainland, None, street="公明街道", community="李松蓢社区")
    assert (found["level"], found["method"], found["community"]) == ("community", "hint", "李松蓢社区")


def test_coordinates_choose_the_nearest_number_of_the_named_road() -> None:
    import register

    from addressing import Grammar, build_base

    rows = [row for row in register.mainland_rows() if row.get("road") == "别墅路"]
    for place, row in enumerate(rows):
        row["lng"], row["lat"] = str(113.9 + place * 0.001), "22.7"
    base = build_base([(register.DAY, pa.Table.from_pylist(rows))], Grammar.load("mainland"))
    found = answer(base, "别墅路", lng=113.90205, lat=22.7001)
    assert (found["method"], found["matched_text"][-2:]) == ("hint", "5号")
    assert answer(base, "别墅路", lng=114.5, lat=22.7)["level"] == "road"


def test_aliases_lead_to_the_registered_name(mainland: AddressBase) -> None:
    assert answer(mainland, "老围路5号")["matched_text"].endswith("别墅路5号")
    assert answer(mainland, "平安大厦A座1203")["method"] == "alias"


def test_a_misspelt_name_is_corrected_within_its_district(mainland: AddressBase) -> None:
    found = answer(mainland, "翠胡花园3栋2单元303")
    assert (found["method"], found["matched_text"]) == ("correction", ROOM)


def test_near_a_room_is_its_building(mainland: AddressBase) -> None:
    assert answer(mainland, "翠湖花园3栋2单元303对面")["level"] == "building"


def test_a_crossing_names_both_roads(mainland: AddressBase) -> None:
    found = answer(mainland, "松白路与别墅路交叉口")
    assert (found["level"], found["community"]) == ("crossing", None)  # 别墅路 lies in two communities
    assert found["runner_up"] is not None


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("青山區松濤路三段12巷5號二樓之3", "甲和里3鄰松濤路三段12巷5號二樓之3"),
        ("海東市青山區松涛路3段12巷5号2F之3", "甲和里3鄰松濤路三段12巷5號二樓之3"),
        ("松濤路三段一二巷五號1樓", "甲和里3鄰松濤路三段12巷5號"),
        ("松濤路三段12巷4弄9-1號", "甲和里3鄰松濤路三段12巷4弄9之1號"),
        ("松濤路三段12巷4弄9號之1", "甲和里3鄰松濤路三段12巷4弄9之1號"),
        ("青山區?港街24號", "乙安里2鄰廈港街24號"),
        ("廈港街22、24號", "乙安里2鄰廈港街24號"),
        ("廈港街24至28號", "乙安里2鄰廈港街24號"),
        ("門牌：廈港街臨6號", "乙安里2鄰廈港街臨6號"),
        ("廈港街30號B1", "乙安里2鄰廈港街30號地下一層"),
    ],
)  # fmt: skip
def test_plates_of_taiwan(taiwan: AddressBase, text: str, matched: str) -> None:
    assert answer(taiwan, text)["matched_text"] == f"海東市青山區{matched}"


@pytest.mark.parametrize(
    "text",
    ["青山區松濤路三段上101號", "青山區松濤路三段(101號", "青山區松濤路三段No.101號", "青山區松濤三段101號"],
)
def test_words_between_street_and_number_and_a_lost_type_word_are_read_over(taiwan: AddressBase, text: str) -> None:
    assert answer(taiwan, text)["matched_text"] == "海東市青山區甲和里4鄰松濤路三段101號"


@pytest.mark.parametrize("text", ["青山區高架道路(廈港街)24號", "青山區松濤路三段、廈港街(24號", "青山區廈港24號"])
def test_a_number_that_may_be_another_streets_or_a_parks_makes_no_door(taiwan: AddressBase, text: str) -> None:
    assert answer(taiwan, text)["level"] != "number"


@pytest.mark.parametrize(
    ("text", "outcome", "level", "matched"),
    [
        ("青山區12巷5號", "resolved", "number", "松濤路三段12巷5號"),
        ("青山區及12巷4弄9之1號", "resolved", "number", "松濤路三段12巷4弄9之1號"),
        ("青山區12巷", "partial", "lane", "松濤路三段12巷"),
        ("青山區12巷77號", "not_in_register", "lane", "松濤路三段12巷"),
        ("青山區三段101號", "resolved", "number", "松濤路三段101號"),
        ("青山區未知路12巷5號", "not_in_register", "district", "青山區"),  # a road that the register lacks is not another one
        ("青山區東濱12巷5號", "partial", "district", "青山區"),
        ("青山區5號", "partial", "district", "青山區"),
    ],
)  # fmt: skip
def test_a_lost_road_is_found_again_only_where_the_district_has_one_that_fits(
    taiwan: AddressBase, text: str, outcome: str, level: str, matched: str
) -> None:
    found = answer(taiwan, text)
    assert (found["outcome"], found["level"]) == (outcome, level)
    assert found["matched_text"].endswith(matched)


def test_a_lane_of_two_roads_stays_open_and_both_are_kept() -> None:
    import register

    from addressing import Grammar, build_base

    more = {"city": "海東市", "district": "青山區", "community": "乙安里", "neighbourhood": "1鄰", "road": "廈港街", "lane": "12巷", "number": "7號",
            "full_address": "海東市青山區乙安里1鄰廈港街12巷7號"}  # fmt: skip
    base = build_base([(register.DAY, pa.Table.from_pylist([*register.taiwan_rows(), more]))], Grammar.load("taiwan"))
    found = answer(base, "青山區12巷7號")
    assert (found["outcome"], found["level"]) == ("ambiguous", "district")
    assert found["runner_up"] is not None
    assert answer(base, "青山區12巷4弄9之1號")["level"] == "number"  # only one of the two lanes has that alley and number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("青山區廈港街24多號", "number_unread"), ("青山區廈港街(捷運站3號", "number_unread"), ("青山區廈港街40、42號", "number_missing"),
        ("青山區廈港街單號", "number_unread"), ("青山區廈港街往國道1號", "street_missing"), ("青山區廈港街號誌故障", "names_no_more"),
        ("青山區廈港街地下一樓", "names_no_more"),
    ],
)  # fmt: skip
def test_a_number_beside_a_street_that_is_no_door_of_it(taiwan: AddressBase, text: str, reason: str) -> None:
    found = answer(taiwan, text)
    assert (found["reason_code"], found["level"]) == (reason, "road")
    assert found["outcome"] == ("partial" if reason == "names_no_more" else "not_in_register")


@pytest.mark.parametrize("text", ["青山區廈港街靠近24號", "青山區廈港街約在24號", "青山區廈港街街24號", "青山區廈港路24號"])
def test_words_before_a_number_and_a_wrong_type_word_still_lead_to_the_door(taiwan: AddressBase, text: str) -> None:
    assert answer(taiwan, text)["matched_text"].endswith("廈港街24號")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("松濤路三段與廈港街口", "crossing"), ("松濤路三段-廈港街交叉口往東方向", "crossing"), ("松濤路三段與廈港街之間", "road"),
        ("松濤路三段到廈港街", "road"), ("往松濤路三段、廈港街方向", "road"),
    ],
)  # fmt: skip
def test_a_stretch_between_two_roads_is_no_crossing(taiwan: AddressBase, text: str, level: str) -> None:
    assert answer(taiwan, text)["level"] == level


def test_a_crossing_with_an_unregistered_lane_keeps_both_streets_as_evidence(taiwan: AddressBase) -> None:
    found = answer(taiwan, "青山區廈港街88巷與松濤路三段交叉口")
    assert (found["outcome"], found["level"]) == ("not_in_register", "road")
    assert found["runner_up"] == answer(taiwan, "松濤路三段")["address_key"]


def test_a_street_takes_the_community_that_the_text_names_if_its_doors_lie_there(taiwan: AddressBase) -> None:
    assert answer(taiwan, "青山區松濤路三段")["community"] is None
    assert answer(taiwan, "青山區甲和里松濤路三段")["community"] == "甲和里"
    assert answer(taiwan, "青山區甲和里廈港街")["community"] == "乙安里"  # all doors of that street lie in the other


def test_several_doors_none_of_them_in_the_named_district_make_no_door() -> None:
    import register

    from addressing import Grammar, build_base

    def row(district: str, village: str, road: str, number: str) -> dict[str, str]:
        return {"city": "海東市", "district": district, "community": village, "road": road, "number": number,
                "full_address": f"海東市{district}{village}{road}{number}"}  # fmt: skip

    rows = [row("東區", "甲里", "長春路", "5號"), row("西區", "乙里", "長春路", "5號"), row("南區", "丙里", "長春路", "9號")]
    base = build_base([(register.DAY, pa.Table.from_pylist(rows))], Grammar.load("taiwan"))
    assert answer(base, "長春路5號")["outcome"] == "ambiguous"
    found = answer(base, "南區長春路5號")
    assert (found["outcome"], found["level"], found["reason_code"]) == ("not_in_register", "road", "district_conflict")


def test_a_missing_number_takes_the_community_of_its_neighbours(taiwan: AddressBase) -> None:
    found = answer(taiwan, "青山區松濤路三段103號")
    assert (found["outcome"], found["level"], found["community"], found["neighbourhood"]) == ("not_in_register", "road", "甲和里", "4鄰")
    assert answer(taiwan, "青山區松濤路三段107號")["community"] is None


WORDS = [
    "光明区",
    "公明街道",
    "上村社区",
    "松白路",
    "别墅路",
    "12号",
    "7号",
    "翠湖花园",
    "阳光花园",
    "3栋",
    "2单元",
    "303",
    "1栋101",
    "附近",
    "与",
    "?",
    "，",
    "x",
]


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map("".join), min_size=1, max_size=8))
def test_an_answer_does_not_depend_on_what_stands_beside_it(texts: list[str]) -> None:
    import register

    base = _cached(register)
    together = resolve(base, pa.table({"text": texts})).to_pylist()
    backwards = resolve(base, pa.table({"text": texts[::-1]})).to_pylist()[::-1]
    alone = [resolve(base, pa.table({"text": [text]})).to_pylist()[0] for text in texts]
    assert together == backwards == alone


@given(st.text(max_size=30))
def test_any_text_gets_a_lawful_answer(text: str) -> None:
    import register

    found = resolve(_cached(register), pa.table({"text": [text]}))
    assert found.schema == RESOLUTION_SCHEMA
    row = found.to_pylist()[0]
    assert row["level"] is None or row["level"] in LEVELS
    assert (row["address_key"] is None) == (row["matched_text"] is None)
    assert 0 <= row["score"] <= 1
    assert row["reason"]
    assert row["reason_zh"]
    if row["level"] == "room":
        assert any(character.isdigit() for character in pl.Series([text]).str.normalize("NFKC")[0]) or any(
            c in text for c in "一二三四五六七八九十"
        )


_BASES: dict[str, AddressBase] = {}


def _cached(register) -> AddressBase:
    if "mainland" not in _BASES:
        _BASES["mainland"] = register.mainland_base()
    return _BASES["mainland"]


def test_the_receipt_says_the_same_as_the_table_and_holds_no_raw_text(mainland: AddressBase) -> None:
    from addressing import explain

    text = "翠湖花园3栋2单元303，王某反映楼上漏水"
    receipt = explain(mainland, text)
    row = answer(mainland, text)
    assert {name: receipt.as_dict()[name] for name in row} == row
    assert "王某" not in row["reason"] + row["reason_zh"]
    both = receipt.render()
    assert "结果" in both
    assert "Outcome" in both


def test_a_placeholder_stands_rather_for_a_character_that_the_old_encoding_lacked() -> None:
    import register

    from addressing import Grammar, build_base

    # 廈 is also written 厦, which Big5 lacks; 金 has no form that could be lost.
    rival = {"city": "海東市", "district": "青山區", "community": "乙安里", "neighbourhood": "1鄰", "road": "金港街", "number": "24號",
             "full_address": "海東市青山區乙安里1鄰金港街24號"}  # fmt: skip
    base = build_base([(register.DAY, pa.Table.from_pylist([*register.taiwan_rows(), rival]))], Grammar.load("taiwan"))
    found = answer(base, "青山區?港街24號")
    assert (found["method"], found["matched_text"][-6:]) == ("correction", "鄰廈港街24號"[-6:])
