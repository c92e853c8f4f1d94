"""Dagster's definitions, assembled explicitly: assets, the one job, schedule, sensor, resource.

Belongs here: what runs when. Not here: what an asset does (`assets`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from pathlib import Path

import dagster as dg

from assets import stages
from assets.home import HOME_VARIABLE, district_folder, open_home
from assets.run import Run
from assets.workplace import Workplace
from contracts.district import load_district
from contracts.load import ContractError

JOB = "govlake"

main_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.assets(*stages.ALL),
    executor_def=dg.in_process_executor,
    description="Landing to release: take in, clean, link, build, check, publish. 从落地文件到发布：入湖、清洗、关联、建库、检查、发布。",
)


def _home_of_this_process() -> str:
    return os.environ.get(HOME_VARIABLE) or os.environ.get("DAGSTER_HOME", "")


@dg.schedule(job=main_job, cron_schedule="0 1 * * *", execution_timezone="Asia/Shanghai", description="Every night at 1. 每日凌晨一点。")
def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The nightly run looks from its own moment, so deadlines pass although nothing was delivered."""
    moment = context.scheduled_execution_time.replace(tzinfo=None, microsecond=0)
    return dg.RunRequest(
        run_key=f"nightly-{moment:%Y%m%d}",
        run_config={"resources": {"run": {"config": {"home": _home_of_this_process(), "as_of": moment.isoformat()}}}},
    )


@dg.sensor(
    job=main_job, minimum_interval_seconds=60, description="Starts a run when complete new files lie in landing. 落地文件夹有新文件时启动。"
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run for each new state of the landing folder; files that still grow are left for a later look."""
    from assets import intake

    home = open_home()
    try:
        workplace = Workplace.open(home, district_folder(home))
    except ContractError as error:
        return dg.SkipReason(str(error))
    todo = intake.plan(workplace)
    new = [*todo.deliveries, *todo.unchanged]
    if not new:
        return dg.SkipReason(f"nothing outstanding; {len(todo.waiting)} files are still being written")
    key = hashlib.sha256("".join(f"{delivery.id}:{delivery.sha256}" for delivery in new).encode()).hexdigest()[:16]
    return dg.RunRequest(run_key=key, run_config={"resources": {"run": {"config": {"home": str(home.path)}}}})


def _freshness() -> dict[str, dg.FreshnessPolicy]:
    """How old each asset may be, by the first part of its key or its whole key: deliveries as the home's district says, all that is made of them a day.

    A register that comes quarterly is no reason for an alarm every night; without a home there is no district to ask.
    """
    policies: dict[str, dg.FreshnessPolicy] = {}
    home = _home_of_this_process()
    if home:
        try:
            district = load_district(district_folder(open_home(Path(home))))
        except (ContractError, OSError):
            return {}
        for feed, mapping in district.feeds.items():
            if mapping.stale_after_days is not None:
                policies[f"raw/{feed}"] = dg.FreshnessPolicy.time_window(fail_window=dt.timedelta(days=mapping.stale_after_days + 1))
    return policies


_NIGHTLY = dg.FreshnessPolicy.time_window(fail_window=dt.timedelta(days=2), warn_window=dt.timedelta(hours=30))
"""For what every run makes: two nights missed is a failure."""


def _with_freshness(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    deliveries = _freshness()

    def policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.key.path[0] in ("raw", "clean"):
            found = deliveries.get(f"raw/{spec.key.path[-1]}")
            return dg.apply_freshness_policy(spec, found) if found else spec
        return dg.apply_freshness_policy(spec, _NIGHTLY)

    return [asset.map_asset_specs(policy) for asset in assets]


definitions = dg.Definitions(
    assets=_with_freshness(stages.ALL),
    jobs=[main_job],
    schedules=[nightly],
    sensors=[landing_sensor],
    resources={"run": Run()},
    executor=dg.in_process_executor,
)
