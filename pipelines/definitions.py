"""Dagster's definitions, assembled explicitly: assets, the one job, schedule, sensor, resource.

Belongs here: what runs when. Not here: what an asset does (`assets`).
"""

from __future__ import annotations

import hashlib
import os

import dagster as dg

from assets import stages
from assets.home import HOME_VARIABLE, district_folder, open_home
from assets.run import Run
from assets.workplace import Workplace
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


definitions = dg.Definitions(
    assets=stages.ALL,
    jobs=[main_job],
    schedules=[nightly],
    sensors=[landing_sensor],
    resources={"run": Run()},
    executor=dg.in_process_executor,
)
