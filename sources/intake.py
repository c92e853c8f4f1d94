"""Reads one delivery: any format in, batches of text rows out, and a certificate that accounts for every row and byte.

Belongs here: choosing the reader, header rows, raw column names, the certificate. The readers are `text`, `excel`, `records` (JSON
Lines and Parquet). Does not belong here: types and rules (`quality.clean`), finding files (`landing`).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa

from contracts.delivery import Certificate, Delivery, Problem
from contracts.district import FeedMapping
from contracts.header import RESERVED, HeaderMatch, folded, looks_like_a_value, match_headers, told_header
from contracts.model import Feed
from sources import encoding as enc
from sources import text as txt

BATCH_ROWS = 200_000
MAX_COLUMNS = 20_000
"""More columns than any spreadsheet has (16,384): no table, and each costs memory in every reader."""
MAX_UNKNOWN_COLUMNS = 300
MAX_UNPACKED = 2 << 30
MAX_RATIO = 250
"""What unpacks to more bytes than MAX_UNPACKED, and to more than MAX_RATIO times its own, is taken for a bomb."""
HEADER_SEARCH_LINES = 20
HEADER_SEARCH_BYTES = 4 << 20
DELIMITERS = (",", "\t", ";", "|")

_HOPELESS_ROWS, _HOPELESS_SHARE = 100_000, 0.9
"""A file in which such a share of so many rows is malformed is no table; its lines are not copied into the lake one by one."""


class Unreadable(Exception):
    """A file that gives no rows; carries the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; OSError where it is a link or nothing regular."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "not a regular file")
    return os.fdopen(handle, "rb")


class Layout:
    """Raw columns of one file: which source field goes where.

    Names are the source headers, trimmed and in lower case (a lake table cannot hold `Addr` and `ADDR`), repeated ones numbered
    (`addr__2`), empty ones `column_<n>`. Beyond 300 headers that the contract does not know, the further ones share `_overflow`. Where one that the
    contract does not know looks like a row's value, none of these is kept as a name: they are `column_<n>` too (`hidden`), since names are shown.
    """

    def __init__(self, headers: Sequence[str], contract: Feed, mapping: FeedMapping) -> None:
        headers, self.hidden = _without_values(headers, contract, mapping)
        self.names = raw_names(headers)
        self.given = [header.strip() for header in headers]
        self.match: HeaderMatch = match_headers(contract, mapping, self.names)
        strange = set(self.match.unknown)
        unknown = [position for position, name in enumerate(self.names) if name in strange]
        self.overflow = unknown[MAX_UNKNOWN_COLUMNS:]
        # An unnamed column may hold data, so it is kept too, but it is nothing new to warn of.
        self.unnamed = tuple(name for name, header in zip(self.names, self.given, strict=True) if not header)
        self.emptied = {self.names[p] for p in unknown} if mapping.drift == "null" else set()
        self.told = {name: told_header(name, position) if name in strange else name for position, name in enumerate(self.names, 1)}
        spilled = set(self.overflow)
        self.kept = [position for position in range(len(self.names)) if position not in spilled]

    @property
    def schema(self) -> pa.Schema:
        fields = [
            pa.field("_delivery", pa.string()),
            pa.field("_date", pa.string()),
            pa.field("_row", pa.int64()),
            pa.field("_malformed", pa.string()),
        ]
        fields += [pa.field(self.names[position], pa.string()) for position in self.kept]
        if self.overflow:
            fields.append(pa.field("_overflow", pa.string()))
        return pa.schema(fields)

    def batches(
        self, delivery: Delivery, columns: Sequence[pa.Array], rows: np.ndarray, malformed: Sequence[tuple[int, str]]
    ) -> Iterator[pa.RecordBatch]:
        """Raw batches of at most BATCH_ROWS rows, in row order."""
        schema = self.schema
        count = len(rows)
        arrays: list[pa.Array] = [
            _constant(delivery.id, count),
            _constant(delivery.date, count),
            pa.array(rows, pa.int64()),
            pa.nulls(count, pa.string()),
        ]
        arrays += [pa.nulls(count, pa.string()) if self.names[p] in self.emptied else columns[p] for p in self.kept]
        if self.overflow:
            arrays.append(self._spilled(columns, count))
        table = pa.Table.from_arrays(arrays, schema=schema)
        if malformed:
            bad = len(malformed)
            first = [
                _constant(delivery.id, bad),
                _constant(delivery.date, bad),
                pa.array([r for r, _ in malformed], pa.int64()),
            ]
            first += [pa.array([raw for _, raw in malformed], pa.string())]
            rest = [pa.nulls(bad, pa.string())] * (len(schema) - 4)
            both = pa.concat_tables([table, pa.Table.from_arrays(first + rest, schema=schema)])
            table = both.take(pa.array(np.argsort(both["_row"].to_numpy(), kind="stable")))
        for start in range(0, table.num_rows, BATCH_ROWS):
            yield from table.slice(start, BATCH_ROWS).combine_chunks().to_batches()

    def _spilled(self, columns: Sequence[pa.Array], count: int) -> pa.Array:
        if not count:
            return pa.array([], pa.string())
        frame = pl.DataFrame({self.names[p]: pl.Series(columns[p]) for p in self.overflow})
        return frame.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_arrow().cast(pa.string())


