"""What scripts and people may rely on: exit codes, one clear line on errors, an instant --help, the summary."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.delivery import Problem
from pipelines import cli
from pipelines.commands import run, screen, ui
from pipelines.commands import summary as summary_view
from pipelines.commands.outcome import CommandFailed
from pipelines.summary import FeedLine, LinkLine, RunSummary, TableLine
from warehouse.home import Home, HomeBusy

HEAVY = ("dagster", "great_expectations", "polars", "duckdb", "pyarrow", "deltalake", "rich.console", "pydantic")

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Call the command as the entry point does; gives exit code, standard output, standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["govlake", *words])
        monkeypatch.delenv("GOVLAKE_DEBUG", raising=False)
        screen.out.cache_clear()
        screen.err.cache_clear()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return call


def summary(home: Path, status: str = "released", **more: Any) -> RunSummary:
    return RunSummary.model_validate(
        {
            "status": status,
            "district": "demo",
            "home": home,
            "started_at": dt.datetime(2026, 3, 31, 1, tzinfo=dt.UTC),
            "seconds": 1.5,
            **more,
        }
    )


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[dict[str, Any]]]:
    """Put another job in place of the real one; gives the calls that it gets."""

    def stand_in(outcome: Any) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def run_job(home: Path, district: Path, **options: Any) -> RunSummary:
            calls.append({"home": home, "district": district, **options})
            if isinstance(outcome, Exception):
                raise outcome
            made: RunSummary = outcome
            return made

        module = types.ModuleType("pipelines.job")
        module.run = run_job  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "pipelines.job", module)
        import pipelines

        monkeypatch.setattr(pipelines, "job", module, raising=False)
        return calls

    return stand_in


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys\nfrom pipelines import cli\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_exit_code(invoke: Invoke) -> None:
    code, said, _ = invoke("--help")
    assert code == 0
    assert all(f"{number} " in said for number in (0, 1, 2, 3, 4))


def test_version_is_the_installed_one(invoke: Invoke) -> None:
    from importlib.metadata import version

    code, said, _ = invoke("--version")
    assert (code, said.strip()) == (0, f"govlake {version('govlake')}")


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["run", "--nothing"],
        ["demo", "--tickets", "many"],
        ["run", "--as-of", "soon", "--district", "taipei"],
        ["demo", "--end", "x"],
    ],
)
def test_wrong_use_ends_with_2(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("GOVLAKE_HOME", str(tmp_path / "home"))
    assert invoke(*words)[0] == 2
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("status", "expected"), [("released", 0), ("nothing_to_do", 0), ("failed", 1), ("blocked", 3)])
def test_a_runs_status_is_its_exit_code(invoke: Invoke, job: Any, tmp_path: Path, status: str, expected: int) -> None:
    job(summary(tmp_path, status))
    assert invoke("run", "--home", str(tmp_path / "home"), "--district", "taipei")[0] == expected


def test_a_busy_home_ends_with_4_and_one_line(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    job(HomeBusy("another run (process 7) is working in there; remedy: wait until it ends, or run without --no-wait"))
    code, _, said = invoke("run", "--home", str(tmp_path / "home"), "--district", "taipei", "--no-wait")
    assert code == 4
    assert "process 7" in said
    assert "remedy 办法: wait" in said
    assert "Traceback" not in said


def test_a_run_gets_what_was_asked(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    calls = job(summary(tmp_path))
    invoke(
        "run",
        "--home",
        str(tmp_path / "home"),
        "--district",
        "taipei",
        "--as-of",
        "2026-03-31",
        "--redo",
        "ticket/2026/a.csv",
        "--redo",
        "ticket/2026/b.csv",
        "--no-wait",
    )
    (call,) = calls
    assert call["home"] == tmp_path / "home"
    assert call["district"].name == "taipei"
    assert call["as_of"] == dt.datetime(2026, 3, 31, 23, 59, 59)
    assert call["redo"] == ("ticket/2026/a.csv", "ticket/2026/b.csv")
    assert call["wait"] is False


def test_a_home_remembers_its_district_and_asks_for_one(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    calls = job(summary(tmp_path))
    home = str(tmp_path / "home")
    code, _, said = invoke("run", "--home", home)
    assert (code, calls) == (1, [])
    assert "--district" in said
    invoke("run", "--home", home, "--district", "taipei")
    assert invoke("run", "--home", home)[0] == 0
    assert calls[-1]["district"].name == "taipei"


def test_an_unforeseen_error_shows_no_value_of_the_data(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    job(ValueError("cannot parse '440301199001011234'"))
    code, said, told = invoke("run", "--home", str(tmp_path / "home"), "--district", "taipei")
    assert code == 1
    assert "440301199001011234" not in said + told
    assert "--debug" in told


def test_debug_shows_the_whole_error(job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job(ValueError("all of it"))
    monkeypatch.setattr(sys, "argv", ["govlake", "--debug", "run", "--home", str(tmp_path / "home"), "--district", "taipei"])
    monkeypatch.setenv("GOVLAKE_DEBUG", "")
    with pytest.raises(ValueError, match="all of it"):
        cli.main()


def test_the_summary_says_what_happened_in_both_languages(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    feed = {
        "feed": "ticket",
        "title_zh": "热线工单",
        "deliveries": 3,
        "rows_read": 1200,
        "rows_malformed": 2,
        "rows_refused": 30,
        "rows_accepted": 1170,
        "rows_repeated": 5,
    }
    job(
        summary(
            tmp_path,
            release="r1",
            as_of=dt.datetime(2026, 3, 31),
            feeds=[FeedLine(**feed), FeedLine(**{**feed, "feed": "visit", "title_zh": "走访"})],
            links=[
                LinkLine(feed="ticket", outcome="resolved", level="number", rows=1000),
                LinkLine(feed="ticket", outcome="no_address", level=None, rows=170),
            ],
            tables=[TableLine(table="event.ticket", title_zh="工单", rows=1170, seconds=0.1, reused=False)],
            checks_passed=40,
            problems=[Problem(kind="column_new", message="a new column", message_zh="新增列", remedy="look", remedy_zh="查看")],
            waiting=["ticket/2026-04-01/a.csv"],
        )
    )  # fmt: skip
    code, said, _ = invoke("run", "--home", str(tmp_path / "home"), "--district", "taipei")
    assert code == 0
    for expected in (
        "released",
        "已发布",
        "1,200",
        "2,400",
        "热线工单",
        "number 门牌号",
        "已关联",
        "event",
        "1,170",
        "a new column",
        "新增列",
        "ticket/2026-04-01/a.csv",
    ):
        assert expected in said


def test_every_level_has_its_band() -> None:
    from addressing import LEVELS

    assert sorted(level for levels in summary_view.BANDS.values() for level in levels) == sorted(LEVELS)


def test_json_is_the_whole_summary(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    job(summary(tmp_path, release="r1"))
    _, said, told = invoke("run", "--home", str(tmp_path / "home"), "--district", "taipei", "--json")
    assert json.loads(said)["release"] == "r1"
    assert told == ""


def test_a_pipe_gets_no_colour(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "status", "--home", str(tmp_path / "none")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "\x1b[" not in done.stdout + done.stderr
    assert "govlake demo" in done.stderr


def test_the_demo_does_not_mix_with_other_deliveries(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    calls = job(summary(tmp_path))
    (tmp_path / "home/landing/ticket").mkdir(parents=True)
    code, _, said = invoke("demo", "--home", str(tmp_path / "home"))
    assert (code, calls) == (2, [])
    assert "--home" in said


def test_another_demo_city_needs_another_home(invoke: Invoke, job: Any, tmp_path: Path) -> None:
    calls = job(summary(tmp_path))
    (tmp_path / "home/landing/ticket").mkdir(parents=True)
    (tmp_path / "home" / run.DEMO_NOTE).write_text(json.dumps({"seed": 2}))
    assert invoke("demo", "--home", str(tmp_path / "home"), "--seed", "1")[0] == 1
    assert calls == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("2026-03-31", dt.datetime(2026, 3, 31, 23, 59, 59)), ("2026-03-31T18:00", dt.datetime(2026, 3, 31, 18))],
)
def test_as_of_is_a_local_moment(text: str | None, expected: dt.datetime | None) -> None:
    assert run.moment(text) == expected


@pytest.mark.parametrize("text", ["31.3.2026", "", "2026-03-31T18:00+08:00"])
def test_as_of_that_is_none_is_wrong_use(text: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        run.moment(text)
    assert failed.value.code == 2


def test_ui_ends_with_all_that_it_started(tmp_path: Path) -> None:
    import os

    script = "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\ntime.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, start_new_session=True)
    ui._end(child)
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_ui_says_that_a_port_is_taken(invoke: Invoke, tmp_path: Path) -> None:
    import socket

    with socket.socket() as other:
        other.bind((ui.ADDRESS, 0))
        other.listen()
        code, _, said = invoke("ui", "--home", str(tmp_path / "home"), "--district", "taipei", "--port", str(other.getsockname()[1]))
    assert code == 1
    assert "--port" in said


def test_a_holder_of_the_lock_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.locked(), pytest.raises(HomeBusy, match="process"), Home(tmp_path / "home").locked(wait=False):
        pass
