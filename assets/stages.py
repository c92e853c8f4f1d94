"""The Dagster assets: one multi-asset a stage, thin, in the order of the flow.

Belongs here: turning what a stage did into materializations, observations and check results. Not here: doing it. Few steps on purpose:
Dagster's cost is per step, and a stage knows best in which order its tables go.
"""

# No postponed annotations here: Dagster reads the types of `context` and of resources when a function is decorated.

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from assets import addresses, cleaning, intake, libraries
from assets.failure import told
from assets.preview import previews
from assets.run import Run
from assets.specs import GROUPS, clean_spec, raw_spec, redo_link, stored_schema, table_spec
from assets.workplace import Workplace
from contracts.delivery import Certificate, Delivery, Problem
from contracts.load import feeds, tables
from governance import STEPS
from quality.drift import KINDS as CONTENT_DRIFT
from warehouse.model import models as library_models

Materialized = Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.MaterializeResult]  # type: ignore[type-arg]


def _certificate_metadata(certificate: Certificate) -> dict[str, Any]:
    """A delivery's certificate as event metadata: counts and problems, no value of a row."""
    return {
        "delivery": certificate.delivery,
        "status": certificate.status,
        "format": certificate.format,
        "encoding": f"{certificate.encoding or '-'} ({certificate.encoding_source or '-'})",
        "bytes": certificate.bytes,
        "sha256": certificate.sha256,
        "rows read": certificate.rows_read,
        "rows malformed": certificate.rows_malformed,
        "replaced characters": certificate.replaced_characters,
        "columns missing": ", ".join(certificate.columns_missing) or "-",
        "columns new": ", ".join(name for name, target in certificate.columns.items() if target is None) or "-",
        "drift 变化": _problem_list(certificate.drift),
        "problems": _problem_list(certificate.problems),
        "again 重做": redo_link(certificate.delivery),
        "certificate": dg.MetadataValue.json(json.loads(certificate.model_dump_json())),
    }


def _problem_list(problems: Iterable[Problem]) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md("\n".join(f"- {problem.message} · {problem.message_zh}" for problem in problems) or "-")


def _drift_event(feed: str, row: Mapping[str, Any]) -> dg.AssetObservation | None:
    """What cleaning found of a delivery's content and intake could not see: new codes, changed types, other distributions; None where nothing."""
    if row["certificate"] is None:
        return None
    found = [problem for problem in Certificate.model_validate_json(row["certificate"]).drift if problem.kind in CONTENT_DRIFT]
    if not found:
        return None
    kinds = ", ".join(sorted({problem.kind for problem in found}))
    metadata = {"delivery": row["delivery"], "status": row["status"], "kinds": kinds, "drift 变化": _problem_list(found)}
    return dg.AssetObservation(asset_key=["clean", feed], metadata=metadata)


def _selected(context: dg.AssetExecutionContext, names: list[str]) -> list[str]:
    return [name for name in names if any(key.path[-1] == name for key in context.selected_asset_keys)]


@dg.multi_asset(name="intake", specs=[raw_spec(feed) for feed in feeds().values()], can_subset=True)
def intake_assets(context: dg.AssetExecutionContext, run: Run) -> Materialized:
    """Take in every outstanding delivery; each is an event of its own with its certificate."""
    with told():
        workplace = run.workplace
        todo = intake.plan(workplace)
        workplace.log.problems += todo.problems
        workplace.log.waiting += todo.waiting
        for problem in todo.problems:
            context.log.warning(f"{problem.message} Remedy: {problem.remedy}")
        intake.record_unchanged(workplace, todo)
        unchanged = intake.by_feed(todo.unchanged)
        read = intake.by_feed(todo.deliveries)
        for feed in _selected(context, list(feeds())):
            done = intake.take_in(workplace, feed, read.get(feed, []), todo.mtimes)
            for delivery, certificate in done:
                workplace.log.problems += certificate.problems
                context.log.info(f"{delivery.id}: {certificate.rows_read} rows read, {certificate.rows_malformed} malformed · 读取与错行")
                yield dg.AssetMaterialization(asset_key=["raw", feed], metadata=_certificate_metadata(certificate))
            for delivery in unchanged.get(feed, []):
                yield dg.AssetObservation(asset_key=["raw", feed], metadata={"delivery": delivery.id, "status": "unchanged"})
            totals = _intake_totals(done, unchanged.get(feed, []))
            yield dg.MaterializeResult(asset_key=["raw", feed], metadata={**_stored(workplace, f"raw/{feed}"), **totals})