def _without_values(headers: Sequence[str], contract: Feed, mapping: FeedMapping) -> tuple[list[str], int]:
    """The headers, those that no contract column takes emptied if one of them looks like a row's value; and how many were emptied."""
    names = raw_names(headers)
    strange = set(match_headers(contract, mapping, names).unknown)
    unknown = [position for position, name in enumerate(names) if name in strange and headers[position].strip()]
    if not any(looks_like_a_value(headers[position]) for position in unknown):
        return list(headers), 0
    emptied = set(unknown)
    return ["" if position in emptied else header for position, header in enumerate(headers)], len(unknown)


def raw_names(headers: Sequence[str]) -> list[str]:
    """Names of raw columns for source headers; never equal, never one of intake's own."""
    taken = set(RESERVED)
    names = []
    copies: dict[str, int] = {}
    for number, header in enumerate(headers, 1):
        name = " ".join(header.replace("\ufeff", "").split()).lower() or f"column_{number}"
        unique, copy = name, copies.get(name, 2)
        while unique.casefold() in taken:
            unique, copy = f"{name}__{copy}", copy + 1
        copies[name] = copy
        taken.add(unique.casefold())
        names.append(unique)
    return names


class Intake:
    """One delivery being read. Take all of `batches` (once), then ask for the `certificate`.

    Nothing is raised for a bad file: its certificate has status `unreadable`, rows_read 0 and a problem that says why. Mostly no batch
    comes then; where the file changed or broke while it was read, batches that came already must not be kept. `stopped` is true where
    the district's drift policy refuses the delivery (no batches, status `unreadable`, a problem of severity error).
    """

    def __init__(self, delivery: Delivery, contract: Feed, mapping: FeedMapping) -> None:
        self.delivery = delivery
        self.contract = contract
        self.mapping = mapping
        self.problems: list[Problem] = []
        self.facts: dict[str, Any] = {"format": "unknown"}
        self.layout: Layout | None = None
        self.stopped = False
        self._ended = False
        self._readable = False
        self._rows: Iterator[pa.RecordBatch] = iter(())
        try:
            self._rows = self._open()
            self._readable = True
        except Unreadable as error:
            self.problems.append(error.problem)
        except OSError as error:
            self.problems.append(_cannot_open(delivery, error))
        self.batches: Iterator[pa.RecordBatch] = self._counted()

    @property
    def schema(self) -> pa.Schema:
        """Schema of the batches; without source columns where the file cannot be read."""
        return self.layout.schema if self.layout else _bare_schema()

    def certificate(self) -> Certificate:
        """What was found; complete only after the last batch (RuntimeError before)."""
        if not self._ended:
            raise RuntimeError("take all batches before the certificate")
        columns = {self.layout.told[name]: column for name, column in self.layout.match.columns.items()} if self.layout else {}
        missing = self.layout.match.missing if self.layout else ()
        return Certificate(
            delivery=self.delivery.id,
            status="read" if self._readable and not self.stopped else "unreadable",
            bytes=self.delivery.bytes,
            sha256=self.delivery.sha256,
            columns=columns,
            columns_missing=missing,
            problems=tuple(self.problems),
            **self.facts,
        )

    def _counted(self) -> Iterator[pa.RecordBatch]:
        read = malformed = 0
        try:
            for batch in self._rows:
                bad = batch.num_rows - batch.column("_malformed").null_count
                read, malformed = read + batch.num_rows, malformed + bad
                yield batch
        except Unreadable as error:
            self._readable = False
            self.problems.append(error.problem)
        except OSError as error:
            self._readable = False
            self.problems.append(_cannot_open(self.delivery, error))
        if not self._readable:
            read = malformed = 0
        self.facts |= {"rows_read": read, "rows_kept": read - malformed, "rows_malformed": malformed}
        if not read and self._readable and not self.stopped:
            self.problems.append(_no_rows(self.delivery))
        self._ended = True

    def _open(self) -> Iterator[pa.RecordBatch]:
        suffix = Path(self.delivery.file).suffix.lower()
        with open_regular(self.delivery.path) as stream:
            head = stream.read(8)
        if not head:
            raise Unreadable(_empty_file(self.delivery))
        if head.startswith(b"PAR1") or suffix == ".parquet":
            from sources.records import read_parquet

            return read_parquet(self)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")) or suffix in (
            ".xlsx",
            ".xlsm",
            ".xls",
            ".xlsb",
            ".ods",
        ):
            from sources.excel import read_excel

            return read_excel(self)
        if suffix in (".jsonl", ".ndjson", ".json"):
            from sources.records import read_json_lines

            return read_json_lines(self)
        return self._open_text()

    def accept_headers(self, headers: Sequence[str]) -> Layout:
        """Fix the layout from the source headers and note drift; Unreadable where no header is known or there are more than MAX_COLUMNS."""
        if len(headers) > MAX_COLUMNS:
            raise unreadable(
                self.delivery,
                f"has {len(headers):,} columns; more than {MAX_COLUMNS:,} are taken for damage",
                f"有 {len(headers):,} 列；超过 {MAX_COLUMNS:,} 列视为文件损坏",
                "check the header line and the delimiter, then deliver it again",
                "请检查表头与分隔符后重新交付",
            )
        layout = Layout(headers, self.contract, self.mapping)
        if not layout.match.sources:
            raise Unreadable(_no_known_header(self.delivery, self.contract, len(headers)))
        required = {column.name for column in self.contract.columns if column.required} - set(self.mapping.constants)
        if layout.hidden and required and required <= set(layout.match.missing):
            raise Unreadable(_header_is_a_row(self.delivery, self.contract, len(headers)))
        self.layout = layout
        if layout.hidden:
            self.problems.append(_values_in_header(self.delivery, layout.hidden))
        drift = _drift_problems(self.delivery, self.contract, self.mapping, layout)
        self.problems += drift
        self.stopped = (
            any(problem.severity == "error" and problem.kind in ("column_new", "column_missing") for problem in drift)
            and self.mapping.drift == "stop"
        )
        return layout

    # Text files.

    def _open_text(self) -> Iterator[pa.RecordBatch]:
        self.facts["format"] = "csv"
        given = self.mapping.format
        stream = open_regular(self.delivery.path)
        found = enc.survey(stream, _known_encoding(given.encoding, self))
        self.facts |= {"encoding": found.encoding.name, "encoding_source": found.encoding.source}
        self.note_encoding(found)
        counts = enc.Decoded()
        blocks = enc.utf8_blocks(stream, found.encoding, counts)
        head = b""
        for block in blocks:
            head += block
            if len(head) >= HEADER_SEARCH_BYTES or head.count(b"\n") > HEADER_SEARCH_LINES + 1:
                break
        line_end = b"\n" if b"\n" in head or b"\r" not in head else b"\r"
        if line_end == b"\r":
            # Old Macintosh files end lines with a return alone.
            head = head.replace(b"\r", b"\n")
            blocks = (block.replace(b"\r", b"\n") for block in blocks)
        delimiter = given.delimiter or _delimiter(head, self.contract, self.mapping, Path(self.delivery.file).suffix.lower())
        dialect = txt.Dialect(delimiter, given.quote if given.quote is not None else '"')
        dialect = txt.Dialect(delimiter, dialect.quote or None)
        headers, header_bytes, header_lines = _text_header(head, dialect, self)
        layout = self.accept_headers(headers)
        self.facts |= {"delimiter": delimiter, "quote": dialect.quote, "bytes_bom": found.encoding.bom}
        if self.stopped:
            stream.close()
            return iter(())
        rest = _chained(head[header_bytes:], blocks)
        return self._text_rows(stream, found, counts, rest, dialect, layout, head[:header_bytes], header_lines)

    def _text_rows(
        self,
        stream: BinaryIO,
        found: enc.Survey,
        counts: enc.Decoded,
        blocks: Iterator[bytes],
        dialect: txt.Dialect,
        layout: Layout,
        header: bytes,
        header_lines: int,
    ) -> Iterator[pa.RecordBatch]:
        account = txt.Account()
        damage = Damage()
        with stream:
            for made in txt.rows(blocks, dialect, len(layout.names), account, first_line=header_lines + 1):
                if account.rows >= _HOPELESS_ROWS and account.malformed > _HOPELESS_SHARE * account.rows:
                    raise _hopeless(self.delivery, account)
                if not found.encoding.valid or found.replacement_characters:
                    damage.look(made)
                yield from layout.batches(self.delivery, made.columns, made.lines, made.malformed)
        if counts.digest.hexdigest() != self.delivery.sha256:
            raise changed(self.delivery)
        self._close_books(found, counts, account, header)
        self._note_text(found, counts, account, damage)

    def _close_books(self, found: enc.Survey, counts: enc.Decoded, account: txt.Account, header: bytes) -> None:
        """Bytes of header, rows and blank lines in the source's encoding; they add up or the file counts as changed."""
        name = found.encoding.name
        if found.encoding.valid:
            header_bytes, blank_bytes, row_bytes = len(header), account.blank_bytes, account.rows_bytes
        else:
            # Line ends and delimiters are one unit wide in each encoding taken here, so blank lines scale; rows take the rest.
            width = 2 if name.startswith("utf-16") else 1
            header_bytes = len(header.decode("utf-8", "replace").encode(name, "replace"))
            blank_bytes = account.blank_bytes * width
            rest = counts.source_bytes - found.encoding.bom - blank_bytes
            # A damaged character in the header is encoded again as a whole one, which may be longer than what stood there.
            header_bytes = min(header_bytes, rest) if account.rows else rest
            row_bytes = rest - header_bytes
        self.facts |= {
            "bytes_header": header_bytes,
            "bytes_rows": row_bytes,
            "bytes_blank": blank_bytes,
            "replaced_characters": counts.replaced,
        }
        if found.encoding.bom + header_bytes + row_bytes + blank_bytes != self.delivery.bytes:
            raise AssertionError(f"{self.delivery.id}: bytes do not add up")

    def note_encoding(self, found: enc.Survey) -> None:
        encoding = found.encoding
        if encoding.given and enc.canonical(encoding.given) != encoding.name:
            self.problems.append(
                Problem(
                    kind="encoding_differs",
                    message=f"{self.delivery.id}: the district says {encoding.given}, the bytes are {encoding.name}; read as {encoding.name}",
                    message_zh=f"{self.delivery.id}：配置为 {encoding.given}，实际为 {encoding.name}；已按 {encoding.name} 读取",
                    remedy="correct format.encoding in district.yaml or the export",
                    remedy_zh="请更正 district.yaml 的 format.encoding 或导出设置",
                )
            )
        if not encoding.certain:
            self.problems.append(
                Problem(
                    kind="encoding_uncertain",
                    message=f"{self.delivery.id}: no encoding fits well; read as {encoding.name}",
                    message_zh=f"{self.delivery.id}：无法确定编码；按 {encoding.name} 读取",
                    remedy="say format.encoding in district.yaml",
                    remedy_zh="请在 district.yaml 中指定 format.encoding",
                )
            )

    def _note_text(self, found: enc.Survey, counts: enc.Decoded, account: txt.Account, damage: Damage) -> None:
        if counts.replaced:
            self.note_replaced(found, counts, damage)
        name = self.delivery.id
        if found.replacement_characters:
            self.problems.append(
                Problem(
                    kind="characters_lost_before",
                    message=f"{name}: {found.replacement_characters} characters were lost before delivery (U+FFFD in the file), {damage.said('rows')}",
                    message_zh=f"{name}：文件中有 {found.replacement_characters} 个字符在交付前已损坏（U+FFFD），{damage.said_zh()}",
                    remedy="ask the source office to export from the original system",
                    remedy_zh="请来源单位从原系统重新导出",
                    row=damage.rows[0] if damage.rows else None,
                    count=found.replacement_characters,
                )
            )
        self._note_lines(account)

    def note_replaced(self, found: enc.Survey, counts: enc.Decoded, damage: Damage) -> None:
        """Say which rows hold characters that did not decode."""
        name = self.delivery.id
        self.problems.append(
            Problem(
                kind="replaced_characters",
                message=f"{name}: {counts.replaced} places do not decode as {found.encoding.name} and were replaced by U+FFFD, {damage.said('rows')}",
                message_zh=f"{name}：{counts.replaced} 处无法按 {found.encoding.name} 解码，已替换为 U+FFFD，{damage.said_zh()}",
                remedy="export the file again, in UTF-8 if possible",
                remedy_zh="请重新导出文件，建议使用 UTF-8",
                row=damage.rows[0] if damage.rows else None,
                count=counts.replaced,
            )
        )

    def _note_lines(self, account: txt.Account) -> None:
        name = self.delivery.id
        if account.malformed:
            self.problems.append(malformed_problem(name, account.malformed, account.first_rows.get("malformed", [])))
        if account.long_lines:
            self.problems.append(
                Problem(
                    kind="line_too_long",
                    message=f"{name}: {account.long_lines} lines are longer than {txt.MAX_RECORD >> 20} MiB; their middle is only in the delivered file",
                    message_zh=f"{name}：{account.long_lines} 行超过 {txt.MAX_RECORD >> 20} MiB；其中段仅保存在交付文件中",
                    remedy="check the export for missing line ends",
                    remedy_zh="请检查导出文件是否缺少换行",
                    count=account.long_lines,
                )
            )
        if account.plain_quotes:
            rows = account.first_rows.get("plain_quotes", [])
            self.problems.append(
                Problem(
                    kind="quotes_unescaped",
                    severity="info",
                    message=f"{name}: {account.plain_quotes} rows hold quotes that are not doubled; taken as plain characters",
                    message_zh=f"{name}：{account.plain_quotes} 行含未转义的引号；按普通字符处理",
                    remedy="double quotes inside quoted fields on export",
                    remedy_zh="导出时请将字段内的引号加倍",
                    row=rows[0] if rows else None,
                    count=account.plain_quotes,
                )
            )
        if account.trailing_delimiters:
            self.problems.append(
                Problem(
                    kind="trailing_delimiters",
                    severity="info",
                    message=f"{name}: {account.trailing_delimiters} rows end with more empty fields than the header has; these were left out",
                    message_zh=f"{name}：{account.trailing_delimiters} 行末尾多出空字段；已忽略",
                    count=account.trailing_delimiters,
                )
            )
        if account.blank_rows:
            self.problems.append(blank_problem(name, account.blank_rows))


