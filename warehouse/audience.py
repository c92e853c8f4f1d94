"""Who may see what: public extracts with small groups suppressed, and the gate that looks at the built files themselves.

Belongs here: choosing columns by classification, suppression, the gate. Not here: building tables (`library`), folders and links
(`release`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

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
    """Take out every count from which a small group could be found out, cell by cell; the other counts of its row stay.

    A count of 1 … `smallest`-1 in one of `table.small_groups` becomes null; where the group is a difference (`answers - satisfied`), its
    last part does. Measures go with the counts that they are made from (`Group.measures`); a number that no group names goes with any
    count of its row. So that no count can be found by subtracting the others from a total that is published elsewhere, further counts of
    the column go, the smallest first, wherever rows share some of their keys (each set of keys but the whole one, none of them
    included): until at least two are gone there and what is gone, the differences that the column is part of included, adds up to
    `smallest`. Cell suppression as statistical offices do it (Hundepool et al., Statistical Disclosure Control, 2012, ch. 4); it
    protects against subtraction from any one total, not against every combination of totals. Counts of 0 stay unless nothing else is
    left. In a table that is ranked (a number among its keys) the place of a row gives its count away, so the whole row goes.
    """
    groups = [group for group in map(Group.read, table.small_groups) if set(group.columns) <= set(rows.column_names)]
    if not groups or not rows.num_rows:
        return rows
    frame = pl.DataFrame(pl.from_arrow(rows)).with_row_index("_row").with_columns(group.size.alias(group.name) for group in groups)
    counts = list(dict.fromkeys(column for group in groups for column in group.columns))
    frame = _small_gone(frame, groups, counts, smallest)
    types = {column.name: column for column in table.columns}
    ranked = [key for key in table.keys if _is_measure(types[key])]
    keys = [key for key in table.keys if key not in ranked]
    while True:
        before = frame.select(pl.sum_horizontal(pl.col(_gone(count)).sum() for count in counts)).item()
        for line in (list(line) for size in range(len(keys) + bool(ranked)) for line in combinations(keys, size)):
            for count in counts:
                frame = _complement(frame, line, table.keys, count, [group for group in groups if count in group.columns], smallest)
        frame = _one_of_a_sum(frame, groups)
        if frame.select(pl.sum_horizontal(pl.col(_gone(count)).sum() for count in counts)).item() == before:
            break
    if ranked:
        kept = frame.filter(~pl.any_horizontal(_gone(count) for count in counts))
        return kept.select(rows.column_names).to_arrow().cast(rows.schema)
    made_from = _made_from(table, groups, counts)
    hidden = [
        pl.when(~pl.any_horizontal(_gone(count) for count in made_from.get(name, counts))).then(pl.col(name)).alias(name)
        for name in rows.column_names
        if name not in table.keys and _is_measure(types[name])
    ]
    return frame.with_columns(hidden).select(rows.column_names).to_arrow().cast(rows.schema)


@dataclass(frozen=True)
class Group:
    """A small group as a contract names it: `count`, `whole - part`, and after ` -> ` the measures made from it."""

    columns: tuple[str, ...]
    measures: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Group:
        group, _, measures = text.partition(" -> ")
        named = tuple(part.strip() for part in measures.split(",") if part.strip())
        return cls(tuple(part.strip() for part in group.split(" - ")), named)

    @property
    def name(self) -> str:
        return "_size " + " - ".join(self.columns)

    @property
    def size(self) -> pl.Expr:
        whole, *parts = (pl.col(column).fill_null(0).cast(pl.Int64) for column in self.columns)
        return whole - pl.sum_horizontal(parts) if parts else whole


def terms(group: str) -> tuple[str, ...]:
    """The columns that a small group of a contract names: its count, or the whole and its parts, and the measures."""
    read = Group.read(group)
    return read.columns + read.measures


def _gone(count: str) -> str:
    return f"_gone {count}"


def _is_measure(column: Column) -> bool:
    return column.type in ("integer", "boolean") or column.decimal is not None


def _made_from(table: Table, groups: Sequence[Group], counts: Sequence[str]) -> dict[str, list[str]]:
    """Count or measure → the counts with which it goes; what is not in it goes with every count."""
    found: dict[str, list[str]] = {count: [count] for count in counts}
    for group in groups:
        for measure in group.measures:
            if measure not in counts:
                found.setdefault(measure, []).extend(group.columns)
    return found


def _small_gone(frame: pl.DataFrame, groups: Sequence[Group], counts: Sequence[str], smallest: int) -> pl.DataFrame:
    """The counts that are small themselves, and the last part of each difference that is small while all its terms are shown."""
    small = {group: (pl.col(group.name) > 0) & (pl.col(group.name) < smallest) for group in groups}
    single = {group.columns[0]: small[group] for group in groups if len(group.columns) == 1}
    frame = frame.with_columns(single.get(count, pl.lit(False)).alias(_gone(count)) for count in counts)
    for group in groups:
        if len(group.columns) > 1:
            shown = ~pl.any_horizontal(_gone(column) for column in group.columns)
            last = _gone(group.columns[-1])
            frame = frame.with_columns((pl.col(last) | (small[group] & shown)).alias(last))
    return frame


def _one_of_a_sum(frame: pl.DataFrame, groups: Sequence[Group]) -> pl.DataFrame:
    """Where one term of `whole - part - part` is gone and the rest is nothing, it could be found from the others: the smallest of them goes too."""
    for group in groups:
        if len(group.columns) > 2:
            flags = [pl.col(_gone(column)) for column in group.columns]
            alone = (pl.sum_horizontal(flags) == 1) & (pl.col(group.name) == 0)
            open_counts = [
                pl.when(~flag & (pl.col(column) > 0)).then(pl.col(column)) for flag, column in zip(flags, group.columns, strict=True)
            ]
            least = pl.min_horizontal(open_counts)
            frame = frame.with_columns(
                (flag | (alone & (size == least).fill_null(False))).alias(_gone(column))
                for flag, size, column in zip(flags, open_counts, group.columns, strict=True)
            )
    return frame


def _complement(
    frame: pl.DataFrame, line: Sequence[str], keys: Sequence[str], count: str, groups: Sequence[Group], smallest: int
) -> pl.DataFrame:
    """Take out as many further cells of one count in every line that is not safe, the smallest first.

    `groups`: those that the count is a term of. A line is safe when at least two cells of it are gone and each group adds up to nothing or to
    `smallest` over them; where the whole line's group is smaller than that, its total is a small group itself, which nobody may publish.
    """
    gone, size = pl.col(_gone(count)), pl.col(count).fill_null(0)
    part_of = [group for group in groups if count in group.columns[1:]]
    # A part of nothing is nothing: taking it out hides nothing.
    of_use = pl.any_horizontal(size > 0, pl.all_horizontal([pl.col(group.name) > 0 for group in part_of] or [pl.lit(True)]))
    rest = pl.any_horizontal(pl.col(group.name) == 0 for group in groups)
    # What is gone comes first in its line, so that every beginning of it is a choice that could be made; zeros come last.
    places = frame.sort(~gone, ~of_use, size == 0, rest, size, *keys, nulls_last=True)
    over = list(line) or pl.lit(0)
    thin = [
        (group.before > 0) & (group.before < smallest) & (group.whole >= smallest)
        for group in (
            _Sums(pl.col(group.name).cum_sum().over(over) - pl.col(group.name), pl.col(group.name).sum().over(over)) for group in groups
        )
    ]
    stand_before = pl.int_range(pl.len()).over(over)
    unsafe = gone.any().over(over) & of_use & ((stand_before < 2) | pl.any_horizontal(thin))
    places = places.with_columns((gone | unsafe).cast(pl.Int8).alias("_go"))
    # The first beginning that is safe ends the search.
    return places.with_columns((pl.col("_go").cum_min().over(over) == 1).alias(_gone(count))).drop("_go").sort("_row")


class _Sums(NamedTuple):
    before: pl.Expr
    whole: pl.Expr


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
