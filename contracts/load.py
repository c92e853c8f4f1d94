"""Reads contracts from YAML and says file, line and remedy for each mistake.

Belongs here: finding contract files, parsing them, turning validation errors into messages a person can act on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from contracts.model import Feed, Strict, Table, Version

HERE = Path(__file__).parent
FEEDS_VARIABLE = "GOVLAKE_FEEDS"
"""Folders with feed contracts of a district's own, parted as PATH is; read beside those that come with govlake."""

Model = TypeVar("Model", bound=BaseModel)


class ContractError(ValueError):
    """A contract or district file is wrong; the message names file, line and remedy."""


def read_yaml(path: Path) -> tuple[Any, dict[tuple[Any, ...], int]]:
    """Parse one YAML file; gives the value and, for every path of keys in it, the line it starts on (first is 1)."""
    lines: dict[tuple[Any, ...], int] = {}
    # libyaml's parser where PyYAML has it: seven times faster, and hundreds of contracts are read at every start.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_text(encoding="utf-8"))
    try:
        node = loader.get_single_node()
        if node is None:
            raise ContractError(f"{path.name}: the file is empty; remedy: copy one that works and change it")
        _note_lines(node, (), lines, path)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ContractError(f"{path.name}:{line}: not valid YAML: {error.problem}; remedy: check indent and quotes") from error
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node, at: tuple[Any, ...], lines: dict[tuple[Any, ...], int], path: Path) -> None:
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ContractError(f"{path.name}:{line}: {key.value!r} is given twice; remedy: keep one of them")
            seen.add(key.value)
            _note_lines(value, (*at, key.value), lines, path)
            lines[(*at, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_lines(value, (*at, number), lines, path)


def validated(
    model: type[Model], data: Any, lines: Mapping[tuple[Any, ...], int], path: Path, names: Mapping[tuple[str, int], str]
) -> Model:
    """Build `model` from `data`; a mistake becomes a ContractError with file, line, field and remedy.

    `names` maps (list key, position) to the name that the YAML file used as a mapping key, so that the line can be found.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        messages = [_message(problem, lines, path, names) for problem in error.errors()]
        raise ContractError("\n".join(messages)) from error


def _message(problem: Any, lines: Mapping[tuple[Any, ...], int], path: Path, names: Mapping[tuple[str, int], str]) -> str:
    at: list[Any] = []
    for step in problem["loc"]:
        named = names.get((at[-1], step)) if at and isinstance(step, int) else None
        at.append(named if named is not None else step)
    where = tuple(at)
    while where and where not in lines:
        where = where[:-1]
    field = ".".join(str(step) for step in at) or "the file"
    remedy = {
        "extra_forbidden": "remove the key or correct its spelling",
        "missing": "add it",
        "literal_error": "use one of the values named",
    }.get(problem["type"], "correct the value")
    return f"{path.name}:{lines.get(where, 1)}: {field}: {problem['msg']}; remedy: {remedy}"


def _contract(path: Path, model: type[Model], *, under: Mapping[str, Any] | None = None, **fixed: Any) -> Model:
    """One contract; `under` is the raw content of the contract that it joins."""
    data, lines = _raw(path)
    if under is not None:
        data = _joined(under, data)
    names: dict[tuple[str, int], str] = {}
    # Columns and protections are written as mappings (name: …) for the reader and kept as ordered lists in the model.
    for section in ("columns", "protect"):
        entries = data.get(section)
        if isinstance(entries, dict):
            bare = [name for name, entry in entries.items() if not isinstance(entry, dict)]
            if bare:
                raise ContractError(
                    f"{path.name}:{lines.get((section, bare[0]), 1)}: {section}.{bare[0]} says nothing; remedy: give title and title_zh"
                )
            data[section] = [{"name": name, **entry} for name, entry in entries.items()]
            names |= {(section, number): name for number, name in enumerate(entries)}
    return validated(model, {**data, **fixed}, lines, path, names)


def _raw(path: Path) -> tuple[dict[str, Any], dict[tuple[Any, ...], int]]:
    data, lines = read_yaml(path)
    if not isinstance(data, dict):
        raise ContractError(f"{path.name}:1: a contract is a mapping of keys; remedy: start with name, title, columns")
    return data, lines


def _joined(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A contract that joins another: the other's, with the keys given; columns and protections are merged one by one."""
    parts = {}
    for section in ("columns", "protect"):
        mine, others = over.get(section) or {}, under.get(section) or {}
        if isinstance(mine, dict):
            parts[section] = {
                name: {**others.get(name, {}), **(mine.get(name) or {})}
                for name in [*others, *(name for name in mine if name not in others)]
            }
    return {**under, **over, **parts}


def feeds(folder: Path = HERE / "feeds", more: tuple[Path, ...] | None = None) -> dict[str, Feed]:
    """All feed contracts by name: those that come with govlake, and those in the folders `more` (by default of GOVLAKE_FEEDS)."""
    return _feeds(folder, _own_folders() if more is None else more)


def feed_file(name: str) -> Path:
    """Where a feed's contract is written."""
    return next(path for folder in (HERE / "feeds", *_own_folders()) if (path := folder / f"{name}.yaml").is_file())


def _own_folders() -> tuple[Path, ...]:
    return tuple(Path(part) for part in os.environ.get(FEEDS_VARIABLE, "").split(os.pathsep) if part)


@cache
def _feeds(folder: Path, more: tuple[Path, ...]) -> dict[str, Feed]:
    paths = sorted(folder.glob("*.yaml"))
    known = {path.stem: path for path in paths}
    for own in more:
        for path in sorted(own.glob("*.yaml")):
            if path.stem in known:
                raise ContractError(f"feeds/{path.name}:1: a feed of this name is there already; remedy: choose another name")
            known[path.stem] = path
    found = {name: _feed(path, known) for name, path in sorted(known.items())}
    _names_match(found, folder)
    return found


def _feed(path: Path, known: Mapping[str, Path]) -> Feed:
    data, lines = _raw(path)
    target = data.get("joins")
    if target is None:
        return _contract(path, Feed)
    line = lines.get(("joins",), 1)
    if target not in known:
        raise ContractError(f"{path.name}:{line}: joins {target}: there is no such feed; remedy: name one of {', '.join(sorted(known))}")
    under, _ = _raw(known[target])
    if under.get("joins"):
        raise ContractError(f"{path.name}:{line}: joins {target}, which joins {under['joins']}; remedy: join {under['joins']} itself")
    found = _contract(path, Feed, under=under)
    _same_shape(found, _contract(known[target], Feed), path, lines)
    return found


def _same_shape(feed: Feed, target: Feed, path: Path, lines: Mapping[tuple[Any, ...], int]) -> None:
    """What is read as one must mean one: type, classification and mode are those of the feed joined."""
    if feed.mode != target.mode:
        raise ContractError(f"{path.name}:{lines.get(('mode',), 1)}: mode differs from that of {target.name}; remedy: take the line away")
    for column in target.columns:
        mine = feed.column(column.name)
        if (mine.type, mine.classification) != (column.type, column.classification):
            line = lines.get(("columns", column.name), 1)
            raise ContractError(
                f"{path.name}:{line}: {column.name}: type or class differs from that of {target.name}; remedy: use {column.type}, {column.classification}"
            )
        unknown = [code for code in mine.codes if column.codes and code not in column.codes]
        if unknown:
            line = lines.get(("columns", column.name), 1)
            raise ContractError(
                f"{path.name}:{line}: {column.name}: {target.name} has no code {', '.join(unknown)}; remedy: use one of {', '.join(column.codes)}"
            )


@cache
def tables(folder: Path = HERE) -> dict[str, Table]:
    """All table contracts by full name (`event.ticket`), from themes/<theme>/*.yaml and subjects/*.yaml."""
    paths = [(path, path.parent.name) for path in sorted((folder / "themes").glob("*/*.yaml"))]
    paths += [(path, "subject") for path in sorted((folder / "subjects").glob("*.yaml"))]
    found = {}
    for path, theme in paths:
        table = _contract(path, Table, theme=theme)
        if table.name != path.stem:
            raise ContractError(f"{path.name}:1: name {table.name!r} differs from the file's; remedy: rename one of them")
        found[table.full_name] = table
    return found


class Retired(Strict):
    """A table that is no longer published: its last version, since when, why, and where its readers find the data now."""

    version: Version
    date: date
    reason: str
    reason_zh: str
    instead: str | None = None


class _RetiredFile(Strict):
    tables: dict[str, Retired]


@cache
def retired(folder: Path = HERE) -> dict[str, Retired]:
    """The tables that were withdrawn, by full name (`retired.yaml`). ContractError where one is still declared in the same major version."""
    path = folder / "retired.yaml"
    if not path.is_file():
        return {}
    data, lines = read_yaml(path)
    found = validated(_RetiredFile, data, lines, path, {}).tables
    declared = tables(folder)
    for name, entry in found.items():
        line = lines.get(("tables", name), 1)
        if name in declared and int(declared[name].version.split(".")[0]) <= int(entry.version.split(".")[0]):
            raise ContractError(
                f"{path.name}:{line}: {name} is retired and has a contract; remedy: take one away, or raise the contract's major version"
            )
        if entry.instead is not None and entry.instead not in declared:
            raise ContractError(f"{path.name}:{line}: {name}: there is no table {entry.instead}; remedy: correct or take away `instead`")
    return found


@cache
def settings(folder: Path = HERE / "settings") -> dict[str, Feed]:
    """Contracts of the tables that a district supplies as CSV files (categories, departments, deadlines …), by name.

    They share the feed model: the same headers, types, codes and rules apply to a file that a person at the district edits.
    """
    found = {path.stem: _contract(path, Feed, mode="snapshot") for path in sorted(folder.glob("*.yaml"))}
    _names_match(found, folder)
    return found


def _names_match(found: Mapping[str, Feed], folder: Path) -> None:
    for stem, contract in found.items():
        if stem != contract.name:
            raise ContractError(f"{folder.name}/{stem}.yaml:1: name {contract.name!r} differs from the file's; remedy: rename one of them")
