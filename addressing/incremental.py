"""Which texts a new register version may answer differently, so that only those are resolved again.

The answer to a text depends on the register only through the names found in it, the keys that its slots form, the divisions, and the
numbers beside a missing one. A text is affected when its marks differ between the two bases (a name came or went), or when any street,
estate or division that it names has a changed place below it. Everything else keeps its answer, which the property tests hold against
resolving all texts again.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from .base import AddressBase
from .cascade import is_list_of_places, own_texts
from .grammar import ALIAS, END, MARK
from .slots import read_slots
from .streets import deepest_part
from .text import comparable
from .textual import normal_form
from .work import NONE

_FACTS = ("address_key", "identity", "path", "name", "status", "district_k", "street_k", "community_k", "neighbourhood_k", "road_k", "lane_k",
          "number_k", "building_k", "parent_k", "lng", "lat")  # fmt: skip


def affected_queries(base_old: AddressBase, base_new: AddressBase, queries: pa.Table) -> pl.Series:
    """True per query (columns as for `resolve`) whose answer may differ between the two bases; row order kept."""
    frame = pl.DataFrame(pl.from_arrow(queries))
    hints = [hint for hint in ("district", "street", "community") if hint in frame.columns]
    touched = _touched_names(base_old, base_new)
    text = comparable(frame["text"].cast(pl.String).fill_null(""), base_new.grammar)
    affected = np.zeros(frame.height, dtype=bool)
    marked = []
    for base in (base_old, base_new):
        marked.append(base.mark(text))
    affected |= (marked[0] != marked[1]).to_numpy()
    names = marked[1].str.extract_all(f"[{MARK['district']}-{MARK['landmark']}][^{END}]+{END}")
    hit = pl.DataFrame({"row": np.arange(frame.height), "name": names}).explode("name").filter(pl.col("name").is_in(touched.implode()))
    affected[hit["row"].to_numpy()] = True
    for hint in hints:
        form = MARK[hint] + comparable(frame[hint].cast(pl.String), base_new.grammar) + END
        affected |= form.is_in(touched.implode()).fill_null(False).to_numpy()
    if len(touched):
        # Short and misspelt names are found by what stands before a number, not by a mark.
        unmarked = ~marked[1].str.contains(f"[{MARK['road']}{MARK['estate']}]") & marked[1].str.contains(r"[\p{Han}?□][0-9A-Z]")
        affected |= unmarked.to_numpy()
    if base_old.text_only or base_new.text_only:
        affected |= _by_texts(base_old, base_new, frame["text"].cast(pl.String).fill_null(""), marked[1])
    return pl.Series("affected", affected)


def _by_texts(base_old: AddressBase, base_new: AddressBase, text: pl.Series, marked: pl.Series) -> np.ndarray:
    """Of registers of full texts alone: the texts that equal a changed one; and, since the ranking by likeness weighs every text of the register,
    all texts that the ranking may answer. That is every text, where the register is a list of names; else those that no street and no estate of
    the register places."""
    everything = np.ones(len(text), dtype=bool)
    if base_old.text_only != base_new.text_only:
        return everything
    own = [
        own_texts(base).select("form", "path", k=base.core["address_key"].gather(own_texts(base)["node"])) for base in (base_old, base_new)
    ]
    changed = pl.concat([one.join(other, on=one.columns, how="anti", nulls_equal=True) for one, other in (own, own[::-1])])
    if not changed.height and is_list_of_places(base_old) == is_list_of_places(base_new):
        return ~everything
    if is_list_of_places(base_old) or is_list_of_places(base_new):
        return everything
    equal = normal_form(text, base_new.grammar).is_in(changed["form"].implode()).to_numpy()
    slots = read_slots(marked, base_new.grammar)
    street, _ = deepest_part(base_new, slots["street_part"])
    estate, _, _ = base_new.key_index.find(slots["estate"])
    return equal | ((street == NONE) & (estate == NONE))


def _touched_names(base_old: AddressBase, base_new: AddressBase) -> pl.Series:
    """Marked names of all roads, estates and divisions that a changed, new or gone node belongs to or is."""
    facts = [_facts(base) for base in (base_old, base_new)]
    changed = pl.concat([facts[0].join(facts[1], on=facts[0].columns, how="anti", nulls_equal=True),
                         facts[1].join(facts[0], on=facts[0].columns, how="anti", nulls_equal=True)])  # fmt: skip
    heads = changed["identity"].str.extract_all(f"[{MARK['road']}{MARK['estate']}][^{END}]+{END}").explode().drop_nulls().unique()
    names = [heads]
    divisions = changed.filter(pl.col("identity").str.contains("^[DSCN]:"))
    for base in (base_old, base_new):
        core = base.core.filter(pl.col("address_key").is_in(divisions["address_key"].unique().implode()))
        for level in ("district", "street", "community"):
            kept = core.filter(pl.col("level") == level)["name"]
            names.append((MARK[level] + comparable(kept, base.grammar) + END).unique())
    keys = [base.keys.select("key", "form", k=base.core["address_key"].gather(base.keys["node"])) for base in (base_old, base_new)]
    moved = pl.concat(
        [keys[0].join(keys[1], on=["key", "form", "k"], how="anti"), keys[1].join(keys[0], on=["key", "form", "k"], how="anti")]
    )
    # A place is found under its street and under its estate: both names of a changed place are touched, not only that of its identity.
    names += [
        table.filter(pl.col("k").is_in(changed["address_key"].unique().implode()))["key"]
        .str.extract_all(f"[{MARK['road']}{MARK['estate']}][^{END}]+{END}").explode().drop_nulls().unique()
        for table in keys
    ]  # fmt: skip
    names.append(moved["key"].str.extract_all(f"[{MARK['road']}{MARK['estate']}][^{END}]+{END}").explode().drop_nulls().unique())
    return pl.concat([name.cast(pl.String).rename("name") for name in names]).str.replace(ALIAS, "").unique()


def _facts(base: AddressBase) -> pl.DataFrame:
    core = base.core
    refs = {f"{ref}_k": core["address_key"].gather(core[ref]) for ref in
            ("district", "street", "community", "neighbourhood", "road", "lane", "number", "building", "parent")}  # fmt: skip
    return core.with_columns(**refs).select(_FACTS)
