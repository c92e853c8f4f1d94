"""What a delivery of changes costs against a full one: time and size, for 1 % changed rows of a large table.

    python -m benchmarks.shares --rows 1000000 --form parquet

Two releases with the real contract of event.event are generated (nobody's data); one subscriber gets full deliveries, another changes.
Prints seconds and bytes of both and their ratios, and checks that full + changes gives the newest full byte for byte.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

import contracts
from contracts.model import Column, Table
from contracts.schema import create_table
from publishing import changes, shares, signing
from publishing.subscriptions import load

TABLE = "event.event"
COLUMNS = (
    "event_id, feed, channel, number, reported_at, reported_on, kind, category_1, category_2, category_3, grade, title_redacted, body_redacted, "
    "reporter_key, department_code, flow, status, status_time, is_done, handled_at, returns, address_key, community_key, district, street, community"
)


def value(column: Column, changed: str) -> str:
    """SQL for a column of row `i`; `changed` is true where the second release differs."""
    if column.name in ("event_id", "number", "record_key"):
        return "'T' || lpad(i::VARCHAR, 12, '0')"
    if column.name == "reporter_key":
        return "left(translate(md5((i % 400000)::VARCHAR), '0189', 'xyzw'), 24)"
    if column.name == "status":
        return f"CASE WHEN {changed} THEN 'closed' ELSE 'handling' END"
    if column.name == "body_redacted":
        return "'第' || i || '件：楼道堆放杂物，[门牌]门口，望尽快处理，' || md5(i::VARCHAR)"
    if column.codes:
        return f"'{next(iter(column.codes))}'"
    if column.decimal:
        return f"((hash(i) % 100) / 100)::DECIMAL{column.decimal}"
    return {
        "text": f"'{column.name}' || (hash(i, '{column.name}') % 60)",
        "integer": "(hash(i) % 9)::BIGINT",
        "date": "DATE '2024-01-01' + (i % 400)::INTEGER",
        "timestamp": "TIMESTAMP '2024-01-01' + to_seconds((hash(i) % 30000000)::BIGINT)",
        "boolean": f"({changed})",
    }[column.type]


def release(folder: Path, table: Table, rows: int, day: dt.date, changed: str, kept: str) -> Path:
    """A release folder with one library of one table."""
    made = folder / f"{day:%Y%m%d}T235959-bench"
    (made / "internal").mkdir(parents=True)
    (made / "contracts" / table.theme).mkdir(parents=True)
    (made / "contracts" / table.theme / f"{table.name}.json").write_text(table.model_dump_json(by_alias=True, exclude_defaults=True))
    with duckdb.connect(str(made / "internal" / f"{table.theme}.duckdb")) as connection:
        connection.execute(create_table(table, table.name))
        listed = ", ".join(value(column, changed) for column in table.columns)
        connection.execute(f"INSERT INTO {table.name} SELECT {listed} FROM range({rows}) AS r(i) WHERE {kept} ORDER BY 1")
    said = {
        "release": made.name,
        "as_of": f"{day}T23:59:59",
        "pseudonym_key": "bench",
        "district": {"name": "bench", "title": "Bench", "title_zh": "基准"},
    }
    (made / "manifest.json").write_text(json.dumps(said))
    return made


def subscriptions(path: Path, form: str) -> None:
    share = f"table: {TABLE}, columns: [{COLUMNS}], purpose: b, purpose_zh: 基准, form: {form}, until: 2030-01-01"
    path.write_text(
        "subscribers:\n"
        f"  one: {{title: One, title_zh: 一, clearance: internal, shares: {{full: {{{share}, mode: full}}, changes: {{{share}, mode: changes}}}}}}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--form", choices=["parquet", "csv", "excel"], default="parquet")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="govlake-shares-"))
    try:
        measure(folder, options.rows, options.form, options.repeats)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, rows: int, form: str, repeats: int) -> None:
    table = contracts.tables()[TABLE]
    # 1 % of the rows change: 0.6 % updated, 0.2 % new, 0.2 % gone.
    before = release(folder, table, rows, dt.date(2024, 6, 29), "false", "i % 1000 NOT IN (3, 4)")
    after = release(folder, table, rows, dt.date(2024, 6, 30), "i % 1000 < 6", "i % 1000 NOT IN (8, 9)")
    path = folder / "subscriptions.yaml"
    subscriptions(path, form)
    seconds: dict[str, list[float]] = {"full": [], "changes": []}
    sizes: dict[str, int] = {}
    for number in range(repeats):
        home = folder / f"home{number}"
        receipts: list[dict[str, Any]] = []
        house = shares.House(
            home / "shares", signing.Signer.load(home / "keys"), b"k" * 32, shares.Receipts(receipts.copy, receipts.append)
        )
        orders = load(path)
        shares.deliver_all(orders, shares.Source.of(before), house)
        for order in orders:
            begun = time.monotonic()
            (outcome,) = shares.deliver_all([order], shares.Source.of(after), house)
            seconds[order.name].append(time.monotonic() - begun)
            assert outcome.receipt is not None, outcome.problem
            sizes[order.name] = outcome.receipt["bytes"]
            counts = outcome.receipt
    same = together(house, form)
    full, changed = statistics.median(seconds["full"]), statistics.median(seconds["changes"])
    print(
        f"{counts['rows_after']:,} rows, {len(COLUMNS.split(','))} columns, {form}: {counts['inserted']:,} inserted, {counts['updated']:,} updated, {counts['deleted']:,} deleted"
    )
    print(f"full     {full:7.2f} s {sizes['full']:>14,} bytes")
    print(f"changes  {changed:7.2f} s {sizes['changes']:>14,} bytes")
    print(f"ratio    {changed / full:7.1%}   {sizes['changes'] / sizes['full']:>13.1%}")
    print(f"full + changes = newest full, byte for byte: {same}")


def together(house: shares.House, form: str) -> bool:
    first, second = sorted((house.shares / "one" / "changes").iterdir())
    output = house.shares / "newest"
    changes.apply(first, [second], output, [house.signer.public_pem])
    newest = sorted((house.shares / "one" / "full").iterdir())[-1]
    data = json.loads((newest / "manifest.json").read_text())["data"]
    return output.read_bytes() == (newest / data).read_bytes()


if __name__ == "__main__":
    main()
