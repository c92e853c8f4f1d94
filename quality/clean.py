"""Raw rows of text into typed rows by contract: accepted, refused with reason, and notes on values that were emptied.

Belongs here: applying a feed's contract to one delivery, column by column. Does not belong here: reading files (`sources`), protecting
personal columns and keeping tables (`warehouse`), checks over whole tables (`checks`).

Every raw row ends in exactly one place: accepted, or refused (malformed rows among them, rule `malformed`). A value that breaks a rule
refuses its row or is emptied and noted, as the contract says; nothing is dropped. Messages name rows, columns and rules, never values.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import duckdb
import polars as pl
import pyarrow as pa

from contracts.district import FeedMapping
from contracts.header import RESERVED, HeaderMatch, match_headers
from contracts.model import PROVENANCE, Column, Feed
from contracts.schema import arrow_schema
from quality import identity, open_fields, parse
from quality.rules import Rule, rule_of
from quality.shifted import Test, shape_test, shifted_rows

CLEAN_VERSION = 3
"""Raised when the meaning of cleaning changes, so that deliveries are cleaned again."""

SLICE_ROWS = 250_000
PROFILE_ROWS = 100_000
SEPARATOR = "\u001f"

REFUSED_SCHEMA = pa.schema(
    [
        ("delivery", pa.string()),
        ("delivery_date", pa.date32()),
        ("source_row", pa.int64()),
        ("rule", pa.string()),
        ("rules", pa.string()),
        ("field", pa.string()),
        ("message", pa.string()),
        ("message_zh", pa.string()),
        ("remedy", pa.string()),
        ("remedy_zh", pa.string()),
        ("raw", pa.string()),
    ]
)
NOTES_SCHEMA = pa.schema(
    [
        ("delivery", pa.string()),
        ("field", pa.string()),
        ("rule", pa.string()),
        ("rows", pa.int64()),
        ("first_row", pa.int64()),
        ("message", pa.string()),
        ("message_zh", pa.string()),
    ]
)


@dataclass(frozen=True)
class Cleaned:
    """One delivery after cleaning.

    `accepted`: declared columns, then provenance (record_key … source_row), in source order. `refused`: REFUSED_SCHEMA, one row per
    refused or malformed source row. `notes`: NOTES_SCHEMA, one row per field and rule that emptied values or warned of rows.
    `rows_repeated`: accepted rows whose declared columns equal an earlier row's of this delivery.
    """

    accepted: pa.Table
    refused: pa.Table
    notes: pa.Table
    rows_read: int
    rows_malformed: int
    rows_repeated: int

    @property
    def rows_accepted(self) -> int:
        return int(self.accepted.num_rows)

    @property
    def rows_refused(self) -> int:
        """Refused rows, the malformed ones among them: rows_read = rows_accepted + rows_refused."""
        return int(self.refused.num_rows)


def mapping_fingerprint(contract: Feed, mapping: FeedMapping) -> str:
    """What reading and cleaning of a feed depend on besides the file: `<reading>-<cleaning>`, 8 and 16 hex digits.

    Another first part means that the file must be read again, another second one that its raw rows must be cleaned again. Titles and
    descriptions don't count.
    """
    reading = mapping.format.model_dump_json() + json.dumps([mapping.drift, _header_forms(contract, mapping)], ensure_ascii=False)
    columns = [
        column.model_dump(mode="json", exclude={"title", "title_zh", "description", "description_zh", "unit", "watched"})
        for column in contract.columns
    ]
    judging = json.dumps(
        [
            CLEAN_VERSION,
            columns,
            contract.keys,
            contract.key_pattern,
            contract.mode,
            contract.status_time,
            contract.address.model_dump() if contract.address else None,
            [rule.model_dump(mode="json") for rule in contract.rules],
            mapping.model_dump(mode="json", include={"headers", "constants", "codes", "null_markers", "key_pattern"}),
        ],
        ensure_ascii=False,
        sort_keys=True,
    )
    return f"{hashlib.sha256(reading.encode()).hexdigest()[:8]}-{hashlib.sha256(judging.encode()).hexdigest()[:16]}"


def _header_forms(contract: Feed, mapping: FeedMapping) -> list[object]:
    return [[column.name, column.title_zh, list(column.headers)] for column in contract.columns] + [sorted(mapping.headers.items())]


def clean(
    raw: pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch],
    contract: Feed,
    mapping: FeedMapping,
    delivery_day: dt.date,
    *,
    time_zone: str = "Asia/Shanghai",
) -> Cleaned:
    """Judge the raw rows of one delivery (columns of `raw.<feed>`) by its contract (with the district's additions merged in).

    Raw columns that are empty throughout count as absent where another one can feed the same column, so rows taken from the lake,
    which have the columns of all deliveries, give the same result as rows straight from intake.
    """
    table = _in_file_order(raw if isinstance(raw, pa.Table) else _gathered(raw))
    cleaner = _Cleaner(table, contract, mapping, delivery_day, time_zone)
    # Polars and DuckDB do most of a slice's work on one core; slices side by side use the others.
    with ThreadPoolExecutor(max(1, min(4, len(os.sched_getaffinity(0))))) as pool:
        parts = list(pool.map(cleaner.slice, _slices(table)))
    return cleaner.joined(parts)


def stopped(raw: pa.Table, cleaned: Cleaned, contract: Feed, mapping: FeedMapping, delivery_day: dt.date) -> Cleaned:
    """The delivery with none of its rows accepted: those that were are refused by the rule `delivery_stopped`."""
    table = _in_file_order(raw)
    cleaner = _Cleaner(table, contract, mapping, delivery_day, "UTC")
    refused = pl.DataFrame(cleaned.refused)
    frame = pl.DataFrame(table).filter(~pl.col("_row").is_in(refused["source_row"].implode()))
    rule = rule_of(None, "delivery_stopped")
    said = {name: pl.lit(getattr(rule, name), pl.String) for name in ("message", "message_zh", "remedy", "remedy_zh", "field")}
    made = pl.DataFrame({"source_row": frame["_row"], "raw": cleaner._raw(frame)}).with_columns(
        pl.lit(rule.name).alias("rule"), pl.lit(rule.name).alias("rules"), **said
    )
    both = pl.concat([refused, cleaner._quarantine_columns(made)], how="vertical_relaxed").sort("source_row")
    return Cleaned(
        cleaned.accepted.slice(0, 0),
        both.select(REFUSED_SCHEMA.names).to_arrow().cast(REFUSED_SCHEMA),
        NOTES_SCHEMA.empty_table(),
        cleaned.rows_read,
        cleaned.rows_malformed,
        0,
    )


def fitting_share(raw: pa.Table, contract: Feed, mapping: FeedMapping, rows: int = 2000) -> dict[tuple[str, str], float]:
    """For each contract column that nothing feeds and in which not every text can stand, and each unknown source column: the share of its first
    values that could stand there. Columns with fewer than 5 values are left out."""
    table = raw.slice(0, rows)
    cleaner = _Cleaner(table, contract, mapping, dt.date.max - dt.timedelta(days=2), "UTC")
    fed = cleaner.match.sources
    open_columns = [column for column in contract.columns if column.name not in fed and column.name not in mapping.constants]
    tests = [(column, test) for column in open_columns if (test := cleaner._contract_test(column))]
    found = {}
    for header in cleaner.match.unknown if tests else ():
        for column, test in tests:
            values = cleaner._present(pl.Series(header, table[header]), column).drop_nulls()
            if len(values) >= 5:
                share = test(values).fill_null(False).mean()
                found[(column.name, header)] = float(share) if isinstance(share, (int, float)) else 0.0
    return found


def _gathered(batches: pa.RecordBatchReader | Iterable[pa.RecordBatch]) -> pa.Table:
    if isinstance(batches, pa.RecordBatchReader):
        return batches.read_all()
    found = list(batches)
    return pa.Table.from_batches(found) if found else pa.table({name: pa.array([], pa.string()) for name in RESERVED[:4]})


def _in_file_order(table: pa.Table) -> pa.Table:
    """The lake promises no row order; rows that are numbered or counted by it must not depend on that."""
    rows = table["_row"].to_numpy()
    return table if len(rows) < 2 or bool((rows[1:] >= rows[:-1]).all()) else table.sort_by("_row")


def _slices(table: pa.Table) -> Iterator[pl.DataFrame]:
    for start in range(0, table.num_rows, SLICE_ROWS):
        yield pl.DataFrame(table.slice(start, SLICE_ROWS))


@dataclass
class _Part:
    accepted: pl.DataFrame
    refused: pl.DataFrame
    notes: dict[tuple[str, str], tuple[int, int]]
    malformed: int


@dataclass(frozen=True)
class _Broken:
    """Rows of a slice in which one field breaks one rule."""

    rule: Rule
    rows: pl.Series
    refuses: bool


@dataclass(frozen=True)
class _Piece:
    """Rows of a slice with fields that can be told, and its source columns without null markers, made once each."""

    frame: pl.DataFrame
    tidied: dict[str, pl.Series]


class _Cleaner:
    """What holds for all slices of one delivery."""

    def __init__(self, table: pa.Table, contract: Feed, mapping: FeedMapping, day: dt.date, time_zone: str) -> None:
        self.contract, self.mapping, self.day, self.time_zone = contract, mapping, day, time_zone
        self.delivery = str(table["_delivery"][0]) if table.num_rows else ""
        self.rows_read = table.num_rows
        self.source_names = [name for name in table.column_names if name not in RESERVED]
        present = [name for name in self.source_names if table[name].null_count < table.num_rows]
        self.match = _prefer_present(contract, mapping, self.source_names, present)
        self.markers = tuple(dict.fromkeys((*parse.NULL_MARKERS, *mapping.null_markers)))
        self.key_columns = set(contract.keys)
        profile = pl.DataFrame(table.slice(0, PROFILE_ROWS).select(self.source_names)) if self.source_names else pl.DataFrame()
        self.time_widths = self._time_widths(profile)
        self.tests = self._tests(profile)

    # What the delivery as a whole tells.

    def _combinations(self) -> dict[str, tuple[str, ...]]:
        return {column: headers for column, headers in self.match.sources.items() if len(headers) > 1}

    def _time_widths(self, profile: pl.DataFrame) -> dict[str, int]:
        parts = {header for headers in self._combinations().values() for header in headers[1:]}
        return {header: parse.time_width(parse.tidy(profile[header])) for header in parts if header in profile.columns}

    def _tests(self, profile: pl.DataFrame) -> list[Test | None]:
        single = {headers[0]: self.contract.column(column) for column, headers in self.match.sources.items() if len(headers) == 1}
        tests: list[Test | None] = []
        for name in self.source_names:
            column = single.get(name)
            test = self._contract_test(column) if column else None
            tests.append(test or shape_test(self._present(profile[name], column)))
        return tests

    def _contract_test(self, column: Column) -> Test | None:
        if column.codes or column.type != "text" or column.check in ("id_number", "credit_code", "phone"):

            def fits(texts: pl.Series) -> pl.Series:
                values = self._typed(texts, column)
                sound = values.is_not_null()
                for _, hit in self._value_rules(column, values):
                    sound = sound & ~hit.fill_null(False)
                return sound

            return fits
        pattern = column.pattern
        return (lambda texts: _matches(texts, pattern)) if pattern else None

    # One slice.

    def slice(self, frame: pl.DataFrame) -> _Part:
        malformed = frame.filter(pl.col("_malformed").is_not_null())
        frame = frame.filter(pl.col("_malformed").is_null()) if malformed.height else frame
        piece = _Piece(frame, {})
        columns: dict[str, pl.Series] = {}
        broken: list[_Broken] = []
        for column in self.contract.columns:
            values, found = self._column(piece, column)
            columns[column.name] = values
            broken += found
        keys = self._keys(columns, frame.height)
        weak = keys.is_null()
        typed = pl.DataFrame(columns) if columns else pl.DataFrame()
        broken += self._row_rules(typed)
        doomed = pl.repeat(False, frame.height, eager=True)
        for one in broken:
            if one.refuses:
                doomed = doomed | one.rows
        misplaced = self._repeated_header(piece) or self._shifted(piece, doomed)
        for one in misplaced:
            doomed = doomed | one.rows
        broken = misplaced + broken
        if weak.all():
            keys = content_keys(typed, self.contract)
        elif weak.any():
            keys = keys.scatter(weak.arg_true(), content_keys(typed.filter(weak), self.contract))
        whole = typed.with_columns(
            keys.alias("record_key"),
            weak.alias("key_is_weak"),
            self._address_query(columns, frame.height).alias("address_query"),
            pl.Series("delivery", frame["_delivery"]),
            pl.lit(self.day).alias("delivery_date"),
            pl.Series("source_row", frame["_row"]),
        )
        accepted = whole.filter(~doomed) if doomed.any() else whole
        refused = self._refused(frame, doomed, broken)
        if malformed.height:
            refused = pl.concat([refused, self._malformed(malformed)], how="vertical_relaxed")
        return _Part(accepted, refused, self._notes(frame, doomed, broken), malformed.height)

    def _text(self, piece: _Piece, column: Column) -> pl.Series | None:
        """The source text of a contract column, tidied; None where the source has none."""
        headers = self.match.sources.get(column.name)
        if headers is None:
            constant = self.mapping.constants.get(column.name)
            return None if constant is None else pl.Series(column.name, [constant]).new_from_index(0, piece.frame.height)
        if len(headers) == 1:
            return self._source(piece, headers[0], column).alias(column.name)
        parts = [self._source(piece, header, column) for header in headers]
        if column.type in ("timestamp", "date"):
            parts[0] = parse.half_width(parts[0]).str.replace(r"\.0+$", "").str.replace(r"[ T]0{1,2}:00:00$", "")
            parts[1:] = [
                parse.padded_times(part, self.time_widths.get(header, 6)) for part, header in zip(parts[1:], headers[1:], strict=True)
            ]
        joined = pl.DataFrame([part.alias(str(number)) for number, part in enumerate(parts)]).select(
            pl.when(pl.col("0").is_not_null() if column.type in ("timestamp", "date") else pl.any_horizontal(pl.all().is_not_null()))
            .then(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True))
            .alias(column.name)
        )
        return joined.to_series()

    def _source(self, piece: _Piece, header: str, column: Column | None) -> pl.Series:
        """A source column of the slice without null markers, made once."""
        if header not in piece.tidied:
            piece.tidied[header] = self._present(piece.frame[header], column)
        return piece.tidied[header]

    def _present(self, text: pl.Series, column: Column | None) -> pl.Series:
        """Tidied text without null markers."""
        tidy = parse.tidy(text)
        if column is None:
            return parse.without_markers(tidy, self.markers)
        markers = (*self.markers, *column.null_markers)
        if column.type != "text" or column.check:
            markers = (*markers, *parse.NULL_MARKERS_OF_TYPED)
        if column.codes or column.type == "boolean":
            # A word such as 无 can be one of the codes, or mean no.
            known = set(parse.code_forms(column.codes)) | (set(parse.FALSE_FORMS) if column.type == "boolean" else set())
            markers = tuple(marker for marker in markers if parse.folded(marker) not in known)
        return parse.without_markers(tidy, markers)

    def _typed(self, text: pl.Series, column: Column) -> pl.Series:
        if column.codes:
            return parse.codes(text, column.codes)
        if column.decimal:
            return parse.decimals(text, *column.decimal)
        if column.type == "integer":
            return parse.integers(text)
        if column.type == "boolean":
            return parse.booleans(text)
        if column.type == "date":
            return parse.dates(text, self.time_zone)
        if column.type == "timestamp":
            return parse.moments(text, self.time_zone)
        if column.check == "id_number":
            return identity.id_numbers(text, self.day + dt.timedelta(days=1))
        if column.check == "credit_code":
            return identity.credit_codes(text)
        if column.check == "phone":
            return identity.phones(text)
        return parse.half_width(text) if column.name in self.key_columns else text

    def _column(self, piece: _Piece, column: Column) -> tuple[pl.Series, list[_Broken]]:
        """A column's typed values, emptied where a rule is broken, and what was broken. At most one rule a value."""
        text = self._text(piece, column)
        refuses = (column.on_error or ("refuse" if column.required or column.name in self.key_columns else "null")) == "refuse"
        if text is None:
            values = pl.repeat(None, piece.frame.height, dtype=_polars_type(column), eager=True).alias(column.name)
            missing = values.is_null() if column.required else None
            return values, ([] if missing is None or not piece.frame.height else [_Broken(rule_of(column, "required"), missing, True)])
        values = self._typed(text, column)
        if column.check == "id_number":
            values = self._other_documents(piece, text, values)
        broken = []
        kind = "code" if column.codes else "type" if column.type != "text" else str(column.check)
        wrong = text.is_not_null() & values.is_null()
        if wrong.any():
            broken.append(_Broken(rule_of(column, kind), wrong, refuses))
        for name, hit in self._value_rules(column, values):
            hit = hit.fill_null(False)
            if hit.any():
                broken.append(_Broken(rule_of(column, name), hit, refuses))
                values = (
                    values.set(hit, None)
                    if values.dtype != pl.Boolean
                    else pl.Series(column.name, values).zip_with(~hit, pl.Series([None], dtype=pl.Boolean))
                )
        if self._is_open_text(column):
            values, personal = open_fields.masked(values, self.day + dt.timedelta(days=1))
            if personal.any():
                broken.append(_Broken(rule_of(column, "personal_in_open_field"), personal, False))
        if column.required:
            bare = text.is_null()
            if bare.any():
                broken.append(_Broken(rule_of(column, "required"), bare, True))
        return values.alias(column.name), broken

    def _is_open_text(self, column: Column) -> bool:
        """Keys stay as they are: other records are joined by them, and libraries hold them keyed."""
        plain = column.type == "text" and not column.codes and not column.check
        return plain and column.classification in ("public", "internal") and column.name not in self.key_columns

    def _value_rules(self, column: Column, values: pl.Series) -> Iterator[tuple[str, pl.Series]]:
        if column.type == "text" and not column.codes:
            if column.max_length is not None:
                yield "max_length", values.str.len_chars() > column.max_length
            if column.pattern is not None:
                yield "pattern", ~_matches(values, column.pattern)
            if column.name in self.key_columns and values.str.contains("\ufffd", literal=True).any():
                yield "damaged_key", values.str.contains("\ufffd", literal=True)
            return
        low, high = _bound(column, column.minimum), _bound(column, column.maximum)
        if low is not None:
            yield "min", values < low
        if high is not None:
            yield "max", values > high
        if column.check == "not_future":
            last = self.day + dt.timedelta(days=1)
            yield "not_future", values > (dt.datetime.combine(last, dt.time(23, 59, 59, 999_999)) if column.type == "timestamp" else last)

    def _other_documents(self, piece: _Piece, text: pl.Series, values: pl.Series) -> pl.Series:
        """Numbers of other documents than the resident identity card carry no check digit; they are kept as they are."""
        kind = next(
            (p.source.get("kind") for p in self.contract.protect if isinstance(p.source, dict) and p.source.get("number") == text.name),
            None,
        )
        if kind is None:
            return values
        kinds = self._text(piece, self.contract.column(kind))
        if kinds is None:
            return values
        known = parse.codes(kinds, self.contract.column(kind).codes)
        other = (known.is_not_null() & ~known.is_in(["resident_id", "residence_permit"])).fill_null(False)
        plain = parse.half_width(text).str.replace_all(r"\s", "").str.to_uppercase()
        plain = plain.set(~plain.str.contains(r"^[0-9A-Z()/-]{4,30}$").fill_null(False), None)
        return plain.zip_with(other, values)

    def _keys(self, columns: Mapping[str, pl.Series], height: int) -> pl.Series:
        """Keys joined by '|'; null where the key cannot be trusted and content stands in."""
        if not self.contract.keys:
            return pl.repeat(None, height, dtype=pl.String, eager=True)
        parts = [
            _as_text(columns[name], self.contract.column(name)).str.replace_all("|", "\\|", literal=True) for name in self.contract.keys
        ]
        joined = (
            pl.DataFrame([part.alias(str(number)) for number, part in enumerate(parts)])
            .select(pl.concat_str(pl.all(), separator="|"))
            .to_series()
        )
        if self.contract.key_pattern:
            joined = joined.set(~_matches(columns[self.contract.keys[0]], self.contract.key_pattern).fill_null(False), None)
        return joined

    def _address_query(self, columns: Mapping[str, pl.Series], height: int) -> pl.Series:
        where = self.contract.address
        if where is None or not height:
            return pl.repeat(None, height, dtype=pl.String, eager=True)
        parts: list[pl.Series | pl.Expr] = []
        any_value = pl.repeat(False, height, eager=True)
        for name in (where.text, where.district, where.street, where.community, where.lng, where.lat):
            if name is None or columns[name].null_count() == height:
                parts.append(pl.lit(""))
                continue
            any_value = any_value | columns[name].is_not_null()
            parts.append(
                _as_text(columns[name], self.contract.column(name))
                .str.replace_all(SEPARATOR, " ", literal=True)
                .fill_null("")
                .alias(f"_{len(parts)}")
            )
        named = [part if isinstance(part, pl.Expr) else pl.col(part.name) for part in parts]
        frame = pl.DataFrame(
            [part for part in parts if isinstance(part, pl.Series)] or [pl.repeat(None, height, dtype=pl.String, eager=True)]
        )
        joined = frame.select(pl.concat_str(named, separator=SEPARATOR).alias("address_query")).to_series()
        joined = joined.new_from_index(0, height) if len(joined) != height else joined
        return joined.set(~any_value, None)

    def _row_rules(self, typed: pl.DataFrame) -> list[_Broken]:
        rules = [rule for rule in self.contract.rules if rule.holds]
        if not rules or not typed.height:
            return []
        needed = typed.to_arrow()
        with _engine().cursor() as connection:
            connection.register("rows_of_delivery", needed)
            terms = ", ".join(f'coalesce(NOT ({rule.holds}), false) AS "{rule.name}"' for rule in rules)
            found = pl.DataFrame(connection.sql(f"SELECT {terms} FROM rows_of_delivery").to_arrow_table())
        return [
            _Broken(
                Rule(rule.name, None, rule.message, rule.message_zh, "correct the row at the source", "请在来源系统更正该行"),
                found[rule.name],
                rule.severity == "error",
            )
            for rule in rules
            if found[rule.name].any()
        ]

    def _repeated_header(self, piece: _Piece) -> list[_Broken]:
        """Rows that are the header once more, as files put together from several have them."""
        hit: pl.Series | None = None
        for name in self.source_names:
            text = self._source(piece, name, None) if name not in piece.tidied else piece.tidied[name]
            same = (text.str.to_lowercase() == name) if hit is not None else (text == name) | (text.str.to_lowercase() == name)
            hit = same.fill_null(False) if hit is None else hit & same.fill_null(name.startswith("column_"))
            if not hit.any():
                return []
        return [_Broken(rule_of(None, "repeated_header"), hit, True)] if hit is not None else []

    def _shifted(self, piece: _Piece, doomed: pl.Series) -> list[_Broken]:
        if not any(self.tests) or not piece.frame.height:
            return []
        by_header = {headers[0]: self.contract.column(name) for name, headers in self.match.sources.items() if len(headers) == 1}
        columns = [self._source(piece, name, by_header.get(name)) for name in self.source_names]
        shifted, places = shifted_rows(columns, self.tests, doomed)
        if not shifted.any():
            return []
        feeds = {header: name for name, headers in self.match.sources.items() for header in headers}
        broken = []
        for place in places.drop_nulls().unique().sort().to_list():
            source = self.source_names[place]
            broken.append(
                _Broken(rule_of(feeds.get(source, source), "shifted_columns"), shifted & (places == place).fill_null(False), True)
            )
        return broken

    # Results.

    def _refused(self, frame: pl.DataFrame, doomed: pl.Series, broken: Sequence[_Broken]) -> pl.DataFrame:
        rows = doomed.arg_true()
        refusing = [one for one in broken if one.refuses]
        size = len(rows)
        first = pl.repeat(None, size, dtype=pl.Int64, eager=True)
        lists = []
        for number in reversed(range(len(refusing))):
            hit = refusing[number].rows.gather(rows)
            first = pl.Series("n", [number], dtype=pl.Int64).new_from_index(0, size).zip_with(hit, first) if size else first
            label = refusing[number].rule.label
            lists.append(pl.DataFrame({"hit": hit}).select(pl.when(pl.col("hit")).then(pl.lit(label)).alias(f"r{number}")).to_series())
        lists.reverse()
        told = pl.DataFrame(
            {
                "n": pl.Series(range(len(refusing)), dtype=pl.Int64),
                "rule": pl.Series([one.rule.name for one in refusing], dtype=pl.String),
                "field": pl.Series([one.rule.field for one in refusing], dtype=pl.String),
                "message": pl.Series([one.rule.message for one in refusing], dtype=pl.String),
                "message_zh": pl.Series([one.rule.message_zh for one in refusing], dtype=pl.String),
                "remedy": pl.Series([one.rule.remedy for one in refusing], dtype=pl.String),
                "remedy_zh": pl.Series([one.rule.remedy_zh for one in refusing], dtype=pl.String),
            }
        )
        labels = (
            pl.DataFrame(lists).select(pl.concat_str(pl.all(), separator=";", ignore_nulls=True)).to_series()
            if lists
            else pl.repeat("", size, eager=True)
        )
        few = frame[rows.to_list()] if size else frame.clear()
        made = pl.DataFrame({"n": first, "rules": labels, "source_row": few["_row"], "raw": self._raw(few)}).join(
            told, on="n", how="left", maintain_order="left"
        )
        return self._quarantine_columns(made)

    def _malformed(self, frame: pl.DataFrame) -> pl.DataFrame:
        raw = frame["_malformed"]
        rule = rule_of(None, "malformed")
        made = pl.DataFrame({"source_row": frame["_row"], "raw": raw}).with_columns(
            pl.lit("malformed").alias("rule"),
            pl.lit("malformed").alias("rules"),
            pl.lit(None, pl.String).alias("field"),
            pl.when(raw.str.contains("\0", literal=True))
            .then(pl.lit("the line holds NUL bytes"))
            .when(raw.str.count_matches('"', literal=True) % 2 == 1)
            .then(pl.lit("a quote is opened and not closed"))
            .otherwise(pl.lit(rule.message))
            .alias("message"),
            pl.when(raw.str.contains("\0", literal=True))
            .then(pl.lit("该行含有 NUL 字节"))
            .when(raw.str.count_matches('"', literal=True) % 2 == 1)
            .then(pl.lit("引号未配对"))
            .otherwise(pl.lit(rule.message_zh))
            .alias("message_zh"),
            pl.lit(rule.remedy).alias("remedy"),
            pl.lit(rule.remedy_zh).alias("remedy_zh"),
        )
        return self._quarantine_columns(made)

    def _quarantine_columns(self, made: pl.DataFrame) -> pl.DataFrame:
        made = made.with_columns(pl.lit(self.delivery).alias("delivery"), pl.lit(self.day).alias("delivery_date"))
        return made.select(pl.col(name) for name in REFUSED_SCHEMA.names)

    def _raw(self, frame: pl.DataFrame) -> pl.Series:
        """Source rows as JSON text: source header → text as delivered."""
        names = [name for name in frame.columns if name in self.source_names or name == "_overflow"]
        if not names or not frame.height:
            return pl.Series("raw", [None] * frame.height, dtype=pl.String)
        return frame.select(pl.struct(names).struct.json_encode().alias("raw")).to_series()

    def _notes(self, frame: pl.DataFrame, doomed: pl.Series, broken: Sequence[_Broken]) -> dict[tuple[str, str], tuple[int, int]]:
        notes: dict[tuple[str, str], tuple[int, int]] = {}
        for one in broken:
            hit = one.rows & ~doomed
            count = int(hit.sum())
            if count and not one.refuses:
                notes[(one.rule.field or "", one.rule.name)] = (count, int(str(frame["_row"].filter(hit).min())))
        return notes

    def joined(self, parts: Sequence[_Part]) -> Cleaned:
        declared = arrow_schema((*self.contract.columns, *PROVENANCE))
        if parts:
            accepted, repeated = self._finished(pl.concat([part.accepted for part in parts]))
            refused = pl.concat([part.refused for part in parts]).sort("source_row").to_arrow().cast(REFUSED_SCHEMA)
        else:
            accepted, repeated, refused = declared.empty_table(), 0, REFUSED_SCHEMA.empty_table()
        notes: dict[tuple[str, str], tuple[int, int]] = {}
        for part in parts:
            for at, (count, first) in part.notes.items():
                former = notes.get(at, (0, first))
                notes[at] = (former[0] + count, min(former[1], first))
        return Cleaned(accepted, refused, self._notes_table(notes), self.rows_read, sum(part.malformed for part in parts), repeated)

    def _notes_table(self, notes: Mapping[tuple[str, str], tuple[int, int]]) -> pa.Table:
        own = {rule.name: rule for rule in self.contract.rules}
        rows = []
        for (field, name), (count, first) in sorted(notes.items()):
            rule = own.get(name) or rule_of(self.contract.column(field) if field else None, name)
            rows.append(
                {
                    "delivery": self.delivery,
                    "field": field or None,
                    "rule": name,
                    "rows": count,
                    "first_row": first,
                    "message": rule.message,
                    "message_zh": rule.message_zh,
                }
            )
        return pa.Table.from_pylist(rows, NOTES_SCHEMA)

    def _finished(self, accepted: pl.DataFrame) -> tuple[pa.Table, int]:
        """Identical rows without a trusted key numbered, and how many rows repeat an earlier one."""
        declared = [column.name for column in self.contract.columns]
        weak = accepted["key_is_weak"]
        if weak.all():
            accepted = accepted.with_columns(_numbered(accepted["record_key"]))
        elif weak.any():
            keys = _numbered(accepted["record_key"].filter(weak))
            accepted = accepted.with_columns(accepted["record_key"].scatter(weak.arg_true(), keys))
        hashes = accepted.select(declared).hash_rows() if declared else pl.Series([], dtype=pl.UInt64)
        repeated = accepted.height - int(hashes.n_unique())
        schema = arrow_schema((*self.contract.columns, *PROVENANCE))
        return accepted.select(schema.names).to_arrow().cast(schema), repeated


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One in-memory database for all deliveries; each use takes a cursor, which threads may do side by side."""
    return duckdb.connect()


def content_keys(rows: pl.DataFrame, contract: Feed) -> pl.Series:
    """'~' and 24 hex digits of SHA-256 over the declared columns of each row.

    Columns without a value do not enter, so a column that is added to the contract later leaves keys as they are.
    """
    terms: list[pl.Expr] = []
    texts: dict[str, pl.Series] = {}
    for column in contract.columns:
        missing = rows[column.name].null_count()
        if missing == rows.height:
            continue
        texts[column.name] = _as_text(rows[column.name], column)
        named = [pl.lit(f"{SEPARATOR}{column.name}="), pl.col(column.name)]
        terms += named if not missing else [pl.when(pl.col(column.name).is_not_null()).then(pl.concat_str(named))]
    whole = pl.concat_str(terms, ignore_nulls=True) if terms else pl.lit("")
    content = pl.DataFrame(texts or {"": [""] * rows.height}).select(whole.alias("content"))
    content = content if content.height == rows.height else pl.DataFrame({"content": [""] * rows.height})
    with _engine().cursor() as connection:
        connection.register("rows_of_delivery", content.to_arrow())
        hashed = connection.sql("SELECT '~' || left(sha256(content), 24) AS key FROM rows_of_delivery").to_arrow_table()
    return pl.Series("record_key", pl.DataFrame(hashed)["key"])


def _numbered(keys: pl.Series) -> pl.Series:
    """'#n' behind the n-th identical key (n ≥ 2)."""
    twice = keys.hash().is_duplicated()
    if not twice.any():
        return keys
    few = pl.DataFrame({"key": keys.filter(twice)}).with_columns(pl.col("key").cum_count().over("key").alias("n"))
    named = few.select(pl.when(pl.col("n") > 1).then(pl.format("{}#{}", "key", "n")).otherwise(pl.col("key")))
    return keys.scatter(twice.arg_true(), named.to_series())


def _prefer_present(contract: Feed, mapping: FeedMapping, names: Sequence[str], present: Sequence[str]) -> HeaderMatch:
    """Match headers that hold values first; what they leave open may go to empty columns."""
    first = match_headers(contract, mapping, present)
    rest = match_headers(contract, mapping, names)
    sources = dict(first.sources)
    used = {header for headers in sources.values() for header in headers}
    for column, headers in rest.sources.items():
        if column not in sources and not used & set(headers):
            sources[column] = headers
    return HeaderMatch(sources, first.unknown, rest.missing, first.also, tuple(names))


def _polars_type(column: Column) -> pl.DataType | type[pl.DataType]:
    if column.decimal:
        return pl.Decimal(*column.decimal)
    kinds: dict[str, pl.DataType | type[pl.DataType]] = {
        "text": pl.String,
        "integer": pl.Int64,
        "date": pl.Date,
        "timestamp": pl.Datetime("us"),
        "boolean": pl.Boolean,
    }
    return kinds[column.type]


def _as_text(values: pl.Series, column: Column) -> pl.Series:
    """Canonical text of typed values: ISO dates and times, plain numbers without trailing zeros, true/false."""
    if column.type == "text":
        return values
    if column.type == "timestamp":
        return values.dt.strftime("%Y-%m-%d %H:%M:%S%.f")
    text = values.cast(pl.String)
    if column.decimal:
        text = text.str.strip_chars_end("0").str.strip_suffix(".") if column.decimal[1] else text
    return text


def _matches(texts: pl.Series, pattern: str) -> pl.Series:
    """Whether the whole text matches."""
    return texts.str.contains(f"^(?:{pattern})$")


def _bound(column: Column, text: str | None) -> object:
    if text is None:
        return None
    if column.type == "date":
        return dt.date.fromisoformat(text)
    if column.type == "timestamp":
        return dt.datetime.fromisoformat(text)
    return int(text) if column.type == "integer" else Decimal(text)
