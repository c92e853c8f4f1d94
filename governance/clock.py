"""The governance clock: which days and hours are worked, when a period ends, how much working time lies between two moments.

Belongs here: arithmetic with working time, over whole columns. Does not belong here: which rule applies to a matter and what its state is
(`deadlines`).

How periods end (source: Civil Code of the PRC, articles 201 and 203; 《民法典》第二百零一条、第二百零三条):
- by hours, counting starts at the moment itself; `hour` runs on by the clock, `working_hour` only in working time;
- by days, the starting day does not count: `working_day` ends with the office hours of the n-th working day after it, `day` with the office
  hours of the n-th day after it, and where that is a day off, of the next working day.
A matter that comes in on a day off or out of hours starts on that day all the same: 1 working day from Saturday ends on Monday.
Suspended time is added at the end: as working time for the two working units, by the clock for the others.

Moments are local time without zone, microseconds. Days outside 1900–2199 give null. All columns are Polars Series (Arrow memory).
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contracts import ContractError
from contracts import district as districts

Unit = Literal["hour", "working_hour", "day", "working_day"]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_FIRST, _LAST = dt.date(1900, 1, 1), dt.date(2199, 12, 31)
_ORIGIN = (_FIRST - dt.date(1970, 1, 1)).days
_DAYS = (_LAST - _FIRST).days + 1
_MINUTE, _HOUR, _DAY = 60_000_000, 3_600_000_000, 86_400_000_000
_PIECE = 500_000
"""Rows worked on at a time: temporary arrays then stay in the processor's cache."""


