"""JSON Lines and Parquet into rows of text.

Belongs here: one object a line → one row, nested values as JSON text; Parquet columns of any type → canonical text. Row numbers are
lines in JSON Lines, record numbers (from 1) in Parquet. Does not belong here: meaning of values.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sources import encoding as enc
from sources.intake import (
    MAX_COLUMNS,
    MAX_RATIO,
    MAX_UNPACKED,
    Damage,
    Intake,
    Layout,
    blank_problem,
    changed,
    json_text,
    malformed_problem,
    open_regular,
    unreadable,
)
from sources.landing import fingerprint
from sources.text import KEPT_OF_LONG_LINE, MAX_RECORD, Rows

_CHUNK = 50_000


class _Number(float):
    """A JSON number with the text it was written in, so that long decimals keep all digits."""

    text: str

    def __new__(cls, text: str) -> _Number:
        made = super().__new__(cls, text)
        made.text = text
        return made


class _TwiceError(ValueError):
    """An object that names a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _TwiceError
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_Number, parse_constant=lambda name: name)


def _parsed(line: str) -> dict[str, Any] | None:
    """The object on a line, or None where it is none."""
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def canonical(value: Any) -> str | None:
    """The fixed text of a JSON value: strings as they are, numbers as written (an integer without `.0`), nested values as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Number):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else value.text if len(value.text) > 17 else repr(float(value))
    if isinstance(value, int):
        return str(value)
    return json_text(value)


def read_json_lines(intake: Intake) -> Iterator[pa.RecordBatch]:
    """One object a line. A first pass finds all keys, since the schema must be known before the first batch."""
    intake.facts["format"] = "jsonl"
    delivery = intake.delivery
    stream = open_regular(delivery.path)
    given = intake.mapping.format.encoding
    try:
        found = enc.survey(stream, given)
    except LookupError:
        found = enc.survey(stream, None)
    intake.facts |= {
        "encoding": found.encoding.name,
        "encoding_source": found.encoding.source,
        "bytes_bom": found.encoding.bom,
        "bytes_header": 0,
    }
    intake.note_encoding(found)
    keys: dict[str, None] = {}
    objects = 0
    for _, line, _ in _lines(stream, found.encoding, enc.Decoded()):
        parsed = _parsed(line) if line else None
        if parsed is not None:
            objects += 1
            if len(keys) < MAX_COLUMNS:
                keys |= dict.fromkeys(parsed)
    if not objects:
        stream.close()
        raise unreadable(
            delivery,
            "no line holds a JSON object",
            "没有任何一行是 JSON 对象",
            "write one object a line (JSON Lines)",
            "请每行写一个 JSON 对象（JSON Lines）",
        )
    layout = intake.accept_headers(list(keys))
    if intake.stopped:
        stream.close()
        return iter(())
    return _object_rows(intake, stream, found, list(keys), layout)


def _lines(stream: Any, encoding: enc.Encoding, counts: enc.Decoded) -> Iterator[tuple[int, str, int]]:
    """(line number, text without line end, bytes in UTF-8 with line end); a line beyond MAX_RECORD comes shortened, so it won't parse."""
    carry = b""
    number = 0
    dropped = 0
    for block in enc.utf8_blocks(stream, encoding, counts):
        pieces = (carry + block).split(b"\n")
        carry = pieces.pop()
        for piece in pieces:
            number += 1
            size, dropped = len(piece) + 1 + dropped, 0
            yield number, _line_text(piece, size), size
        if len(carry) > MAX_RECORD:
            dropped += len(carry) - KEPT_OF_LONG_LINE
            carry = carry[:KEPT_OF_LONG_LINE]
    if carry or dropped:
        size = len(carry) + dropped
        yield number + 1, _line_text(carry, size), size


def _line_text(piece: bytes, size: int) -> str:
    if size > MAX_RECORD + 1:
        return f"{piece[:KEPT_OF_LONG_LINE].decode('utf-8', 'ignore')}… [line of {size} bytes; whole only in the file as delivered | 该行共{size}字节，全文见交付文件]"
    return piece.decode("utf-8", "replace").removesuffix("\r")


