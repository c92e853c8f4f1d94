"""Contracts end to end: what was built is what the contracts promise, in every library, Parquet file, lake table and check; and the test can fail."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import jsonschema
import polars as pl
import pytest
import yaml

import contracts
from assets.home import shipped_districts
from contracts.district import contract_of, load_district
from contracts.model import Feed, TableRule
from governance import STEPS
from pipelines import job
from quality.checks import CheckResult, rule_differences
from warehouse.agreement import lake_differences, release_differences
from warehouse.lake import Lake
from warehouse.library import bind_all

DISTRICT = load_district(shipped_districts()["demo"])
TABLES = contracts.tables()
KINDS = ("required", "code", "pattern", "min", "max", "max_length", "holds", "no_rows", "key", "unique", "reference")
"""Kinds of rules that a table's contract alone declares; the others come from the district's feeds."""


def feeds() -> dict[str, Feed]:
    return {name: contract_of(DISTRICT, name) for name in contracts.feeds()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, demo_deliveries: Path) -> Path:
    made = tmp_path_factory.mktemp("agreement") / "home"
    shutil.copytree(demo_deliveries, made / "landing")
    assert job.run(made, DISTRICT.folder).status == "released"
    return made


@pytest.fixture(scope="module")
def release(home: Path) -> Path:
    return (home / "releases" / "current").resolve()


@pytest.fixture(scope="module")
def results(release: Path) -> list[CheckResult]:
    listed = json.loads((release / "checks.json").read_text(encoding="utf-8"))
    return [CheckResult(**{**one, "examples": tuple(one["examples"])}) for one in listed]


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    """The release's folder as one may write to it."""
    target = tmp_path / release.name
    shutil.copytree(release, target, copy_function=shutil.copyfile)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def test_contract_sql_and_everything_built_agree(home: Path, release: Path, results: list[CheckResult]) -> None:
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    as_of = pl.Series([manifest["as_of"]]).str.to_datetime().dt.date()[0]
    assert bind_all(STEPS) == []
    assert release_differences(release, TABLES, DISTRICT.audiences) == []
    assert lake_differences(Lake(home / "lake"), feeds()) == []
    assert rule_differences(list(TABLES.values()), results, DISTRICT, as_of) == []


