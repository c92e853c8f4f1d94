"""Linking, side by side on one machine and the same data: govlake, an exact-look-up baseline, Splink and jionlp (where present).

Run: python -m benchmarks.link [--data FOLDER] [--with-others] [--sample N]. FOLDER holds taipei/plates.parquet, taipei/link_dev.parquet and
addresses/*.jsonl. `--with-others` makes an environment of its own for Splink 5 and jionlp (uv or venv with pip) and runs them on the sample;
without it, or where the registry cannot be reached, they are listed as absent. For the figure on two cores: taskset -c 0,1 with
POLARS_MAX_THREADS=2.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from addressing import DOOR_LEVELS, AddressBase, Grammar, build_base, resolve
from addressing.link import register_columns

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
    for kind in ("li+lin", "li only", "free"):
        part = frame.filter(pl.col("kind") == kind)
        if kind == "free":
            part = part.filter(pl.col("address").str.contains("[號号]"))
        doors = part.filter("door")
        right = None if kind == "free" else doors.filter(village & lin if kind == "li+lin" else village).height / max(doors.height, 1)
        rows.append(
            {
                "system": name,
                "kind": kind + (" with 號" if kind == "free" else ""),
                "texts": part.height,
                "door": round(doors.height / part.height, 4),
                "right of doors": None if right is None else round(right, 4),
                "village right of all": None if kind == "free" else round(part.filter(village).height / part.height, 4),
                "addresses/s (all kinds)": round(frame.height / seconds),
            }
        )
    return rows


def govlake(data: Path, truth: pl.DataFrame) -> list[dict]:
    plates = data / "taipei" / "plates.parquet"
    register = register_columns(pl.read_parquet(plates).with_columns(city=pl.lit("臺北市")), "full_addr", plates).to_arrow()
    start = time.perf_counter()
    base = build_base([(dt.date(2026, 6, 1), register)], Grammar.load("taiwan"))
    built = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        base.save(folder)
        start = time.perf_counter()
        base = AddressBase.open(folder)
        resolve(base, pa.table({"text": ["臺北市"]}))
        opened = time.perf_counter() - start
        queries = pa.table({"text": truth["address"].to_arrow()})
        start = time.perf_counter()
        answers = resolve(base, queries)
        seconds = time.perf_counter() - start
    print(
        f"govlake: register of {register.num_rows:,} plates built in {built:.1f} s, opened and first answer in {opened:.2f} s, "
        f"{len(truth):,} texts in {seconds:.2f} s, peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )
    found = pl.DataFrame(pl.from_arrow(answers)).with_columns(door=pl.col("level").is_in(list(DOOR_LEVELS)))
    free = pl.concat([truth.select("kind", "address"), found], how="horizontal").filter(pl.col("kind") == "free")
    bare = free.filter(~pl.col("address").str.contains("[號号]"))
    marked = free.filter(pl.col("address").str.contains("[號号]"))
    street = pl.col("level").is_in(["road", "lane", "alley"]) & (pl.col("outcome") == "not_in_register")
    print(f"free with 號: door, or street with not_in_register: {marked.filter(pl.col('door') | street).height / marked.height:.4f}")
    roads = pl.read_parquet(plates, columns=["road"])["road"].unique().to_list()
    names = bare.filter(pl.col("address").str.contains_any(roads))
    reached = names.filter(pl.col("level").is_in(["road", "lane", "alley", "crossing", "number", "floor", "room"]))
    print(
        f"free without 號: of {names.height:,} that hold a registered road's name {reached.height / names.height:.4f} reach it; doors: {bare.filter('door').height}"
    )
    print(bare.group_by("level", "outcome").len().sort("len", descending=True))
    return accuracy("govlake", found, truth, seconds)


def others(folder: Path, sample: pl.DataFrame, data: Path) -> None:
    """Splink and jionlp in an environment of their own; says what is absent and why."""
    python = folder / "env" / "bin" / "python"
    if not python.exists():
        maker = [["uv", "venv", str(folder / "env")]] if shutil.which("uv") else [[sys.executable, "-m", "venv", str(folder / "env")]]
        installer = ["uv", "pip", "install", "-q", "-p", str(python)] if shutil.which("uv") else [str(python), "-m", "pip", "install", "-q"]
        for command in (*maker, [*installer, *OTHERS]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"Splink, jionlp: absent ({(done.stderr.strip().splitlines() or ['no message'])[-1]})")
                return
    sample.select("address").write_parquet(folder / "sample.parquet")
    program = (
        "import sys,time,pandas as pd,jionlp\n"
        "texts=pd.read_parquet(sys.argv[1])['address'].tolist()[:2000]\n"
        "start=time.perf_counter()\n"
        "for text in texts: jionlp.parse_location(text)\n"
        "print(f'jionlp (parsing alone): {len(texts)/(time.perf_counter()-start):,.0f} addresses/s')\n"
    )
    done = subprocess.run([str(python), "-c", program, str(folder / "sample.parquet")], capture_output=True, text=True, check=False)
    print(done.stdout.strip() if done.returncode == 0 else f"jionlp: failed ({(done.stderr.strip().splitlines() or [''])[-1]})")
    print("Splink: " + _splink(python, folder, data, sample))


def _splink(python: Path, folder: Path, data: Path, sample: pl.DataFrame) -> str:
    """Splink links the sample to the plates on parsed columns (road, lane, alley, number), blocking on road."""
    plates = pl.read_parquet(data / "taipei" / "plates.parquet")
    left = plates.select(
        unique_id=pl.int_range(pl.len()), road=pl.col("road") + pl.col("section").fill_null(""), lane=pl.col("lane").fill_null("-"),
        alley=pl.col("alley").fill_null("-"), number=pl.col("number").str.extract(r"^(.*?號)"), village="village",
    ).unique(["road", "lane", "alley", "number"], keep="first", maintain_order=True)  # fmt: skip
    text = sample["address"].str.replace_many([chr(0xFF10 + d) for d in range(10)], list("0123456789"))
    right = pl.DataFrame({"text": text}).select(
        unique_id=pl.int_range(pl.len()), road=pl.col("text").str.extract(r".*區(.+?[路街道](?:.段)?)"), lane=pl.col("text").str.extract(r"(\d+巷)").fill_null("-"),
        alley=pl.col("text").str.extract(r"(\d+弄)").fill_null("-"), number=pl.col("text").str.extract(r"(\d+(?:之\d+)?號)"), village=pl.lit("-"),
    ).drop_nulls()  # fmt: skip
    left.write_parquet(folder / "left.parquet")
    right.write_parquet(folder / "right.parquet")
    program = (
        "import sys,time,pandas as pd\n"
        "from splink import DuckDBAPI,Linker,SettingsCreator,block_on\n"
        "import splink.comparison_library as cl\n"
        "left,right=(pd.read_parquet(p) for p in sys.argv[1:3])\n"
        "start=time.perf_counter()\n"
        "s=SettingsCreator(link_type='link_only',blocking_rules_to_generate_predictions=[block_on('road','number')],"
        "comparisons=[cl.ExactMatch('lane'),cl.ExactMatch('alley')],retain_matching_columns=False)\n"
        "linker=Linker([left,right],s,DuckDBAPI())\n"
        "n=len(linker.inference.predict(threshold_match_probability=0.5).as_pandas_dataframe())\n"
        "print(f'{n} pairs for {len(right)} texts, {len(right)/(time.perf_counter()-start):,.0f} addresses/s with set-up')\n"
    )
    done = subprocess.run(
        [str(python), "-c", program, str(folder / "left.parquet"), str(folder / "right.parquet")],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else f"failed ({(done.stderr.strip().splitlines() or [''])[-1]})"


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
    parser.add_argument("--with-others", action="store_true", help="also Splink and jionlp, in an environment made for them")
    parser.add_argument("--sample", type=int, default=20_000, help="texts given to the others")
    asked = parser.parse_args()
    if not (asked.data / "taipei" / "link_dev.parquet").is_file():
        parser.exit(2, f"{asked.data}: no taipei/link_dev.parquet there; give the folder with --data\n")
    truth = pl.read_parquet(asked.data / "taipei" / "link_dev.parquet").unique("address", keep="first", maintain_order=True)
    rows = govlake(asked.data, truth)
    found, seconds = baseline(pl.read_parquet(asked.data / "taipei" / "plates.parquet"), truth["address"])
    rows += accuracy("exact look-up", found, truth, seconds)
    with pl.Config(tbl_rows=20, tbl_cols=10, tbl_width_chars=160, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))
    likeness(asked.data)
    if asked.with_others:
        with tempfile.TemporaryDirectory() as folder:
            others(Path(folder), truth.sample(min(asked.sample, truth.height), seed=1), asked.data)
    else:
        print("Splink, jionlp: not asked for (--with-others)")


if __name__ == "__main__":
    main()
