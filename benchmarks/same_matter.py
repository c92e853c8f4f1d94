"""Same matter: how exact on a demo city whose seed no weight was chosen on, how fast, how much memory.

    python -m benchmarks.same_matter [--seed 77] [--tickets 20000] [--people 10000] [--days 120] [--cores 0,1]
    python -m benchmarks.same_matter --home HOME [--sample 40] [--cores 0,1]

Without --home a demo city is made in a temporary folder and the whole job run on it. Measured is what the builder does for the two tables
`event.event_pair` and `event.event_cluster`, in a process of its own on the cores named. Where the home has the demo's truth: precision,
recall and F1 over pairs of reports, beside two plain rules (same address key, or same building; same category; within seven days), and
recall by how many pairs of characters the two texts share (places and placeholders taken out): below a tenth they are told in other words.
Without a truth: the precision that the scores themselves expect, and with --sample joined pairs to be read by eye (on the screen only).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from governance import matter
from governance.matter_text import plain

DAYS = 7


def tables(home: Path) -> dict[str, pa.Table]:
    """What the two steps read, from the home's current release."""
    folder = (home / "releases" / "current").resolve() / "internal"
    connection = duckdb.connect()
    for theme in ("event", "place"):
        connection.execute(f"ATTACH '{folder / theme}.duckdb' AS {theme} (READ_ONLY)")
    return {name: connection.sql(f"SELECT * FROM {name}").to_arrow_table() for name in matter.PAIR_INPUTS}


