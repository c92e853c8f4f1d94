"""Real feeds: the seven monthly files as published, and a real district without address texts."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from assets.home import shipped_districts
from pipelines import job

pytestmark = pytest.mark.realdata


def _subject(home: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(home / "releases" / "current" / "internal" / "subject.duckdb"), read_only=True)


def test_every_row_of_the_seven_monthly_files_is_accounted_for(realdata: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(realdata / "taipei" / "deliveries", home / "landing" / "ticket", copy_function=shutil.copyfile)
    for folder in [home / "landing" / "ticket", *(home / "landing" / "ticket").iterdir()]:
        folder.chmod(0o750)
    lines = sum(path.read_bytes().count(b"\n") - 1 for path in (home / "landing").glob("*/*/*.csv"))
    assert job.run(home, shipped_districts()["taipei"]).status == "released"
    with _subject(home) as subject:
        books = subject.execute(
            "SELECT sum(rows_read), sum(rows_accepted), sum(rows_refused), sum(difference), count(*) FROM reconciliation"
        ).fetchall()[0]
    assert books[0] == lines
    assert books[1] + books[2] == lines
    assert books[3:] == (0, 7)
    with duckdb.connect(str(home / "releases" / "current" / "internal" / "event.duckdb"), read_only=True) as event:
        tickets = event.execute("SELECT count(*), count(DISTINCT event_id) FROM ticket").fetchall()[0]
    assert tickets == (books[1], books[1]), "truncated case numbers are neither lost nor merged"


def test_every_appeal_that_names_a_community_is_linked_to_it(realdata: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = home / "landing" / "ticket" / "2018-09-30"
    folder.mkdir(parents=True)
    source = realdata / "pingshan" / "events_to_2018-09.csv"
    shutil.copyfile(source, folder / source.name)
    assert job.run(home, shipped_districts()["pingshan"]).status == "released"
    with duckdb.connect() as connection:
        named = connection.execute(f"SELECT count(*) FROM read_csv('{source}', all_varchar = true) WHERE COMMUNITY_NAME <> '-'").fetchall()
    with duckdb.connect(str(home / "releases" / "current" / "internal" / "place.duckdb"), read_only=True) as place:
        links = place.execute("SELECT count(*), count(community_key), count(DISTINCT community_key) FROM location_link").fetchall()[0]
    assert links == (3981, named[0][0], 23)
