"""Checks: every rule of a table's contract, run by Great Expectations on the built table where it lies.

Belongs here: compiling rules from contracts and from the district's feeds, running them, their results. Not here: cleaning feeds (`clean`),
the report's look (`check_report`), what must know Great Expectations' classes (`gx_rule`). Results carry counts and the keys of a few rows,
never a value of another column, and no key that is personal.

Each rule is one expectation with its own result; all rules of a table are counted in one SELECT.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import sqlglot
from sqlglot import exp

from contracts.district import District
from contracts.load import feeds
from contracts.model import Column, Severity, Table
from contracts.schema import duckdb_type, quoted

Kind = Literal[
    "required",
    "code",
    "pattern",
    "min",
    "max",
    "max_length",
    "holds",
    "no_rows",
    "key",
    "unique",
    "reference",
    "freshness",
    "volume",
    "stopped",
    "drift",
    "reconciliation",
]
BOOKS = "subject.reconciliation"
"""The table with one row per delivery: freshness, volume and the books are checked there."""
BOOKS_RULE = "books"
"""The check that `quality.books` makes of ledger, certificates and lake; it is no SQL on one table, so it does not go through Great Expectations."""
_EXAMPLES = 5
_ONE_TO_ONE = ("ticket", "petition", "grid_event", "hazard")
"""Feeds of which each record is exactly one event."""


@dataclass(frozen=True)
class CompiledRule:
    """A rule as SQL. Row-wise rules have `broken` (a condition that is true for a violating row), others `rows` (a query of the violations).

    `counted` is the scalar subquery that counts them where that is not the number of `rows`.
    """

    table: str
    rule: str
    kind: Kind
    severity: Severity
    message: str
    message_zh: str
    broken: str | None = None
    rows: str | None = None
    counted: str | None = None

    @property
    def violations(self) -> str:
        """The aggregate expression that counts the violations in a SELECT from the table."""
        if self.broken:
            return f"count(*) FILTER (WHERE {self.broken})"
        return self.counted or f"(SELECT count(*) FROM ({self.rows}) AS violating)"


@dataclass(frozen=True)
class CheckResult:
    """What one rule found in one table. `examples`: keys of a few violating rows, in order, none where a key is personal."""

    table: str
    rule: str
    kind: Kind
    severity: Severity
    passed: bool
    rows_checked: int
    violations: int
    message: str
    message_zh: str
    examples: tuple[str, ...] = ()


def _identity(name: str) -> str:
    return name


def compile_rules(table: Table, built: Collection[str], name: Callable[[str], str] = _identity) -> list[CompiledRule]:
    """All rules of a table contract. `built`: the tables that references can be held against; `name`: what a table is called in SQL."""
    rules: list[CompiledRule] = []
    for column in table.columns:
        rules += _column_rules(table, column)
        if column.unique:
            rules.append(_unique(table, f"unique:{column.name}", "unique", (column.name,), column.severity, name))
        if column.references:
            rules += _reference(table, column, built, name)
    if table.keys:
        rules.append(_unique(table, "key", "key", table.keys, "error", name))
    for rule in table.rules:
        broken = f"({rule.holds}) IS FALSE" if rule.holds else None
        rows = _addressed(rule.no_rows, built, name) if rule.no_rows else None
        kind: Kind = "holds" if rule.holds else "no_rows"
        rules.append(CompiledRule(table.full_name, rule.name, kind, rule.severity, rule.message, rule.message_zh, broken, rows))
    return rules


def _addressed(sql: str, built: Collection[str], name: Callable[[str], str]) -> str:
    """The query with tables named as `name` says; as it is where that changes nothing."""
    moved = {table: name(table) for table in built if name(table) != table and table in sql}
    if not moved:
        return sql
    tree = sqlglot.parse_one(sql, read="duckdb")
    for node in tree.find_all(exp.Table):
        target = moved.get(f"{node.db}.{node.name}")
        if target:
            catalog, _, bare = target.rpartition(".")
            node.set("db", exp.to_identifier(catalog))
            node.set("this", exp.to_identifier(bare))
    return tree.sql("duckdb")


def _column_rules(table: Table, column: Column) -> Iterable[CompiledRule]:
    field, kind = f'"{column.name}"', duckdb_type(column)
    titles = (column.title, column.title_zh)

    def rule(what: Kind, broken: str, message: str, message_zh: str) -> CompiledRule:
        return CompiledRule(table.full_name, f"{what}:{column.name}", what, column.severity, message, message_zh, broken)

    if column.required:
        yield rule("required", f"{field} IS NULL", f"{titles[0]} is empty", f"{titles[1]}为空")
    if column.codes:
        listed = ", ".join(quoted(code) for code in column.codes)
        yield rule("code", f"{field} NOT IN ({listed})", f"{titles[0]} is no code of the list", f"{titles[1]}不在代码表内")
    if column.pattern:
        yield rule(
            "pattern", f"NOT regexp_full_match({field}, {quoted(column.pattern)})", f"{titles[0]} has another form", f"{titles[1]}格式不符"
        )
    if column.minimum is not None:
        low = f"CAST({quoted(column.minimum)} AS {kind})"
        yield rule("min", f"{field} < {low}", f"{titles[0]} is below {column.minimum}", f"{titles[1]}小于{column.minimum}")
    if column.maximum is not None:
        high = f"CAST({quoted(column.maximum)} AS {kind})"
        yield rule("max", f"{field} > {high}", f"{titles[0]} is above {column.maximum}", f"{titles[1]}大于{column.maximum}")
    if column.max_length is not None:
        yield rule(
            "max_length",
            f"length({field}) > {column.max_length}",
            f"{titles[0]} is longer than {column.max_length}",
            f"{titles[1]}超过{column.max_length}字",
        )


def _unique(table: Table, rule: str, kind: Kind, columns: Sequence[str], severity: Severity, name: Callable[[str], str]) -> CompiledRule:
    listed = ", ".join(f'"{column}"' for column in columns)
    present = " AND ".join(f'"{column}" IS NOT NULL' for column in columns)
    source = f"{name(table.full_name)} WHERE {present}"
    rows = f"SELECT {listed} FROM {source} GROUP BY {listed} HAVING count(*) > 1"
    # Counting distinct rows keeps no counter a group: a third faster than GROUP BY with HAVING.
    counted = f"((SELECT count(*) FROM {source}) - (SELECT count(*) FROM (SELECT DISTINCT {listed} FROM {source}) AS told_apart))"
    names = ", ".join(columns)
    return CompiledRule(table.full_name, rule, kind, severity, f"{names} must be unique", f"{names}必须唯一", rows=rows, counted=counted)


def _reference(table: Table, column: Column, built: Collection[str], name: Callable[[str], str]) -> Iterable[CompiledRule]:
    assert column.references
    target, _, key = column.references.rpartition(".")
    if target not in built:
        return
    rows = (
        f'SELECT a.* FROM {name(table.full_name)} AS a ANTI JOIN {name(target)} AS r ON a."{column.name}" = r."{key}" '
        f'WHERE a."{column.name}" IS NOT NULL'
    )
    yield CompiledRule(
        table.full_name,
        f"reference:{column.name}",
        "reference",
        column.severity,
        f"{column.title} is not in {column.references}",
        f"{column.title_zh}在 {column.references} 中不存在",
        rows=rows,
    )


def delivery_rules(
    district: District,
    as_of: dt.date,
    built: Collection[str],
    name: Callable[[str], str] = _identity,
    distributions: str | None = None,
) -> list[CompiledRule]:
    """Rules over the books (BOOKS, one row per delivery): each feed's freshness, volume, refusals and drift, and its records against its events.

    Freshness: the latest delivery is at most `stale_after_days` old. Volume: the latest day's rows against the median of the last 8 days
    delivered, of the same weekday where a feed comes in daily; a warning beyond half the median and beyond 4 robust standard deviations
    (1.4826 times the median absolute deviation), if there are at least 4 to compare with. Stopped: no row of a delivery is used, by the district's policy
    on drift or refused rows, and no later version of it was accepted. Drift: the latest day's distribution of each watched column against the days before; `distributions`
    is the relation with `quality.drift`'s table, None where there is none yet.
    """
    books = name(BOOKS)
    rules = [
        rule
        for feed, mapping in district.feeds.items()
        if mapping.stale_after_days is not None
        for rule in _freshness(books, district, feed, as_of)
    ]
    rules += [_volume(books, feed) for feed in district.feeds]
    rules += [_stopped(books, feed) for feed in district.feeds]
    rules += [_drift(distributions, feed, column, as_of) for feed in district.feeds for column in feeds()[feed].columns if column.watched]
    if "event.event" in built:
        rules += [_once(feed, name) for feed in _ONE_TO_ONE if f"event.{feed}" in built]
    return rules


def _freshness(books: str, district: District, feed: str, as_of: dt.date) -> Iterable[CompiledRule]:
    mapping = district.feeds[feed]
    days = mapping.stale_after_days
    severity: Severity = "error" if mapping.required and mapping.when_missing == "stop" else "warn"
    rows = (
        f"SELECT max(delivery_date) AS latest FROM {books} WHERE feed = {quoted(feed)} AND status IN ('accepted', 'unchanged') "
        f"HAVING max(delivery_date) IS NULL OR date_diff('day', max(delivery_date), DATE '{as_of}') > {days}"
    )
    message = f"the latest delivery of {feed} is more than {days} days old, or there is none"
    yield CompiledRule(
        BOOKS, f"freshness:{feed}", "freshness", severity, message, f"{feed} 最近一次交付已超过 {days} 天或尚无交付", rows=rows
    )


def _volume(books: str, feed: str) -> CompiledRule:
    rows = f"""WITH days AS (
  SELECT delivery_date AS day, sum(rows_accepted) AS n, date_diff('day', lag(delivery_date) OVER (ORDER BY delivery_date), delivery_date) AS gap
  FROM {books} WHERE feed = {quoted(feed)} AND status = 'accepted' GROUP BY delivery_date),
