"""Refused rows go back to their office without telling on anyone."""

from __future__ import annotations

import json
from pathlib import Path

import python_calamine
from delivering import deliver, take_in

from contracts.district import FeedMapping
from contracts.load import feeds
from quality.quarantine import FeedQuarantine, defused, export, listed, partly, shape, shown

CONTENT = (
    "ticket_no,created_at,姓名,来电号码,性质,内容,备注\n"
    + "".join(f"T{n},2024-03-0{n + 1},张某某,13800138000,投诉,路灯不亮,x\n" for n in range(5))
    + "B1,昨天,李小明,13912345678,牢骚,住幸福路88号的人,备注李小明\n"
    + "=cmd|' /C calc'!A0,,王五,13700000000,投诉,井盖,=1+1\n"
    + 'B3,2024-03-01,"赵六,13600000000,投诉,x\n'
).encode()


def refused(tmp_path: Path):
    return take_in(deliver(tmp_path, CONTENT)).cleaned.refused


def test_the_list_counts_by_rule_without_values(tmp_path: Path) -> None:
    rows = listed(refused(tmp_path)).to_pylist()
    assert {(row["rule"], row["field"], row["rows"], row["first_row"]) for row in rows} == {
        ("type", "created_at", 1, 7),
        ("required", "created_at", 1, 8),
        ("malformed", None, 1, 9),
    }
    assert "raw" not in rows[0]


def test_no_personal_value_is_shown(tmp_path: Path) -> None:
    told = json.dumps(shown(refused(tmp_path), feeds()["ticket"], FeedMapping()).to_pylist(), ensure_ascii=False)
    for secret in ("李小明", "13912345678", "幸福路88号", "昨天", "赵六", "13600000000"):
        assert secret not in told
    assert "B1" in told
    assert "139******78" in told


def test_the_sheet_for_the_office_is_masked_and_defused(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.xlsx"
    written = export([FeedQuarantine(feeds()["ticket"], FeedMapping(), refused(tmp_path))], path)
    book = python_calamine.CalamineWorkbook.from_path(str(path))
    assert written == 3
    assert len(book.sheet_names) == 2
    cells = [str(cell) for name in book.sheet_names for line in book.get_sheet_by_name(name).to_python() for cell in line]
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
    for secret in ("李小明", "13912345678", "幸福路88号", "赵六", "13600000000"):
        assert not any(secret in cell for cell in cells)


def test_equal_rows_give_an_equal_sheet(tmp_path: Path) -> None:
    rows = refused(tmp_path)
    paths = [tmp_path / f"{n}.xlsx" for n in range(2)]
    for path in paths:
        export([FeedQuarantine(feeds()["ticket"], FeedMapping(), rows)], path)
    sheets = [python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(1).to_python() for path in paths]
    assert sheets[0] == sheets[1]


def test_shapes_and_parts() -> None:
    assert shape("幸福路88号 Unit A, 5") == "某某某00某 xxxx x, 0"
    assert partly("13912345678") == "139******78"
    assert partly("李小明") == "李**"
    assert partly("幸福路88号3单元") == "某某某00某0某某"
    assert [defused(text) for text in ("=1+1", "-5", "@x", "\tx", "普通", "+86 1")] == ["'=1+1", "-5", "'@x", "'\tx", "普通", "'+86 1"]
