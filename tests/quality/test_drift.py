"""Distributions of codes: what counts as another one, and what may come by chance."""

from __future__ import annotations

import datetime as dt
import math
import random

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.drift import COUNTS_SCHEMA, TRAILING_DAYS, distribution_problems, distributions

FIRST = dt.date(2024, 6, 1)


def counts(*days: dict[str | None, int], field: str = "kind") -> pa.Table:
    """One delivery a day with these rows by code."""
    rows = []
    for number, codes in enumerate(days):
        day = FIRST + dt.timedelta(days=number)
        for code, count in codes.items():
            rows.append({"delivery": f"ticket/{day}/a.csv", "feed": "ticket", "day": day, "field": field, "code": code, "rows": count})
    return pa.Table.from_pylist(rows, COUNTS_SCHEMA)


def latest(*days: dict[str | None, int]) -> dict[str, float] | None:
    """The last day's line, None where there is none."""
    found = distributions(counts(*days)).to_pylist()
    last = [row for row in found if row["day"] == FIRST + dt.timedelta(days=len(days) - 1)]
    return last[0] if last else None


USUAL: dict[str | None, int] = {"a": 600, "b": 300, "c": 100}


def test_the_index_is_the_published_formula() -> None:
    found = latest(USUAL, USUAL, {"a": 300, "b": 600, "c": 100})
    assert found is not None
    p, q = [300.5 / 1001.5, 600.5 / 1001.5, 100.5 / 1001.5], [1200.5 / 2001.5, 600.5 / 2001.5, 200.5 / 2001.5]
    assert found["psi"] == pytest.approx(sum((x - y) * math.log(x / y) for x, y in zip(p, q, strict=True)), abs=1e-6)
    assert (found["rows"], found["former_days"], found["former_rows"]) == (1000, 2, 2000)


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (USUAL, False),
        ({"a": 580, "b": 310, "c": 110}, False),
        ({"a": 100, "b": 300, "c": 600}, True),
        ({"d": 1000}, True),
        ({None: 1000}, True),
        ({"a": 1, "b": 1, "c": 5}, False),
    ],
    ids=["the same", "about the same", "turned round", "a code that was not there", "emptied", "too few rows"],
)
def test_a_shift_is_told_and_a_usual_day_is_not(last: dict[str | None, int], told: bool) -> None:
    found = distributions(counts(USUAL, USUAL, USUAL, last))
    problems = distribution_problems(found, "ticket/2024-06-04/a.csv", "ticket", FIRST + dt.timedelta(days=3), [("kind", "性质")])
    assert bool(problems) is told
    for problem in problems:
        assert problem.field == "kind"
        assert "性质" in problem.message_zh
        assert problem.remedy


def test_two_days_before_are_needed_and_eight_are_looked_at() -> None:
    assert latest(USUAL, USUAL) is None
    found = latest(*[USUAL] * 12)
    assert found is not None
    assert found["former_days"] == TRAILING_DAYS
    assert latest({"z": 1000}, *[USUAL] * 9) == latest({"y": 1000}, *[USUAL] * 9), "what lies further back is forgotten"


def test_chance_in_small_deliveries_gives_few_alarms() -> None:
    """200 days of 120 rows, drawn from one distribution of 12 codes."""
    dice = random.Random(7)
    codes = [f"c{number}" for number in range(12)]
    days = []
    for _ in range(200):
        drawn = dice.choices(codes, weights=range(1, 13), k=120)
        days.append({code: drawn.count(code) for code in codes})
    found = pl.DataFrame(distributions(counts(*days)))
    assert found.height > 190
    assert found.filter(pl.col("psi") > pl.col("most")).height <= 2


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", None]), st.integers(0, 500), min_size=1), min_size=1, max_size=6), st.randoms()
)
def test_the_order_in_which_deliveries_came_makes_no_difference(days: list[dict[str | None, int]], dice: random.Random) -> None:
    table = counts(*days)
    order = list(range(table.num_rows))
    dice.shuffle(order)
    assert distributions(table.take(pa.array(order, pa.int64()))).equals(distributions(table))
    assert all(math.isfinite(row["psi"]) and row["psi"] >= 0 for row in distributions(table).to_pylist())
