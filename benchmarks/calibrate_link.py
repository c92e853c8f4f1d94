"""Measure the score table of addressing (addressing/tables/calibration.csv) on texts whose village and neighbourhood are known.

Run: python benchmarks/calibrate_link.py --plates plates.parquet --truth link_dev.parquet [--write]. Uses the `li+lin` part alone, and of it
the half whose text hashes even, so that the other half can test the table. A link is right when the linked node's village and
neighbourhood equal the truth; where a class has no doors (streets, divisions) the value is an assumption and its n is 0.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import sys
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from addressing import DOOR_LEVELS, Grammar, build_base
from addressing import cascade as engine
from addressing.link import register_columns

TABLE = Path(__file__).resolve().parents[1] / "addressing" / "tables" / "calibration.csv"
HEADER = """# Score by class of link: the share of right links (village and neighbourhood equal the truth), with one pseudo-link at 0.9 added.
# Made by benchmarks/calibrate_link.py --write on half of the li+lin part of the Taipei link set; the other half tests it.
# Broader classes (*) stand in where a class was not met; n = 0 marks an assumption, kept below the measured classes of its kind.
"""
ASSUMED = {
    "alias": 0.97, "full_text": 0.995, "unit_omitted": 0.97, "section_omitted": 0.95, "hint": 0.95, "nearest_number": 0.6, "correction": 0.95,
    "names_no_more": 0.98, "near": 0.95, "crossing": 0.95, "inside_missing": 0.98, "number_missing": 0.95, "number_missing_neighbours": 0.94,
    "lane_missing": 0.9, "district_conflict": 0.5, "several": 0.5, "contradiction": 0.3, "similar_text": 0.6, "hint_only": 0.97, "list": 0.95,
    "retired": 0.9, "exact": 0.97, "ground_floor": 0.98,
}  # fmt: skip


def even(text: str) -> bool:
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % 2 == 0


def linked(plates: Path, truth: Path) -> pl.DataFrame:
    """Every li+lin text with its class and whether its link is right."""
    register = register_columns(pl.read_parquet(plates).with_columns(city=pl.lit("臺北市")), "full_addr", plates)
    base = build_base([(dt.date(2026, 6, 1), register.to_arrow())], Grammar.load("taiwan"))
    texts = pl.read_parquet(truth).filter(pl.col("kind") == "li+lin").select("address", "truth_li", "truth_lin")
    work = engine.run(base, texts.select(text="address"))
    report = engine._report(work)
    names = pl.Series(engine.EVIDENCE_NAMES)
    frame = pl.concat([texts, report], how="horizontal").with_columns(
        district_evidence=names.gather(pl.Series(work.evidence & 3)),
        loose=pl.when(pl.Series((work.evidence & engine.LOOSE_BEFORE) > 0)).then(pl.lit("yes")).otherwise(pl.lit("no")),
    )
    same = (pl.col("community") == pl.col("truth_li")) & (
        pl.col("neighbourhood").str.extract(r"(\d+)").cast(pl.Float64) == pl.col("truth_lin")
    )
    return frame.with_columns(right=same.fill_null(False), even=pl.Series([even(text) for text in texts["address"].to_list()]))


def table_of(frame: pl.DataFrame) -> pl.DataFrame:
    """method, reason, level, district, loose, n, right, score; narrow classes first, assumptions last."""
    doors = frame.filter(pl.col("level").is_in(list(DOOR_LEVELS)))
    star = pl.lit("*")
    keys = ["method", "reason_code", "level", "district_evidence", "loose"]
    tables = []
    for kept in (5, 4, 3, 2):
        group = doors.group_by(keys[:kept]).agg(n=pl.len(), right=pl.col("right").sum())
        tables.append(group.with_columns(star.alias(key) for key in keys[kept:]).select(*keys, "n", "right"))
    measured = pl.concat(tables).filter(pl.col("n") >= 30).with_columns(score=((pl.col("right") + 0.9) / (pl.col("n") + 1)).round(4))
    assumed = pl.DataFrame(
        [("*", reason, "*", "*", "*", 0, 0, score) for reason, score in ASSUMED.items()], schema=measured.schema, orient="row"
    )
    result = pl.concat([measured.sort(*keys), assumed]).unique(keys, keep="first", maintain_order=True)
    return result.rename({"reason_code": "reason", "district_evidence": "district"})


def test_of(frame: pl.DataFrame) -> str:
    doors = frame.filter(pl.col("level").is_in(list(DOOR_LEVELS)))
    sure = doors.filter(pl.col("score") >= 0.99)
    right = doors.filter("right")
    return (
        f"links {doors.height}; scored >= 0.99: {sure.height}, right of these {sure['right'].mean():.4f}; "
        f"right links scored >= 0.99: {right.filter(pl.col('score') >= 0.99).height / right.height:.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plates", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    frame = linked(asked.plates, asked.truth)
    table = table_of(frame.filter("even"))
    print(table)
    if asked.write:
        TABLE.write_text(HEADER + table.write_csv(), encoding="utf-8")
    print("on the other half, with the table as written:", test_of(frame.filter(~pl.col("even"))))


if __name__ == "__main__":
    main()
