"""The exported contracts are valid by the standard's own schema (shipped in open-data-contract-standard, MIT)."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest
import yaml

import contracts
from contracts.model import Contract
from contracts.odcs import odcs, odcs_yaml

ALL: dict[str, Contract] = {**contracts.tables(), **{f"feed.{name}": feed for name, feed in contracts.feeds().items()}}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft201909Validator:
    package = pytest.importorskip("open_data_contract_standard")
    return jsonschema.Draft201909Validator(json.loads((resources.files(package) / "schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_contract_is_valid_odcs(name: str, validator: jsonschema.Draft201909Validator) -> None:
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(yaml.safe_load(odcs_yaml(ALL[name])))]
    assert problems == []


def test_the_schema_refuses_what_is_no_contract(validator: jsonschema.Draft201909Validator) -> None:
    broken = odcs(ALL["event.ticket"]) | {"schema": [{"name": "x", "colums": []}]}
    assert list(validator.iter_errors(broken))


def test_nothing_that_the_contract_says_is_lost() -> None:
    table = contracts.tables()["event.ticket"]
    columns = {column["name"]: column for column in odcs(table)["schema"][0]["properties"]}
    assert list(columns) == [column.name for column in table.columns]
    for column in table.columns:
        made = columns[column.name]
        assert made["classification"] == column.classification
        assert made["required"] == column.required
        assert column.title_zh in made["description"]
        assert made.get("primaryKey", False) == (column.name in table.keys)
        if column.codes:
            assert made["quality"][0]["arguments"]["validValues"] == list(column.codes)
        if column.references:
            assert made["relationships"][0]["to"] == column.references.split(".", 1)[1]
    assert odcs_yaml(table) == odcs_yaml(table)
