"""Who may see what: public extracts with small groups suppressed, and the gate that looks at the built files themselves.

Belongs here: choosing columns by classification, suppression, the gate. Not here: building tables (`library`), folders and links
(`release`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.model import Audience, Classification, Column, Table
from contracts.schema import quoted

ALLOWED: Mapping[Audience, tuple[Classification, ...]] = {
    "public": ("public",),
    "internal": ("public", "internal"),
    "restricted": ("public", "internal", "personal", "sensitive"),
}
"""Classifications that an audience may see."""

_TELLTALE = re.compile(
    r"^(id_number|id_no|id_card|identity_number|phone|mobile|telephone|caller_name|caller_phone|petitioner_(name|id|phone)|legal_person|contact_phone|email|"
    r"resident_name|person_name|full_name|birth_date|address_text|address_query)$"
)
"""Names under which feeds keep personal values: outside the restricted audience no column may bear one, whatever a contract calls it."""


def columns_for(table: Table, audience: Audience) -> tuple[Column, ...]:
    """The columns of a table that an audience may see."""
    return tuple(column for column in table.columns if column.classification in ALLOWED[audience])


def for_audience(table: Table, audience: Audience) -> Table:
    """The table's contract as an audience gets it."""
    return table.model_copy(update={"columns": columns_for(table, audience)})


# Small groups


def suppress(rows: pa.Table, table: Table, smallest: int) -> pa.Table:
    """Take out counts from which a small group could be found out; the rows stay, their counts and measures become null.

    A row with a count of 1 … `smallest`-1 in one of `table.small_groups` loses all its counts and all measures made from them (numbers
    and yes/no values that are no keys). So that a row cannot be found by subtracting the others from a total that is published elsewhere, every line of rows
    (all keys but one equal) that holds a suppressed row loses further ones, the smallest first, until at least two are gone and what
    is gone adds up to `smallest` in each count. Cell suppression as statistical offices do it (Hundepool et al., Statistical Disclosure
    Control, 2012, ch. 4), by whole rows; it protects against subtraction along one key, not against every combination of tables.
    """
    groups = [group for group in table.small_groups if set(terms(group)) <= set(rows.column_names)]
    if not groups or not rows.num_rows:
        return rows
    keys = list(table.keys)
    counts = [f"_group_{number}" for number in range(len(groups))]
    sizes = [_size(group).alias(count) for group, count in zip(groups, counts, strict=True)]
    frame = pl.DataFrame(pl.from_arrow(rows)).with_row_index("_row").with_columns(sizes)
    small = pl.any_horizontal(((pl.col(name) > 0) & (pl.col(name) < smallest)).fill_null(False) for name in counts)
    frame = frame.with_columns(small.alias("_gone"))
    lines = [[key for key in keys if key != left_out] for left_out in keys]
    while True:
        chosen: set[int] = set()
        for line in lines:
            chosen |= _complement(frame, line, keys, counts, smallest)
        if not chosen:
            break
        frame = frame.with_columns((pl.col("_gone") | pl.col("_row").is_in(list(chosen))).alias("_gone"))
    hidden = [
        column.name for column in table.columns if column.name in rows.column_names and column.name not in keys and _is_measure(column)
    ]
    done = frame.with_columns(pl.when(~pl.col("_gone")).then(pl.col(name)).alias(name) for name in hidden).drop("_row", "_gone", *counts)
    return done.to_arrow().cast(rows.schema)


def terms(group: str) -> tuple[str, ...]:
    """The columns of a small group: one, or the whole and the part that is taken from it."""
    return tuple(part.strip() for part in group.split(" - "))


def _size(group: str) -> pl.Expr:
    whole, *parts = terms(group)
    return pl.col(whole) - pl.sum_horizontal(pl.col(part).fill_null(0) for part in parts) if parts else pl.col(whole)


def _is_measure(column: Column) -> bool:
    return column.type in ("integer", "boolean") or column.decimal is not None


