"""Damaged files: no crash, no row or byte unaccounted for, a clear message, and the sound rows beside the damage are taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from delivering import assert_balanced, deliver, take_in
from torture import MECHANISMS, PLACES

from contracts.district import FeedMapping, Format


def test_the_set_is_large_enough() -> None:
    assert len(MECHANISMS) >= 30
    assert len(MECHANISMS) * len(PLACES) >= 300


@pytest.mark.parametrize("name", MECHANISMS)
def test_damage_is_reported_and_the_books_balance(name: str, tmp_path: Path) -> None:
    for number, place in enumerate(PLACES):
        damaged = MECHANISMS[name](place)
        delivery = deliver(tmp_path, damaged.content, file=damaged.file, date=f"2024-04-{number + 10}")
        result = take_in(delivery, FeedMapping(format=Format(encoding=damaged.given_encoding)))
        assert_balanced(result, len(damaged.content))
        told = result.problems | {f"refused:{rule}" for rule in result.cleaned.refused["rule"].to_pylist()}
        assert not damaged.said or told & set(damaged.said), f"{place}: {told}"
        assert (
            result.cleaned.rows_accepted >= (damaged.sound_rows if result.certificate.status == "read" else 0) or "column_missing" in told
        )
        for problem in result.certificate.problems:
            assert problem.message.startswith(delivery.id)
            assert problem.message_zh.startswith(delivery.id)
            assert problem.message != problem.message_zh
            assert "13800" not in problem.message
