"""Deliveries and their certificates: the facts that stages hand to each other about one delivered file.

Belongs here: the record of a delivery and of its intake. Not here: scanning folders or reading files (`sources`).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from pathlib import Path
from typing import Literal

from pydantic import Field

from contracts.model import Strict

_DATE = re.compile(r"^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$")


def delivery_day(text: str) -> dt.date:
    """The day that a delivery date (YYYY, YYYY-MM or YYYY-MM-DD) ends on; ValueError where it is none."""
    match = _DATE.match(text)
    if not match:
        raise ValueError(f"{text!r} is no delivery date; write YYYY, YYYY-MM or YYYY-MM-DD")
    year, month = int(match[1]), int(match[2] or 12)
    if not 1 <= month <= 12:
        raise ValueError(f"{text!r} is no delivery date; there is no month {month}")
    day = int(match[3]) if match[3] else calendar.monthrange(year, month)[1]
    return dt.date(year, month, day)


class Delivery(Strict):
    """One delivered file: feed, date and file name make its identity."""

    feed: str
    date: str
    file: str
    path: Path = Field(exclude=True)
    bytes: int
    sha256: str

    @property
    def id(self) -> str:
        return f"{self.feed}/{self.date}/{self.file}"

    @property
    def day(self) -> dt.date:
        return delivery_day(self.date)


class Problem(Strict):
    """Something about a delivery that a person should know: what, where, what to do; never a value from a personal column."""

    kind: str
    """Short stable code, e.g. `replaced_characters`, `column_missing`, `column_new`, `rows_malformed`, `file_unreadable`."""
    severity: Literal["error", "warn", "info"] = "warn"
    message: str
    message_zh: str
    remedy: str = ""
    remedy_zh: str = ""
    row: int | None = None
    field: str | None = None
    count: int | None = None


DRIFT_KINDS = frozenset(
    (
        *("column_new", "column_missing", "column_renamed", "column_renamed_maybe", "column_came", "column_gone", "columns_reordered"),
        *(
            "format_changed",
            "encoding_changed",
            "delimiter_changed",
            "type_changed",
            "codes_new",
            "distribution_changed",
            "delivery_stopped",
        ),
    )
)
"""Kinds of problems that say a delivery differs from its feed's contract or from the deliveries before."""


class Certificate(Strict):
    """What intake found in one delivery. `rows_read` = `rows_kept` + `rows_malformed`; nothing else may happen to a row.

    For text formats the bytes reconcile too: `bytes` = `bytes_bom` + `bytes_header` + `bytes_rows` + `bytes_blank`.
    """

    delivery: str
    status: Literal["read", "unreadable"]
    format: Literal["csv", "excel", "jsonl", "parquet", "unknown"]
    bytes: int
    sha256: str
    encoding: str | None = None
    encoding_source: Literal["given", "detected"] | None = None
    delimiter: str | None = None
    quote: str | None = None
    sheet: str | None = None
    replaced_characters: int = 0
    rows_read: int = 0
    rows_kept: int = 0
    rows_malformed: int = 0
    bytes_bom: int | None = None
    bytes_header: int | None = None
    bytes_rows: int | None = None
    bytes_blank: int | None = None
    columns: dict[str, str | None] = {}
    """Source header → contract column that it feeds, or null for a header the contract does not know (kept raw)."""
    columns_missing: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def drift(self) -> tuple[Problem, ...]:
        """The problems that are of DRIFT_KINDS."""
        return tuple(problem for problem in self.problems if problem.kind in DRIFT_KINDS)
