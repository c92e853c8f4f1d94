"""How often the category told from text is right: the youngest fifth of labelled reports asked as if it had no category.

    .venv/bin/python benchmarks/text_category.py --home <a govlake home> [--truth <folder of the demo's truth>]
    .venv/bin/python benchmarks/text_category.py --csv tickets.csv --text 案件地址 --label 派工項目 --time 立案日期 [--features 部门,社区]

Prints for each source of an answer: reports, share answered, and the share of answers that agree with the label (at their own level); with
`--truth` also how often the answer is what the demo city meant, since its offices mislabel some reports. With `--csv` the label may name up to
three columns separated by commas; `--features` are columns that join the text as words of their own.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import duckdb
import polars as pl

from governance.text_category import categorise

NO_WORDS = pl.DataFrame(schema={"word": pl.String, "category_1": pl.String, "category_2": pl.String, "category_3": pl.String})


def main() -> None:
    """Reads, hides the labels of the youngest fifth, asks, compares."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--home", type=Path)
    options.add_argument("--truth", type=Path)
    options.add_argument("--csv", type=Path)
    options.add_argument("--text")
    options.add_argument("--label")
    options.add_argument("--time")
    options.add_argument("--department")
    options.add_argument("--features", default="")
    options.add_argument("--latest", type=int, default=300_000, help="the youngest reports looked at")
    given = options.parse_args()
    reports, tree = of_home(given.home) if given.home else of_csv(given)
    reports = reports.sort("reported_at", "event_id").tail(given.latest)
    hidden = reports.with_row_index("at").with_columns(
        pl.when(pl.col("at") < reports.height * 4 // 5).then("category_key").alias("category_key"), pl.col("category_key").alias("label")
    )
    started = time.perf_counter()
    answers = categorise(hidden.drop("at", "label"), tree, NO_WORDS)
    seconds = time.perf_counter() - started
    asked = answers.join(hidden.filter(pl.col("category_key").is_null()).select("event_id", "label"), on="event_id")
    if given.truth:
        asked = asked.join(meant(given.truth, tree), on="event_id", how="left")
    show(asked, reports.height, seconds)


def of_home(home: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labelled reports and the tree of a home's current release."""
    folder = Path(os.path.realpath(home / "releases" / "current")) / "internal"
    with duckdb.connect() as connection:
        for theme in ("event", "organization"):
            connection.execute(f"ATTACH '{folder / theme}.duckdb' AS {theme}_library (READ_ONLY)")
        tree = connection.sql("SELECT category_key, level, name, origin FROM organization_library.category").pl()
        reports = connection.sql(
            """SELECT e.event_id, e.feed, e.reported_at, COALESCE(e.kind, e.feed) AS kind, e.department_delivered AS department, e.category_key,
                 CONCAT_WS('。', e.title_redacted, e.body_redacted) AS text
               FROM event_library.event AS e JOIN organization_library.category AS c ON c.category_key = e.category_key
               WHERE e.category_source = 'delivered' AND c.origin = 'district' AND e.feed IN ('ticket', 'petition', 'grid_event')"""
        ).pl()
    return reports, tree


def of_csv(given: argparse.Namespace) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labelled reports of one file, all columns text; the tree is that of the labels."""
    table = pl.read_csv(given.csv, infer_schema=False, truncate_ragged_lines=True, ignore_errors=True)
    features = [name for name in given.features.split(",") if name]
    words = [pl.col(name).str.replace_all(r"\d", "") for name in ([given.text] if given.text else []) + features]
    reports = table.select(
        pl.int_range(pl.len()).cast(pl.String).str.zfill(9).alias("event_id"),
        pl.lit("ticket").alias("feed"),
        pl.col(given.time).alias("reported_at"),
        pl.lit("ticket").alias("kind"),
        (pl.col(given.department) if given.department else pl.lit(None, dtype=pl.String)).alias("department"),
        pl.concat_str(given.label.split(","), separator=">").alias("category_key"),
        pl.concat_str(words, separator="。", ignore_nulls=True).alias("text"),
    ).drop_nulls("category_key")
    paths = reports["category_key"].unique().str.split(">")
    keys = pl.concat([paths.list.head(depth).list.join(">") for depth in (1, 2, 3)]).unique().sort()
    tree = pl.DataFrame({"category_key": keys}).with_columns(
        (pl.col("category_key").str.count_matches(">") + 1).cast(pl.Int64).alias("level"),
        pl.col("category_key").str.split(">").list.last().alias("name"),
        pl.lit("feed").alias("origin"),
    )
    return reports, tree


def meant(folder: Path, tree: pl.DataFrame) -> pl.DataFrame:
    """What the demo city meant by each report."""
    leaves = tree.filter(pl.col("level") == 3, pl.col("origin") == "district").select("name", pl.col("category_key").alias("meant"))
    matters = pl.read_parquet(folder / "matter.parquet").select(
        (pl.col("feed") + ":" + pl.col("record_key")).alias("event_id"), "category_3"
    )
    return matters.join(leaves, left_on="category_3", right_on="name").select("event_id", "meant").unique("event_id")


def show(asked: pl.DataFrame, reports: int, seconds: float) -> None:
    """The table of shares."""
    print(f"{reports:,} labelled reports, {asked.height:,} asked, {seconds:.1f} s")
    columns = [name for name in ("label", "meant") if name in asked.columns]
    fits = [
        ((pl.col(name) == pl.col("category_key")) | pl.col(name).str.starts_with(pl.col("category_key") + ">"))
        .mean()
        .round(4)
        .alias(f"agrees with {name}")
        for name in columns
    ]
    answered = asked.filter(pl.col("category_key").is_not_null())
    share = (pl.len() / asked.height).round(4).alias("share of asked")
    told = pl.col("confidence").cast(pl.Float64).mean().round(3).alias("mean confidence")
    print(
        answered.group_by("category_source", "level")
        .agg(pl.len(), share, told, *fits)
        .sort("category_source", "level", descending=[False, True])
    )
    print(answered.select(pl.lit("all answers").alias("source"), pl.len(), share, told, *fits))
    best = asked.select((pl.col("suggested_key") == pl.col("label")).mean().round(4).alias("likeliest leaf agrees with label"))
    print(best)


if __name__ == "__main__":
    with pl.Config(tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True, tbl_width_chars=160):
        main()
