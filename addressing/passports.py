"""Keys over time: what a key given out once meant on a day, and which current places it leads to. Reads passports; folding is in versions.py."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from .base import AddressBase

TRACE_SCHEMA = pa.schema(
    [
        ("address_key", pa.string()),
        ("status", pa.string()),
        ("path", pa.string()),
        ("current_key", pa.string()),
        ("current_path", pa.string()),
    ]
)
_LONGEST_LINE = 100


def trace(base: AddressBase, keys: Sequence[str], as_of: dt.date | None = None) -> pa.Table:
    """Each key on the day `as_of` (default: the base's own version), and where it leads now; columns of TRACE_SCHEMA.

    status: current, retired, not_yet (created later) or unknown (no such key). path: the place's full text on that day; null unless it was known
    then. One row per current place that the key leads to: the place itself, else its successors through every split, merger and renaming;
    a row with null where nothing came after it. Ordered as asked, then by current key.
    """
    day = as_of or base.version or dt.date.max
    asked = pl.DataFrame({"address_key": pl.Series(list(keys), dtype=pl.String)}).with_row_index("asked")
    nodes = base.core.with_row_index("node").select("node", "address_key", "path", "status")
    found = asked.join(nodes.select("address_key", "node", now="path"), on="address_key", how="left", maintain_order="left")
    entries = base.passport_rows.join(found.select("node").unique(), on="node", how="semi")
    life = (
        entries.filter(pl.col("event").is_in(["created", "restored", "retired"]) & (pl.col("version") <= day))
        .sort("version", "event").group_by("node").agg(last=pl.col("event").last())
    )  # fmt: skip
    earlier = (
        entries.filter(pl.col("former_path").is_not_null() & pl.col("event").is_in(["renamed", "moved"]) & pl.col("successor").is_null() & (pl.col("version") > day))
        .sort("version").group_by("node").agg(was=pl.col("former_path").first())
    )  # fmt: skip
    status = (
        pl.when(pl.col("node").is_null()).then(pl.lit("unknown"))
        .when(pl.col("last").is_null()).then(pl.lit("not_yet"))
        .when(pl.col("last") == "retired").then(pl.lit("retired"))
        .otherwise(pl.lit("current"))
    )  # fmt: skip
    told = found.join(life, on="node", how="left").join(earlier, on="node", how="left").with_columns(status=status)
    told = told.with_columns(path=pl.when(~pl.col("status").is_in(["unknown", "not_yet"])).then(pl.coalesce("was", "now")))
    heirs = _heirs(base, found["node"].drop_nulls().unique()).join(
        nodes.select(heir="node", current_key="address_key", current_path="path"), on="heir"
    )
    result = told.join(heirs, on="node", how="left").sort("asked", "current_key")
    return result.select(TRACE_SCHEMA.names).to_arrow().cast(TRACE_SCHEMA)


def _heirs(base: AddressBase, nodes: pl.Series) -> pl.DataFrame:
    """node, heir: the current places that each node is or has become."""
    current = base.core.with_row_index("heir").filter(pl.col("status") == "current").select("heir", here=pl.lit(True))
    steps = base.passport_rows.filter(pl.col("successor").is_not_null()).select(heir="node", next="successor").unique()
    line = pl.DataFrame({"node": nodes, "heir": nodes}, schema={"node": pl.UInt32, "heir": pl.UInt32})
    seen, reached = line, []
    for _ in range(_LONGEST_LINE):
        reached.append(line.join(current.select("heir"), on="heir", how="semi"))
        gone = line.join(current.select("heir"), on="heir", how="anti")
        line = gone.join(steps, on="heir").select("node", heir="next").unique().join(seen, on=["node", "heir"], how="anti")
        if not line.height:
            break
        seen = pl.concat([seen, line])
    return pl.concat(reached).unique()
