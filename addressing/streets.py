"""The stages for texts whose street is certain and whose door is not: missing numbers, roads and lanes alone, crossings, the nearest number."""

from __future__ import annotations

import numpy as np
import polars as pl

from .base import AddressBase
from .candidates import weigh
from .grammar import ALIAS, END, MARK, Grammar
from .slots import split_street_part
from .work import DISTRICT_CONFLICT, LEVEL, METHOD, NONE, OUTCOME, REASON, Work, index_of, level_codes, named_community


def stage_other_district(work: Work) -> None:
    """A door in another district than the text names is not the text's door: its street is, and the number is missing there."""
    rows = np.flatnonzero(((work.node != NONE) & ((work.evidence & 3) == DISTRICT_CONFLICT)) | work.foreign)
    if not len(rows):
        return
    node, _ = deepest_street(work, rows)
    for array in (work.community, work.neighbourhood):
        array[work.foreign] = NONE
    work.settle(rows, node, "not_in_register", "exact", "district_conflict")
    work.method[rows[node == NONE]] = NONE


def stage_missing_number(work: Work) -> None:
    """A number that the register lacks: its street, and the community that its neighbours on the same side share."""
    base, slots = work.base, work.slots
    rows = work.open
    if not len(rows):
        return
    rows = rows[slots["number"].gather(rows).is_not_null().to_numpy()]
    if not len(rows):
        return
    node, whole = deepest_street(work, rows)
    hit = node != NONE
    work.settle(rows[hit], node[hit], "not_in_register", "exact", "number_missing")
    work.reason[rows[hit & ~whole]] = REASON["lane_missing"]
    weigh(work, rows[hit])
    work.community[rows[hit]] = named_community(work, rows[hit])
    known = np.flatnonzero(hit & whole)
    if not len(known):
        return
    number = slots["number"].gather(rows[known]).str.extract(r"(\d+)").cast(pl.UInt32, strict=False)
    asked = pl.DataFrame({"at": known, "street": node[known], "number": number}).filter(pl.col("number").is_not_null())
    below, above = neighbours(base, asked["street"].to_numpy(), asked["number"].to_numpy())
    community, neighbourhood = base.numbers["community"], base.numbers["neighbourhood"]
    joined = asked.select("at").with_columns(
        community=community.gather(below), neighbourhood=neighbourhood.gather(below),
        c2=community.gather(above), n2=neighbourhood.gather(above),
    )  # fmt: skip
    same = joined.filter((pl.col("community") == pl.col("c2")) & pl.col("community").is_not_null())
    at = rows[same["at"].to_numpy()]
    work.community[at] = same["community"].cast(pl.Int64).to_numpy()
    named = named_community(work, at)
    work.community[at] = np.where(named == NONE, work.community[at], named)
    lin = same.select(
        pl.when(pl.col("neighbourhood") == pl.col("n2")).then(pl.col("neighbourhood")).cast(pl.Int64).fill_null(NONE)
    ).to_series()
    agree = (named == NONE) | (named == same["community"].cast(pl.Int64).to_numpy())
    work.neighbourhood[at] = np.where(agree, lin.to_numpy(), NONE)
    work.reason[at[agree]] = REASON["number_missing_neighbours"]


