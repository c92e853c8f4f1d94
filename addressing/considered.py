"""What was looked at for one text and ruled out, and why: places that bear its name, neighbours of a missing number, names that it may misspell.

For receipts alone: every function works on the first text of a `Work` that has run. The search is made here, on one text, so that linking many does
not pay for it; only the names that the corrections stage itself has tried come from its trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from .base import AddressBase
from .corrected import AWAY, DOOR, NUMBER_MISSING, is_door
from .grammar import END, MARK
from .reasons import DAMAGE, LEVEL_NAMES, RULED_OUT
from .register import inner_key
from .streets import neighbours
from .text import comparable
from .work import NONE, REASON, Work, division_mark, division_name

MOST = 6
_VETOING = ("district", "street", "community")


@dataclass(frozen=True)
class Considered:
    """A place or name that is not the answer. code: a key of RULED_OUT; why and why_zh: its sentence."""

    text: str
    code: str
    why: str
    why_zh: str

    def as_dict(self) -> dict[str, str]:
        return {"text": self.text, "code": self.code, "why": self.why, "why_zh": self.why_zh}


def considered(work: Work) -> list[Considered]:
    """The candidates of the work's one text that were ruled out, best first, `MOST` at most."""
    found = chain(_same_name(work), _contradicting(work), _near_numbers(work), _near_parts(work), _names(work), _fragments(work))
    distinct = {entry.text: entry for entry in reversed(list(found))}  # the first reason that a place is given for
    answer = work.base.core["path"][int(work.node[0])] if work.node[0] != NONE else None
    return [entry for entry in reversed(distinct.values()) if entry.text != answer][:MOST]


def _entry(text: str, code: str, **fields: tuple[str, str] | str) -> Considered:
    english, chinese = ({name: value if isinstance(value, str) else value[at] for name, value in fields.items()} for at in (0, 1))
    return Considered(text, code, RULED_OUT[code][0].format(**english), RULED_OUT[code][1].format(**chinese))


def _same_name(work: Work) -> list[Considered]:
    """Other places that the text's own road and number, or estate, lead to: those of a division that it does not name, and those that fit as well."""
    base, slots = work.base, work.slots.row(0, named=True)
    heads = [f"{slots['street_part']}{slots['number']}" if slots["number"] else None, slots["estate"], slots["street_part"]]
    keys = [head for head in heads if head]
    if keys and keys[0] != slots["street_part"]:
        inner = work.slots.select(key=inner_key(base.grammar, base.grammar.inner[-1].level))["key"][0] if base.grammar.inner else ""
        keys = [keys[0] + inner] * bool(inner) + keys[:1]
    for key in keys:
        found, count, place = base.key_index.find(pl.Series([key]))
        if found[0] == NONE:
            continue
        nodes = np.unique(base.key_index.nodes[place[0] : place[0] + count[0]].astype(np.int64))
        answer = int(work.node[0])
        others = [node for node in nodes.tolist() if answer == NONE or not (node == answer or _holds(base, node, answer))]
        return [entry for node in others if (entry := _by_division(work, node))]
    return []


def _by_division(work: Work, node: int) -> Considered | None:
    """Why a place of the text's own name is not the answer: the deepest division that text or hints name and that does not hold it."""
    base, core = work.base, work.base.core
    if core["status"][node] != "current":
        return None
    for level in _VETOING:
        division = core[level][node]
        if division is None:
            continue
        own = division_name(base, level)[division]
        said = _said(work, level)
        if said and own not in said:
            fields = {"level": LEVEL_NAMES[level], "own": core["name"][division], "said": _written(base, level, said[0])}
            return _entry(core["path"][node], "division", **fields)
    return _entry(core["path"][node], "less_evidence" if work.method[0] != NONE else "fits_too")


def _holds(base: AddressBase, upper: int, lower: int) -> bool:
    """Whether one place lies in the other, by either chain."""
    refs = ("district", "street", "community", "neighbourhood", "road", "lane", "number", "building")
    above: int | None = lower
    while above is not None and above != upper:
        if upper in [base.core[ref][above] for ref in refs]:
            return True
        above = base.core["parent"][above]
    return above == upper


def _said(work: Work, level: str) -> list[str]:
    """The names of divisions of a level in text and hints, in comparison form."""
    named = pl.Series([work.marked[0] or ""]).str.extract_all(f"{MARK[level]}[^{END}]+{END}")[0].to_list()
    names = [mark[1:-1] for mark in named]
    if level in work.queries.columns and work.queries[level][0]:
        names.append(comparable(work.queries[level], work.base.grammar)[0])
    return names


def _written(base: AddressBase, level: str, form: str) -> str:
    """A division's name as the register writes it."""
    at = (division_mark(base, level) == f"{MARK[level]}{form}{END}").arg_true()
    return base.core["name"][at[0]] if len(at) else form


def _contradicting(work: Work) -> list[Considered]:
    """The place that one part of a contradictory text leads to, or the second of two that fit."""
    runner, reason = int(work.runner_up[0]), int(work.reason[0])
    if runner == NONE or reason not in (REASON["contradiction"], REASON["several"], REASON["similar_text"]):
        return []
    code = {REASON["contradiction"]: "contradiction", REASON["several"]: "fits_too"}.get(reason, "runner_up")
    return [_entry(work.base.core["path"][runner], code)]


