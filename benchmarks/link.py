"""Linking, side by side on one machine and the same data: govlake, an exact-look-up baseline, Splink and jionlp (where present).

Run: python -m benchmarks.link [--data FOLDER] [--alone] [--sample N]. FOLDER holds taipei/plates.parquet, taipei/link_dev.parquet and
addresses/*.jsonl. An environment of its own is made for Splink 5 and jionlp (uv or venv with pip), which run on a sample; where
the registry cannot be reached they are listed as absent, with the reason. `--alone` leaves them out. For the figure on two cores: taskset -c 0,1 with
POLARS_MAX_THREADS=2.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from addressing import DOOR_LEVELS, AddressBase, Grammar, build_base, resolve
from addressing.cascade import prepare
from addressing.link import register_columns
from addressing.text import comparable
from benchmarks.calibrate_link import TABLE as CALIBRATION
from benchmarks.calibrate_link import even, judged

RUNS = 5
STREETS = ("road", "lane", "alley")
OTHERS = ("splink>=5.0.0.dev0,<6", "jionlp", "pyarrow", "pandas", "duckdb")


def baseline(plates: pl.DataFrame, texts: pl.Series) -> tuple[pl.DataFrame, float]:
    """Full width to half width, Chinese floors cut off, then an exact look-up of district and the text up to 號."""
    wide = [chr(0xFF10 + digit) for digit in range(10)]

    def key(text: pl.Expr) -> pl.Expr:
        folded = text.str.replace_many(wide, list("0123456789")).str.replace_all("台", "臺").str.replace_all(r"\s", "")
        return folded.str.extract(r"([^市區里鄰]+區)?.*?([^市區里鄰]{2,}?\d*[路街道].*?號)", 2)

    index = plates.select(
        key=key(pl.concat_str("road", pl.col("section").fill_null(""), pl.col("lane").fill_null(""), pl.col("alley").fill_null(""), "number")),
        community="village", neighbourhood="neighborhood",
    ).drop_nulls().unique("key", keep="first", maintain_order=True)  # fmt: skip
    start = time.perf_counter()
    found = texts.to_frame("text").with_columns(key=key(pl.col("text"))).join(index, on="key", how="left", maintain_order="left")
    return found.with_columns(door=pl.col("community").is_not_null()), time.perf_counter() - start


def accuracy(name: str, answered: pl.DataFrame, truth: pl.DataFrame, seconds: float) -> list[dict]:
    frame = pl.concat(
        [truth.select("kind", "address", "truth_li", "truth_lin"), answered.select("door", "community", "neighbourhood")], how="horizontal"
    )
    village = (pl.col("community") == pl.col("truth_li")).fill_null(False)
    lin = (pl.col("neighbourhood").str.extract(r"(\d+)").cast(pl.Float64) == pl.col("truth_lin")).fill_null(False)
    rows = []
    marked = pl.col("address").str.contains("[號号]")
    # A text without 號 names no door: every door there is made up.
    for kind, wanted in (("li+lin", True), ("li only", True), ("free with 號", marked), ("free without 號", ~marked)):
        free = kind.startswith("free")
        part = frame.filter((pl.col("kind") == ("free" if free else kind)) & wanted)
        doors = part.filter("door")
        right = None if free else doors.filter(village & lin if kind == "li+lin" else village).height / max(doors.height, 1)
        rows.append(
            {
                "system": name,
                "kind": kind,
                "texts": part.height,
                "door": round(doors.height / part.height, 4),
                "right of doors": None if right is None else round(right, 4),
                "village right of all": None if free else round(part.filter(village).height / part.height, 4),
                "addresses/s": round(frame.height / seconds),
            }
        )
    return rows


def unnumbered(plates: pl.DataFrame, bare: pl.DataFrame) -> list[dict]:
    """Free texts without 號 by what they name, found with expressions over the plates' own columns and without the engine; and the share whose
    answer is that place. `bare`: address, level, matched_text, community, runner_up_text. The plates know no landmark, estate or park."""
    digits = {name: str(value) for value, name in enumerate("零一二三四五六七八九")}

    def plain(text: pl.Expr) -> pl.Expr:
        half = text.str.replace_many([chr(0xFF10 + digit) for digit in range(10)], list("0123456789")).str.replace_all("台", "臺")
        for name, value in digits.items():
            half = half.str.replace_all(f"{name}段", f"{value}段")
        return half.str.replace_all(r"\s", "")

    roads = "|".join(sorted(plates["road"].unique().to_list(), key=lambda name: (-len(name), name)))
    street = rf"(?:{roads})(?:[0-9]段)?(?:[0-9]+巷)?"
    text = bare.select(
        "level", "community", text=plain(pl.col("address")), answer=plain(pl.col("matched_text").fill_null("")),
        other=plain(pl.col("runner_up_text").fill_null("")), district=pl.col("address").str.extract("^(..區)"),
    ).with_columns(
        road=pl.col("text").str.extract(f"({roads})"), street=pl.col("text").str.extract(f"({street})"),
        pair=pl.col("text").str.extract_groups(rf"({street})(?:口)?[-－、/與和跟及&]({street})"),
    ).unnest("pair").with_row_index("row")  # fmt: skip
    villages = plates.select("district", "village").unique()
    said = text.filter(pl.col("road").is_null()).with_columns(village=pl.col("text").str.extract_many(sorted(set(villages["village"]))))
    said = said.explode("village").join(villages, on=["district", "village"], how="semi")
    known = plates.select(street=plain(pl.concat_str("road", pl.col("section").fill_null(""), pl.col("lane")))).unique()
    lane = text.filter(pl.col("street").str.contains("巷")).join(known, on="street", how="semi")
    crossing = text.filter(
        pl.col("2").is_not_null() & (pl.col("1") != pl.col("2")) & ~pl.col("text").str.contains("[間至到往]")
    )  # fmt: skip
    whole = known.vstack(plates.select(street=plain(pl.concat_str("road", pl.col("section").fill_null(""))))).vstack(
        plates.select(street="road")
    )
    crossing = crossing.filter(pl.col("1").is_in(whole["street"].implode()) & pl.col("2").is_in(whole["street"].implode()))
    on_road = pl.col("level").is_in([*STREETS, "crossing", *DOOR_LEVELS])
    found = pl.col("answer") + " " + pl.col("other")
    checks = {
        "village, no road": (said.group_by("row").agg(right=(pl.col("community") == pl.col("village")).fill_null(False).any())),
        "road": text.filter(pl.col("road").is_not_null()).with_columns(right=on_road & found.str.contains(pl.col("road"), literal=True)),
        "lane that the plates have": lane.with_columns(right=found.str.contains(pl.col("street"), literal=True)),
        "crossing of two streets": crossing.with_columns(
            right=(pl.col("level") == "crossing")
            & found.str.contains(pl.col("1"), literal=True)
            & found.str.contains(pl.col("2"), literal=True)
        ),
    }
    every = pl.concat([frame.select("row", "right") for frame in checks.values()]).group_by("row").agg(pl.col("right").all())
    digitless = text.filter(~pl.col("text").str.contains("[0-9一二三四五六七八九十]"))
    rows = [{"names": name, "texts": frame.height, "reached": round(frame["right"].mean(), 4)} for name, frame in checks.items()]
    rows.append({"names": "any of these (all that it names)", "texts": every.height, "reached": round(every["right"].mean(), 4)})
    for name, frame in (("doors made up", text), ("doors made up, no numeral in the text", digitless)):
        rows.append({"names": name, "texts": frame.height, "reached": float(frame.filter(pl.col("level").is_in(list(DOOR_LEVELS))).height)})
    return rows


def govlake(data: Path, truth: pl.DataFrame) -> tuple[pl.DataFrame, float]:
    plates = data / "taipei" / "plates.parquet"
    register = register_columns(pl.read_parquet(plates).with_columns(city=pl.lit("臺北市")), "full_addr", plates).to_arrow()
    start = time.perf_counter()
    base = build_base([(dt.date(2026, 6, 1), register)], Grammar.load("taiwan"))
    built = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        base.save(folder)
        start = time.perf_counter()
        base = AddressBase.open(folder)
        prepare(base)
        resolve(base, pa.table({"text": ["臺北市"]}))
        opened = time.perf_counter() - start
        queries = pa.table({"text": truth["address"].to_arrow()})
        answers, every = resolve(base, queries.slice(0, 0)), []
        for _ in range(RUNS):
            start = time.perf_counter()
            answers = resolve(base, queries)
            every.append(time.perf_counter() - start)
        seconds = statistics.median(every)
    print(
        f"govlake: register of {register.num_rows:,} plates built in {built:.1f} s, opened and first answer in {opened:.2f} s, "
        f"{len(truth):,} texts in {', '.join(f'{took:.2f}' for took in every)} s (first run first; the table takes the median), "
        f"peak memory, the building with it, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )
    found = pl.DataFrame(pl.from_arrow(answers)).with_columns(door=pl.col("level").is_in(list(DOOR_LEVELS)))
    free = pl.concat([truth.select("kind", "address"), found], how="horizontal").filter(pl.col("kind") == "free")
    bare = free.filter(~pl.col("address").str.contains("[號号]"))
    marked = free.filter(pl.col("address").str.contains("[號号]"))
    street = pl.col("level").is_in(list(STREETS)) & (pl.col("outcome") == "not_in_register")
    print(f"free with 號: door, or street with not_in_register: {marked.filter(pl.col('door') | street).height / marked.height:.4f}")
    anywhere = pl.col("level").is_in([*STREETS, "crossing"])
    print(
        f"free with 號: door, or street or crossing whatever the outcome: {marked.filter(pl.col('door') | anywhere).height / marked.height:.4f}"
    )
    paths = pl.DataFrame({"runner_up": base.nodes["address_key"], "runner_up_text": base.nodes["path"]})
    show(unnumbered(pl.read_parquet(plates), bare.join(paths, on="runner_up", how="left", maintain_order="left")))
    show(bare.group_by("level", "outcome").len().sort("len", descending=True).to_dicts())
    calibrated(base, pl.concat([truth, found.drop("district", "door")], how="horizontal"))
    return found, seconds


def calibrated(base: AddressBase, answered: pl.DataFrame) -> None:
    """Right links by score, on the half of the li+lin texts that the table was not made on; and the table's classes."""
    half = answered.filter((pl.col("kind") == "li+lin") & pl.col("level").is_not_null())
    half = judged(base, half.filter(~pl.Series([even(text) for text in half["address"].to_list()], dtype=pl.Boolean)))
    rows = []
    for low, high in ((0.99, 1.01), (0.95, 0.99), (0.9, 0.95), (0.5, 0.9), (0.0, 0.5)):
        part = half.filter((pl.col("score") >= low) & (pl.col("score") < high))
        if part.height:
            rows.append({"score": f"{low} to {min(high, 1.0)}", "links": part.height, "mean score": round(part["score"].mean(), 4),
                         "right": round(part["right"].mean(), 4)})  # fmt: skip
    print("score and share of right links, the half of li+lin that the table was not made on:")
    show(rows)
    right = half.filter("right")
    print(f"of its right links scored >= 0.99: {(right['score'] >= 0.99).mean():.4f}")
    table = pl.read_csv(CALIBRATION, comment_prefix="#").filter((pl.col("level") != "*") & (pl.col("district") == "*"))
    print("the score table by class (addressing/tables/calibration.csv):")
    show(table.select("method", "reason", "level", "n", "right", "score", "source").sort("n", descending=True).to_dicts())


