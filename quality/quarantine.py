"""Refused rows as people work with them: a list, the rows themselves masked, and a sheet to send back to the source office.

Belongs here: what of a refused row may be shown outside the lake. Does not belong here: finding out why a row is refused (`clean`),
taking mended rows in (a new run does).

A source value is shown in full only where it is known to be what its column says and that column is neither personal nor sensitive.
Names, phones and numbers keep their ends; every other value (personal text, values that broke their rule, all values of rows whose
fields cannot be told or sit in wrong columns, columns the contract does not know) keeps its shape alone: 某 for a Chinese character,
x for a letter, 0 for a digit, punctuation as it is. So the office sees where the comma is, and finds the row by file and row number.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from contracts.district import FeedMapping
from contracts.header import match_headers
from contracts.model import Column, Feed
from quality import parse

LIST_SCHEMA = pa.schema(
    [
        ("delivery", pa.string()),
        ("delivery_date", pa.date32()),
        ("rule", pa.string()),
        ("field", pa.string()),
        ("rows", pa.int64()),
        ("first_row", pa.int64()),
        ("message", pa.string()),
        ("message_zh", pa.string()),
        ("remedy", pa.string()),
        ("remedy_zh", pa.string()),
    ]
)
SHOWN = ("delivery", "source_row", "rule", "field", "message", "message_zh", "remedy", "remedy_zh")

_SHEET_ROWS = 1_000_000
_CELL_CHARACTERS = 32_000
_COMMON = 3
"""A value outside a code list is shown where so many refused rows have it: then it is a word of the office, not a person's datum."""


def listed(quarantine: pa.Table) -> pa.Table:
    """Refused rows counted by delivery, rule and field (LIST_SCHEMA), largest first within a delivery. No source values."""
    frame = pl.DataFrame(quarantine.select([name for name in quarantine.column_names if name != "raw"]))
    grouped = (
        frame.group_by("delivery", "delivery_date", "rule", "field")
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col("source_row").min().alias("first_row"),
            *(pl.col(n).min() for n in ("message", "message_zh", "remedy", "remedy_zh")),
        )
        .sort(["delivery_date", "delivery", "rows", "rule", "field"], descending=[False, False, True, False, False])
    )
    return grouped.select(LIST_SCHEMA.names).to_arrow().cast(LIST_SCHEMA)


def shown(
    quarantine: pa.Table, contract: Feed, mapping: FeedMapping, *, delivery: str | None = None, rule: str | None = None, most: int = 50
) -> pa.Table:
    """Refused rows of one feed with masked source values: SHOWN columns and `row` (JSON text, source header → masked value)."""
    frame = pl.DataFrame(quarantine).sort("delivery", "source_row")
    if delivery:
        frame = frame.filter(pl.col("delivery") == delivery)
    if rule:
        frame = frame.filter(pl.col("rule") == rule)
    frame = frame.head(most)
    masked = _Masker(contract, mapping, frame)
    texts = [json.dumps(masked.row(row), ensure_ascii=False) for row in frame.iter_rows(named=True)]
    return frame.select(SHOWN).with_columns(pl.Series("row", texts, dtype=pl.String)).to_arrow()


@dataclass(frozen=True)
class FeedQuarantine:
    """What export needs of one feed."""

    contract: Feed
    mapping: FeedMapping
    rows: pa.Table


