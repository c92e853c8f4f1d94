"""Which source header feeds which column: the one rule that intake (its certificate) and clean (its mapping) share.

Belongs here: comparing header texts with what contract and district accept. Not here: reading files (`sources`), values (`quality`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from contracts.district import FeedMapping
from contracts.model import Feed

RESERVED = ("_delivery", "_date", "_row", "_malformed", "_overflow")
"""Columns that intake adds to every raw table."""

_ODD = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_LONG_NUMBER = re.compile(r"\d{5}")
_DATE = re.compile(r"\d{4}[-/.年]\d{1,2}|\d{1,2}:\d{2}")
_MARKS = re.compile(r"[*:;]+$")


def folded(header: str) -> str:
    """The form in which headers are compared: half-width, without blanks and required-marks at the end, case folded."""
    half = _ODD.sub("", unicodedata.normalize("NFKC", header))
    return _MARKS.sub("", half).casefold()


def looks_like_a_value(header: str) -> bool:
    """Whether a header cell is rather a row's value: long text, a date or time, a number of five digits or more (telephone, identity, order number)."""
    return len(header) > 60 or bool(_LONG_NUMBER.search(header) or _DATE.search(header))


def told_header(header: str, position: int) -> str:
    """A header that no contract knows, as messages and certificates may tell it.

    Where a line end is missing or the header line is, a row's values stand among the headers. What looks like a value is told by its position alone.
    """
    return f"column {position} (not shown, {len(header)} characters)" if looks_like_a_value(header) else header


@dataclass(frozen=True)
class HeaderMatch:
    """How the headers of one file meet a contract. `sources`: contract column → the source headers joined for it (mostly one)."""

    sources: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    also: dict[str, str] = field(default_factory=dict)
    """Source headers that a contract column would accept too, but another header came first: header → column."""
    given: tuple[str, ...] = ()
    """All source headers in the file's order."""

    @property
    def columns(self) -> dict[str, str | None]:
        """Source header → contract column that it feeds, null where none, in the file's order; as a certificate holds it."""
        fed = {header: column for column, headers in self.sources.items() for header in headers}
        return {header: fed.get(header) for header in self.given}


def match_headers(contract: Feed, mapping: FeedMapping, headers: Iterable[str]) -> HeaderMatch:
    """Match source headers to contract columns.

    The district's mapping comes first (in its order, combinations included), then a column's own name and Chinese title, then the
    headers that the contract lists. A header feeds one column, unless the mapping itself names it for several.
    """
    given = list(headers)
    by_form: dict[str, str] = {}
    for header in given:
        by_form.setdefault(folded(header), header)
    sources: dict[str, tuple[str, ...]] = {}
    also: dict[str, str] = {}

    def take(column: str, forms: tuple[str, ...], used: set[str]) -> None:
        found = tuple(by_form[folded(form)] for form in forms if folded(form) in by_form)
        if len(found) != len(forms) or used & set(found):
            return
        if column not in sources:
            sources[column] = found
        elif len(found) == 1 and found[0] not in sources[column]:
            also.setdefault(found[0], column)

    for column, entries in mapping.headers.items():
        for entry in entries:
            take(column, (entry,) if isinstance(entry, str) else entry, set())
    for offered in (lambda c: (c.name, c.title_zh), lambda c: c.headers):
        used = {header for found in sources.values() for header in found}
        for wanted in contract.columns:
            for form in offered(wanted):
                take(wanted.name, (form,), used - set(sources.get(wanted.name, ())))
                used |= set(sources.get(wanted.name, ()))
    fed = {header for found in sources.values() for header in found}
    also = {header: column for header, column in also.items() if header not in fed}
    unknown = tuple(header for header in given if header not in fed and header not in also)
    missing = tuple(column.name for column in contract.columns if column.name not in sources and column.name not in mapping.constants)
    return HeaderMatch(sources, unknown, missing, also, tuple(given))
