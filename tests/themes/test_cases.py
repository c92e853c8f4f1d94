"""Models by example: `cases/*.yaml` say which rows are given and what the tables must then hold.

`given` is rows by relation; `expect` is, by table, rows with the columns that the case speaks of, in the order of the table's keys.
Every rule, key and code of the tables named must hold as well, unless `broken` names those that must not.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from lakehouse import AS_OF, lakehouse

import contracts

CASES = sorted(Path(__file__).with_name("cases").glob("*.yaml"))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    house = lakehouse(as_of=case.get("as_of", AS_OF))
    for relation, rows in case["given"].items():
        house.put(relation, rows)
    house.build(*case["expect"])
    broken = case.get("broken", {})
    for name, rows in case["expect"].items():
        table = contracts.tables()[name]
        columns = list(rows[0]) if rows else list(table.keys)
        order = ", ".join(table.keys)
        found = house.rows(f"SELECT {', '.join(columns)} FROM {name} ORDER BY {order}")
        made = [dict(zip(columns, map(_plain, row), strict=True)) for row in found]
        assert made == [{column: _plain(row[column]) for column in columns} for row in rows], name
        assert house.broken_rules(table, references=False) == broken.get(name, []), name
