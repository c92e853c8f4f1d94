"""Stage 2: `raw.<feed>` → `clean.<feed>` and `quarantine.<feed>`, by contract.

Belongs here: which deliveries are due, and the order of writes. Not here: how a value is cleaned (`quality.clean`), how a personal value
is protected (`warehouse.privacy`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from assets import ledger
from assets.workplace import Workplace, named
from contracts.delivery import Certificate, Problem
from contracts.district import FeedMapping
from contracts.schema import arrow_schema
from quality.clean import Cleaned, clean, mapping_fingerprint, stopped
from quality.drift import (
    CODES_NEW,
    COUNTS_SCHEMA,
    DISTRIBUTION_SCHEMA,
    RENAMED_MAYBE,
    TYPE_CHANGED,
    code_counts,
    content_problems,
    distribution_problems,
    distributions,
)
from warehouse.privacy import VERSION as PROTECTION_VERSION
from warehouse.privacy import protect

GROUP_ROWS = 1_000_000
"""Deliveries of one feed are cleaned and committed together up to this many rows."""


def fingerprint(workplace: Workplace, feed: str) -> str:
    """Changes with the contract, the district's mapping, the rules of protection or the pseudonym key: then the feed is cleaned again."""
    reading = mapping_fingerprint(workplace.contracts[feed], workplace.mapping(feed))
    return f"{reading}-{PROTECTION_VERSION}-{workplace.pseudonyms.fingerprint[:8]}"


def due(workplace: Workplace) -> dict[str, list[dict[str, Any]]]:
    """By feed, the intake rows whose delivery is not cleaned yet in this version, under this contract and mapping, or is to be redone."""
    taken = ledger.current(workplace.lake, ledger.INTAKE, ledger.INTAKE_SCHEMA)
    done = ledger.current(workplace.lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA)
    finished = {(row["delivery"], row["version"]): row["mapping_fingerprint"] for row in done.iter_rows(named=True)}
    prints = {feed: fingerprint(workplace, feed) for feed in taken["feed"].unique().sort()}
    listed: dict[str, list[dict[str, Any]]] = {}
    for row in taken.sort("feed", "day", "delivery").iter_rows(named=True):
        if not workplace.concerns(row["delivery"]):
            continue
        current = finished.get((row["delivery"], row["version"])) == prints[row["feed"]]
        if not current or any(named(row["delivery"], name) for name in workplace.redo):
            listed.setdefault(row["feed"], []).append(row)
    return listed