def read(delivery: Delivery, feed: Feed, mapping: FeedMapping) -> Intake:
    """Open a delivery for reading. `feed` is its contract with the district's additions (`contracts.district.contract_of`)."""
    return Intake(delivery, feed, mapping)


class Damage:
    """Row numbers of rows that hold U+FFFD."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.count = 0

    def look(self, made: txt.Rows) -> None:
        hit = np.zeros(len(made.lines), bool)
        for column in made.columns:
            if len(column):
                hit |= pl.Series(column).str.contains("\ufffd", literal=True).to_numpy()
        found = [int(line) for line in made.lines[hit]] + [line for line, raw in made.malformed if "\ufffd" in raw]
        self.count += len(found)
        self.rows = sorted(self.rows + found)[:20]

    def said(self, word: str) -> str:
        return f"in {self.count} {word}: {', '.join(map(str, self.rows))}{' …' if self.count > len(self.rows) else ''}"

    def said_zh(self) -> str:
        return f"涉及 {self.count} 行：{'、'.join(map(str, self.rows))}{' …' if self.count > len(self.rows) else ''}"


def _bare_schema() -> pa.Schema:
    return pa.schema([("_delivery", pa.string()), ("_date", pa.string()), ("_row", pa.int64()), ("_malformed", pa.string())])


def _constant(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), count)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _known_encoding(given: str | None, intake: Intake) -> str | None:
    if given is None:
        return None
    try:
        enc.canonical(given)
    except LookupError:
        intake.problems.append(
            Problem(
                kind="encoding_unknown",
                message=f"{intake.delivery.id}: the district names an encoding that does not exist ({given}); detected instead",
                message_zh=f"{intake.delivery.id}：配置的编码 {given} 不存在；已自动识别",
                remedy="correct format.encoding in district.yaml",
                remedy_zh="请更正 district.yaml 的 format.encoding",
            )
        )
        return None
    return given


def known_headers(cells: Sequence[str], contract: Feed, mapping: FeedMapping) -> int:
    """How many of the cells are headers that contract or district know."""
    known = {folded(form) for column in contract.columns for form in (column.name, column.title_zh, *column.headers)}
    for entries in mapping.headers.values():
        for entry in entries:
            known |= {folded(form) for form in ((entry,) if isinstance(entry, str) else entry)}
    return len({folded(cell) for cell in cells if cell.strip()} & known)


def header_position(lines: Sequence[Sequence[str]], contract: Feed, mapping: FeedMapping) -> int:
    """Which of the first lines is the header: the one with most known headers, the first where several tie."""
    best, most = 0, -1
    for number, cells in enumerate(lines):
        found = known_headers(cells, contract, mapping)
        if found > most and any(cell.strip() for cell in cells):
            best, most = number, found
    return best


def _delimiter(head: bytes, contract: Feed, mapping: FeedMapping, suffix: str) -> str:
    """The delimiter that makes most known headers of one of the first lines; by file name where none does."""
    lines = head.decode("utf-8", "replace").splitlines()[:HEADER_SEARCH_LINES]
    default = "\t" if suffix in (".tsv", ".tab") else ","
    scored = []
    for delimiter in DELIMITERS:
        found = max(
            (known_headers([c.strip().strip('"') for c in line.split(delimiter)], contract, mapping) for line in lines),
            default=0,
        )
        scored.append((found, delimiter == default, delimiter))
    return max(scored)[2]


def _text_header(head: bytes, dialect: txt.Dialect, intake: Intake) -> tuple[list[str], int, int]:
    """The header's fields, and how many bytes (UTF-8) and lines lie before the first row."""
    lines: list[tuple[list[str], int, int]] = []
    at = line = 0
    delimiter, quote = dialect.delimiter.encode(), (dialect.quote or "").encode()
    padded = head if head.endswith(b"\n") else head + b"\n"
    while at < len(padded) and len(lines) < HEADER_SEARCH_LINES:
        end = padded.find(b"\n", at)
        raw = padded[at:end]
        # A header may break lines inside quotes; bounded, so that a stray quote does not swallow the file.
        while quote and raw.count(quote) % 2 and padded.find(b"\n", end + 1) > 0 and raw.count(b"\n") < 10:
            end = padded.find(b"\n", end + 1)
            raw = padded[at:end]
        if quote and raw.count(quote) % 2:
            end = padded.find(b"\n", at)
            raw = padded[at:end]
        at, line = end + 1, line + raw.count(b"\n") + 1
        cells = [value.decode("utf-8", "replace") for value in txt.unquoted(raw, delimiter, quote or None)]
        lines.append((cells, min(at, len(head)), line))
    if not lines:
        raise Unreadable(_empty_file(intake.delivery))
    wanted = intake.mapping.format.header_row
    chosen = next((k for k, (_, _, upto) in enumerate(lines) if upto >= wanted), len(lines) - 1) if wanted else None
    if chosen is None:
        chosen = header_position([cells for cells, _, _ in lines], intake.contract, intake.mapping)
        if any(any(cell.strip() for cell in cells) for cells, _, _ in lines[:chosen]):
            intake.problems.append(header_not_first(intake.delivery, lines[chosen][2]))
    cells, used, upto = lines[chosen]
    return [cell.replace("\0", "").strip() for cell in cells], used, upto


