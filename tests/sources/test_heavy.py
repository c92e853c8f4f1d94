"""Deliveries that would need far more memory than they have bytes, each read in a process of its own: no crash, memory bounded, books balanced."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from torture import csv_bytes, lines

MIB = 1 << 20

# Reads one file and says its status, rows, kinds of problems, and how much memory it took beyond what Python and the libraries take.
READ = """
import hashlib, json, resource, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
from delivering import assert_balanced, take_in
from contracts.delivery import Delivery

path = Path(sys.argv[2])
digest = hashlib.sha256()
with path.open("rb") as stream:
    while block := stream.read(1 << 20):
        digest.update(block)
warm = path.parent / "warm.csv"
warm.write_text("工单编号,登记时间\\nT1,2024-03-01\\n", encoding="utf-8")
def take(file, sha256):
    return take_in(Delivery(feed="ticket", date="2024-03-31", file=file.name, path=file, bytes=file.stat().st_size, sha256=sha256))
take(warm, hashlib.sha256(warm.read_bytes()).hexdigest())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = take(path, digest.hexdigest())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert_balanced(result, path.stat().st_size)
said = {"status": result.certificate.status, "read": result.certificate.rows_read, "accepted": result.cleaned.rows_accepted}
print(json.dumps({**said, "kinds": sorted(result.problems), "mib": peak >> 10}))
"""


def line_of_100_mib(path: Path) -> None:
    listed = lines()
    listed[30] += "x" * (100 * MIB)
    path.write_bytes(csv_bytes(listed))


def quote_never_closed_before_50_mib(path: Path) -> None:
    listed = lines()
    listed[1] = '"' + listed[1]
    row = (listed[5] + "\n").encode()
    path.write_bytes(csv_bytes(listed) + row * (50 * MIB // len(row)))


def columns(count: int, rows: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        head = ",".join(["工单编号", "登记时间", *(f"c{number}" for number in range(count))])
        path.write_text("\n".join([head, *(f"T{row},2024-03-01" + ",x" * count for row in range(rows)), ""]), encoding="utf-8")

    return write


def json_line_of_100_mib(path: Path) -> None:
    sound = json.dumps({"工单编号": "T2", "登记时间": "2024-03-01"}, ensure_ascii=False)
    long = json.dumps({"工单编号": "T1", "登记时间": "2024-03-01", "诉求内容": "x" * (100 * MIB)}, ensure_ascii=False)
    path.write_text(f"{long}\n{sound}\n", encoding="utf-8")


def _workbook(path: Path, blank_rows: int = 0) -> None:
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet, style = book.add_worksheet(), book.add_format({"bg_color": "yellow"})
        sheet.write_row(0, 0, ["工单编号", "登记时间"])
        sheet.write_row(1, 0, ["T1", "2024-03-01"])
        for row in range(2, 2 + blank_rows):
            for column in range(30):
                sheet.write_blank(row, column, None, style)


def excel_styled_range_of_65_000_rows(path: Path) -> None:
    _workbook(path, 65_000)


def excel_bomb_of_2_gib(path: Path) -> None:
    """A sound workbook, its sheet padded with blanks."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        book.add_worksheet().write_row(0, 0, ["工单编号", "登记时间"])
    with zipfile.ZipFile(stream) as sound, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in sound.namelist():
            if not name.endswith("sheet1.xml"):
                bomb.writestr(name, sound.read(name))
                continue
            with bomb.open(name, "w", force_zip64=True) as part:
                for _ in range(2048):
                    part.write(b" " * MIB)


def parquet_bomb_of_10_gib(path: Path) -> None:
    """One long text, said 20 million times by a dictionary."""
    number = pa.DictionaryArray.from_arrays(pa.array([0] * MIB, pa.int32()), pa.array(["T" * 500]))
    day = pa.DictionaryArray.from_arrays(pa.array([0] * MIB, pa.int32()), pa.array(["2024-03-01"]))
    rows = pa.table({"工单编号": number, "登记时间": day})
    with pq.ParquetWriter(path, rows.schema) as writer:
        for _ in range(20):
            writer.write_table(rows)


HEAVY: dict[str, tuple[str, Callable[[Path], None], dict[str, object], str, int]] = {
    "line of 100 MiB": ("t.csv", line_of_100_mib, {"status": "read", "read": 60, "accepted": 59}, "line_too_long", 200),
    "quote never closed": ("t.csv", quote_never_closed_before_50_mib, {"status": "read"}, "rows_malformed", 1000),
    "10,000 columns": ("t.csv", columns(10_000, 200), {"status": "read", "read": 200, "accepted": 200}, "columns_overflow", 600),
    "a million columns": ("t.csv", columns(1_000_000, 1), {"status": "unreadable", "read": 0}, "file_unreadable", 1500),
    "JSON line of 100 MiB": ("t.jsonl", json_line_of_100_mib, {"status": "read", "read": 2, "accepted": 1}, "rows_malformed", 200),
    "styled range": ("t.xlsx", excel_styled_range_of_65_000_rows, {"status": "read", "read": 1, "accepted": 1}, "", 300),
    "Excel bomb": ("t.xlsx", excel_bomb_of_2_gib, {"status": "unreadable", "read": 0}, "file_too_large", 100),
    "Parquet bomb": ("t.parquet", parquet_bomb_of_10_gib, {"status": "unreadable", "read": 0}, "file_too_large", 4000),
}
"""File name, its writer, what must come of it, a kind that must be said, and the most MiB that reading it may take."""


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_delivery_is_read_or_refused_in_bounded_memory(name: str, tmp_path: Path) -> None:
    file, write, expected, kind, most = HEAVY[name]
    write(tmp_path / file)
    folder = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", READ, json.dumps([str(folder), str(folder.parent)]), str(tmp_path / file)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    (tmp_path / file).unlink()
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert {key: said[key] for key in expected} == expected, said
    assert not kind or kind in said["kinds"]
    assert said["mib"] <= most, said
