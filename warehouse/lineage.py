"""Lineage: which table and column comes from which, read from the SQL that runs, back to the feed's column and its source headers.

Belongs here: making the lineage of a plan, and asking it. Not here: drawing it. What a Python step does with columns cannot be read from
it: the step declares it (`origins`), or gives lineage by table alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node
from sqlglot.lineage import lineage as trace
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from contracts.model import Feed
from contracts.step import PythonStep
from warehouse import model as modelling
from warehouse.library import FEED_SCHEMAS, Plan, relation_schema
from warehouse.model import Model

FILE = "lineage.json"


@dataclass(frozen=True)
class Edge:
    """One step of a column's way: `target` (`event.ticket.status`) is made from `source` (`latest.ticket.status`), at `depth` steps up.

    A source that is a feed's column carries the source headers that fill it.
    """

    target: str
    source: str
    depth: int
    headers: tuple[str, ...] = ()


def build(planned: Plan, former: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Lineage of all tables as JSON: `tables` (inputs, kind, file, columns → sources) and `feeds` (column → headers).

    `former`: the lineage of an earlier release; a table whose SQL is the same is taken from it.
    """
    schema = relation_schema(planned.sources.feeds) | modelling.table_schema(planned.tables)
    before = (former or {}).get("tables", {})
    tables = {}
    for model in planned.models:
        mark = _mark(model, schema)
        known = before.get(model.name)
        tables[model.name] = known if known and known.get("mark") == mark else _of_table(model, schema, mark)
    feeds = {name: _headers(feed, planned) for name, feed in planned.sources.feeds.items()}
    return {"tables": tables, "feeds": feeds}


def _mark(model: Model, schema: Mapping[str, Mapping[str, str]]) -> str:
    return modelling.digest(
        [
            model.sql,
            model.step and _declared(model.step),
            list(model.inputs),
            [schema[name] for name in model.inputs],
            [column.name for column in model.table.columns],
        ]
    )


def _of_table(model: Model, schema: Mapping[str, Mapping[str, str]], mark: str) -> dict[str, Any]:
    entry = {"kind": "python" if model.step else "sql", "file": model.where, "inputs": list(model.inputs), "mark": mark}
    return entry | {"columns": _declared(model.step) if model.step else _columns(model, schema)}


def _declared(step: PythonStep) -> dict[str, list[str]] | None:
    """Sources of every column as the step declares them; None where it doesn't."""
    return {column: sorted(sources) for column, sources in step.origins.items()} or None


def _columns(model: Model, schema: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]] | None:
    """Direct sources (`relation.column`) of every column; None where sqlglot cannot bind the SQL."""
    try:
        tree = modelling.qualified(model, {name: schema[name] for name in model.inputs})
        nodes = trace(None, tree, schema=_NO_SCHEMA, scope=build_scope(tree), dialect="duckdb", copy=False, trim_selects=False)
    except (SqlglotError, ValueError):
        return None
    assert isinstance(nodes, dict)
    return {column: sorted(_leaves(node)) for column, node in nodes.items()}


_NO_SCHEMA = MappingSchema(dialect="duckdb")
"""The tree is bound already; sqlglot asks for a schema all the same."""


def _leaves(root: Node) -> set[str]:
    """`relation.column` of every stored relation below a node. Nodes are shared between columns, so each is looked at once."""
    found, seen, todo = set(), set(), [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        todo += node.downstream
        if isinstance(node.expression, exp.Table) and node.expression.db:
            found.add(f"{node.expression.db}.{node.expression.name}.{node.name.rpartition('.')[2]}")
    return found


def _headers(feed: Feed, planned: Plan) -> dict[str, list[str]]:
    """Source headers that fill each clean column, in this district; a protected column carries those of the column it is made from."""
    mapping = planned.sources.district.feeds.get(feed.name)
    found: dict[str, list[str]] = {}
    for column in feed.columns:
        combined = [
            " + ".join(header) for header in (mapping.headers.get(column.name, ()) if mapping else ()) if not isinstance(header, str)
        ]
        found[column.name] = list(dict.fromkeys([column.name, column.title_zh, *combined, *column.headers]))
    for protection in feed.protect:
        sources = [header for source in protection.sources for header in found[source]]
        for made in protection.columns():
            found[made.name] = list(dict.fromkeys(sources))
    return found


def read(release: Path | Mapping[str, Any]) -> Mapping[str, Any]:
    """The lineage of a release folder."""
    if isinstance(release, Path):
        found: Mapping[str, Any] = json.loads((release / FILE).read_text(encoding="utf-8"))
        return found
    return release


def column_lineage(release: Path | Mapping[str, Any], full_name: str, column: str) -> list[Edge]:
    """All edges from a published column back to feed columns, nearest first. KeyError for a table or column that is not there.

    Where a table is made by a Python step that declares no origins, its edges lead to whole tables (`subject.c.v` ← `event.b`).
    """
    known = read(release)
    tables = known["tables"]
    if full_name not in tables:
        raise KeyError(f"no table {full_name}")
    columns = tables[full_name]["columns"]
    if columns is not None and column not in columns:
        raise KeyError(f"{full_name} has no column {column}")
    edges: dict[tuple[str, str], Edge] = {}
    todo = [(full_name, column, 1)]
    while todo:
        table, name, depth = todo.pop(0)
        entry = tables.get(table)
        if entry is None or not name:
            continue
        sources = list(entry["inputs"]) if entry["columns"] is None else entry["columns"].get(name, [])
        for source in sources:
            relation, _, field = source.rpartition(".") if source.count(".") == 2 else (source, "", "")
            key = (f"{table}.{name}", source)
            if key not in edges:
                edges[key] = Edge(*key, depth, _headers_of(known, relation, field))
                todo.append((relation, field, depth + 1))
    return sorted(edges.values(), key=lambda edge: (edge.depth, edge.target, edge.source))


def _headers_of(known: Mapping[str, Any], relation: str, column: str) -> tuple[str, ...]:
    schema, _, feed = relation.partition(".")
    return tuple(known["feeds"].get(feed, {}).get(column, ())) if schema in FEED_SCHEMAS else ()