def _drift_problems(delivery: Delivery, contract: Feed, mapping: FeedMapping, layout: Layout) -> list[Problem]:
    problems = []
    severity: Any = "error" if mapping.drift == "stop" else "warn"
    unnamed, every = set(layout.unnamed), set(layout.names)
    new = [name for name in layout.match.unknown if name not in unnamed]
    shown = ", ".join(layout.told[name] for name in new[:20]) + (" …" if len(new) > 20 else "")
    fate = {
        "accept": ("kept raw", "原样保留"),
        "null": ("left empty", "置空"),
        "stop": ("delivery refused", "拒收本批"),
    }[mapping.drift]
    if new:
        problems.append(
            Problem(
                kind="column_new",
                severity=severity,
                message=f"{delivery.id}: {len(new)} columns that the contract does not know ({fate[0]}): {shown}",
                message_zh=f"{delivery.id}：契约中没有的 {len(new)} 列（{fate[1]}）：{shown}",
                remedy=f"name them under feeds.{contract.name}.headers in district.yaml, or ignore this",
                remedy_zh=f"如需使用，请在 district.yaml 的 feeds.{contract.name}.headers 中登记",
                count=len(new),
            )
        )
    if layout.overflow:
        problems.append(
            Problem(
                kind="columns_overflow",
                message=f"{delivery.id}: {len(layout.overflow)} columns beyond the first {MAX_UNKNOWN_COLUMNS} unknown ones are kept together in _overflow",
                message_zh=f"{delivery.id}：超过 {MAX_UNKNOWN_COLUMNS} 个未知列，其余 {len(layout.overflow)} 列合并保存于 _overflow",
                count=len(layout.overflow),
            )
        )
    for header, column in layout.match.also.items():
        problems.append(
            Problem(
                kind="column_ambiguous",
                message=f"{delivery.id}: {header} could feed {column} too, which {'+'.join(layout.match.sources[column])} feeds; kept raw",
                message_zh=f"{delivery.id}：{header} 也可对应 {column}，已由 {'+'.join(layout.match.sources[column])} 提供；原样保留",
                remedy=f"say under feeds.{contract.name}.headers.{column} which one counts",
                remedy_zh=f"请在 feeds.{contract.name}.headers.{column} 中指定",
                field=column,
            )
        )
    for name in layout.match.missing:
        wanted = contract.column(name)
        if wanted.required:
            problems.append(
                Problem(
                    kind="column_missing",
                    severity="error",
                    message=f"{delivery.id}: no column for {name}, which is required",
                    message_zh=f"{delivery.id}：缺少必填列 {wanted.title_zh}（{name}）",
                    remedy=f"deliver it, or name its header under feeds.{contract.name}.headers.{name} in district.yaml",
                    remedy_zh=f"请补充该列，或在 district.yaml 的 feeds.{contract.name}.headers.{name} 中登记其表头",
                    field=name,
                )
            )
    problems += [_renamed_maybe(delivery, contract, column, layout.told[header]) for column, header in _similar(contract, layout.match)]
    repeated = [name for name in layout.names if "__" in name and name.rsplit("__", 1)[0] in every and name.rsplit("__", 1)[1].isdigit()]
    if repeated:
        problems.append(
            Problem(
                kind="header_repeated",
                message=f"{delivery.id}: {len(repeated)} headers occur twice; the later ones are kept raw as {', '.join(layout.told[name] for name in repeated[:10])}",
                message_zh=f"{delivery.id}：{len(repeated)} 个表头重复；后者以 {'、'.join(layout.told[name] for name in repeated[:10])} 原样保留",
                remedy="give each column its own header",
                remedy_zh="请为每列使用不同的表头",
                count=len(repeated),
            )
        )
    return problems


