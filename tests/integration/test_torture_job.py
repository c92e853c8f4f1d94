"""The torture set through the whole job: damaged files lie in one landing folder, the job runs once, nothing crashes and no row is unaccounted for."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
from torture import MECHANISMS, PLACES, Damaged, csv_bytes, lines

from assets import ledger
from assets.books import books
from contracts.delivery import Certificate
from pipelines import job
from warehouse.lake import Lake

FIRST_DAY = dt.date(2024, 4, 1)
SOUND = "hazard/2024-04-01/隐患.csv"


def deliver(home: Path, damaged: Iterable[Damaged]) -> dict[str, Damaged]:
    """One delivery date for each damaged file, a sound feed beside them, and what should not lie in a landing folder at all."""
    named = {}
    for number, one in enumerate(damaged):
        name = f"ticket/{FIRST_DAY + dt.timedelta(days=number)}/{one.file}"
        _put(home, name, one.content)
        named[name] = one
    _put(home, SOUND, "隐患编号,发现时间,隐患类型\nH1,2024-03-28,火灾\nH2,2024-03-28,火灾\n".encode())
    landing = home / "landing"
    day = landing / "ticket" / "2026-01-01"
    _put(home, "ticket/2026-01-01/还在写.csv.part", csv_bytes(lines()))
    _put(home, "ticket/2026-01-01/..\\odd.csv", csv_bytes(lines()))
    _put(home, "ticket/2026-13-45/tickets.csv", csv_bytes(lines()))
    _put(home, "nobody/2026-01-01/tickets.csv", csv_bytes(lines()))
    _put(home, "ticket/stray.csv", csv_bytes(lines()))
    (day / "link.csv").symlink_to("/etc/passwd")
    (day / "loop").symlink_to(day)
    os.mkfifo(day / "pipe.csv")
    (day / "folder.csv").mkdir()
    os.symlink(landing / "ticket", landing / "petition")
    return named


def _put(home: Path, name: str, content: bytes) -> None:
    path = home / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    # Older than the time that a file may still be growing.
    os.utime(path, (1_700_000_000, 1_700_000_000))


def district(folder: Path) -> Path:
    folder.mkdir()
    feeds: dict[str, dict[str, object]] = {"ticket": {}, "hazard": {}, "petition": {}}
    data = {"name": "town", "title": "Town", "title_zh": "某镇", "grammar": "mainland", "audiences": ["internal"], "feeds": feeds}
    (folder / "district.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return folder


def run_and_look(tmp_path: Path, damaged: list[Damaged]) -> None:
    home = tmp_path / "home"
    named = deliver(home, damaged)
    done = job.run(home, district(tmp_path / "town"))
    assert done.status == "released", [problem.message for problem in done.problems if problem.severity == "error"]

    lake = Lake(home / "lake")
    found = books(lake)
    assert found.balanced, found.violations["message"].to_pylist()
    recorded = {row["delivery"]: row for row in ledger.current(lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA).to_dicts()}
    assert set(recorded) == {*named, SOUND}
    assert recorded[SOUND]["rows_accepted"] == 2
    for name, one in named.items():
        row = recorded[name]
        certificate = Certificate.model_validate_json(row["certificate"]) if row["certificate"] else None
        if row["status"] == "unreadable":
            assert any(problem.severity == "error" and problem.remedy for problem in certificate.problems), one  # type: ignore[union-attr]
        else:
            assert row["status"] in ("accepted", "unchanged")
            missing = certificate is not None and any(problem.kind == "column_missing" for problem in certificate.problems)
            assert row["status"] == "unchanged" or missing or row["rows_accepted"] >= one.sound_rows, (one.mechanism, one.place)
    kinds = {problem.kind for problem in done.problems}
    assert {"file_refused", "rows_malformed", "file_unreadable"} <= kinds
    assert not any("root:" in problem.message or "13800" in problem.message for problem in done.problems)

    with duckdb.connect(str(home / "releases" / "current" / "internal" / "subject.duckdb"), read_only=True) as subject:
        difference, delivered = subject.execute("SELECT sum(difference), count(DISTINCT delivery) FROM reconciliation").fetchall()[0]
    assert (difference, delivered) == (0, len(recorded))
    clean = pl.DataFrame(lake.arrow("clean/ticket", columns=["delivery"]))
    assert set(clean["delivery"].unique()) <= set(named)
    assert job.run(home, tmp_path / "town").status == "nothing_to_do"


def test_one_damage_of_each_kind_goes_through_the_job(tmp_path: Path) -> None:
    run_and_look(tmp_path, [_named(name, PLACES[number % len(PLACES)]) for number, name in enumerate(sorted(MECHANISMS))])


@pytest.mark.slow
def test_every_damage_at_every_place_goes_through_the_job(tmp_path: Path) -> None:
    whole = [_named(name, place) for name in sorted(MECHANISMS) for place in PLACES]
    assert len(whole) >= 300
    run_and_look(tmp_path, whole)


def _named(name: str, place: float) -> Damaged:
    made = MECHANISMS[name](place)
    # The feed's mapping declares no encoding here, so nothing can be declared wrongly.
    return Damaged(name, place, made.file, made.content, made.said, max(0, made.sound_rows))
