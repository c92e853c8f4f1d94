"""Redaction of free text on the demo city: what was planted is gone by kind, and what is not personal stays."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from warehouse.lake import Lake

LEAST = 0.98
KINDS = ("name", "phone", "id_number", "door")


@pytest.fixture(scope="module")
def planted(demo_home: Path) -> pl.DataFrame:
    """kind, text planted, and the field's text before and after redaction; one row per planted value that was accepted."""
    truth = pl.read_parquet(demo_home / "truth" / "planted.parquet")
    lake = Lake(demo_home / "lake")
    parts = []
    for (feed, field), rows in truth.group_by("feed", "field"):
        clean = pl.DataFrame(lake.arrow(f"clean/{feed}").select(["record_key", f"{field}", f"{field}_redacted"]))
        joined = rows.join(clean, on="record_key")
        parts.append(joined.select("kind", "text", pl.col(str(field)).alias("before"), pl.col(f"{field}_redacted").alias("after")))
    found = pl.concat(parts)
    return found.filter(pl.col("before").str.contains(pl.col("text"), literal=True))


@pytest.mark.parametrize("kind", KINDS)
def test_planted_values_are_gone(planted: pl.DataFrame, kind: str) -> None:
    mine = planted.filter(pl.col("kind") == kind)
    assert mine.height >= 20
    left = mine.filter(pl.col("after").str.contains(pl.col("text"), literal=True)).height
    assert 1 - left / mine.height >= LEAST


def test_most_of_the_text_stays(planted: pl.DataFrame) -> None:
    """Redaction that empties texts would pass the other tests."""
    kept = planted.select(
        (pl.col("after").str.len_chars() - pl.col("before").str.len_chars() + pl.col("text").str.len_chars()).median()
    ).item()
    assert kept > -12


def test_a_text_without_anything_personal_is_left_as_it_is(demo_home: Path) -> None:
    clean = pl.DataFrame(Lake(demo_home / "lake").arrow("clean/ticket").select(["record_key", "body", "body_redacted"]))
    touched = pl.read_parquet(demo_home / "truth" / "planted.parquet").filter(pl.col("feed") == "ticket")["record_key"]
    plain = clean.filter(~pl.col("record_key").is_in(touched.to_list()), pl.col("body").is_not_null(), ~pl.col("body").str.contains(r"\d"))
    assert plain.height > 20
    assert plain.filter(pl.col("body") == pl.col("body_redacted")).height / plain.height > 0.9
