"""A column's way back: from a published column over the tables between to where its values come from.

Belongs here: walking the release's lineage to its very ends (a feed's header, a setting, the register, the clock), and the SQL
expression of a column. Not here: making the lineage, drawing it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlglot import exp

from contracts.model import PROVENANCE, Feed

FEED_SCHEMAS = ("clean", "latest", "restricted")
REGISTER = "address_register"
LINKS = "addresses.link"
"""The relation in which every record of every feed has its place."""
_OF_THE_FILE = tuple(column.name for column in PROVENANCE if column.name not in ("record_key", "address_query"))
_MOST_STEPS = 16
_PLAIN = re.compile(r'^(\w+\.)?"?\w+"?$')

Kind = Literal["feed", "whole_feed", "file", "setting", "clock", "ledger", "contract"]


@dataclass(frozen=True)
class End:
    """Where a way ends. `name`: the feed or setting; `column`: its column, empty where the whole of it counts."""

    kind: Kind
    name: str
    column: str = ""


@dataclass(frozen=True)
class Step:
    """`target` (`event.event.status`) is made from `sources`; `whole`: from whole relations, since no single column can be named."""

    depth: int
    target: str
    sources: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True)
class Way:
    """All steps of a column's way, nearest first, and its ends. `cut`: how many further steps are not listed."""

    steps: tuple[Step, ...]
    ends: tuple[End, ...]
    cut: int = 0


def way_back(lineage: Mapping[str, Any], feeds: Mapping[str, Feed], table: str, column: str) -> Way:
    """The way of a published column. Every end is found, where a step says no columns by going on with its whole inputs."""
    tables = lineage["tables"]
    steps: dict[str, Step] = {}
    ends: dict[End, None] = {}
    todo: list[tuple[str, str, int, frozenset[str]]] = [(table, column, 1, frozenset())]
    seen = set()
    while todo:
        name, part, depth, through = todo.pop(0)
        if (name, part, through) in seen or (name, "", through) in seen:
            continue
        seen.add((name, part, through))
        if name not in tables:
            ends |= dict.fromkeys(_ends(name, part, feeds, through))
            continue
        entry = tables[name]
        own = frozenset(feed for schema, feed in _split(entry["inputs"]) if schema in FEED_SCHEMAS)
        sources, whole = _sources(entry, part)
        if not sources:
            ends[End("contract", name, part)] = None
        if part:
            # Behind a whole table the way is that table's own; its page shows it.
            steps.setdefault(f"{name}.{part}", Step(depth, f"{name}.{part}", tuple(sources), whole))
        # A record's place comes from its own feed's address, though one table links all feeds.
        links_all = LINKS in entry["inputs"] and bool(through)
        for source in sources:
            relation, field = (source, "") if whole else source.rsplit(".", 1)
            schema, _, feed = relation.partition(".")
            if not (links_all and schema in FEED_SCHEMAS and feed not in through):
                todo.append((relation, field, depth + 1, through if links_all else own or through))
    listed = sorted(steps.values(), key=lambda step: step.depth)
    order = ("feed", "whole_feed", "file", "setting", "ledger", "clock", "contract")
    found = sorted(ends, key=lambda end: (order.index(end.kind), end.name))
    return Way(tuple(listed[:_MOST_STEPS]), tuple(_without_repeats(found)), max(0, len(listed) - _MOST_STEPS))


def _split(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        schema, _, rest = name.partition(".")
        yield schema, rest


def _sources(entry: Mapping[str, Any], column: str) -> tuple[list[str], bool]:
    """Direct sources of a column, and whether they are whole relations: a step that names no columns, or a count of rows."""
    known = entry["columns"]
    if column and known is not None and known.get(column):
        # A name that is a keyword comes quoted from the SQL.
        return [source.replace('"', "") for source in known[column]], False
    return list(entry["inputs"]), True


def _ends(relation: str, column: str, feeds: Mapping[str, Feed], through: frozenset[str]) -> Iterator[End]:
    schema, _, name = relation.partition(".")
    if schema in FEED_SCHEMAS and name in feeds:
        yield from _ends_in_feed(feeds[name], column)
    elif schema == "addresses":
        if name == "link" and column:
            for feed in sorted(through or feeds):
                address = feeds[feed].address if feed in feeds else None
                if address is not None:
                    yield from (End("feed", feed, part) for part in address.model_dump().values() if part)
        if name == "aliases":
            yield End("setting", "alias")
        yield End("whole_feed", REGISTER)
    elif schema == "district":
        yield End("setting", name, column)
    elif schema == "ledger":
        yield End("ledger", name, column)
    else:
        yield End("clock", relation, column)


def _ends_in_feed(feed: Feed, column: str) -> Iterator[End]:
    if not column:
        yield End("whole_feed", feed.name)
    elif column in _OF_THE_FILE:
        yield End("file", feed.name, column)
    elif column == "record_key":
        yield from (End("feed", feed.name, key) for key in feed.keys)
    else:
        made = {part.name: protection for protection in feed.protect for part in protection.columns()}
        sources = made[column].sources if column in made else (column,)
        yield from (End("feed", feed.name, source) for source in sources)


def _without_repeats(ends: Sequence[End]) -> Iterator[End]:
    """A feed of which a column is named needs no line for the whole of it."""
    named = {end.name for end in ends if end.kind == "feed"}
    yield from (end for end in ends if not (end.kind in ("whole_feed", "file") and end.name in named and end.name != REGISTER))


def expressions(tree: exp.Query, columns: Sequence[str]) -> dict[str, str]:
    """The SQL that makes each column: its expression in the last SELECT, or, where that only hands a column on, in the CTE behind it.

    A column that is only handed on from a stored table has none: its source says it all.
    """
    ctes = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}
    found = {}
    for column in columns:
        texts = list(dict.fromkeys(_expression(tree, column, ctes, 0)))
        if texts and not all(_PLAIN.match(text) for text in texts):
            found[column] = "\n— ∪ —\n".join(texts)
    return found


def _expression(query: exp.Expr, column: str, ctes: Mapping[str, exp.Expression], depth: int) -> Iterator[str]:
    if isinstance(query, exp.SetOperation):
        yield from _expression(query.this, column, ctes, depth)
        yield from _expression(query.expression, column, ctes, depth)
        return
    if isinstance(query, exp.Subquery):
        yield from _expression(query.this, column, ctes, depth)
        return
    if not isinstance(query, exp.Select):
        return
    for projection in query.selects:
        if projection.alias_or_name != column:
            continue
        inner = projection.unalias()
        if isinstance(inner, exp.Column) and depth < 8:
            behind = _cte_of(query, inner.table, ctes)
            if behind is not None:
                deeper = list(_expression(behind, inner.name, ctes, depth + 1))
                if deeper:
                    yield from deeper
                    return
        yield inner.sql("duckdb", pretty=True, comments=False)


def _cte_of(query: exp.Select, alias: str, ctes: Mapping[str, exp.Expression]) -> exp.Expression | None:
    """The CTE behind a table alias of a SELECT; behind the only table where a column bears no alias."""
    tables = [
        table
        for part in (query.args.get("from_"), *query.args.get("joins", []))
        if part is not None
        for table in [part.this]
        if isinstance(table, exp.Table)
    ]
    wanted = [table for table in tables if table.alias_or_name == alias] if alias else tables if len(tables) == 1 else []
    return ctes.get(wanted[0].name) if wanted and not wanted[0].db else None
