"""`govlake lineage`: where a published table or column comes from, and what is made of it.

Belongs here: reading the current release's lineage and drawing it as a tree. Not here: how lineage is found (`warehouse.lineage`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import contracts
from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.commands.places import existing_home
from publishing.site.origins import FEED_SCHEMAS, LINKS, REGISTER
from warehouse import lineage, release

Tree = Mapping[str, "Tree"]


def show(home: Path | None, name: str, uses: bool, as_json: bool) -> None:
    """The way of `theme.table` or `theme.table.column` back to the feeds, or forward (`uses`) to all that is made of it."""
    folder = release.current(existing_home(home).releases)
    if folder is None:
        raise CommandFailed("no release yet / 尚无发布", "govlake run")
    known = lineage.read(folder)
    way = _uses(known, name) if uses else _origin(known, name)
    if as_json:
        screen.as_json({"name": name, "direction": "uses" if uses else "origin", "lineage": way})
        return
    from rich.tree import Tree as Drawn

    drawn = Drawn(f"[bold]{name}[/]  {'used by 被引用' if uses else 'made from 来源于'}")
    _draw(drawn, way)
    screen.out().print(drawn)


def _draw(branch: Any, way: Tree) -> None:
    for name, below in way.items():
        _draw(branch.add(name), below)


def _origin(known: Mapping[str, Any], name: str) -> Tree:
    table, column = _split(known, name)
    if not column:
        return _tables_above(known, table, ())
    edges = lineage.column_lineage(known, table, column)
    above: dict[str, list[lineage.Edge]] = {}
    for edge in edges:
        above.setdefault(edge.target, []).append(edge)

    def climb(target: str, seen: tuple[str, ...]) -> Tree:
        return {
            _with_headers(edge.source, edge.headers): _places(known, (*seen, target))
            if edge.source.startswith(f"{LINKS}.")
            else climb(edge.source, (*seen, target))
            for edge in above.get(target, [])
            if edge.source not in seen
        }

    return climb(f"{table}.{column}", ())


def _with_headers(source: str, headers: Sequence[str]) -> str:
    return source + (f"  ← {' | '.join(headers)}" if headers else "")


def _places(known: Mapping[str, Any], way: Sequence[str]) -> Tree:
    """Where a record's place comes from: the address columns of the feeds that the way has passed (of all feeds where it has passed none), with the
    offices' headers, and the address register that they are linked to."""
    feeds = contracts.feeds()
    inputs = [known["tables"].get(".".join(target.split(".")[:2]), {"inputs": ()})["inputs"] for target in way]
    passed = {name.partition(".")[2] for names in inputs if LINKS not in names for name in names if name.partition(".")[0] in FEED_SCHEMAS}
    found: dict[str, Tree] = {}
    for name in sorted(passed or known["feeds"]):
        address = feeds[name].address if name in feeds else None
        for column in address.model_dump().values() if address is not None else ():
            if column:
                found[_with_headers(f"latest.{name}.{column}", known["feeds"][name].get(column, ()))] = {}
    return {**found, f"latest.{REGISTER}": {}}


def _tables_above(known: Mapping[str, Any], table: str, seen: tuple[str, ...]) -> Tree:
    entry = known["tables"].get(table)
    inputs = entry["inputs"] if entry else []
    return {source: _tables_above(known, source, (*seen, table)) for source in inputs if source not in seen}


def _uses(known: Mapping[str, Any], name: str) -> Tree:
    """Everything whose SQL reads the table or column; a Python step reads its inputs whole."""
    _split(known, name, feeds_too=True)
    below: dict[str, list[str]] = {}
    for table, entry in known["tables"].items():
        for source in entry["inputs"]:
            below.setdefault(source, []).append(table)
        for column, sources in (entry["columns"] or {}).items():
            for source in sources:
                below.setdefault(source, []).append(f"{table}.{column}")

    def descend(source: str, seen: tuple[str, ...]) -> Tree:
        return {made: descend(made, (*seen, source)) for made in sorted(below.get(source, [])) if made not in seen}

    return descend(name, ())


def _split(known: Mapping[str, Any], name: str, feeds_too: bool = False) -> tuple[str, str]:
    parts = name.split(".")
    tables = known["tables"]
    table = ".".join(parts[:2])
    if len(parts) in (2, 3) and table in tables:
        columns = tables[table]["columns"]
        column = parts[2] if len(parts) == 3 else ""
        if not column or columns is None or column in columns:
            return table, column
        raise CommandFailed(f"{table} has no column {column} / 没有该字段", f"one of 可选: {', '.join(sorted(columns))}", Exit.USAGE)
    if feeds_too and len(parts) in (2, 3) and parts[0] in ("latest", "clean", "restricted") and parts[1] in known["feeds"]:
        return table, parts[2] if len(parts) == 3 else ""
    import difflib

    near = difflib.get_close_matches(name, tables, n=5, cutoff=0.4) or sorted(tables)[:5]
    raise CommandFailed(f"no table {name} / 没有该表", f"write theme.table or theme.table.column, such as {', '.join(near)}", Exit.USAGE)
