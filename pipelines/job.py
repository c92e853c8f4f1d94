"""The main job as one call: the same Dagster job that the UI runs, in this process, with a summary at the end.

Belongs here: deciding that there is nothing to do, starting the job, turning its end into a RunSummary. Dagster is imported only when
there is something to do, so that a second run answers at once.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from assets import cleaning, intake, libraries, sharing
from assets.home import Home, open_home
from assets.summary import RunSummary, read_summary, write_summary
from assets.workplace import Progress, Workplace, silent
from contracts.delivery import Problem


def run(
    home: Path,
    district: Path,
    *,
    as_of: dt.datetime | None = None,
    redo: Collection[str] = (),
    only: Collection[str] = (),
    progress: Progress | None = None,
    wait: bool = True,
) -> RunSummary:
    """Run the main job in this process. HomeBusy where another run holds the home and `wait` is off.

    `redo` takes deliveries in again; `only` takes in and cleans these alone (deliveries, dates or feeds) and leaves the rest to the next run.
    ContractError where the district's files are wrong. Every other failure ends as a summary with status `failed` or `blocked`.
    """
    place = open_home(home)
    started, clock = dt.datetime.now(dt.UTC), time.monotonic()
    workplace = Workplace.open(place, district, as_of=as_of, redo=redo, only=only)
    with place.locked(wait=wait):
        if nothing_to_do(workplace):
            return _idle(workplace, started, clock)
    return _run_job(place, district, run_config(place, district, as_of, redo, wait, only), progress or silent, started, clock)


def nothing_to_do(workplace: Workplace) -> bool:
    """True where no delivery is outstanding and the current release is what a run would make."""
    if workplace.redo:
        return False
    todo = intake.plan(workplace)
    workplace.log.problems += todo.problems
    workplace.log.waiting += todo.waiting
    if todo.deliveries or todo.unchanged or cleaning.due(workplace):
        return False
    return libraries.is_current(workplace)


def _idle(workplace: Workplace, started: dt.datetime, clock: float) -> RunSummary:
    current = libraries.current_release(workplace)
    # A new subscription, or one whose delivery was broken off, needs no new release.
    delivered, problems = sharing.deliver_after_release(workplace, current) if current else ([], [])
    return RunSummary(
        status="nothing_to_do",
        district=workplace.district.name,
        home=workplace.home.path,
        started_at=started,
        seconds=time.monotonic() - clock,
        as_of=workplace.as_of,
        release=current.name if current else None,
        release_path=current,
        shares=tuple(delivered),
        problems=(*workplace.log.problems, *problems),
        waiting=tuple(workplace.log.waiting),
    )


def _run_job(
    home: Home,
    district: Path,
    config: dict[str, Any],
    progress: Progress,
    started: dt.datetime,
    clock: float,
) -> RunSummary:
    import dagster as dg

    from assets.run import watch
    from pipelines.definitions import JOB, definitions

    watch(progress)
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(home.path)
    try:
        with dg.DagsterInstance.get() as instance:
            result = definitions.resolve_job_def(JOB).execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    finally:
        watch(silent)
        if before is None:
            os.environ.pop("DAGSTER_HOME", None)
        else:
            os.environ["DAGSTER_HOME"] = before
    summary = read_summary(home.path)
    if summary and summary.run_id == result.run_id:
        return summary.model_copy(update={"started_at": started, "seconds": time.monotonic() - clock})
    failed = RunSummary(
        status="failed",
        district=district.name,
        home=home.path,
        run_id=result.run_id,
        started_at=started,
        seconds=time.monotonic() - clock,
        problems=(_failure(result),),
    )
    write_summary(failed)
    return failed


def _failure(result: Any) -> Problem:
    """The step that failed, in one line; the whole trace is in Dagster's log of the run."""
    for event in result.all_events:
        if event.is_failure and event.step_key:
            error = getattr(event.event_specific_data, "error", None)
            failure = getattr(event.event_specific_data, "user_failure_data", None)
            text = failure.description if failure else f"unexpected {error.cls_name if error else 'error'}"
            text, _, remedy = (text or "").partition("; remedy: ")
            return Problem(
                kind="run_failed",
                severity="error",
                message=f"step {event.step_key} failed: {text}",
                message_zh=f"步骤 {event.step_key} 失败：{text}",
                remedy=remedy or "the former release stays current; mend the cause and run again, or look at the run in the Dagster UI",
                remedy_zh=remedy or "原发布版本保持有效；排除原因后重新运行，或在 Dagster 界面查看该次运行",
            )
    return Problem(kind="run_failed", severity="error", message="the run failed before its first step", message_zh="运行在首个步骤之前失败")


def run_config(
    home: Home, district: Path, as_of: dt.datetime | None, redo: Collection[str], wait: bool, only: Collection[str] = ()
) -> dict[str, Any]:
    """Dagster's run config for these options; the launchpad in the UI takes the same keys."""
    options = {
        "home": str(home.path),
        "district": str(district),
        "as_of": as_of.isoformat() if as_of else "",
        "redo": list(redo),
        "only": list(only),
        "wait": wait,
    }
    return {"resources": {"run": {"config": options}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
