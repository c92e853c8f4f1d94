"""The forms of a delivery: Parquet, CSV, Excel; the same rows give the same bytes, and what was written can be read back.

Belongs here: writing and reading one table in one form. Not here: which rows (`changes`, `shares`).

CSV is UTF-8 with a byte order mark, comma, text in quotation marks, nothing between commas for null and "" for empty text. In CSV and Excel
a text that a spreadsheet would take for a formula begins with an apostrophe; Parquet holds the text as it is. A spreadsheet does not tell
an empty text from no value: in Excel both are an empty cell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from contracts.model import Column
from contracts.schema import arrow_schema

SUFFIX = {"parquet": ".parquet", "csv": ".csv", "excel": ".xlsx"}
ROW_GROUP = 122_880
SHEET_ROWS = 1_048_575
"""Rows that an Excel sheet holds below its header."""
CELL = 32_767
"""Characters that an Excel cell holds."""
_MOST_DIGITS = 15
"""Digits that an Excel number holds exactly; longer ones are written as text."""


class FormProblem(ValueError):
    """The rows do not fit the form; says why and what to do."""


def prepared(form: str, column: Column, value: str) -> str:
    """SQL for a column's value as the form holds it: text that a spreadsheet would run is defused, for each text its own result.

    Control characters but tab and line feed become U+FFFD; an apostrophe goes before `= + - @` (half and full width; signed numbers
    excepted), before tab and line ends, and before apostrophes followed by one of these (OWASP, CSV injection).
    """
    if form == "parquet" or column.type != "text":
        return value
    plain = rf"regexp_replace({value}, '[\x00-\x08\x0b-\x1f\x7f]', '{chr(0xFFFD)}', 'g')"
    risky = rf"regexp_matches({plain}, '^(''*\s*[=+\-@＝＋－＠]|''*[\t\n])') AND NOT regexp_full_match({plain}, '[+-]?[0-9]+([.][0-9]+)?')"
    defused = f"CASE WHEN {risky} THEN '''' || {plain} ELSE {plain} END"
    return f"nullif({defused}, '')" if form == "excel" else defused


def write(
    connection: duckdb.DuckDBPyConnection, query: str, columns: Sequence[Column], form: str, target: Path, about: Mapping[str, str]
) -> None:
    """Write the rows of a query, in its order, as one file. `about`: what an Excel workbook's second sheet says, label by label."""
    reader = connection.sql(query).to_arrow_reader(ROW_GROUP)
    if form == "parquet":
        _write_parquet(reader, arrow_schema(columns), target)
    elif form == "csv":
        _write_csv(reader, arrow_schema(columns), target)
    else:
        _write_excel(reader, columns, target, about)


def read(path: Path, columns: Sequence[Column], form: str) -> pa.Table:
    """What `write` wrote, typed as the columns say."""
    schema = arrow_schema(columns)
    if form == "parquet":
        return pq.read_table(path).cast(schema)
    if form == "csv":
        convert = pa_csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
            true_values=["true"], false_values=["false"], include_columns=schema.names,
        )  # fmt: skip
        return pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True), convert_options=convert)
    return _read_excel(path, columns, schema)


def _write_parquet(reader: pa.RecordBatchReader, schema: pa.Schema, target: Path) -> None:
    """Row groups of one size from batches of any. Not DuckDB's COPY: whether a column may be null in its file hangs on statistics, not on the rows."""
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=3) as writer:
        held: list[pa.RecordBatch] = []
        for batch in reader:
            held.append(batch.cast(schema))
            while sum(len(one) for one in held) >= ROW_GROUP:
                whole = pa.Table.from_batches(held, schema).combine_chunks()
                writer.write_table(whole.slice(0, ROW_GROUP).combine_chunks(), row_group_size=ROW_GROUP)
                held = whole.slice(ROW_GROUP).to_batches()
        if held:
            writer.write_table(pa.Table.from_batches(held, schema).combine_chunks(), row_group_size=ROW_GROUP)


def _write_csv(reader: pa.RecordBatchReader, schema: pa.Schema, target: Path) -> None:
    with target.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        with pa_csv.CSVWriter(file, schema) as writer:
            for batch in reader:
                writer.write_batch(batch.cast(schema))


def _write_excel(reader: pa.RecordBatchReader, columns: Sequence[Column], target: Path, about: Mapping[str, str]) -> None:
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(target), options) as book:
        # The date of making is part of the file: a fixed one, so that the same rows give the same bytes.
        book.set_properties({"created": dt.datetime(2000, 1, 1)})
        head = book.add_format({"bold": True, "bottom": 1})
        forms = {"date": book.add_format({"num_format": "yyyy-mm-dd"}), "timestamp": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})}
        sheet = book.add_worksheet("data 数据")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(columns) - 1, 18)
        for place, column in enumerate(columns):
            sheet.write_string(0, place, f"{column.title_zh} {column.name}", head)
        row = 0
        for batch in reader:
            lists = [array.to_pylist() for array in batch.columns]
            for values in zip(*lists, strict=True):
                row += 1
                if row > SHEET_ROWS:
                    raise FormProblem(
                        f"more than {SHEET_ROWS:,} rows do not fit an Excel sheet; remedy: set form to csv or parquet, or filter"
                    )
                for place, value in enumerate(values):
                    _write_cell(sheet, row, place, columns[place], value, forms)
        notes = book.add_worksheet("about 说明")
        notes.set_column(0, 0, 28)
        notes.set_column(1, 1, 100)
        lines = [*about.items(), *((f"{column.title_zh} {column.name}", column.comment) for column in columns)]
        for place, (label, text) in enumerate(lines):
            notes.write_string(place, 0, label, head)
            notes.write_string(place, 1, text[:CELL])


def _write_cell(sheet: Any, row: int, place: int, column: Column, value: Any, forms: Mapping[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int | Decimal) and len(str(abs(value)).replace(".", "")) <= _MOST_DIGITS:
        sheet.write_number(row, place, value)
    elif isinstance(value, dt.date) and value.year >= 1901 and not getattr(value, "microsecond", 0):
        sheet.write_datetime(row, place, value, forms[column.type])
    else:
        text = str(value)
        if len(text) > CELL:
            raise FormProblem(f"a text in {column.name} is longer than an Excel cell holds; remedy: set form to csv or parquet")
        sheet.write_string(row, place, text)


def _read_excel(path: Path, columns: Sequence[Column], schema: pa.Schema) -> pa.Table:
    from python_calamine import CalamineWorkbook

    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    names = [str(cell).rsplit(" ", 1)[-1] for cell in rows[0]]
    found: dict[str, list[Any]] = {name: [] for name in schema.names}
    kinds = {column.name: column for column in columns}
    for row in rows[1:]:
        for name, cell in zip(names, row, strict=True):
            if name in found:
                found[name].append(_cell(cell, kinds[name]))
    return pa.table({name: pa.array(values, schema.field(name).type) for name, values in found.items()}, schema=schema)


def _cell(value: Any, column: Column) -> Any:
    if value == "" or value is None:
        return None
    if column.decimal:
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-column.decimal[1]))
    if column.type == "integer":
        return int(value)
    if column.type == "date":
        return dt.date.fromisoformat(value) if isinstance(value, str) else value.date() if isinstance(value, dt.datetime) else value
    if column.type == "timestamp":
        return _moment(value)
    return bool(value) if column.type == "boolean" else str(value)


def _moment(value: Any) -> dt.datetime:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value)
    moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
    # A day's fraction as a binary number is off by some microseconds; whole seconds were written.
    return (moment + dt.timedelta(milliseconds=500)).replace(microsecond=0)
