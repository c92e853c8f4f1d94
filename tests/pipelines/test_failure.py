"""A failing run says what and where, keeps the former release, and stores no value of a row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assets import cleaning
from pipelines import job

PLANTED = "18899990000"


def test_an_unforeseen_error_is_named_by_kind_and_place_and_its_text_is_stored_nowhere(
    new_home: Callable[[str], Path], demo_district: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError(f"cannot parse {PLANTED!r}")

    home = new_home("home")
    for feed in ("ticket", "address_register", "household"):
        for path in sorted((home / "landing" / feed).rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    monkeypatch.setattr(cleaning, "protect", broken)
    summary = job.run(home, demo_district)
    assert summary.status == "failed"
    assert "unexpected ValueError in assets/cleaning.py" in summary.problems[0].message
    assert not (home / "releases" / "current").exists()
    stored = [path for folder in ("storage", "history", "schedules", "logs") for path in (home / folder).rglob("*") if path.is_file()]
    assert stored
    assert [path.name for path in [*stored, home / "last_run.json"] if PLANTED.encode() in path.read_bytes()] == []
