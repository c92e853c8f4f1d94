"""Builds like_strokes.csv: characters that are written with nearly the same strokes, for names misread by shape. Run by hand.

    npm pack cnchar-order@3.2.6; tar xzf cnchar-order-3.2.6.tgz
    node -e "process.stdout.write(JSON.stringify(require('./package/cnchar.order.min.js').dict.orders))" > ORDERS.JSON
    pip install rapidfuzz numpy
    python -m addressing.data.build_strokes ORDERS.JSON OUT

Source: stroke orders of cnchar-order by theajack, MIT licence (one letter a stroke). Kept: pairs of GB 2312 characters, the script of the
comparison form, whose stroke orders differ by at most a fifth of their strokes (Levenshtein: 生 and 主), or agree but for some left out and put
in (the longest common subsequence makes up at least 83 % of both: 康 and 庚). Both bounds keep the mean number of neighbours below five.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
from rapidfuzz.distance import Indel, Levenshtein  # type: ignore[import-not-found]
from rapidfuzz.process import cdist  # type: ignore[import-not-found]

from addressing.data.build_shapes import common

FAR, ALIKE = 0.2, 0.83


def build(source: Path, out: Path) -> pl.DataFrame:
    """Writes and returns the table: character, others (those later in GB 2312 that are like it)."""
    orders = json.loads(source.read_text(encoding="utf-8"))
    characters = [character for character in common() if character in orders]
    strokes = [orders[character] for character in characters]
    changed = cdist(strokes, strokes, scorer=Levenshtein.normalized_distance, dtype=np.float64) <= FAR
    left_out = cdist(strokes, strokes, scorer=Indel.normalized_similarity, dtype=np.float64) >= ALIKE
    like = np.triu(changed | left_out, k=1)
    rows = [(characters[at], "".join(characters[other] for other in np.flatnonzero(like[at]))) for at in np.flatnonzero(like.any(axis=1))]
    table = pl.DataFrame(rows, schema=["character", "others"], orient="row")
    head = "# GB 2312 characters of nearly the same strokes, from cnchar-order by theajack (MIT licence); see build_strokes.py.\n"
    out.write_text(head + table.write_csv(), encoding="utf-8")
    return table


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1]), Path(sys.argv[2])).height} characters\n")
