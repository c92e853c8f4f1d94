"""The catalogue of a release: its facts, gathered from the building, put into the release in all its forms.

Belongs here: gathering. Not here: the catalogue's shape (`publishing.catalogue`) and its standard forms. A catalogue that cannot be made
keeps no release back.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence

from assets.workplace import Workplace
from contracts.delivery import Problem
from contracts.load import feeds
from contracts.model import Audience
from publishing import catalogue, datapackage, dcat
from quality.checks import CheckResult
from warehouse.audience import for_audience
from warehouse.release import Building


def add(workplace: Workplace, building: Building, checks: Sequence[CheckResult]) -> Iterator[Problem]:
    """Put the catalogue into the release; gives what went wrong, nothing as a rule."""
    try:
        files = made(facts(workplace, building, checks))
    except Exception as error:
        if os.environ.get("GOVLAKE_DEBUG"):
            traceback.print_exc()
        yield _failed(error)
        return
    for path, content in files.items():
        building.add(path, content)


def made(known: catalogue.Facts) -> dict[str, str]:
    """The catalogue's files by their path in the release."""
    whole = catalogue.catalogue(known)
    files = {catalogue.FILE: catalogue.text_of(whole), f"{catalogue.FOLDER}/{dcat.FILE}": dcat.dcat(whole, up="../")}
    for audience in known.audiences:
        shown = {name: for_audience(table, audience) for name, table in known.tables.items() if audience in table.audiences}
        if shown:
            files[f"{audience}/{datapackage.FILE}"] = datapackage.datapackage(whole, shown, audience)
    if "public" in known.audiences:
        files[f"public/{dcat.FILE}"] = dcat.dcat(whole, up="../", audience="public")
    return files


def facts(workplace: Workplace, building: Building, checks: Sequence[CheckResult]) -> catalogue.Facts:
    """What the catalogue is made from."""
    plan = building.libraries.plan
    district = workplace.district
    audiences: tuple[Audience, ...] = district.audiences
    return catalogue.Facts(
        release=building.id,
        as_of=workplace.as_of,
        district={"name": district.name, "title": district.title, "title_zh": district.title_zh},
        audiences=audiences,
        small_group=district.small_group,
        tables={name: plan.tables[name] for name in building.tables},
        rows={name: built.rows for name, built in building.tables.items()},
        content={name: built.content_hash for name, built in building.tables.items()},
        inputs={model.name: model.inputs for model in plan.models},
        checks=checks,
        feeds=building.states,
        feed_titles={name: (feed.title, feed.title_zh) for name, feed in feeds().items()},
        protected={column.name for feed in feeds().values() for protection in feed.protect for column in protection.columns()},
        connection=building.connection,
        address=building.address,
        former=building.former,
        joins={name: feed.joins for name, feed in feeds().items() if feed.joins},
    )


def _failed(error: Exception) -> Problem:
    # An error's text may quote a value; its kind does not.
    return Problem(
        kind="catalogue_failed",
        severity="warn",
        message=f"the catalogue could not be made ({type(error).__name__}); the release goes out without it",
        message_zh=f"数据目录未能生成（{type(error).__name__}），发布照常进行",
        remedy="run again with GOVLAKE_DEBUG=1 after the next delivery to see the whole error, and report it",
        remedy_zh="下次交付后以 GOVLAKE_DEBUG=1 重新运行查看完整错误并报告",
    )
