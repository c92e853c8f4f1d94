"""Subscriptions: who gets which part of which table, for which purpose, in which form, how often, until when.

Belongs here: the model of `subscriptions.yaml`, its loader, and what is wrong with one share before anything is read. Not here: writing
a delivery (`shares`).

    subscribers:
      street_office:
        title: Matian street office
        title_zh: 马田街道办
        clearance: internal
        shares:
          own_events:
            table: event.event
            columns: [event_id, reported_at, community, status]
            filter: street = '马田街道'
            purpose: follow up what was reported in the street
            purpose_zh: 跟进辖区事件
            form: excel
            every: week
            until: 2027-12-31
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
import sqlglot
from pydantic import Field, field_validator, model_validator
from sqlglot import exp
from sqlglot.errors import SqlglotError

from contracts.delivery import Problem
from contracts.load import ContractError, read_yaml, validated
from contracts.model import Audience, Classification, Name, Strict, Table
from contracts.schema import create_table
from publishing.pseudonyms import SOURCE_ROW, about_people, holds

FILE = "subscriptions.yaml"
LEVELS: tuple[Classification, ...] = ("public", "internal", "personal", "sensitive")
"""Classifications from open to closed; a clearance covers its own and all before it."""
AS_OF = "as_of_date"
"""A name that a filter may use like a column: the release's as-of date."""

Form = Literal["parquet", "csv", "excel"]
Mode = Literal["full", "changes"]
Every = Literal["release", "day", "week", "month"]


class Share(Strict):
    """One table for one subscriber. `mode` changes: first everything, then what was inserted, updated or deleted since.

    `filter` is a condition over the table's columns in SQL; `every` counts by as-of dates, never by the clock: at most one delivery
    a day, ISO week or month. `until` is the last as-of date on which the purpose holds.
    """

    table: str = Field(pattern=r"^[a-z]+\.[a-z][a-z0-9_]*$")
    columns: tuple[str, ...] = Field(min_length=1)
    filter: str | None = None
    purpose: str = Field(min_length=1)
    purpose_zh: str = Field(min_length=1)
    form: Form = "parquet"
    mode: Mode = "full"
    every: Every = "release"
    until: dt.date

    @field_validator("columns")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"columns named twice: {', '.join(twice)}")
        return value


class Subscriber(Strict):
    """An office or application that gets shares. `clearance` is the highest classification that it may hold.

    `pseudonym_series`: raise it to give the subscriber new pseudonyms for everybody, for instance after its copy was lost.
    """

    title: str
    title_zh: str
    clearance: Classification
    contact: str = ""
    pseudonym_series: int = Field(1, ge=1)
    shares: dict[Name, Share] = Field(min_length=1)


