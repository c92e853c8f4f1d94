"""The state of a deadline at any moment, the past too."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from contracts.schema import arrow_schema
from contracts.step import StepContext
from governance import deadlines

DISTRICT = Path(__file__).parents[1] / "themes" / "district"
START = dt.datetime(2026, 6, 1, 10)
RULES = [{"kind": "*", "category_1": "*", "category_2": "*", "flow": "*", "amount": 2, "unit": "working_day"}]
DONE = ("handled", "checked", "closed")


def _table(name: str, rows: list[dict[str, object]]) -> pa.Table:
    known = contracts.tables().get(name) or contracts.settings()[name.partition(".")[2]]
    return pa.Table.from_pylist(rows, schema=arrow_schema(known.columns))


def _event(log: list[tuple[dt.datetime, str]], reported: dt.datetime = START) -> dict[str, object]:
    """What `event.event` says of a matter with this log."""
    done = bool(log) and log[-1][1] in DONE
    entries = [
        moment
        for (moment, status), before in zip(log, [None, *(status for _, status in log)], strict=False)
        if status in DONE and before not in DONE
    ]
    return {
        "event_id": "ticket:1", "kind": "complaint", "reported_at": reported, "status": log[-1][1] if log else "received",
        "is_done": done, "handled_at": entries[-1] if done else None,
    }  # fmt: skip


def _nodes(log: list[tuple[dt.datetime, str]]) -> list[dict[str, object]]:
    times = [moment for moment, _ in log]
    return [
        {
            "event_id": "ticket:1", "node_no": number + 1, "status": status, "entered_at": moment,
            "left_at": times[number + 1] if number + 1 < len(log) else None, "previous_status": log[number - 1][1] if number else None,
        }
        for number, (moment, status) in enumerate(log)
    ]  # fmt: skip


def _judged(
    log: list[tuple[dt.datetime, str]], as_of: dt.datetime, rules: list[dict[str, object]] = RULES, reported: dt.datetime = START
) -> dict[str, object]:
    inputs = {
        "event.event": _table("event.event", [_event(log, reported)]),
        "event.event_node": _table("event.event_node", _nodes(log)),
        "district.deadline": _table("district.deadline", rules),
        "district.special_day": _table("district.special_day", []),
    }
    made = deadlines.deadlines(inputs, StepContext(as_of=as_of, district_folder=DISTRICT)).to_pylist()
    assert len(made) == 1
    return made[0]


_STEP = st.tuples(st.integers(1, 72 * 60), st.sampled_from(["dispatched", "handling", "suspended", "extended", "handled", "closed"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(_STEP, max_size=7), st.integers(60, 20 * 24 * 60))
def test_the_past_is_what_was_known_then(steps: list[tuple[int, str]], minutes: int) -> None:
    """The whole log asked about a moment gives the same as the log that ended at that moment."""
    log, moment = [(START, "received")], START
    for gap, status in steps:
        moment += dt.timedelta(minutes=gap)
        if status != log[-1][1]:
            log.append((moment, status))
    as_of = START + dt.timedelta(minutes=minutes)
    then = [(moment, status) for moment, status in log if moment <= as_of]
    assert _judged(log, as_of) == _judged(then, as_of)


def test_open_due_soon_overdue_then_late() -> None:
    log = [(START, "received"), (START + dt.timedelta(days=7), "handled")]
    asked = [START - dt.timedelta(days=1), START, START + dt.timedelta(days=2), START + dt.timedelta(days=3), START + dt.timedelta(days=8)]
    assert [_judged(log, moment)["state"] for moment in asked] == ["not_yet", "open", "due_soon", "overdue", "late"]


def test_a_year_without_official_calendar_is_marked() -> None:
    far = dt.datetime(2035, 3, 1, 10)
    assert _judged([(START, "received")], START)["calendar_known"] is True
    assert _judged([(far, "received")], far, reported=far)["calendar_known"] is False
    by_hour = [RULES[0] | {"unit": "hour"}]
    assert _judged([(far, "received")], far, by_hour, far)["calendar_known"] is None
