"""A blind hand check of door links: draws the texts, keeps the verdicts, and says whether they still belong to what the engine answers.

python -m benchmarks.hand_check --draw SHEET   writes a work sheet (row, text, matched_text; neither score nor reason) outside the project
python -m benchmarks.hand_check --judge SHEET  reads the sheet with its columns verdict and mechanism filled in, writes the hashes and verdicts
python -m benchmarks.hand_check --verify       links the same draw again: which verdicts still hold; prints the share that is right

Verdicts: right (the text names this door), wrong (it names another place), undecidable (the text contradicts itself). No text of the data is
kept: a row is the first 16 hex digits of SHA-256 over text, U+001F and matched_text.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import math
import os
from pathlib import Path

import polars as pl
import pyarrow as pa

from addressing import DOOR_LEVELS, Grammar, build_base, resolve
from addressing.link import register_columns

DRAWN = 500
SEED = 20260
PROJECT = Path(__file__).resolve().parents[1]
VERDICTS = PROJECT / "docs" / "accuracy" / "hand_check.csv"
KINDS = ("right", "wrong", "undecidable")


def door_links(data: Path) -> pl.DataFrame:
    """Every distinct free text with 號 that is linked to a door: text, matched_text, in the order of the texts."""
    texts = (
        pl.read_parquet(data / "taipei" / "link_dev.parquet")
        .filter((pl.col("kind") == "free") & pl.col("address").str.contains("[號号]"))
        .select(text=pl.col("address"))
        .unique()
        .sort("text")
    )
    path = data / "taipei" / "plates.parquet"
    register = register_columns(pl.read_parquet(path).with_columns(city=pl.lit("臺北市")), "full_addr", path).to_arrow()
    base = build_base([(dt.date(2026, 6, 1), register)], Grammar.load("taiwan"))
    answers = pl.DataFrame(pl.from_arrow(resolve(base, pa.table({"text": texts["text"].to_arrow()}))))
    linked = pl.concat([texts, answers.select("matched_text", "level", "outcome")], how="horizontal")
    return linked.filter(pl.col("level").is_in(list(DOOR_LEVELS)) & pl.col("outcome").is_in(["resolved", "partial"]))


def row_hash(frame: pl.DataFrame) -> pl.Series:
    pairs = zip(frame["text"], frame["matched_text"], strict=True)
    return pl.Series("row_hash", [hashlib.sha256(f"{text}\x1f{matched}".encode()).hexdigest()[:16] for text, matched in pairs], pl.String)


def wilson(right: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, the score interval)."""
    share, spread = right / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return middle - half, middle + half


def draw(data: Path, sheet: Path) -> None:
    links = door_links(data)
    drawn = links.sample(DRAWN, seed=SEED, shuffle=True).select("text", "matched_text").with_row_index("row", offset=1)
    drawn.write_csv(sheet)
    print(f"{DRAWN} of {links.height:,} door links drawn with seed {SEED}")


def judge(sheet: Path) -> None:
    judged = pl.read_csv(sheet, schema_overrides={"mechanism": pl.String})
    unknown = judged.filter(~pl.col("verdict").is_in(KINDS).fill_null(False))
    if unknown.height:
        raise SystemExit(f"{sheet}: rows {unknown['row'].to_list()[:10]} have no verdict of {', '.join(KINDS)}")
    VERDICTS.parent.mkdir(exist_ok=True)
    judged.select(row_hash(judged), "verdict", pl.col("mechanism").fill_null("")).sort("row_hash").write_csv(VERDICTS, quote_style="never")
    report(pl.read_csv(VERDICTS))


def report(verdicts: pl.DataFrame) -> None:
    """Strictly: an undecidable text counts as not right."""
    right, of = verdicts.filter(pl.col("verdict") == "right").height, verdicts.height
    low, high = wilson(right, of)
    print(f"right {right} of {of} = {right / of:.4f}, 95 % interval {low:.4f} to {high:.4f} (undecidable counts as not right)")
    print(verdicts.filter(pl.col("verdict") != "right").group_by("verdict", "mechanism").len().sort("verdict", "mechanism").rows())


def verify(data: Path) -> bool:
    """True where every judged row is still an answer of the engine; else says how many verdicts no longer belong to one."""
    verdicts = pl.read_csv(VERDICTS)
    links = door_links(data)
    held = verdicts.join(links.select(row_hash(links)), on="row_hash", how="semi")
    report(verdicts)
    lost = verdicts.join(held, on="row_hash", how="anti")
    print(f"{held.height} of {verdicts.height} verdicts belong to what the engine answers now")
    if lost.height:
        print(f"no longer answered so: {lost.group_by('verdict').len().sort('verdict').rows()}; hashes: {lost['row_hash'].to_list()}")
    return not lost.height


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    near = Path(os.environ.get("GOVLAKE_REALDATA") or PROJECT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=near, help="folder of real data (default: GOVLAKE_REALDATA, else ../shared/data)")
    todo = parser.add_mutually_exclusive_group(required=True)
    todo.add_argument("--draw", type=Path, metavar="SHEET")
    todo.add_argument("--judge", type=Path, metavar="SHEET")
    todo.add_argument("--verify", action="store_true")
    asked = parser.parse_args()
    if asked.judge:
        judge(asked.judge)
        return
    if not (asked.data / "taipei" / "link_dev.parquet").is_file():
        parser.exit(2, f"{asked.data}: no taipei/link_dev.parquet there; give the folder with --data\n")
    if asked.draw:
        if asked.draw.resolve().is_relative_to(PROJECT):
            parser.exit(2, f"{asked.draw}: a work sheet holds texts of the data, so it stays outside the project\n")
        draw(asked.data, asked.draw)
    elif not verify(asked.data):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
