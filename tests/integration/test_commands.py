"""The commands on a real home: a small demo city is made and run once, then looked at, explained, switched, backed up, maintained."""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.commands import maintain, summary
from warehouse.home import Home

SIZE = ("--tickets", "400", "--people", "300", "--days", "15")


def call(*words: str, expected: int = 0, cwd: Path | None = None) -> str:
    """Run the command in a process of its own; gives standard output."""
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", *words], capture_output=True, text=True, cwd=cwd, timeout=600)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home after `govlake demo`, and what the command said."""
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, call("demo", "--home", str(home), *SIZE)


@pytest.fixture(scope="module")
def home(made: tuple[Path, str]) -> Path:
    return made[0]


def test_the_demo_ends_with_a_release_and_a_readable_summary(made: tuple[Path, str]) -> None:
    home, said = made
    for expected in (
        "released",
        "已发布",
        "ticket 12345热线工单",
        "address_register",
        "community_monthly_effect",
        str(home / "releases" / "current"),
    ):
        assert expected in said


def test_the_three_queries_of_the_summary_work_as_printed(made: tuple[Path, str]) -> None:
    home, said = made
    lines = [line.strip() for line in said.splitlines() if line.strip().startswith("govlake sql") and "SELECT" in line]
    assert len(lines) == 3
    for line in lines:
        assert "│" in call(*shlex.split(line)[1:])
    with_rows = [call("sql", sql, "--home", str(home), "-f", "csv").count("\n") for _, _, sql in summary.QUERIES]
    assert all(count > 1 for count in with_rows)


def test_again_there_is_nothing_to_do(home: Path) -> None:
    assert "无需处理" in call("demo", "--home", str(home), *SIZE)
    assert "无需处理" in call("run", "--home", str(home))


def test_lineage_leads_from_a_published_column_to_the_office_header_and_from_a_feed_column_to_all_that_uses_it(home: Path) -> None:
    said = call("lineage", "event.ticket.status", "--home", str(home))
    assert "latest.ticket.status" in said
    assert "工单状态" in said
    assert "subject.department_scorecard.done" in call("lineage", "latest.ticket.status", "--uses", "--home", str(home))
    found = json.loads(call("lineage", "subject.building_portrait", "--json", "--home", str(home)))
    assert "event.event" in found["lineage"]
    place = call("lineage", "event.ticket.community_key", "--home", str(home))
    assert "latest.ticket.address" in place
    assert "latest.address_register" in place
    assert "latest.grid_event.address" not in place
    call("lineage", "event.ticket.nothing", "--home", str(home), expected=2)
    call("lineage", "event.nothing", "--home", str(home), expected=2)


def test_status_names_feeds_release_and_last_run(home: Path) -> None:
    found = json.loads(call("status", "--home", str(home), "--json"))
    assert found["last_run"]["status"] == "released"
    assert found["current"] == found["releases"][0]
    assert {feed["feed"] for feed in found["feeds"]} >= {"ticket", "grid_event", "household", "address_register"}
    assert found["new"] == []
    assert found["running"] is None
    assert all(sum(feed["states"].values()) == feed["deliveries"] for feed in found["feeds"])
    said = call("status", "--home", str(home))
    assert found["current"] in said
    assert "12345热线工单" in said


def test_status_sees_new_and_odd_files_without_taking_them_in(home: Path) -> None:
    later = home / "landing" / "ticket" / "2099-01-01"
    later.mkdir()
    (later / "later.csv").write_text("工单编号\n1\n", encoding="utf-8")
    (home / "landing" / "nonsense").mkdir()
    try:
        found = json.loads(call("status", "--home", str(home), "--json"))
    finally:
        (later / "later.csv").unlink()
        later.rmdir()
        (home / "landing" / "nonsense").rmdir()
    assert found["new"] == ["ticket/2099-01-01/later.csv"]
    assert any("nonsense" in name for name in found["left_alone"])


def test_releases_are_listed_shown_and_switched(home: Path) -> None:
    (listed,) = json.loads(call("release", "list", "--home", str(home), "--json"))
    assert listed["is_current"] is True
    assert "current 当前" in call("release", "list", "--home", str(home))
    assert json.loads(call("release", "show", "--home", str(home), "--json"))["release"] == listed["id"]
    assert "event.ticket" in call("release", "show", "--home", str(home))
    assert listed["id"] in call("release", "switch", listed["id"], "--home", str(home))
    call("release", "switch", "nothing", "--home", str(home), expected=1)
    assert listed["id"] not in call("release", "prune", "--keep", "1", "--home", str(home))


def test_explain_tells_how_an_address_was_read(home: Path) -> None:
    with duckdb.connect(str((home / "releases" / "current").resolve() / "internal" / "place.duckdb"), read_only=True) as place:
        ((path,),) = place.execute("SELECT path FROM address WHERE level = 'building' ORDER BY path LIMIT 1").fetchall()
    said = call("explain", path, "--home", str(home))
    assert "文本" in said
    assert "Outcome" in said
    assert json.loads(call("explain", path, "--home", str(home), "--json"))["outcome"] == "resolved"


def personal_values(home: Path) -> set[str]:
    """Identity numbers and phones as they were delivered."""
    from warehouse.lake import Lake

    lake = Lake(home / "lake")
    found: set[str] = set()
    for table, columns in (("clean/household", ("id_number", "phone")), ("clean/ticket", ("caller_phone",))):
        rows = lake.arrow(table, [name for name in columns if name in lake.schema(table).names])
        found |= {value for column in rows.columns for value in column.to_pylist() if value}
    return found