_ALIKE = 0.6
"""How alike two headers must be (difflib's ratio: twice the characters in common over all) to be taken for one that was renamed."""


def _similar(contract: Feed, match: HeaderMatch) -> list[tuple[str, str]]:
    """Contract columns that nothing feeds, each with the one unknown header that is most like one of its own."""
    pairs = []
    for name in match.missing:
        column = contract.column(name)
        forms = [folded(form) for form in (column.name, column.title_zh, *column.headers)]
        likeness = [
            (max(SequenceMatcher(None, folded(header), form).ratio() for form in forms), header)
            for header in match.unknown[:MAX_UNKNOWN_COLUMNS]
        ]
        best = max(likeness, default=(0.0, ""))
        if best[0] >= _ALIKE:
            pairs.append((best[0], name, best[1]))
    taken: dict[str, str] = {}
    for _, name, header in sorted(pairs, key=lambda one: -one[0]):
        taken.setdefault(header, name)
    return [(name, header) for header, name in taken.items()]


def _renamed_maybe(delivery: Delivery, contract: Feed, column: str, header: str) -> Problem:
    title = contract.column(column).title_zh
    return Problem(
        kind="column_renamed_maybe",
        message=f"{delivery.id}: nothing feeds {column}, and {header} is called much like it: the column may have been renamed",
        message_zh=f"{delivery.id}：{title}（{column}）无来源列，而表头 {header} 与其相近：该列可能已改名",
        remedy=f"if so, name {header} under feeds.{contract.name}.headers.{column} in district.yaml",
        remedy_zh=f"如属实，请在 district.yaml 的 feeds.{contract.name}.headers.{column} 中登记 {header}",
        field=column,
    )