def neighbours(base: AddressBase, street: np.ndarray, number: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Places in `base.numbers` of the next registered numbers below and above (or at) the asked ones, on the same street and side; null where none."""
    order, asked = number_order(base), _street_side_number(street, number)
    below, above = np.searchsorted(order, asked, side="right") - 1, np.searchsorted(order, asked, side="left")
    line = asked >> np.uint64(32)

    def on_line(place: np.ndarray) -> pl.Series:
        inside = (place >= 0) & (place < len(order))
        inside[inside] = (order[place[inside]] >> np.uint64(32)) == line[inside]
        return index_of(np.where(inside, place, NONE))

    return on_line(below), on_line(above)


def number_order(base: AddressBase) -> np.ndarray:
    """`base.numbers` as integers that rise in its own order. Kept on the base."""
    if "_number_order" not in base.__dict__:
        base.__dict__["_number_order"] = _street_side_number(base.numbers["street"].to_numpy(), base.numbers["number"].to_numpy())
    return base.__dict__["_number_order"]


def _street_side_number(street: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Street, side (1 odd) and number in one integer: 31, 1 and 32 bits."""
    number = number.astype(np.uint64)
    return (street.astype(np.uint64) << np.uint64(33)) | ((number % np.uint64(2)) << np.uint64(32)) | number


def deepest_street(work: Work, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The deepest registered part of the street that a text names, and whether that is the whole of it."""
    return deepest_part(work.base, work.slots["street_part"].gather(rows))


def deepest_part(base: AddressBase, street: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """The node of the deepest registered part of each street part, and whether that is the whole of it."""
    found, count, _ = base.key_index.find(street)
    whole = (found != NONE) & (count == 1)
    node = np.where(whole, found, NONE)
    rest = np.flatnonzero(~whole & street.is_not_null().to_numpy())
    if not len(rest):
        return node, whole
    part = street.gather(rest)
    parts = split_street_part(part, base.grammar)
    for key in (parts["lane"], parts["road"], parts["road"].str.extract(f"^([^{END}]+{END})", 1)):
        wanted = np.flatnonzero((node[rest] == NONE) & ((key != part).fill_null(False)).to_numpy())
        if not len(wanted):
            continue
        found, count, _ = base.key_index.find(key.gather(wanted))
        hit = (found != NONE) & (count == 1)
        node[rest[wanted[hit]]] = found[hit]
    return node, whole


def stage_street(work: Work) -> None:
    """Texts without a number: the road or lane they name, or the crossing of two."""
    rows = work.open
    if not len(rows):
        return
    rows = rows[work.slots["street_part"].gather(rows).is_not_null().to_numpy()]
    if not len(rows):
        return
    node, whole = deepest_street(work, rows)
    hit = node != NONE
    work.settle(rows[hit], node[hit], "partial", "exact", "names_no_more")
    missing = rows[hit & ~whole]
    work.outcome[missing], work.reason[missing] = OUTCOME["not_in_register"], REASON["lane_missing"]
    alias = work.marked.gather(rows[hit]).str.contains(ALIAS, literal=True).to_numpy()
    work.method[rows[hit][alias]] = METHOD["alias"]
    _crossings(work, rows[hit])
    weigh(work, rows[hit])
    _take_named_community(work, rows[hit])


def _take_named_community(work: Work, rows: np.ndarray) -> None:
    """The community that the text names beside a street that runs through several, where doors of the street lie in it (of a crossing: of both)."""
    base = work.base
    rows = rows[work.marked.gather(rows).str.contains(MARK["community"], literal=True).to_numpy()]
    named = named_community(work, rows) if len(rows) else np.zeros(0, dtype=np.int64)
    rows, named = rows[named != NONE], named[named != NONE]
    if not len(rows):
        return
    agrees = np.ones(len(rows), dtype=bool)
    for street in (work.node[rows], np.where(work.level[rows] == LEVEL["crossing"], work.runner_up[rows], NONE)):
        asked = pl.DataFrame({"street": street, "community": named}).select(pl.all().cast(pl.Int64))
        known = asked.join(_communities_of_streets(base), on=["street", "community"], how="left", maintain_order="left")["known"]
        agrees &= (street == NONE) | known.is_not_null().to_numpy()
    own = base.core["community"].gather(work.node[rows]).cast(pl.Int64).fill_null(NONE).to_numpy()
    free = agrees & ((own == NONE) | work.bare[rows])
    work.community[rows[free]] = named[free]


def _communities_of_streets(base: AddressBase) -> pl.DataFrame:
    """street (road, whole road, lane), community, known: in which communities the doors of each street lie. Kept on the base."""
    if "_communities_of_streets" not in base.__dict__:
        core = base.core.filter((pl.col("level") == "number") & (pl.col("status") == "current") & pl.col("community").is_not_null())
        whole = base.core["parent"].gather(core["road"])
        pairs = [core.select(street=level, community="community") for level in ("road", "lane", "parent")]
        pairs.append(pl.DataFrame({"street": whole, "community": core["community"]}))
        table = pl.concat(pairs).drop_nulls().unique().select(pl.all().cast(pl.Int64))
        base.__dict__["_communities_of_streets"] = table.with_columns(known=pl.lit(True))
    return base.__dict__["_communities_of_streets"]


def stage_number_unread(work: Work) -> None:
    """A street and, after it, a 号 that no slot takes (360多號, 捷運站3號, 單號, 路燈編號): the text names more than the street, and the register
    lacks it. A number that is a road's own name (國道1號) is a street that the register lacks; 号 in the word for a signal (號誌) is none."""
    named = (work.outcome == OUTCOME["partial"]) & (work.reason == REASON["names_no_more"]) & (work.level == NONE)
    rows = np.flatnonzero(named & work.slots["street_part"].is_not_null().to_numpy())
    if not len(rows):
        return
    after = work.marked.gather(rows).str.extract(f"{work.base.grammar.street_expression}(.*)$", 1)
    road_name = r"(?:国道|省道|县道|公路|线)[东西南北]?\d+号"
    other_street = after.str.contains(road_name).fill_null(False).to_numpy()
    after = after.str.replace_all(f"{road_name}|号[志称]|[符商讯信]号", "")
    written = work.queries["text"].gather(rows).str.contains("[号號]")  # a rewrite may have put one in (地下一樓)
    unread = (after.str.contains("号", literal=True) & written).fill_null(False).to_numpy()
    for missing, reason in ((other_street, "street_missing"), (unread, "number_unread")):
        work.outcome[rows[missing]], work.reason[rows[missing]] = OUTCOME["not_in_register"], REASON[reason]


def _crossings(work: Work, rows: np.ndarray) -> None:
    """Two streets in one text are a crossing: the first (or the one that is part of the other) is the answer, the other the runner-up;
    the community is certain where the two streets share exactly one."""
    base = work.base
    marked = work.marked.gather(rows)
    two = (marked.str.count_matches(MARK["road"], literal=True) > 1).to_numpy()
    rows = rows[two]
    if not len(rows):
        return
    rows = rows[_is_crossing(marked.filter(pl.Series(two)), base.grammar)]
    if not len(rows):
        return
    streets = pl.DataFrame({"row": rows, "street": work.marked.gather(rows).str.extract_all(base.grammar.street_expression)}).explode(
        "street"
    )
    node, whole = deepest_part(base, streets["street"])
    streets = streets.with_columns(node=pl.Series(node), whole=pl.Series(whole)).filter(pl.col("node") != NONE)
    # A lane that the register lacks: what is left of it may be the other street itself (羅斯福路六段 and its 401巷).
    cut = streets.filter(~pl.col("whole"))["row"].unique().sort().to_numpy()
    work.outcome[cut], work.reason[cut] = OUTCOME["not_in_register"], REASON["lane_missing"]
    streets = streets.unique(["row", "node"], keep="first", maintain_order=True)
    pairs = streets.group_by("row", maintain_order=True).agg(
        first=pl.col("node").first(), second=pl.col("node").get(1, null_on_oob=True), whole=pl.col("whole").head(2).all()
    )
    pairs = pairs.filter(pl.col("second").is_not_null())
    if not pairs.height:
        return
    parent = base.core["parent"].gather(pairs["second"]).cast(pl.Int64)
    is_part = (parent == pairs["first"]).fill_null(False)
    pairs = pairs.with_columns(
        answer=pl.when(is_part).then("second").otherwise("first"), other=pl.when(is_part).then("first").otherwise("second")
    )
    half = pairs.filter(~pl.col("whole"))
    work.node[half["row"].to_numpy()], work.runner_up[half["row"].to_numpy()] = half["first"].to_numpy(), half["second"].to_numpy()
    pairs = pairs.filter("whole")
    at = pairs["row"].to_numpy()
    work.node[at], work.runner_up[at] = pairs["answer"].to_numpy(), pairs["other"].to_numpy()
    work.level[at], work.reason[at], work.outcome[at] = LEVEL["crossing"], REASON["crossing"], OUTCOME["resolved"]
    # Two streets that meet in several communities leave the crossing open; only streets that lie whole in one settle it.
    one, other = base.core["community"].gather(pairs["first"]), base.core["community"].gather(pairs["second"])
    same = (one == other).fill_null(False).to_numpy()
    work.community[at] = np.where(same, one.cast(pl.Int64).fill_null(NONE).to_numpy(), NONE)
    work.bare[at[~same]] = True


_NEAR_METRES = 50.0


def _is_crossing(marked: pl.Series, grammar: Grammar) -> np.ndarray:
    """Whether the first two streets of a text meet there: not where it says from one to the other (到, 至, 往), between them (之間), towards them
    (往 A、B 方向), or from this crossing on to a third street."""
    road = MARK["road"]
    cut = marked.to_frame("t").select(
        pl.col("t").str.extract_groups(rf"^([^{road}]*){grammar.street_expression}([^{road}]*){grammar.street_expression}(.*)$")
    ).unnest("t")  # fmt: skip
    before, between, after = (pl.col(name).fill_null("往") for name in ("1", "2", "3"))
    stretch = (
        before.str.contains("往.{0,1}$") | between.str.contains("[间至到往]") | after.str.contains("^.{0,2}间")
        | after.str.contains(rf"^[^{road}]*[到至][^{road}]{{0,4}}{road}")
    )  # fmt: skip
    return cut.select(~stretch).to_series().to_numpy()


def stage_nearest_number(work: Work) -> None:
    """A road or lane without a number, and coordinates beside the text: the nearest registered number on it, if within 50 m."""
    base = work.base
    if not {"lng", "lat"} <= set(work.queries.columns):
        return
    named = (work.outcome == OUTCOME["partial"]) & (work.reason == REASON["names_no_more"]) & (work.level == NONE)
    rows = np.flatnonzero(named & np.isin(level_codes(base)[work.node], [LEVEL["road"], LEVEL["lane"], LEVEL["alley"]]))
    if not len(rows):
        return
    asked = pl.DataFrame(
        {
            "row": rows,
            "street": work.node[rows].astype(np.uint32),
            "x": work.queries["lng"].gather(rows),
            "y": work.queries["lat"].gather(rows),
        }
    )
    places = base.numbers.select(
        "street", "node", lng=base.core["lng"].gather(base.numbers["node"]), lat=base.core["lat"].gather(base.numbers["node"])
    )
    # Plane distance at the place's own latitude: exact to well under a metre at this range (111,320 m per degree).
    metres = (((pl.col("lng") - pl.col("x")) * pl.col("y").radians().cos()) ** 2 + (pl.col("lat") - pl.col("y")) ** 2).sqrt() * 111_320
    near = (
        asked.drop_nulls().join(places, on="street", how="inner").with_columns(metres=metres)
        .filter(pl.col("metres") <= _NEAR_METRES).sort("row", "metres", "node").unique("row", keep="first", maintain_order=True)
    )  # fmt: skip
    work.settle(near["row"].to_numpy(), near["node"].cast(pl.Int64).to_numpy(), "resolved", "hint", "nearest_number")
