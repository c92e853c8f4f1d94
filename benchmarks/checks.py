"""Checks: 20 rules on a 5 M-row table through Great Expectations, beside DuckDB scanning that table once.

    python -m benchmarks.checks [--rows 5000000]

Bar: 5 s beyond import.
"""

from __future__ import annotations

import argparse
import time

import duckdb

from contracts.model import Column, Table, TableRule
from quality.checks import compile_rules, run_checks


def contract() -> Table:
    """A ticket-like table with 20 rules of every kind."""
    codes: dict[str, tuple[str, ...]] = {name: (name, name) for name in ("help", "complaint", "praise")}
    return Table(
        name="ticket",
        theme="event",
        title="Tickets",
        title_zh="工单",
        grain="one row per ticket",
        keys=("ticket_id",),
        steward="benchmark",
        columns=(
            Column(name="ticket_id", title="Ticket", title_zh="工单", required=True, pattern="^T[0-9]{9}$", max_length=10),  # type: ignore[call-arg]
            Column(name="number", type="integer", title="Number", title_zh="序号", required=True, unique=True, min="0", max="99999999"),  # type: ignore[call-arg]
            Column(name="kind", title="Kind", title_zh="性质", required=True, codes=codes),  # type: ignore[call-arg]
            Column(
                name="community",
                title="Community",
                title_zh="社区",
                required=True,
                references="event.place.code",
                pattern="^[0-9]+$",
                max_length=12,
            ),  # type: ignore[call-arg]
            Column(name="reported", type="timestamp", title="Reported", title_zh="登记", required=True, min="2000-01-01", max="2100-01-01"),  # type: ignore[call-arg]
            Column(name="people", type="integer", title="People", title_zh="人数", min="1", max="100000"),  # type: ignore[call-arg]
        ),
        rules=(TableRule(name="people_of_help", holds="kind <> 'help' OR people < 100001", message="too many", message_zh="过多"),),
    )


def place() -> Table:
    """The table that communities refer to."""
    code = Column(name="code", title="Code", title_zh="代码", required=True)  # type: ignore[call-arg]
    return Table(
        name="place", theme="event", title="Places", title_zh="社区", grain="one row", keys=("code",), steward="benchmark", columns=(code,)
    )


def main() -> None:
    """Print figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA event")
    connection.execute("CREATE TABLE event.place AS SELECT (440000000000 + range)::VARCHAR AS code FROM range(700)")
    connection.execute(
        f"""CREATE TABLE event.ticket AS SELECT 'T' || lpad(range::VARCHAR, 9, '0') AS ticket_id, range AS number,
        ['help', 'complaint', 'praise'][1 + range % 3] AS kind, (440000000000 + range % 700)::VARCHAR AS community,
        TIMESTAMP '2024-01-01' + to_minutes(range % 500000) AS reported, 1 + range % 7 AS people FROM range({rows})"""
    )
    started = time.perf_counter()
    import quality.gx_rule

    print(f"import of {quality.gx_rule.gx.__name__}: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    connection.execute("SELECT " + ", ".join(f"max({column.name})" for column in contract().columns) + " FROM event.ticket").fetchall()
    print(f"DuckDB reads all columns: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    results = run_checks(connection, [contract(), place()])
    seconds = time.perf_counter() - started
    count = len(compile_rules(contract(), {"event.ticket", "event.place"}))
    print(f"{count} rules on {rows:,} rows ({len(results)} in all, {sum(not result.passed for result in results)} broken): {seconds:.2f} s")


if __name__ == "__main__":
    main()
