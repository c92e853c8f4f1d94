"""A backup brings a home back as it was, and nothing damaged is ever put in place."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import stat
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.commands import backup
from pipelines.commands.outcome import CommandFailed
from warehouse.home import Home, HomeBusy


@pytest.fixture
def home(tmp_path: Path) -> Path:
    root = tmp_path / "home"
    for name, text in {
        "lake/raw/ticket/part-0.parquet": "rows",
        "lake/raw/ticket/_delta_log/00000000000000000000.json": "{}",
        "releases/r1/internal/event.duckdb": "library",
        "landing/ticket/2026-03-01/a.csv": "a\n1\n",
        "keys/pseudonym.key": "secret",
        "temporary/spill": "x",
        "addressing/index": "x",
        "district.txt": "demo",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "lake/empty").mkdir()
    (root / "releases/r1/internal/event.duckdb").chmod(0o444)
    (root / "releases/r1/restricted").mkdir(mode=0o700)
    (root / "releases/.building-r2").mkdir()
    (root / "releases/current").symlink_to("r1")
    (root / "keys").chmod(0o700)
    (root / "keys/pseudonym.key").chmod(0o600)
    (root / "history").mkdir()
    with sqlite3.connect(root / "history/runs.db") as made:
        made.execute("PRAGMA journal_mode = wal")
        made.execute("CREATE TABLE runs AS SELECT 7 AS n")
    return root


def call(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(app, list(arguments)).exception


def content(root: Path) -> dict[str, tuple[str, int]]:
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = (f"→ {os.readlink(path)}", 0)
        elif path.is_file() and not name.startswith("history") and path.suffix != ".lock":
            found[name] = (path.read_text(), stat.S_IMODE(path.stat().st_mode))
    return found


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_a_restored_home_holds_what_the_home_held(home: Path, tmp_path: Path, name: str) -> None:
    assert call("backup", str(tmp_path / name), "--home", str(home), "--with-keys", "--with-landing") is None
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert call("restore", str(tmp_path / name), "--home", str(tmp_path / "new")) is None
    left_out = ("temporary/", "addressing/")
    assert content(tmp_path / "new") == {name: value for name, value in content(home).items() if not name.startswith(left_out)}
    assert (tmp_path / "new/lake/empty").is_dir()
    assert stat.S_IMODE((tmp_path / "new/releases/r1/restricted").stat().st_mode) == 0o700
    assert not (tmp_path / "new/releases/.building-r2").exists()
    assert stat.S_IMODE((tmp_path / "new/keys").stat().st_mode) == 0o700
    with sqlite3.connect(tmp_path / "new/history/runs.db") as restored:
        assert restored.execute("SELECT n FROM runs").fetchall() == [(7,)]


def test_files_that_two_releases_share_come_back_in_both(home: Path, tmp_path: Path) -> None:
    shared = home / "releases/r2/internal/subjects/alert.parquet"
    shared.parent.mkdir(parents=True)
    shared.write_text("rows")
    os.link(shared, home / "releases/r1/internal/alert.parquet")
    assert call("backup", str(tmp_path / "b.tar.gz"), "--home", str(home)) is None
    assert call("restore", str(tmp_path / "b.tar.gz"), "--home", str(tmp_path / "other")) is None
    assert (tmp_path / "other/releases/r1/internal/alert.parquet").read_text() == "rows"
    assert (tmp_path / "other/releases/r2/internal/subjects/alert.parquet").read_text() == "rows"


def test_keys_and_deliveries_stay_out_unless_asked_for(home: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "b.tar"), "--home", str(home))
    with tarfile.open(tmp_path / "b.tar") as archive:
        names = archive.getnames()
    assert not [name for name in names if name.startswith(("keys", "landing"))]
    assert "lake/raw/ticket/part-0.parquet" in names


def test_a_home_that_is_in_use_is_not_overwritten_unless_forced(home: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "b.tar"), "--home", str(home))
    (home / "lake/raw/ticket/part-0.parquet").write_text("later")
    error = call("restore", str(tmp_path / "b.tar"), "--home", str(home))
    assert isinstance(error, CommandFailed)
    assert "--force" in error.remedy
    assert call("restore", str(tmp_path / "b.tar"), "--home", str(home), "--force") is None
    assert (home / "lake/raw/ticket/part-0.parquet").read_text() == "rows"
    # The key and the deliveries, which the backup does not hold, are those of the home; the former home stands beside it.
    assert (home / "keys/pseudonym.key").read_text() == "secret"
    assert (home / "landing/ticket/2026-03-01/a.csv").is_file()
    (former,) = tmp_path.glob("home.before-restore-*")
    assert (former / "lake/raw/ticket/part-0.parquet").read_text() == "later"


@pytest.mark.parametrize("damage", ["cut", "flipped", "not a tar"])
def test_a_damaged_backup_is_refused_and_nothing_is_put_in_place(home: Path, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "b.tar"
    call("backup", str(file), "--home", str(home))
    data = bytearray(file.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        at = data.index(b"library")
        data[at] ^= 1
    else:
        data = bytearray(b"nothing of the kind" * 100)
    file.write_bytes(data)
    error = call("restore", str(file), "--home", str(tmp_path / "new"))
    assert isinstance(error, CommandFailed)
    assert isinstance(call("restore", str(file), "--check"), CommandFailed)
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("home", "b.tar")] == []


@pytest.mark.parametrize("member", ["../out", "/out", "lake/../../out"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, member: str) -> None:
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        info = tarfile.TarInfo(member)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(CommandFailed, match="leads out"):
        backup.restore(tmp_path / "b.tar", tmp_path / "inner/new", force=False, check=False)
    assert not (tmp_path / "out").exists()


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        info = tarfile.TarInfo("lake")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(info)
    with pytest.raises(CommandFailed, match="leads out"):
        backup.restore(tmp_path / "b.tar", tmp_path / "new", force=False, check=False)


def test_a_backup_waits_for_no_one_when_told_so(home: Path, tmp_path: Path) -> None:
    with Home(home).locked():
        assert isinstance(call("backup", str(tmp_path / "b.tar"), "--home", str(home), "--no-wait"), HomeBusy)
    assert not (tmp_path / "b.tar").exists()


def test_a_backup_is_never_overwritten_nor_put_into_its_home(home: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("")
    assert isinstance(call("backup", str(tmp_path / "b.tar"), "--home", str(home)), CommandFailed)
    assert isinstance(call("backup", str(home / "b.tar"), "--home", str(home)), CommandFailed)


def test_the_manifest_names_every_file_with_its_checksum(home: Path, tmp_path: Path) -> None:
    call("backup", str(tmp_path / "b.tar"), "--home", str(home))
    with tarfile.open(tmp_path / "b.tar") as archive:
        assert archive.getnames()[-1] == backup.MANIFEST
        member = archive.extractfile(backup.MANIFEST)
        assert member is not None
        manifest = json.load(member)
        assert {entry["path"] for entry in manifest["files"]} == set(archive.getnames()) - {backup.MANIFEST}
    assert manifest["current"] == "r1"
    assert all(len(entry["sha256"]) == 64 for entry in manifest["files"] if "bytes" in entry)
