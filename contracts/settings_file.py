"""The CSV files of a district folder (divisions, aliases, categories, deadlines …) as typed tables.

Belongs here: reading them by their contracts and saying file, line, field and remedy for each mistake. They are small and edited by hand,
so a mistake is an error, never a quarantined row. Not here: what lines must hold together (`settings_rules`); feeds (`sources`, `quality`).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from contracts import settings_rules
from contracts.district import District
from contracts.load import ContractError, settings
from contracts.model import Column, Feed
from contracts.schema import arrow_schema

Numbered = settings_rules.Numbered
_TRUE, _FALSE = {"true", "1", "yes", "y", "是"}, {"false", "0", "no", "n", "否"}


def load_setting(district: District, name: str) -> pa.Table:
    """One setting of a district, columns and types as its contract says, in the file's order; empty where the district has no file.

    The file is the district's own, else that of the district it is based on. `profile` and `declared_count` come from `district.yaml`.
    ContractError names file, line, field and remedy of every line that is wrong, one a line; lines that contradict each other
    or what the district declares are wrong too.
    """
    schema = arrow_schema(settings()[name].columns)
    if name in FROM_DISTRICT:
        return pa.Table.from_pylist(FROM_DISTRICT[name](district), schema=schema)
    numbered = _numbered(district, name)
    mistakes = settings_rules.mistakes(district, name, numbered, partial(_numbered, district))
    if mistakes:
        raise ContractError("\n".join(mistakes))
    return pa.Table.from_pylist([row for _, row in numbered], schema=schema)


def setting_path(district: District, name: str) -> Path | None:
    """The file that a setting comes from; None where no folder has one."""
    return next((path for folder in district.folders if (path := folder / f"{name}.csv").is_file()), None)


def _numbered(district: District, name: str) -> list[Numbered]:
    path = setting_path(district, name)
    return _rows(path, settings()[name]) if path else []


def _profile(district: District) -> list[dict[str, Any]]:
    return [district.model_dump(include={column.name for column in settings()["profile"].columns})]


def _declared_counts(district: District) -> list[dict[str, Any]]:
    return [
        {"setting": setting, "counted": counted, "declared": number}
        for setting, counts in sorted(district.declared.counts.items())
        for counted, number in sorted(counts.items())
    ]


FROM_DISTRICT: dict[str, Callable[[District], list[dict[str, Any]]]] = {"profile": _profile, "declared_count": _declared_counts}
"""Settings without a file: what `district.yaml` says."""


def all_settings(district: District) -> dict[str, pa.Table]:
    """Every setting of a district by name."""
    return {name: load_setting(district, name) for name in settings()}


def _rows(path: Path, contract: Feed) -> list[Numbered]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractError(f"{path.name}: not UTF-8 (byte {error.start}); remedy: save it as UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    listed = [(reader.line_num, line) for line in reader if line and not line[0].startswith("#")]
    if not listed:
        raise ContractError(f"{path.name}:1: no header; remedy: start with a line of column names")
    (_, header), body = listed[0], listed[1:]
    columns = [_column(contract, cell.strip(), path) for cell in header]
    missing = [column.name for column in contract.columns if column.required and column not in columns]
    if missing:
        raise ContractError(f"{path.name}:1: columns {', '.join(missing)} are missing; remedy: add them to the header")
    rows: list[Numbered] = []
    seen: dict[tuple[Any, ...], int] = {}
    mistakes: list[str] = []
    for number, line in body:
        try:
            row = _row(columns, line, path, number)
        except ContractError as error:
            mistakes.append(str(error))
            continue
        key = tuple(row.get(name) for name in contract.keys)
        if key in seen:
            mistakes.append(f"{path.name}:{number}: the same {', '.join(contract.keys)} as in line {seen[key]}; remedy: keep one of them")
        seen.setdefault(key, number)
        rows.append((number, row))
    if mistakes:
        raise ContractError("\n".join(mistakes))
    return rows


def _row(columns: list[Column], line: list[str], path: Path, number: int) -> dict[str, Any]:
    if len(line) != len(columns):
        raise ContractError(f"{path.name}:{number}: {len(line)} fields where the header has {len(columns)}; remedy: check the commas")
    return {column.name: _value(column, cell.strip(), path, number) for column, cell in zip(columns, line, strict=True)}


def _column(contract: Feed, header: str, path: Path) -> Column:
    for column in contract.columns:
        if header in (column.name, column.title_zh, *column.headers):
            return column
    known = ", ".join(column.name for column in contract.columns)
    raise ContractError(f"{path.name}:1: column {header!r} is not known; remedy: use one of {known}")


def _value(column: Column, text: str, path: Path, line: int) -> Any:
    where = f"{path.name}:{line}: {column.name}"
    if not text:
        if column.required:
            raise ContractError(f"{where} is empty; remedy: give a value")
        return None
    if column.codes:
        for code, forms in column.codes.items():
            if text in (code, *forms):
                return code
        raise ContractError(f"{where}: {text!r} is no code; remedy: use one of {', '.join(column.codes)}")
    try:
        value = _typed(column, text)
    except (ValueError, InvalidOperation) as error:
        raise ContractError(f"{where}: {text!r} is no {column.type}; remedy: correct the value") from error
    if column.minimum is not None and column.type == "integer" and value < int(column.minimum):
        raise ContractError(f"{where}: {text} is below {column.minimum}; remedy: correct the value")
    if column.maximum is not None and column.type == "integer" and value > int(column.maximum):
        raise ContractError(f"{where}: {text} is above {column.maximum}; remedy: correct the value")
    if column.pattern and not re.fullmatch(column.pattern, text):
        raise ContractError(f"{where}: {text!r} has another form than {column.pattern}; remedy: correct the value")
    return value


def _typed(column: Column, text: str) -> Any:
    if column.decimal:
        return Decimal(text).quantize(Decimal(1).scaleb(-column.decimal[1]))
    if column.type == "integer":
        return int(text)
    if column.type == "date":
        return dt.date.fromisoformat(text)
    if column.type == "timestamp":
        return dt.datetime.fromisoformat(text)
    if column.type == "boolean":
        low = text.lower()
        if low in _TRUE or low in _FALSE:
            return low in _TRUE
        raise ValueError(text)
    return text
