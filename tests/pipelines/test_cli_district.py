"""A new district works at once, and a check says every mistake with file, line and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.district import load_district
from pipelines.cli import app
from pipelines.commands.outcome import CommandFailed
from pipelines.home import shipped_districts


def call(*words: str) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.exception


@pytest.mark.parametrize("name", sorted(shipped_districts()))
def test_every_shipped_district_is_without_mistakes(name: str) -> None:
    code, said, _ = call("district", "check", name)
    assert code == 0, said


def test_a_new_district_passes_its_check_under_its_own_name(tmp_path: Path) -> None:
    assert call("district", "new", "mycity", "--into", str(tmp_path))[0] == 0
    assert load_district(tmp_path / "mycity").name == "mycity"
    assert call("district", "check", str(tmp_path / "mycity"))[0] == 0


@pytest.mark.parametrize("name", ["My City", "../x", "1a", "区"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    _, _, error = call("district", "new", name, "--into", str(tmp_path))
    assert isinstance(error, CommandFailed)
    assert error.code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_new_district_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mycity").mkdir()
    assert isinstance(call("district", "new", "mycity", "--into", str(tmp_path))[2], CommandFailed)


def test_the_check_says_each_mistake_with_file_line_and_remedy(tmp_path: Path) -> None:
    call("district", "new", "mycity", "--into", str(tmp_path))
    folder = tmp_path / "mycity"
    (folder / "department.csv").write_text("department_code,name\nA1,城管局\n", encoding="utf-8")
    (folder / "deadline.csv").write_text("kind,nothing\n", encoding="utf-8")
    (folder / "responsibility.csv").write_text(
        "category_1,category_2,category_3,street,department_code,valid_from\n市容,垃圾,暴露,*,ZZ9,2020-01-01\n", encoding="utf-8"
    )
    (folder / "holidays.csv").write_text("day\n", encoding="utf-8")
    code, said, _ = call("district", "check", str(folder))
    assert code == 1
    assert "deadline.csv:1:" in said
    assert "ZZ9" in said
    assert "holidays.csv" in said
    assert said.count("→") >= 3
    found = json.loads(call("district", "check", str(folder), "--json")[1])
    assert len(found["mistakes"]) >= 3


def test_a_mistake_in_district_yaml_is_told_by_its_line(tmp_path: Path) -> None:
    call("district", "new", "mycity", "--into", str(tmp_path))
    file = tmp_path / "mycity" / "district.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\nno_such_key: 1\n", encoding="utf-8")
    code, said, _ = call("district", "check", str(tmp_path / "mycity"))
    assert code == 1
    assert "district.yaml:" in said
    assert "no_such_key" in said


def test_a_folder_that_is_no_district_is_told_the_names_there_are() -> None:
    _, _, error = call("district", "check", "nowhere")
    assert isinstance(error, CommandFailed)
    assert "demo" in error.remedy
