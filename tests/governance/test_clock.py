"""The clock against a slow oracle that walks minute by minute and day by day, and against cases from the official calendar."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pyarrow as pa
import pytest
from chinese_calendar import is_workday
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import ContractError
from contracts.district import Calendar as Hours
from governance.clock import Calendar

SPECIAL = {dt.date(2024, 7, 15): False, dt.date(2024, 7, 20): True, dt.date(2030, 1, 1): False}
SPECIAL_DAY = pa.table({"day": list(SPECIAL), "works": list(SPECIAL.values())}, schema=pa.schema({"day": pa.date32(), "works": pa.bool_()}))
HOURS = Hours(day_starts="08:30", lunch_starts="12:00", lunch_ends="13:30", day_ends="17:30")
CALENDAR = Calendar(HOURS, SPECIAL_DAY)
MORNING, AFTERNOON = (dt.time(8, 30), dt.time(12)), (dt.time(13, 30), dt.time(17, 30))
CLOSE = dt.time(17, 30)
MINUTE = dt.timedelta(minutes=1)

minutes = st.datetimes(dt.datetime(2003, 12, 1), dt.datetime(2027, 6, 1)).map(lambda moment: moment.replace(second=0, microsecond=0))


def works(day: dt.date) -> bool:
    if day in SPECIAL:
        return SPECIAL[day]
    return is_workday(day) if 2004 <= day.year <= 2026 else day.weekday() < 5


def is_worked(moment: dt.datetime) -> bool:
    """Whether the minute that starts at `moment` is working time."""
    return works(moment.date()) and any(start <= moment.time() < end for start, end in (MORNING, AFTERNOON))


def walk(moment: dt.datetime, count: int) -> dt.datetime:
    """The moment after `count` more working minutes."""
    while count:
        count -= is_worked(moment)
        moment += MINUTE
    return moment


def oracle_due(start: dt.datetime, amount: int, unit: str, paused: int) -> dt.datetime:
    if unit == "hour":
        return start + dt.timedelta(hours=amount, minutes=paused)
    if unit == "working_hour":
        return walk(start, amount * 60 + paused)
    if unit == "day":
        end = dt.datetime.combine(start.date() + dt.timedelta(days=amount), CLOSE) + paused * MINUTE
        if works(end.date()):
            return end
        day = end.date()
        while not works(day):
            day += dt.timedelta(days=1)
        return dt.datetime.combine(day, CLOSE)
    day = start.date()
    while amount:
        day += dt.timedelta(days=1)
        amount -= works(day)
    return walk(dt.datetime.combine(day, CLOSE), paused)


def due(start: dt.datetime, amount: int, unit: str, paused: int = 0, calendar: Calendar = CALENDAR) -> dt.datetime | None:
    return calendar.due(pl.Series([start]), pl.Series([amount]), pl.Series([unit]), pl.Series([paused]))[0]


@settings(max_examples=150, deadline=None)
@given(minutes, st.integers(1, 12), st.sampled_from(["hour", "working_hour", "day", "working_day"]), st.integers(0, 900))
def test_due_agrees_with_walking_through_time(start: dt.datetime, amount: int, unit: str, paused: int) -> None:
    assert due(start, amount, unit, paused) == oracle_due(start, amount, unit, paused)


@settings(max_examples=60, deadline=None)
@given(minutes, st.integers(0, 9 * 1440))
def test_working_minutes_agree_with_counting(start: dt.datetime, length: int) -> None:
    end = start + length * MINUTE
    counted = sum(is_worked(start + number * MINUTE) for number in range(length))
    assert CALENDAR.working_minutes(pl.Series([start]), pl.Series([end])).to_list() == [counted]
    assert CALENDAR.working_minutes(pl.Series([end]), pl.Series([start])).to_list() == [-counted]


@given(minutes, st.integers(1, 400))
def test_working_hours_end_after_exactly_that_much_working_time(start: dt.datetime, amount: int) -> None:
    end = CALENDAR.due(pl.Series([start]), pl.Series([amount]), pl.Series(["working_hour"]))
    assert CALENDAR.working_minutes(pl.Series([start]), end).to_list() == [amount * 60]


@given(minutes, minutes, st.integers(1, 30), st.sampled_from(["hour", "working_hour", "day", "working_day"]))
def test_who_starts_later_is_never_due_earlier(one: dt.datetime, other: dt.datetime, amount: int, unit: str) -> None:
    early, late = due(min(one, other), amount, unit), due(max(one, other), amount, unit)
    assert early is not None
    assert late is not None
    assert early <= late


def test_every_day_of_the_official_calendar() -> None:
    days = pl.date_range(dt.date(2004, 1, 1), dt.date(2026, 12, 31), eager=True)
    assert Calendar(Hours()).works(days).to_list() == [is_workday(day) for day in days]


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        (dt.datetime(2024, 9, 30, 17), 1, "working_day", dt.datetime(2024, 10, 8, 17, 30)),  # National Day week
        (dt.datetime(2024, 9, 27, 9), 1, "working_day", dt.datetime(2024, 9, 29, 17, 30)),  # a worked Sunday
        (dt.datetime(2024, 3, 2, 9), 1, "working_day", dt.datetime(2024, 3, 4, 17, 30)),  # comes in on a Saturday
        (dt.datetime(2024, 3, 1, 17), 1, "working_hour", dt.datetime(2024, 3, 4, 9)),  # half of it on Monday
        (dt.datetime(2024, 3, 4, 11), 1, "working_hour", dt.datetime(2024, 3, 4, 12)),  # ends before lunch, not after
        (dt.datetime(2024, 2, 29, 9), 1, "day", dt.datetime(2024, 3, 1, 17, 30)),
        (dt.datetime(2024, 3, 1, 9), 1, "day", dt.datetime(2024, 3, 4, 17, 30)),  # the last day is a Saturday
        (dt.datetime(2024, 3, 1, 23), 2, "hour", dt.datetime(2024, 3, 2, 1)),
        (dt.datetime(2024, 7, 12, 9), 1, "working_day", dt.datetime(2024, 7, 16, 17, 30)),  # the district's own day off
    ],
)
def test_known_deadlines(start: dt.datetime, amount: int, unit: str, expected: dt.datetime) -> None:
    assert due(start, amount, unit) == expected


def test_what_cannot_be_counted_is_null() -> None:
    moment = dt.datetime(2024, 3, 1)
    starts = pl.Series([None, dt.datetime(9999, 1, 1), dt.datetime(1, 1, 1), moment, moment, moment, moment, dt.datetime(2199, 12, 31)])
    amounts = pl.Series([1, 1, 1, None, 0, -1, 10**15, 5])
    units = pl.Series(["working_day"] * 8)
    assert CALENDAR.due(starts, amounts, units).to_list() == [None] * 8
    assert CALENDAR.due(starts, amounts, pl.Series(["day"] * 8)).to_list() == [None] * 8
    assert CALENDAR.due(starts.slice(3, 1), pl.Series([1]), pl.Series([None], dtype=pl.String)).to_list() == [None]
    assert CALENDAR.working_minutes(starts.slice(0, 1), starts.slice(3, 1)).to_list() == [None]
    assert len(CALENDAR.due(starts.clear(), amounts.clear(), units.clear())) == 0


def test_an_unknown_unit_is_named() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        due(dt.datetime(2024, 3, 1), 1, "fortnight")


def test_days_beyond_the_official_calendar_are_told_apart() -> None:
    starts = pl.Series([dt.datetime(2026, 12, 1), dt.datetime(2026, 12, 31), dt.datetime(2003, 12, 31), dt.datetime(2030, 1, 1)])
    ends = pl.Series([dt.datetime(2026, 12, 31), dt.datetime(2027, 1, 1), dt.datetime(2004, 1, 2), dt.datetime(2030, 1, 1)])
    assert CALENDAR.covered(starts, ends).to_list() == [True, False, False, True]
    assert CALENDAR.covered(ends, starts).to_list() == [True, False, False, True]
    plain = Calendar(Hours(official=False))
    assert plain.covered(starts, ends).to_list() == [False] * 4
    assert due(dt.datetime(2024, 9, 30, 9), 1, "working_day", calendar=plain) == dt.datetime(2024, 10, 1, 18)


def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = pl.datetime_range(dt.datetime(2024, 1, 1), dt.datetime(2024, 3, 1), "7h", eager=True)
    amounts, units = pl.Series([3] * len(starts)), pl.Series(["working_hour"] * len(starts))
    whole = CALENDAR.due(starts, amounts, units)
    monkeypatch.setattr("governance.clock._PIECE", 7)
    assert CALENDAR.due(starts, amounts, units).equals(whole)


@pytest.mark.parametrize("hours", [{"day_starts": "19:00"}, {"lunch_ends": "11:00"}, {"day_ends": "24:00"}, {"day_starts": "nine"}])
def test_hours_that_make_no_day_are_refused(hours: dict[str, str]) -> None:
    with pytest.raises(ContractError, match="remedy"):
        Calendar(Hours(**hours))
