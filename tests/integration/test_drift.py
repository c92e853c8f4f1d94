"""Feeds that change from one delivery to the next: each kind of change is an event in certificate, Dagster and `govlake status`; the policy says what it does."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from assets import cleaning, intake, ledger
from assets.books import books
from assets.home import open_home
from assets.workplace import Workplace
from contracts.delivery import DRIFT_KINDS, Certificate
from pipelines import job
from pipelines.cli import app
from quality.drift import KINDS
from warehouse.lake import Lake

ROWS = 120
HEADER = ("工单编号", "登记时间", "性质", "诉求内容")


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


def file(day: int, header: tuple[str, ...] = HEADER, **change: object) -> str:
    """A ticket file of one day; `change` gives a column's values by header, as a function of the row's number or as one value."""
    usual = {
        "工单编号": lambda n: f"T{day:02}{n:04}",
        "登记时间": lambda n: f"2024-03-01 08:{n % 60:02}",
        "性质": lambda n: ("投诉", "求助", "咨询")[n % 3],
        "诉求内容": lambda n: "路灯不亮",
        "问题描述": lambda n: "路灯不亮",
    }
    cells = {name: change.get(name, usual.get(name, "甲")) for name in header}
    lines = [",".join(str(value(n)) if callable(value) else str(value) for value in cells.values()) for n in range(ROWS)]
    return "\n".join([",".join(header), *lines, ""])


def deliver(home: Path, day: int, text: str) -> str:
    name = f"ticket/2024-04-{day:02}/t.csv"
    path = home / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


CHANGES = {
    3: (file(3, (*HEADER, "紧急程度")), {"column_new", "column_came"}),
    4: (file(4), {"column_gone"}),
    5: (file(5, ("工单编号", "登记时间", "性质", "问题描述")), {"column_renamed"}),
    6: (file(6, ("登记时间", "工单编号", "性质", "问题描述")), {"columns_reordered"}),
    7: (
        file(7, ("登记时间", "工单编号", "性质", "问题描述"), 性质=lambda n: "牢骚" if n < 9 else "投诉" if n % 3 else "求助"),
        {"codes_new"},
    ),
    8: (
        file(8, ("登记时间", "工单编号", "性质", "问题描述"), 登记时间=lambda n: "前天" if n < 100 else "2024-03-01"),
        {"type_changed"},
    ),
    9: (file(9, ("登记时间", "工单编号", "性质", "问题描述"), 性质="表扬"), {"distribution_changed"}),
    10: (file(10, ("登记时间", "工单编号", "诉求性质分类", "问题描述"), 诉求性质分类="投诉"), {"column_new", "column_renamed_maybe"}),
    11: (file(11, ("工单编号", "性质", "问题描述")), {"column_missing", "column_gone"}),
}
"""What changes on which day, and the kinds of events that must be told."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    for day in (1, 2):
        deliver(folder / "home", day, file(day))
    for day, (text, _) in CHANGES.items():
        deliver(folder / "home", day, text)
    done = job.run(folder / "home", district(folder / "town"))
    assert done.status == "released", [problem.message for problem in done.problems]
    return folder / "home"


