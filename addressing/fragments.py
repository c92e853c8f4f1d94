"""The stage for texts that have lost their road: "208巷41號", "六段31號". In the named district the register may leave one road that fits.

A lane that only one road of the district has leads to that road. Where several roads have it, its alley and number together decide, if only
one of them has that door: a number alone does not, since the road that is meant may lack it in the register.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from .base import AddressBase
from .grammar import END, MARK, Grammar
from .slots import read_slots
from .text import comparable, rewrite
from .work import NONE, OUTCOME, REASON, Work, division_name, division_tree, take

# A fragment stands at the start of the text, after a name or a stop, or after a word that no road's name ends in.
_BEFORE = rf"(?:^|[{END},、:/~.-]|[在于与和及或跟往到至近过从自由是旁])"


def _slots_expression(grammar: Grammar) -> str:
    """Road-less street slots in their order, at least one of them; then a number, if there is one. Captures: slots, number."""
    slots = [slot.expression for slot in grammar.street_slots]
    sequences = [slot + "".join(f"{later}?" for later in slots[place + 1 :]) for place, slot in enumerate(slots)]
    return f"{_BEFORE}({'|'.join(sequences)})({grammar.number_slot.expression})?"


def fragment_stage(stages: Sequence[Callable[[Work], None]]) -> Callable[[Work], None]:
    """The stage; `stages` read the text again once its road is known."""

    def stage_fragment(work: Work) -> None:
        """Section, lane and number without a road: the one road of the district that has them."""
        asked = _fragments(work)
        if not asked.height:
            return
        lanes, doors = _candidates(work.base, asked)
        if work.trace is not None:
            work.trace["fragments"] = lanes
        per_lane = lanes.group_by("row").agg(pl.len().alias("n"), pl.col("head").first(), pl.col("node").first().alias("lane")).sort("row")
        one_lane = per_lane.filter(pl.col("n") == 1).select("row", "head")
        one_door = doors.join(one_lane, on="row", how="anti").filter(pl.len().over("row") == 1).select("row", "head")
        chosen = pl.concat([one_lane, one_door]).join(asked, on="row").sort("row")
        if chosen.height:
            _read_again(work, chosen, stages)
        several = per_lane.filter(pl.col("n") > 1).join(chosen, on="row", how="anti").join(asked.select("row", "district"), on="row")
        rows = several["row"].to_numpy()
        work.settle(rows, several["district"].to_numpy(), "ambiguous", None, "several")
        work.runner_up[rows] = several["lane"].to_numpy()

    return stage_fragment


def _fragments(work: Work) -> pl.DataFrame:
    """row, marked, fragment, slots, number, home (district's name), district (node) of the open texts without road or estate."""
    base, grammar = work.base, work.base.grammar
    schema = {"row": pl.Int64, "marked": pl.String, "fragment": pl.String, "slots": pl.String, "number": pl.String, "home": pl.String,
              "district": pl.Int64}  # fmt: skip
    rows = work.open
    if len(rows):
        rows = rows[work.slots["shape"].gather(rows).is_null().to_numpy()]
    slots = "|".join(slot.expression for slot in grammar.street_slots)
    rows = rows[work.marked.gather(rows).str.contains(slots).to_numpy()] if len(rows) else rows
    if not len(rows):
        return pl.DataFrame(schema=schema)
    marked = work.marked.gather(rows)
    districts = division_tree(base).filter(pl.col("level") == "district").select(home="name", district="node").unique("home", keep="none")
    home = marked.str.extract(f"{MARK['district']}([^{END}]+){END}[^{MARK['district']}]*$", 1)
    if "district" in work.queries.columns:
        home = pl.select(pl.coalesce(home, comparable(work.queries["district"].gather(rows), grammar))).to_series()
    if districts.height == 1:
        home = home.fill_null(districts["home"][0])
    # A street word outside every mark is a road that the register lacks: the lane is that road's.
    unknown_road = rf"[\p{{Han}}](?:{'|'.join(grammar.road_suffixes)})(?:[^\p{{Han}}口灯边面上旁]|$)"
    groups = marked.to_frame("t").select(pl.col("t").str.extract_groups(_slots_expression(grammar))).unnest("t")
    return pl.DataFrame({"row": rows, "marked": marked, "slots": groups["1"], "number": groups["2"], "home": home}).filter(
        pl.col("slots").is_not_null() & ~pl.col("marked").str.contains(unknown_road)
    ).with_columns(fragment=pl.concat_str("slots", pl.col("number").fill_null(""))).join(districts, on="home").select(list(schema))  # fmt: skip


def _candidates(base: AddressBase, asked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(row, head, node) of the district's roads that have the fragment's slots; and, for fragments with an alley, the fragment's door."""
    heads = street_heads(base)
    lanes = asked.join(heads, on="home", how="inner").with_columns(key=pl.col("head") + pl.col("slots"))
    lanes = _found(base, lanes, "key")
    alley = pl.col("slots").str.contains("|".join(slot.pattern for slot in base.grammar.street_slots if slot.level == "alley") or "$^")
    doors = lanes.filter(alley & pl.col("number").is_not_null()).with_columns(key=pl.col("head") + pl.col("fragment"))
    return lanes.select("row", "head", "node"), _found(base, doors, "key").select("row", "head", "node")


def _found(base: AddressBase, frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """The rows whose key is a current place of the row's own district, with `node`."""
    node, _, _ = base.key_index.find(frame[key])
    frame = frame.with_columns(node=pl.Series(node, dtype=pl.Int64)).filter(pl.col("node") != NONE)
    own = base.core["district"].gather(frame["node"]).cast(pl.Int64)
    current = base.core["status"].gather(frame["node"]) == "current"
    return frame.filter(current & (own.is_null() | (own == frame["district"])))


def street_heads(base: AddressBase) -> pl.DataFrame:
    """home (district's name), head (marked road, and road with section): the streets of each district. Kept on the base."""

    def build() -> pl.DataFrame:
        core = base.core.filter((pl.col("status") == "current") & (pl.col("level") == "number"))
        section = next((slot.pattern for slot in base.grammar.street_slots if slot.level == "road"), "$^")
        head = core["identity"].str.extract(rf"({MARK['road']}[^{END}]+{END}(?:{section})?)", 1)
        own = pl.DataFrame({"district": core["district"], "head": head}).drop_nulls().unique()
        whole = own.select("head", home=division_name(base, "district").gather(own["district"])).drop_nulls().select("home", "head")
        bare = whole.with_columns(pl.col("head").str.extract(f"^([^{END}]+{END})", 1))
        return pl.concat([whole, bare]).unique().sort("home", "head")

    return base.kept("street_heads", build)


def _read_again(work: Work, chosen: pl.DataFrame, stages: Sequence[Callable[[Work], None]]) -> None:
    """Put the road before its fragment and let the stages answer."""
    base = work.base
    around = chosen.select("head", "fragment", parts=pl.col("marked").str.splitn(pl.col("fragment"), 2)).unnest("parts")
    inner = Work(base, work.queries[chosen["row"].to_numpy()])
    whole = around.select(pl.col("field_0") + pl.col("head") + pl.col("fragment") + pl.col("field_1").fill_null(""))
    inner.marked = rewrite(whole.to_series(), base.grammar)
    inner.slots = read_slots(inner.marked, base.grammar)
    for stage in stages:
        stage(inner)
    settled = np.flatnonzero((inner.outcome != NONE) & (inner.node != NONE))
    target = chosen["row"].to_numpy()[settled]
    take(work, inner, settled, target)
    whole_answer = np.isin(work.outcome[target], (OUTCOME["resolved"], OUTCOME["partial"]))
    work.reason[target[whole_answer]] = REASON["road_omitted"]
