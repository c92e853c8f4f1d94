"""Files of any format become rows of text with a certificate that adds up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from delivering import assert_balanced, deliver, take_in

from contracts.district import FeedMapping, Format
from sources import encoding as enc

HEADER = "工单编号,登记时间,诉求内容,来电号码\n"
ROWS = "T1,2024-03-01 09:05:00,路灯不亮,13800138000\nT2,2024-03-02 10:00:00,井盖松动,13900139000\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_detected_and_reported(tmp_path: Path, encoding: str) -> None:
    content = (HEADER + ROWS * 20).encode(encoding)
    result = take_in(deliver(tmp_path, content))
    assert result.certificate.encoding_source == "detected"
    assert result.certificate.encoding == {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    assert result.raw["诉求内容"][1].as_py() == "井盖松动"
    assert result.certificate.replaced_characters == 0
    assert_balanced(result, len(content))


def test_big5_is_told_from_gb18030(tmp_path: Path) -> None:
    content = ("案件編號,登記時間,案件地址\n" + "1,2024-03-01,臺北市中正區忠孝西路一段號旁邊的公園\n" * 5).encode("cp950")
    result = take_in(deliver(tmp_path, content), FeedMapping(headers={"created_at": ("登記時間",)}))
    assert result.certificate.encoding == "cp950"
    assert result.raw["案件地址"][0].as_py() == "臺北市中正區忠孝西路一段號旁邊的公園"
    assert_balanced(result, len(content))


def test_four_byte_gb18030_survives(tmp_path: Path) -> None:
    content = (HEADER + ROWS * 5 + "T9,2024-03-03,𠮷野路㐂,\n").encode("gb18030")
    result = take_in(deliver(tmp_path, content))
    assert result.raw["诉求内容"].to_pylist()[-1] == "𠮷野路㐂"
    assert_balanced(result, len(content))


def test_a_wrong_encoding_in_the_mapping_is_overruled_by_the_bytes_and_said(tmp_path: Path) -> None:
    content = (HEADER + ROWS * 20).encode("gb18030")
    result = take_in(deliver(tmp_path, content), FeedMapping(format=Format(encoding="utf-8")))
    assert result.certificate.encoding == "gb18030"
    assert "encoding_differs" in result.problems
    assert result.raw["诉求内容"][0].as_py() == "路灯不亮"


def test_undecodable_bytes_are_replaced_counted_and_named_by_row(tmp_path: Path) -> None:
    good = (HEADER + ROWS * 20).encode()
    content = good + b"T8,2024-03-05,\xe8\xb7\xff,\n" + "T9,2024-03-05,末".encode()[:-1]
    result = take_in(deliver(tmp_path, content))
    problem = next(problem for problem in result.certificate.problems if problem.kind == "replaced_characters")
    assert result.certificate.replaced_characters == problem.count == 3
    assert problem.row == 42
    assert_balanced(result, len(content))


def test_delimiters_titles_and_unknown_columns(tmp_path: Path) -> None:
    content = "2024年3月工单\n\n工单编号;登记时间;备注\nT1;2024-03-01;x\n".encode()
    result = take_in(deliver(tmp_path, content))
    assert result.certificate.delimiter == ";"
    assert result.certificate.columns == {"工单编号": "ticket_no", "登记时间": "created_at", "备注": None}
    assert {"header_not_first", "column_new"} <= result.problems
    assert result.raw["_row"].to_pylist() == [4]
    assert_balanced(result, len(content))


def test_headers_differ_in_case_width_and_blanks(tmp_path: Path) -> None:
    content = "\ufeff ＴＩＣＫＥＴ＿ＮＯ ,登 记 时 间*,LNG\nT1,2024-03-01,113.5\n".encode()
    result = take_in(deliver(tmp_path, content))
    assert result.cleaned.rows_accepted == 1
    assert result.cleaned.accepted["lng"][0].as_py() == Decimal("113.5")


def test_repeated_and_empty_headers_become_raw_columns_of_their_own(tmp_path: Path) -> None:
    content = "ticket_no,created_at,地址,地址,,Ticket_No\nT1,2024-03-01,a,b,c,T1\n".encode()
    result = take_in(deliver(tmp_path, content))
    assert result.raw.column_names[4:] == ["ticket_no", "created_at", "地址", "地址__2", "column_5", "ticket_no__2"]
    assert "header_repeated" in result.problems
    assert result.cleaned.accepted["address"].to_pylist() == ["a"]


def test_ten_thousand_columns_go_together_beyond_the_first_unknown_ones(tmp_path: Path) -> None:
    names = ["ticket_no", "created_at", *(f"c{n}" for n in range(10_000))]
    content = (",".join(names) + "\n" + ",".join(["T1", "2024-03-01", *map(str, range(10_000))]) + "\n").encode()
    result = take_in(deliver(tmp_path, content))
    assert len(result.raw.column_names) == 4 + 2 + 300 + 1
    assert '"c9999":"9999"' in result.raw["_overflow"][0].as_py()
    assert result.cleaned.rows_accepted == 1


def test_files_without_a_known_header_or_without_anything_are_unreadable(tmp_path: Path) -> None:
    for name, content, kind in (("a.csv", b"", "file_empty"), ("b.csv", b"1,2,3\n4,5,6\n", "header_unknown")):
        result = take_in(deliver(tmp_path, content, file=name))
        assert result.certificate.status == "unreadable"
        assert kind in result.problems
        assert_balanced(result, len(content))


def test_values_that_slid_into_the_header_line_are_told_nowhere(tmp_path: Path) -> None:
    header = "工单编号,登记时间,姓名,电话T1,2024-03-01,张三,13800138000," + "很长的内容" * 20
    result = take_in(deliver(tmp_path, f"{header}\nT2,2024-03-02,x,x,x,x,x,x\n".encode()))
    told = result.certificate.model_dump_json() + " ".join(result.raw.column_names)
    for value in ("13800138000", "很长的内容", "张三", "2024-03-01"):
        assert value not in told
    assert list(result.certificate.columns)[3:] == [f"column_{number}" for number in range(4, 9)]
    assert "header_values" in result.problems


def test_a_file_without_its_header_line_is_unreadable_and_none_of_its_values_is_told(tmp_path: Path) -> None:
    # 投诉 and 电话 are cells that a column is called by; the rest of the row must not become names for it.
    row = "T1,2024-03-01 08:00,王翠花,电话,公明路5号,路灯不亮,投诉"
    result = take_in(deliver(tmp_path, f"{row}\n{row.replace('T1', 'T2')}\n".encode()))
    assert result.certificate.status == "unreadable"
    assert "header_unknown" in result.problems
    assert "王翠花" not in result.certificate.model_dump_json()
    assert "公明路" not in result.certificate.model_dump_json()


def test_a_new_column_without_values_in_the_header_keeps_its_name(tmp_path: Path) -> None:
    result = take_in(deliver(tmp_path, "工单编号,登记时间,紧急程度\nT1,2024-03-01,高\n".encode()))
    assert "紧急程度" in result.certificate.columns
    assert "column_new" in result.problems


def test_a_damaged_header_of_two_byte_characters_keeps_the_books(tmp_path: Path) -> None:
    content = bytearray("\ufeff工单编号,登记时间\nT1,2024-03-01\n".encode("utf-16-le"))
    for place in range(3, len(content)):
        damaged = bytes(content[:place] + b"\0" + content[place:])
        assert_balanced(take_in(deliver(tmp_path, damaged)), len(damaged))


def test_drift_policies_accept_null_and_stop(tmp_path: Path) -> None:
    content = b"ticket_no,created_at,new\nT1,2024-03-01,x\n"
    assert take_in(deliver(tmp_path, content)).raw["new"].to_pylist() == ["x"]
    assert take_in(deliver(tmp_path, content), FeedMapping(drift="null")).raw["new"].to_pylist() == [None]
    stopped = take_in(deliver(tmp_path, content), FeedMapping(drift="stop"))
    assert stopped.certificate.status == "unreadable"
    assert stopped.raw.num_rows == 0


def test_a_file_that_changes_after_it_was_fingerprinted_gives_no_rows_to_keep(tmp_path: Path) -> None:
    for name, grown in (("a.csv", (HEADER + ROWS).encode()), ("b.jsonl", b'{"ticket_no":"1","created_at":"2024-03-01"}\n')):
        delivery = deliver(tmp_path, grown, file=name)
        delivery.path.write_bytes(grown + grown[-30:])
        result = take_in(delivery)
        assert result.certificate.status == "unreadable"
        assert "file_changed" in result.problems
        assert result.certificate.rows_read == 0


def test_a_file_that_vanished_is_unreadable(tmp_path: Path) -> None:
    delivery = deliver(tmp_path, (HEADER + ROWS).encode())
    delivery.path.unlink()
    assert take_in(delivery).certificate.status == "unreadable"


def _workbook(fill) -> bytes:
    stream = BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        fill(book)
    return stream.getvalue()


def test_excel_cells_have_one_text_each(tmp_path: Path) -> None:
    def fill(book) -> None:
        sheet = book.add_worksheet("工单")
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["工单编号", "登记时间", "经度", "是否按时办结", "来电号码"])
        sheet.write_row(1, 0, ["1234567890123456789012345", None, 0.1 + 0.2, True, 13800138000])
        sheet.write_datetime(1, 1, dt.datetime(2024, 3, 1, 9, 5), moment)
        sheet.write_row(2, 0, [42, None, 113.5])
        sheet.write_datetime(2, 1, dt.datetime(2024, 3, 1), day)

    content = _workbook(fill)
    result = take_in(deliver(tmp_path, content, file="a.xlsx"))
    assert list(result.raw.select(result.raw.column_names[4:]).to_pylist()) == [
        {
            "工单编号": "1234567890123456789012345",
            "登记时间": "2024-03-01 09:05:00",
            "经度": "0.3",
            "是否按时办结": "true",
            "来电号码": "13800138000",
        },
        {"工单编号": "42", "登记时间": "2024-03-01", "经度": "113.5", "是否按时办结": "", "来电号码": ""},
    ]
    assert result.raw["_row"].to_pylist() == [2, 3]
    assert_balanced(result, len(content))


def test_excel_oddities_are_reported(tmp_path: Path) -> None:
    def fill(book) -> None:
        hidden = book.add_worksheet("旧数据")
        hidden.write_row(0, 0, ["工单编号", "登记时间"])
        sheet = book.add_worksheet("工单")
        hidden.hide()
        sheet.activate()
        sheet.set_first_sheet()
        sheet.merge_range(0, 0, 0, 2, "三月工单")
        sheet.write_row(1, 0, ["工单编号", "登记时间", "诉求内容"])
        sheet.write_row(2, 0, ["T1", "2024-03-01"])
        sheet.write_formula(2, 2, "=1/0", None, "#DIV/0!")
        sheet.write_row(4, 0, ["T2", "2024-03-01"])
        sheet.write_number(5, 0, 20240301000123456)
        sheet.write_string(5, 1, "2024-03-02")
        sheet.write_blank(65_000, 2, None, book.add_format({"bg_color": "red"}))

    content = _workbook(fill)
    result = take_in(deliver(tmp_path, content, file="a.xlsx"))
    assert result.certificate.sheet == "工单"
    assert {"sheets_hidden", "header_not_first", "cells_with_errors", "rows_blank", "numbers_rounded"} <= result.problems
    assert result.raw["_row"].to_pylist() == [3, 5, 6]
    assert result.cleaned.accepted["body"].to_pylist() == [None, None, None]
    assert_balanced(result, len(content))


def test_json_lines_keep_numbers_and_nested_values_as_written(tmp_path: Path) -> None:
    content = (
        '{"工单编号":12345678901234567890123456,"登记时间":"2024-03-01T01:05:00Z","lng":113.50,"tags":["a",{"b":1}]}\n'
        "\n"
        '{"工单编号":"T2","登记时间":"2024-03-01T09:05:00+08:00","后来":true}\n'
        "{broken\n"
        '{"工单编号":"T3","工单编号":"T4"}\n'
        "[1,2]\n"
    ).encode()
    result = take_in(deliver(tmp_path, content, file="a.jsonl"))
    assert result.raw["工单编号"].to_pylist() == ["12345678901234567890123456", "T2", None, None, None]
    assert result.raw["lng"][0].as_py() == "113.5"
    assert result.raw["tags"][0].as_py() == '["a",{"b":1}]'
    assert result.raw["后来"][1].as_py() == "true"
    assert result.certificate.rows_malformed == 3
    assert result.cleaned.accepted["created_at"].to_pylist() == [dt.datetime(2024, 3, 1, 9, 5)] * 2
    assert_balanced(result, len(content))


def test_parquet_types_become_canonical_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "ticket_no": pa.array([1, 2], pa.int64()),
            "created_at": pa.array([dt.datetime(2024, 3, 1, 9, 5, 0, 500_000), dt.datetime(2024, 3, 2)], pa.timestamp("us")),
            "lng": [113.5, None],
            "lat": pa.array([Decimal("22.500"), None], pa.decimal128(9, 3)),
            "due_at": pa.array([dt.datetime(2024, 3, 1, 1, 0), None], pa.timestamp("ms", tz="UTC")),
            "handled_in_time": [True, None],
            "more": [{"a": 1}, None],
        }
    )
    stream = BytesIO()
    pq.write_table(table, stream)
    content = stream.getvalue()
    result = take_in(deliver(tmp_path, content, file="a.parquet"))
    first = {name: result.raw[name][0].as_py() for name in table.column_names}
    assert first == {
        "ticket_no": "1",
        "created_at": "2024-03-01 09:05:00.5",
        "lng": "113.5",
        "lat": "22.5",
        "due_at": "2024-03-01 01:00:00Z",
        "handled_in_time": "true",
        "more": '{"a":1}',
    }
    assert result.cleaned.accepted["due_at"][0].as_py() == dt.datetime(2024, 3, 1, 9, 0)
    assert_balanced(result, len(content))


def test_an_encoding_decision_never_depends_on_where_a_block_ends() -> None:
    content = ("工单," * 5000).encode()
    for size in (7, 64, 1000):
        counts = enc.Decoded()
        found = enc.Encoding("gb18030", "given")
        source = ("工单," * 5000).encode("gb18030")
        assert b"".join(enc.utf8_blocks(BytesIO(source), found, counts, block=size)) == content
        assert counts.replaced == 0


def test_a_large_file_that_is_mostly_malformed_is_no_table(tmp_path: Path) -> None:
    content = b'ticket_no,created_at,body\n1,2024-03-01,"' + b"a\n" * 150_000
    result = take_in(deliver(tmp_path, content))
    assert result.certificate.status == "unreadable"
    assert "mostly_malformed" in result.problems