def _stored(workplace: Workplace, table: str) -> dict[str, Any]:
    """Row count and columns of a lake table as it stands after a stage."""
    lake = workplace.lake
    columns = {"dagster/column_schema": stored_schema(lake.schema(table))} if lake.exists(table) else {}
    return {"dagster/row_count": lake.count(table), **columns}


def _intake_totals(done: list[tuple[Delivery, Certificate]], unchanged: list[Delivery]) -> dict[str, Any]:
    return {
        "deliveries": len(done),
        "deliveries unchanged": len(unchanged),
        "rows read": sum(certificate.rows_read for _, certificate in done),
        "rows malformed": sum(certificate.rows_malformed for _, certificate in done),
    }


@dg.multi_asset(name="clean", specs=[clean_spec(feed) for feed in feeds().values()], can_subset=True)
def clean_assets(context: dg.AssetExecutionContext, run: Run) -> Materialized:
    """Clean what intake brought and what a changed contract, mapping or key makes due again."""
    with told():
        workplace = run.workplace
        due = cleaning.due(workplace)
        for feed in _selected(context, list(feeds())):
            rows = cleaning.clean_feed(workplace, feed, due.get(feed, []))
            for row in rows:
                context.log.info(f"{row['delivery']}: {row['rows_accepted']} rows accepted, {row['rows_refused']} refused · 接收与拒收")
                if event := _drift_event(feed, row):
                    yield event
            yield dg.MaterializeResult(
                asset_key=["clean", feed],
                metadata={
                    "dagster/row_count": workplace.lake.count(f"clean/{feed}"),
                    "deliveries": len(rows),
                    "rows accepted": sum(row["rows_accepted"] for row in rows),
                    "rows refused": sum(row["rows_refused"] for row in rows),
                    "rows repeated": sum(row["rows_repeated"] for row in rows),
                    "rows in quarantine": workplace.lake.count(f"quarantine/{feed}"),
                },
            )


_WITH_ADDRESS = [feed.name for feed in feeds().values() if feed.address]


@dg.multi_asset(
    name="addresses",
    specs=[
        dg.AssetSpec(
            ["addresses", "base"],
            deps=[["clean", addresses.REGISTER]],
            description="**地址库 · Address base**\n\nTwo chains of places that meet at the door, with unified address keys and passports. "
            "行政链与道路链交汇于门牌，含统一地址码与沿革。",
            group_name=GROUPS["addresses"],
            owners=["team:data_office"],
            kinds={"deltalake", "polars"},
        ),
        dg.AssetSpec(
            ["addresses", "resolutions"],
            deps=[["addresses", "base"], *[["clean", feed] for feed in _WITH_ADDRESS]],
            description="**地址关联 · Resolutions**\n\nEvery distinct address text with its key, level, outcome and receipt. "
            "每个不同的地址文本对应的地址码、层级、结果与凭据。",
            group_name=GROUPS["addresses"],
            owners=["team:data_office"],
            kinds={"deltalake", "polars"},
        ),
    ],
)
def address_assets(context: dg.AssetExecutionContext, run: Run) -> Materialized:
    """Fold the register's dumps into the address base, then resolve what feeds ask and no resolution answers yet."""
    with told():
        workplace = run.workplace
        state = addresses.address_base(workplace, workplace.as_of.date())
        counts = addresses.keep_base(workplace, state)
        context.log.info(f"address base of {counts['base']} places, {'made anew' if state.rebuilt else 'as prepared before'}")
        yield dg.MaterializeResult(
            asset_key=["addresses", "base"],
            metadata={**_stored(workplace, "addresses/base"), "made anew": state.rebuilt, **counts},
        )
        resolved = addresses.resolve_all(workplace, state)
        yield dg.MaterializeResult(
            asset_key=["addresses", "resolutions"], metadata={**_stored(workplace, addresses.RESOLUTIONS), **resolved}
        )


