"""How fast the demo generator writes: rows a second over all feeds, bytes, and peak memory.

python benchmarks/demo.py [--tickets 1000000] [--people 100000] [--days 120] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from sources.demo import DemoSummary, write_deliveries


def measured(folder: Path, *, tickets: int, people: int, days: int) -> tuple[DemoSummary, float]:
    """Write one city; summary and seconds."""
    began = time.perf_counter()
    summary = write_deliveries(folder / "landing", folder / "truth", tickets=tickets, people=people, days=days)
    return summary, time.perf_counter() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tickets", type=int, default=1_000_000)
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--days", type=int, default=120)
    options.add_argument("--keep", type=Path, default=None, help="write here and keep the files")
    given = options.parse_args()
    size = {"tickets": given.tickets, "people": given.people, "days": given.days}
    if given.keep:
        summary, seconds = measured(given.keep, **size)
    else:
        with tempfile.TemporaryDirectory() as folder:
            summary, seconds = measured(Path(folder), **size)
    for feed, rows in summary.rows.items():
        print(f"{feed:20} {rows:>12,} rows {summary.files[feed]:>4} files")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{summary.total:,} rows, {summary.bytes / 1e6:,.0f} MB in {seconds:.1f} s: {summary.total / seconds:,.0f} rows/s, peak {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