def certificates(home: Path) -> dict[str, Certificate]:
    rows = ledger.current(Lake(home / "lake"), ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    return {row["delivery"]: Certificate.model_validate_json(row["certificate"]) for row in rows.iter_rows(named=True)}


@pytest.mark.parametrize("day", CHANGES)
def test_each_kind_of_change_stands_in_the_certificate(home: Path, day: int) -> None:
    found = certificates(home)[f"ticket/2024-04-{day:02}/t.csv"]
    assert CHANGES[day][1] <= {problem.kind for problem in found.drift}
    for problem in found.drift:
        assert problem.message.startswith(found.delivery)
        assert problem.remedy
        assert "牢骚" not in problem.message, "a value is named nowhere"


def test_a_delivery_that_did_not_change_says_nothing(home: Path) -> None:
    assert certificates(home)["ticket/2024-04-02/t.csv"].drift == ()


def test_each_kind_of_change_is_an_event_in_dagster(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    told: dict[str, str] = {}
    with dg.DagsterInstance.get() as instance:
        taken_in = instance.fetch_materializations(dg.AssetKey(["raw", "ticket"]), limit=100).records
        cleaned = instance.fetch_observations(dg.AssetKey(["clean", "ticket"]), limit=100).records
    for record in [*taken_in, *cleaned]:
        event = record.asset_materialization or record.asset_observation
        assert event is not None
        if "drift 变化" in event.metadata:
            name = str(event.metadata["delivery"].value)
            told[name] = told.get(name, "") + str(event.metadata["drift 变化"].value)
    for name, certificate in certificates(home).items():
        for problem in certificate.drift:
            assert problem.message in told[name]
    kinds = {
        kind for record in cleaned if record.asset_observation for kind in str(record.asset_observation.metadata["kinds"].value).split(", ")
    }
    assert kinds == {"codes_new", "type_changed", "distribution_changed", "column_renamed_maybe"}


def test_each_kind_of_change_of_the_last_days_is_told_by_status(home: Path) -> None:
    found = json.loads(CliRunner().invoke(app, ["status", "--home", str(home), "--json"]).output)
    (ticket,) = (feed for feed in found["feeds"] if feed["feed"] == "ticket")
    told = {(event["delivery"].split("/")[1][-2:], event["kind"]) for event in ticket["drift"]["events"]}
    assert {(f"{day:02}", kind) for day, (_, kinds) in CHANGES.items() for kind in kinds if day >= 4} <= told
    shown = CliRunner().invoke(app, ["status", "--home", str(home)], env={"COLUMNS": "200"}).output
    for kind in ("column_renamed", "columns_reordered", *KINDS):
        assert kind in shown


def test_every_kind_that_is_told_is_a_known_one(home: Path) -> None:
    assert {kind for _, kinds in CHANGES.values() for kind in kinds} <= DRIFT_KINDS
    assert set(KINDS) <= DRIFT_KINDS


def take_in(folder: Path, policy: str, *texts: str, **ticket: object) -> Workplace:
    """The stages intake and clean alone, under one policy."""
    for day, text in enumerate(texts, 1):
        deliver(folder / "home", day, text)
    workplace = Workplace.open(open_home(folder / "home"), district(folder / "town", drift=policy, **ticket))
    todo = intake.plan(workplace)
    intake.take_in(workplace, "ticket", intake.by_feed(todo.deliveries)["ticket"], todo.mtimes)
    cleaning.clean_feed(workplace, "ticket", cleaning.due(workplace).get("ticket", []))
    assert books(workplace.lake).balanced
    return workplace


def states(workplace: Workplace) -> list[str]:
    rows = ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    return rows.sort("day")["status"].to_list()


NEW_COLUMN = CHANGES[3][0]
GONE = file(2, HEADER[:3])
NEW_CODES = file(2, 性质=lambda n: "牢骚" if n < 9 else "投诉")
ANOTHER_TYPE = file(2, 登记时间=lambda n: "前天" if n < 100 else "2024-03-01")


def test_policy_accept_keeps_a_new_column_raw_and_goes_on(tmp_path: Path) -> None:
    workplace = take_in(tmp_path, "accept", file(1), NEW_COLUMN)
    assert states(workplace) == ["accepted", "accepted"]
    assert pl.DataFrame(workplace.lake.arrow("raw/ticket"))["紧急程度"].drop_nulls().to_list() == ["甲"] * ROWS
    assert {problem.severity for problem in workplace.log.problems} <= {"warn", "info"}


def test_policy_null_empties_a_new_column_and_goes_on(tmp_path: Path) -> None:
    workplace = take_in(tmp_path, "null", file(1), NEW_COLUMN)
    assert states(workplace) == ["accepted", "accepted"]
    assert pl.DataFrame(workplace.lake.arrow("raw/ticket"))["紧急程度"].drop_nulls().is_empty()


@pytest.mark.parametrize("changed", [NEW_COLUMN, GONE, NEW_CODES, ANOTHER_TYPE], ids=["new column", "column gone", "new codes", "type"])
def test_policy_stop_uses_no_row_of_a_delivery_that_changed_and_says_so(tmp_path: Path, changed: str) -> None:
    workplace = take_in(tmp_path, "stop", file(1), changed)
    assert states(workplace) == ["accepted", "stopped"]
    clean = pl.DataFrame(workplace.lake.arrow("clean/ticket", columns=["delivery"]))
    assert clean["delivery"].unique().to_list() == ["ticket/2024-04-01/t.csv"]
    (row,) = (
        row
        for row in ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA).iter_rows(named=True)
        if row["status"] == "stopped"
    )
    assert any(problem.severity == "error" and problem.remedy for problem in Certificate.model_validate_json(row["certificate"]).problems)


def test_policy_stop_takes_what_did_not_change(tmp_path: Path) -> None:
    assert states(take_in(tmp_path, "stop", file(1), file(2))) == ["accepted", "accepted"]


@pytest.mark.parametrize(("bad", "state"), [(12, "accepted"), (13, "stopped")])
def test_a_delivery_with_too_many_refused_rows_is_stopped_and_the_others_go_on(tmp_path: Path, bad: int, state: str) -> None:
    # Ten of a hundred and more than that: a row without its number or time is refused.
    workplace = take_in(tmp_path, "accept", file(1), file(2, 登记时间=lambda n: "" if n < bad else "2024-03-01"), max_refused_share=0.1)
    assert states(workplace) == ["accepted", state]
    told = [problem for problem in workplace.log.problems if problem.kind == "delivery_stopped"]
    assert [problem.severity for problem in told] == ["error"] * (state == "stopped")
    assert all("13 rows (11%)" in problem.message and "quarantine" in problem.remedy for problem in told)


def test_a_column_full_of_values_that_break_its_rule_is_told(tmp_path: Path) -> None:
    # Name and telephone exchanged by the export: no row is refused, and no telephone comes in.
    header = (*HEADER, "来电人", "联系电话")
    right = file(1, header, 来电人="某甲", 联系电话="13800000000")
    exchanged = file(2, header, 来电人="13800000000", 联系电话="某甲")
    workplace = take_in(tmp_path, "accept", right, exchanged)
    assert states(workplace) == ["accepted", "accepted"]
    told = [(problem.field, problem.count) for problem in workplace.log.problems if problem.kind == "values_broken"]
    assert told == [("caller_phone", ROWS)]
    assert not any("某甲" in problem.message for problem in workplace.log.problems)


def test_each_system_s_files_are_compared_with_its_own_earlier_ones(tmp_path: Path) -> None:
    one, other = file(1), file(2, ("登记时间", "工单编号", "性质", "问题描述"))
    for day, text in ((1, one), (2, one.replace("T01", "T02")), (3, one.replace("T01", "T03"))):
        deliver(tmp_path / "home", day, text)
        second = tmp_path / "home" / "landing" / f"ticket/2024-04-{day:02}/z_system_2_{day}.csv"
        second.write_text(other.replace("T02", f"U{day:02}"), encoding="gb18030")
    workplace = Workplace.open(open_home(tmp_path / "home"), district(tmp_path / "town"))
    todo = intake.plan(workplace)
    intake.take_in(workplace, "ticket", intake.by_feed(todo.deliveries)["ticket"], todo.mtimes)
    rows = ledger.current(workplace.lake, ledger.INTAKE, ledger.INTAKE_SCHEMA).filter(pl.col("day") > dt.date(2024, 4, 1))
    kinds = {problem.kind for text in rows["certificate"] for problem in Certificate.model_validate_json(text).problems}
    assert not kinds & {"column_renamed", "columns_reordered", "encoding_changed", "column_came", "column_gone"}