def export(feeds: Iterable[FeedQuarantine], path: Path) -> int:
    """Write an Excel workbook for the source offices, one sheet a feed and an overview first; gives the number of rows written.

    Every value is written as text and nothing that a spreadsheet could take for a formula stays one.
    """
    import xlsxwriter

    listed_feeds = list(feeds)
    written = 0
    # Constant memory keeps rows on disk while writing; a fixed creation time makes equal input give equal bytes.
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": dt.datetime(2000, 1, 1), "title": "govlake quarantine"})
        head = book.add_format({"bold": True, "bg_color": "#DDEBF7"})
        overview = book.add_worksheet("总览 overview")
        _row(overview, 0, ("数据源 feed", "批次 delivery", "规则 rule", "字段 field", "行数 rows", "问题 message", "处理建议 remedy"), head)
        overview.set_column(0, 6, 24)
        line = 1
        for one in listed_feeds:
            for group in listed(one.rows).to_pylist():
                title = f"{one.contract.title_zh} {one.contract.name}"
                said = (f"{group['message_zh']} | {group['message']}", f"{group['remedy_zh']} | {group['remedy']}")
                _row(overview, line, (title, group["delivery"], group["rule"], group["field"], group["rows"], *said))
                line += 1
            written += _feed_sheets(book, one, head)
        _how_to(overview, line + 1)
    return written


_HOW_TO = (
    "如何更正 · How to correct",
    "1. 个人信息已脱敏，请勿在本表中更正：请按「文件」与「行号」在来源系统中更正。Values are masked: correct the rows at the source, found by file and row.",
    "2. 重新导出整个文件（而非仅被拒收的行），文件名与原文件相同，交付至同一日期目录，替换原文件。"
    " Export the whole file again (not the refused rows alone) under the same name and deliver it into the same date's folder: it replaces the former one.",
    "3. 「更正」列可填写说明，供数据管理方修正契约、表头对应或代码表；本表不会被读入。"
    " The column 'correction' is for remarks to the data office, which may mend contract, header mapping or code list; this sheet itself is not taken in.",
    "4. 数据管理方随后运行 govlake quarantine retry。The data office then runs: govlake quarantine retry.",
)


def _how_to(sheet: Any, line: int) -> None:
    """What the office does with the sheet, below the overview."""
    for number, text in enumerate(_HOW_TO):
        sheet.write_string(line + number, 0, text)


def _feed_sheets(book: Any, one: FeedQuarantine, head: Any) -> int:
    frame = pl.DataFrame(one.rows).sort("delivery", "source_row")
    masker = _Masker(one.contract, one.mapping, frame)
    headers = masker.headers(frame)
    titles = ("文件 file", "行号 row", "字段 field", "规则 rules", "问题 message", "处理建议 remedy", "更正 correction", *headers)
    sheet, line, part = None, 0, 0
    for row in frame.iter_rows(named=True):
        if sheet is None or line > _SHEET_ROWS:
            part += 1
            sheet = book.add_worksheet(f"{one.contract.name}{'' if part == 1 else f' {part}'}"[:31])
            sheet.freeze_panes(1, 2)
            sheet.set_column(0, len(titles) - 1, 22)
            _row(sheet, 0, titles, head)
            line = 1
        masked = masker.row(row)
        said = (f"{row['message_zh']} | {row['message']}", f"{row['remedy_zh']} | {row['remedy']}", "")
        _row(
            sheet,
            line,
            (row["delivery"], row["source_row"], row["field"], row.get("rules") or row["rule"], *said, *(masked.get(h) for h in headers)),
        )
        line += 1
    return frame.height


