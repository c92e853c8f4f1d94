"""Damaged deliveries for the torture test: many mechanisms, each at several places in the file.

Every mechanism takes a sound file and a place (0 start … 1 end) and gives the damaged bytes with what must be said about them. All
people and values here are generated.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

PLACES = (0.02, 0.2, 0.4, 0.6, 0.8, 0.98)
HEADER = ("工单编号", "登记时间", "诉求内容", "来电号码", "事发地址", "经度", "纬度", "工单状态")
ROWS = 60


@dataclass(frozen=True)
class Damaged:
    """One damaged delivery. `said`: kinds of which at least one must be reported (empty: nothing need be said)."""

    mechanism: str
    place: float
    file: str
    content: bytes
    said: tuple[str, ...]
    sound_rows: int
    """Rows that must still be accepted, at least."""
    given_encoding: str | None = None


def row(number: int) -> list[str]:
    """A sound, generated ticket."""
    status = ("受理", "派单", "办结")[number % 3]
    return [f"W{number:06d}", f"2024-03-{number % 28 + 1:02d} 0{number % 9}:15:00", f"第{number}号路灯不亮，请派人查看", f"1380013{number:04d}",
            f"幸福路{number}号", f"113.{number:03d}", f"22.{number:03d}", status]  # fmt: skip


def lines() -> list[str]:
    return [",".join(HEADER), *(",".join(row(number)) for number in range(ROWS))]


def csv_bytes(listed: list[str], encoding: str = "utf-8", line_end: str = "\n") -> bytes:
    return (line_end.join(listed) + line_end).encode(encoding)


def at(place: float) -> int:
    """The data line (1 …) at a place."""
    return max(1, min(ROWS - 1, round(place * ROWS)))


Mechanism = Callable[[float], Damaged]
MECHANISMS: dict[str, Mechanism] = {}


def mechanism(make: Mechanism) -> Mechanism:
    MECHANISMS[make.__name__] = make
    return make


def text(place: float, listed: list[str], said: tuple[str, ...], lost: int, *, encoding: str = "utf-8", **more: Any) -> Damaged:
    return Damaged("", place, "tickets.csv", csv_bytes(listed, encoding), said, ROWS - lost, **more)


def changed(place: float, change: Callable[[str], str]) -> list[str]:
    listed = lines()
    listed[at(place)] = change(listed[at(place)])
    return listed


@mechanism
def cut_in_the_middle_of_a_character(place: float) -> Damaged:
    listed = lines()
    whole = csv_bytes(listed[: at(place)]) + listed[at(place)].encode()
    end = whole.rfind("灯".encode()) + 2
    return Damaged("", place, "tickets.csv", whole[:end], ("rows_malformed",), at(place) - 1)


@mechanism
def wrong_encoding_declared(place: float) -> Damaged:
    return text(place, lines(), ("encoding_differs",), 0, encoding="gb18030", given_encoding="utf-8")


@mechanism
def utf8_declared_as_gbk(place: float) -> Damaged:
    return text(place, lines(), ("encoding_differs",), 0, given_encoding="gbk")


@mechanism
def unknown_encoding_declared(place: float) -> Damaged:
    return text(place, lines(), ("encoding_unknown",), 0, given_encoding="klingon")


@mechanism
def mixed_encodings(place: float) -> Damaged:
    listed = lines()
    parts = [csv_bytes([line], "gb18030" if number in (at(place), at(place) + 1) else "utf-8") for number, line in enumerate(listed)]
    return Damaged("", place, "tickets.csv", b"".join(parts), ("replaced_characters",), ROWS - 2)


@mechanism
def four_byte_gb18030(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("幸福路", "𠮷㐂路")), (), 0, encoding="gb18030")


@mechanism
def lone_bytes(place: float) -> Damaged:
    content = csv_bytes(lines())
    spot = content.find(b"\xe8", int(len(content) * place)) + 1
    return Damaged("", place, "tickets.csv", content[:spot] + b"\xff\xfe" + content[spot:], ("replaced_characters",), ROWS - 2)


@mechanism
def characters_lost_before_delivery(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("幸", "\ufffd")), ("characters_lost_before",), 0)


@mechanism
def nul_bytes(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("路灯", "路\0\0灯")), ("rows_malformed",), 1)


@mechanism
def block_of_nul_bytes(place: float) -> Damaged:
    content = csv_bytes(lines())
    spot = int(len(content) * place)
    spot = content.find(b"\n", spot) + 1 or len(content)
    return Damaged("", place, "tickets.csv", content[:spot] + b"\0" * 4096 + content[spot:], ("rows_malformed",), ROWS - 1)


@mechanism
def byte_order_mark(place: float) -> Damaged:
    return text(place, lines(), (), 0, encoding="utf-8-sig")


@mechanism
def byte_order_mark_in_the_middle(place: float) -> Damaged:
    return text(place, changed(place, lambda line: "\ufeff" + line), (), 0)


@mechanism
def utf16(place: float) -> Damaged:
    return text(place, lines(), (), 0, encoding="utf-16")


@mechanism
def utf16_cut_in_half_a_character(place: float) -> Damaged:
    content = csv_bytes(lines(), "utf-16")
    return Damaged("", place, "tickets.csv", content[:-1], ("replaced_characters",), ROWS - 1)


@mechanism
def unbalanced_quote(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("第", '"第', 1)), ("rows_malformed",), 1)


@mechanism
def unbalanced_quotes_twice(place: float) -> Damaged:
    listed = changed(place, lambda line: line.replace("第", '"第', 1))
    listed[min(at(place) + 3, ROWS)] = listed[min(at(place) + 3, ROWS)].replace("幸福", '"幸福', 1)
    return text(place, listed, ("rows_malformed",), 5)


@mechanism
def embedded_line_end_in_quotes(place: float) -> Damaged:
    listed = changed(place, lambda line: ",".join('"' + cell.replace("，", "\n\n") + '"' for cell in line.split(",")))
    return text(place, listed, (), 0)


@mechanism
def embedded_line_end_without_quotes(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("，", "\n")), ("rows_malformed",), 1)


@mechanism
def inch_mark(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("路灯", '5" 水管')), ("quotes_unescaped",), 0)


@mechanism
def unquoted_comma(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("，", ",")), ("rows_malformed",), 1)


@mechanism
def unquoted_comma_that_keeps_the_field_count(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("，", ",").rsplit(",", 1)[0]), ("refused:shifted_columns",), 1)


@mechanism
def too_few_fields(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.rsplit(",", 3)[0]), ("rows_malformed",), 1)


@mechanism
def too_many_empty_fields(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line + ",,,"), ("trailing_delimiters",), 0)


@mechanism
def blank_lines(place: float) -> Damaged:
    return text(place, changed(place, lambda line: f"\n{',' * 7}\n   \n{line}"), ("rows_blank",), 0)


@mechanism
def mixed_line_ends(place: float) -> Damaged:
    listed = lines()
    content = b"".join(csv_bytes([line], line_end="\r\n" if number >= at(place) else "\n") for number, line in enumerate(listed))
    return Damaged("", place, "tickets.csv", content, (), ROWS)


@mechanism
def old_macintosh_line_ends(place: float) -> Damaged:
    return Damaged("", place, "tickets.csv", csv_bytes(lines(), line_end="\r"), (), ROWS)


@mechanism
def lone_return_inside_a_field(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("，", "\r")), (), 0)


@mechanism
def no_line_end_at_the_end(place: float) -> Damaged:
    return Damaged("", place, "tickets.csv", csv_bytes(lines())[:-1], (), ROWS)


@mechanism
def control_z_at_the_end(place: float) -> Damaged:
    return Damaged("", place, "tickets.csv", csv_bytes(lines()) + b"\x1a", ("rows_malformed",), ROWS)


@mechanism
def a_long_line(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace("路灯", "路灯" * 1_000_000)), ("rows_malformed",), 1)


@mechanism
def thousands_of_columns(place: float) -> Damaged:
    more = 2000
    listed = [line + "," + ",".join((f"多余{n}" if number == 0 else str(n)) for n in range(more)) for number, line in enumerate(lines())]
    return text(place, listed, ("columns_overflow",), 0)


@mechanism
def repeated_headers(place: float) -> Damaged:
    listed = [line + "," + (HEADER[at(place) % 8] if number == 0 else "重复") for number, line in enumerate(lines())]
    return text(place, listed, ("header_repeated",), 0)


@mechanism
def missing_required_column(place: float) -> Damaged:
    listed = [",".join(line.split(",")[1:]) for line in lines()]
    return text(place, listed, ("column_missing",), ROWS)


@mechanism
def header_missing(place: float) -> Damaged:
    return text(place, lines()[1:], ("header_unknown",), ROWS)


@mechanism
def header_repeated_in_the_middle(place: float) -> Damaged:
    listed = lines()
    listed.insert(at(place), listed[0])
    return text(place, listed, ("refused:repeated_header",), 0)


@mechanism
def title_lines_above_the_header(place: float) -> Damaged:
    return text(place, ["某市热线工单", "", *lines()], ("header_not_first",), 0)


@mechanism
def empty_file(place: float) -> Damaged:
    return Damaged("", place, "tickets.csv", b"", ("file_empty",), 0)


@mechanism
def header_alone(place: float) -> Damaged:
    return Damaged("", place, "tickets.csv", csv_bytes(lines()[:1]), ("file_without_rows",), 0)


@mechanism
def dates_before_1900_and_numbers_as_dates(place: float) -> Damaged:
    return text(place, changed(place, lambda line: line.replace(line.split(",")[1], "1024-03-01")), ("refused:min",), 1)


@mechanism
def key_damaged_in_decoding(place: float) -> Damaged:
    content = csv_bytes(lines()).replace(f"W{at(place):06d}".encode(), f"W{at(place):05d}".encode() + b"\xff")
    return Damaged("", place, "tickets.csv", content, ("replaced_characters",), ROWS - 1)


@mechanism
def binary_garbage(place: float) -> Damaged:
    return Damaged("", place, "tickets.csv", bytes(range(256)) * 40, ("header_unknown",), 0)


@mechanism
def gzip_under_a_wrong_name(place: float) -> Damaged:
    import gzip

    return Damaged("", place, "tickets.csv", gzip.compress(csv_bytes(lines())), ("header_unknown",), 0)


# Excel.


def workbook(fill: Callable[[Any, Any], None]) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        fill(book, book.add_worksheet("工单"))
    return stream.getvalue()


def table_into(sheet: Any, top: int = 0) -> None:
    sheet.write_row(top, 0, HEADER)
    for number in range(ROWS):
        for column, cell in enumerate(row(number)):
            sheet.write_string(top + 1 + number, column, cell)


def excel(place: float, fill: Callable[[Any, Any], None], said: tuple[str, ...], lost: int = 0) -> Damaged:
    return Damaged("", place, "tickets.xlsx", workbook(fill), said, ROWS - lost)


@mechanism
def excel_merged_header(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        sheet.merge_range(0, 6, 0, 7, HEADER[6])

    return excel(place, fill, ("header_merged",))


@mechanism
def excel_hidden_sheet(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        book.add_worksheet("旧").hide()

    return excel(place, fill, ("sheets_hidden",))


@mechanism
def excel_error_cells(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        sheet.write_formula(at(place), 5, "=1/0", None, "#DIV/0!")

    return excel(place, fill, ("cells_with_errors",))


@mechanism
def excel_formulas(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        sheet.write_formula(at(place), 5, "=100+13", None, 113)

    return excel(place, fill, ())


@mechanism
def excel_dates_of_both_kinds(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        sheet.write_datetime(at(place), 1, dt.datetime(2024, 3, 1, 9, 5), book.add_format({"num_format": "yyyy/m/d h:mm"}))

    return excel(place, fill, ())


@mechanism
def excel_numbers_as_text_and_text_as_numbers(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        sheet.write_number(at(place), 0, 20240301000123456)
        sheet.write_number(at(place), 3, 13800138000)

    return excel(place, fill, ("numbers_rounded",))


@mechanism
def excel_empty_styled_range(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        style = book.add_format({"bg_color": "yellow"})
        for number in range(ROWS + 1, 65_000):
            sheet.write_blank(number, 2, None, style)

    return excel(place, fill, ())


@mechanism
def excel_blank_rows_between(place: float) -> Damaged:
    def fill(book: Any, sheet: Any) -> None:
        table_into(sheet)
        sheet.write_row(ROWS + 40, 0, row(999))

    return excel(place, fill, ("rows_blank",))


@mechanism
def excel_cut_off(place: float) -> Damaged:
    content = workbook(lambda book, sheet: table_into(sheet))
    return Damaged("", place, "tickets.xlsx", content[: int(len(content) * place)], ("file_unreadable",), 0)


@mechanism
def excel_zip_bomb(place: float) -> Damaged:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package, package.open("xl/worksheets/sheet1.xml", "w") as part:
        for _ in range(80):
            part.write(b" " * (1 << 20))
    return Damaged("", place, "tickets.xlsx", stream.getvalue(), ("file_too_large",), 0)


@mechanism
def csv_named_excel(place: float) -> Damaged:
    return Damaged("", place, "tickets.xlsx", csv_bytes(lines()), ("file_unreadable",), 0)


# JSON Lines and Parquet.


def objects() -> list[str]:
    return [json.dumps(dict(zip(HEADER, row(number), strict=True)), ensure_ascii=False) for number in range(ROWS)]


@mechanism
def json_line_broken(place: float) -> Damaged:
    listed = objects()
    listed[at(place)] = listed[at(place)][:-9]
    return Damaged("", place, "tickets.jsonl", csv_bytes(listed), ("rows_malformed",), ROWS - 1)


@mechanism
def json_key_twice(place: float) -> Damaged:
    listed = objects()
    listed[at(place)] = '{"工单编号":"X",' + listed[at(place)][1:]
    return Damaged("", place, "tickets.jsonl", csv_bytes(listed), ("rows_malformed",), ROWS - 1)


@mechanism
def json_nested_very_deep(place: float) -> Damaged:
    listed = objects()
    listed[at(place)] = '{"工单编号":' + "[" * 100_000
    return Damaged("", place, "tickets.jsonl", csv_bytes(listed), ("rows_malformed",), ROWS - 1)


@mechanism
def json_array_instead_of_lines(place: float) -> Damaged:
    return Damaged("", place, "tickets.jsonl", ("[" + ",".join(objects()) + "]").encode(), ("file_unreadable",), 0)


@mechanism
def parquet_cut_off(place: float) -> Damaged:
    stream = io.BytesIO()
    pq.write_table(pa.table({name: [row(n)[k] for n in range(ROWS)] for k, name in enumerate(HEADER)}), stream)
    return Damaged("", place, "tickets.parquet", stream.getvalue()[: int(stream.tell() * place)], ("file_unreadable",), 0)


@mechanism
def parquet_page_damaged(place: float) -> Damaged:
    stream = io.BytesIO()
    pq.write_table(pa.table({name: [row(n)[k] for n in range(ROWS)] for k, name in enumerate(HEADER)}), stream, compression="zstd")
    content = bytearray(stream.getvalue())
    spot = 40 + int(800 * place)
    content[spot : spot + 60] = b"\xff" * 60
    return Damaged("", place, "tickets.parquet", bytes(content), ("file_unreadable",), 0)


def deliveries() -> Iterator[Damaged]:
    """All mechanisms at all places."""
    for name, make in MECHANISMS.items():
        for place in PLACES:
            made = make(place)
            yield Damaged(name, place, made.file, made.content, made.said, max(0, made.sound_rows), made.given_encoding)
