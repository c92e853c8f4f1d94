"""How long libraries and a release take, and what a new day costs on top.

    python benchmarks/release.py --rows 1000000 --threads 2
    python benchmarks/release.py --home HOME --district DIR        the lake of a home, read only

Prints seconds by stage, the slowest tables, memory, and the new day's share of the full build. Generated rows, nobody's data.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import shutil
import tempfile
import time
from pathlib import Path

import polars as pl
import pyarrow as pa

import contracts
from contracts.district import District, load_district
from contracts.schema import arrow_schema
from governance import STEPS
from warehouse import library, release
from warehouse.lake import Lake
from warehouse.library import RELATIONS, Sources

DISTRICT = """
name: bench
title: Bench
title_zh: 基准
grammar: mainland
audiences: [internal, public]
feeds: {ticket: {required: true}}
"""


def tickets(start: int, count: int, day: dt.date) -> pa.Table:
    """`clean.ticket` rows of one delivery; every tenth number has come before."""
    delivery = f"ticket/{day}/ticket.csv"
    number = pl.int_range(start, start + count, eager=True)
    number = pl.select(pl.when(number % 10 == 0).then(number // 2).otherwise(number)).to_series()
    made = pl.DataFrame({"number": number}).with_columns(
        record_key=pl.format("T{}", pl.col("number").cast(pl.String).str.zfill(10)),
        created_at=pl.lit(dt.datetime(2024, 1, 1)) + pl.duration(minutes=pl.col("number") % 1_000_000),
        body_redacted=pl.format("第{}件：楼道堆放杂物，[门牌]门口，望尽快处理", "number"),
        category_1=pl.format("大类{}", pl.col("number") % 9),
        category_2=pl.format("小类{}", pl.col("number") % 70),
        department=pl.format("部门{}", pl.col("number") % 40),
        status=pl.lit("closed"),
        key_is_weak=pl.lit(False),
        delivery=pl.lit(delivery),
        delivery_date=pl.lit(day),
        source_row=pl.int_range(2, count + 2, dtype=pl.Int64),
        caller_key=pl.format("caller{}", pl.col("number") % 300_000),
    )
    made = made.with_columns(ticket_no="record_key", status_time=pl.col("created_at") + pl.duration(days=2))
    schema = arrow_schema(contracts.feeds()["ticket"].clean_columns)
    table = made.to_arrow()
    return pa.table(
        [table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(count, field.type) for field in schema],
        schema=schema,
    )


def deliver(lake: Lake, start: int, count: int, day: dt.date) -> None:
    """One delivery into the lake and the ledger."""
    data = tickets(start, count, day)
    lake.replace("clean/ticket", data, column="delivery", values=[data["delivery"][0].as_py()])
    kinds = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DATE": pa.date32()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in RELATIONS["ledger.deliveries"].items()])
    line = {
        "delivery": data["delivery"][0].as_py(),
        "feed": "ticket",
        "date": str(day),
        "day": day,
        "version": 1,
        "status": "accepted",
        "rows_read": count,
        "rows_accepted": count,
        "rows_refused": 0,
        "rows_repeated": 0,
    }
    lake.append("ledger/deliveries", pa.Table.from_pylist([line], schema=schema))


def publish(releases: Path, lake: Lake, district: District, as_of: dt.datetime, threads: int, temporary: Path, memory: str) -> float:
    """Build and switch to a release; prints its stages and gives the seconds."""
    started, cpu = time.perf_counter(), time.process_time()
    planned = library.plan(Sources(lake, district, as_of), STEPS)
    marks = [("plan", time.perf_counter())]
    with release.begin(
        releases, planned, pseudonym_fingerprint="bench", threads=threads, temporary=temporary, memory_limit=memory
    ) as building:
        marks.append(("libraries", time.perf_counter()))
        info = building.finish()
    marks.append(("audiences, Parquet, gate, manifest", time.perf_counter()))
    release.switch(releases, info.id)
    seconds = time.perf_counter() - started
    before = started
    for name, moment in marks:
        print(f"  {name:36s} {moment - before:8.2f} s")
        before = moment
    taken = sum(built.reused for built in building.tables.values())
    print(
        f"  {'all':36s} {seconds:8.2f} s   cpu {time.process_time() - cpu:.1f} s   {info.rows:,} rows, {info.tables} tables, {taken} taken over, {info.bytes / 1e6:.0f} MB"
    )
    for built in sorted(building.tables.values(), key=lambda built: -built.seconds)[:8]:
        print(f"    {built.name:34s} {built.seconds:8.2f} s   {built.rows:,} rows")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--district", type=Path)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="govlake-bench-"))
    try:
        if given.home:
            lake, district = Lake(given.home / "lake"), load_district(given.district)
            as_of = library.default_as_of(lake)
            assert as_of is not None, "nothing was delivered to this home yet"
            print("full build")
            publish(folder / "releases", lake, district, as_of, given.threads, folder / "spill", given.memory)
        else:
            (folder / "district.yaml").write_text(DISTRICT, encoding="utf-8")
            lake, district = Lake(folder / "lake"), load_district(folder)
            as_of = dt.datetime(2026, 6, 30, 23, 59, 59)
            deliver(lake, 0, given.rows, dt.date(2026, 6, 29))
            print(f"full build, {given.rows:,} tickets")
            full = publish(folder / "releases", lake, district, as_of, given.threads, folder / "spill", given.memory)
            started = time.perf_counter()
            deliver(lake, given.rows, given.rows // 100, dt.date(2026, 6, 30))
            print(f"new day, {given.rows // 100:,} tickets: into the lake {time.perf_counter() - started:.2f} s")
            day = publish(folder / "releases", lake, district, as_of, given.threads, folder / "spill", given.memory)
            print(f"a new day costs {day / full:.0%} of the full build")
        print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    finally:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
