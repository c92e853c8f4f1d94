"""Releases: whole or not there, the same for the same inputs, readable by old clients, blocked where they would harm a reader."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import town
from town import table, write

from contracts.model import Column, Table
from contracts.step import PythonStep
from warehouse import library, release
from warehouse.library import Plan, Sources
from warehouse.release import ReleaseBlocked, ReleaseError, ReleaseInfo

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def public(name: str, title: str = "c", **more: object) -> Column:
    return Column(name=name, title=title, title_zh=title, classification="public", **more)  # type: ignore[arg-type]


TABLES: dict[str, Table] = {
    "event.small": table("event.small", "k", "status"),
    "subject.monthly": table("subject.monthly", "k").model_copy(
        update={
            "columns": (
                public("community", required=True),
                public("kind"),
                public("n", type="integer", required=True),
                Column(name="inner", type="integer", title="i", title_zh="i"),
            ),
            "keys": ("community",),
            "audiences": ("internal", "public"),
            "small_groups": ("n",),
        }
    ),
    "person.secret": table("person.secret", "k", "name", audiences=("restricted",)),
}
MODELS = {
    "event.small": "SELECT record_key AS k, COALESCE(status, '-') AS status FROM latest.ticket ORDER BY k",
    "subject.monthly": "SELECT COALESCE(community, '-') AS community, MAX(kind) AS kind, COUNT(*) AS n, MIN(source_row) AS inner FROM latest.ticket GROUP BY COALESCE(community, '-') ORDER BY community",
    "person.secret": "SELECT record_key AS k, name FROM restricted.household ORDER BY k",
}


def plan(sources: Sources, tables: dict[str, Table] | None = None, **models: str) -> Plan:
    folder = sources.lake.root.parent / "models"
    for name, sql in (MODELS | {name.replace("__", "."): sql for name, sql in models.items()}).items():
        write(folder, name, sql)
    return library.plan(Sources(sources.lake, sources.district, sources.as_of), folder=folder, tables=tables or TABLES)


def publish(home: Path, planned: Plan, threads: int = 2) -> ReleaseInfo:
    with release.begin(home / "releases", planned, pseudonym_fingerprint="f" * 16, threads=threads) as building:
        building.add("checks.json", "[]")
        info = building.finish()
    release.switch(home / "releases", info.id)
    return info


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for folder in [tmp_path, *tmp_path.rglob("*")]:
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o755)


@pytest.fixture
def sources(home: Path) -> Sources:
    return town.town(home, tickets=40)


def files(folder: Path, suffix: str) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob(f"*{suffix}"))
    }


def test_a_release_holds_what_design_promises(home: Path, sources: Sources) -> None:
    info = publish(home, plan(sources))
    found = {path.relative_to(info.path).as_posix() for path in info.path.rglob("*") if path.is_file()}
    assert found >= {
        "internal/event.duckdb", "internal/subject.duckdb", "internal/subjects/monthly.parquet", "public/subject.duckdb", "public/subjects/monthly.parquet",
        "restricted/person.duckdb", "manifest.json", "README.md", "analyst.sql", "internal/analyst.sql", "lineage.json", "checks.json",
        "contracts/event/small.json", "contracts/event/small.odcs.yaml",
    }  # fmt: skip
    assert not any("person" in path for path in found if path.startswith(("internal", "public")))
    assert release.current(home / "releases") == info.path
    assert json.loads((home / "releases/current.json").read_text())["release"] == info.id
    for path in info.path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (
            0o444 if path.is_file() else 0o700 if path.relative_to(info.path).parts[0] == "restricted" else 0o755
        ), path
    assert [path.name for path in (home / "releases").iterdir() if path.name.startswith(".")] == []


def test_the_manifest_names_inputs_counts_and_a_checksum_of_every_file(home: Path, sources: Sources) -> None:
    info = publish(home, plan(sources))
    said = release.show(home / "releases")
    assert said["lake"]["clean/ticket"] == sources.lake.version("clean/ticket")
    assert said["tables"]["event.small"]["rows"] == 40
    assert said["pseudonym_key"] == "f" * 16
    assert {state["feed"]: state["decision"] for state in said["feeds"]} == {"enterprise": "ok", "household": "ok", "ticket": "ok"}
    for name, entry in said["files"].items():
        assert hashlib.sha256((info.path / name).read_bytes()).hexdigest() == entry["sha256"]
    assert set(said["files"]) | {"manifest.json"} == {
        path.relative_to(info.path).as_posix() for path in info.path.rglob("*") if path.is_file()
    }


def test_analyst_sql_opens_every_library_of_this_release(home: Path, sources: Sources) -> None:
    info = publish(home, plan(sources))
    with duckdb.connect() as connection:
        for statement in (info.path / "analyst.sql").read_text().split(";"):
            if statement.strip():
                connection.execute(statement)
        assert connection.sql("SELECT count(*) FROM event.small").fetchall() == [(40,)]
        assert connection.sql("SELECT release_id, audience FROM event.release").fetchall() == [(info.id, "internal")]
        assert str(home / "releases" / "current") not in (info.path / "analyst.sql").read_text()


def test_the_public_folder_has_public_columns_and_no_small_group(home: Path, sources: Sources) -> None:
    info = publish(home, plan(sources))
    shown = pq.read_table(info.path / "public/subjects/monthly.parquet")
    assert shown.column_names == ["community", "kind", "n"]
    whole = pq.read_table(info.path / "internal/subjects/monthly.parquet")
    assert whole["n"].to_pylist() == [6, 6, 6, 6, 6, 5, 5]
    few = town.town(home / "few", tickets=10)
    shown = pq.read_table(publish(home / "few", plan(few)).path / "public/subjects/monthly.parquet")
    assert set(shown["n"].to_pylist()) == {None}


def test_the_same_inputs_give_the_same_id_and_other_inputs_another(home: Path, sources: Sources) -> None:
    first = plan(sources)
    one = release.release_id(first, "f")
    assert one == release.release_id(plan(sources), "f")
    assert one.startswith("20260630T235959-")
    sources.lake.compact("clean/ticket")
    assert release.release_id(plan(sources), "f") == one
    assert release.release_id(plan(sources), "other key") != one
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 30), [town.ticket(1, status="closed")])
    assert release.release_id(plan(sources), "f") != one


def test_parquet_is_byte_equal_at_any_number_of_threads_and_however_it_came(home: Path) -> None:
    rows = [town.ticket(number, community=f"社区{number % 997}") for number in range(3000)]
    made = []
    for name, threads, slices in (("a", 1, 1), ("b", 2, 3), ("c", 4, 2)):
        place = home / name
        sources = town.town(place, tickets=0)
        for part in range(slices):
            town.deliver(sources.lake, "ticket", dt.date(2026, 6, 1 + part), rows[part::slices])
            if part < slices - 1:
                publish(place, plan(sources), threads)
        info = publish(place, plan(sources, subject__monthly=MODELS["subject.monthly"].replace("MIN(source_row)", "COUNT(*)")), threads)
        said = release.manifest_of(info.path)
        made.append((files(info.path, ".parquet"), {table: entry["content_hash"] for table, entry in said["tables"].items()}))
    assert made[0] == made[1] == made[2]


def test_a_new_day_takes_over_what_did_not_change(home: Path, sources: Sources) -> None:
    first = publish(home, plan(sources))
    town.deliver(sources.lake, "household", dt.date(2026, 6, 20), [town.resident(1)])
    second = publish(home, plan(sources))
    said = release.manifest_of(second.path)["tables"]
    assert {name: entry["taken_over"] for name, entry in said.items()} == {
        "event.small": True,
        "subject.monthly": True,
        "person.secret": False,
    }
    parquet = "internal/subjects/monthly.parquet"
    assert (first.path / parquet).stat().st_ino == (second.path / parquet).stat().st_ino
    with duckdb.connect(str(second.path / "internal/event.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT release_id FROM release").fetchall() == [(second.id,)]


def test_a_build_that_ends_in_an_error_leaves_nothing_and_the_former_stays(home: Path, sources: Sources) -> None:
    first = publish(home, plan(sources))
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 30), [town.ticket(1, status="closed")])
    with pytest.raises(RuntimeError, match="checks"), release.begin(home / "releases", plan(sources), pseudonym_fingerprint="f"):
        raise RuntimeError("checks failed")
    assert release.current(home / "releases") == first.path
    assert [path.name for path in (home / "releases").iterdir() if path.name.startswith(".")] == []


def test_what_a_killed_run_left_is_cleared_by_the_next(home: Path, sources: Sources) -> None:
    left = home / "releases/.building-20260101T000000-0123456789/restricted"
    left.mkdir(parents=True, mode=0o500)
    (home / "releases/.current-77").symlink_to("nowhere")
    publish(home, plan(sources))
    assert [path.name for path in (home / "releases").iterdir() if path.name.startswith(".")] == []


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
import test_release, town
from warehouse import release
from warehouse.lake import Lake
from warehouse.library import Sources
home = Path({home!r})
sources = Sources(Lake(home / "lake"), town.district(home / "district"), town.AS_OF)
real = getattr(release, {point!r})
def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(release, {point!r}, die)
test_release.publish(home, test_release.plan(sources))
"""