def malformed_problem(name: str, count: int, rows: Sequence[int]) -> Problem:
    """Rows whose fields cannot be told."""
    shown = ", ".join(map(str, rows)) + (" …" if count > len(rows) else "")
    return Problem(
        kind="rows_malformed",
        message=f"{name}: {count} rows whose fields cannot be told apart, kept raw: rows {shown}",
        message_zh=f"{name}：{count} 行无法分列，原文保留：第 {shown} 行",
        remedy="quote fields that hold delimiters, quotes or line ends; double quotes inside them",
        remedy_zh="含分隔符、引号或换行的字段请加引号，字段内引号请加倍",
        row=rows[0] if rows else None,
        count=count,
    )


def blank_problem(name: str, count: int) -> Problem:
    """Rows without any value."""
    return Problem(
        kind="rows_blank",
        severity="info",
        message=f"{name}: {count} blank rows left out",
        message_zh=f"{name}：忽略 {count} 个空行",
        count=count,
    )


def header_not_first(delivery: Delivery, row: int) -> Problem:
    """The header stands below title lines."""
    return Problem(
        kind="header_not_first",
        severity="info",
        message=f"{delivery.id}: the header is in row {row}; what stands above it was left out",
        message_zh=f"{delivery.id}：表头位于第 {row} 行；其上方内容已忽略",
        row=row,
    )


