"""A run that is killed leaves the former release as it was, and the next run completes to the same contents."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import job
from warehouse.home import Home, HomeBusy

LATE_FEEDS = ("ticket", "household")


def _contents(home: Path) -> dict[str, str]:
    manifest = json.loads((home / "releases" / "current" / "manifest.json").read_text(encoding="utf-8"))
    hashes = {name: entry["content_hash"] for name, entry in manifest["tables"].items()}
    return hashes | {name: entry["sha256"] for name, entry in manifest["files"].items() if name.endswith(".parquet")}


def _assert_whole(release: Path) -> None:
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == entry["sha256"], name


@pytest.mark.slow
def test_a_run_killed_at_any_moment_keeps_the_former_release_and_the_next_run_completes(
    new_home: Callable[[str], Path], demo_district: Path, tmp_path: Path
) -> None:
    home = new_home("home")
    held_back = tmp_path / "held_back"
    for feed in LATE_FEEDS:
        last = sorted((home / "landing" / feed).iterdir())[-1]
        shutil.move(last, held_back / feed / last.name)
    assert job.run(home, demo_district).status == "released"
    former = (home / "releases" / "current").resolve()
    shutil.copytree(held_back, home / "landing", dirs_exist_ok=True)
    command = [sys.executable, "-m", "pipelines.cli", "run", "--home", str(home), "--district", str(demo_district)]
    for seconds in (3.0, 5.0, 7.0, 9.0, 12.0, 15.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            break
        _assert_whole((home / "releases" / "current").resolve())
    _assert_whole(former)
    assert job.run(home, demo_district).status in ("released", "nothing_to_do")
    undisturbed = new_home("undisturbed")
    shutil.copytree(home / "keys", undisturbed / "keys")
    assert job.run(undisturbed, demo_district).status == "released"
    assert _contents(home) == _contents(undisturbed)
    assert list((home / "releases").glob(".building-*")) == []


def test_a_second_run_that_may_not_wait_says_who_holds_the_home(tmp_path: Path, demo_district: Path) -> None:
    home = Home(tmp_path / "home")
    with home.locked(), pytest.raises(HomeBusy, match="remedy"):
        job.run(home.path, demo_district, wait=False)
