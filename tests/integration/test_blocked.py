"""A run that a check of severity error blocks: no release comes about, its check report is kept and named, and the next sound run clears it away."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from assets import libraries
from pipelines import job
from quality.checks import CheckResult


def district(folder: Path, **ticket: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "name": "town",
        "title": "Town",
        "title_zh": "某镇",
        "grammar": "mainland",
        "audiences": ["internal"],
        "feeds": {"ticket": ticket},
    }
    (folder / "district.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return folder


def with_a_failed_check(checks: Callable[..., list[CheckResult]]) -> Callable[..., list[CheckResult]]:
    def run_checks(*given: object, **options: object) -> list[CheckResult]:
        first, *others = checks(*given, **options)
        return [dataclasses.replace(first, passed=False, severity="error", violations=1), *others]

    return run_checks


def test_a_blocked_run_keeps_its_check_report_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    path = home / "landing/ticket/2024-04-01/t.csv"
    path.parent.mkdir(parents=True)
    path.write_text("工单编号,登记时间,诉求内容\nT1,2024-04-01 08:00,路灯不亮\n", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(libraries, "run_checks", with_a_failed_check(libraries.run_checks))
        said = job.run(home, district(tmp_path / "town"))
    assert said.status == "blocked"
    assert not (home / "releases" / "current").exists()
    kept = json.loads((home / "blocked/checks.json").read_text(encoding="utf-8"))
    assert [check["violations"] for check in kept if not check["passed"] and check["severity"] == "error"] == [1]
    assert (home / "blocked/checks.html").is_file()
    (error,) = (problem for problem in said.problems if problem.severity == "error")
    assert "blocked/checks.html" in error.remedy

    assert job.run(home, district(tmp_path / "town")).status == "released"
    assert not (home / "blocked").exists()
