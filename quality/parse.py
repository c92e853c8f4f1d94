"""Text values into typed ones, a column at a time: trims, null markers, codes, dates, numbers, booleans.

Belongs here: the forms in which offices write values, as Polars operations over whole columns. Each parser takes text (null = no value)
and gives values of the column's type, null where a text is none. Does not belong here: rules of contracts (`clean`), numbers with check
digits (`identity`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import polars as pl

NULL_MARKERS = (
    "-", "--", "---", "—", "——", "/", "\\", "\\N", "NULL", "null", "Null", "(null)", "<null>", "[null]", "None", "none", "NONE", "nil",
    "N/A", "n/a", "NA", "#N/A", "NaN", "nan", "NaT", "#NULL!", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?", "#NUM!", "undefined",
)  # fmt: skip
"""Texts that mean "no value" in any column."""

NULL_MARKERS_OF_TYPED = ("无", "無", "暂无", "不详", "不詳", "未知", "未填", "空", "0000-00-00", "0000-00-00 00:00:00")
"""Texts that mean "no value" where a number, a date or the like is expected; in a free text they may be an answer."""

TRUE_FORMS = ("true", "t", "yes", "y", "1", "1.0", "是", "有", "对", "√", "✓", "真", "已", "on")
FALSE_FORMS = ("false", "f", "no", "n", "0", "0.0", "否", "无", "無", "没有", "×", "✗", "假", "未", "off", "不是")

_ODD_BLANKS = r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
_INVISIBLE = r"[\u200b-\u200f\u2060\ufeff]"
_SERIAL_FIRST, _SERIAL_LAST = 10_959, 73_050
"""Excel serial days taken for dates: 1930 to 2099."""


def tidy(text: pl.Series) -> pl.Series:
    """Trimmed, odd blanks as plain ones, invisible characters gone; empty text is null. Inner line ends stay."""
    odd = text.str.contains(_ODD_BLANKS + "|" + _INVISIBLE).fill_null(False)
    if odd.any():
        few = text.filter(odd).str.replace_all(_ODD_BLANKS, " ").str.replace_all(_INVISIBLE, "")
        text = text.scatter(odd.arg_true(), few)
    text = text.str.strip_chars()
    empty = text == ""
    return text.set(empty.fill_null(False), None) if empty.any() else text


def half_width(text: pl.Series) -> pl.Series:
    """NFKC where a value is not plain ASCII: full-width digits, letters and signs become half-width."""
    wide = (text.str.len_bytes() != text.str.len_chars()).fill_null(False)
    if not wide.any():
        return text
    return text.scatter(wide.arg_true(), text.filter(wide).str.normalize("NFKC").str.strip_chars())


def without_markers(text: pl.Series, markers: tuple[str, ...]) -> pl.Series:
    """Null where the whole value is a null marker."""
    hit = text.is_in(list(markers)).fill_null(False)
    return text.set(hit, None) if hit.any() else text


def folded(form: str) -> str:
    """The form in which codes are compared."""
    return unicodedata.normalize("NFKC", form).strip().lower()


def code_forms(codes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Accepted source form → code; the code itself comes first where a form is given twice."""
    forms: dict[str, str] = {}
    for code in codes:
        forms.setdefault(folded(code), code)
    for code, accepted in codes.items():
        for form in accepted:
            forms.setdefault(folded(form), code)
    return forms


def codes(text: pl.Series, accepted: Mapping[str, tuple[str, ...]]) -> pl.Series:
    """Codes of a code list; numbers with a trailing `.0` and lost leading zeros are found where that is unambiguous."""
    forms = code_forms(accepted)
    for form, code in list(forms.items()):
        if form.isdigit():
            forms.setdefault(form + ".0", code)
            forms.setdefault(str(int(form)), code)
            forms.setdefault(str(int(form)) + ".0", code)
    lowered = half_width(text).str.to_lowercase()
    return lowered.replace_strict(list(forms), list(forms.values()), default=None, return_dtype=pl.String)


def booleans(text: pl.Series) -> pl.Series:
    """Booleans from 是/否, yes/no, 1/0, Y/N, true/false and the like."""
    lowered = half_width(text).str.to_lowercase()
    forms = {**dict.fromkeys(TRUE_FORMS, True), **dict.fromkeys(FALSE_FORMS, False)}
    return lowered.replace_strict(list(forms), list(forms.values()), default=None, return_dtype=pl.Boolean)


def integers(text: pl.Series) -> pl.Series:
    """64-bit integers; thousands separators in threes and a trailing `.0` are accepted."""
    plain = half_width(text)
    made = plain.cast(pl.Int64, strict=False)
    left = made.is_null() & plain.is_not_null()
    if left.any():
        made = made.scatter(left.arg_true(), _plain_number(plain.filter(left)).cast(pl.Int64, strict=False))
    return made


