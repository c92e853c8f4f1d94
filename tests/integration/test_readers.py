"""Eight readers in processes of their own query every library while whole releases are built and switched: no error, no mixed release."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import job
from warehouse import release

READERS = 8
SWITCHES = 200

# What a reader does: find the current release in one of the ways offered, open all of its libraries, ask across them, compare with its manifest.
READER = """
import json, sys, time
from pathlib import Path
import duckdb
from warehouse import release

releases, way, stop = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
THEMES = ("place", "organization", "person", "thing", "event", "sentiment", "subject")
looks, met, wrong = 0, set(), []
while not stop.exists():
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            if way == "analyst.sql":
                connection.execute((releases / "current" / "analyst.sql").read_text(encoding="utf-8"))
            else:
                if way == "current.json":
                    folder = Path(json.loads((releases / "current.json").read_text(encoding="utf-8"))["path"])
                else:
                    folder = release.current(releases) if way == "command" else (releases / "current").resolve(strict=True)
                for theme in THEMES:
                    connection.execute(f"ATTACH '{folder}/internal/{theme}.duckdb' AS {theme} (READ_ONLY)")
            ids = {connection.sql(f"SELECT release_id FROM {theme}.release").fetchall()[0][0] for theme in THEMES}
            counts = connection.sql(
                "SELECT (SELECT count(*) FROM event.event), (SELECT count(*) FROM place.address), (SELECT count(*) FROM person.person),"
                " (SELECT count(*) FROM subject.reconciliation), (SELECT sum(hash(e)::HUGEINT) FROM event.ticket AS e)"
            ).fetchall()[0]
        if len(ids) != 1:
            wrong.append(f"mixed: {sorted(ids)}")
            continue
        (name,) = ids
        tables = json.loads((releases / name / "manifest.json").read_text(encoding="utf-8"))["tables"]
        said = tuple(tables[table]["rows"] for table in ("event.event", "place.address", "person.person", "subject.reconciliation"))
        if counts[:4] != said:
            wrong.append(f"{name}: {counts[:4]}, the manifest says {said}")
        met.add(name)
        looks += 1
        time.sleep(0.1)
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
print(json.dumps({"looks": looks, "met": sorted(met), "wrong": wrong[:5], "count": len(wrong)}))
"""


@pytest.mark.slow
def test_eight_readers_meet_whole_releases_only_while_releases_are_built_and_switched(
    new_home: Callable[[str], Path], demo_district: Path, tmp_path: Path
) -> None:
    home = new_home("home")
    later = home / "later"
    later.mkdir()
    # The last tickets come after the first release, so that releases differ in more than their name.
    kept_back = sorted((home / "landing" / "ticket").iterdir())[-2:]
    for folder in kept_back:
        folder.rename(later / folder.name)
    first = job.run(home, demo_district)
    assert first.status == "released", [problem.message for problem in first.problems]
    releases, stop = home / "releases", tmp_path / "stop"
    ways = ("link", "command", "current.json", "analyst.sql")
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(releases), ways[number % len(ways)], str(stop)], stdout=subprocess.PIPE, text=True
        )
        for number in range(READERS)
    ]
    try:
        made = [first.release]
        for folder in kept_back:
            folder_back = home / "landing" / "ticket" / folder.name
            (later / folder.name).rename(folder_back)
            done = job.run(home, demo_district)
            assert done.status == "released", [problem.message for problem in done.problems]
            made.append(done.release)
        again = job.run(home, demo_district, as_of=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
        assert again.status in ("released", "blocked"), [problem.message for problem in again.problems]
        for turn in range(SWITCHES):
            release.switch(releases, str(made[turn % len(made)]))
            time.sleep(0.02)
    finally:
        stop.touch()
        told = [json.loads(reader.communicate(timeout=120)[0]) for reader in readers]
    assert [one["wrong"] for one in told] == [[]] * READERS
    assert all(one["looks"] >= 5 for one in told), told
    assert set().union(*(one["met"] for one in told)) >= set(made)
