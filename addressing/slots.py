"""Slots: a marked text read into street part, number, estate and the parts inside a door. The same reading serves registers and queries."""

from __future__ import annotations

import polars as pl

from .grammar import END, MARK, Grammar


def slot_columns(grammar: Grammar) -> list[str]:
    """street_part, number, estate, then the grammar's inner levels."""
    return ["street_part", "number", "estate", *(slot.level for slot in grammar.inner)]


def _groups(text: pl.Series, expression: str, names: list[str]) -> pl.DataFrame:
    groups = text.to_frame("t").select(pl.col("t").str.extract_groups(expression)).unnest("t")
    return groups.rename(dict(zip(groups.columns, names, strict=True)))


def read_slots(marked: pl.Series, grammar: Grammar) -> pl.DataFrame:
    """One row per text, columns of `slot_columns` (text, null where the text has no such part), `unread` and `shape`.

    unread: the digit, letter or hyphen with which the text goes on after the last slot, "" where it does not.
    shape: door (road and number), estate, street (road or lane alone) or null. The first door in the text wins over an earlier bare street.
    """
    inner = [slot.level for slot in grammar.inner]
    columns = [*slot_columns(grammar), "unread"]
    frame = _groups(marked, grammar.door_expression, columns).with_columns(
        shape=pl.when(pl.col("number").is_not_null()).then(pl.lit("door"))
    )
    if grammar.has_estates:
        frame = _fill(frame, marked, grammar.estate_door_expression, ["estate", *inner, "unread"], "estate")
    return _fill(frame, marked, f"({grammar.street_expression})", ["street_part"], "street")


def _fill(frame: pl.DataFrame, marked: pl.Series, expression: str, names: list[str], shape: str) -> pl.DataFrame:
    """Read what no former expression has read."""
    kind = MARK["estate" if shape == "estate" else "road"]
    open_rows = (frame["shape"].is_null() & marked.str.contains(kind, literal=True).fill_null(False)).arg_true()
    if not len(open_rows):
        return frame
    found = _groups(marked.gather(open_rows), expression, names)
    found = found.with_columns(shape=pl.when(pl.col(names[0]).is_not_null()).then(pl.lit(shape)))
    return frame.with_columns(
        frame[name].scatter(open_rows, found[name])
        if frame[name].dtype == pl.String
        else pl.Series(name, [None] * frame.height, dtype=pl.String).scatter(open_rows, found[name])
        for name in found.columns
    )


def split_street_part(street_part: pl.Series, grammar: Grammar) -> pl.DataFrame:
    """road (name with section), lane, alley: the street part down to each level, null where it has none. Row-wise."""
    levels: dict[str, list[str]] = {"road": [], "lane": [], "alley": []}
    for slot in grammar.street_slots:
        levels[slot.level].append(f"{slot.expression}?")
    head = f"{MARK['road']}[^{END}]+{END}" + "".join(levels["road"])
    lane, alley = "".join(levels["lane"]), "".join(levels["alley"])
    parts = _groups(street_part, f"^((({head}){lane}){alley})$", ["alley", "lane", "road"])
    return parts.with_columns(
        lane=pl.when(pl.col("lane") != pl.col("road")).then("lane"),
        alley=pl.when(pl.col("alley") != pl.col("lane")).then("alley"),
    )
