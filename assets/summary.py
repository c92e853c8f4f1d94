"""What a run did, as plain data: written to the home after each run, printed by the command, shown in Dagster.

Belongs here: the summary's shape and its file. Not here: printing (`cli`), running (`job`). Nothing personal: names of feeds, tables
and deliveries, counts, and messages that carry row references only.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

from contracts.delivery import Problem
from contracts.model import Strict

FILE = "last_run.json"


class FeedLine(Strict):
    """One feed in this run."""

    feed: str
    title_zh: str
    deliveries: int
    rows_read: int
    rows_malformed: int
    rows_refused: int
    rows_accepted: int
    rows_repeated: int


class LinkLine(Strict):
    """How many records of a feed's latest rows were linked at which level with which outcome."""

    feed: str
    outcome: str
    level: str | None
    rows: int


class TableLine(Strict):
    """One table of the release."""

    table: str
    title_zh: str
    rows: int
    seconds: float
    reused: bool


class ShareLine(Strict):
    """What became of one subscriber's share: delivered, already (it has this release), not_due, stopped."""

    share: str
    status: Literal["delivered", "already", "not_due", "stopped"]
    table: str
    kind: str | None = None
    rows: int | None = None
    folder: str | None = None
    """Below the home's `shares`."""


class RunSummary(Strict):
    """One run of the main job."""

    status: Literal["released", "nothing_to_do", "blocked", "failed"]
    district: str
    home: Path
    run_id: str | None = None
    started_at: dt.datetime
    seconds: float
    as_of: dt.datetime | None = None
    release: str | None = None
    release_path: Path | None = None
    feeds: tuple[FeedLine, ...] = ()
    links: tuple[LinkLine, ...] = ()
    tables: tuple[TableLine, ...] = ()
    checks_passed: int = 0
    checks_warned: int = 0
    checks_failed: int = 0
    shares: tuple[ShareLine, ...] = ()
    problems: tuple[Problem, ...] = ()
    waiting: tuple[str, ...] = ()
    """Files left alone because they are still growing or their ready marker is not there yet."""


def write_summary(summary: RunSummary) -> None:
    """Keep the summary in its home; a reader sees the former one or this one, never half of it."""
    target = summary.home / FILE
    aside = target.with_suffix(".tmp")
    aside.write_text(summary.model_dump_json(indent=2), encoding="utf-8")
    aside.replace(target)


def read_summary(home: Path) -> RunSummary | None:
    """The last run's summary, or None where no run has ended yet."""
    path = home / FILE
    return RunSummary.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None