_MODELS = library_models(STEPS)


def _input_keys(relation: str) -> list[dg.AssetKey]:
    """The assets behind a relation that a model reads; none for settings, the ledger and the clock, which are no assets."""
    schema, name = relation.split(".")
    if schema in ("clean", "latest", "restricted"):
        return [dg.AssetKey(["clean", feed.name]) for feed in feeds().values() if name in (feed.name, feed.joins)]
    if schema == "addresses":
        return [dg.AssetKey(["addresses", "resolutions" if name == "link" else "base"])]
    return [dg.AssetKey([schema, name])] if relation in _MODELS else []


def _table_specs() -> list[dg.AssetSpec]:
    specs = []
    for name, model in sorted(_MODELS.items()):
        keys = sorted({key for relation in model.inputs for key in _input_keys(relation)}, key=dg.AssetKey.to_user_string)
        specs.append(table_spec(tables()[name], keys, model.source))
    return specs


_RELEASE = dg.AssetKey(["release"])


@dg.multi_asset(
    name="tables_and_release",
    specs=[
        *_table_specs(),
        dg.AssetSpec(
            _RELEASE,
            deps=[dg.AssetKey(name.split(".")) for name in sorted(_MODELS)],
            description="**发布 · Release**\n\nAll libraries and subject tables, checked, made visible by one atomic switch. "
            "全部主题库与专题表，检查通过后一次切换生效。",
            group_name=GROUPS["release"],
            owners=["team:data_office"],
            kinds={"duckdb", "parquet"},
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "contract", asset=dg.AssetKey(name.split(".")), description="Every rule of the table's contract. 契约的全部规则。"
        )
        for name in sorted(_MODELS)
    ],
    can_subset=True,
)
def table_assets(context: dg.AssetExecutionContext, run: Run) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Build, check and publish. A release is whole: whatever is selected, unchanged tables are taken over and all go out together."""
    with told():
        workplace = run.workplace
        outcome = libraries.publish(workplace)
        by_table: dict[str, list[libraries.CheckResult]] = {}
        for check in outcome.checks:
            by_table.setdefault(check.table, []).append(check)
        shown = dict(previews(outcome.path, [tables()[line.table] for line in outcome.built])) if outcome.path else {}
        for line in outcome.built:
            key = dg.AssetKey(line.table.split("."))
            if key in context.selected_asset_keys:
                yield dg.MaterializeResult(
                    asset_key=key,
                    metadata={
                        "dagster/row_count": line.rows,
                        "seconds": line.seconds,
                        "taken over unchanged": line.reused,
                        "release": outcome.release_id,
                        "rules passed": sum(check.passed for check in by_table.get(line.table, [])),
                        "rules failed": sum(not check.passed for check in by_table.get(line.table, [])),
                        **({"preview 预览": shown[line.table]} if line.table in shown else {}),
                    },
                    check_results=[_check_result(key, by_table.get(line.table, []))],
                )
        run.finish(outcome, context.run_id)
        if outcome.blocked:
            reasons = "; ".join(problem.message for problem in outcome.problems if problem.severity == "error")
            raise dg.Failure(f"The release is blocked; the former one stays current. {reasons}", allow_retries=False)
        context.log.info(f"release {outcome.release_id} is current · 已发布")
        if _RELEASE in context.selected_asset_keys:
            yield dg.MaterializeResult(
                asset_key=_RELEASE,
                metadata={
                    "dagster/row_count": sum(line.rows for line in outcome.built),
                    "tables": len(outcome.built),
                    "release": outcome.release_id,
                    "path": dg.MetadataValue.path(str(outcome.path)),
                },
            )


def _check_result(key: dg.AssetKey, checks: list[libraries.CheckResult]) -> dg.AssetCheckResult:
    failed = [check for check in checks if not check.passed]
    error = any(check.severity == "error" for check in failed)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="contract",
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{check.rule}: {check.message}" for check in failed) or None,
        metadata={
            check.rule: f"{'passed' if check.passed else 'FAILED'}: {check.violations} of {check.rows_checked} rows" for check in checks
        },
    )


ALL = [intake_assets, clean_assets, address_assets, table_assets]
"""The stages in the order of the flow."""
