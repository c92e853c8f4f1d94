"""Builds former_districts.csv: prefectures and counties that divisions.parquet no longer has. Run by hand.

    pip install GB2260==0.4.1
    python -m addressing.data.build_former_districts OUT

Sources, no row from memory: `GB2260` (BSD licence; the code lists published by the statistics office, 2002 to 2013), and for counties
abolished before 2002 the codes listed in `_BEFORE_2002`, each of which must stand in the dated list cn/loc.dat of `python-stdnum` (after
Wikipedia's lists of GB/T 2260 codes), or the build stops. A division that only got another code within its province is left out.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

import polars as pl

_FILLER = "市辖|直辖|^县$|^市$|^荷泽市$"  # 荷泽市: a misprint of 2005 for 菏泽市
# Counties abolished between 2000 and 2016 that fall between the editions; name and last year are checked against the dated list.
_BEFORE_2002 = {
    330181: "萧山市", 330184: "余杭市", 330227: "鄞县", 350321: "莆田县", 440181: "番禺市", 440421: "斗门县", 440681: "顺德市",
    440682: "南海市", 440782: "新会市", 610125: "户县",
}  # fmt: skip


def dated() -> dict[int, str]:
    """Of python-stdnum's list: six-digit code → its names with years, such as "[1989-2001]萧山市"."""
    found: dict[int, str] = {}
    province = ""
    for line in files("stdnum.cn").joinpath("loc.dat").read_text(encoding="utf-8").splitlines():
        if top := re.match(r"^(\d\d) ", line):
            province = top.group(1)
        elif part := re.match(r"^\s+(\d{4}) county=\"(.*)\"", line):
            found[int(province + part.group(1))] = part.group(2)
    return found


def editions() -> pl.DataFrame:
    """code (4 or 6 digits), name, until: the last edition that has the name."""
    from gb2260.data import data  # type: ignore[import-not-found]

    rows = []
    for edition, names in data.items():
        year = 2013 if edition is None else int(str(edition)[:4])
        rows += [
            (int(code) // 100 if int(code) % 100 == 0 else int(code), name, year) for code, name in names.items() if int(code) % 10_000
        ]
    table = pl.DataFrame(rows, schema={"code": pl.UInt64, "name": pl.String, "until": pl.Int64}, orient="row")
    return table.filter(~pl.col("name").str.contains(_FILLER)).group_by("code", "name").agg(pl.col("until").max())


def build(out: Path) -> pl.DataFrame:
    """Writes and returns code, name, until, source; raises ValueError where a name before 2002 is not in the dated list."""
    years = dated()
    older = []
    for code, name in _BEFORE_2002.items():
        last = re.search(rf"\[\d{{4}}-(\d{{4}})\]{name}", years.get(code, ""))
        if last is None:
            raise ValueError(f"{code} {name} is not in the dated list: {years.get(code)}")
        older.append((code, name, int(last.group(1)), "stdnum"))
    known = pl.read_parquet(Path(__file__).parent / "divisions.parquet").filter(pl.col("code") < 10**6)

    def province(code: pl.Expr) -> pl.Expr:
        return code.cast(pl.String).str.slice(0, 2)

    current = known.filter(~pl.col("former")).select(province(pl.col("code")).alias("province"), "name")
    table = pl.concat(
        [
            editions().with_columns(source=pl.lit("GB2260")),
            pl.DataFrame(older, schema={"code": pl.UInt64, "name": pl.String, "until": pl.Int64, "source": pl.String}, orient="row"),
        ]
    )
    table = (
        table.join(known, on=["code", "name"], how="anti")
        .with_columns(province=province(pl.col("code")))
        .join(current, on=["province", "name"], how="anti")
        .select("code", "name", "until", "source")
        .sort("code", "name")
    )
    head = (
        "# Prefectures and counties that the editions in divisions.parquet no longer have, with the last year on record. Built by\n"
        "# build_former_districts.py from GB2260 0.4.1 (BSD licence) and, before 2002, checked against python-stdnum's dated list.\n"
    )
    out.write_text(head + table.write_csv(), encoding="utf-8")
    return table


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1])).height} rows\n")