class Subscriptions(Strict):
    """`subscriptions.yaml`."""

    subscribers: dict[Name, Subscriber] = {}

    @model_validator(mode="before")
    @classmethod
    def _nobody_yet(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("subscribers", {}) is None:
            return {**data, "subscribers": {}}
        return data


@dataclass(frozen=True)
class Order:
    """One share with whom it is for and where it is written down."""

    subscriber: str
    name: str
    who: Subscriber
    share: Share
    file: str
    lines: Mapping[tuple[Any, ...], int] = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        return f"{self.subscriber}/{self.name}"

    def line(self, *at: Any) -> int:
        """The line of a key of this share, or of the nearest that is written."""
        place: tuple[Any, ...] = ("subscribers", self.subscriber, "shares", self.name, *at)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def load(path: Path) -> list[Order]:
    """The orders of one file; ContractError names file, line and remedy of every mistake. [] where there is no file."""
    if not path.is_file():
        return []
    data, lines = read_yaml(path)
    if not isinstance(data, dict):
        raise ContractError(f"{path.name}:1: subscriptions are a mapping; remedy: start with `subscribers:`")
    read = validated(Subscriptions, data, lines, path, {})
    return [
        Order(subscriber, name, who, share, path.name, lines)
        for subscriber, who in read.subscribers.items()
        for name, share in who.shares.items()
    ]


def load_all(folders: Iterable[Path]) -> list[Order]:
    """The orders of `subscriptions.yaml` in each folder (the district's, the home's); a subscriber may stand in one of them only."""
    found: list[Order] = []
    for folder in folders:
        orders = load(folder / FILE)
        known = {order.subscriber for order in found}
        for order in orders:
            if order.subscriber in known:
                line = order.lines.get(("subscribers", order.subscriber), 1)
                raise ContractError(
                    f"{folder.name}/{order.file}:{line}: subscriber {order.subscriber} stands in another file too; remedy: keep it in one of them"
                )
        found += orders
    return found


# What is wrong with an order


def stopped(order: Order, message: str, message_zh: str, remedy: str, remedy_zh: str, *at: Any) -> Problem:
    """A problem that stops one share and no other."""
    where = f"{order.id} ({order.file}:{order.line(*at)})"
    return Problem(
        kind="share_stopped",
        severity="warn",
        message=f"share {where}: {message}",
        message_zh=f"共享 {where}：{message_zh}",
        remedy=remedy,
        remedy_zh=remedy_zh,
        field=str(at[0]) if at else None,
    )


def problems(order: Order, tables: Mapping[str, Table]) -> list[Problem]:
    """Why this share cannot be delivered whatever the day: table, columns, clearance, keys, filter. [] where nothing is wrong."""
    share = order.share
    table = tables.get(share.table)
    if table is None:
        return [
            stopped(order, f"there is no table {share.table}", f"没有数据表 {share.table}", "see `govlake catalogue list`",
                    "请用 govlake catalogue list 查看", "table")
        ]  # fmt: skip
    return [*_columns(order, table), *_keys(order, table), *_filter(order, table)]


def expired(order: Order, as_of: dt.date) -> Problem | None:
    """The problem of a purpose that has run out by the as-of date."""
    if as_of <= order.share.until:
        return None
    return stopped(
        order,
        f"its purpose ran out on {order.share.until}, the release is as of {as_of}",
        f"用途已于 {order.share.until} 到期，本发布截至 {as_of}",
        "set a later `until` if the purpose holds, else take the share out",
        "用途仍有效请延长 until，否则请删除该共享",
        "until",
    )


def _columns(order: Order, table: Table) -> Iterator[Problem]:
    known = {column.name: column for column in table.columns}
    allowed = LEVELS[: LEVELS.index(order.who.clearance) + 1]
    for place, name in enumerate(order.share.columns):
        if name not in known:
            yield stopped(
                order, f"{table.full_name} has no column {name}", f"{table.full_name} 没有列 {name}", "correct the name",
                "请更正列名", "columns", place,
            )  # fmt: skip
        elif known[name].classification not in allowed:
            yield stopped(
                order,
                f"column {name} is {known[name].classification}, above the subscriber's clearance {order.who.clearance}",
                f"列 {name} 的分类为 {known[name].classification}，高于订阅方的许可级别 {order.who.clearance}",
                "leave the column out, or have the clearance raised",
                "请去除该列，或提升许可级别",
                "columns",
                place,
            )
        elif name == SOURCE_ROW and about_people(table):
            yield stopped(
                order,
                f"column {name} of a table of people would let two subscribers join their rows",
                f"人员类数据表的列 {name} 会使两个订阅方的数据可以相互关联",
                "leave the column out",
                "请去除该列",
                "columns",
                place,
            )
    if audience_of(order, table) is None:
        yield stopped(
            order,
            f"{table.full_name} is for {', '.join(table.audiences)}, above the subscriber's clearance {order.who.clearance}",
            f"{table.full_name} 仅供 {', '.join(table.audiences)} 受众，高于订阅方的许可级别 {order.who.clearance}",
            "choose another table, or have the clearance raised",
            "请选择其他数据表，或提升许可级别",
            "table",
        )


def audience_of(order: Order, table: Table) -> Audience | None:
    """Whose form of the table the subscriber gets: small groups stay suppressed for who is cleared for public data alone."""
    if order.who.clearance == "public":
        return "public" if "public" in table.audiences else None
    classes = {column.classification for column in table.columns if column.name in order.share.columns}
    if "internal" in table.audiences and classes <= {"public", "internal"}:
        return "internal"
    if "restricted" in table.audiences and order.who.clearance in ("personal", "sensitive"):
        return "restricted"
    return None


def _keys(order: Order, table: Table) -> Iterator[Problem]:
    missing = [key for key in table.keys if key not in order.share.columns]
    if order.share.mode == "changes" and (missing or not table.keys):
        yield stopped(
            order,
            f"changes are told by the key, and {', '.join(missing) or 'the table'} {'is not among the columns' if missing else 'has none'}",
            f"变更按主键识别，{'所选列缺少主键 ' + ', '.join(missing) if missing else '该表没有主键'}",
            "add the key columns, or set mode to full",
            "请加入主键列，或将 mode 设为 full",
            "columns",
        )


# Filters

_PLAIN: tuple[type[exp.Expression], ...] = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE,
    exp.LT, exp.LTE, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Cast, exp.DataType,
    exp.Interval, exp.Var, exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Length, exp.Coalesce, exp.Year, exp.Month, exp.Day, exp.Abs,
    exp.StartsWith, exp.Concat, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Case, exp.If, exp.Tuple, exp.Escape,
)  # fmt: skip
"""All that a filter may be made of. What is not here (functions that read files, subqueries, settings, now()) is refused."""