def _groups(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        count = _rows_read(row)
        if group and size + count > GROUP_ROWS:
            yield group
            group, size = [], 0
        group.append(row)
        size += count
    if group:
        yield group


def _rows_read(row: dict[str, Any]) -> int:
    return int(pl.Series([row["certificate"]]).str.json_path_match("$.rows_read")[0] or 0) if row["certificate"] else 0


def clean_feed(workplace: Workplace, feed: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Clean the deliveries named by their intake rows; gives their ledger rows."""
    recorded: list[dict[str, Any]] = []
    for group in _groups(rows):
        recorded += _clean_group(workplace, feed, group)
        workplace.progress("clean", feed, len(recorded), len(rows))
    return recorded


def _clean_group(workplace: Workplace, feed: str, group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    contract, mapping = workplace.contracts[feed], workplace.mapping(feed)
    names = [row["delivery"] for row in group]
    content = [row for row in group if row["status"] == "accepted"]
    raw = workplace.lake.rows(f"raw/{feed}", column="_delivery", values=[row["delivery"] for row in content]) if content else None
    accepted, refused, notes, codes = [], [], [], []
    counts: dict[str, dict[str, int]] = {}
    problems: dict[str, list[Problem]] = {}
    halted: set[str] = set()
    for row in content:
        assert raw is not None
        mine = raw.filter(pc.equal(raw["_delivery"], row["delivery"])) if len(content) > 1 else raw
        result = clean(mine, contract, mapping, row["day"], time_zone=workplace.district.time_zone)
        problems[row["delivery"]] = _new_problems(row, content_problems(mine, result, contract, mapping, row["delivery"]))
        why = _stops(result, contract.mode, mapping, problems[row["delivery"]], row["delivery"])
        if why:
            result = stopped(mine, result, contract, mapping, row["day"])
            problems[row["delivery"]].append(why)
            halted.add(row["delivery"])
        counts[row["delivery"]] = {
            "rows_read": result.rows_read,
            "rows_malformed": result.rows_malformed,
            "rows_accepted": result.accepted.num_rows,
            "rows_refused": result.refused.num_rows,
            "rows_repeated": result.rows_repeated,
        }
        accepted.append(protect(result.accepted, contract, workplace.pseudonyms))
        codes.append(code_counts(result.accepted, contract))
        refused.append(result.refused)
        notes.append(result.notes)
    lake = workplace.lake
    lake.replace(f"clean/{feed}", _joined(accepted), column="delivery", values=names, schema=arrow_schema(contract.clean_columns))
    lake.replace(f"quarantine/{feed}", _joined(refused), column="delivery", values=names)
    lake.replace(ledger.VALUE_NOTES, _joined(notes), column="delivery", values=names)
    if any(column.watched for column in contract.columns):
        found = _keep_distributions(workplace, feed, names, _joined(codes))
        titles = [(column.name, column.title_zh) for column in contract.columns]
        for row in content:
            problems[row["delivery"]] += distribution_problems(found, row["delivery"], feed, row["day"], titles)
    print_ = fingerprint(workplace, feed)
    nothing = {"rows_read": 0, "rows_malformed": 0, "rows_accepted": 0, "rows_refused": 0, "rows_repeated": 0}
    same_as = ledger.origins(ledger.current(lake, ledger.INTAKE, ledger.INTAKE_SCHEMA))
    rows = [
        {
            **{name: row[name] for name in ledger.INTAKE_SCHEMA.names if name in ledger.DELIVERIES_SCHEMA.names},
            **counts.get(row["delivery"], nothing),
            "status": "stopped" if row["delivery"] in halted else row["status"],
            "certificate": _with_problems(row["certificate"], problems.get(row["delivery"], [])),
            "same_as": same_as.get(row["delivery"]),
            "mapping_fingerprint": print_,
            "recorded_at": ledger.now(),
        }
        for row in group
    ]
    ledger.record(lake, ledger.DELIVERIES, ledger.DELIVERIES_SCHEMA, rows)
    for found_now in problems.values():
        workplace.log.problems += found_now
    return rows


def _new_problems(row: dict[str, Any], found: list[Problem]) -> list[Problem]:
    """Those that intake has not said already: it suggests renamed columns by their names."""
    known = {problem.field for problem in Certificate.model_validate_json(row["certificate"]).problems if problem.kind == RENAMED_MAYBE}
    return [problem for problem in found if problem.kind != RENAMED_MAYBE or problem.field not in known]


def _stops(result: Cleaned, mode: str, mapping: FeedMapping, problems: list[Problem], delivery: str) -> Problem | None:
    """Why no row of the delivery may be used: the district's policy on drift or on refused rows, or a register of which no row passes and that would
    empty the one before."""
    drifted = [problem.field for problem in problems if problem.kind in (CODES_NEW, TYPE_CHANGED)]
    lost = result.refused.num_rows
    if mapping.drift == "stop" and drifted:
        fields = ", ".join(dict.fromkeys(str(field) for field in drifted))
        reason, reason_zh = f"drift in {fields}, for which district.yaml says stop", f"{fields} 发生变化，district.yaml 规定停用"
        setting, setting_zh = (
            "where the change is meant, set drift to accept in district.yaml",
            "如属有意变更，请在 district.yaml 中将 drift 设为 accept",
        )
    elif lost > mapping.max_refused_share * result.rows_read:
        share, most = f"{lost / result.rows_read:.0%}", f"{mapping.max_refused_share:.0%}"
        reason, reason_zh = (
            f"{lost} rows ({share}) are refused, more than {most} (max_refused_share)",
            f"拒收 {lost} 行（{share}），超过上限 {most}",
        )
        setting = "`govlake quarantine show` says why; where so many are to be left out, raise max_refused_share in district.yaml"
        setting_zh = "原因见 govlake quarantine show；如确需接受，请调高 district.yaml 中的 max_refused_share"
    elif mode == "snapshot" and result.rows_read and not result.rows_accepted:
        reason, reason_zh = "no row of the register passes; the register before stays in force", "登记册无一行通过；沿用上一批次"
        setting, setting_zh = "`govlake quarantine show` says why", "原因见 govlake quarantine show"
    else:
        return None
    return Problem(
        kind="delivery_stopped",
        severity="error",
        message=f"{delivery}: stopped, none of its {result.rows_read} rows is used: {reason}",
        message_zh=f"{delivery}：已停用，其 {result.rows_read} 行均未使用：{reason_zh}",
        remedy=f"mend codes, headers or file and run `govlake quarantine retry`; {setting}",
        remedy_zh=f"请修正代码、表头或文件后运行 govlake quarantine retry；{setting_zh}",
        count=result.rows_read,
    )


def _with_problems(certificate: str | None, problems: list[Problem]) -> str | None:
    if certificate is None or not problems:
        return certificate
    whole = Certificate.model_validate_json(certificate)
    return whole.model_copy(update={"problems": (*whole.problems, *problems)}).model_dump_json()


def _keep_distributions(workplace: Workplace, feed: str, names: list[str], codes: pa.Table | None) -> pa.Table:
    """Keep the deliveries' rows by code, and all of the feed's distributions made anew from them; gives the latter."""
    lake = workplace.lake
    lake.replace(ledger.CODE_COUNTS, codes, column="delivery", values=names, schema=COUNTS_SCHEMA)
    found = distributions(lake.rows(ledger.CODE_COUNTS, column="feed", values=[feed]).cast(COUNTS_SCHEMA))
    lake.replace(ledger.DISTRIBUTIONS, found, column="feed", values=[feed], schema=DISTRIBUTION_SCHEMA)
    return found


def _joined(tables: list[pa.Table]) -> pa.Table | None:
    return pa.concat_tables(tables) if tables else None
