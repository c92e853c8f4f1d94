"""Builds readings.csv: the syllables of each character, for names misspelt by sound. Run by hand.

    pip install pypinyin==0.55.0
    python -m addressing.data.build_readings OUT

Source: pypinyin by mozillazg, MIT licence. A table and not the library, since loading the library's dictionaries takes longer than reading an
address. Kept: the CJK ideographs U+4E00 to U+9FFF and U+3400 to U+4DBF that have a reading; columns character, readings (without tones, the usual
one first, separated by spaces).
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
from pypinyin import Style, pinyin


def build(out: Path) -> pl.DataFrame:
    """Writes and returns the table."""
    rows = []
    for character in map(chr, (*range(0x4E00, 0xA000), *range(0x3400, 0x4DC0), 0x3007)):
        found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore", v_to_u=False)
        if found:
            rows.append((character, " ".join(dict.fromkeys(found[0]))))
    table = pl.DataFrame(rows, schema=["character", "readings"], orient="row")
    head = "# Characters and their syllables without tones, from pypinyin by mozillazg (MIT licence); see build_readings.py.\n"
    out.write_text(head + table.write_csv(), encoding="utf-8")
    return table


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1])).height} characters\n")
