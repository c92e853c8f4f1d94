"""Stage 4 and 5: the theme libraries and subject tables, their checks, and the release that makes them visible.

Belongs here: the order build → check → report → finish → switch, and the run's summary. Not here: how a table is built
(`warehouse.library`), checked (`quality.checks`) or published (`warehouse.release`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl
import psutil

from assets import catalogue, ledger, sharing, site
from assets.books import books
from assets.summary import FeedLine, LinkLine, RunSummary, ShareLine, TableLine
from assets.workplace import Workplace
from contracts.delivery import Problem
from contracts.load import tables
from governance import STEPS
from quality.books import check as books_check
from quality.check_report import report_html, report_json
from quality.checks import BOOKS, CheckResult, rule_differences, run_checks
from quality.drift import DISTRIBUTION_SCHEMA
from warehouse import library, release

MEMORY_SHARE = 0.4
"""The part of the machine's memory that DuckDB may take before it spills; the rest is for Arrow and the other stages."""
MEMORY_MOST = 4 * 1024**3


@dataclass
class Outcome:
    """What building and publishing gave, for Dagster and the summary."""

    release_id: str
    path: Path | None = None
    built: list[TableLine] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    links: list[LinkLine] = field(default_factory=list)
    shares: list[ShareLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def blocked(self) -> bool:
        return self.path is None


def _plan(workplace: Workplace) -> library.Plan:
    return library.plan(library.Sources(workplace.lake, workplace.district, workplace.as_of), STEPS)


def current_release(workplace: Workplace) -> Path | None:
    """The folder of the current release, its real path."""
    return release.current(workplace.home.releases)


def is_current(workplace: Workplace) -> bool:
    """True where the current release is the one that a run would make now."""
    if not workplace.lake.exists(ledger.DELIVERIES):
        return False
    identity = release.release_id(_plan(workplace), workplace.pseudonyms.fingerprint)
    return release.is_current(workplace.home.releases, identity)


def memory_limit() -> str:
    """DuckDB's memory limit for this machine, as its setting takes it; GOVLAKE_MEMORY_LIMIT overrides."""
    given = os.environ.get("GOVLAKE_MEMORY_LIMIT")
    return given or f"{min(int(psutil.virtual_memory().total * MEMORY_SHARE), MEMORY_MOST) // 1024**2}MB"


def publish(workplace: Workplace) -> Outcome:
    """Build every table, check all of them, and switch to the new release if nothing blocks it.

    A check of severity error, a required feed that the district says to stop for, a column that an audience may not see and an
    incompatible contract all block: the former release stays current and nothing of the new one is visible.
    """
    plan = _plan(workplace)
    identity = release.release_id(plan, workplace.pseudonyms.fingerprint)
    outcome = Outcome(identity)
    if release.exists(workplace.home.releases, identity):
        outcome.path = release.switch(workplace.home.releases, identity)
        shutil.rmtree(workplace.home.blocked, ignore_errors=True)
        _deliver(workplace, outcome)
        return outcome
    total = len(plan.models)
    done = 0

    def built(name: str, rows: int, seconds: float) -> None:
        nonlocal done
        done += 1
        workplace.progress("tables", name, done, total)

    try:
        with release.begin(
            workplace.home.releases,
            plan,
            pseudonym_fingerprint=workplace.pseudonyms.fingerprint,
            memory_limit=memory_limit(),
            temporary=workplace.home.temporary,
            on_table=built,
        ) as building:
            outcome.built = [
                TableLine(table=one.name, title_zh=tables()[one.name].title_zh, rows=one.rows, seconds=one.seconds, reused=one.reused)
                for one in building.tables.values()
            ]
            outcome.links = _links(building.connection, building.address("subject.address_quality"))
            workplace.progress("checks", "all tables", 0, 1)
            listed = [tables()[name] for name in building.tables]
            as_of = workplace.as_of.date()
            outcome.checks = run_checks(
                building.connection,
                listed,
                name=building.address,
                district=workplace.district,
                as_of=as_of,
                distributions=workplace.lake.relation(ledger.DISTRIBUTIONS, DISTRIBUTION_SCHEMA),
            )
            outcome.checks.append(books_check(books(workplace.lake)))
            outcome.problems += _not_run(rule_differences(listed, outcome.checks, workplace.district, as_of))
            workplace.progress("checks", "all tables", 1, 1)
            reports = {"checks.json": report_json(outcome.checks), "checks.html": _report(workplace, building, outcome.checks)}
            outcome.problems += _failed(outcome.checks)
            if any(problem.severity == "error" for problem in outcome.problems):
                _keep_reports(workplace.home.blocked, reports)
                return outcome
            for name, report in reports.items():
                building.add(name, report)
            outcome.problems += catalogue.add(workplace, building, outcome.checks)
            outcome.problems += site.add(workplace, building, outcome.checks)
            info = building.finish()
    except release.ReleaseBlocked as blocked:
        outcome.problems += blocked.problems
        return outcome
    outcome.path = release.switch(workplace.home.releases, info.id)
    shutil.rmtree(workplace.home.blocked, ignore_errors=True)
    _deliver(workplace, outcome)
    release.prune(workplace.home.releases, workplace.district.retention.releases)
    return outcome


def _deliver(workplace: Workplace, outcome: Outcome) -> None:
    """Subscribers get their shares after the switch: the release is out whatever becomes of them."""
    assert outcome.path is not None
    workplace.progress("shares", "", 0, 1)
    delivered, problems = sharing.deliver_after_release(workplace, outcome.path, memory_limit())
    outcome.shares += delivered
    outcome.problems += problems
    workplace.progress("shares", "", 1, 1)


def _report(workplace: Workplace, building: release.Building, checks: list[CheckResult]) -> str:
    rows = building.connection.sql(f"SELECT * FROM {building.address(BOOKS)} ORDER BY feed, delivery, version").to_arrow_table().to_pylist()
    return report_html(checks, title=workplace.district.title, title_zh=workplace.district.title_zh, books=rows)


def _keep_reports(folder: Path, reports: Mapping[str, str]) -> None:
    """The check reports of a run that makes no release, in place of the former such run's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o750)
    for name, report in reports.items():
        (folder / name).write_text(report, encoding="utf-8")


def _not_run(differences: Iterable[str]) -> Iterator[Problem]:
    for difference in differences:
        yield Problem(
            kind="check_missing",
            severity="error",
            message=difference,
            message_zh=f"{difference}（契约声明的规则与执行的规则不符）",
            remedy="this is a mistake in govlake or in a contract: report it",
            remedy_zh="这是程序或契约的错误，请上报",
        )


_WHERE = {
    "error": ("blocked/checks.html in the home", "工作目录中的 blocked/checks.html"),
    "warn": ("checks.html of the release", "发布中的 checks.html"),
}
"""Where the check report lies: a failed check of severity error lets no release come about."""


def _failed(checks: Iterable[CheckResult]) -> Iterator[Problem]:
    for check in checks:
        if not check.passed:
            yield Problem(
                kind="check_failed",
                severity=check.severity,
                message=f"{check.table}: {check.rule}: {check.violations} of {check.rows_checked} rows: {check.message}",
                message_zh=f"{check.table}：{check.rule}：{check.rows_checked} 行中有 {check.violations} 行：{check.message_zh}",
                remedy=f"look at {_WHERE[check.severity][0]}, or at the asset's checks in Dagster",
                remedy_zh=f"请查看{_WHERE[check.severity][1]}，或 Dagster 中该资产的检查结果",
                count=check.violations,
            )


def _links(connection: duckdb.DuckDBPyConnection, quality: str) -> list[LinkLine]:
    rows = connection.execute(
        f"SELECT feed, link_outcome, address_level, sum(records)::BIGINT FROM {quality} GROUP BY ALL ORDER BY feed, 4 DESC, 2, 3"
    ).fetchall()
    return [LinkLine(feed=feed, outcome=outcome, level=None if level == "-" else level, rows=count) for feed, outcome, level, count in rows]


def feed_lines(workplace: Workplace) -> tuple[FeedLine, ...]:
    """Every delivered feed with what its deliveries' current versions brought."""
    done = ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    counts = ("rows_read", "rows_malformed", "rows_refused", "rows_accepted", "rows_repeated")
    summed = done.group_by("feed").agg(pl.len().alias("deliveries"), *(pl.col(name).fill_null(0).sum() for name in counts)).sort("feed")
    return tuple(FeedLine(title_zh=workplace.contracts[row["feed"]].title_zh, **row) for row in summed.iter_rows(named=True))


def summary(workplace: Workplace, outcome: Outcome, run_id: str, started_at: object, seconds: float) -> RunSummary:
    """The run in numbers."""
    failed = [check for check in outcome.checks if not check.passed]
    return RunSummary(
        status="blocked" if outcome.blocked else "released",
        district=workplace.district.name,
        home=workplace.home.path,
        run_id=run_id,
        started_at=started_at,  # type: ignore[arg-type]
        seconds=seconds,
        as_of=workplace.as_of,
        release=outcome.release_id if outcome.path else None,
        release_path=outcome.path,
        feeds=feed_lines(workplace),
        links=tuple(outcome.links),
        tables=tuple(outcome.built),
        checks_passed=len(outcome.checks) - len(failed),
        checks_warned=sum(check.severity == "warn" for check in failed),
        checks_failed=sum(check.severity == "error" for check in failed),
        shares=tuple(outcome.shares),
        problems=(*workplace.log.problems, *outcome.problems),
        waiting=tuple(workplace.log.waiting),
    )
