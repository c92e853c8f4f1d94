"""Damaged files: no crash, no row or byte unaccounted for, a clear message, and the sound rows beside the damage are taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from delivering import assert_balanced, deliver, take_in
from hypothesis import given, settings
from hypothesis import strategies as st
from torture import MECHANISMS, PLACES, csv_bytes, lines

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


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.jsonl", "a.xlsx", "a.parquet", "a"]))
@settings(max_examples=150)
def test_no_bytes_whatever_break_intake(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    result = take_in(deliver(tmp_path_factory.mktemp("any"), content, file=name))
    assert_balanced(result, len(content))


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10_000), st.binary(max_size=6)), max_size=12),
    st.sampled_from(["utf-8", "gb18030", "utf-16"]),
)
@settings(max_examples=150)
def test_random_damage_to_a_sound_file_loses_no_row(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int, bytes]], encoding: str
) -> None:
    content = bytearray(csv_bytes(lines()[:20], encoding))
    for kind, place, put in damage:
        at = place % len(content)
        content[at : at + (len(put) if kind else 0)] = put
    result = take_in(deliver(tmp_path_factory.mktemp("any"), bytes(content)))
    assert_balanced(result, len(content))