class FilterProblem(ValueError):
    """A filter that is no condition over the table's columns; says which part."""


def filter_sql(text: str, table: Table, as_of: dt.date, allowed: Iterable[Classification] = LEVELS) -> str:
    """The filter as DuckDB SQL with the as-of date put in; FilterProblem where it is more than a condition over the table's columns.

    A filter may not look at a column above the subscriber's clearance either: which rows come would tell its value.
    """
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
    except SqlglotError as error:
        raise FilterProblem(f"is no SQL condition: {str(error).splitlines()[0]}") from error
    if len(trees) != 1 or trees[0] is None:
        raise FilterProblem("is not one condition")
    tree = trees[0]
    known = {column.name: column for column in table.columns}
    for node in tree.walk():
        if type(node) not in _PLAIN:
            raise FilterProblem(f"holds {node.sql(dialect='duckdb')!r}, which is no comparison of columns and values")
        if isinstance(node, exp.Literal) and node.is_string and holds(node.name):
            # The filter stands in the manifest: it would give the subscriber a pseudonym that is not its own.
            raise FilterProblem("names somebody's pseudonym")
        if isinstance(node, exp.Column):
            if node.table or (node.name not in known and node.name != AS_OF):
                raise FilterProblem(f"names {node.sql(dialect='duckdb')}, which is no column of {table.full_name}")
            if node.name in known and known[node.name].classification not in tuple(allowed):
                raise FilterProblem(f"looks at {node.name}, which is {known[node.name].classification}")
    day = exp.cast(exp.Literal.string(as_of.isoformat()), "date")
    bound = tree.transform(lambda node: day.copy() if isinstance(node, exp.Column) and node.name == AS_OF else node)
    sql = bound.sql(dialect="duckdb", identify=True, comments=False)
    _bind(sql, table)
    return sql


def _bind(sql: str, table: Table) -> None:
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "enable_external_access": "false"}) as connection:
        connection.execute(create_table(table, "candidate"))
        try:
            kind = str(connection.sql(f"SELECT ({sql}) AS kept FROM candidate").types[0])
        except duckdb.Error as error:
            raise FilterProblem(f"cannot be evaluated: {str(error).splitlines()[0]}") from error
    if kind != "BOOLEAN":
        raise FilterProblem(f"gives {kind}, not true or false")


def _filter(order: Order, table: Table) -> Iterator[Problem]:
    if order.share.filter is None:
        return
    allowed = LEVELS[: LEVELS.index(order.who.clearance) + 1]
    try:
        filter_sql(order.share.filter, table, dt.date(2000, 1, 1), allowed)
    except FilterProblem as problem:
        yield stopped(
            order,
            f"the filter {problem}",
            f"筛选条件有误：{problem}",
            "write a condition over the table's columns, such as street = '…' AND reported_on >= as_of_date - 30",
            "请改为只含本表列的条件，例如 street = '…'",
            "filter",
        )
