"""Linking on a demo city whose seed no rule was made on: precision and recall by kind of damage and by level, and the wrong rooms.

Run: python -m benchmarks.demo_truth [--seed 16180] [--tickets 20000] [--people 10000]. The texts of all feeds are linked twice to the city's
register of three versions: by the text alone, and with the street and community columns where the office fills them (they name the true
place). A text counts once per truth. Verdicts:

right    what an ideal reader answers from the text: the very door; the road, crossing or community where the text names no more; for a number
         or room that the register lacks, its road or its building with not_in_register; for a name that two estates bear, no door
         (with the columns filled in, the true door); for no address, none
coarser  a place that holds the true door, but is less deep than what the text names
wrong    any other place
none     no place, where the text names one

Precision = (right + coarser) / answers with a place; recall = right / texts. A wrong room: a room that is not the true one or that the text
does not name. This file is for measuring: rules and weights are not to be chosen on its seed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from pathlib import Path

import polars as pl

from addressing import DOOR_LEVELS, AddressBase, Grammar, build_base, resolve
from addressing.link import read_table, register_columns
from sources.demo import write_deliveries

PROJECT = Path(__file__).resolve().parents[1]
DISTRICT = PROJECT / "districts" / "demo"
DEPTH = 8  # longer than any chain of parents from a room up to its road or province


def city_base(landing: Path) -> AddressBase:
    """The base of all dumps of the demo's address register."""
    dumps = sorted((landing / "address_register").glob("*/*.csv"))
    registers = [(dt.date.fromisoformat(path.parent.name), register_columns(read_table(path), None, path).to_arrow()) for path in dumps]
    divisions = pl.read_csv(DISTRICT / "division.csv", infer_schema=False).to_arrow()
    aliases = pl.read_csv(DISTRICT / "alias.csv", infer_schema=False).to_arrow()
    return build_base(registers, Grammar.load("mainland"), divisions=divisions, aliases=aliases)


def above(nodes: pl.DataFrame) -> pl.DataFrame:
    """Every pair of a place and a place that holds it, on both chains, and each with itself: address_key, holder."""
    parents = nodes.select("address_key", "parent_key").drop_nulls()
    chains = [nodes.select("address_key", holder="address_key")]
    columns = ("district_key", "street_key", "community_key", "neighbourhood_key", "road_key", "lane_key", "number_key", "building_key")
    chains += [nodes.select("address_key", holder=column).drop_nulls() for column in columns]
    step = nodes.select("address_key", holder="parent_key").drop_nulls()
    for _ in range(DEPTH):
        chains.append(step)
        step = step.join(parents, left_on="holder", right_on="address_key").select("address_key", holder="parent_key")
    return pl.concat(chains).unique()


def hinted(truth: pl.DataFrame) -> pl.DataFrame:
    """Texts with the columns that the office fills: text, street, community."""
    tree = pl.read_csv(DISTRICT / "division.csv", infer_schema=False)
    names = tree.filter(pl.col("level") == "community").join(
        tree.select(parent_code="code", street="name"), on="parent_code", maintain_order="left"
    )
    found = truth.join(
        names.select(true_community_code="code", community="name", street="street"),
        on="true_community_code",
        how="left",
        maintain_order="left",
    )
    return found.select("text", street=pl.when("street_given").then("street"), community=pl.when("community_given").then("community"))


