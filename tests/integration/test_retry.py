"""`govlake quarantine retry`: what was refused comes in once contract, mapping, code list or file is mended; the rest stays; the books balance."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from assets import ledger, workplace
from assets.books import books
from contracts.district import contract_of
from contracts.model import Feed
from pipelines.cli import app
from pipelines.commands.outcome import CommandFailed, Exit
from quality.clean import REFUSED_SCHEMA
from warehouse.lake import Lake

FIRST = "ticket/2024-03-01/a.csv"
SECOND = "ticket/2024-03-02/b.csv"
OTHER = "hazard/2024-03-01/h.csv"


class Town:
    """A home with a district of its own, worked on with the command."""

    def __init__(self, folder: Path) -> None:
        self.home, self.district = folder / "home", folder / "town"
        self.district.mkdir(parents=True, exist_ok=True)
        self.mapping: dict[str, dict[str, object]] = {"ticket": {}, "hazard": {}}
        self.configure()

    def configure(self) -> None:
        data = {
            "name": "town",
            "title": "Town",
            "title_zh": "某镇",
            "grammar": "mainland",
            "audiences": ["internal"],
            "feeds": self.mapping,
        }
        (self.district / "district.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")

    def deliver(self, name: str, text: str) -> None:
        path = self.home / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def govlake(self, *words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*words, "--home", str(self.home)])
        assert done.exit_code == code, done.output + repr(done.exception)
        return done.output

    def retry(self, *words: str, code: int = 0) -> dict[str, dict[str, object]]:
        found = json.loads(self.govlake("quarantine", "retry", "--json", *words, code=code))
        assert found["gaps"] == []
        return {line["delivery"]: line for line in found["deliveries"]}

    @property
    def lake(self) -> Lake:
        return Lake(self.home / "lake")

    def clean(self, feed: str = "ticket") -> list[tuple[object, ...]]:
        rows = pl.DataFrame(self.lake.arrow(f"clean/{feed}")).sort("delivery", "source_row")
        return rows.select("delivery", "source_row", "record_key").rows()

    def refused(self, feed: str = "ticket") -> list[tuple[str, int, str]]:
        rows = pl.DataFrame(self.lake.arrow(f"quarantine/{feed}", columns=list(REFUSED_SCHEMA.names))).sort("delivery", "source_row")
        return rows.select("delivery", "source_row", "rules").rows()


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ticket files with a header nobody knows and one bad date, and hazards with a date in the future; run once."""
    folder = tmp_path_factory.mktemp("town")
    made = Town(folder)
    made.deliver(FIRST, "工单编号,报障时刻,性质\nT1,2024-02-28,投诉\nT2,2024-02-29,牢骚\nT3,昨天,投诉\n")
    made.deliver(SECOND, "工单编号,登记时间,性质\nT4,2024-03-01,投诉\n,2024-03-01,投诉\n")
    made.deliver(OTHER, "隐患编号,发现时间,隐患类型\nH1,2030-02-28,火灾\nH2,2024-02-28,火灾\n")
    made.govlake("run", "--district", str(made.district))
    assert [row[1] for row in made.refused()] == [2, 3, 4, 3]
    return folder


@pytest.fixture
def town(made_once: Path, tmp_path: Path) -> Town:
    """A copy of that home for one test."""
    shutil.copytree(made_once, tmp_path, symlinks=True, dirs_exist_ok=True)
    made = Town(tmp_path)
    (made.home / "district.txt").write_text(f"{made.district}\n", encoding="utf-8")
    return made


def test_a_mended_mapping_takes_rows_in_and_the_rest_stays_with_its_newest_rule(town: Town) -> None:
    assert {rules for _, _, rules in town.refused() if "created_at" in rules} == {"required:created_at"}
    town.mapping["ticket"] = {"headers": {"created_at": ["报障时刻"]}}
    town.configure()
    lines = town.retry("--feed", "ticket")
    assert (lines[FIRST]["refused_before"], lines[FIRST]["taken_in"], lines[FIRST]["refused"]) == (3, 2, 1)
    assert lines[FIRST]["rules"] == {"type:created_at": 1}
    assert (lines[SECOND]["taken_in"], lines[SECOND]["refused"]) == (0, 1)
    assert town.refused()[0] == (FIRST, 4, "type:created_at")
    assert [key for _, _, key in town.clean()] == ["T1", "T2", "T4"]
    assert OTHER not in lines
    before, release = town.clean(), json.loads(town.govlake("status", "--json"))["current"]
    again = town.retry("--feed", "ticket")
    assert again[FIRST]["taken_in"] == 0
    assert again[FIRST]["earlier"][1] == 2  # type: ignore[index]
    assert town.clean() == before
    assert json.loads(town.govlake("status", "--json"))["current"] == release


