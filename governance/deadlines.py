"""Deadlines: by when each matter is due by the district's rules, and how it stands as of a moment.

Belongs here: which rule applies, what suspensions and extensions do, and the state of a deadline. Does not belong here: counting
working time (`clock`).

A rule's row names kind, category level 1, level 2 and flow, `*` for all. Of several rows that fit, the most specific wins: level 2
counts before level 1, level 1 before kind, kind before flow. Suspended time does not count. An extension gives the rule's time once
more, unless the feed delivers a later moment itself: then that holds.

Any moment may be asked, the past too: the node log says what had happened by then, and nothing later counts. What a feed delivers as one
value only (its own deadline, "handled in time") counts as the latest delivery has it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import polars as pl
import pyarrow as pa

import contracts
from contracts.schema import arrow_schema
from contracts.step import StepContext
from governance import clock

INPUTS = ("event.event", "event.event_node", "district.deadline", "district.special_day")
_SITUATION = ("kind", "category_1", "category_2", "flow")
_WEIGHTS = {"category_2": 8, "category_1": 4, "kind": 2, "flow": 1}
_DUE_SOON = dt.timedelta(days=1)
_DONE = ("handled", "checked", "closed")
_LOGGED = ("event.event_node.status", "event.event_node.previous_status", "event.event_node.entered_at", "event.event_node.left_at")
_FITS = tuple(f"{table}.{part}" for table in ("event.event", "district.deadline") for part in _SITUATION)
_RULED = (*_FITS, "district.deadline.amount", "district.deadline.unit")
_DUE = (
    *_RULED,
    *_LOGGED,
    "event.event.reported_at",
    "event.event.due_at_delivered",
    "district.special_day.day",
    "district.special_day.works",
)
_OUTCOME = ("event.event.is_done", "event.event.status", "event.event.handled_at", "event.event.handled_in_time")
ORIGINS = {
    "event_id": ("event.event.event_id",),
    "basis": (*_DUE, "event.event.handled_in_time"),
    **{f"rule_{part}": _FITS for part in _SITUATION},
    "amount": _RULED,
    "unit": _RULED,
    "starts_at": ("event.event.reported_at",),
    "suspended_minutes": (*_LOGGED, "district.deadline.unit", "district.special_day.day", "district.special_day.works"),
    "due_at": _DUE,
    "calendar_known": _DUE,
    "handled_at": ("event.event.handled_at", *_LOGGED[:3]),
    "state": (*_DUE, *_OUTCOME),
    "minutes_over": (*_DUE, *_OUTCOME),
}


def deadlines(inputs: Mapping[str, pa.Table], context: StepContext) -> pa.Table:
    """`event.deadline` from INPUTS: one row per event, ordered by event_id."""
    asked = ["event_id", *_SITUATION, "reported_at", "status", "is_done", "handled_at", "handled_in_time", "due_at_delivered"]
    events = _table(inputs["event.event"].select(asked))
    log = _table(inputs["event.event_node"].select(["event_id", "status", "previous_status", "entered_at", "left_at"]))
    nodes = _until(log, context.as_of)
    events = _as_it_was(events, log, nodes, context.as_of)
    calendar = clock.Calendar.of(context.district_folder, inputs["district.special_day"])
    events = _with_rule(events, _table(inputs["district.deadline"]))
    events = _with_pauses(events, nodes, context.as_of, calendar)
    judged = _with_state(_with_due(events, calendar), context.as_of)
    schema = arrow_schema(contracts.tables()["event.deadline"].columns)
    # Events come in the order of their key and every join keeps it.
    return judged.select(schema.names).to_arrow().cast(schema)


def _table(data: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(data)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _until(nodes: pl.DataFrame, as_of: dt.datetime) -> pl.DataFrame:
    """The node log as it stood at a moment: nodes entered later are not there, and a node left later is not left."""
    return nodes.filter((pl.col("entered_at") <= as_of).fill_null(True)).with_columns(
        pl.when(pl.col("left_at") <= as_of).then("left_at").alias("left_at")
    )


def _as_it_was(events: pl.DataFrame, log: pl.DataFrame, nodes: pl.DataFrame, as_of: dt.datetime) -> pl.DataFrame:
    """Events with is_done and handled_at as they were; only those of which something happened later differ from `event.event`."""
    later = log.filter(pl.col("entered_at") > as_of).select("event_id").unique()
    if not later.height:
        return events
    earlier = (
        nodes.join(later, on="event_id", how="semi")
        .filter(pl.col("entered_at").is_not_null())
        .group_by("event_id")
        .agg(
            pl.col("status").sort_by("entered_at").last().is_in(_DONE).alias("was_done"),
            pl.col("entered_at")
            .filter(pl.col("status").is_in(_DONE), ~pl.col("previous_status").is_in(_DONE).fill_null(False))
            .max()
            .alias("was_handled_at"),
        )
    )
    changed = pl.col("changed").fill_null(False)
    return (
        events.join(later.with_columns(pl.lit(True).alias("changed")), on="event_id", how="left", maintain_order="left")
        .join(earlier, on="event_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(changed).then(pl.col("was_done").fill_null(False)).otherwise("is_done").alias("is_done"),
            pl.when(~changed).then("handled_at").when(pl.col("was_done")).then("was_handled_at").alias("handled_at"),
        )
        .drop("changed", "was_done", "was_handled_at")
    )


def _with_rule(events: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """Adds rule_kind, rule_category_1, rule_category_2, rule_flow, amount, unit of the most specific rule that fits; null without one.

    Rules are matched to the distinct situations that occur, not to events: there are few of them.
    """
    rules = rules.select(*(pl.col(part).alias(f"rule_{part}") for part in _SITUATION), "amount", "unit")
    known = pl.col("amount").is_not_null() & pl.col("unit").is_not_null()
    situations = events.select(_SITUATION).unique()
    fits = [(pl.col(f"rule_{part}") == "*") | (pl.col(f"rule_{part}") == pl.col(part)).fill_null(False) for part in _SITUATION]
    specificity = pl.sum_horizontal((pl.col(f"rule_{part}") != "*").cast(pl.Int32) * weight for part, weight in _WEIGHTS.items())
    names = [f"rule_{part}" for part in _SITUATION]
    best = (
        situations.join(rules.filter(known), how="cross")
        .filter(*fits)
        .with_columns(specificity.alias("specificity"))
        .sort("specificity", *names, descending=[True, *(False for _ in names)])
        .unique(_SITUATION, keep="first", maintain_order=True)
        .drop("specificity")
    )
    return events.join(best, on=_SITUATION, how="left", nulls_equal=True, maintain_order="left")


def _with_pauses(events: pl.DataFrame, nodes: pl.DataFrame, as_of: dt.datetime, calendar: clock.Calendar) -> pl.DataFrame:
    """Adds suspended_minutes (in the rule's own time: working or plain) and extensions from the node log."""
    extended = (
        nodes.filter(pl.col("status") == "extended", pl.col("previous_status").ne_missing("extended"))
        .group_by("event_id")
        .agg(pl.len().cast(pl.Int64).alias("extensions"))
    )
    suspended = (
        nodes.filter(pl.col("status") == "suspended", pl.col("entered_at").is_not_null())
        .join(events.select("event_id", "unit"), on="event_id")
        .with_columns(pl.col("left_at").fill_null(as_of).alias("left_at"))
        .filter(pl.col("left_at") > pl.col("entered_at"))
    )
    working = calendar.working_minutes(suspended["entered_at"], suspended["left_at"])
    plain = (pl.col("left_at") - pl.col("entered_at")).dt.total_minutes()
    paused = (
        suspended.with_columns(working.alias("working"))
        .with_columns(pl.when(pl.col("unit").str.starts_with("working")).then("working").otherwise(plain).alias("minutes"))
        .group_by("event_id")
        .agg(pl.col("minutes").sum().alias("suspended_minutes"))
    )
    return events.join(
        extended.join(paused, on="event_id", how="full", coalesce=True), on="event_id", how="left", maintain_order="left"
    ).with_columns(pl.col("extensions").fill_null(0), pl.col("suspended_minutes").fill_null(0))


def _with_due(events: pl.DataFrame, calendar: clock.Calendar) -> pl.DataFrame:
    """Adds due_at and basis: the rule's moment, the delivered one where no rule fits or an extension delivered a later one."""
    events = events.with_columns(_due_by_rule(events, calendar).alias("due_by_rule"))
    delivered_later = (pl.col("extensions") > 0) & (pl.col("due_at_delivered") > pl.col("due_by_rule"))
    use_delivered = pl.col("due_by_rule").is_null() | delivered_later.fill_null(False)
    events = events.with_columns(
        pl.when(use_delivered).then("due_at_delivered").otherwise("due_by_rule").alias("due_at"),
        # A feed that says "handled in time" without naming the moment has judged by a deadline of its own.
        pl.when(use_delivered & (pl.col("due_at_delivered").is_not_null() | pl.col("handled_in_time").is_not_null()))
        .then(pl.lit("delivered"))
        .when(pl.col("due_by_rule").is_not_null())
        .then(pl.lit("rule"))
        .otherwise(pl.lit("none"))
        .alias("basis"),
    )
    counted = (pl.col("basis") == "rule") & (pl.col("unit") != "hour")
    return events.with_columns(pl.when(counted).then(calendar.covered(events["reported_at"], events["due_at"])).alias("calendar_known"))


def _due_by_rule(events: pl.DataFrame, calendar: clock.Calendar) -> pl.Series:
    """The rule's moment for each event, null without a rule."""
    if events["amount"].null_count() == events.height:
        return pl.Series(dtype=pl.Datetime("us")).extend_constant(None, events.height)
    return calendar.due(events["reported_at"], events["amount"] * (1 + events["extensions"]), events["unit"], events["suspended_minutes"])


def _with_state(events: pl.DataFrame, as_of: dt.datetime) -> pl.DataFrame:
    """Adds state and minutes_over. A feed without status says nothing about whether a matter is done: its state is unknown."""
    done, due, handled = pl.col("is_done"), pl.col("due_at"), pl.col("handled_at")
    now = pl.lit(as_of).cast(pl.Datetime("us"))
    judged_at = pl.when(done).then(handled).when(pl.col("status").is_not_null()).then(now)
    state = (
        pl.when(pl.col("reported_at") > now)
        .then(pl.lit("not_yet"))
        .when(handled.is_null() & pl.col("handled_in_time"))
        .then(pl.lit("on_time"))
        .when(handled.is_null() & ~pl.col("handled_in_time"))
        .then(pl.lit("late"))
        .when(due.is_null())
        .then(pl.lit("none"))
        .when(done & (handled <= due))
        .then(pl.lit("on_time"))
        .when(done & (handled > due))
        .then(pl.lit("late"))
        .when(done | pl.col("status").is_null())
        .then(pl.lit("unknown"))
        .when(now > due)
        .then(pl.lit("overdue"))
        .when(now > due - _DUE_SOON)
        .then(pl.lit("due_soon"))
        .otherwise(pl.lit("open"))
    )
    return events.with_columns(
        pl.col("reported_at").alias("starts_at"),
        state.alias("state"),
        (judged_at - due).dt.total_minutes().alias("minutes_over"),
        pl.when(pl.col("due_at").is_not_null() & (pl.col("basis") == "rule")).then("amount").alias("amount"),
        pl.when(pl.col("due_at").is_not_null() & (pl.col("basis") == "rule")).then("unit").alias("unit"),
    )