def judged(base: AddressBase, truth: pl.DataFrame, queries: pl.DataFrame, *, with_hints: bool) -> pl.DataFrame:
    """`truth` with the answer's level, key and `verdict`, `wrong_room`, `wrong_community`."""
    answers = pl.DataFrame(pl.from_arrow(resolve(base, queries.to_arrow())))
    frame = pl.concat([truth, answers.select("community_key", key="address_key", found="level", said="outcome")], how="horizontal")
    nodes = pl.DataFrame(pl.from_arrow(base.nodes))
    frame = frame.join(nodes.select(key="address_key", name="name").unique("key"), on="key", how="left", maintain_order="left")
    holders = above(nodes).select(true_address_code="address_key", key="holder", holds=pl.lit(True))
    frame = frame.join(holders, on=["true_address_code", "key"], how="left", maintain_order="left").with_columns(
        pl.col("holds").fill_null(False)
    )

    two_bear_it = pl.col("outcome") == "ambiguous"
    told_apart = two_bear_it & (pl.col("street_given") | pl.col("community_given")) if with_hints else pl.lit(False)
    door = pl.col("found").is_in(list(DOOR_LEVELS))
    lacking = (pl.col("said") == "not_in_register") & pl.col("holds")
    street = pl.col("found").is_in(["road", "lane"]) & (pl.col("said") == "not_in_register") & (pl.col("name") == pl.col("road"))
    right = (
        pl.when(told_apart).then(pl.col("key") == pl.col("true_address_code"))
        .when(two_bear_it).then(((pl.col("said") == "ambiguous") & ~door.fill_null(False)) | (pl.col("key") == pl.col("true_address_code")).fill_null(False))
        .when(pl.col("damage") == "no_address").then(pl.col("key").is_null() | (pl.lit(with_hints) & pl.col("holds") & ~door.fill_null(False)))
        .when(pl.col("damage") == "crossing").then((pl.col("found") == "crossing") & (pl.col("name") == pl.col("road")))
        .when(pl.col("damage") == "road_only").then((pl.col("found") == "road") & (pl.col("name") == pl.col("road")))
        .when(pl.col("damage") == "community_only").then((pl.col("found") == "community") & (pl.col("key") == pl.col("community_code")))
        .when(pl.col("damage") == "absent_number").then(street)
        .when(pl.col("damage") == "absent_room").then(lacking & door)
        .otherwise(pl.col("key") == pl.col("address_code"))
    ).fill_null(False)  # fmt: skip
    in_same_road = (pl.col("name") == pl.col("road")).fill_null(False) & pl.col("found").is_in(["road", "lane", "crossing"])
    verdict = pl.when(right).then(pl.lit("right")).when(pl.col("key").is_null()).then(pl.lit("none"))
    frame = frame.with_columns(verdict=verdict.when(pl.col("holds") | in_same_road).then(pl.lit("coarser")).otherwise(pl.lit("wrong")))
    room = (pl.col("found") == "room").fill_null(False)
    true_room = (pl.col("level") == "room") & (pl.col("key") == pl.coalesce("address_code", "true_address_code"))
    # The community of what the text names; where the text leaves it open, of the true door.
    community = pl.coalesce("community_code", "true_community_code")
    return frame.with_columns(
        wrong_room=room & ~true_room.fill_null(False), wrong_community=(pl.col("community_key") != community).fill_null(False)
    )


def table(frame: pl.DataFrame, by: str) -> pl.DataFrame:
    def count(kind: str) -> pl.Expr:
        return (pl.col("verdict") == kind).sum()

    placed = pl.col("key").is_not_null()
    made = [
        pl.len().alias("texts"),
        count("right").alias("right"),
        count("coarser").alias("coarser"),
        count("wrong").alias("wrong"),
        count("none").alias("none"),
        ((pl.col("verdict") != "wrong") & placed).sum().truediv(placed.sum()).round(4).alias("precision"),
        count("right").truediv(pl.len()).round(4).alias("recall"),
        pl.col("wrong_community").sum(),
        pl.col("wrong_room").sum(),
    ]
    rows = frame.group_by(pl.col(by).fill_null("none").alias(by)).agg(made).sort(by)
    return pl.concat([rows, frame.select(pl.lit("all").alias(by), *made)], how="vertical")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=16180)
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--people", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        landing, beside = Path(folder) / "landing", Path(folder) / "truth"
        write_deliveries(landing, beside, seed=asked.seed, tickets=asked.tickets, people=asked.people, end=dt.date(2026, 6, 30))
        truth = pl.read_parquet(beside / "place.parquet").drop("feed", "record_key").unique(maintain_order=True)
        truth = truth.with_columns(pl.col("text").fill_null(""))
        base = city_base(landing)
    print(f"seed {asked.seed}: {truth.height:,} texts with their truth, {truth['text'].n_unique():,} of them distinct")
    with pl.Config(
        tbl_rows=40,
        tbl_cols=12,
        tbl_width_chars=160,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        tbl_formatting="MARKDOWN",
    ):
        for name, queries, with_hints in (
            ("by the text alone", truth.select("text"), False),
            ("with street and community columns", hinted(truth), True),
        ):
            frame = judged(base, truth, queries, with_hints=with_hints)
            print(f"\n{name}: rooms answered {frame.filter(pl.col('found') == 'room').height:,}, wrong {frame['wrong_room'].sum()}\n")
            for by in ("damage", "level"):
                print(table(frame, by), "\n")
    # Each text against another text's truth: shows that the verdicts can fail.
    shifted = truth.with_columns(pl.col("address_code", "true_address_code", "community_code", "true_community_code", "road").shift(7))
    control = judged(base, shifted, truth.select("text"), with_hints=False)
    print(f"control, truth shifted by 7 rows: wrong {(control['verdict'] == 'wrong').sum():,}, wrong rooms {control['wrong_room'].sum():,}")


if __name__ == "__main__":
    main()
