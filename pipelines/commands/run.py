"""`govlake demo` and `govlake run`: start the main job, show how far it is, and print what it did.

Belongs here: arguments to the job and its end. Not here: the job (`pipelines.job`), the look of the summary (`summary`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

from pipelines.commands import screen, summary
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.home import district_folder, open_home
from pipelines.summary import RunSummary
from warehouse.home import Home

DEMO_NOTE = "demo.json"


def moment(text: str | None) -> dt.datetime | None:
    """An as-of moment: a date means the end of that day. Local time of the district, without zone."""
    if text is None:
        return None
    try:
        if len(text.strip()) == 10:
            return dt.datetime.combine(dt.date.fromisoformat(text.strip()), dt.time(23, 59, 59))
        said = dt.datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise CommandFailed(f"--as-of {text}: no date or time", "write 2026-03-31 or 2026-03-31T18:00", Exit.USAGE) from error
    if said.tzinfo is not None:
        raise CommandFailed("--as-of takes the district's local time", "leave the zone out", Exit.USAGE)
    return said


def run(home: Path | None, district: str | None, *, as_of: str | None, redo: Sequence[str], wait: bool, as_json: bool) -> Exit:
    """The main job on a home; gives the exit code."""
    at = moment(as_of)
    opened = open_home(home)
    return _job(opened, district_folder(opened, district), at, redo, wait, as_json)


def _job(home: Home, folder: Path, as_of: dt.datetime | None, redo: Sequence[str], wait: bool, as_json: bool) -> Exit:
    # First message before the heavy imports, so that no one looks at an empty screen.
    if not as_json:
        screen.note(f"home 工作目录 {home.path} · district 区域 {folder.name}")
    from pipelines import job

    with screen.progress() as moved:
        done = job.run(home.path, folder, as_of=as_of, redo=tuple(redo), progress=moved, wait=wait)
    if as_json:
        screen.as_json(done.model_dump(mode="json"))
    else:
        summary.show(done, home)
    return exit_code(done)


def exit_code(done: RunSummary) -> Exit:
    """What a script learns from a run."""
    return {"blocked": Exit.BLOCKED, "failed": Exit.FAILED}.get(done.status, Exit.DONE)


def demo(
    home: Path | None, *, seed: int, tickets: int, people: int, days: int, end: dt.date, district: str, wait: bool, as_json: bool
) -> Exit:
    """Write the demo city's deliveries into the landing folder unless they are there, then run the job."""
    opened = open_home(home)
    asked: dict[str, int | str] = {"seed": seed, "tickets": tickets, "people": people, "days": days, "end": end.isoformat()}
    note = opened.path / DEMO_NOTE
    delivered = any(opened.landing.iterdir())
    written = json.loads(note.read_text(encoding="utf-8")) if note.is_file() and delivered else None
    if written is None and delivered:
        raise CommandFailed(
            f"{opened.landing} holds deliveries that are not the demo city's", "name an empty home: govlake demo --home DIR", Exit.USAGE
        )
    if written is not None and written != asked:
        raise CommandFailed(
            f"this home holds another demo city ({_said(written)})", "name another home: govlake demo --home DIR, or give the same options"
        )
    folder = district_folder(opened, district)
    if written is None:
        _deliver(opened, asked, end, as_json)
    return _job(opened, folder, None, (), wait, as_json)


def _deliver(home: Home, asked: dict[str, int | str], end: dt.date, quiet: bool) -> None:
    """Generate aside, then put the landing folder in place with one rename: a demo that was broken off starts anew, never half."""
    import shutil
    import tempfile

    from sources import demo as city

    with home.locked(), tempfile.TemporaryDirectory(dir=home.temporary, prefix="demo-") as aside, screen.progress() as moved:
        landing, truth = Path(aside) / "landing", Path(aside) / "truth"
        landing.mkdir(mode=0o750)
        truth.mkdir()
        made = city.write_deliveries(
            landing,
            truth,
            seed=int(asked["seed"]),
            tickets=int(asked["tickets"]),
            people=int(asked["people"]),
            days=int(asked["days"]),
            end=end,
            on_progress=lambda feed, done, total: moved("demo", feed, done, total),
        )
        shutil.rmtree(home.path / "truth", ignore_errors=True)
        truth.rename(home.path / "truth")
        (home.path / DEMO_NOTE).write_text(json.dumps(asked), encoding="utf-8")
        landing.rename(home.landing)
    if not quiet:
        files, rows = sum(made.files.values()), sum(made.rows.values())
        screen.note(f"demo deliveries 演示来件: {files:,} files 文件, {rows:,} rows 行 in {home.landing} ({_said(asked)})")


def _said(asked: dict[str, int | str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in asked.items())
