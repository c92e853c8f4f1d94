"""Delimited text: rows, line numbers and bytes, on the fast and on the careful path."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sources import text
from sources.text import Account, Dialect, rows


def read(content: str, fields: int, *, careful: bool = False, block: int = 1 << 20, quote: str | None = '"'):
    data = content.encode()
    account = Account()
    blocks = [data[start : start + block] for start in range(0, len(data), block)]
    made = list(rows(blocks, Dialect(",", quote), fields, account, careful=careful))
    sound: list[tuple[int, tuple[str, ...]]] = []
    malformed: list[tuple[int, str]] = []
    for one in made:
        table = pa.Table.from_arrays(one.columns, [str(n) for n in range(fields)])
        sound += list(zip(one.lines.tolist(), zip(*(column.to_pylist() for column in table.columns), strict=True), strict=True))
        malformed += one.malformed
    return sound, malformed, account


cells = st.text(alphabet='ab "",\n\r\t1号\ufffd', max_size=6)
line_texts = st.text(alphabet='ab"",,\n\r号 \0', max_size=60)


@given(line_texts, st.integers(1, 40), st.integers(2, 4))
@settings(max_examples=400, deadline=None)
def test_fast_and_careful_paths_give_the_same_rows_whatever_the_block_size(content: str, block: int, fields: int) -> None:
    slow_rows, slow_bad, slow = read(content, fields, careful=True)
    for size in (block, 1 << 20):
        fast_rows, fast_bad, fast = read(content, fields, block=size)
        assert sorted(fast_rows) == sorted(slow_rows)
        assert sorted(fast_bad) == sorted(slow_bad)
        counted = ("rows_bytes", "blank_bytes", "rows", "malformed", "blank_rows", "trailing_delimiters")
        assert [getattr(fast, name) for name in counted] == [getattr(slow, name) for name in counted]


@given(line_texts, st.integers(1, 40), st.integers(2, 4))
@settings(max_examples=300, deadline=None)
def test_every_byte_is_a_rows_or_a_blank_lines(content: str, block: int, fields: int) -> None:
    sound, malformed, account = read(content, fields, block=block)
    assert account.rows_bytes + account.blank_bytes == len(content.encode())
    assert account.rows == len(sound) + len(malformed)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=12), st.sampled_from(["\n", "\r\n"]), st.integers(1, 50))
@settings(max_examples=300, deadline=None)
def test_what_a_csv_writer_wrote_comes_back(table: list[list[str]], line_end: str, block: int) -> None:
    table = [row for row in table if any(row)]
    written = io.StringIO()
    csv.writer(written, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(table)
    sound, malformed, _ = read(written.getvalue(), 3, block=block)
    assert [list(row) for _, row in sound] == table
    assert not malformed


def test_a_row_is_numbered_by_the_line_on_which_it_starts() -> None:
    sound, _, account = read('a,"x\ny",1\n\n,,\nb,z,2\n', 3)
    assert sound == [(1, ("a", "x\ny", "1")), (5, ("b", "z", "2"))]
    assert (account.blank_rows, account.blank_bytes) == (2, 4)


def test_a_quote_that_never_closes_spoils_its_own_line_only() -> None:
    sound, malformed, _ = read('a,"x,1\nb,y,2\nc,"z",3\n', 3)
    assert malformed == [(1, 'a,"x,1')]
    assert [line for line, _ in sound] == [2, 3]


def test_quotes_inside_a_field_are_plain_characters() -> None:
    sound, malformed, account = read('1,5" pipe,x\n2,the "old" road,y\n', 3)
    assert [row[1] for _, row in sound] == ['5" pipe', 'the "old" road']
    assert not malformed
    assert account.plain_quotes == 2


def test_ragged_rows_are_kept_whole_and_trailing_delimiters_forgiven() -> None:
    sound, malformed, account = read("a,b,c\na,b\na,b,c,d\na,b,c,,\n", 3)
    assert [line for line, _ in sound] == [1, 4]
    assert malformed == [(2, "a,b"), (3, "a,b,c,d")]
    assert account.trailing_delimiters == 1


def test_an_endless_line_is_cut_and_its_neighbours_are_read(monkeypatch) -> None:
    monkeypatch.setattr(text, "MAX_RECORD", 1000)
    monkeypatch.setattr(text, "KEPT_OF_LONG_LINE", 50)
    content = "a,b,c\n" + "x" * 5000 + "\nd,e,f\n"
    for careful in (True, False):
        for block in (64, 700, 1 << 20):
            sound, malformed, account = read(content, 3, careful=careful, block=block)
            assert [line for line, _ in sound] == [1, 3]
            assert [line for line, _ in malformed] == [2]
            assert len(malformed[0][1]) < 200
            assert account.rows_bytes == len(content)
            assert account.long_lines == 1
