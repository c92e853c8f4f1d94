"""Excel and OpenDocument sheets into rows of text.

Belongs here: choosing the sheet, the canonical text of typed cells, error cells, formulas without a value, merged headers, bounds
against zip bombs. Does not belong here: header matching (`intake`), meaning of values.

Canonical text: a date `2024-03-01`, a date with time `2024-03-01 09:05:00`, a time `09:05:00`, a number in its shortest round-trip form
without `.0`, a boolean `true`/`false`, an error cell its name (`#DIV/0!`). Codes stored as text stay as they are, however long.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeVar

import numpy as np
import pyarrow as pa
import python_calamine

from contracts.delivery import Problem
from sources.intake import (
    MAX_RATIO,
    MAX_UNPACKED,
    Intake,
    Unreadable,
    blank_problem,
    changed,
    header_not_first,
    header_position,
    known_headers,
    open_regular,
    unreadable,
)

_SMALL = 64 << 20
"""A package that unpacks to no more than this is harmless, whatever its ratio."""

_CHUNK = 50_000
_MAX_CELLS = 50_000_000
_ANY_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
_VALUED_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"[^>]*?[^/]>')
_ERROR_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"[^>]*?\bt="e"[^>]*?>(?:(?!</c>).)*?<v>([^<]{1,20})</v>', re.DOTALL)
_FORMULA_WITHOUT_VALUE = re.compile(
    rb'<c\b[^>]*?\br="[A-Z]{1,3}(\d{1,7})"[^>]*?>\s*<f\b(?:[^>]*/>|(?:(?!</f>).)*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>', re.DOTALL
)


def read_excel(intake: Intake) -> Iterator[pa.RecordBatch]:
    """Rows of one sheet: the one that the mapping names, else the visible sheet in which most headers are known."""
    intake.facts["format"] = "excel"
    delivery = intake.delivery
    with open_regular(delivery.path) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != delivery.sha256:
        raise changed(delivery)
    packed = zipfile.is_zipfile(io.BytesIO(content))
    if packed:
        _check_package(intake, content)
    book = _guarded(intake, lambda: python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)))
    if packed:
        for name in book.sheet_names:
            _check_span(intake, content, name)
    name, sheet = _guarded(intake, lambda: _sheet(intake, book))
    intake.facts["sheet"] = name
    errors, unvalued = _cell_troubles(content, name) if packed else ({}, [])
    return _rows(intake, sheet, errors, unvalued)


T = TypeVar("T")


def _guarded(intake: Intake, call: Callable[[], T]) -> T:
    """What calamine gives; Unreadable for whatever it raises on a bad file, a panic of its Rust code included."""
    delivery = intake.delivery
    try:
        return call()
    except Unreadable:
        raise
    except python_calamine.PasswordError as error:
        raise unreadable(
            delivery, "is protected by a password", "文件有密码保护", "deliver it without a password", "请交付无密码的文件"
        ) from error
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise unreadable(
                delivery,
                "is no readable workbook (damaged or another format)",
                "不是可读取的工作簿（损坏或格式不符）",
                "save it again as .xlsx",
                "请另存为 .xlsx 后重新交付",
            ) from error
        raise


def _check_package(intake: Intake, content: bytes) -> None:
    """Refuse packages that would unpack to far more than they are, that are damaged, or whose insides cannot be looked at before."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            names = set(package.namelist())
            sizes = [(entry.file_size, entry.compress_size) for entry in package.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise unreadable(
            intake.delivery, "is a damaged package", "压缩包已损坏", "save it again as .xlsx", "请另存为 .xlsx 后重新交付"
        ) from error
    total = sum(size for size, _ in sizes)
    packed = max(1, sum(size for _, size in sizes))
    if total > MAX_UNPACKED or (total > _SMALL and total / packed > MAX_RATIO):
        raise unreadable(
            intake.delivery,
            f"would unpack to {total >> 20} MiB; taken for a zip bomb",
            f"解压后将达 {total >> 20} MiB；按压缩炸弹处理",
            "deliver the rows as CSV or Parquet",
            "请改为 CSV 或 Parquet 交付",
            "file_too_large",
        )
    if "xl/workbook.xml" not in names:
        raise unreadable(
            intake.delivery,
            "is a package of another kind than .xlsx",
            "不是 .xlsx 格式",
            "save it again as .xlsx",
            "请另存为 .xlsx 后重新交付",
        )
    try:
        # Reads every part against its declared size and checksum, so that the sizes above are true.
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            damaged = package.testzip()
    except Exception as error:
        raise unreadable(
            intake.delivery, "is a damaged package", "压缩包已损坏", "save it again as .xlsx", "请另存为 .xlsx 后重新交付"
        ) from error
    if damaged:
        raise unreadable(intake.delivery, "is a damaged package", "压缩包已损坏", "save it again as .xlsx", "请另存为 .xlsx 后重新交付")


def _check_span(intake: Intake, content: bytes, sheet: str) -> None:
    """Refuse a sheet whose outermost values span more cells than memory should hold: readers lay out the whole rectangle."""
    rows, columns = _span(content, sheet, _ANY_CELL)
    if rows * columns > _MAX_CELLS:
        # Styled cells without a value don't count.
        rows, columns = _span(content, sheet, _VALUED_CELL)
    if rows * columns > _MAX_CELLS:
        raise unreadable(
            intake.delivery,
            f"sheet {sheet} spans {rows} x {columns} cells",
            f"工作表 {sheet} 跨度为 {rows} x {columns} 个单元格",
            "delete what lies far beyond the data, or deliver CSV",
            "请删除远离数据区的内容，或改为 CSV",
            "file_too_large",
        )


def _span(content: bytes, sheet: str, cell: re.Pattern[bytes]) -> tuple[int, int]:
    """Largest row and column number of the cells that the pattern finds."""
    last_row, letters = 0, set()
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        part = _part_of(package, sheet)
        if part is not None:
            with package.open(part) as stream:
                for text in _windows(stream):
                    found = cell.findall(text)
                    letters |= {column for column, _ in found}
                    last_row = max(last_row, max((int(row) for _, row in found[-1:]), default=0))
    return last_row, max((_column_number(column) + 1 for column in letters), default=0)


def _sheet(intake: Intake, book: python_calamine.CalamineWorkbook) -> tuple[str, python_calamine.CalamineSheet]:
    wanted = intake.mapping.format.sheet
    worksheets = [meta for meta in book.sheets_metadata if meta.typ == python_calamine.SheetTypeEnum.WorkSheet]
    visible = [meta.name for meta in worksheets if meta.visible == python_calamine.SheetVisibleEnum.Visible]
    hidden = [meta.name for meta in worksheets if meta.name not in visible]
    if wanted is not None:
        if wanted not in book.sheet_names:
            raise unreadable(
                intake.delivery,
                f"has no sheet named {wanted!r}",
                f"没有名为“{wanted}”的工作表",
                "name the sheet so, or correct format.sheet in district.yaml",
                "请更正工作表名或 district.yaml 的 format.sheet",
                "sheet_missing",
            )
        return wanted, book.get_sheet_by_name(wanted)
    best, most, best_sheet = None, -1, None
    for name in visible or hidden:
        sheet = book.get_sheet_by_name(name)
        first = [[canonical(cell) for cell in row] for row in sheet.to_python(nrows=20)] if sheet.height else []
        known = max((_known(intake, cells) for cells in first), default=0)
        if known > most:
            best, most, best_sheet = name, known, sheet
    if best is None or best_sheet is None:
        raise unreadable(intake.delivery, "has no worksheet", "没有工作表", "deliver a workbook with a worksheet", "请交付含工作表的文件")
    others = [name for name in visible if name != best]
    if others:
        _other_sheets(intake, best, others, hidden=False)
    if hidden and visible:
        _other_sheets(intake, best, hidden, hidden=True)
    return best, best_sheet


def _known(intake: Intake, cells: list[str]) -> int:
    return known_headers(cells, intake.contract, intake.mapping)


def _other_sheets(intake: Intake, taken: str, names: list[str], *, hidden: bool) -> None:
    kind, kind_zh = ("hidden sheets", "隐藏工作表") if hidden else ("further sheets", "其他工作表")
    intake.problems.append(
        Problem(
            kind="sheets_hidden" if hidden else "sheets_further",
            severity="warn",
            message=f"{intake.delivery.id}: sheet {taken} was read; {len(names)} {kind} were not: {', '.join(names[:10])}",
            message_zh=f"{intake.delivery.id}：已读取工作表 {taken}；{len(names)} 个{kind_zh}未读取：{'、'.join(names[:10])}",
            remedy="say format.sheet in district.yaml, or deliver each sheet as a file",
            remedy_zh="请在 district.yaml 指定 format.sheet，或将各表分别交付",
            count=len(names),
        )
    )


def canonical(cell: Any) -> str:
    """The fixed text of a typed cell."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e21 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    if isinstance(cell, dt.timedelta):
        seconds = int(cell.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return "" if cell is None else str(cell)


def _rows(
    intake: Intake, sheet: python_calamine.CalamineSheet, errors: dict[tuple[int, int], str], unvalued: list[int]
) -> Iterator[pa.RecordBatch]:
    if not sheet.height or not sheet.width:
        raise unreadable(intake.delivery, "the sheet is empty", "工作表为空", "deliver it again", "请重新交付", "file_empty")
    first_row, first_column = sheet.start or (0, 0)
    # iter_rows begins at the sheet's first row, but at the first column that holds something.
    rows = itertools.islice(sheet.iter_rows(), first_row, None)
    first = list(itertools.islice(rows, 20))
    head = [[canonical(cell) for cell in row] for row in first]
    wanted = intake.mapping.format.header_row
    at = max(0, min(wanted - 1 - first_row, len(head) - 1)) if wanted else header_position(head, intake.contract, intake.mapping)
    if not wanted and any(any(cell.strip() for cell in cells) for cells in head[:at]):
        intake.problems.append(header_not_first(intake.delivery, first_row + at + 1))
    headers = _merged(intake, sheet, head, at, first_row, first_column)
    layout = intake.accept_headers(headers)
    if intake.stopped:
        return iter(())
    rest = itertools.chain(first[at + 1 :], rows)
    return _batches(intake, rest, first_row + at + 1, headers, layout, first_column, errors, unvalued)


def _merged(intake: Intake, sheet: Any, head: list[list[str]], at: int, first_row: int, first_column: int) -> list[str]:
    """Header cells; a cell that is merged over several columns gives its text to the first, and the others take the row below if it is one.

    Two-line headers (a merged group title over column titles) read as the lower line where that one knows more columns.
    """
    headers = list(head[at])
    wide = [one for one in sheet.merged_cell_ranges or [] if one[0][0] <= first_row + at <= one[1][0] and one[0][1] != one[1][1]]
    if wide:
        intake.problems.append(
            Problem(
                kind="header_merged",
                message=f"{intake.delivery.id}: {len(wide)} header cells are merged over several columns; the columns after the first have no name",
                message_zh=f"{intake.delivery.id}：{len(wide)} 个表头单元格跨列合并；其后各列没有表头",
                remedy="give every column its own header cell",
                remedy_zh="请为每列单独设置表头",
                row=first_row + at + 1,
                count=len(wide),
            )
        )
    for top, bottom in sheet.merged_cell_ranges or []:
        if top[0] < first_row + at <= bottom[0]:
            # Merged downwards into the header row: the text stands in its first row.
            row, column = top[0] - first_row, top[1] - first_column
            if 0 <= row < len(head) and 0 <= column < len(headers) and not headers[column].strip():
                headers[column] = head[row][column]
    return headers


def _batches(
    intake: Intake,
    rows: Iterator[list[Any]],
    header_row: int,
    headers: list[str],
    layout: Any,
    first_column: int,
    errors: dict[tuple[int, int], str],
    unvalued: list[int],
) -> Iterator[pa.RecordBatch]:
    blank = errors_met = 0
    rounded: list[int] = []
    numbered = enumerate(rows, header_row + 1)
    while chunk := list(itertools.islice(numbered, _CHUNK)):
        kept: list[list[str]] = []
        numbers: list[int] = []
        for number, row in chunk:
            cells = [canonical(cell) for cell in row]
            if any(isinstance(cell, float) and abs(cell) >= 1e15 for cell in row):
                rounded.append(number)
            if errors:
                for column in range(len(cells)):
                    if not cells[column] and (said := errors.get((number, first_column + column))):
                        cells[column] = said
                        errors_met += 1
            if any(cell.strip() for cell in cells):
                kept.append(cells)
                numbers.append(number)
            else:
                blank += 1
        columns = (
            [pa.array(column, pa.string()) for column in zip(*kept, strict=True)] if kept else [pa.array([], pa.string())] * len(headers)
        )
        yield from layout.batches(intake.delivery, columns, np.array(numbers, np.int64), [])
    name = intake.delivery.id
    if blank:
        intake.problems.append(blank_problem(name, blank))
    if errors_met:
        first = min(row for row, _ in errors)
        intake.problems.append(
            Problem(
                kind="cells_with_errors",
                message=f"{name}: {errors_met} cells hold an error such as #DIV/0!; they count as no value",
                message_zh=f"{name}：{errors_met} 个单元格为错误值（如 #DIV/0!）；按空值处理",
                remedy="correct the formulas, or deliver values",
                remedy_zh="请修正公式或改为数值后交付",
                row=first,
                count=errors_met,
            )
        )
    if rounded:
        intake.problems.append(
            Problem(
                kind="numbers_rounded",
                message=f"{name}: {len(rounded)} rows hold numbers of more than 15 digits, which the spreadsheet has rounded",
                message_zh=f"{name}：{len(rounded)} 行含超过 15 位的数字，表格软件已将其四舍五入",
                remedy="store long numbers and codes as text",
                remedy_zh="长编号请以文本格式存储",
                row=rounded[0],
                count=len(rounded),
            )
        )
    below = [row for row in unvalued if row > header_row]
    if below:
        intake.problems.append(
            Problem(
                kind="formulas_without_value",
                message=f"{name}: {len(below)} formulas carry no computed value; they count as no value",
                message_zh=f"{name}：{len(below)} 个公式没有计算结果；按空值处理",
                remedy="open the file in a spreadsheet program and save it, or deliver values",
                remedy_zh="请用表格软件打开并保存，或改为数值后交付",
                row=below[0],
                count=len(below),
            )
        )


def _cell_troubles(content: bytes, sheet: str) -> tuple[dict[tuple[int, int], str], list[int]]:
    """Error cells (row, column from 0 → text) and rows of formulas without a value, from an .xlsx sheet's XML; calamine gives '' for both."""
    errors: dict[tuple[int, int], str] = {}
    unvalued: list[int] = []
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        part = _part_of(package, sheet)
        if part is None:
            return {}, []
        with package.open(part) as stream:
            for text in _windows(stream):
                if b't="e"' in text:
                    for found in _ERROR_CELL.finditer(text):
                        errors[(int(found[2]), _column_number(found[1]))] = found[3].decode("utf-8", "replace")
                if b"<f" in text:
                    unvalued += [int(found[1]) for found in _FORMULA_WITHOUT_VALUE.finditer(text)]
    return errors, unvalued


def _windows(stream: IO[bytes]) -> Iterator[bytes]:
    """The sheet's XML in pieces that end between cells."""
    carry = b""
    while block := stream.read(4 << 20):
        text = carry + block
        cut = text.rfind(b"</row>")
        cut = text.rfind(b"</c>") + 4 if cut < 0 else cut + 6
        if cut < 4:
            carry = text if len(text) < (32 << 20) else b""
            continue
        yield text[:cut]
        carry = text[cut:]


def _part_of(package: zipfile.ZipFile, sheet: str) -> str | None:
    """Name of the package part that holds the sheet."""
    from xml.etree import ElementTree

    try:
        book = ElementTree.fromstring(package.read("xl/workbook.xml"))
        links = ElementTree.fromstring(package.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, ElementTree.ParseError):
        return None
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    for element in book.iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            relation = next((value for key, value in element.attrib.items() if key.endswith("}id")), None)
            target = targets.get(relation, "").lstrip("/")
            part = target if target.startswith("xl/") else f"xl/{target}"
            return part if part in package.namelist() else None
    return None


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1