def built(given: dict[str, pa.Table]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`event.event_pair` and `event.event_cluster` as the builder makes them."""
    pairs = matter.event_pair(given, None)  # type: ignore[arg-type]
    cluster = matter.event_cluster({**given, "event.event_pair": pairs}, None)  # type: ignore[arg-type]
    return pl.DataFrame(pl.from_arrow(pairs)), pl.DataFrame(pl.from_arrow(cluster))


def measured(home: Path) -> dict[str, Any]:
    """Seconds, CPU seconds and memory of the two steps."""
    given = tables(home)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, before = time.perf_counter(), os.times()
    pairs, cluster = built(given)
    wall, after = time.perf_counter() - wall, os.times()
    tickets = sum(1 for feed in given["event.event"]["feed"].to_pylist() if feed == "ticket")
    return {
        "tickets": tickets, "events": cluster.height, "nodes of the address base": given["place.address"].num_rows,
        "seconds": round(wall, 1), "CPU seconds": round(after.user + after.system - before.user - before.system, 1),
        "GiB with inputs": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2), "GiB of inputs": round(peak / 2**20, 2),
        "possible pairs": pairs.height, "matters": cluster["matter_id"].n_unique(), "load of the machine": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def pairs_of(table: pl.DataFrame, key: str) -> pl.DataFrame:
    """All pairs (one < other) of event ids with the same key."""
    sides = table.select("event_id", key).drop_nulls()
    both = sides.join(sides, on=key, suffix="_2").filter(pl.col("event_id") < pl.col("event_id_2"))
    return both.select(one="event_id", other="event_id_2")


def by_rule(events: pl.DataFrame, place: str) -> pl.DataFrame:
    """Pairs of the same place and category within DAYS."""
    sides = events.select("event_id", "reported_at", place, "category_key").drop_nulls()
    both = sides.join(sides, on=[place, "category_key"], suffix="_2").filter(pl.col("event_id") < pl.col("event_id_2"))
    near = (pl.col("reported_at") - pl.col("reported_at_2")).abs() <= pl.duration(days=DAYS)
    return both.filter(near).select(one="event_id", other="event_id_2")


def verdict(found: pl.DataFrame, true: pl.DataFrame) -> dict[str, float]:
    right = found.join(true, on=["one", "other"], how="semi").height
    precision, recall = right / max(found.height, 1), right / max(true.height, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "F1": round(f1, 4), "pairs": found.height}


def shared_words(pairs: pl.DataFrame, events: pl.DataFrame, names: pl.Series) -> pl.Series:
    """For each pair the share of pairs of characters that both texts have (Jaccard); null where one has no text."""
    texts = pl.concat([plain(events["title_redacted"], names), plain(events["body_redacted"], names)])
    joined = pl.DataFrame({"event_id": pl.concat([events["event_id"]] * 2), "text": texts.str.extract_all(r"\p{Han}").list.join("")})
    grams = {
        event: {text[at : at + 2] for one in parts for text in [one] for at in range(len(text) - 1)}
        for event, parts in joined.group_by("event_id").agg("text").iter_rows()
    }
    shares = []
    for one, other in pairs.select("one", "other").iter_rows():
        every = grams[one] | grams[other]
        shares.append(len(grams[one] & grams[other]) / len(every) if grams[one] and grams[other] else None)
    return pl.Series("shared", shares, dtype=pl.Float64)


def accuracy(home: Path) -> dict[str, Any]:
    """Verdicts against the demo's truth."""
    given = tables(home)
    _, cluster = built(given)
    events = pl.DataFrame(pl.from_arrow(given["event.event"]))
    truth = pl.read_parquet(home / "truth" / "matter.parquet").with_columns(event_id=pl.col("feed") + ":" + pl.col("record_key"))
    truth = truth.join(events, on="event_id", how="semi")
    known = truth.select("event_id")
    true = pairs_of(truth, "matter")
    found = pairs_of(cluster.join(known, on="event_id", how="semi"), "matter_id")
    events = events.join(known, on="event_id", how="semi")
    made = {
        "govlake": verdict(found, true),
        "same address and category, 7 days": verdict(by_rule(events, "address_key"), true),
        "same building and category, 7 days": verdict(by_rule(events, "building_key"), true),
    }
    few = true.sample(min(true.height, 200_000), seed=1)
    names = pl.Series(given["place.address"]["name"].to_pylist(), dtype=pl.String).drop_nulls().unique()
    hit = few.join(found.with_columns(hit=True), on=["one", "other"], how="left", maintain_order="left")["hit"].fill_null(False)
    shared = few.with_columns(
        hit, shared_words(few, events.filter(pl.col("event_id").is_in(pl.concat([few["one"], few["other"]]).implode())), names)
    )
    label = (
        pl.when(pl.col("shared").is_null())
        .then(pl.lit("no text"))
        .when(pl.col("shared") < 0.1)
        .then(pl.lit("below a tenth"))
        .when(pl.col("shared") < 0.3)
        .then(pl.lit("below three tenths"))
        .otherwise(pl.lit("more"))
    )
    bins = (
        shared.group_by(label.alias("shared words"))
        .agg(pl.len().alias("pairs"), pl.col("hit").mean().round(4).alias("recall"))
        .sort("shared words")
    )
    kinds = cluster.join(truth.select("event_id", "repeat"), on="event_id")
    kinds = kinds.filter(pl.col("kind") != "first", pl.col("repeat") != "first", pl.col("kind") != "caller_unknown")
    return {
        "verdicts": made,
        "recall by shared words": bins.to_dicts(),
        "repeats of the right kind": (kinds["kind"] == kinds["repeat"]).mean(),
    }


def sample(home: Path, size: int) -> dict[str, Any]:
    """What the scores expect, and joined pairs to be read."""
    given = tables(home)
    pairs, cluster = built(given)
    matters = cluster.select("event_id", "matter_id")
    joined = pairs.join(matters, on="event_id").join(
        matters.rename({"event_id": "later_event_id", "matter_id": "later"}), on="later_event_id"
    )
    joined = joined.filter(pl.col("matter_id") == pl.col("later"))
    if size:
        events = pl.DataFrame(
            pl.from_arrow(given["event.event"].select(["event_id", "category_key", "reported_at", "address_key", "community"]))
        )
        paths = pl.DataFrame(pl.from_arrow(given["place.address"].select(["address_key", "path"])))
        shown = joined.sample(min(size, joined.height), seed=7).join(events, on="event_id").join(paths, on="address_key", how="left")
        with pl.Config(tbl_rows=size, tbl_cols=12, fmt_str_lengths=50, tbl_width_chars=180):
            print(shown.select("category_key", "path", "community", "hours_between", "place", "score"), file=sys.stderr)
    return {
        "joined pairs": joined.height,
        "precision that the scores expect": joined.select(pl.col("score").cast(pl.Float64).mean().round(3)).item(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(given.home)))
        return
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder) / "home"
        if given.home is None:
            size = ["--seed", given.seed, "--tickets", given.tickets, "--people", given.people, "--days", given.days]
            command = [sys.executable, "-m", "pipelines.cli", "demo", "--home", home, *size]
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        cores = {int(core) for core in given.cores.split(",")}
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.same_matter", "--measure", "--home", str(home)],
            check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "POLARS_MAX_THREADS": str(len(cores))},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )  # fmt: skip
        print(json.dumps(json.loads(process.stdout), indent=1))
        exact = accuracy(home) if (home / "truth" / "matter.parquet").is_file() else sample(home, given.sample)
        print(json.dumps(exact, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