def unreadable(delivery: Delivery, message: str, message_zh: str, remedy: str, remedy_zh: str, kind: str = "file_unreadable") -> Unreadable:
    """An Unreadable for a delivery."""
    return Unreadable(
        Problem(
            kind=kind,
            severity="error",
            message=f"{delivery.id}: {message}",
            message_zh=f"{delivery.id}：{message_zh}",
            remedy=remedy,
            remedy_zh=remedy_zh,
        )
    )


def _hopeless(delivery: Delivery, account: txt.Account) -> Unreadable:
    return unreadable(
        delivery,
        f"{account.malformed} of the first {account.rows} rows cannot be told into the header's fields; no table",
        f"前 {account.rows} 行中有 {account.malformed} 行无法按表头分列；不是有效表格",
        "check delimiter, quotes and header of the export, then deliver again",
        "请检查导出的分隔符、引号与表头后重新交付",
        "mostly_malformed",
    )


def changed(delivery: Delivery) -> Unreadable:
    """The bytes read are not those that were fingerprinted."""
    return unreadable(
        delivery,
        "changed while it was read",
        "读取时文件发生变化",
        "run again when it is complete",
        "请在文件写完后重新运行",
        "file_changed",
    )


def _cannot_open(delivery: Delivery, error: OSError) -> Problem:
    why = error.strerror or type(error).__name__
    return unreadable(delivery, f"cannot be opened ({why})", f"无法打开（{why}）", "deliver it again", "请重新交付").problem