def _complement(frame: pl.DataFrame, line: list[str], keys: list[str], counts: list[str], smallest: int) -> set[int]:
    """The next row to take out in each line that is not safe yet: the one with the smallest counts."""
    group = pl.DataFrame(frame.select(pl.struct(line).rank("dense").alias("_line") if line else pl.lit(0, pl.UInt32).alias("_line")))
    whole = frame.with_columns(group["_line"] if len(group) == len(frame) else pl.lit(0, pl.UInt32).alias("_line"))
    gone = pl.col("_gone")
    sums = [pl.col(name).filter(gone).sum().alias(f"_sum_{name}") for name in counts]
    state = whole.group_by("_line").agg(gone.sum().alias("_gone_count"), (~gone).sum().alias("_left"), *sums)
    thin = pl.any_horizontal((pl.col(f"_sum_{name}") > 0) & (pl.col(f"_sum_{name}") < smallest) for name in counts)
    unsafe = state.filter((pl.col("_gone_count") > 0) & (pl.col("_left") > 0) & ((pl.col("_gone_count") < 2) | thin))
    if unsafe.is_empty():
        return set()
    size = pl.sum_horizontal(pl.col(name).fill_null(0) for name in counts)
    open_rows = whole.join(unsafe.select("_line"), on="_line", how="semi").filter(~gone)
    # A row of nothing but zeros hides nothing; it is taken only when no other is left.
    first = open_rows.with_columns(size.alias("_size")).sort("_line", pl.col("_size") == 0, "_size", *keys, nulls_last=True)
    return set(first.group_by("_line", maintain_order=True).first()["_row"].to_list())


# The gate


def gate(folder: Path, tables: Mapping[str, Table], audiences: tuple[Audience, ...]) -> list[str]:
    """Look into every library and Parquet file of a built release; gives what an audience would see and may not, [] when sound.

    Columns are judged by their contract's classification and by their names; a file, table or column that no contract knows is refused.
    """
    problems = []
    for found in sorted(path for path in folder.rglob("*") if path.suffix in (".duckdb", ".parquet")):
        part = found.relative_to(folder)
        audience = part.parts[0]
        if audience not in ALLOWED or audience not in audiences:
            problems.append(f"{part}: is in a folder of no audience of this district; remedy: see `audiences` in district.yaml")
            continue
        for name, column, position in _columns_in(found):
            problems += _judged(part, name, column, position, tables, audience)  # type: ignore[arg-type]
    return problems


def _columns_in(path: Path) -> list[tuple[str, str, int]]:
    """Table (`theme.table`), column and position of everything that a file holds."""
    if path.suffix == ".parquet":
        return [(f"subject.{path.stem}", name, number) for number, name in enumerate(pq.read_schema(path).names)]
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.execute(f"ATTACH {quoted(str(path))} AS looked_at (READ_ONLY)")
        found = connection.execute(
            "SELECT table_name, column_name, column_index FROM duckdb_columns() WHERE database_name = 'looked_at' AND NOT internal ORDER BY ALL"
        ).fetchall()
        return [(f"{path.stem}.{table}", column, number) for table, column, number in found]


RELEASE_TABLE = "release"
"""The one-row table in every library that says which release it belongs to."""


def _judged(part: Path, name: str, column: str, position: int, tables: Mapping[str, Table], audience: Audience) -> list[str]:
    if name.endswith(f".{RELEASE_TABLE}"):
        return []
    table = tables.get(name)
    if table is None:
        return [f"{part}: {name} has no contract; remedy: build it from a contract or leave it out"] if position in (0, 1) else []
    if audience not in table.audiences:
        return [f"{part}: {name} is not for the {audience} audience; remedy: see its contract's audiences"] if position in (0, 1) else []
    known = {declared.name: declared for declared in table.columns}.get(column)
    if known is None:
        return [f"{part}: {name}.{column} is in no contract; remedy: declare it with its classification"]
    if known.classification not in ALLOWED[audience]:
        return [
            f"{part}: {name}.{column} is {known.classification}, which the {audience} audience may not see; remedy: leave it out, mask or key it"
        ]
    if audience != "restricted" and _TELLTALE.match(column) and known.type in ("text", "date"):
        return [
            f"{part}: {name}.{column} bears the name of a personal column; remedy: publish the masked, keyed or redacted form under its own name"
        ]
    return []
