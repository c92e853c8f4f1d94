"""The work calendar as a table, so that SQL can count working time as the governance clock does.

Belongs here: one row a day. Not here: the arithmetic with deadlines (`clock`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pyarrow as pa

import contracts
from contracts.schema import arrow_schema
from contracts.step import StepContext
from governance import clock

INPUTS = ("district.special_day",)
ORIGINS = {
    "day": (),
    "is_working": ("district.special_day.works",),
    "is_known": ("district.special_day.day",),
    "minutes_before": ("district.special_day.works",),
    "opens": (),
    "lunch": (),
    "reopens": (),
    "closes": (),
}
FIRST, LAST = dt.date(2000, 1, 1), dt.date(2049, 12, 31)


def work_days(inputs: Mapping[str, pa.Table], context: StepContext) -> pa.Table:
    """`event.work_day`: every day from FIRST to LAST, ordered by day."""
    calendar = clock.Calendar.of(context.district_folder, inputs["district.special_day"])
    return calendar.days(FIRST, LAST).to_arrow().cast(arrow_schema(contracts.tables()["event.work_day"].columns))