latest AS (SELECT max(day) AS day, median(gap) < 5 AS is_daily FROM days),
former AS (
  SELECT d.n FROM days AS d CROSS JOIN latest AS l
  WHERE d.day < l.day AND (NOT l.is_daily OR dayofweek(d.day) = dayofweek(l.day)) ORDER BY d.day DESC LIMIT 8),
usual AS (SELECT median(n) AS middle, mad(n) AS spread, count(*) AS compared FROM former)
SELECT d.day FROM days AS d JOIN latest AS l ON d.day = l.day CROSS JOIN usual AS u
WHERE u.compared >= 4 AND abs(d.n - u.middle) > greatest(0.5 * u.middle, 4 * 1.4826 * u.spread)"""
    message = f"the latest delivery of {feed} has far more or far fewer rows than usual"
    return CompiledRule(BOOKS, f"volume:{feed}", "volume", "warn", message, f"{feed} 最近一次交付的行数与往常相差过大", rows=rows)


def _stopped(books: str, feed: str) -> CompiledRule:
    rows = f"SELECT feed, delivery, version FROM {books} WHERE feed = {quoted(feed)} AND status = 'stopped'"
    message = f"a delivery of {feed} is stopped, none of its rows is used; its certificate and `govlake status` say why"
    message_zh = f"{feed} 有批次已整批停用，原因见交付凭证与 govlake status"
    return CompiledRule(BOOKS, f"stopped:{feed}", "stopped", "warn", message, message_zh, rows=rows)


def _drift(distributions: str | None, feed: str, column: Column, as_of: dt.date) -> CompiledRule:
    rows = "SELECT 1 AS day WHERE false"
    if distributions:
        mine = f"feed = {quoted(feed)} AND field = {quoted(column.name)} AND day <= DATE '{as_of}'"
        rows = f"SELECT day FROM {distributions} WHERE {mine} AND psi > most AND day = (SELECT max(day) FROM {distributions} WHERE {mine})"
    message = f"{column.title} of the latest {feed} delivery is distributed otherwise than before"
    return CompiledRule(
        BOOKS,
        f"drift:{feed}.{column.name}",
        "drift",
        "warn",
        message,
        f"{feed} 最近一次交付的{column.title_zh}分布与此前明显不同",
        rows=rows,
    )


def _once(feed: str, name: Callable[[str], str]) -> CompiledRule:
    events, records = name("event.event"), name(f"event.{feed}")
    counted = f"(SELECT abs((SELECT count(*) FROM {events} WHERE feed = {quoted(feed)}) - (SELECT count(*) FROM {records})))"
    message = f"event.event has not each record of event.{feed} exactly once"
    return CompiledRule(
        BOOKS, f"reconciliation:{feed}", "reconciliation", "error", message, f"event.event 与 event.{feed} 的记录数不符", counted=counted
    )


def run_checks(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[Table],
    *,
    name: Callable[[str], str] = _identity,
    district: District | None = None,
    as_of: dt.date | None = None,
    distributions: str | None = None,
) -> list[CheckResult]:
    """Run every rule of the tables on the writer's connection; one CheckResult a rule, in the contracts' order.

    With `district` and `as_of` the deliveries are checked too (`delivery_rules`), if BOOKS is among the tables. A rule that cannot be run
    (its SQL does not fit the table) is a failed check of severity error, never a pass.
    """
    built = {table.full_name for table in tables}
    results: list[CheckResult] = []
    with _Session(connection) as session:
        for table in tables:
            rules = compile_rules(table, built, name)
            if table.full_name == BOOKS and district and as_of:
                rules += delivery_rules(district, as_of, built, name, distributions)
            if rules:
                results += session.check(table, rules, name(table.full_name))
    return results


def rule_differences(
    tables: Sequence[Table], results: Iterable[CheckResult], district: District | None = None, as_of: dt.date | None = None
) -> list[str]:
    """Rules that contracts (and, for BOOKS, the district) declare and that were not run, or the reverse; [] where they agree."""
    built = {table.full_name for table in tables}
    declared = {(table.full_name, rule) for table in tables for rule in table.rule_names}
    if BOOKS in built and district and as_of:
        declared |= {(BOOKS, BOOKS_RULE), *((BOOKS, rule.rule) for rule in delivery_rules(district, as_of, built))}
    run = {(result.table, result.rule) for result in results}
    found = [f"{table}: {rule} is declared and was not run" for table, rule in sorted(declared - run)]
    return found + [f"{table}: {rule} was run and is declared nowhere" for table, rule in sorted(run - declared)]


class _Session:
    """A Great Expectations data source over the lent connection, for the length of a `with` block."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        from quality.gx_dialect import lent

        self._connection = connection.cursor()
        self._lending = lent(connection)

    def __enter__(self) -> _Session:
        from quality.gx_rule import gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
        url = self._lending.__enter__()
        self._source = context.data_sources.add_sql("release", connection_string=url, create_temp_table=False)
        return self

    def __exit__(self, *error: Any) -> None:
        self._lending.__exit__(None, None, None)

    def check(self, table: Table, rules: Sequence[CompiledRule], address: str) -> list[CheckResult]:
        """All rules of one table in one SELECT; where one of them cannot be run, each alone, so that it alone fails."""
        asset = self._source.add_query_asset(table.full_name, query=f"SELECT * FROM {address}")
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        outcomes = _validated(batch, rules)
        if any(_raised(outcome.exception_info) for outcome in outcomes):
            outcomes = [outcome for rule in rules for outcome in _validated(batch, [rule])]
        return [self._result(table, rule, outcome, address) for rule, outcome in zip(rules, outcomes, strict=True)]

    def _result(self, table: Table, rule: CompiledRule, outcome: Any, address: str) -> CheckResult:
        reason = _raised(outcome.exception_info)
        if reason:
            message, message_zh = (
                f"the rule cannot be run ({reason}); remedy: correct it in the contract",
                f"规则无法执行（{reason}）；请修正契约",
            )
            return CheckResult(rule.table, rule.rule, rule.kind, "error", False, 0, 0, message, message_zh)
        violations, rows = int(outcome.result["observed_value"]), int(outcome.result["element_count"])
        examples = self._examples(table, rule, address) if violations else ()
        return CheckResult(
            rule.table,
            rule.rule,
            rule.kind,
            rule.severity,
            bool(outcome.success),
            rows,
            violations,
            rule.message,
            rule.message_zh,
            examples,
        )

    def _examples(self, table: Table, rule: CompiledRule, address: str) -> tuple[str, ...]:
        """Keys of the first violating rows; none where a key column is personal or the rule's rows do not show it."""
        if not table.keys or any(table.column(key).classification in ("personal", "sensitive") for key in table.keys):
            return ()
        query = f"SELECT * FROM {address} WHERE {rule.broken}" if rule.broken else rule.rows
        if not query:
            return ()
        shown = {column for column, *_ in self._connection.execute(f"DESCRIBE {query}").fetchall()}
        if not shown.issuperset(table.keys):
            return ()
        keys = ", ".join(f'"{key}"' for key in table.keys)
        found = self._connection.execute(f"SELECT DISTINCT {keys} FROM ({query}) AS violating ORDER BY ALL LIMIT {_EXAMPLES}").fetchall()
        return tuple(" | ".join("" if part is None else str(part) for part in row) for row in found)


