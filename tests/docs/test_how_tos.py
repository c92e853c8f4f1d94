"""The tutorial, then the how-to pages, done one after the other as they are written, in one clone and home."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from following import clone, follow, run

pytestmark = pytest.mark.slow
CURRENT = ".govlake/releases/current"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, str]]]:
    """The clone, and by page what each of its lines said."""
    folder = clone(tmp_path_factory.mktemp("how_tos") / "govlake")
    said = {"tutorial": follow("tutorial.md", folder)}
    first = os.readlink(folder / CURRENT)
    for page in (
        "mend-a-refused-delivery",
        "add-an-alert",
        "add-a-table",
        "add-a-rule",
        "rotate-keys",
        "add-a-district",
        "back-up-and-restore",
    ):
        said[page] = follow(f"how-to/{page}.md", folder)
    said["newest"] = {"release": os.readlink(folder / CURRENT)}
    said["switch-back"] = follow("how-to/switch-back.md", folder, {"<id>": Path(first).name})
    said["first"] = {"release": first}
    return folder, said


def line_of(told: tuple[Path, dict[str, dict[str, str]]], start: str) -> str:
    """What the tutorial's line that starts so printed."""
    (found,) = [text for line, text in told[1]["tutorial"].items() if line.startswith(start)]
    return found


def test_the_first_own_feed_is_among_the_matters(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    answer = line_of(told, 'govlake sql "SELECT number, status')
    assert "QY-0001" in answer
    assert "QY-0002" in answer
    assert "QY-0003" not in answer
    assert "光明社区" in answer
    assert "碧眼社区" in answer


def test_the_third_row_is_in_the_quarantine_with_a_remedy(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    answer = line_of(told, "govlake quarantine show")
    assert "created_at" in answer
    assert "13900000005" not in answer


def test_the_books_say_so(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    answer = line_of(told, 'govlake sql "SELECT feed, rows_read')
    assert [int(cell) for cell in answer.split("│") if cell.strip().isdigit()] == [3, 1, 2, 0]


def test_the_catalogue_and_the_site_are_where_the_page_says(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, _ = told
    assert "event.petition" in line_of(told, "govlake catalogue search")
    assert (folder / ".govlake/releases/current/internal/site/index.html").is_file()
    assert (folder / ".govlake/releases/current/internal/site/zh/feeds/business_hotline.html").is_file()


def test_a_refused_row_that_was_mended_is_in_the_release(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, said = told
    (rows,) = [text for line, text in said["mend-a-refused-delivery"].items() if line.startswith("govlake sql")]
    assert "QY-0003" in rows
    assert (folder / "refused.xlsx").is_file()


def test_the_alert_sounds(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    (rows,) = [text for line, text in told[1]["add-an-alert"].items() if line.startswith("govlake sql")]
    assert "word_lamp" in rows


def test_the_new_table_has_rows_lineage_and_a_page_in_the_catalogue(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    said = told[1]["add-a-table"]
    assert "电话" in said['govlake sql "SELECT * FROM subject.channel_month ORDER BY events DESC LIMIT 5"']
    assert "event.event" in said["govlake lineage subject.channel_month.done"]
    assert "渠道月度受理" in said["govlake catalogue show subject.channel_month"]


def test_the_new_rules_are_checked(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, said = told
    checks = (folder / ".govlake" / "releases" / Path(said["newest"]["release"]).name / "checks.json").read_text(encoding="utf-8")
    found = json.loads(checks)
    assert found
    assert "done_within_events" in checks
    assert "all_events_counted" in checks


def test_keys_are_rotated(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, _ = told
    assert list((folder / ".govlake" / "keys").glob("retired-*.key"))
    assert (folder / "govlake_signing_new.pem").is_file()


def test_the_new_district_links_its_ticket(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    (rows,) = [text for line, text in told[1]["add-a-district"].items() if line.startswith("govlake sql")]
    assert "东社区" in rows
    assert "resolved" in rows


def test_what_was_restored_answers_as_the_home_did(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    folder, said = told
    (rows,) = [text for line, text in said["back-up-and-restore"].items() if line.startswith("govlake sql")]
    run(f"govlake release switch {Path(said['newest']['release']).name}", folder)
    assert rows == run('govlake sql "SELECT count(*) AS matters FROM event.event"', folder)


def test_the_former_release_is_current_after_the_switch(told: tuple[Path, dict[str, dict[str, str]]]) -> None:
    _, said = told
    assert said["first"] != said["newest"]
    assert Path(said["first"]["release"]).name in said["switch-back"]["govlake status"]
