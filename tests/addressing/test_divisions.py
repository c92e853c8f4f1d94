"""Divisions are found with exact spans and codes, short forms only where they stand for a division, and none is invented."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addressing.divisions import DIVISION_SPANS, division_table, find_divisions


def found(text: str) -> list[tuple[str, int, int | None]]:
    spans = find_divisions(pl.Series([text]))
    return [(text[s:e], level, code) for s, e, level, code in spans.select("start", "end", "level", "code").rows()]


def kept(text: str) -> list[str]:
    spans = find_divisions(pl.Series([text])).filter(~pl.col("repeated") & ~pl.col("superseded"))
    return [text[s:e] for s, e in spans.select("start", "end").rows()]


def test_a_full_chain_carries_the_codes_of_its_places() -> None:
    assert found("广东省深圳市坪山区坑梓街道龙田路") == [
        ("广东省", 0, 44),
        ("深圳市", 1, 4403),
        ("坪山区", 2, 440310),
        ("坑梓街道", 3, 440310005),
    ]


def test_short_forms_count_after_their_parent() -> None:
    assert [name for name, _, _ in found("浙江杭州余杭五常街道")] == ["浙江", "杭州", "余杭", "五常街道"]


def test_a_short_form_that_begins_a_road_or_a_building_is_no_division() -> None:
    assert found("余杭塘路8号") == []
    assert [name for name, _, _ in found("上海市南京东路100号")] == ["上海市"]


def test_the_parent_decides_which_of_many_streets_is_meant() -> None:
    lower = {found(f"{city}鼓楼区")[-1][2] for city in ("江苏省南京市", "福建省福州市")}
    assert lower == {320106, 350102}


def test_a_name_of_many_places_has_no_code() -> None:
    assert found("鼓楼区")[0][2] is None


def test_former_districts_keep_their_codes() -> None:
    assert found("浙江省绍兴市绍兴县")[-1] == ("绍兴县", 2, 330621)
    assert found("杭州市下城区")[-1] == ("下城区", 2, 330103)


def test_a_later_whole_chain_replaces_an_earlier_wrong_one() -> None:
    assert kept("浙江省温州市苍南县浙江省衢州市常山县") == ["浙江省", "衢州市", "常山县"]


def test_a_district_named_twice_counts_once() -> None:
    assert kept("杭州市西湖区西湖区三墩镇") == ["杭州市", "西湖区", "三墩镇"]


def test_a_municipality_is_a_city() -> None:
    assert found("上海市徐汇区") == [("上海市", 1, 31), ("徐汇区", 2, 310104)]


def test_null_and_empty_texts_have_no_rows() -> None:
    spans = find_divisions(pl.Series([None, "", "abc"], dtype=pl.String))
    assert spans.is_empty()
    assert dict(spans.schema) == DIVISION_SPANS


def test_offsets_count_characters_not_bytes() -> None:
    text = "A1 𠮷 广东省深圳市"
    spans = find_divisions(pl.Series([text]))
    assert [text[s:e] for s, e in spans.select("start", "end").rows()] == ["广东省", "深圳市"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="广东省深圳市南山区杭州西湖路0a号 -𠮷镇", max_size=25), min_size=1, max_size=5))
def test_spans_never_overlap_and_every_name_is_in_the_table(texts: list[str]) -> None:
    spans = find_divisions(pl.Series(texts))
    ends: dict[int, int] = {}
    for row, start, end in spans.select("row", "start", "end").rows():
        assert 0 <= ends.get(row, 0) <= start < end <= len(texts[row])
        ends[row] = end
    codes = spans["code"].drop_nulls().unique()
    assert codes.is_in(division_table()["code"].implode()).all()


def test_reading_texts_together_or_alone_is_the_same() -> None:
    texts = ["浙江省杭州市西湖区三墩镇", "鼓楼区", "上海上海市", "龙港镇"]
    together = find_divisions(pl.Series(texts)).drop("row").rows()
    alone = [row for text in texts for row in find_divisions(pl.Series([text])).drop("row").rows()]
    assert together == alone


@pytest.mark.parametrize("text", ["人民路小学", "第一人民医院", "张三李四", "12345"])
def test_nothing_is_invented(text: str) -> None:
    assert found(text) == []