def _near_numbers(work: Work) -> list[Considered]:
    """Of a number that the register lacks the nearest ones on its side of the street."""
    missing = ("number_missing", "number_missing_neighbours", "district_conflict", "number_unread")
    if work.node[0] == NONE or work.reason[0] not in [REASON[name] for name in missing]:
        return []
    said = work.slots["number"][0]
    number = pl.Series([said], dtype=pl.String).str.extract(r"(\d+)").cast(pl.UInt32, strict=False)
    if number[0] is None:
        return []
    below, above = neighbours(work.base, work.node[:1], number.to_numpy())
    numbers, path = work.base.numbers, work.base.core["path"]
    sides = ((above, ("above", "较大")), (below, ("below", "较小")))
    near = [(abs(int(numbers["number"][at[0]]) - number[0]), at[0], side) for at, side in sides if at[0] is not None]
    return [_entry(path[int(numbers["node"][at])], "other_number", said=said, side=side) for _, at, side in sorted(near)]


def _near_parts(work: Work) -> list[Considered]:
    """Of a building, unit, floor or room that the register lacks the two nearest of the place found."""
    if work.node[0] == NONE or work.reason[0] != REASON["inside_missing"]:
        return []
    base, slots = work.base, work.slots.row(0, named=True)
    core = base.core.select("parent", "level", "name", "path", "status").with_row_index("node")
    # Two steps down: between a unit and its rooms lie the floors.
    below = core.filter(pl.col("parent") == int(work.node[0]))["node"]
    inside = core.filter(pl.col("parent").is_in([int(work.node[0]), *below.to_list()]) & (pl.col("status") == "current"))
    for slot in base.grammar.inner:
        said = slots[slot.level]
        own = inside.filter(pl.col("level") == slot.level) if said else inside.clear()
        if own.height:
            far = (pl.col("name").str.extract(r"(\d+)").cast(pl.Int64, strict=False) - int("".join(filter(str.isdigit, said)) or 0)).abs()
            nearest = own.sort(far, "node", nulls_last=True).head(2)
            return [_entry(path, "other_part", said=said, level=LEVEL_NAMES[slot.level]) for path in nearest["path"].to_list()]
    return []


def _names(work: Work) -> list[Considered]:
    """Names that the text may misspell, other than the one taken."""
    trace = work.trace or {}
    if "names" not in trace or not trace["names"].height:
        return []
    names, tried = trace["names"], trace.get("tried", trace["names"].clear().with_columns(at=None, node=None, fit=None))
    won = tried.join(trace["won"], on=["row", "at"], how="semi") if "won" in trace else tried.clear()
    names = names.join(tried.select("candidate", "mark", "node", "fit"), on=["candidate", "mark"], how="left", maintain_order="left")
    names = names.with_columns(door=is_door(work.base.grammar)).join(won.select("mark"), on="mark", how="anti", maintain_order="left")
    ordered = names.sort("fit", "lies", "cost", "candidate", descending=[True, True, False, False], nulls_last=True).head(MOST)
    taken = (won if won.height else tried.sort("cost")).head(1).to_dicts()
    return [_damaged(work.base, row, taken[0] if taken else None, won.height > 0) for row in ordered.iter_rows(named=True)]


def _damaged(base: AddressBase, row: dict[str, Any], taken: dict[str, Any] | None, settled: bool) -> Considered:
    """Why a name that the text may misspell was not taken. taken: the candidate that was, or the likeliest where none was (settled false)."""
    kind, fit = DAMAGE[row["kind"]], row["fit"]
    if fit is None:
        if row["lies"] == AWAY:
            code = "damage_away"
        elif row["kind"] == "bare" and not row["door"]:
            code = "damage_bare"
        else:
            code = _dearer(row, taken) if taken and row["cost"] > taken["cost"] else "damage_many"
        text = _name_text(base, row)
    else:
        code = "damage_lane" if fit < NUMBER_MISSING else "damage_number" if fit < DOOR else "damage_less" if settled else "damage_fits_too"
        text = base.core["path"][row["node"]]
    return _entry(text, code, kind=kind, better=DAMAGE[taken["kind"]] if taken else ("", ""))


def _dearer(row: dict[str, Any], taken: dict[str, Any]) -> str:
    """Why a name is less likely than the one taken: by its kind of damage, else by how much of it is changed."""
    if row["kind"] != taken["kind"]:
        return "damage_dearer"
    return "damage_encoding" if row["kind"] == "unreadable" else "damage_more"


def _name_text(base: AddressBase, row: dict[str, Any]) -> str:
    """The road or estate as the register writes it, in the district that the text is in."""
    found, count, place = base.key_index.find(pl.Series([row["mark"]]))
    nodes = base.key_index.nodes[place[0] : place[0] + count[0]].tolist() if found[0] != NONE else []
    own = division_name(base, "district")
    for node in nodes:
        district = base.core["district"][node]
        if district is None or own[district] == row["parent"]:
            return base.core["path"][node]
    return f"{row['parent']}{row['candidate']}"


def _fragments(work: Work) -> list[Considered]:
    """Roads that have the lane of a text without a road."""
    lanes = (work.trace or {}).get("fragments")
    if lanes is None:
        return []
    return [_entry(work.base.core["path"][node], "lane_too") for node in lanes["node"].unique().sort().to_list() if node != work.node[0]]
