"""What publishing needs to know of a run's results, whoever computes them.

Belongs here: the shape of a check's result and of a feed's freshness. Not here: finding them out (`quality`, `warehouse`).
"""

from __future__ import annotations

import datetime as dt
from typing import Protocol


class Check(Protocol):
    """One rule's result. `examples` are not asked for: a site shows no keys."""

    @property
    def table(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def passed(self) -> bool: ...
    @property
    def rows_checked(self) -> int: ...
    @property
    def violations(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def message_zh(self) -> str: ...


class FeedState(Protocol):
    """How fresh a feed is. `decision`: ok, go_on or stop."""

    @property
    def feed(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def latest(self) -> dt.date | None: ...
    @property
    def days(self) -> int | None: ...
    @property
    def decision(self) -> str: ...
