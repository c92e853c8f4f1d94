"""`govlake maintain`: keep a home small: compact and vacuum the lake, prune releases, forget old runs.

Belongs here: the order and the report. Not here: how a table is compacted (`warehouse.lake`) or a release pruned (`warehouse.release`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import sqlite3
from pathlib import Path

from pipelines.commands import screen
from pipelines.commands.places import existing_home
from pipelines.commands.releases import retention
from warehouse.home import Home


def maintain(home: Path | None, *, runs_days: int, wait: bool) -> None:
    """Do all of it under the home's lock, and say what it freed."""
    opened = existing_home(home)
    kept = retention(opened)
    before = used(opened.path)
    with opened.locked(wait=wait):
        tables = _lake(opened, kept.lake_days)
        pruned = _releases(opened, kept.releases)
        runs = _runs(opened, runs_days)
        leftovers = _leftovers(opened)
    table = screen.grid("what 内容", "done 结果")
    table.add_row("lake tables compacted and vacuumed 湖表压缩与清理", f"{tables} (versions kept 保留 {kept.lake_days} days 天)")
    table.add_row("releases pruned 清理发布", f"{len(pruned)} (kept 保留 {kept.releases})")
    table.add_row("Dagster runs forgotten 清理运行记录", f"{runs} (older than 早于 {runs_days} days 天)")
    table.add_row("leftovers of broken runs 清理残留", str(leftovers))
    table.add_row("space 空间", f"{screen.size(before)} → {screen.size(used(opened.path))}")
    screen.show(table)


def used(folder: Path) -> int:
    """Bytes of all files below a folder, links not followed, hard links counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for here, _, files in os.walk(folder):
        for name in files:
            state = (Path(here) / name).lstat()
            if (state.st_dev, state.st_ino) not in seen:
                seen.add((state.st_dev, state.st_ino))
                total += state.st_size
    return total


def _lake(home: Home, days: int) -> int:
    from warehouse.lake import Lake

    lake = Lake(home.lake)
    names = lake.names()
    with screen.progress() as moved:
        for done, name in enumerate(names):
            moved("maintain", name, done, len(names))
            lake.compact(name)
            lake.vacuum(name, days)
        moved("maintain", "", len(names), len(names))
    return len(names)


def _releases(home: Home, keep: int) -> list[str]:
    from warehouse import release

    return release.prune(home.releases, keep)


def _runs(home: Home, days: int) -> int:
    """Delete ended runs with their events and logs; what Dagster knows of assets now stays."""
    if not (home.path / "history").is_dir():
        return 0
    import dagster as dg
    from dagster import RunsFilter

    limit = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    with dg.DagsterInstance.from_config(str(home.path)) as instance:
        old = [record.dagster_run.run_id for record in instance.get_run_records(RunsFilter(statuses=ended, created_before=limit))]
        for run in old:
            instance.delete_run(run)
    for run in old:
        # Dagster empties a run's event file and leaves it there.
        for path in (home.path / "history" / "runs").glob(f"{run}.db*"):
            path.unlink()
        shutil.rmtree(home.path / "storage" / run, ignore_errors=True)
    if old:
        _shrink(home)
    return len(old)


def _shrink(home: Home) -> None:
    """Give the space of deleted rows back; a file that the page uses right now is left for the next time."""
    for path in (home.path / "history" / "runs.db", home.path / "history" / "runs" / "index.db", home.path / "schedules" / "schedules.db"):
        if path.is_file():
            with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path, timeout=5)) as database:
                database.execute("VACUUM")


def _leftovers(home: Home) -> int:
    """What a killed run left in the temporary folder: no run works there while the lock is held."""
    left = list(home.temporary.iterdir()) if home.temporary.is_dir() else []
    for path in left:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    return len(left)
