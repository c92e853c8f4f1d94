"""The forms in which offices write values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality import identity, parse

ZONE = "Asia/Shanghai"


def moment(text: str) -> dt.datetime | None:
    return parse.moments(pl.Series("t", [text]), ZONE)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01", "2024-03-01T00:00:00"),
        ("2024-3-1 9:05", "2024-03-01T09:05:00"),
        ("2024-03-01T09:05:06.25", "2024-03-01T09:05:06.250000"),
        ("2024-03-01T01:05:06Z", "2024-03-01T09:05:06"),
        ("2024-03-01T09:05:06+0800", "2024-03-01T09:05:06"),
        ("2024-03-01 00:05:06-05:00", "2024-03-01T13:05:06"),
        ("20240301", "2024-03-01T00:00:00"),
        ("20240301.0", "2024-03-01T00:00:00"),
        ("20240301 000400", "2024-03-01T00:04:00"),
        ("20240301000400", "2024-03-01T00:04:00"),
        ("202403010904", "2024-03-01T09:04:00"),
        ("20240301 9:04", "2024-03-01T09:04:00"),
        ("2024/3/1 9:05", "2024-03-01T09:05:00"),
        ("2024/03/01", "2024-03-01T00:00:00"),
        ("2024.3.1", "2024-03-01T00:00:00"),
        ("2024年3月1日", "2024-03-01T00:00:00"),
        ("2024年3月1日 9时5分", "2024-03-01T09:05:00"),
        ("2024年3月1日9时5分6秒", "2024-03-01T09:05:06"),
        ("2024年3月1日 9时", "2024-03-01T09:00:00"),
        ("２０２４年３月１日", "2024-03-01T00:00:00"),
        ("2024/3/1 下午 02:05:10", "2024-03-01T14:05:10"),
        ("2024/3/1 上午 12:05", "2024-03-01T00:05:00"),
        ("2024-03-01 02:05 PM", "2024-03-01T14:05:00"),
        ("民國113年3月1日", "2024-03-01T00:00:00"),
        ("民国113/03/01", "2024-03-01T00:00:00"),
        ("2024-03-01 24:00", "2024-03-02T00:00:00"),
        ("20240301 240000", "2024-03-02T00:00:00"),
        ("45352", "2024-03-01T00:00:00"),
        ("45352.375", "2024-03-01T09:00:00"),
    ],
)
def test_dates_and_times_in_many_forms(text: str, expected: str) -> None:
    assert moment(text) == dt.datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["2024-02-30", "2023-02-29", "24-03-01", "113/03/01", "01/03/2024", "2024-13-01", "20241301", "2024-03", "2024", "2024-03-01 25:00", "9:05", "昨天", "12345678901234567", "1e9", "1709254800"])  # fmt: skip
def test_what_is_no_certain_date_is_none(text: str) -> None:
    assert moment(text) is None


@given(st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)), max_size=20))
def test_every_timestamp_comes_back_from_iso_and_compact_form(moments: list[dt.datetime]) -> None:
    whole = [value.replace(microsecond=0) for value in moments]
    for form in ("%Y-%m-%d %H:%M:%S", "%Y%m%d %H%M%S", "%Y/%m/%d %H:%M:%S", "%Y年%m月%d日 %H时%M分%S秒", "%Y-%m-%dT%H:%M:%S+08:00"):
        texts = pl.Series("t", [value.strftime(form) for value in whole], dtype=pl.String)
        # Shanghai had its own offsets and summer time; what carries an offset is compared where both agree.
        found = parse.moments(texts, ZONE).to_list() if "+" not in form else list(parse.moments(texts, "Etc/GMT-8").to_list())
        assert found == whole


@given(st.lists(st.text(alphabet="0123456789-/.: 年月日时分T民國上午PM+Z", max_size=20)))
def test_odd_texts_never_break_the_date_parser(texts: list[str]) -> None:
    assert len(parse.moments(pl.Series("t", texts, dtype=pl.String), ZONE)) == len(texts)


def test_times_that_lost_their_leading_zeros_get_them_back() -> None:
    times = pl.Series("t", ["400", "235136", "400.0", "12:30", None])
    assert parse.padded_times(times, parse.time_width(times)).to_list() == ["000400", "235136", "000400", "12:30", None]
    short = pl.Series("t", ["930", "1805"])
    assert parse.padded_times(short, parse.time_width(short)).to_list() == ["093000", "180500"]


@given(st.lists(st.integers(-(10**15), 10**15)))
def test_integers_with_separators_and_trailing_zeros(numbers: list[int]) -> None:
    for form in ("{}", "{:,}", "{}.0", "{:,}.00"):
        assert parse.integers(pl.Series("t", [form.format(n) for n in numbers], dtype=pl.String)).to_list() == numbers


def test_numbers_that_are_none() -> None:
    assert parse.integers(pl.Series(["1.5", "12a", "1,2,3", "", "１２"])).to_list() == [None, None, None, None, 12]
    assert parse.decimals(pl.Series(["1.234", ".5", "1,234.5", "1e2", "nan", "99999", "12米"]), 6, 2).to_list() == [
        Decimal("1.23"), Decimal("0.50"), Decimal("1234.50"), Decimal("100.00"), None, None, None,
    ]  # fmt: skip


def test_blanks_of_all_kinds_and_null_markers() -> None:
    tidy = parse.tidy(pl.Series(["\u3000 a\u00a0b \u200b", "  ", "\ufeffx", None]))
    assert tidy.to_list() == ["a b", None, "x", None]
    assert parse.without_markers(pl.Series(["-", "NULL", "无", "a"]), parse.NULL_MARKERS).to_list() == [None, None, "无", "a"]


def test_codes_by_code_title_and_full_width_form() -> None:
    sex = {"1": ("male", "男"), "01": ("other",), "2": ("female", "女")}
    assert parse.codes(pl.Series(["男", "１", "FEMALE", "2.0", "x"]), sex).to_list() == ["1", "1", "2", "2", None]


def test_booleans() -> None:
    assert parse.booleans(pl.Series(["是", "否", "Y", "0", "true", "也许"])).to_list() == [True, False, True, False, True, None]


def _with_check(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


@given(st.integers(0, 999), st.dates(dt.date(1900, 1, 1), dt.date(1999, 12, 31)))
def test_identity_numbers_old_and_new_of_any_district(order: int, born: dt.date) -> None:
    # 330113 was made in 2021, 350402 abolished then: both are sound.
    for district in ("330113", "350402", "810000"):
        whole = _with_check(f"{district}{born:%Y%m%d}{order:03d}")
        short = whole[:6] + whole[8:17]
        wrong = whole[:17] + ("1" if whole[17] != "1" else "2")
        found = identity.id_numbers(
            pl.Series([whole, whole.lower(), short, wrong, whole[:-1], "990101" + whole[6:]]), dt.date(2024, 1, 1)
        ).to_list()
        assert found == [whole, whole, whole, None, None, None]


def test_check_digits_agree_with_stdnum_where_it_knows_the_district_of_the_birth_year() -> None:
    from stdnum.cn import ric

    bodies = [
        f"44030319{year:02d}0{month}1{day}{order:03d}"
        for year in range(91, 99, 2)
        for month in (1, 9)
        for day in (1, 9)
        for order in (1, 77)
    ]
    numbers = [body + check for body in bodies for check in "0123456789X"]
    found = identity.id_numbers(pl.Series(numbers), dt.date(2024, 1, 1)).is_not_null().to_list()
    assert found == [ric.is_valid(number) for number in numbers]


def test_credit_codes_agree_with_stdnum() -> None:
    from stdnum.cn import uscc

    codes = [uscc.calc_check_digit(body) for body in ("91110000600037341", "52440300MJL000001", "92440300MA5FAKE01")]
    whole = [body + check for body, check in zip(("91110000600037341", "52440300MJL000001", "92440300MA5FAKE01"), codes, strict=True)]
    wrong = [code[:-1] + ("0" if code[-1] != "0" else "1") for code in whole]
    assert identity.credit_codes(pl.Series(whole)).to_list() == whole
    assert identity.credit_codes(pl.Series([code.lower() for code in whole])).to_list() == whole
    assert identity.credit_codes(pl.Series(wrong)).to_list() == [None] * 3


def test_phone_numbers() -> None:
    given_texts = ["13800138000", "138 0013 8000", "+86-13800138000", "0755-12345678", "0755-12345678-801", "(021)12345678转801", "12345", "0912-345-678", "13800138000.0", "138****8000", "1234", "12800138000"]  # fmt: skip
    expected = ["13800138000", "13800138000", "13800138000", "075512345678", "075512345678-801", "02112345678-801", "12345", "0912345678", "13800138000", None, None, None]  # fmt: skip
    assert identity.phones(pl.Series(given_texts)).to_list() == expected
