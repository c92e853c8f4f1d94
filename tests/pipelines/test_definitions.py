"""Dagster's definitions: the asset graph, what each asset says of itself, sensor and schedule."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from assets.home import district_folder, open_home
from assets.workplace import Workplace
from pipelines import definitions as defined
from warehouse.privacy import KeyProblem

SNAPSHOT = Path(__file__).parent / "asset_keys.txt"


def _specs() -> list[dg.AssetSpec]:
    return list(defined.definitions.resolve_all_asset_specs())


def test_the_asset_graph_has_the_keys_of_the_snapshot() -> None:
    """A table that appears or vanishes is seen in review. To accept: write the keys below into asset_keys.txt."""
    keys = sorted(spec.key.to_user_string() for spec in _specs())
    assert keys == SNAPSHOT.read_text(encoding="utf-8").split()


@pytest.mark.parametrize("field", ["description", "owners", "kinds", "group_name"])
def test_every_asset_says_what_it_is_and_whose(field: str) -> None:
    assert [spec.key.to_user_string() for spec in _specs() if not getattr(spec, field)] == []


def test_every_table_shows_its_columns_with_meanings_in_both_languages() -> None:
    for spec in _specs():
        schema = spec.metadata.get("dagster/column_schema")
        if spec.key.path[0] not in ("raw", "addresses", "release"):
            assert schema is not None, spec.key
            assert all(" | " in column.description for column in schema.columns if column.description), spec.key


def test_the_job_covers_all_assets_in_one_process() -> None:
    job = defined.definitions.resolve_job_def(defined.JOB)
    assert job.executor_def.name == "in_process"
    assert set(job.asset_layer.executable_asset_keys) == {spec.key for spec in _specs()}


def test_the_sensor_asks_for_one_run_for_each_new_state_of_the_landing_folder(
    tmp_path: Path, demo_deliveries: Path, demo_district: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVLAKE_HOME", str(tmp_path / "home"))
    home = open_home()
    district_folder(home, demo_district)
    with dg.instance_for_test() as instance:
        nothing = defined.landing_sensor(dg.build_sensor_context(instance=instance))
        assert isinstance(nothing, dg.SkipReason)
        shutil.copytree(demo_deliveries / "facility", home.landing / "facility")
        first = defined.landing_sensor(dg.build_sensor_context(instance=instance))
        second = defined.landing_sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(first, dg.RunRequest)
    assert isinstance(second, dg.RunRequest)
    assert first.run_key == second.run_key, "Dagster starts one run for one key"


def test_a_home_that_lost_its_pseudonym_key_says_so_and_makes_no_new_one(
    tmp_path: Path, demo_district: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOVLAKE_PSEUDONYM_KEY", raising=False)
    workplace = Workplace.open(open_home(tmp_path / "home"), demo_district)
    workplace.lake.write("clean/ticket", pa.table({"record_key": ["A1"]}))
    with pytest.raises(KeyProblem, match=r"put keys/pseudonym\.key back"):
        _ = workplace.pseudonyms
    assert not (tmp_path / "home/keys/pseudonym.key").exists()


def test_the_nightly_run_looks_from_its_own_moment() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=dt.datetime(2024, 7, 1, 1, 0, tzinfo=dt.UTC))
    request = defined.nightly(context)
    assert isinstance(request, dg.RunRequest)
    assert request.run_config["resources"]["run"]["config"]["as_of"] == "2024-07-01T01:00:00"
