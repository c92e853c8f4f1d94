"""Files as offices write them: CSV in several encodings, Excel, JSON Lines, Parquet, each appended to as the stream of rows comes.

Belongs here: writing rows to files and the damage of a whole file or line. Not here: what the rows say.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Protocol

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import xlsxwriter

COMMA, NO_FIELD = "\x01", "\x02"
"""Stand-ins in a value for a comma that is written unquoted, and for a last field that is left out."""
LONG_TEXTS = ("诉求内容", "问题描述", "信访内容")
"""Columns of CSV files whose values may hold line breaks."""
EXCEL_ROWS = 4_000
"""Beyond this an office exports CSV: a larger sheet takes a second to write."""


class Sink(Protocol):
    """A file that rows are appended to. `write` gives the number that a row has in its file (DESIGN: source row)."""

    path: Path

    def write(self, rows: pl.DataFrame) -> np.ndarray: ...
    def close(self) -> None: ...


class Writers:
    """Threads that turn rows into bytes while the next rows are made. One file's rows stay in order: a file keeps to its thread."""

    def __init__(self, threads: int = 2, waiting: int = 4) -> None:
        self.threads = [ThreadPoolExecutor(1) for _ in range(threads)]
        self.room = BoundedSemaphore(waiting)
        self.given = 0
        self.pending: list[Future[None]] = []

    def thread(self) -> ThreadPoolExecutor:
        """The thread for the next file."""
        self.given += 1
        return self.threads[self.given % len(self.threads)]

    def submit(self, thread: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        """Do `work` in that thread; waits where too much is waiting, and raises what an earlier piece of work raised."""
        self.room.acquire()
        done = thread.submit(work)
        done.add_done_callback(lambda _: self.room.release())
        self.pending = [future for future in self.pending if not future.done() or future.exception()]
        for future in self.pending:
            if future.done():
                future.result()
        self.pending.append(done)

    def close(self) -> None:
        """Wait for all work; raises what a piece of it raised."""
        for thread in self.threads:
            thread.shutdown()
        for future in self.pending:
            future.result()


class CsvSink:
    """A CSV file; the first row's line is 2 and a quoted line break (in one of LONG_TEXTS) counts."""

    def __init__(
        self,
        path: Path,
        *,
        encoding: str = "utf-8",
        delimiter: str = ",",
        line_end: str = "\r\n",
        bom: bool = False,
        may_shift: bool = False,
        writers: Writers | None = None,
    ) -> None:
        self.path, self.encoding, self.delimiter, self.line_end, self.bom, self.may_shift = (
            path,
            encoding,
            delimiter,
            line_end,
            bom,
            may_shift,
        )
        self.line = 1
        self.writers = writers
        self.thread = writers.thread() if writers else None
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("wb")

    def write(self, rows: pl.DataFrame) -> np.ndarray:
        if self.line == 1:
            head = self.delimiter.join(rows.columns) + self.line_end
            self.file.write((b"\xef\xbb\xbf" if self.bom else b"") + head.encode(self.encoding))
            self.line = 2
        if self.writers and self.thread:
            self.writers.submit(self.thread, lambda: self._append(rows))
        else:
            self._append(rows)
        long = [name for name in rows.columns if name in LONG_TEXTS]
        breaks = (
            rows[long[0]].str.count_matches("\n", literal=True).fill_null(0).to_numpy().astype(np.int64)
            if long
            else np.zeros(len(rows), dtype=np.int64)
        )
        spans = breaks + 1
        lines = self.line + np.cumsum(spans) - spans
        self.line += int(spans.sum())
        return lines

    def _append(self, rows: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        rows.write_csv(buffer, include_header=False, separator=self.delimiter, line_terminator=self.line_end)
        data = buffer.getvalue()
        if self.may_shift:
            # Both stand-ins are bytes that no text holds. Searching for one byte is many times faster than for a character of three.
            if NO_FIELD.encode() in data:
                data = data.replace((self.delimiter + NO_FIELD).encode(), b"")
            data = data.replace(COMMA.encode(), b",")
        if self.encoding != "utf-8":
            data = data.decode("utf-8").encode(self.encoding)
        self.file.write(data)

    def close(self) -> None:
        if self.writers and self.thread:
            self.writers.submit(self.thread, self.file.close)
        else:
            self.file.close()


class JsonLinesSink:
    """One JSON object a line; the first row's line is 1."""

    def __init__(self, path: Path) -> None:
        self.path, self.line = path, 1
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("wb")

    def write(self, rows: pl.DataFrame) -> np.ndarray:
        rows.write_ndjson(self.file)
        lines = np.arange(self.line, self.line + len(rows))
        self.line += len(rows)
        return lines

    def close(self) -> None:
        self.file.close()


class ParquetSink:
    """A Parquet file; rows are counted from 1."""

    def __init__(self, path: Path) -> None:
        self.path, self.line = path, 1
        self.writer: pq.ParquetWriter | None = None
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, rows: pl.DataFrame) -> np.ndarray:
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.path, table.schema, compression="zstd", compression_level=1)
        self.writer.write_table(table.cast(self.writer.schema))
        lines = np.arange(self.line, self.line + len(rows))
        self.line += len(rows)
        return lines

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class ExcelSink:
    """A sheet with real dates; a text column named in `mixed` holds real dates in every third row only. The first row is 2."""

    def __init__(self, path: Path, *, sheet: str = "Sheet1") -> None:
        self.path, self.sheet = path, sheet
        self.parts: list[pl.DataFrame] = []
        self.line = 2
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, rows: pl.DataFrame) -> np.ndarray:
        self.parts.append(rows)
        lines = np.arange(self.line, self.line + len(rows))
        self.line += len(rows)
        return lines

    def close(self) -> None:
        rows = pl.concat(self.parts)
        with xlsxwriter.Workbook(self.path, {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}) as book:
            # A fixed date: the same seed gives the same bytes.
            book.set_properties({"created": dt.datetime(2024, 1, 1)})
            moment, day = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}), book.add_format({"num_format": "yyyy/m/d"})
            sheet = book.add_worksheet(self.sheet)
            sheet.write_row(0, 0, rows.columns)
            for position, column in enumerate(rows):
                for row, value in enumerate(column.to_list(), start=1):
                    _write_cell(sheet, row, position, value, moment, day)


def _write_cell(sheet: Any, row: int, column: int, value: Any, moment: Any, day: Any) -> None:
    if value is None:
        return
    if isinstance(value, dt.datetime):
        sheet.write_datetime(row, column, value, moment)
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, column, dt.datetime.combine(value, dt.time()), day)
    elif isinstance(value, str):
        # Text of the form `@@<serial>` stands for a real date in a column that mixes dates and text.
        if value.startswith("@@"):
            sheet.write_datetime(row, column, dt.datetime.fromisoformat(value[2:]), moment)
        else:
            sheet.write_string(row, column, value)
    else:
        sheet.write_number(row, column, value)


class Truth:
    """The truth tables: one Parquet file a table, appended to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sinks: dict[str, ParquetSink] = {}
        self.counts: dict[str, int] = {}

    def add(self, table: str, rows: pl.DataFrame) -> None:
        if len(rows) == 0:
            return
        if table not in self.sinks:
            self.sinks[table] = ParquetSink(self.folder / f"{table}.parquet")
        self.sinks[table].write(rows)
        self.counts[table] = self.counts.get(table, 0) + len(rows)

    def close(self) -> None:
        for sink in self.sinks.values():
            sink.close()
