"""The govlake home: where one installation keeps its landing folder, lake, releases, keys and Dagster storage.

Belongs here: the layout and the lock. Not here: what is written there. Several homes do not disturb each other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout


class HomeBusy(RuntimeError):
    """Another run holds the home; the message says which process and what to do."""


@dataclass(frozen=True)
class Home:
    """Paths of one home. The object creates nothing; `prepare` does."""

    path: Path

    @property
    def landing(self) -> Path:
        return self.path / "landing"

    @property
    def lake(self) -> Path:
        return self.path / "lake"

    @property
    def releases(self) -> Path:
        return self.path / "releases"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def addressing(self) -> Path:
        """The prepared index of the address base: a cache that may be deleted at any time."""
        return self.path / "addressing"

    @property
    def temporary(self) -> Path:
        """Where DuckDB spills; inside the home, so that a small system disk does not end a run."""
        return self.path / "temporary"

    @property
    def blocked(self) -> Path:
        """The check report of the last run, where it made no release because of it."""
        return self.path / "blocked"

    @property
    def district_note(self) -> Path:
        """The folder of the district that this home belongs to, remembered from its first run."""
        return self.path / "district.txt"

    def prepare(self) -> None:
        """Make the folders. Only the owner may enter a home: the lake holds people's data as delivered."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o750)
        for folder in (self.landing, self.lake, self.releases, self.temporary):
            folder.mkdir(exist_ok=True, mode=0o750)

    @contextmanager
    def locked(self, wait: bool = True) -> Iterator[None]:
        """Hold the home's lock; a second run waits, or raises HomeBusy if it may not. The lock ends with its process, even killed."""
        self.prepare()
        lock = FileLock(self.path / "run.lock")
        holder = self.path / "run.holder"
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout as error:
            raise HomeBusy(
                f"another run (process {_holder(holder)}) is working in {self.path}; remedy: wait until it ends, or run without --no-wait"
            ) from error
        try:
            holder.write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()


def _holder(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError):
        return "unknown"