def test_every_feed_and_table_ships_as_a_valid_standard_contract(release: Path) -> None:
    package = Path(pytest.importorskip("open_data_contract_standard").__file__).parent
    validator = jsonschema.Draft201909Validator(json.loads((package / "schema.json").read_text(encoding="utf-8")))
    shipped = {f"{path.parent.name}.{path.name.removesuffix('.odcs.yaml')}": path for path in (release / "contracts").glob("*/*.odcs.yaml")}
    assert set(shipped) == set(TABLES) | {f"feed.{name}" for name in contracts.feeds()}
    wrong = [
        f"{name}: {error.message}"
        for name, path in shipped.items()
        for error in validator.iter_errors(yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    ]
    assert wrong == []


def _sql(*statements: str, library: str = "internal/event") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with duckdb.connect(str(folder / f"{library}.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)

    return change


def _parquet(select: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "internal" / "subjects" / "reconciliation.parquet"
        duckdb.sql(f"COPY (SELECT {select} FROM '{path}') TO '{path}.new' (FORMAT parquet)")
        Path(f"{path}.new").replace(path)

    return change


def _shipped(text: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "contracts" / "event" / "petition.json"
        said = path.read_text(encoding="utf-8")
        assert text in said
        path.write_text(said.replace(text, new), encoding="utf-8")

    return change


MUTATIONS: dict[str, tuple[Callable[[Path], None], str]] = {
    "column dropped": (_sql("ALTER TABLE petition DROP COLUMN community"), "event.petition.community: is promised and not built"),
    "column added": (_sql("ALTER TABLE petition ADD COLUMN extra VARCHAR"), "event.petition.extra: is built and in no contract"),
    "column renamed": (_sql("ALTER TABLE petition RENAME community TO village"), "event.petition.village: is built and in no contract"),
    "type changed": (
        _sql("ALTER TABLE petition ALTER community TYPE VARCHAR[] USING [community]"),
        "event.petition.community: is VARCHAR[]",
    ),
    "comment changed": (_sql("COMMENT ON COLUMN petition.community IS 'x'"), "event.petition.community: the comment"),
    "comment gone": (_sql("COMMENT ON COLUMN petition.community IS NULL"), "event.petition.community: the comment"),
    "table comment changed": (_sql("COMMENT ON TABLE petition IS 'x'"), "event.petition: the table's comment"),
    "may be null": (_sql("ALTER TABLE petition ALTER petition_no DROP NOT NULL"), "event.petition.petition_no: may be null"),
    "table gone": (_sql("DROP TABLE petition"), "table event.petition is promised and not built"),
    "table too many": (_sql("CREATE TABLE extra (x INTEGER)"), "table event.extra is built and in no contract"),
    "key repeats": (_sql("INSERT INTO petition SELECT * FROM petition LIMIT 1"), "event.petition: 1 rows share a key"),
    "public table gone": (
        _sql("DROP TABLE hot_topic", library="public/subject"),
        "public: table subject.hot_topic is promised and not built",
    ),
    "Parquet column gone": (_parquet("* EXCLUDE (bytes)"), "subjects/reconciliation.parquet: columns differ from the contract: bytes"),
    "Parquet type changed": (_parquet("* REPLACE (CAST(bytes AS DOUBLE) AS bytes)"), "reconciliation.parquet.bytes: is double"),
    "Parquet order changed": (_parquet("bytes, * EXCLUDE (bytes)"), "columns differ from the contract: their order"),
    "Parquet file gone": (
        lambda folder: (folder / "internal/subjects/reconciliation.parquet").unlink(),
        "subjects/reconciliation.parquet is promised",
    ),
    "shipped key changed": (_shipped('"keys": [', '"keys": [\n  "community",'), "event.petition: the shipped contract is another one"),
    "shipped contract gone": (lambda folder: (folder / "contracts/event/petition.json").unlink(), "event.petition is not shipped"),
    "shipped ODCS gone": (lambda folder: (folder / "contracts/event/petition.odcs.yaml").unlink(), "the ODCS form is not shipped"),
    "shipped ODCS changed": (
        lambda folder: (folder / "contracts/event/petition.odcs.yaml").write_text("apiVersion: v3.1.0\n", encoding="utf-8"),
        "the shipped ODCS form is another one",
    ),
}


@pytest.mark.parametrize(("change", "message"), MUTATIONS.values(), ids=MUTATIONS.keys())
def test_each_kind_of_difference_is_found(copy: Path, change: Callable[[Path], None], message: str) -> None:
    change(copy)
    found = release_differences(copy, TABLES, DISTRICT.audiences)
    assert any(message in text for text in found), found


def test_a_lake_table_that_differs_is_found(home: Path) -> None:
    lake, wanted = Lake(home / "lake"), feeds()
    ticket = wanted["ticket"]
    columns = [column.model_copy(update={"type": "integer"}) if column.name == "channel" else column for column in ticket.columns]
    added = ticket.columns[-1].model_copy(update={"name": "extra"})
    changed = wanted | {"ticket": ticket.model_copy(update={"columns": (*(one for one in columns if one.name != "flow"), added)})}
    assert lake_differences(lake, changed) == [
        "lake: clean/ticket.channel: is string, the contract says int64",
        "lake: clean/ticket.extra: is promised and not built",
        "lake: clean/ticket.flow: is built and in no contract",
    ]
    assert lake_differences(lake, {name: feed for name, feed in wanted.items() if name != "ticket"}) == ["lake: clean/ticket is of no feed"]


def test_a_rule_declared_and_not_run_or_run_and_not_declared_is_found(results: list[CheckResult]) -> None:
    listed = list(TABLES.values())
    sound = [one for one in results if one.kind in KINDS]
    assert rule_differences(listed, sound) == []
    for number in range(0, len(sound), 97):
        gone = sound[number]
        assert rule_differences(listed, sound[:number] + sound[number + 1 :]) == [f"{gone.table}: {gone.rule} is declared and was not run"]
    foreign = dataclasses.replace(sound[0], rule="invented")
    assert rule_differences(listed, [*sound, foreign]) == [f"{foreign.table}: invented was run and is declared nowhere"]
    added = TableRule(name="added", holds="true", message="m", message_zh="消息")
    changed = [
        table.model_copy(update={"rules": (*table.rules, added)}) if table.full_name == "event.ticket" else table for table in listed
    ]
    assert rule_differences(changed, sound) == ["event.ticket: added is declared and was not run"]
