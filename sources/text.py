"""Delimited text (CSV, TSV, TXT) into rows of text with exact line numbers; no line is ever lost and nothing is guessed.

Belongs here: records, fields, quotes, lines that cannot be told apart, and the account of bytes. Does not belong here: encodings
(`encoding`), header names, what a value means.

Two paths give the same rows (a property test holds them together). The *fast* path takes blocks in which every quote stands where
RFC 4180 puts it: numpy finds records and counts fields, pyarrow splits them. The *careful* path takes the rest, record by record:
  - a quoted field runs to its closing quote, which a delimiter or the end of the line must follow;
  - where that fails, the line stands alone: quotes are plain characters if the field count fits (5" pipe), and pair up if one opens a field;
  - a line of another field count, with an unpaired quote or with NUL bytes is malformed: kept whole, as it is, and the next line goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

MAX_RECORD = 4 << 20
"""Bytes that one record may have in UTF-8; a longer line is malformed and its middle stays in the delivered file only."""

KEPT_OF_LONG_LINE = 64 << 10

_NEWLINE, _RETURN = 10, 13


@dataclass
class Account:
    """Where the bytes and lines of the text went; all in UTF-8, header excluded."""

    rows_bytes: int = 0
    blank_bytes: int = 0
    rows: int = 0
    malformed: int = 0
    blank_rows: int = 0
    trailing_delimiters: int = 0
    plain_quotes: int = 0
    long_lines: int = 0
    lines: int = 0
    first_rows: dict[str, list[int]] = field(default_factory=dict)

    def note(self, kind: str, line: int) -> None:
        """Remember the first rows of a kind of trouble, for the message."""
        rows = self.first_rows.setdefault(kind, [])
        if len(rows) < 20:
            rows.append(line)


@dataclass(frozen=True)
class Rows:
    """Some consecutive rows: sound ones as columns of text with their line numbers, malformed ones as (line number, raw line)."""

    columns: list[pa.Array]
    lines: np.ndarray
    malformed: list[tuple[int, str]]


@dataclass(frozen=True)
class Dialect:
    """How fields are separated. `quote` None: quotes are plain characters."""

    delimiter: str
    quote: str | None = '"'


def rows(
    blocks: Iterable[bytes], dialect: Dialect, fields: int, account: Account, *, first_line: int = 1, careful: bool = False
) -> Iterator[Rows]:
    """Split UTF-8 blocks (header removed, starting at line `first_line`) into rows of `fields` columns.

    Blocks may end anywhere. `careful` forces the slow path (for tests).
    """
    reader = _Reader(dialect, fields, account, first_line, careful)
    carry = b""
    for block in blocks:
        carry = carry + block if carry else block
        if len(carry) > MAX_RECORD and not reader.skipping and b"\n" not in carry:
            # One endless line: remember how it starts, then drop bytes until it ends.
            carry = reader.start_long_line(carry)
        if reader.skipping:
            carry = reader.skip(carry)
            if reader.skipping:
                continue
        made, used = reader.take(carry, at_end=False)
        carry = carry[used:]
        if made:
            yield made
    if reader.skipping:
        reader.skip(b"\n", ended_by_file=True)
        carry = b""
    made, _ = reader.take(carry, at_end=True)
    if made:
        yield made


class _Reader:
    """Keeps what one block must know of those before it: line number and a long line that is being skipped."""

    def __init__(self, dialect: Dialect, fields: int, account: Account, first_line: int, careful: bool) -> None:
        self.delimiter = dialect.delimiter.encode()
        self.quote = dialect.quote.encode() if dialect.quote else None
        self.fields = fields
        self.account = account
        self.line = first_line
        self.careful = careful or fields == 1 or len(self.delimiter) != 1
        self.skipping = False
        self._long_head = b""
        self._long_bytes = 0
        self._pending: list[tuple[int, str]] = []
        if self.quote:
            q, d = re.escape(self.quote), re.escape(self.delimiter)
            self._quoted = re.compile(q + b"((?:[^" + q + b"]++|" + q + q + b")*+)" + q + b"(?=" + d + rb"|\r?\n|\Z)", re.DOTALL)
            self._plain = re.compile(b"[^" + d + b"\n]*+")

    def start_long_line(self, text: bytes) -> bytes:
        self.skipping = True
        self._long_head = text[:KEPT_OF_LONG_LINE]
        self._long_bytes = 0
        return text

    def skip(self, text: bytes, *, ended_by_file: bool = False) -> bytes:
        end = text.find(b"\n")
        if end < 0:
            self._long_bytes += len(text)
            return b""
        self._long_bytes += 0 if ended_by_file else end + 1
        self._pending.append((self.line, _shortened(self._long_head, self._long_bytes)))
        self.account.rows_bytes += self._long_bytes
        self.account.long_lines += 1
        self.account.rows += 1
        self.account.malformed += 1
        self.account.note("malformed", self.line)
        self.line += 1
        self.skipping = False
        return text[end + 1 :]

    def take(self, text: bytes, *, at_end: bool) -> tuple[Rows | None, int]:
        """Rows of the complete records at the start of `text`, and how many bytes they took."""
        padded = at_end and text and not text.endswith(b"\n")
        if padded:
            text += b"\n"
        made, used = None, 0
        if text:
            if not self.careful:
                made, used = self._fast(text)
            if made is None and (self.careful or used == 0):
                made, used = self._slowly(text, at_end)
        if padded:
            # The line end added here is not in the file.
            if self._last_was_blank:
                self.account.blank_bytes -= 1
            else:
                self.account.rows_bytes -= 1
        self.account.lines = self.line - 1
        if self._pending:
            early, self._pending = self._pending, []
            if made is None:
                empty = [pa.array([], pa.string())] * self.fields
                return Rows(empty, np.empty(0, np.int64), early), used
            return Rows(made.columns, made.lines, early + made.malformed), used
        return made, used

    _last_was_blank = False

    # The fast path. Gives (None, 0) where the block needs care or holds no complete record.

    def _fast(self, text: bytes) -> tuple[Rows | None, int]:
        if (b"\r" in text and text.count(b"\r") != text.count(b"\r\n")) or b"\0" in text:
            return None, 0
        data = np.frombuffer(text, np.uint8)
        newlines = np.flatnonzero(data == _NEWLINE)
        if not len(newlines):
            return None, 0
        quotes = np.flatnonzero(data == self.quote[0]) if self.quote and self.quote in text else np.empty(0, np.int64)
        ends = newlines
        if len(quotes):
            ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
            if not len(ends):
                return None, 0
        used = int(ends[-1]) + 1
        data = data[:used]
        newlines = newlines[: np.searchsorted(newlines, used)]
        quotes = quotes[: np.searchsorted(quotes, used)]
        if len(quotes) and not self._well_quoted(data, quotes):
            return None, 0
        starts = np.concatenate(([0], ends[:-1] + 1))
        if int((ends - starts).max()) > MAX_RECORD:
            return None, 0
        delimiters = np.flatnonzero(data == self.delimiter[0])
        if len(quotes):
            delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
        upto = np.searchsorted(delimiters, ends)
        count = np.diff(upto, prepend=0)
        length = ends - starts - (data[np.maximum(ends - 1, 0)] == _RETURN) * (ends > starts)
        quoted = np.diff(np.searchsorted(quotes, ends), prepend=0) if len(quotes) else 0
        blank = length == count + quoted
        if len(quotes) and bool((blank & (quoted > 0)).any()):
            return None, 0
        lines = self.line + (np.searchsorted(newlines, starts) if len(quotes) else np.arange(len(starts), dtype=np.int64))
        sound = ~blank & (count == self.fields - 1)
        odd = np.flatnonzero(~blank & ~sound)
        self._last_was_blank = bool(blank[-1])
        self.account.blank_bytes += int((ends - starts + 1)[blank].sum())
        self.account.blank_rows += int(blank.sum())
        extra: list[tuple[int, list[str]]] = []
        malformed: list[tuple[int, str]] = []
        row_bytes = int((ends - starts + 1)[~blank].sum())
        row_count = int((~blank).sum())
        for at in odd:
            raw = text[starts[at] : ends[at]]
            line = int(lines[at])
            if not raw.strip():
                size = len(raw) + 1
                row_bytes, row_count = row_bytes - size, row_count - 1
                self.account.blank_bytes += size
                self.account.blank_rows += 1
                self._last_was_blank = self._last_was_blank or at == len(ends) - 1
                continue
            split = unquoted(raw, self.delimiter, self.quote)
            self._keep_or_refuse(split, raw, line, extra, malformed)
        self.account.rows_bytes += row_bytes
        self.account.rows += row_count
        self.line += len(newlines)
        columns, kept_lines = self._columns(text, used, starts, ends, sound, lines, with_quotes=bool(len(quotes)))
        columns, kept_lines = _with_extra(columns, kept_lines, extra)
        return Rows(columns, kept_lines, malformed), used

    def _well_quoted(self, data: np.ndarray, quotes: np.ndarray) -> bool:
        opening, closing = quotes[0::2], quotes[1::2]
        if len(opening) != len(closing):
            return False
        allowed = np.zeros(256, bool)
        allowed[[_NEWLINE, self.delimiter[0], self.quote[0] if self.quote else 0]] = True
        before = data[opening[opening > 0] - 1]
        if not allowed[before].all():
            return False
        allowed[_RETURN] = True
        return bool(allowed[data[closing + 1]].all())

    def _columns(
        self, text: bytes, used: int, starts: np.ndarray, ends: np.ndarray, sound: np.ndarray, lines: np.ndarray, *, with_quotes: bool
    ) -> tuple[list[pa.Array], np.ndarray]:
        if not sound.any():
            return [pa.array([], pa.string())] * self.fields, np.empty(0, np.int64)
        if sound.all():
            body = pa.py_buffer(text).slice(0, used)
        else:
            # Runs of sound records are joined; there are few odd ones.
            edges = np.flatnonzero(np.diff(np.concatenate(([0], sound.astype(np.int8), [0]))))
            body = pa.py_buffer(b"".join(text[starts[a] : ends[b - 1] + 1] for a, b in zip(edges[0::2], edges[1::2], strict=True)))
        names = [str(number) for number in range(self.fields)]
        table = pa_csv.read_csv(
            pa.BufferReader(body),
            read_options=pa_csv.ReadOptions(column_names=names, block_size=max(body.size + 1, 1 << 16)),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.delimiter.decode(),
                quote_char=self.quote.decode() if with_quotes and self.quote else False,
                newlines_in_values=with_quotes,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
        if table.num_rows != int(sound.sum()):
            raise AssertionError("the fast path lost a row")
        return [_one_chunk(column) for column in table.columns], lines[sound]

    # The careful path.

    def _slowly(self, text: bytes, at_end: bool) -> tuple[Rows | None, int]:
        fields: list[list[str]] = []
        lines: list[int] = []
        extra: list[tuple[int, list[str]]] = []
        malformed: list[tuple[int, str]] = []
        at, size = 0, len(text)
        while at < size:
            end = text.find(b"\n", at)
            if end < 0:
                break
            raw = text[at:end]
            split: list[bytes] | None
            if self.quote is None or self.quote not in raw:
                split = raw.removesuffix(b"\r").split(self.delimiter)
            else:
                split, stop = self._record(text, at)
                if split is None and not at_end and stop < 0 and size - at <= MAX_RECORD:
                    break
                if split is None:
                    split = self._alone(raw)
                else:
                    end = stop
            whole = text[at:end]
            self._account(split, whole, fields, lines, extra, malformed)
            self.line += whole.count(b"\n") + 1
            at = end + 1
        columns = _as_columns(fields, self.fields)
        return Rows(*_with_extra(columns, np.array(lines, np.int64), extra), malformed), at

    def _account(
        self,
        split: list[bytes] | None,
        raw: bytes,
        fields: list[list[str]],
        lines: list[int],
        extra: list[tuple[int, list[str]]],
        malformed: list[tuple[int, str]],
    ) -> None:
        size = len(raw) + 1
        if (split is not None and not any(split)) or not raw.strip():
            self.account.blank_bytes += size
            self.account.blank_rows += 1
            self._last_was_blank = True
            return
        self._last_was_blank = False
        self.account.rows_bytes += size
        self.account.rows += 1
        if len(raw) > MAX_RECORD:
            self.account.long_lines += 1
            self.account.malformed += 1
            self.account.note("malformed", self.line)
            malformed.append((self.line, _shortened(raw[:KEPT_OF_LONG_LINE], size)))
        elif split is not None and len(split) == self.fields and b"\0" not in raw:
            fields.append([value.decode() for value in split])
            lines.append(self.line)
        else:
            self._keep_or_refuse(None if b"\0" in raw else split, raw, self.line, extra, malformed)

    def _keep_or_refuse(
        self, split: list[bytes] | None, raw: bytes, line: int, extra: list[tuple[int, list[str]]], malformed: list[tuple[int, str]]
    ) -> None:
        """A row of another field count: kept if it only has empty fields too many, else malformed."""
        if split is not None and len(split) > self.fields and not any(split[self.fields :]):
            self.account.trailing_delimiters += 1
            extra.append((line, [value.decode() for value in split[: self.fields]]))
            return
        self.account.malformed += 1
        self.account.note("malformed", line)
        malformed.append((line, raw.removesuffix(b"\r").decode()))

    def _record(self, text: bytes, at: int) -> tuple[list[bytes] | None, int]:
        """Fields of the record at `at` and where its line ends; (None, -1) where text ends too early, (None, 0) where quotes are wrong."""
        quote, delimiter = self.quote or b"", self.delimiter
        split: list[bytes] = []
        place = at
        while True:
            if text.startswith(quote, place):
                match = self._quoted.match(text, place, min(len(text), at + MAX_RECORD + 1))
                if not match:
                    return None, self._unclosed(text, place)
                if match.end() >= len(text):
                    return None, -1
                split.append(match[1].replace(quote + quote, quote))
                place = match.end()
            else:
                match = self._plain.match(text, place)
                assert match
                if quote in match[0]:
                    # A quote inside an unquoted field: the line is judged alone.
                    return None, 0
                split.append(match[0])
                place = match.end()
            if place >= len(text):
                return None, -1
            if text.startswith(delimiter, place):
                place += len(delimiter)
                continue
            end = text.find(b"\n", place)
            if split[-1].endswith(b"\r") and text[end - 1 : end] == b"\r" and text[place - 1 : place] == b"\r":
                split[-1] = split[-1][:-1]
            return (split, end) if end - at <= MAX_RECORD else (None, 0)

    def _unclosed(self, text: bytes, place: int) -> int:
        """-1 where a quoted field may still close in text not read yet, 0 where it is broken already."""
        quote = re.escape(self.quote or b"")
        closed = re.compile(quote + b"(?:[^" + quote + b"]++|" + quote + quote + b")*+" + quote).match(text, place)
        return 0 if closed and closed.end() < len(text) - 1 else -1

    def _alone(self, raw: bytes) -> list[bytes] | None:
        """Fields of one line whose quotes are not as RFC 4180 has them; None where they cannot be told."""
        split = raw.removesuffix(b"\r").split(self.delimiter)
        if len(split) != self.fields:
            return None
        opened = any(value.startswith(self.quote or b"") for value in split)
        if opened and raw.count(self.quote or b"") % 2:
            return None
        self.account.plain_quotes += 1
        self.account.note("plain_quotes", self.line)
        return split


def unquoted(raw: bytes, delimiter: bytes, quote: bytes | None) -> list[bytes]:
    """Fields of one well-quoted record."""
    if not quote or quote not in raw:
        return raw.removesuffix(b"\r").split(delimiter)
    q, d = re.escape(quote), re.escape(delimiter)
    fields = re.findall(
        b"(?:^|" + d + b")(?:" + q + b"((?:[^" + q + b"]|" + q + q + b")*)" + q + b"|([^" + d + q + b"]*))", raw.removesuffix(b"\r")
    )
    return [(quoted.replace(quote + quote, quote) if quoted else plain) for quoted, plain in fields]


def _shortened(head: bytes, size: int) -> str:
    text = head.decode("utf-8", "ignore")
    return f"{text}… [line of {size} bytes; whole only in the file as delivered | 该行共{size}字节，全文见交付文件]"


def _as_columns(fields: list[list[str]], count: int) -> list[pa.Array]:
    if not fields:
        return [pa.array([], pa.string())] * count
    return [pa.array(column, pa.string()) for column in zip(*fields, strict=True)]


def _with_extra(columns: list[pa.Array], lines: np.ndarray, extra: list[tuple[int, list[str]]]) -> tuple[list[pa.Array], np.ndarray]:
    """Put the few rows that were repaired back into line order."""
    if not extra:
        return columns, lines
    more = _as_columns([row for _, row in extra], len(columns))
    joined = np.concatenate((lines, np.array([line for line, _ in extra], np.int64)))
    order = np.argsort(joined, kind="stable")
    return [pa.concat_arrays([a, b]).take(pa.array(order)) for a, b in zip(columns, more, strict=True)], joined[order]


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