def _row(sheet: Any, line: int, values: Iterable[object], style: Any = None) -> None:
    for column, value in enumerate(values):
        if isinstance(value, int):
            sheet.write_number(line, column, value, style)
        elif value not in (None, ""):
            sheet.write_string(line, column, defused(str(value)), style)


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula, link or control: an apostrophe before `= + - @`, control characters made visible."""
    plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "\ufffd", text)[:_CELL_CHARACTERS]
    risky = plain.lstrip()[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠") or plain[:1] in ("\t", "\r", "\n")
    return f"'{plain}" if risky and not re.fullmatch(r"[+-]?\d+(\.\d+)?", plain) else plain


def shape(text: str) -> str:
    """The shape of a text: Chinese characters 某, letters x, digits 0; runs longer than 40 shortened."""
    made = re.sub(r"[^\W\d_a-zA-Z]", "某", text)
    made = re.sub(r"[a-zA-Z]", "x", made)
    made = re.sub(r"\d", "0", made)
    return re.sub(r"(.)\1{40,}", r"\1\1\1…", made)


def partly(text: str) -> str:
    """A name or number of which only the ends stay: first character of a name, first three and last two of a long number."""
    text = text.strip()
    if re.fullmatch(r"[\dxX+()\- ]{7,}", text):
        return text[:3] + "*" * (len(text) - 5) + text[-2:]
    if len(text) <= 4 and not re.search(r"\d", text):
        return text[:1] + "*" * (len(text) - 1)
    return shape(text)


class _Masker:
    """Decides for each value of a feed's refused rows what is shown."""

    def __init__(self, contract: Feed, mapping: FeedMapping, frame: pl.DataFrame) -> None:
        self.contract, self.mapping = contract, mapping
        self._columns: dict[tuple[str, ...], dict[str, Column]] = {}
        self._common = self._common_values(frame)

    def headers(self, frame: pl.DataFrame) -> list[str]:
        """All source headers of the rows, in order of appearance; rows without fields put their line under 原文 line."""
        found: dict[str, None] = {}
        for raw, rule in frame.select("raw", "rule").iter_rows():
            found |= dict.fromkeys(["原文 line"] if rule == "malformed" else _fields(raw))
        return list(found)

    def row(self, row: Mapping[str, Any]) -> dict[str, str | None]:
        """Source header → masked value."""
        if row["rule"] == "malformed":
            return {"原文 line": shape(row["raw"] or "")}
        fields = _fields(row["raw"])
        columns = self._columns_of(tuple(fields))
        broken = {part.partition(":")[::2] for part in (row.get("rules") or "").split(";")}
        if any(rule == "shifted_columns" for rule, _ in broken):
            return {header: None if value is None else shape(str(value)) for header, value in fields.items()}
        return {header: self._value(value, columns.get(header), broken) for header, value in fields.items()}

    def _value(self, value: object, column: Column | None, broken: set[tuple[str, str]]) -> str | None:
        if value is None or value == "":
            return None
        text = str(value)
        if column is None:
            return shape(text)
        if column.classification in ("personal", "sensitive"):
            return partly(text)
        if re.search(r"\d{11}", text) and (column.name not in self.contract.keys or re.search(r"[^\W\d_a-zA-Z]", text)):
            # Long enough for a telephone or identity number; only a key, if it is a number alone, is shown.
            return shape(text)
        rules = {rule for rule, field in broken if field == column.name}
        if not rules or rules <= {"required", "min", "max", "not_future"}:
            # A key in its own column is how the office finds its record; other free text may hold anything, so it is held to be short.
            return text if column.type != "text" or column.codes or len(text) <= 64 else shape(text)
        if rules == {"code"} and (column.name, parse.folded(text)) in self._common:
            return text
        return shape(text)

    def _common_values(self, frame: pl.DataFrame) -> set[tuple[str, str]]:
        """Values outside a code list that several refused rows share."""
        counts: dict[tuple[str, str], int] = {}
        for raw, rules in frame.filter(pl.col("rules").str.contains("code:")).select("raw", "rules").iter_rows():
            fields = _fields(raw)
            columns = self._columns_of(tuple(fields))
            for header, value in fields.items():
                column = columns.get(header)
                if column and value and f"code:{column.name}" in rules and len(str(value)) <= 20:
                    at = (column.name, parse.folded(str(value)))
                    counts[at] = counts.get(at, 0) + 1
        return {at for at, count in counts.items() if count >= _COMMON}

    def _columns_of(self, headers: tuple[str, ...]) -> dict[str, Column]:
        if headers not in self._columns:
            fed = match_headers(self.contract, self.mapping, headers).columns
            self._columns[headers] = {header: self.contract.column(name) for header, name in fed.items() if name}
        return self._columns[headers]


def _fields(raw: str | None) -> dict[str, Any]:
    try:
        value = json.loads(raw or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
