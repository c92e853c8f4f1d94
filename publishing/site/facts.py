"""What a site is made from: the facts of one release as one audience may see them.

Belongs here: the shape of these facts. Not here: finding them out (the caller does), turning them into numbers or pages.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import duckdb
from sqlglot import exp

from contracts.delivery import Problem
from contracts.district import District
from contracts.model import Audience, Feed, Table
from publishing.results import Check, FeedState


class Model(Protocol):
    """How one table is made: the SQL as written and as parsed; `sql` is empty for a Python step."""

    @property
    def sql(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def tree(self) -> exp.Query: ...


@dataclass(frozen=True)
class Refusal:
    """Rows of one feed that one rule refused; no value of a row."""

    feed: str
    rule: str
    field: str
    rows: int
    deliveries: int
    message: str
    message_zh: str


@dataclass(frozen=True)
class Facts:
    """One release for one audience.

    `tables` and their columns are those that the audience may see; `address` says how a query on `connection` names one of them (for the
    public audience: its extract, small groups suppressed). `headers_seen`: feed → contract column → headers under which deliveries brought
    it, newest first. `internal` audiences also see how tables are made (SQL, steps between), books and refusals.
    """

    release: str
    as_of: dt.datetime
    district: District
    audience: Audience
    connection: duckdb.DuckDBPyConnection
    address: Callable[[str], str]
    tables: Mapping[str, Table]
    rows: Mapping[str, int]
    feeds: Mapping[str, Feed]
    settings: Mapping[str, Feed]
    lineage: Mapping[str, Any]
    whole_address: Callable[[str], str] | None = None
    """How a query names the whole table behind a public extract, for totals that may be known though their parts are suppressed."""
    models: Mapping[str, Model] = field(default_factory=dict)
    headers_seen: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    states: Sequence[FeedState] = ()
    checks: Sequence[Check] = ()
    refusals: Sequence[Refusal] = ()
    problems: Sequence[tuple[str, Problem]] = ()
    """What was noticed, each with its delivery, oldest first."""
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Reason code of a link → its sentence in English and Chinese."""

    @property
    def is_public(self) -> bool:
        return self.audience == "public"