@pytest.mark.parametrize("point", ["_share", "_export", "gate", "_write_manifest", "_seal", "switch"])
def test_a_kill_at_any_stage_leaves_the_former_release_and_the_next_run_completes(home: Path, sources: Sources, point: str) -> None:
    first = publish(home, plan(sources))
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 30), [town.ticket(1, status="closed")])
    here = Path(__file__).parent
    script = KILLED.format(root=str(here.parent.parent), tests=str(here), home=str(home), point=point)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert release.current(home / "releases") == first.path
    second = publish(home, plan(sources))
    assert release.current(home / "releases") == second.path
    assert [path.name for path in (home / "releases").iterdir() if path.name.startswith(".")] == []


def test_readers_meet_whole_releases_only_while_they_switch(home: Path, sources: Sources) -> None:
    first = publish(home, plan(sources))
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 30), [town.ticket(number) for number in range(100, 110)])
    second = publish(home, plan(sources))
    expected = {first.id: 40, second.id: 50}
    found: list[str] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            folder = release.current(home / "releases")
            if folder is None:
                found.append("no current release")
                continue
            with duckdb.connect(str(folder / "internal/event.duckdb"), read_only=True) as connection:
                row = connection.sql("SELECT (SELECT release_id FROM release), (SELECT count(*) FROM small)").fetchall()[0]
            if expected.get(row[0]) != row[1] or row[0] != folder.name:
                found.append(str(row))

    readers = [threading.Thread(target=look) for _ in range(4)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        release.switch(home / "releases", (first, second)[turn % 2].id)
    stop.set()
    for reader in readers:
        reader.join()
    assert found == []


def test_switching_back_is_one_call_and_an_unknown_release_an_error(home: Path, sources: Sources) -> None:
    first = publish(home, plan(sources))
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 30), [town.ticket(1, status="closed")])
    second = publish(home, plan(sources))
    assert [info.is_current for info in release.listed(home / "releases") if info.id == second.id] == [True]
    release.switch(home / "releases", first.id)
    assert release.is_current(home / "releases", first.id)
    for wrong in ("nothing", "../releases", "current", ".building-x"):
        with pytest.raises(ReleaseError, match="remedy"):
            release.switch(home / "releases", wrong)


