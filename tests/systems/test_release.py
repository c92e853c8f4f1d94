"""A whole release under each pack: checks and all, as `govlake run --district` makes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assets.home import shipped_districts
from pipelines import job

PACKS = ("baoan", "china_mobile", "dapeng", "futian", "guangming", "longgang", "longhua", "luohu", "nanshan", "shanghai", "yantian")


@pytest.mark.slow
@pytest.mark.parametrize("pack", PACKS)
def test_a_release_goes_out_under_the_pack(lake, shared: Path, tmp_path: Path, pack: str) -> None:
    home = tmp_path / "home"
    shutil.copytree(shared / "home", home)
    summary = job.run(home, shipped_districts()[pack])
    assert summary.status == "released"
    assert [problem for problem in summary.problems if problem.severity == "error"] == []