def _object_rows(intake: Intake, stream: Any, found: enc.Survey, keys: list[str], layout: Layout) -> Iterator[pa.RecordBatch]:
    counts = enc.Decoded()
    damage = Damage()
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    malformed: list[tuple[int, str]] = []
    bad_rows: list[int] = []
    blank = blank_bytes = row_bytes = bad = 0

    def batch() -> Iterator[pa.RecordBatch]:
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)] if rows else [pa.array([], pa.string())] * len(keys)
        made = Rows(columns, np.array(numbers, np.int64), list(malformed))
        if not found.encoding.valid or found.replacement_characters:
            damage.look(made)
        yield from layout.batches(intake.delivery, made.columns, made.lines, made.malformed)
        rows.clear()
        numbers.clear()
        malformed.clear()

    with stream:
        for number, line, size in _lines(stream, found.encoding, counts):
            if not line.strip():
                blank, blank_bytes = blank + 1, blank_bytes + size
                continue
            row_bytes += size
            parsed = _parsed(line)
            if parsed is None or (len(keys) >= MAX_COLUMNS and not parsed.keys() <= set(keys)):
                bad += 1
                bad_rows = bad_rows if len(bad_rows) >= 20 else [*bad_rows, number]
                malformed.append((number, line))
            else:
                rows.append([canonical(parsed.get(key)) for key in keys])
                numbers.append(number)
            if len(rows) + len(malformed) >= _CHUNK:
                yield from batch()
        if rows or malformed:
            yield from batch()
    delivery = intake.delivery
    if counts.digest.hexdigest() != delivery.sha256:
        raise changed(delivery)
    if not found.encoding.valid:
        row_bytes = counts.source_bytes - found.encoding.bom - blank_bytes
    intake.facts |= {"bytes_rows": row_bytes, "bytes_blank": blank_bytes, "replaced_characters": counts.replaced}
    if bad:
        problem = malformed_problem(delivery.id, bad, bad_rows)
        remedy = {
            "remedy": "write one complete JSON object a line, no key twice",
            "remedy_zh": "请每行写一个完整的 JSON 对象，且键不重复",
        }
        intake.problems.append(problem.model_copy(update=remedy))
    if blank:
        intake.problems.append(blank_problem(delivery.id, blank))
    if counts.replaced:
        intake.note_replaced(found, counts, damage)


def read_parquet(intake: Intake) -> Iterator[pa.RecordBatch]:
    """All columns of a Parquet file as canonical text."""
    intake.facts["format"] = "parquet"
    delivery = intake.delivery
    try:
        file = pq.ParquetFile(delivery.path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(
            delivery,
            "is no readable Parquet file (cut off or damaged)",
            "不是可读取的 Parquet 文件（截断或损坏）",
            "deliver it again",
            "请重新交付",
        ) from error
    layout = intake.accept_headers(file.schema_arrow.names)
    if intake.stopped:
        return iter(())
    return _record_rows(intake, file, layout)


def _record_rows(intake: Intake, file: pq.ParquetFile, layout: Layout) -> Iterator[pa.RecordBatch]:
    first, unpacked = 1, 0
    try:
        for batch in file.iter_batches(batch_size=_CHUNK * 2):
            numbers = np.arange(first, first + batch.num_rows, dtype=np.int64)
            first += batch.num_rows
            columns = [text_of(column) for column in batch.columns]
            unpacked += sum(column.nbytes for column in columns)
            if unpacked > MAX_UNPACKED and unpacked > MAX_RATIO * intake.delivery.bytes:
                raise unreadable(
                    intake.delivery,
                    f"unpacks to more than {unpacked >> 20} MiB; taken for a bomb",
                    f"解压后超过 {unpacked >> 20} MiB；按压缩炸弹处理",
                    "deliver the rows in several files",
                    "请拆分为多个文件后重新交付",
                    "file_too_large",
                )
            yield from layout.batches(intake.delivery, columns, numbers, [])
    except (pa.ArrowException, OSError) as error:
        raise unreadable(
            intake.delivery, "a part of the Parquet file is damaged", "Parquet 文件部分损坏", "deliver it again", "请重新交付"
        ) from error
    if fingerprint(intake.delivery.path) != intake.delivery.sha256:
        raise changed(intake.delivery)


def text_of(values: pa.Array) -> pa.Array:
    """Canonical text of an Arrow array of any type; null stays null."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return text_of(values.cast(kind.value_type))
    if pa.types.is_string(kind):
        return values
    if (
        pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_boolean(kind)
    ):
        return values.cast(pa.string())
    if pa.types.is_date64(kind):
        return values.cast(pa.date32()).cast(pa.string())
    if pa.types.is_floating(kind):
        return _floats(values)
    if pa.types.is_decimal(kind):
        return _trimmed(values.cast(pa.string()))
    if pa.types.is_timestamp(kind):
        # Zones stay visible as an offset; clean brings them to the district's time.
        text = _trimmed(values.cast(pa.timestamp(kind.unit)).cast(pa.string()))
        return pc.binary_join_element_wise(text, "Z", "") if kind.tz else text
    if pa.types.is_time(kind):
        return _trimmed(values.cast(pa.string()))
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.string())
    return pa.array([_nested(value) for value in values.to_pylist()], pa.string())


def _trimmed(text: pa.Array) -> pa.Array:
    """Without zeros at the end of a fraction."""
    return pc.replace_substring_regex(pc.replace_substring_regex(text, r"(\.\d*?)0+$", r"\1"), r"\.$", "")


def _floats(values: pa.Array) -> pa.Array:
    text = pl.Series(values.cast(pa.float64())).map_elements(_float_text, return_dtype=pl.String, skip_nulls=True)
    return text.to_arrow().cast(pa.string())


def _float_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _nested(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, (dt.timedelta, Decimal)):
        return str(value)
    return json_text(value)