def test_pruning_spares_the_current_and_the_young(home: Path, sources: Sources) -> None:
    made = []
    for number in range(4):
        town.deliver(sources.lake, "ticket", dt.date(2026, 6, 10 + number), [town.ticket(500 + number)])
        made.append(publish(home, plan(sources)))
    releases = home / "releases"
    release.switch(releases, made[0].id)
    assert release.prune(releases, keep=1) == []
    assert sorted(release.prune(releases, keep=1, now=NOW)) == sorted(info.id for info in made[1:3])
    assert {info.id for info in release.listed(releases)} == {made[0].id, made[3].id}
    assert {path.name for path in releases.iterdir()} == {made[0].id, made[3].id, "current", "current.json"}


def test_a_release_without_links_is_found_by_current_json(home: Path, sources: Sources) -> None:
    info = publish(home, plan(sources))
    (home / "releases/current").unlink()
    assert release.current(home / "releases") == info.path


def test_no_release_yet_is_said_with_a_remedy(tmp_path: Path) -> None:
    assert release.current(tmp_path) is None
    assert release.listed(tmp_path / "nowhere") == []
    with pytest.raises(ReleaseError, match="govlake run"):
        release.show(tmp_path)


def test_a_required_feed_that_is_stale_stops_or_goes_on_as_the_district_says(home: Path, sources: Sources) -> None:
    late = Sources(sources.lake, sources.district, dt.datetime(2026, 12, 31))
    assert {state.feed: state.decision for state in release.staleness(late)}["ticket"] == "stop"
    with (
        pytest.raises(ReleaseBlocked, match="ticket: is required and is 185 days old"),
        release.begin(home / "releases", plan(late), pseudonym_fingerprint="f"),
    ):
        pass
    with pytest.raises(ReleaseBlocked) as blocked, release.begin(home / "releases", plan(late), pseudonym_fingerprint="f"):
        pass
    assert [(problem.kind, problem.severity, problem.message_zh[:6], bool(problem.remedy)) for problem in blocked.value.problems] == [
        ("feed_stale", "error", "ticket", True)
    ]
    feeds = {**sources.district.feeds, "ticket": sources.district.feeds["ticket"].model_copy(update={"when_missing": "go_on"})}
    going_on = Sources(sources.lake, sources.district.model_copy(update={"feeds": feeds}), late.as_of)
    info = publish(home, plan(going_on))
    assert {state["feed"]: state["decision"] for state in release.manifest_of(info.path)["feeds"]}["ticket"] == "go_on"
    assert "185 days old" in (info.path / "README.md").read_text()