def others_environment(folder: Path) -> Path | None:
    """An environment with Splink and jionlp; says why where there is none."""
    python = folder / "bin" / "python"
    maker = ["uv", "venv", str(folder)] if shutil.which("uv") else [sys.executable, "-m", "venv", str(folder)]
    installer = ["uv", "pip", "install", "-q", "-p", str(python)] if shutil.which("uv") else [str(python), "-m", "pip", "install", "-q"]
    for command in (maker, [*installer, *OTHERS]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"Splink, jionlp: absent ({(done.stderr.strip().splitlines() or ['no message'])[-1]})")
            return None
    return python


def jionlp(python: Path, data: Path) -> None:
    """Parsing beside jionlp on the labelled addresses: the last lines of `benchmarks.parse`."""
    labelled = data / "addresses" / "parse_dev.jsonl"
    command = [sys.executable, "-m", "benchmarks.parse", "--labelled", str(labelled), "--jionlp", str(python), "--repeat", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[1])
    if done.returncode:
        print(f"jionlp: failed ({(done.stderr.strip().splitlines() or [''])[-1]})")
        return
    print("parsing, parse_dev:\n" + "\n".join(done.stdout.splitlines()[-3:]))


def plain_form(texts: pl.Series) -> pl.Series:
    """What anyone would do first: full width to half width, no blanks, 臺."""
    wide = [chr(0xFF10 + digit) for digit in range(10)]
    return texts.str.replace_many(wide, list("0123456789")).str.replace_all("台", "臺").str.replace_all(r"\s", "")


