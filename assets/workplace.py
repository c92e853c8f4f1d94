"""What every stage of one run works with: home, district, lake, pseudonym key, as-of, and the run's log.

Belongs here: opening these once. Not here: what a stage does with them. The stages are plain functions over a Workplace, so that the
command, Dagster and tests run the same code.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from assets import ledger
from contracts.delivery import Problem
from contracts.district import District, FeedMapping, contract_of, load_district
from contracts.load import feeds
from contracts.model import Feed
from warehouse.home import Home
from warehouse.lake import Lake
from warehouse.privacy import ENVIRONMENT, KeyProblem, Pseudonyms, key_path

Progress = Callable[[str, str, int, int], None]
"""Called with stage, item, items done, items in all."""


def named(delivery: str, name: str) -> bool:
    """Whether a delivery, delivery date or feed by that name covers the delivery (`feed/date/file`)."""
    return delivery == name or delivery.startswith(name.rstrip("/") + "/")


def silent(stage: str, item: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass
class RunLog:
    """What the stages found, for the summary: counts and problems, nothing personal."""

    problems: list[Problem] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


@dataclass
class Workplace:
    """One run's surroundings. `as_of` None means: the end of the latest delivery date.

    `redo` names what is taken in and cleaned again though nothing changed; `only`, where given, what alone is taken in and cleaned: the
    rest waits for the next run. Both take deliveries (`feed/date/file`), dates (`feed/date`) and feeds.
    """

    home: Home
    district: District
    as_of_given: dt.datetime | None = None
    redo: Collection[str] = ()
    only: Collection[str] = ()
    progress: Progress = silent
    log: RunLog = field(default_factory=RunLog)

    @classmethod
    def open(
        cls,
        home: Home,
        district_folder: Path,
        *,
        as_of: dt.datetime | None = None,
        redo: Collection[str] = (),
        only: Collection[str] = (),
        progress: Progress = silent,
    ) -> Workplace:
        """Open a home with a district; ContractError where the district's files are wrong."""
        home.prepare()
        return cls(home, load_district(district_folder), as_of_given=as_of, redo=tuple(redo), only=tuple(only), progress=progress)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.home.lake)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """The home's key, made at its first run. KeyProblem where it is gone: a new one would silently give every person a new pseudonym."""
        lost = not os.environ.get(ENVIRONMENT) and not key_path(self.home.path).exists()
        if lost and any(self.lake.exists(f"clean/{feed}") for feed in feeds()):
            raise KeyProblem(
                "the key that this home's pseudonyms were made with is missing; remedy: put keys/pseudonym.key back "
                f"(folder 0700, file 0600), or set {ENVIRONMENT}; where it is lost for good: govlake rotate-key"
            )
        return Pseudonyms.load(self.home.path)

    @cached_property
    def contracts(self) -> dict[str, Feed]:
        """Every feed's contract with this district's additions."""
        return {name: contract_of(self.district, name) for name in feeds()}

    @property
    def as_of(self) -> dt.datetime:
        """The moment this run looks from: the one given, else the end of the latest delivery date that the ledger holds."""
        if self.as_of_given is not None:
            return self.as_of_given
        days = ledger.current(self.lake, ledger.INTAKE, ledger.INTAKE_SCHEMA)["day"]
        latest = days.max() if len(days) else dt.date(1970, 1, 1)
        assert isinstance(latest, dt.date)
        return dt.datetime.combine(latest, dt.time(23, 59, 59))

    def mapping(self, feed: str) -> FeedMapping:
        """How the feed meets its contract here; a feed that the district does not name is taken as its contract says."""
        return self.district.feeds.get(feed, FeedMapping())

    def concerns(self, delivery: str) -> bool:
        """Whether this run takes in and cleans the delivery."""
        return not self.only or any(named(delivery, name) for name in self.only)
