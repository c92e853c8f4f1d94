"""Measures intake and clean: rows per second, seconds and peak memory, beside DuckDB reading the same file and writing Parquet.

    python benchmarks/intake.py [--rows N] [--realdata DIR]

Without real data a CSV of generated tickets is measured (N rows, default 1,000,000). With `--realdata` (a folder as
`tests/conftest.py` describes) the real city's tickets and door plates are written as CSV and measured too.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from contracts.delivery import Delivery
from contracts.district import District, FeedMapping, contract_of, load_district
from quality.clean import clean
from sources.intake import read

ROOT = Path(__file__).resolve().parents[1]


def generated(path: Path, rows: int) -> None:
    """A CSV of tickets that look like a hotline's."""
    n = pl.int_range(rows, eager=True)
    status = pl.Series(["受理", "派单", "办结"])
    pl.DataFrame(
        {
            "工单编号": pl.select(pl.format("G{}", n.cast(pl.String).str.zfill(9))).to_series(),
            "登记时间": pl.select(pl.datetime(2024, 1, 1) + pl.duration(seconds=n * 17 % 7_000_000))
            .to_series()
            .dt.strftime("%Y/%m/%d %H:%M"),
            "诉求内容": pl.select(pl.format("第{}号楼门口路灯不亮，晚上出行不便，请尽快派人查看", n)).to_series(),
            "来电号码": pl.select(pl.format("138{}", (n % 100_000_000).cast(pl.String).str.zfill(8))).to_series(),
            "事发地址": pl.select(pl.format("幸福路{}号{}栋", n % 5000, n % 40)).to_series(),
            "经度": (113 + (n % 10_000) / 10_000).cast(pl.String),
            "工单状态": status.gather(n % 3),
        }
    ).write_csv(path)


def measure(title: str, path: Path, feed: str, district: District, date: str) -> None:
    """Print what one delivery costs."""
    content = path.read_bytes()
    delivery = Delivery(feed=feed, date=date, file=path.name, path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    del content
    contract, mapping = contract_of(district, feed), district.feeds[feed]
    start = time.perf_counter()
    intake = read(delivery, contract, mapping)
    raw = pa.Table.from_batches(list(intake.batches))
    between = time.perf_counter()
    result = clean(raw, contract, mapping, delivery.day, time_zone=district.time_zone)
    end = time.perf_counter()
    certificate = intake.certificate()
    assert certificate.rows_read == result.rows_accepted + result.rows_refused
    with duckdb.connect() as connection:
        reference = time.perf_counter()
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{path}', all_varchar = true, quote = '\"', delim = ',')) TO '{path}.parquet' (FORMAT parquet)"
        )
        reference = time.perf_counter() - reference
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{title}: {certificate.rows_read:,} rows, {path.stat().st_size / 1e6:,.0f} MB | intake {between - start:.2f} s | clean {end - between:.2f} s"
        f" | {certificate.rows_read / (end - start):,.0f} rows/s | refused {result.rows_refused:,} | DuckDB CSV to Parquet {reference:.2f} s,"
        f" ratio {(end - start) / reference:.1f} | peak {peak:.1f} GB"
    )


def main() -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--realdata", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generated.csv"
        generated(path, options.rows)
        plain = District(name="bench", title="Benchmark", title_zh="基准", grammar="mainland", feeds={"ticket": FeedMapping()})
        measure("generated tickets", path, "ticket", plain, "2024-12-31")
        if options.realdata:
            taipei = load_district(ROOT / "districts" / "taipei")
            for title, file, feed, date in (
                ("Taipei tickets", "tickets_to_2024.parquet", "ticket", "2024-12-31"),
                ("Taipei plates", "plates.parquet", "address_register", "2026-06"),
            ):
                path = Path(folder) / f"{feed}.csv"
                pl.read_parquet(options.realdata / "taipei" / file).write_csv(path)
                measure(title, path, feed, taipei, date)


if __name__ == "__main__":
    main()