def _changed(**more: object) -> dict[str, Table]:
    return TABLES | {"event.small": TABLES["event.small"].model_copy(update=more)}


K, STATUS = TABLES["event.small"].columns


@pytest.mark.parametrize(
    ("changed", "sql", "message"),
    [
        ({"columns": (K,)}, "SELECT record_key AS k FROM latest.ticket ORDER BY k", "column status would be gone"),
        (
            {"columns": (K, STATUS.model_copy(update={"type": "integer"}))},
            "SELECT record_key AS k, source_row AS status FROM latest.ticket ORDER BY k",
            "changes type from text to integer",
        ),
        (
            {"keys": ("status",)},
            "SELECT record_key AS k, COALESCE(status, '-') AS status FROM latest.ticket ORDER BY status",
            "keys change from k to status",
        ),
        ({"columns": (K, STATUS.model_copy(update={"unit": "day"}))}, None, "changes unit from none to day"),
    ],
)
def test_an_incompatible_contract_needs_a_new_major_version(
    home: Path, sources: Sources, changed: dict[str, object], sql: str | None, message: str
) -> None:
    publish(home, plan(sources))
    models = {"event__small": sql} if sql else {}
    with pytest.raises(ReleaseBlocked, match=f"event.small: .*{message}.*raise version to 2.0.0"):
        publish(home, plan(sources, _changed(**changed), **models))
    publish(home, plan(sources, _changed(version="2.0.0", **changed), **models))


def test_a_new_column_and_a_new_table_break_nobody(home: Path, sources: Sources) -> None:
    publish(home, plan(sources))
    wider = _changed(columns=(K, STATUS, Column(name="extra", title="e", title_zh="e")))
    publish(
        home,
        plan(
            sources,
            wider,
            event__small="SELECT record_key AS k, COALESCE(status, '-') AS status, channel AS extra FROM latest.ticket ORDER BY k",
        ),
    )


def test_a_table_that_would_be_gone_blocks(home: Path, sources: Sources) -> None:
    publish(home, plan(sources))
    (sources.lake.root.parent / "models/themes/event/small.sql").unlink()
    fewer = {name: contract for name, contract in TABLES.items() if name != "event.small"}
    planned = library.plan(sources, folder=sources.lake.root.parent / "models", tables=fewer)
    with pytest.raises(ReleaseBlocked, match=r"event\.small: the table would be gone"):
        publish(home, planned)


