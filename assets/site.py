"""The site of a release: its facts, gathered from the building, the lake and the ledger, one set for each audience that has a site.

Belongs here: gathering. Not here: pages and pictures (`publishing.site`). The pages must not keep a release back: what goes wrong with them is
a problem of the run, and the release goes out without them.
"""

from __future__ import annotations

import os
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import contracts
from addressing.reasons import SENTENCES
from assets import ledger
from assets.workplace import Workplace
from contracts.delivery import Certificate, Problem
from contracts.model import Audience
from publishing.site.facts import Facts, Refusal
from quality.checks import CheckResult
from warehouse.audience import for_audience
from warehouse.release import Building

AUDIENCES: tuple[Audience, ...] = ("internal", "public")
FOLDER = "site"


def add(workplace: Workplace, building: Building, checks: Sequence[CheckResult]) -> Iterator[Problem]:
    """Put the site into the release, for every audience that the district has; gives what went wrong, nothing as a rule."""
    # Altair and vl-convert are imported here only: a run that finds nothing to do needs neither.
    from publishing.site.pages import build

    workplace.progress("site", "", 0, 1)
    for audience in AUDIENCES:
        if audience in workplace.district.audiences:
            try:
                files = build(facts(workplace, building, checks, audience))
            except Exception as error:
                if os.environ.get("GOVLAKE_DEBUG"):
                    traceback.print_exc()
                yield _failed(audience, error)
                continue
            for path, content in files.items():
                building.add(f"{audience}/{FOLDER}/{path}", content)
    workplace.progress("site", "", 1, 1)


def _failed(audience: str, error: Exception) -> Problem:
    # An error's text may quote a value; its kind does not.
    return Problem(
        kind="site_failed",
        severity="warn",
        message=f"the {audience} site could not be made ({type(error).__name__}); the release goes out without it",
        message_zh=f"{audience} 站点未能生成（{type(error).__name__}），发布照常进行",
        remedy="run again with GOVLAKE_DEBUG=1 after the next delivery to see the whole error, and report it",
        remedy_zh="下次交付后以 GOVLAKE_DEBUG=1 重新运行查看完整错误并报告",
    )


def facts(workplace: Workplace, building: Building, checks: Sequence[CheckResult], audience: Audience) -> Facts:
    """What an audience may see of the release that is being built. The public's numbers come from its own extracts."""
    plan = building.libraries.plan
    public = audience == "public"
    if public:
        building.share()
    tables = {
        name: for_audience(table, audience) if public else table
        for name, table in plan.tables.items()
        if not public or audience in table.audiences
    }
    return Facts(
        release=building.id,
        as_of=workplace.as_of,
        district=workplace.district,
        audience=audience,
        connection=building.connection,
        address=(lambda name: f"public_{name}") if public else building.address,
        whole_address=building.address if public else None,
        tables=tables,
        rows={name: _public_rows(building, name) if public else built.rows for name, built in building.tables.items() if name in tables},
        feeds=workplace.contracts,
        settings=contracts.settings(),
        lineage=building.lineage,
        models={} if public else {model.name: model for model in plan.models if not model.step},
        headers_seen=_headers_seen(workplace),
        states=building.states,
        checks=checks,
        refusals=() if public else tuple(_refusals(workplace, building)),
        problems=() if public else tuple(_noticed(workplace)),
        reasons=SENTENCES,
    )


def _public_rows(building: Building, name: str) -> int:
    """Rows of a table's public extract, which lacks the ranks of small groups."""
    return int(building.connection.sql(f"SELECT count(*) FROM public_{name}").fetchall()[0][0])


def _certificates(workplace: Workplace) -> Iterator[tuple[str, Certificate]]:
    """Every delivery's latest certificate, oldest delivery first."""
    done = ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA).sort("day", "delivery")
    for delivery, text in done.select("delivery", "certificate").iter_rows():
        if text:
            yield delivery, Certificate.model_validate_json(text)


def _headers_seen(workplace: Workplace) -> dict[str, dict[str, list[str]]]:
    """Feed → contract column → the headers that brought it, the newest delivery's first."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for delivery, certificate in reversed(list(_certificates(workplace))):
        for header, column in certificate.columns.items():
            known = found[delivery.partition("/")[0]][column or ""]
            if column and header not in known:
                known.append(header)
    return {feed: dict(columns) for feed, columns in found.items()}


def _noticed(workplace: Workplace) -> Iterator[tuple[str, Problem]]:
    for delivery, certificate in _certificates(workplace):
        yield from ((delivery, problem) for problem in certificate.problems)


_MOST_REFUSALS = 60


def _refusals(workplace: Workplace, building: Building) -> Iterable[Refusal]:
    """Refused rows counted by feed, field and rule, most first; no value of any row is read."""
    lake = workplace.lake
    parts = [
        f"SELECT '{feed}' AS feed, rule, coalesce(field, '') AS field, delivery, message, message_zh FROM {lake.relation(f'quarantine/{feed}')}"
        for feed in workplace.contracts
        if lake.exists(f"quarantine/{feed}") and lake.count(f"quarantine/{feed}")
    ]
    if not parts:
        return
    cursor = building.connection.cursor()
    rows = cursor.execute(
        f"""
        SELECT feed, rule, field, count(*), count(DISTINCT delivery), min(message), min(message_zh) FROM ({" UNION ALL BY NAME ".join(parts)})
        GROUP BY ALL ORDER BY 4 DESC, 1, 2, 3 LIMIT {_MOST_REFUSALS}
        """
    ).fetchall()
    cursor.close()
    for feed, rule, field, count, deliveries, message, message_zh in rows:
        yield Refusal(feed, rule, field, count, deliveries, message, message_zh)