def decimals(text: pl.Series, precision: int, scale: int) -> pl.Series:
    """Decimals rounded to `scale`; null where no number or too large."""
    kind = pl.Decimal(precision, scale)
    plain = half_width(text)
    usual = plain.str.contains(r"^[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?$").fill_null(False)
    made = plain.set(~usual, None).cast(kind, strict=False)
    left = made.is_null() & plain.is_not_null()
    if left.any():
        rest = plain.filter(left).str.replace_all(r"^([+-]?)\.(\d)", "${1}0.$2")
        rest = rest.str.replace_all(",", "").set(~rest.str.contains(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$|^[+-]?0\.\d+$"), None)
        made = made.scatter(left.arg_true(), rest.cast(kind, strict=False))
    return made


def _plain_number(text: pl.Series) -> pl.Series:
    grouped = text.str.contains(r"^[+-]?\d{1,3}(,\d{3})+(\.0+)?$")
    text = text.str.replace_all(",", "").zip_with(grouped, text)
    return text.str.replace(r"^([+-]?\d+)\.0*$", "$1")


def dates(text: pl.Series, time_zone: str) -> pl.Series:
    """Dates in any form that `moments` takes; a time of day is dropped."""
    return moments(text, time_zone).dt.date()


def moments(text: pl.Series, time_zone: str) -> pl.Series:
    """Timestamps (µs, local time, no zone) from the forms met in real files; a date alone is its midnight.

    ISO with blank or T, fractions and offsets (brought to `time_zone`); 20240301, 20240301.0, 20240301 000400, 20240301000400;
    2024/3/1 9:05, 2024.3.1; 2024年3月1日 9时5分; 上午/下午/AM/PM; 民國113年3月1日; 24:00 = midnight after; Excel serials. Years of two
    or three digits without 民國 are never guessed, nor is the order of day and month.
    """
    plain = half_width(text)
    made = (
        pl.Series(text.name, [None], dtype=pl.Datetime("us")).extend_constant(None, len(plain) - 1)
        if len(plain)
        else pl.Series(text.name, [], dtype=pl.Datetime("us"))
    )
    for form, pattern in _USUAL_FORMS:
        todo = made.is_null() & plain.is_not_null()
        if not todo.any():
            return made
        rest = plain.filter(todo)
        fits = rest.str.contains(form).fill_null(False)
        if fits.any():
            values = rest.set(~fits, None).str.to_datetime(pattern, strict=False, time_unit="us")
            made = values if todo.all() else made.scatter(todo.arg_true(), values)
    todo = made.is_null() & plain.is_not_null()
    if todo.any():
        made = made.scatter(todo.arg_true(), _unusual_moments(plain.filter(todo), time_zone))
    return made.alias(text.name)


_USUAL_FORMS = (
    (r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$", "%Y-%m-%d %H:%M:%S"),
    (r"^\d{4}-\d{2}-\d{2}$", "%Y-%m-%d"),
    (r"^\d{8} \d{6}$", "%Y%m%d %H%M%S"),
    (r"^\d{8}$", "%Y%m%d"),
    (r"^\d{14}$", "%Y%m%d%H%M%S"),
    (r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$", "%Y-%m-%dT%H:%M:%S"),
    (r"^\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2}$", "%Y/%m/%d %H:%M:%S"),
    (r"^\d{4}/\d{1,2}/\d{1,2} \d{1,2}:\d{2}:\d{2}$", "%Y/%m/%d %H:%M:%S"),
    (r"^\d{4}/\d{1,2}/\d{1,2} \d{1,2}:\d{2}$", "%Y/%m/%d %H:%M"),
    (r"^\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}$", "%Y-%m-%d %H:%M"),
    (r"^\d{4}/\d{1,2}/\d{1,2}$", "%Y/%m/%d"),
)

_PARTS = (
    r"^(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?: *(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r" *(?P<zone>Z|[+-]\d{2}:?\d{2})?$"
)


def _unusual_moments(text: pl.Series, time_zone: str) -> pl.Series:
    frame = pl.DataFrame({"t": text.str.to_uppercase()})
    t = pl.col("t")
    roc = t.str.extract(r"^(?:民國|民国)(\d{1,3}|元)(?:年|[-/.])").replace("元", "1").cast(pl.Int32, strict=False) + 1911
    frame = frame.with_columns(
        noon=t.str.extract("(上午|下午|凌晨|晚上|中午|AM|PM)"),
        t=pl.when(roc.is_not_null())
        .then(pl.concat_str(roc.cast(pl.String), t.str.extract(r"^(?:民國|民国)(?:\d{1,3}|元)(.*)$")))
        .otherwise(t),
    )
    frame = frame.with_columns(
        t.str.replace(" *(?:上午|下午|凌晨|晚上|中午|AM|PM) *", " ")
        .str.replace(r"^(\d{8})\.0+", "$1")
        .str.replace(r"^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})$", "$1-$2-$3 $4:$5")
        .str.replace(r"^(\d{4})(\d{2})(\d{2})(?:[ T]|$)", "$1-$2-$3 ")
        .str.replace(r"^(\d{4}) *[年/.-] *(\d{1,2}) *[月/.-] *(\d{1,2}) *[日号號]?", "$1-$2-$3 ")
        .str.replace(r"^(\d{4}-\d{1,2}-\d{1,2}) +T?(\d{2})(\d{2})(\d{2})$", "$1 $2:$3:$4")
        .str.replace(r"^(\d{4}-\d{1,2}-\d{1,2}) +T?(\d{2})(\d{2})$", "$1 $2:$3")
        .str.replace(r"^(\d{4}-\d{1,2}-\d{1,2}) +T *", "$1 ")
        .str.replace(r"(\d{1,2}) *[时時点點] *", "$1:")
        .str.replace(r"(\d{1,2}) *分 *", "$1:")
        .str.replace(r"(\d{1,2}) *秒", "$1")
        .str.replace(r":+$", "")
        .str.replace(r" (\d{1,2})$", " $1:00")
        .str.strip_chars()
    )
    part = t.str.extract_groups(_PARTS).alias("part")
    frame = frame.with_columns(part).unnest("part")
    # A date part followed by a lone hour was closed with :00 above; anything else that fits no part stays null.
    hour = pl.col("hour").cast(pl.Int32, strict=False)
    afternoon = pl.col("noon").is_in(["下午", "晚上", "PM"]) | ((pl.col("noon") == "中午") & (hour < 11))
    morning_12 = pl.col("noon").is_in(["上午", "凌晨", "AM"]) & (hour == 12)
    hour = pl.when(afternoon & (hour < 12)).then(hour + 12).when(morning_12).then(0).otherwise(hour).fill_null(0)
    minute, second = (pl.col(name).cast(pl.Int32, strict=False).fill_null(0) for name in ("minute", "second"))
    midnight = (hour == 24) & (minute == 0) & (second == 0)
    stamp = pl.format(
        "{}-{}-{} {}:{}:{}.{}",
        pl.col("year"),
        pl.col("month").str.zfill(2),
        pl.col("day").str.zfill(2),
        pl.when(midnight).then(0).otherwise(hour).cast(pl.String).str.zfill(2),
        minute.cast(pl.String).str.zfill(2),
        second.cast(pl.String).str.zfill(2),
        pl.col("fraction").fill_null("0").str.pad_end(9, "0"),
    )
    local = stamp.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us") + pl.when(midnight).then(
        pl.duration(days=1)
    ).otherwise(pl.duration(days=0))
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    offset = pl.col("zone").str.replace("Z", "+0000").str.replace(":", "")
    minutes = sign * (offset.str.slice(1, 2).cast(pl.Int32, strict=False) * 60 + offset.str.slice(3, 2).cast(pl.Int32, strict=False))
    zoned = (local - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone).dt.replace_time_zone(None)
    serial = text.cast(pl.Float64, strict=False)
    is_serial = text.str.contains(r"^\d{5}(\.\d+)?$") & (serial >= _SERIAL_FIRST) & (serial <= _SERIAL_LAST)
    from_serial = pl.datetime(1899, 12, 30) + pl.duration(seconds=(pl.col("serial") * 86_400).round(0).cast(pl.Int64))
    frame = frame.with_columns(serial=serial.set(~is_serial.fill_null(False), None))
    made = frame.select(
        pl.coalesce(pl.when(pl.col("zone").is_null()).then(local).otherwise(zoned), from_serial).cast(pl.Datetime("us")).alias("made")
    )
    return made["made"]


def time_width(text: pl.Series) -> int:
    """How many digits a column of times written as bare digits has: 6 (HHMMSS) if any value is longer than HHMM, else 4.

    Files that went through a numeric column lost leading zeros (000400 became 400 or 400.0); the width tells how to put them back.
    """
    digits = half_width(text).str.replace(r"\.0+$", "")
    longest = digits.filter(digits.str.contains(r"^\d{1,6}$").fill_null(False)).str.len_chars().max()
    return 4 if longest is not None and int(str(longest)) <= 4 else 6


def padded_times(text: pl.Series, width: int) -> pl.Series:
    """Bare digits as HHMMSS (leading zeros put back); other texts as they are."""
    plain = half_width(text)
    digits = plain.str.replace(r"\.0+$", "")
    bare = digits.str.contains(r"^\d{1,6}$").fill_null(False)
    full = digits.str.zfill(width)
    if width == 4:
        full = full + "00"
    return full.zip_with(bare, plain)