def test_quarantine_is_listed_shown_and_exported_masked(home: Path, tmp_path: Path) -> None:
    listed = json.loads(call("quarantine", "list", "--home", str(home), "--json"))
    assert listed
    total = sum(group["rows"] for group in listed)
    shown = call("quarantine", "show", listed[0]["delivery"], "--home", str(home))
    sheet = tmp_path / "refused.xlsx"
    assert f"{total:,}" in call("quarantine", "export", str(sheet), "--home", str(home))
    import openpyxl

    cells = {
        str(cell)
        for page in openpyxl.load_workbook(sheet, read_only=True)
        for row in page.iter_rows(values_only=True)
        for cell in row
        if cell
    }
    values = personal_values(home)
    assert len(values) > 100
    assert not values & cells
    assert not [value for value in values if value in shown]
    call("quarantine", "show", "ticket/1999-01-01/none.csv", "--home", str(home), expected=1)
    call("quarantine", "list", "--feed", "nothing", "--home", str(home), expected=2)


def test_nothing_that_the_commands_say_holds_a_personal_value(home: Path, made: tuple[Path, str]) -> None:
    said = [made[1]]
    said += [call(*words, "--home", str(home)) for words in (("status",), ("release", "show"), ("quarantine", "list"))]
    said.append((home / "last_run.json").read_text(encoding="utf-8"))
    words = set(re.findall(r"[0-9X]{11,18}", "\n".join(said)))
    assert not words & personal_values(home)


def test_a_backup_brings_the_home_back_and_the_next_run_has_nothing_to_do(home: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "b.tar"), "--home", str(home), "--with-keys", "--with-landing")
    call("restore", str(tmp_path / "b.tar"), "--home", str(tmp_path / "back"))
    assert (tmp_path / "back/releases/current").resolve().name == (home / "releases/current").resolve().name
    assert str(tmp_path / "back") in json.loads((tmp_path / "back/releases/current.json").read_text(encoding="utf-8"))["path"]
    library = (tmp_path / "back/releases/current").resolve() / "internal/event.duckdb"
    assert stat.S_IMODE(library.stat().st_mode) == 0o444
    query = "SELECT count(*) AS n FROM event.ticket"
    assert call("sql", query, "--home", str(tmp_path / "back"), "-f", "csv") == call("sql", query, "--home", str(home), "-f", "csv")
    assert "无需处理" in call("run", "--home", str(tmp_path / "back"))


def test_a_restored_home_without_landing_and_key_still_answers(home: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "b.tar.gz"), "--home", str(home))
    call("restore", str(tmp_path / "b.tar.gz"), "--home", str(tmp_path / "back"))
    assert not (tmp_path / "back/keys").exists()
    assert "│" in call("sql", "SELECT count(*) FROM event.ticket", "--home", str(tmp_path / "back"))


def test_maintenance_changes_no_result(home: Path) -> None:
    query = "SELECT sum(rows_accepted) AS n FROM subject.reconciliation"
    before = call("sql", query, "--home", str(home), "-f", "csv")
    assert "versions kept" in call("maintain", "--home", str(home))
    assert call("sql", query, "--home", str(home), "-f", "csv") == before
    assert "无需处理" in call("run", "--home", str(home))


def test_maintenance_forgets_old_runs_with_their_events_and_keeps_the_results(home: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(home, copy, symlinks=True)
    before = maintain.used(copy / "history")
    assert maintain._runs(Home(copy), days=0) >= 1
    assert maintain._runs(Home(copy), days=0) == 0
    assert maintain.used(copy / "history") < before
    assert {path.name for path in (copy / "history" / "runs").glob("*-*.db")} == set()
    assert "无需处理" in call("run", "--home", str(copy))


def test_a_folder_that_looks_like_a_package_does_not_disturb(home: Path, tmp_path: Path) -> None:
    """Homes have a folder `addressing`; the command must work from inside one."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "govlake"), "explain", "光明区", "--home", "."], cwd=home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_link_and_parse_work_on_files_alone(tmp_path: Path) -> None:
    register = ["省,市,行政区,街道名称,社区名称,路街巷,门牌"] + [
        f"广东省,深圳市,光明区,光明街道,光明社区,民明大道,{number}号" for number in range(1, 30)
    ]
    (tmp_path / "register.csv").write_text("\n".join(register) + "\n", encoding="utf-8")
    (tmp_path / "in.csv").write_text("编号,地址\n1,民明大道3号\n2,光明区民明大道３號\n3,不知何处\n", encoding="utf-8")
    files = ("--register", str(tmp_path / "register.csv"), "--input", str(tmp_path / "in.csv"))
    call("link", *files, "--output", str(tmp_path / "out.csv"), "--grammar", "mainland")
    rows = (
        duckdb.connect()
        .sql(f"SELECT 编号, level, outcome FROM read_csv('{tmp_path / 'out.csv'}', all_varchar = true) ORDER BY 编号")
        .fetchall()
    )
    assert rows[0] == ("1", "number", "resolved")
    assert len(rows) == 3
    call("link", *files, "--output", str(tmp_path / "out.csv"), "--district", "demo", "--grammar", "mainland", expected=2)
    call("link", *files, "--output", str(tmp_path / "out.csv"), "--address-column", "nothing", expected=1)
    call("parse", "--input", str(tmp_path / "in.csv"), "--output", str(tmp_path / "spans.jsonl"), "--address-column", "地址")
    spans = [json.loads(line)["spans"] for line in (tmp_path / "spans.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [label for _, _, label in spans[0]] == ["road", "roadno"]
