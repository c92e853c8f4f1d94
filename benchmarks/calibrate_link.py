"""Measure the score table of addressing (addressing/tables/calibration.csv): the share of right links by class of link.

Run: python benchmarks/calibrate_link.py --plates plates.parquet --truth link_dev.parquet [--write]. The sources, named in the table's last column:

- `tickets`: the texts of `link_dev` whose village and neighbourhood are known, as people wrote them, and the same texts with one thing taken away
  or added (the road, the section, the district, a relation word), so that classes that the texts hold too rarely are measured as well;
- `register`: texts made of plates (a village, a street, a crossing, a street with coordinates), whose truth is the plate itself;
- `register, two versions`: former names and aliases of roads, asked for with the door's number, in one district.

Only the half whose text hashes even is used, so that the other half can test the table. A door is right when its village and neighbourhood
equal the truth; a street when doors of it lie in the true village, and the community, where one is given, is that village; what is made of
the register when the answer is the place that it was made of. n = 0 marks what neither source holds: an assumption. So it is with ambiguous answers, whose score is a convention: their place is mostly
right, yet they are no links to rely on.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import sys
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from addressing import DOOR_LEVELS, AddressBase, Grammar, build_base
from addressing import cascade as engine
from addressing.link import register_columns
from addressing.report import EVIDENCE_NAMES, report_of
from addressing.work import LOOSE_BEFORE

TABLE = Path(__file__).resolve().parents[1] / "addressing" / "tables" / "calibration.csv"
HEADER = """# Score by class of link: the share of right links, with one pseudo-link at 0.9 added.
# Made by benchmarks/calibrate_link.py --write; see there for the two sources and for what counts as right.
# Broader classes (*) stand in where a class was not met; n = 0 marks an assumption.
"""
ASSUMED = {
    "alias": 0.97, "full_text": 0.995, "unit_omitted": 0.97, "section_omitted": 0.95, "road_omitted": 0.95, "hint": 0.95, "nearest_number": 0.6,
    "correction": 0.95, "names_no_more": 0.98, "near": 0.95, "crossing": 0.95, "inside_missing": 0.98, "number_missing": 0.95,
    "number_missing_neighbours": 0.94, "number_unread": 0.95, "lane_missing": 0.9, "street_missing": 0.95, "district_conflict": 0.5,
    "several": 0.5, "contradiction": 0.3, "similar_text": 0.6, "hint_only": 0.97, "list": 0.95, "retired": 0.9, "exact": 0.97,
    "ground_floor": 0.98,
}  # fmt: skip
SAMPLE = 20_000
KEYS = ["method", "reason_code", "level", "district_evidence", "loose"]


def even(text: str) -> bool:
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % 2 == 0


def answered(base: AddressBase, asked: pl.DataFrame) -> pl.DataFrame:
    """`asked` (text, hints, truth columns) with the answers and the class of each."""
    hints = [name for name in engine.HINTS if name in asked.columns]
    work = engine.run(base, engine.query_frame(asked.select("text", *hints).to_arrow()))
    report = report_of(work).drop("district", strict=False)
    names = pl.Series(EVIDENCE_NAMES)
    return pl.concat([asked.drop(hints), report], how="horizontal").with_columns(
        district_evidence=names.gather(pl.Series(work.evidence & 3)),
        loose=pl.when(pl.Series((work.evidence & LOOSE_BEFORE) > 0)).then(pl.lit("yes")).otherwise(pl.lit("no")),
    )


def tickets(base: AddressBase, truth: Path) -> pl.DataFrame:
    """The li+lin texts as they stand, with `right`."""
    texts = pl.read_parquet(truth).filter(pl.col("kind") == "li+lin").select("truth_li", "truth_lin", text="address")
    return judged(base, answered(base, texts))


def judged(base: AddressBase, frame: pl.DataFrame) -> pl.DataFrame:
    lin = pl.col("neighbourhood").str.extract(r"(\d+)").cast(pl.Float64) == pl.col("truth_lin")
    door = (pl.col("community") == pl.col("truth_li")) & lin
    core = base.core
    number = core.filter((pl.col("level") == "number") & pl.col("community").is_not_null())
    own = core["name"].gather(number["community"])
    places = pl.concat(
        [pl.DataFrame({"address_key": core["address_key"].gather(number[ref]), "truth_li": own}) for ref in ("road", "lane", "parent", "district")]
        + [pl.DataFrame({"address_key": core["address_key"].gather(core["parent"].gather(number["road"])), "truth_li": own})]
    ).drop_nulls().unique()  # fmt: skip
    held = frame.join(places.with_columns(held=pl.lit(True)), on=["address_key", "truth_li"], how="left", maintain_order="left")["held"]
    agrees = pl.col("community").is_null() | (pl.col("community") == pl.col("truth_li"))
    right = pl.when(pl.col("level").is_in(list(DOOR_LEVELS))).then(door).when(pl.col("level") == "community").then(agrees).otherwise(
        held.is_not_null() & agrees)  # fmt: skip
    return frame.with_columns(right=right.fill_null(False))


def varied(base: AddressBase, truth: Path, plates: pl.DataFrame) -> pl.DataFrame:
    """The texts with one thing taken away or added."""
    texts = pl.read_parquet(truth).filter(pl.col("kind") == "li+lin").select("truth_li", "truth_lin", text="address")
    roads = "|".join(sorted(plates["road"].unique().to_list(), key=lambda name: (-len(name), name)))
    text = pl.col("text")
    section = "[一二三四五六七八九十0-9０-９]+段"
    versions = [
        texts.with_columns(text=text.str.replace(f"(?:{roads})(?:{section})?", "")),
        texts.with_columns(text=text.str.replace(f"(路|大道|街){section}", "$1")),
        texts.with_columns(text=text.str.replace("^..區", "")),
        texts.with_columns(text=text + "附近"),
        texts.with_columns(text=text.str.replace("^..區", ""), district=text.str.extract("^(..區)")),
    ]
    parts = []
    for version in versions:
        some = version.join(texts.select("text"), on="text", how="anti").sample(SAMPLE, seed=1)
        parts.append(judged(base, answered(base, some)))
    return pl.concat(parts)


def made(base: AddressBase, plates: pl.DataFrame) -> pl.DataFrame:
    """Texts made of plates."""
    some = plates.with_columns(
        street=pl.concat_str("road", pl.col("section").fill_null("")),
        lane_text=pl.concat_str("road", pl.col("section").fill_null(""), pl.col("lane")),
    ).sample(SAMPLE, seed=2)  # fmt: skip
    level = pl.col("level")
    parts = []

    def add(asked: pl.DataFrame, right: pl.Expr) -> None:
        parts.append(
            answered(base, asked.unique("text", maintain_order=True))
            .with_columns(right=right.fill_null(False))
            .select(*KEYS, "text", "score", "right")
        )

    named = pl.col("matched_text").str.replace_all("台", "臺").str.contains(pl.col("truth"), literal=True)
    add(
        some.select(text=pl.col("district") + pl.col("village"), truth="village"),
        (level == "community") & (pl.col("community") == pl.col("truth")),
    )
    add(some.select(text="district", truth="district"), (level == "district") & named)
    add(some.select(text=pl.col("district") + pl.col("street"), truth="road"), level.is_in(["road"]) & named)
    add(some.select(text=pl.col("street"), truth="road"), level.is_in(["road"]) & named)
    for tail in ("單號", "路燈編號", "往國道1號"):
        add(some.select(text=pl.col("district") + pl.col("street") + tail, truth="road"), level.is_in(["road"]) & named)
    lanes = some.filter(pl.col("lane").is_not_null())
    add(lanes.select(text=pl.col("district") + pl.col("lane_text"), truth="lane"), level.is_in(["lane", "alley"]) & named)
    add(lanes.select(text=pl.col("lane_text"), truth="lane"), level.is_in(["lane", "alley"]) & named)
    pairs = (
        some.join(some.select("village", other="street"), on="village")
        .filter(pl.col("street") < pl.col("other"))
        .unique(["street", "other"])
    )
    pairs = pairs.sort("street", "other").sample(min(SAMPLE, pairs.height), seed=3)
    add(
        pairs.select(text=pl.concat_str("district", "street", pl.lit("與"), "other", pl.lit("交叉口")), truth="road"),
        (level == "crossing") & named,
    )
    # A point some 15 m beside the door (degrees at the plate's latitude): the nearest number should lie in its village and neighbourhood.
    beside = some.filter(pl.col("lane").is_null()).select(
        text=pl.col("district") + pl.col("street"), lng=pl.col("lng").cast(pl.Float64) + 0.0001, lat=pl.col("lat").cast(pl.Float64) + 0.0001,
        truth_li="village", truth_lin=pl.col("neighborhood").str.extract(r"(\d+)").cast(pl.Float64),
    ).drop_nulls()  # fmt: skip
    parts.append(judged(base, answered(base, beside)).select(*KEYS, "text", "score", "right"))
    return pl.concat(parts)


def renamed(plates: pl.DataFrame) -> pl.DataFrame:
    """Former names: one district's register in two versions, every fifth road bearing another name in the first; its doors are asked for by
    their former addresses. And aliases: every fifth of the other roads under a name that an alias file gives. Right is the very door."""
    district = plates.filter(pl.col("district") == plates["district"].mode().sort()[0])
    roads = district["road"].unique().sort()
    former = roads.gather_every(5)
    alias = roads.gather_every(5, offset=2)
    old_name, short = (pl.col("road").str.replace("^(.)", f"{sign}$1") for sign in ("舊名", "俗稱"))
    text = pl.concat_str("city", "district", "village", "neighborhood", "road", pl.col("section", "lane", "alley").fill_null(""), "number")
    # The register's own code says that a door under another name is the same door.
    district = district.with_columns(city=pl.lit("臺北市"), address_code=pl.format("D{}", pl.int_range(pl.len())))
    first = district.with_columns(road=pl.when(pl.col("road").is_in(former.implode())).then(old_name).otherwise("road")).with_columns(
        full_addr=text
    )
    aliases = alias.to_frame("road").select(name="road", alias=short, level=pl.lit("road"), kind=pl.lit("short")).to_arrow()
    versions = [
        (day, register_columns(dump, "full_addr", Path("plates")).to_arrow())
        for day, dump in ((dt.date(2026, 1, 1), first), (dt.date(2026, 6, 1), district))
    ]
    base = build_base(versions, Grammar.load("taiwan"), aliases=aliases)
    asked = []
    for names, name in ((former, old_name), (alias, short)):
        doors = district.filter(pl.col("road").is_in(names.implode()))
        doors = doors.sample(min(SAMPLE, doors.height), seed=4)
        said = pl.concat_str("district", name, pl.col("section", "lane", "alley").fill_null(""), "number")
        asked.append(doors.select(text=said, truth="full_addr").unique("text", keep="none"))
    found = answered(base, pl.concat(asked))
    return found.with_columns(right=(pl.col("matched_text") == pl.col("truth")).fill_null(False)).select(*KEYS, "text", "score", "right")


def table_of(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """method, reason_code, level, district_evidence, loose, n, right, score, source; narrow classes first."""
    star = pl.lit("*")
    tables = []
    frame = frame.filter(pl.col("level").is_not_null() & pl.col("method").is_not_null())
    for kept in (5, 4, 3, 2):
        group = frame.group_by(KEYS[:kept]).agg(n=pl.len(), right=pl.col("right").sum())
        tables.append(group.with_columns(star.alias(key) for key in KEYS[kept:]).select(*KEYS, "n", "right"))
    any_method = frame.group_by("reason_code").agg(n=pl.len(), right=pl.col("right").sum())
    tables.append(any_method.with_columns(star.alias(key) for key in KEYS if key != "reason_code").select(*KEYS, "n", "right"))
    measured = (
        pl.concat(tables)
        .filter(pl.col("n") >= 30)
        .with_columns(score=((pl.col("right") + 0.9) / (pl.col("n") + 1)).round(4).clip(upper_bound=0.9999))
    )
    return measured.sort(*KEYS).with_columns(pl.col("n", "right").cast(pl.Int64), source=pl.lit(source))


def whole_table(tables: list[pl.DataFrame]) -> pl.DataFrame:
    assumed = pl.DataFrame(
        [("*", reason, "*", "*", "*", 0, 0, score, "assumed") for reason, score in ASSUMED.items()], schema=tables[0].schema, orient="row"
    )
    result = pl.concat([*tables, assumed]).unique(KEYS, keep="first", maintain_order=True)
    return result.rename({"reason_code": "reason", "district_evidence": "district"})


def test_of(frame: pl.DataFrame) -> str:
    linked = frame.filter(pl.col("level").is_not_null())
    sure, right = linked.filter(pl.col("score") >= 0.99), linked.filter("right")
    return (
        f"links {linked.height}; scored >= 0.99: {sure.height}, right of these {sure['right'].mean() or 0:.4f}; "
        f"right links scored >= 0.99: {right.filter(pl.col('score') >= 0.99).height / max(right.height, 1):.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    plates = pl.read_parquet(asked.plates)
    register = register_columns(plates.with_columns(city=pl.lit("臺北市")), "full_addr", asked.plates)
    base = build_base([(dt.date(2026, 6, 1), register.to_arrow())], Grammar.load("taiwan"))

    def half(frame: pl.DataFrame, wanted: bool) -> pl.DataFrame:
        return frame.filter(pl.Series([even(text) is wanted for text in frame["text"].to_list()]))

    frames = [
        (tickets(base, asked.truth), "tickets"),
        (varied(base, asked.truth, plates), "tickets, varied"),
        (made(base, plates), "register"),
        (renamed(plates), "register, two versions"),
    ]
    table = whole_table([table_of(half(frame, True), source) for frame, source in frames])
    with pl.Config(tbl_rows=200, tbl_hide_column_data_types=True):
        print(table.filter(pl.col("level") != "*", pl.col("district") == "*"))
    if asked.write:
        TABLE.write_text(HEADER + table.write_csv(), encoding="utf-8")
    for frame, source in frames:
        print(f"{source}, the other half, with the table as it was before this run:", test_of(half(frame, False)))


if __name__ == "__main__":
    main()
