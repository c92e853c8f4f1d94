"""Cutting texts into terms: own words stay whole, placeholders and digits end a piece."""

from __future__ import annotations

import polars as pl

from governance import segmentation


def test_terms_in_their_order_without_digits_and_placeholders() -> None:
    cut = segmentation.segment(pl.Series(["井盖坏了3天，联系人[姓名]请处理", None, "123"], dtype=pl.String))
    assert cut[0].to_list()[0] == "井盖"
    assert "姓名" not in cut[0].to_list()
    assert cut[1] is None
    assert cut[2].to_list() == []


def test_the_districts_own_words_stay_whole() -> None:
    assert "岭云夜市" in segmentation.segment(pl.Series(["岭云夜市噪音"]), ["岭云夜市"])[0].to_list()


def test_names_of_persons_are_told() -> None:
    likely = segmentation.looks_like_name(pl.Series(["王建国", "垃圾桶", "张伟", "欧阳明月"]))
    assert likely.to_list() == [True, False, True, True]


def test_stop_words_are_words_of_two_characters_or_function_words() -> None:
    assert {"投诉", "恳请", "市民"} <= segmentation.stop_words()
    assert not {"垃圾", "噪音", "停电"} & segmentation.stop_words()
