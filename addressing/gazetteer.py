"""Names and how they are marked in a text: one automaton over the register's names and aliases. Knows no door and no rule of matching."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from .grammar import ALIAS, END, MARK

# Where one string names several kinds of place, the first of these wins.
_PRIORITY = ("road", "estate", "district", "street", "community", "lane", "region", "landmark")


@dataclass(frozen=True)
class Gazetteer:
    """Surface forms and the marks that replace them, longest first (the automaton takes the leftmost, then the longest)."""

    surfaces: list[str]
    marks: list[str]

    @staticmethod
    def build(names: pl.DataFrame) -> Gazetteer:
        """names: surface, kind (a key of MARK), canonical (name in comparison form), is_alias. Surfaces of one character are left out."""
        order = {kind: place for place, kind in enumerate(_PRIORITY)}
        chosen = (
            names.filter(pl.col("surface").str.len_chars() >= 2)
            .with_columns(
                _rank=pl.col("is_alias").cast(pl.Int8) * 10 + pl.col("kind").replace_strict(order, default=9, return_dtype=pl.Int8)
            )
            .sort("surface", "_rank", "canonical")
            .unique("surface", keep="first", maintain_order=True)
            .sort(pl.col("surface").str.len_chars(), "surface", descending=[True, False])
        )
        kind_mark = chosen["kind"].replace_strict(MARK, return_dtype=pl.String)
        marks = chosen.select(
            pl.when("is_alias").then(pl.lit(ALIAS)).otherwise(pl.lit("")) + kind_mark + pl.col("canonical") + END
        ).to_series()
        return Gazetteer(chosen["surface"].to_list(), marks.to_list())

    def mark(self, text: pl.Series) -> pl.Series:
        """The text with every name replaced by its mark; an alias is replaced by the mark of what it stands for."""
        if not self.surfaces:
            return text
        return (
            text.to_frame("t").select(pl.col("t").str.replace_many(self.surfaces, self.marks, leftmost=True)).to_series().alias(text.name)
        )