def govlake_form(texts: pl.Series) -> pl.Series:
    """govlake's comparison form: one script and width, Arabic numbers."""
    return comparable(texts, Grammar.load("taiwan"))


def _columns(formed: pl.Series) -> pl.DataFrame:
    """Formed texts cut into columns by one expression, plates and texts alike."""
    text = pl.col("text")
    number = text.str.extract_groups(r"(?<main>\d+)(?:[-之](?<sub>\d+))?[号號](?:之(?<after>\d+))?")
    parts = [number.struct.field("main"), pl.coalesce(number.struct.field("sub"), number.struct.field("after"))]
    cut = formed.rename("text").to_frame().select(
        unique_id=pl.int_range(pl.len()),
        district=text.str.extract(r".*(..[区區])"),
        road=text.str.extract(r"([^\d区區里邻鄰市]{1,6}?(?:大道|路|街)(?:[\d一二三四五六七八九十]+段)?)"),
        lane=text.str.extract(r"(\d+)巷").fill_null("-"),
        alley=text.str.extract(r"(\d+)弄").fill_null("-"),
        number=pl.concat_str(parts, separator="-", ignore_nulls=True),
    )  # fmt: skip
    return cut.with_columns(number=pl.when(pl.col("number") != "").then("number"))


def splink(python: Path, folder: Path, data: Path, sample: pl.DataFrame, name: str, form: Callable[[pl.Series], pl.Series]) -> list[dict]:
    """Splink links the sample to the distinct numbers of the plates. The door is the plate that it holds for likeliest."""
    plates = pl.read_parquet(data / "taipei" / "plates.parquet", columns=["full_addr", "village", "neighborhood"])
    left = pl.concat([_columns(form(plates["full_addr"])), plates.select("village", "neighborhood")], how="horizontal")
    parts = ["district", "road", "lane", "alley", "number"]
    left = left.drop_nulls(["road", "number"]).unique(parts, keep="first", maintain_order=True)
    paths = [folder / f"{part}.parquet" for part in ("plates", "texts", "links")]
    left.select("unique_id", *parts).write_parquet(paths[0])
    start = time.perf_counter()
    _columns(form(sample["address"])).write_parquet(paths[1])
    cutting = time.perf_counter() - start
    program = Path(__file__).with_name("splink_link.py")
    done = subprocess.run([str(python), str(program), *map(str, paths)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name}: failed ({(done.stderr.strip().splitlines() or [''])[-1]})")
        return []
    training, seconds = map(float, done.stdout.split()[-2:])
    print(
        f"{name}: {sample.height:,} texts, {left.height:,} plates; columns {cutting:.1f} s, set-up {training:.1f} s, prediction {seconds:.1f} s"
    )
    links = pl.read_parquet(paths[2]).select(pl.col("text", "plate").cast(pl.Int64))
    found = links.join(left.select(plate="unique_id", community="village", neighbourhood="neighborhood"), on="plate")
    answered = pl.DataFrame({"text": range(sample.height)}).join(found, on="text", how="left", maintain_order="left")
    return accuracy(name, answered.with_columns(door=pl.col("plate").is_not_null()), sample, cutting + seconds)


def show(rows: list[dict]) -> None:
    with pl.Config(tbl_rows=60, tbl_cols=10, tbl_width_chars=160, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


def likeness(data: Path) -> None:
    lines = (data / "addresses" / "pairs_dev.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    asked = [pair for pair in pairs if any(label == 2 for _, label in pair["cand"])]
    texts = pa.table({"full_address": sorted({text for pair in pairs for text, _ in pair["cand"]})})
    base = build_base([(dt.date(2020, 1, 1), texts)], Grammar.load("mainland"))
    found = resolve(base, pa.table({"text": [pair["query"] for pair in asked]}))["matched_text"].to_pylist()
    right = sum(text in {c for c, label in pair["cand"] if label == 2} for text, pair in zip(found, asked, strict=True))
    print(f"pairs_dev, register of {texts.num_rows:,} texts: right text first for {right / len(asked):.4f} of {len(asked)} queries")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    near = Path(os.environ.get("GOVLAKE_REALDATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=near, help="folder of real data (default: GOVLAKE_REALDATA, else ../shared/data)")
    parser.add_argument("--alone", action="store_true", help="without Splink and jionlp, for which an environment is made")
    parser.add_argument("--sample", type=int, default=20_000, help="texts given to the others")
    asked = parser.parse_args()
    if not (asked.data / "taipei" / "link_dev.parquet").is_file():
        parser.exit(2, f"{asked.data}: no taipei/link_dev.parquet there; give the folder with --data\n")
    truth = pl.read_parquet(asked.data / "taipei" / "link_dev.parquet").unique("address", keep="first", maintain_order=True)
    answers = {
        "govlake": govlake(asked.data, truth),
        "exact look-up": baseline(pl.read_parquet(asked.data / "taipei" / "plates.parquet"), truth["address"]),
    }
    show([row for name, (found, seconds) in answers.items() for row in accuracy(name, found, truth, seconds)])
    likeness(asked.data)
    if asked.alone:
        print("Splink, jionlp: left out (--alone)")
        return
    with tempfile.TemporaryDirectory() as folder:
        python = others_environment(Path(folder) / "env")
        if python is None:
            return
        at = pl.int_range(truth.height, eager=True).sample(min(asked.sample, truth.height), seed=1)
        sample, rows = truth[at], []
        for name, (found, seconds) in answers.items():
            # The speed of these two is that of the whole run: seconds for the sample's share of it.
            rows += accuracy(name, found[at], sample, seconds * sample.height / truth.height)
        for name, form in (("Splink, plain columns", plain_form), ("Splink, govlake's columns", govlake_form)):
            rows += splink(python, Path(folder), asked.data, sample, name, form)
        print(f"the same {sample.height:,} texts for all:")
        show(rows)
        jionlp(python, asked.data)


if __name__ == "__main__":
    main()