def test_a_personal_column_stops_the_build_at_the_gate(home: Path, sources: Sources) -> None:
    leaking = _changed(columns=(K, STATUS.model_copy(update={"classification": "personal"})))
    with pytest.raises(ReleaseBlocked, match=r"event\.small\.status is personal, which the internal audience may not see"):
        publish(home, plan(sources, leaking))
    assert release.current(home / "releases") is None


def test_nothing_personal_of_a_resident_is_in_internal_or_public(home: Path) -> None:
    """All models of the project, on rows whose name, phone and number are marked."""
    from governance import STEPS

    sources = town.town(home, tickets=0, people=0)
    marked = {
        "caller_name": "尉迟卯卯",
        "caller_phone": "13877766655",
        "body": "我叫尉迟卯卯，身份证号11010519491231002X，住甲园9栋8单元7766室",
        "address": "甲园9栋8单元7766室",
    }
    person = {
        "name": "尉迟卯卯",
        "phone": "13877766655",
        "id_number": "11010519491231002X",
        "id_kind": "resident_id",
        "address": "甲园9栋8单元7766室",
    }
    town.deliver(sources.lake, "ticket", dt.date(2026, 6, 29), [town.ticket(number, **marked) for number in range(5)])
    town.deliver(sources.lake, "household", dt.date(2026, 6, 2), [town.resident(number, **person) for number in range(5)])
    planned = library.plan(Sources(sources.lake, sources.district, sources.as_of), STEPS)
    with release.begin(home / "releases", planned, pseudonym_fingerprint="f") as building:
        info = building.finish()
    canaries = ("尉迟卯卯", "13877766655", "11010519491231002X", "7766室")
    for path in [*info.path.rglob("internal/*.duckdb"), *info.path.rglob("public/*.duckdb")]:
        with duckdb.connect(str(path), read_only=True) as connection:
            for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall():
                text = str(connection.sql(f'SELECT * FROM "{name}"').fetchall())
                assert not [canary for canary in canaries if canary in text], (path.name, name)
    for path in [*info.path.glob("*.*"), *info.path.rglob("contracts/**/*.*")]:
        if path.is_file():
            assert not [canary for canary in canaries if canary in path.read_text(encoding="utf-8")], path.name


def test_a_step_and_its_checks_share_the_writers_connection(home: Path, sources: Sources) -> None:
    step = PythonStep("subject.made", ("event.small",), lambda inputs, context: inputs["event.small"])
    folder = home / "models"
    for name, sql in MODELS.items():
        write(folder, name, sql)
    planned = library.plan(sources, [step], folder=folder, tables=TABLES | {"subject.made": table("subject.made", "k", "status")})
    with release.begin(home / "releases", planned, pseudonym_fingerprint="f") as building:
        assert building.connection.sql("SELECT count(*) FROM subject.made").fetchall() == [(40,)]
        assert building.connection.sql(f"SELECT count(*) FROM {building.address('person.secret')}").fetchall() == [(60,)]


@pytest.mark.slow
def test_libraries_and_parquet_open_in_duckdb_1_1(home: Path, sources: Sources) -> None:
    """An analyst's old client: DuckDB 1.1.3 in an environment of its own."""
    info = publish(home, plan(sources))
    python = home / "old/bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(home / "old")], check=True, capture_output=True)
    done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", "duckdb==1.1.3"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no package index is reachable, so no old client can be installed")
    script = f"""
import duckdb
assert duckdb.__version__ == "1.1.3"
connection = duckdb.connect()
for statement in open({str(info.path / "analyst.sql")!r}).read().split(";"):
    if statement.strip():
        connection.execute(statement)
print(connection.sql("SELECT count(*) FROM event.small").fetchall(), connection.sql("SELECT release_id FROM subject.release").fetchall())
print(connection.sql("SELECT count(*), sum(n) FROM '{info.path}/internal/subjects/monthly.parquet'").fetchall())
print(connection.sql("SELECT comment IS NOT NULL FROM duckdb_tables() WHERE table_name = 'small'").fetchall())
"""
    answer = subprocess.run([str(python), "-c", script], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""})
    assert answer.stdout.splitlines() == [
        f"[(40,)] [('{info.id}',)]",
        "[(7, Decimal('40'))]" if "Decimal" in answer.stdout else "[(7, 40)]",
        "[(True,)]",
    ]
