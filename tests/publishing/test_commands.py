"""`govlake catalogue` and `govlake share` on a real release; a subscription that is wrong keeps no release back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assets import sharing
from assets.workplace import Workplace
from pipelines.home import district_folder
from warehouse.home import Home

OFFICES = """
subscribers:
  traffic_office:
    title: Traffic office
    title_zh: 交通运输局
    clearance: internal
    shares:
      tickets:
        table: event.ticket
        columns: [event_id, channel, status, street_key]
        purpose: plan road works
        purpose_zh: 安排道路养护
        until: 2027-12-31
  shop:
    title: A shop
    title_zh: 商店
    clearance: public
    shares:
      tickets:
        table: event.ticket
        columns: [event_id, caller_key]
        purpose: advertising
        purpose_zh: 广告
        until: 2027-12-31
"""


@pytest.fixture(scope="module")
def home(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of this module's own, with subscribers of its own beside the district's."""
    copied = tmp_path_factory.mktemp("shares") / "home"
    shutil.copytree(demo_home, copied, symlinks=True)
    (copied / "subscriptions.yaml").write_text(OFFICES, encoding="utf-8")
    return copied


def call(home: Path, *words: str, expected: int = 0) -> str:
    """Run the command in a process of its own; gives standard output."""
    command = [sys.executable, "-m", "pipelines.cli", *words, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, cwd=Path(__file__).resolve().parents[2])
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


def said(home: Path, *words: str, expected: int = 0) -> Any:
    return json.loads(call(home, *words, "--json", expected=expected))


def test_what_is_due_and_what_is_stopped_is_told_before_anything_is_delivered(home: Path) -> None:
    states = {f"{row['subscriber']}/{row['share']}": row["state"] for row in said(home, "share", "list")}
    assert states["shop/tickets"] == "stopped"
    assert set(states) >= {"big_data_bureau/events", "health_centre/visits", "matian_street/own_events", "traffic_office/tickets"}


def test_delivering_ends_with_3_where_a_share_was_stopped_and_the_log_says_who_what_when_and_why(home: Path) -> None:
    done = said(home, "share", "deliver", expected=3)
    status = {line["share"]: line["status"] for line in done["shares"]}
    assert (status["traffic_office/tickets"], status["shop/tickets"]) == ("delivered", "stopped")
    assert "above the subscriber's clearance public" in " ".join(problem["message"] for problem in done["problems"])
    log = said(home, "share", "log")
    (row,) = [row for row in log if row["subscriber"] == "traffic_office"]
    assert (row["table"], row["purpose_zh"], row["status"]) == ("event.ticket", "安排道路养护", "delivered")
    assert row["recorded_at"]
    assert set(row["files"]) == {"ticket.parquet", "contract.odcs.yaml", "README.md", "public_key.pem"}
    assert [row["status"] for row in said(home, "share", "log", "--subscriber", "shop")] == ["stopped"]
    assert {row["table"] for row in said(home, "share", "log", "--table", "person.visit")} == {"person.visit"}


def test_the_delivered_folder_verifies_and_a_changed_one_does_not(home: Path, tmp_path: Path) -> None:
    (folder,) = (home / "shares" / "big_data_bureau" / "events").iterdir()
    assert said(home, "share", "verify", str(folder))["genuine"] is True
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    (copied / "note.txt").write_text("x")
    call(home, "share", "verify", str(copied), expected=3)


def test_subscribers_see_no_pseudonym_of_the_library(home: Path) -> None:
    import duckdb

    (folder,) = (home / "shares" / "health_centre" / "visits").iterdir()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{home / 'releases' / 'current' / 'internal' / 'person.duckdb'}' AS person (READ_ONLY)")
        common = connection.execute(
            f"SELECT count(*) FROM read_csv('{folder / 'visit.csv'}') WHERE household_key IN (SELECT household_key FROM person.visit)"
        ).fetchall()
        filled = connection.execute(f"SELECT count(household_key) FROM read_csv('{folder / 'visit.csv'}')").fetchall()
    assert common == [(0,)]
    assert filled[0][0] > 0


def test_excel_and_its_reader_open_the_delivered_workbook(home: Path) -> None:
    import openpyxl

    (folder,) = (home / "shares" / "matian_street" / "own_events").iterdir()
    book = openpyxl.load_workbook(folder / "event.xlsx")
    rows = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["rows"]
    assert book.worksheets[0].max_row == rows + 1
    assert "周期" not in str(book.worksheets[0]["A1"].value)
    assert len(book.worksheets) == 2


def test_a_wrong_subscription_is_a_problem_of_the_run_and_never_its_failure(home: Path) -> None:
    opened = Home(home)
    workplace = Workplace.open(opened, district_folder(opened))
    kept = (home / "subscriptions.yaml").read_text(encoding="utf-8")
    try:
        (home / "subscriptions.yaml").write_text("subscribers: {x: {titel: 1}}", encoding="utf-8")
        lines, problems = sharing.deliver_after_release(workplace, (home / "releases" / "current").resolve())
    finally:
        (home / "subscriptions.yaml").write_text(kept, encoding="utf-8")
    assert lines == []
    assert problems
    assert {problem.severity for problem in problems} == {"warn"}
    assert any("subscriptions.yaml:1" in problem.message for problem in problems)


def test_the_catalogue_is_listed_shown_and_searched(home: Path) -> None:
    assert {entry["theme"] for entry in said(home, "catalogue", "list", "--theme", "event")} == {"event"}
    entry = said(home, "catalogue", "show", "event.ticket")
    assert (entry["title_zh"], entry["steward"] != "") == ("热线工单", True)
    shown = call(home, "catalogue", "show", "event.ticket")
    assert all(word in shown for word in ("event.ticket", "steward 管理单位", "internal/event.duckdb", "取值"))
    assert "event.petition" in call(home, "catalogue", "search", "信访")
    call(home, "catalogue", "search", "不存在的词语", expected=1)
    call(home, "catalogue", "show", "event.tickets", expected=2)