@pytest.mark.slow
def test_one_delivery_alone_can_be_tried_and_the_next_run_does_the_rest(town: Town) -> None:
    town.mapping["ticket"] = {"headers": {"created_at": ["报障时刻"]}, "codes": {"kind": {"complaint": ["牢骚"]}}}
    town.configure()
    lines = town.retry("--delivery", SECOND)
    assert set(lines) == {SECOND}
    assert [row[1] for row in town.refused() if row[0] == FIRST] == [2, 3, 4], "only what was named is tried"
    town.govlake("run")
    assert [row[1] for row in town.refused() if row[0] == FIRST] == [4]
    told = town.govlake("quarantine", "retry")
    assert "此前的运行已接收" in told or "此前已接收" in told
    assert "账目平衡" in told


@pytest.mark.slow
def test_a_mended_code_list_fills_values_that_were_emptied(town: Town) -> None:
    town.mapping["ticket"] = {"headers": {"created_at": ["报障时刻"]}}
    town.configure()
    assert town.retry()[FIRST]["emptied"] == 1
    town.mapping["ticket"]["codes"] = {"kind": {"complaint": ["牢骚"]}}
    town.configure()
    line = town.retry()[FIRST]
    assert (line["emptied_before"], line["emptied"], line["what"]) == (1, 0, "values taken in")


def test_a_corrected_file_of_the_same_name_replaces_the_former(town: Town) -> None:
    town.deliver(SECOND, "工单编号,登记时间,性质\nT4,2024-03-01,投诉\nT5,2024-03-01,投诉\n")
    lines = town.retry("--delivery", SECOND)
    assert lines[SECOND]["new_file"]
    assert lines[SECOND]["refused"] == 0
    assert [key for name, _, key in town.clean() if name == SECOND] == ["T4", "T5"]
    history = pl.DataFrame(town.lake.arrow(ledger.DELIVERIES)).filter(pl.col("delivery") == SECOND)
    assert sorted(history["version"]) == [1, 2]


def test_a_mended_contract_takes_rows_in(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def mended(district: object, feed: str) -> Feed:
        contract = contract_of(district, feed)  # type: ignore[arg-type]
        columns = (column.model_copy(update={"check": None}) if column.name == "found_at" else column for column in contract.columns)
        return contract.model_copy(update={"columns": tuple(columns)}) if feed == "hazard" else contract

    monkeypatch.setattr(workplace, "contract_of", mended)
    lines = town.retry("--feed", "hazard")
    assert (lines[OTHER]["taken_in"], lines[OTHER]["refused"], lines[OTHER]["what"]) == (1, 0, "all taken in")


@pytest.mark.slow
def test_an_unreadable_file_stays_named_until_it_is_mended(town: Town) -> None:
    name = "hazard/2024-03-02/h2.csv"
    town.deliver(name, "什么,都不是\n1,2\n")
    town.govlake("run")
    assert town.retry("--delivery", name)[name]["what"] == "still not taken in"
    town.deliver(name, "隐患编号,发现时间,隐患类型\nH9,2024-02-28,火灾\n")
    assert town.retry("--delivery", name)[name]["status"] == "accepted"
    assert books(town.lake).balanced


def test_an_unknown_delivery_is_said_to_be_unknown(town: Town) -> None:
    done = CliRunner().invoke(app, ["quarantine", "retry", "--delivery", "ticket/2024-03-01/nosuch.csv", "--home", str(town.home)])
    assert isinstance(done.exception, CommandFailed)
    assert done.exception.code == Exit.USAGE


def test_nothing_refused_is_said(tmp_path: Path) -> None:
    made = Town(tmp_path)
    made.deliver(SECOND, "工单编号,登记时间,性质\nT4,2024-03-01,投诉\n")
    made.govlake("run", "--district", str(made.district))
    assert "没有拒收的行" in made.govlake("quarantine", "retry")
