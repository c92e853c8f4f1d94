"""How fast deadlines are counted: the clock alone and the whole table `event.deadline`, over generated events.

    taskset -c 0,1 .venv/bin/python benchmarks/clock.py [--events 10000000] [--district districts/demo]

Prints seconds of each and rows a second. The events are spread over three years, all rules of the district occur, one in ten was
suspended and one in twenty extended.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from contracts import settings_file
from contracts.district import load_district
from contracts.step import StepContext
from governance import deadlines
from governance.clock import Calendar

AS_OF = dt.datetime(2026, 6, 30, 23, 59, 59)
MINUTES = 3 * 365 * 24 * 60


def main() -> None:
    """Makes the events, times the clock, then the step."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=10_000_000)
    options.add_argument("--district", type=Path, default=Path("districts/demo"))
    given = options.parse_args()
    district = load_district(given.district)
    rules, special = (settings_file.load_setting(district, name) for name in ("deadline", "special_day"))
    events, nodes = generated(given.events, pl.DataFrame(pl.from_arrow(rules)))
    print(f"{given.events:,} events, {nodes.num_rows:,} nodes, {events.nbytes / 2**20:,.0f} MiB")

    calendar = Calendar.of(given.district, special)
    frame = pl.DataFrame(pl.from_arrow(events))
    numbers = np.random.default_rng(1)
    units = pl.Series(np.array(["hour", "working_hour", "day", "working_day"])[numbers.integers(0, 4, given.events)])
    amounts = pl.Series(numbers.integers(1, 30, given.events))
    started = time.perf_counter()
    calendar.due(frame["reported_at"], amounts, units)
    show("clock.Calendar.due", time.perf_counter() - started, given.events)

    inputs = {"event.event": events, "event.event_node": nodes, "district.deadline": rules, "district.special_day": special}
    started = time.perf_counter()
    made = deadlines.deadlines(inputs, StepContext(as_of=AS_OF, district_folder=given.district))
    show("event.deadline", time.perf_counter() - started, made.num_rows)
    print(pl.DataFrame(pl.from_arrow(made.select(["state"])))["state"].value_counts(sort=True))


def show(what: str, seconds: float, rows: int) -> None:
    """One line of the result."""
    print(f"{what}: {seconds:.1f} s, {rows / seconds:,.0f} rows/s")


def generated(count: int, rules: pl.DataFrame) -> tuple[pa.Table, pa.Table]:
    """Events and their nodes as the step takes them."""
    numbers = np.random.default_rng(0)
    minutes = numbers.integers(0, MINUTES, count)
    reported = pl.Series((np.datetime64(AS_OF, "m") - MINUTES + minutes).astype("datetime64[us]"))
    fits = rules.select("kind", "category_1", "category_2", "flow").with_columns(pl.all().replace("*", None))
    picked = fits[numbers.integers(0, fits.height, count)]
    done = pl.Series(numbers.random(count) < 0.9)
    handled = reported + pl.Series(numbers.integers(0, 20 * 24 * 60, count) * 60_000_000).cast(pl.Duration("us"))
    events = picked.with_columns(
        pl.Series("event_id", np.arange(count)).cast(pl.String).str.zfill(9),
        pl.Series("reported_at", reported),
        pl.when(done).then(pl.lit("closed")).otherwise(pl.lit("handling")).alias("status"),
        pl.Series("is_done", done),
        pl.when(done).then(pl.lit(handled)).alias("handled_at"),
        pl.lit(None, dtype=pl.Boolean).alias("handled_in_time"),
        pl.lit(None, dtype=pl.Datetime("us")).alias("due_at_delivered"),
    ).sort("event_id")
    keys = events.select("event_id", "reported_at").with_row_index("at")
    suspended = keys.filter(pl.col("at") % 10 == 0).with_columns(pl.lit("suspended").alias("status"))
    extended = keys.filter(pl.col("at") % 20 == 1).with_columns(pl.lit("extended").alias("status"))
    nodes = pl.concat([suspended, extended]).select(
        "event_id",
        "status",
        pl.lit("handling").alias("previous_status"),
        (pl.col("reported_at") + dt.timedelta(hours=3)).alias("entered_at"),
        (pl.col("reported_at") + dt.timedelta(hours=30)).alias("left_at"),
    )
    return events.to_arrow(), nodes.to_arrow()


if __name__ == "__main__":
    main()
