"""The catalogue of a real release: complete, about nobody, and valid in each of its standard forms by that standard's own validator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

import contracts
from publishing import catalogue

SHAPES = Path(__file__).parent / "dcat_shapes.ttl"


@pytest.fixture(scope="module")
def made(demo_release: Path) -> dict[str, Any]:
    found = catalogue.read(demo_release)
    assert found is not None
    return found


def test_every_published_table_is_there_with_steward_meaning_freshness_and_score(made: dict[str, Any], demo_release: Path) -> None:
    manifest = json.loads((demo_release / "manifest.json").read_text(encoding="utf-8"))
    assert set(made["tables"]) == set(manifest["tables"]) == set(contracts.tables())
    for name, entry in made["tables"].items():
        assert entry["steward"], name
        assert entry["title"], name
        assert entry["title_zh"], name
        assert entry["rows"] == manifest["tables"][name]["rows"], name
        assert entry["files"], name
        assert entry["history"][-1]["release"] == demo_release.name, name
        assert entry["score"]["rules"] > 0, name
        assert {column["name"] for column in entry["columns"]} == {column.name for column in contracts.tables()[name].columns}


def test_files_that_it_names_are_there(made: dict[str, Any], demo_release: Path) -> None:
    assert all((demo_release / file["path"]).is_file() for entry in made["tables"].values() for file in entry["files"])


def test_a_table_goes_back_to_its_feeds(made: dict[str, Any]) -> None:
    feeds = {feed["feed"] for feed in made["tables"]["subject.community_monthly_effect"]["freshness"]["feeds"]}
    assert {"ticket", "petition", "grid_event", "hazard", "satisfaction", "address_register"} <= feeds


def test_no_sample_is_anybodys_row(made: dict[str, Any], demo_release: Path) -> None:
    """Every value shown stands in at least as many rows as the smallest group, and no column that stands in for a personal one is shown."""
    protected = {column.name for feed in contracts.feeds().values() for protection in feed.protect for column in protection.columns()}
    with duckdb.connect() as connection:
        for path in (demo_release / "internal").glob("*.duckdb"):
            connection.execute(f"ATTACH '{path}' AS {path.stem} (READ_ONLY)")
        for name, entry in made["tables"].items():
            assert "restricted" not in (entry["sample"] or {})
            sample = (entry["sample"] or {}).get("internal")
            if sample:
                assert not protected & set(sample["columns"]), name
                for place, column in enumerate(sample["columns"]):
                    for value in {json.dumps(row[place]) for row in sample["rows"]} - {"null"}:
                        count = connection.execute(
                            f'SELECT count(*) FROM {name} WHERE "{column}"::VARCHAR = ?', [str(json.loads(value))]
                        ).fetchall()
                        assert count[0][0] >= 5 or json.loads(value) in (True, False), (name, column)


def test_history_tells_a_new_column_and_nothing_where_nothing_changed() -> None:
    table = contracts.tables()["subject.alert"]
    entry = {
        "content": "c1", "version": "1.0.0", "history": [{"release": "r1", "as_of": "x", "version": "1.0.0", "rows": 1, "added": [], "removed": [],
        "retyped": []}], "columns": [{"name": column.name, "type": column.type} for column in table.columns],
    }  # fmt: skip
    facts = _facts("c1")
    assert len(catalogue._history(table, facts, {**entry})) == 1
    fewer = {**entry, "columns": entry["columns"][1:]}
    assert catalogue._history(table, facts, fewer)[-1]["added"] == [table.columns[0].name]
    assert len(catalogue._history(table, _facts("c2"), {**entry})) == 2


def _facts(content: str) -> Any:
    import datetime as dt
    from types import SimpleNamespace

    return SimpleNamespace(release="r2", as_of=dt.datetime(2024, 6, 30), rows={"subject.alert": 2}, content={"subject.alert": content})


@pytest.mark.parametrize("words", [["信访"], ["信訪"], ["PETITION"], ["petition_no"], ["满意", "评价"]])
def test_search_finds_by_either_language_script_and_case(made: dict[str, Any], words: list[str]) -> None:
    assert catalogue.search(made, words)


def test_search_without_a_hit_is_empty(made: dict[str, Any]) -> None:
    assert catalogue.search(made, ["不存在的词语"]) == []
    assert catalogue.search(made, [" "]) == []


@pytest.mark.parametrize("path", ["catalogue/dcat.jsonld", "public/dcat.jsonld"])
def test_dcat_is_valid_by_shacl(demo_release: Path, path: str) -> None:
    import pyshacl
    import rdflib

    graph = rdflib.Graph().parse(demo_release / path, format="json-ld")
    datasets = set(graph.subjects(rdflib.RDF.type, rdflib.DCAT.Dataset))
    assert len(datasets) > 5
    conforms, _, report = pyshacl.validate(graph, shacl_graph=rdflib.Graph().parse(SHAPES))
    assert conforms, report


def test_the_shapes_refuse_a_dataset_without_a_title(demo_release: Path) -> None:
    import pyshacl
    import rdflib

    graph = rdflib.Graph().parse(demo_release / "catalogue" / "dcat.jsonld", format="json-ld")
    graph.remove((next(graph.subjects(rdflib.RDF.type, rdflib.DCAT.Dataset)), rdflib.DCTERMS.title, None))
    assert not pyshacl.validate(graph, shacl_graph=rdflib.Graph().parse(SHAPES))[0]


@pytest.mark.parametrize("audience", ["internal", "public"])
def test_the_data_package_is_valid_by_frictionless(demo_release: Path, audience: str) -> None:
    script = (
        "import sys, frictionless\n"
        "report = frictionless.validate(sys.argv[1], limit_rows=300)\n"
        "print(report.valid, report.stats['tasks']); print([error.note for task in report.tasks for error in task.errors][:3], report.errors[:3])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "datapackage.json"], cwd=demo_release / audience, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("True"), done.stdout + done.stderr


def test_frictionless_refuses_a_package_whose_rows_are_not_as_it_says(demo_release: Path, tmp_path: Path) -> None:
    import shutil

    package = json.loads((demo_release / "internal" / "datapackage.json").read_text(encoding="utf-8"))
    (resource,) = [one for one in package["resources"] if one["name"] == "subject-community-monthly-effect"]
    shutil.copy(demo_release / "internal" / resource["path"], tmp_path / "rows.parquet")
    resource["path"] = "rows.parquet"
    next(field for field in resource["schema"]["fields"] if field["name"] == "community_key")["type"] = "date"
    (tmp_path / "datapackage.json").write_text(json.dumps({"name": "x", "resources": [resource]}), encoding="utf-8")
    script = "import frictionless; print(frictionless.validate('datapackage.json').valid)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_the_contracts_of_a_release_are_valid_by_the_schema_of_odcs(demo_release: Path) -> None:
    from importlib import resources

    import jsonschema
    import open_data_contract_standard
    import yaml

    schema = json.loads((resources.files(open_data_contract_standard) / "schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft201909Validator(schema)
    paths = sorted((demo_release / "contracts").rglob("*.odcs.yaml"))
    assert {f"{path.parent.name}.{path.name.removesuffix('.odcs.yaml')}" for path in paths} >= set(contracts.tables())
    for path in paths:
        assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))] == [], path.name


def test_the_public_forms_name_no_table_or_column_that_is_not_public(demo_release: Path) -> None:
    package = json.loads((demo_release / "public" / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        for field in resource.get("schema", {}).get("fields", []):
            theme, _, name = resource["name"].partition("-")
            table = contracts.tables()[f"{theme}.{name.replace('-', '_')}"]
            assert table.column(field["name"]).classification == "public"
