"""A run that is killed or runs out of disk leaves the former release as it was, and the next run completes to the same contents.

The damage is done to the whole job in a process of its own, at moments drawn from a fixed seed over the time that the job takes here.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assets.summary import RunSummary, read_summary
from pipelines import job
from warehouse.home import Home, HomeBusy

LATE_FEEDS = ("ticket", "household")
KILLS = 100
FULL_DISKS = 20
PRELOADED = ["pipelines.job", "pipelines.definitions", "great_expectations"]
"""Imported once by the server from which each run is forked, so that most moments fall into the run and not into importing."""


def _contents(home: Path) -> dict[str, str]:
    """What a release says: content hashes of its tables and the bytes of its Parquet files."""
    manifest = json.loads((home / "releases" / "current" / "manifest.json").read_text(encoding="utf-8"))
    hashes = {name: entry["content_hash"] for name, entry in manifest["tables"].items()}
    return hashes | {name: entry["sha256"] for name, entry in manifest["files"].items() if name.endswith(".parquet")}


def _assert_whole(release: Path) -> None:
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    found = {str(path.relative_to(release)) for path in release.rglob("*") if path.is_file()}
    assert found == {*manifest["files"], "manifest.json"}
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == entry["sha256"], name


def _run(home: str, district: str) -> None:
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    job.run(Path(home), Path(district))


@dataclass(frozen=True)
class Before:
    """A home with one release and a day's deliveries that came after it, and what a release of all of it must hold."""

    home: Path
    district: Path
    contents: dict[str, str]
    seconds: float

    def copy(self, target: Path) -> Path:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.home, target, symlinks=True)
        return target


def _process(home: Path, district: Path) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_run, args=(str(home), str(district)))
    process.start()
    return process  # type: ignore[return-value]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, demo_deliveries: Path) -> Before:
    from assets.home import shipped_districts

    district = shipped_districts()["demo"]
    folder = tmp_path_factory.mktemp("crash")
    home, held_back = folder / "before", folder / "held_back"
    shutil.copytree(demo_deliveries, home / "landing")
    for feed in LATE_FEEDS:
        last = sorted((home / "landing" / feed).iterdir())[-1]
        shutil.move(last, held_back / feed / last.name)
    assert job.run(home, district).status == "released"
    shutil.copytree(held_back, home / "landing", dirs_exist_ok=True)
    _process(tmp_path_factory.mktemp("nothing") / "home", district).join()  # starts the server and its imports
    undisturbed = folder / "undisturbed"
    shutil.copytree(home, undisturbed, symlinks=True)
    started = time.monotonic()
    process = _process(undisturbed, district)
    process.join()
    assert process.exitcode == 0
    said = read_summary(undisturbed)
    assert said is not None
    assert said.status == "released"
    return Before(home, district, _contents(undisturbed), time.monotonic() - started)


def _assert_completes(home: Path, before: Before) -> RunSummary:
    said = job.run(home, before.district)
    assert said.status in ("released", "nothing_to_do"), [problem.message for problem in said.problems]
    assert _contents(home) == before.contents
    assert list((home / "releases").glob(".building-*")) == []
    return said


@pytest.mark.slow
def test_runs_killed_at_a_hundred_random_moments_damage_no_release_and_the_next_run_completes(before: Before, tmp_path: Path) -> None:
    draw = random.Random(20260)
    former = (before.home / "releases" / "current").resolve().name
    home, landed = before.copy(tmp_path / "home"), _landing(before.home)
    killed = 0
    while killed < KILLS:
        process = _process(home, before.district)
        process.join(draw.uniform(0, before.seconds))
        process.kill()
        process.join()
        release = (home / "releases" / "current").resolve()
        _assert_whole(release)
        _assert_whole(home / "releases" / former)
        assert _landing(home) == landed
        killed += process.exitcode == -signal.SIGKILL
        # Some runs meet what one kill left, some what several left; a run that got through has nothing more to be killed in.
        if release.name != former or killed % 5 == 0:
            _assert_completes(home, before)
            home = before.copy(tmp_path / "home")


def _landing(home: Path) -> dict[str, str]:
    files = (path for path in sorted((home / "landing").rglob("*")) if path.is_file())
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a memory disk, or changes its size; skips where that is not allowed (it takes the rights of root)."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def sized(size: int) -> Path:
        nonlocal mounted
        option = f"size={size}" if not mounted else f"remount,size={size}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(place)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no memory disk can be mounted: {done.stderr.strip()}")
        mounted = True
        return place

    yield sized
    if mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _used(folder: Path) -> int:
    # A file takes whole pages of a memory disk.
    return sum(-(-path.lstat().st_size // 4096) * 4096 + 4096 for path in folder.rglob("*"))


@pytest.mark.slow
def test_a_disk_that_fills_at_twenty_points_damages_no_release_and_the_run_says_so(
    before: Before, tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    whole = tmp_path / "whole"
    before.copy(whole)
    size = _used(whole)
    process = _process(whole, before.district)
    process.join()
    needed = _used(whole) - size
    full = 0
    for point in range(FULL_DISKS):
        disk = small_disk(1 << 30)
        home = before.copy(disk / "home")
        former = (home / "releases" / "current").resolve().name
        small_disk(size + (1 << 16) + needed * point // FULL_DISKS)
        process = _process(home, before.district)
        process.join()
        release = (home / "releases" / "current").resolve()
        _assert_whole(release)
        _assert_whole(home / "releases" / former)
        full += release.name == former
        small_disk(1 << 30)
        _assert_completes(home, before)
        shutil.rmtree(home)
    assert full >= FULL_DISKS * 3 // 4, "the disk hardly ever filled: the points are badly chosen"


@pytest.mark.slow
def test_a_full_disk_is_named_with_its_remedy(before: Before, small_disk: Callable[[int], Path]) -> None:
    home = before.copy(small_disk(1 << 30) / "home")
    small_disk(_used(home) + (1 << 18))
    words = ["run", "--home", str(home), "--district", str(before.district)]
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "disk is full" in done.stdout + done.stderr
    assert "磁盘" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_second_run_that_may_not_wait_says_who_holds_the_home(tmp_path: Path, demo_district: Path) -> None:
    home = Home(tmp_path / "home")
    with home.locked(), pytest.raises(HomeBusy, match="remedy"):
        job.run(home.path, demo_district, wait=False)


@pytest.mark.slow
def test_a_run_from_the_command_line_and_one_from_the_ui_wait_for_each_other(before: Before, tmp_path: Path) -> None:
    home = before.copy(tmp_path / "home")
    by_hand = [sys.executable, "-m", "pipelines.cli", "run", "--home", str(home), "--district", str(before.district)]
    # What the UI's run launcher starts: the same job in a process of its own, which knows the home by its environment.
    by_ui = [sys.executable, "-m", "dagster", "job", "execute", "-m", "pipelines.definitions", "-j", "govlake"]
    environment = os.environ | {"GOVLAKE_HOME": str(home), "DAGSTER_HOME": str(home)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in (by_hand, by_ui)
    ]
    said = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    _assert_whole((home / "releases" / "current").resolve())
    assert _contents(home) == before.contents
