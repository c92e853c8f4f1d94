"""The how-to for a new feed, done step by step as it is written: YAML alone, no line of Python."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sources.demo import write_deliveries

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-a-feed.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _run(line: str, folder: Path) -> str:
    words = shlex.split(line)
    command = [sys.executable, "-m", "pipelines.cli", *words[1:]] if words[0] == "govlake" else words
    # As a new user's shell: nothing of the tests' own environment but where Python finds the packages.
    root = str(PAGE.parents[2])
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}, timeout=600)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder in which the page's files were written and its commands were run in order, and what each command said."""
    folder = tmp_path_factory.mktemp("howto")
    write_deliveries(folder / "home" / "landing", folder / "truth", seed=7, tickets=400, people=300, days=15)
    said = {}
    for kind, body in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sh":
            said |= {line: _run(line, folder) for line in body.splitlines() if line}
        else:
            first, _, rest = body.partition("\n")
            path = folder / first.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(rest, encoding="utf-8")
    return folder, said


def _rows(said: dict[str, str], folder: Path, query: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_run(f'govlake sql --home home -f csv "{query}"', folder))))


def test_the_page_holds_no_python() -> None:
    assert {kind for kind, _ in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))} == {"sh", "yaml", "csv"}


def test_the_letters_are_in_the_stream_of_all_channels(told: tuple[Path, dict[str, str]]) -> None:
    folder, said = told
    rows = _rows(
        said,
        folder,
        "SELECT number, channel, kind, status, community, community_key FROM event.event WHERE delivery LIKE 'mayor_letter/%' ORDER BY number",
    )
    assert [(row["number"], row["channel"], row["kind"], row["status"]) for row in rows] == [
        ("SZ-0001", "online", "petition", "received"),
        ("SZ-0002", "online", "petition", "handled"),
    ]
    assert [row["community"] for row in rows] == ["光明社区", "碧眼社区"]


def test_other_petitions_are_there_as_before(told: tuple[Path, dict[str, str]]) -> None:
    folder, said = told
    rows = _rows(said, folder, "SELECT count(*) AS n FROM event.event WHERE delivery LIKE 'petition/%'")
    assert int(rows[0]["n"]) > 0


def test_the_letters_have_nodes_and_a_deadline(told: tuple[Path, dict[str, str]]) -> None:
    folder, said = told
    rows = _rows(
        said, folder, "SELECT count(*) AS n FROM event.event_node JOIN event.deadline USING (event_id) WHERE delivery LIKE 'mayor_letter/%'"
    )
    assert int(rows[0]["n"]) >= 3


def test_the_books_balance_for_the_new_feed(told: tuple[Path, dict[str, str]]) -> None:
    folder, said = told
    rows = _rows(
        said,
        folder,
        "SELECT rows_read, rows_accepted, rows_in_theme, rows_in_event, difference FROM subject.reconciliation WHERE feed = 'mayor_letter'",
    )
    assert rows == [{"rows_read": "2", "rows_accepted": "2", "rows_in_theme": "2", "rows_in_event": "2", "difference": "0"}]


def test_the_site_and_the_catalogue_show_the_feed(told: tuple[Path, dict[str, str]]) -> None:
    folder, said = told
    release = folder / "home" / "releases" / "current"
    assert "市长信箱来信" in (release / "internal" / "site" / "zh" / "feeds" / "mayor_letter.html").read_text(encoding="utf-8")
    assert "Mayor" in (release / "internal" / "site" / "en" / "books.html").read_text(encoding="utf-8")
    assert "mayor_letter" in said["govlake catalogue show event.petition --home home"]
    assert "mayor_letter" in said["govlake status --home home"]


def test_no_name_or_phone_of_a_letter_leaves_the_lake(told: tuple[Path, dict[str, str]]) -> None:
    folder, _ = told
    release = (folder / "home" / "releases" / "current").resolve()
    for path in release.rglob("*"):
        if path.is_file() and "restricted" not in path.relative_to(release).parts:
            content = path.read_bytes()
            assert b"13900000001" not in content, path.name
            assert "欧阳示例".encode() not in content, path.name


def test_dagster_knows_the_feed_of_the_homes_district(told: tuple[Path, dict[str, str]]) -> None:
    folder, _ = told
    script = (
        "import json; from pathlib import Path; from pipelines.home import open_home, district_folder; district_folder(open_home(Path('home')));"
        "from pipelines.definitions import definitions as d;"
        "print(json.dumps(sorted(spec.key.to_user_string() for spec in d.resolve_all_asset_specs())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(PAGE.parents[2])}
    )
    assert {"raw/mayor_letter", "clean/mayor_letter"} <= set(json.loads(done.stdout.strip().splitlines()[-1])), done.stderr