def _empty_file(delivery: Delivery) -> Problem:
    return unreadable(delivery, "the file is empty", "文件为空", "deliver it again", "请重新交付", "file_empty").problem


def _no_rows(delivery: Delivery) -> Problem:
    return Problem(
        kind="file_without_rows",
        message=f"{delivery.id}: a header and no rows",
        message_zh=f"{delivery.id}：只有表头，没有数据行",
        remedy="deliver it again if there should be rows",
        remedy_zh="如应有数据，请重新交付",
    )


def _no_known_header(delivery: Delivery, contract: Feed, count: int) -> Problem:
    expected = ", ".join(column.name for column in contract.columns if column.required) or contract.columns[0].name
    expected_zh = "、".join(column.title_zh for column in contract.columns if column.required) or contract.columns[0].title_zh
    return unreadable(
        delivery,
        f"none of {count} header cells is a column of {contract.name}",
        f"{count} 个表头单元格均不属于{contract.title_zh}",
        f"put a header with {expected} in the first row, or name the headers in district.yaml",
        f"请在首行给出表头（如 {expected_zh}），或在 district.yaml 中登记表头",
        "header_unknown",
    ).problem


def _header_is_a_row(delivery: Delivery, contract: Feed, count: int) -> Problem:
    expected = ", ".join(column.name for column in contract.columns if column.required)
    expected_zh = "、".join(column.title_zh for column in contract.columns if column.required)
    return unreadable(
        delivery,
        f"no header line: what comes closest looks like a row of data, its {count} cells name no required column of {contract.name} and hold values",
        f"缺少表头：最接近的一行像是数据行，其 {count} 个单元格中没有{contract.title_zh}的必需列，且含有数据值",
        f"put the header line back (with {expected})",
        f"请补上表头（如 {expected_zh}）后重新交付",
        "header_unknown",
    ).problem


def _values_in_header(delivery: Delivery, count: int) -> Problem:
    return Problem(
        kind="header_values",
        message=f"{delivery.id}: values stand in the header; {count} columns are kept by their position alone (column_<n>)",
        message_zh=f"{delivery.id}：表头中混有数据值；{count} 列仅按位置保留（column_<n>）",
        remedy="a line end behind the header may be missing: mend it and deliver the file again",
        remedy_zh="表头后可能缺少换行，请修正后重新交付",
        count=count,
    )


def json_text(value: Any) -> str:
    """A nested value as JSON text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=False, separators=(",", ":"), default=str)
