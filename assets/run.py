"""The Dagster resource that gives every step of a run the same Workplace, under the home's lock.

Belongs here: the run's options as Dagster sees them, and the lock's lifetime. Not here: what a stage does (`assets`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from assets import libraries
from assets.home import district_folder, open_home
from assets.summary import write_summary
from assets.workplace import Progress, Workplace, silent

_watching: Progress = silent


def watch(progress: Progress) -> None:
    """Send the progress of runs in this process to `progress`; the command's progress bars listen here."""
    global _watching
    _watching = progress


class Run(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Options of one run. Empty values mean: home by GOVLAKE_HOME, district as before, as-of the end of the latest delivery date.

    `redo`: deliveries (`feed/date/file`), dates (`feed/date`) or feeds that are taken in and cleaned again. `only`: those that alone are
    taken in and cleaned; empty for all.
    """

    home: str = ""
    district: str = ""
    as_of: str = ""
    redo: list[str] = []
    only: list[str] = []
    wait: bool = True
    _workplace: Workplace | None = PrivateAttr(default=None)
    _started_at: dt.datetime = PrivateAttr(default=dt.datetime.min)
    _clock: float = PrivateAttr(default=0.0)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Run]:
        home = open_home(Path(self.home) if self.home else None)
        with home.locked(wait=self.wait):
            self._started_at, self._clock = dt.datetime.now(dt.UTC), time.monotonic()
            self._workplace = Workplace.open(
                home,
                district_folder(home, self.district or None),
                as_of=dt.datetime.fromisoformat(self.as_of) if self.as_of else None,
                redo=self.redo,
                only=self.only,
                progress=_watching,
            )
            yield self

    def finish(self, outcome: libraries.Outcome, run_id: str) -> None:
        """Keep the run's summary in the home, for the command and whoever asks later."""
        write_summary(libraries.summary(self.workplace, outcome, run_id, self._started_at, time.monotonic() - self._clock))

    @property
    def workplace(self) -> Workplace:
        """This run's surroundings; the same object for every step, since the executor is in-process."""
        assert self._workplace is not None, "the resource is used outside a run"
        return self._workplace