class Calendar:
    """A district's working days and hours."""

    def __init__(self, rules: districts.Calendar, special_day: pa.Table | None = None) -> None:
        """`special_day` (day date, works boolean) goes before the official calendar, the official calendar before the plain week."""
        self._opens, self._lunch, self._reopens, self._closes = _hours(rules)
        self._morning = self._lunch - self._opens
        self._worktime = self._morning + self._closes - self._reopens
        weekday = (np.arange(_DAYS) + _FIRST.weekday()) % 7
        self._works: Bools = weekday < 5
        self._known: Bools = np.zeros(_DAYS, dtype=bool)
        if rules.official:
            _set_official(self._works, self._known)
        if special_day is not None:
            _set_special(self._works, self._known, special_day)
        # _before[d]: working days before day d. _working[k]: the k-th working day. Both turn a search into a look-up.
        self._before: Ints = np.concatenate([[0], np.cumsum(self._works)]).astype(np.int64)
        self._unknown: Ints = np.concatenate([[0], np.cumsum(~self._known)]).astype(np.int64)
        self._working: Ints = np.flatnonzero(self._works).astype(np.int64)

    @classmethod
    def of(cls, folder: Path, special_day: pa.Table) -> Calendar:
        """The calendar of the district in `folder`; ContractError where its hours make no day."""
        return cls(districts.load_district(folder).calendar, special_day)

    def works(self, days: pl.Series) -> pl.Series:
        """Whether each date is a working day (boolean; null for null and outside 1900–2199)."""
        return self._by_piece(lambda day: (self._works[day // _DAY], None), days.cast(pl.Datetime("us")), dtype=pl.Boolean)

    def days(self, first: dt.date, last: dt.date) -> pl.DataFrame:
        """One row per day: day, is_working, is_known (official or the district's own), minutes_before (working minutes from `first` to the
        day's start), and the working hours as minutes since midnight: opens, lunch, reopens, closes.
        """
        start, end = (first - _FIRST).days, (last - _FIRST).days + 1
        before = (self._before[start:end] - self._before[start]) * self._worktime // _MINUTE
        hours = {"opens": self._opens, "lunch": self._lunch, "reopens": self._reopens, "closes": self._closes}
        return pl.DataFrame(
            {
                "day": pl.date_range(first, last, eager=True),
                "is_working": self._works[start:end],
                "is_known": self._known[start:end],
                "minutes_before": before,
            }
        ).with_columns(*(pl.lit(time // _MINUTE, dtype=pl.Int64).alias(name) for name, time in hours.items()))

    def covered(self, starts: pl.Series, ends: pl.Series) -> pl.Series:
        """Whether every day from `starts` to `ends` is known from the official calendar or the district's table (boolean).

        False: at least one of these days was taken as worked or free by its weekday alone.
        """

        def known(start: Ints, end: Ints) -> tuple[Ints | Bools, Bools | None]:
            low, high = np.minimum(start, end) // _DAY, np.maximum(start, end) // _DAY
            return self._unknown[high + 1] == self._unknown[low], None

        return self._by_piece(known, _moments(starts), _moments(ends), dtype=pl.Boolean)

    def due(self, starts: pl.Series, amounts: pl.Series, units: pl.Series, suspended_minutes: pl.Series | None = None) -> pl.Series:
        """When periods end (Datetime us): `amounts` (integer, 1 or more) of `units` (Unit as text) from `starts` (timestamp).

        `suspended_minutes` (integer) are working minutes for the working units and plain minutes for the others. Null where a value is
        missing, the amount is below 1 or the end lies beyond 2199. ValueError for an unknown unit.
        """
        unknown = set(units.unique().drop_nulls()) - set(get_args(Unit))
        if unknown:
            raise ValueError(f"unknown units {sorted(unknown)}; remedy: use one of {', '.join(get_args(Unit))}")
        codes = (
            units.replace_strict(list(get_args(Unit)), [0, 1, 2, 3], return_dtype=pl.Int64)
            if units.dtype == pl.String
            else units.cast(pl.Int64)
        )
        paused = pl.zeros(len(starts), dtype=pl.Int64, eager=True) if suspended_minutes is None else suspended_minutes.fill_null(0)
        return self._by_piece(self._due, _moments(starts), amounts.cast(pl.Int64), codes, paused.cast(pl.Int64), dtype=pl.Datetime("us"))

    def working_minutes(self, starts: pl.Series, ends: pl.Series) -> pl.Series:
        """Whole minutes of working time from `starts` to `ends` (Int64); negative where the end comes first, null where one is missing."""

        def minutes(start: Ints, end: Ints) -> tuple[Ints | Bools, Bools | None]:
            between = self._position(end) - self._position(start)
            return np.sign(between) * (np.abs(between) // _MINUTE), None

        return self._by_piece(minutes, _moments(starts), _moments(ends), dtype=pl.Int64)

    def _due(self, start: Ints, amount: Ints, unit: Ints, paused: Ints) -> tuple[Ints, Bools]:
        possible = (amount >= 1) & (paused >= 0)
        amount, pause = np.clip(amount, 0, 10_000_000), np.clip(paused, 0, 1_000_000_000) * _MINUTE
        due = np.empty_like(start)
        for code, period in enumerate((self._hours_on, self._working_hours_on, self._days_on, self._working_days_on)):
            rows = np.flatnonzero(unit == code)
            if len(rows):
                due[rows] = period(start[rows], amount[rows], pause[rows])
        inside = possible & (due >= 0) & (due < _DAYS * _DAY)
        return due, inside

    def _hours_on(self, start: Ints, amount: Ints, pause: Ints) -> Ints:
        return start + amount * _HOUR + pause

    def _working_hours_on(self, start: Ints, amount: Ints, pause: Ints) -> Ints:
        return self._moment(self._position(start) + amount * _HOUR + pause)

    def _working_days_on(self, start: Ints, amount: Ints, pause: Ints) -> Ints:
        return self._moment((self._before[start // _DAY + 1] + amount) * self._worktime + pause)

    def _days_on(self, start: Ints, amount: Ints, pause: Ints) -> Ints:
        end = (start // _DAY + amount) * _DAY + self._closes + pause
        day = end // _DAY
        inside = np.clip(day, 0, _DAYS - 1)
        off = (day < _DAYS) & ~self._works[inside]
        # A full day's position, read back as a moment, is the close of that day: here of the first working day from `day` on.
        return np.where(off, self._moment((self._before[inside] + 1) * self._worktime), end)

    def _position(self, moment: Ints) -> Ints:
        """A moment on the axis of working time (µs since the first day): it stands still out of hours."""
        day = moment // _DAY
        within = moment - day * _DAY
        worked = np.clip(within - self._opens, 0, self._morning) + np.clip(within - self._reopens, 0, self._closes - self._reopens)
        return self._before[day] * self._worktime + worked * self._works[day]

    def _moment(self, position: Ints) -> Ints:
        """The earliest moment at that position (above 0): the close of a day, not the opening of the next. Beyond the last day: -1."""
        number = (position - 1) // self._worktime
        worked = position - number * self._worktime
        within = self._opens + worked + (worked > self._morning) * (self._reopens - self._lunch)
        day = self._working[np.minimum(number, len(self._working) - 1)]
        return np.where(number < len(self._working), day * _DAY + within, -1)

    def _by_piece(
        self, function: Callable[..., tuple[Ints | Bools, Bools | None]], *columns: pl.Series, dtype: pl.DataType | type[pl.DataType]
    ) -> pl.Series:
        """Run `function` over pieces of the columns as integers, moments counted from the first day; rows with a null or a day outside stay null."""
        made = [self._piece(function, [column.slice(at, _PIECE) for column in columns], dtype) for at in range(0, len(columns[0]), _PIECE)]
        return pl.concat(made) if made else pl.Series([], dtype=dtype)

    @staticmethod
    def _piece(
        function: Callable[..., tuple[Ints | Bools, Bools | None]], columns: list[pl.Series], dtype: pl.DataType | type[pl.DataType]
    ) -> pl.Series:
        valid = np.ones(len(columns[0]), dtype=bool)
        numbers: list[Ints] = []
        for column in columns:
            values = column.to_physical().fill_null(0).to_numpy()
            valid &= column.is_not_null().to_numpy()
            if isinstance(column.dtype, pl.Datetime):
                values = values - _ORIGIN * _DAY
                inside = (values >= 0) & (values < _DAYS * _DAY)
                valid &= inside
                values = np.where(inside, values, 0)
            numbers.append(values)
        result, possible = function(*numbers)
        if possible is not None:
            valid &= possible
        if dtype == pl.Datetime("us"):
            result = result + _ORIGIN * _DAY
        made = pl.Series(result)
        # `set` with a null keeps the buffer; only pieces with a null pay for it.
        return (made if valid.all() else made.set(pl.Series(~valid), None)).cast(dtype)


def _moments(column: pl.Series) -> pl.Series:
    return column.cast(pl.Datetime("us"))


def _hours(rules: districts.Calendar) -> tuple[int, int, int, int]:
    """Opening, lunch, reopening and closing in µs since midnight."""
    texts = (rules.day_starts, rules.lunch_starts, rules.lunch_ends, rules.day_ends)
    found = [re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", text) for text in texts]
    times = [int(match[1]) * 60 + int(match[2]) for match in found if match]
    if len(times) < 4 or times[0] == times[3] or times != sorted(times) or times[3] > 24 * 60 - 1:
        raise ContractError(
            f"district.yaml: calendar: {', '.join(texts)} make no working day; remedy: give day_starts, lunch_starts, lunch_ends, day_ends as "
            "HH:MM in this order, the last at most 23:59; no lunch: the same time twice"
        )
    opens, lunch, reopens, closes = (time * _MINUTE for time in times)
    return opens, lunch, reopens, closes


@functools.cache
def _official() -> tuple[int, int, tuple[tuple[int, bool], ...]]:
    """The mainland's official calendar as `chinesecalendar` has it: first and last day covered, and the days unlike the plain week."""
    from chinese_calendar.constants import holidays, workdays

    first = dt.date(min(holidays).year, 1, 1)
    last = dt.date(max(holidays).year, 12, 31)
    unlike = [((day - _FIRST).days, False) for day in holidays] + [((day - _FIRST).days, True) for day in workdays]
    return (first - _FIRST).days, (last - _FIRST).days, tuple(unlike)


def _set_official(works: Bools, known: Bools) -> None:
    first, last, unlike = _official()
    known[first : last + 1] = True
    for day, worked in unlike:
        works[day] = worked


def _set_special(works: Bools, known: Bools, special_day: pa.Table) -> None:
    for day, worked in zip(special_day["day"].to_pylist(), special_day["works"].to_pylist(), strict=True):
        if day is not None and worked is not None and _FIRST <= day <= _LAST:
            works[(day - _FIRST).days] = worked
            known[(day - _FIRST).days] = True