def _validated(batch: Any, rules: Sequence[CompiledRule]) -> list[Any]:
    """Great Expectations' results, one a rule in order."""
    from quality.gx_rule import ExpectRuleToHold, gx

    suite = gx.ExpectationSuite(
        name="contract", expectations=[ExpectRuleToHold(rule=rule.rule, violations=rule.violations) for rule in rules]
    )
    # Great Expectations gives broken expectations first or last as it likes: the rule's name says which is which.
    found = {one.expectation_config.kwargs["rule"]: one for one in batch.validate(suite, result_format="BASIC").results}
    return [found[rule.rule] for rule in rules]


def _raised(info: Any) -> str | None:
    """Why an expectation could not be evaluated, else None. Errors of data can quote a value: of these the kind alone is told."""
    for one in [info] if "raised_exception" in info else list(info.values()):
        if isinstance(one, dict) and one.get("raised_exception"):
            text = str(one.get("exception_message") or "") + str(one.get("exception_traceback") or "")
            found = _SCHEMA_ERROR.search(text)
            return found[0].strip()[:200] if found else "its SQL fails on the data"
    return None


_SCHEMA_ERROR = re.compile(r"(Binder|Catalog|Parser) Error: [^\n\\]+")
"""DuckDB's errors that speak of names and syntax, never of data."""
