"""The main job the way a user runs it: deliveries in a folder, one call, a release that can be queried."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from contracts import tables
from contracts.delivery import delivery_day
from pipelines import job


@pytest.fixture
def released(new_home: Callable[[str], Path], demo_district: Path) -> Path:
    home = new_home("home")
    summary = job.run(home, demo_district)
    assert summary.status == "released", [problem.message for problem in summary.problems]
    return home


def test_deliveries_become_a_release_with_every_table_and_a_second_run_has_nothing_to_do(released: Path, demo_district: Path) -> None:
    release = (released / "releases" / "current").resolve()
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["tables"]) >= {name for name, table in tables().items() if "internal" in table.audiences}
    with duckdb.connect(str(release / "internal" / "event.duckdb"), read_only=True) as event:
        rows, comment = event.execute("SELECT estimated_size, comment FROM duckdb_tables() WHERE table_name = 'ticket'").fetchone()  # type: ignore[misc]
    assert rows > 0
    assert "工单" in comment
    again = job.run(released, demo_district)
    assert again.status == "nothing_to_do"
    assert again.release == release.name


def test_every_row_read_is_accepted_or_refused(released: Path) -> None:
    release = (released / "releases" / "current").resolve()
    with duckdb.connect(str(release / "internal" / "subject.duckdb"), read_only=True) as subject:
        unbalanced = subject.execute("SELECT delivery FROM reconciliation WHERE rows_read <> rows_accepted + rows_refused").fetchall()
    assert unbalanced == []


def _contents(home: Path) -> dict[str, str]:
    """What a release says, by table and file: content hashes of libraries' tables and the bytes of Parquet files."""
    release = (home / "releases" / "current").resolve()
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    hashes = {name: entry["content_hash"] for name, entry in manifest["tables"].items()}
    return hashes | {name: entry["sha256"] for name, entry in manifest["files"].items() if name.endswith(".parquet")}


@pytest.mark.slow
def test_deliveries_in_any_order_one_by_one_or_at_once_give_the_same_bytes(
    new_home: Callable[[str], Path], demo_district: Path, demo_deliveries: Path, tmp_path: Path
) -> None:
    at_once = new_home("at_once")
    key = at_once / "keys"
    assert job.run(at_once, demo_district).status == "released"
    dates = sorted({folder.name for folder in demo_deliveries.glob("*/*")}, key=delivery_day)
    # Backwards in three portions: the last days first, so that registers and versions arrive late.
    step = max(1, len(dates) // 3)
    portions = [dates[-step:], dates[step:-step], dates[:step]]
    by_parts = tmp_path / "by_parts"
    shutil.copytree(key, by_parts / "keys")
    for portion in portions:
        for folder in sorted(demo_deliveries.glob("*/*")):
            if folder.name in portion:
                shutil.copytree(folder, by_parts / "landing" / folder.parent.name / folder.name)
        summary = job.run(by_parts, demo_district)
        assert summary.status == "released", [problem.message for problem in summary.problems]
    assert _contents(by_parts) == _contents(at_once)
