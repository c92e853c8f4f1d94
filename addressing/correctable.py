"""The names that a misspelt one may stand for: roads and estates of each district, where they lie, and the keys under which damage finds them.

Tables of the address base alone, kept on it and saved with it. No text, no stage.
"""

from __future__ import annotations

import polars as pl

from .base import AddressBase
from .confusion import confusion_index
from .grammar import END, MARK
from .work import division_mark, division_name


def correctable(base: AddressBase) -> pl.DataFrame:
    """parent (district's name), name, mark: the roads and estates of each district, in comparison form."""
    return whereabouts(base).select("parent", "name", "mark").unique(maintain_order=True)


def whereabouts(base: AddressBase) -> pl.DataFrame:
    """parent (district's name), name, mark, place (mark of a street or community): in which of them each road and estate has places. One row more
    with place null for each."""

    def build() -> pl.DataFrame:
        core = base.core.filter((pl.col("status") == "current") & pl.col("level").is_in(["number", "estate", "lane", "road"]))
        # The divisions stand for few distinct combinations: the names are looked up for those alone.
        own = core.select(
            "district", "street", "community", mark=pl.col("identity").str.extract(f"([{MARK['road']}{MARK['estate']}][^{END}]+{END})", 1)
        ).filter(pl.col("mark").is_not_null()).unique()  # fmt: skip
        own = own.with_columns(parent=division_name(base, "district").gather(own["district"]).fill_null(""))
        places = [own.select("parent", "mark", place=division_mark(base, level).gather(own[level])) for level in ("street", "community")]
        table = pl.concat([own.select("parent", "mark", place=pl.lit(None, dtype=pl.String)), *(frame.drop_nulls() for frame in places)])
        return table.unique().select("parent", "mark", "place", name=_name()).sort("parent", "name", "mark", "place")

    return base.kept("whereabouts", build)


def confusions(base: AddressBase) -> pl.DataFrame:
    """The confusion index of `correctable`: parent, name, way, key."""
    return base.kept("confusions", lambda: confusion_index(correctable(base).select("parent", "name")))


def estates_by_number(base: AddressBase) -> pl.DataFrame:
    """parent (the number's node), name, mark: the estates that stand at each number."""

    def build() -> pl.DataFrame:
        core = base.core.filter((pl.col("status") == "current") & (pl.col("level") == "estate") & pl.col("number").is_not_null())
        mark = core["identity"].str.extract(f"({MARK['estate']}[^{END}]+{END})", 1)
        table = pl.DataFrame({"parent": core["number"].cast(pl.Int64), "mark": mark}).drop_nulls().unique()
        return table.select("parent", "mark", name=_name()).sort("parent", "name", "mark")

    return base.kept("estates_by_number", build)


def _name() -> pl.Expr:
    return pl.col("mark").str.slice(1).str.strip_suffix(END)
