"""Whether contracts keep what a former release promised: to who reads its tables, and to the offices that deliver its feeds.

Belongs here: comparing contracts. Not here: blocking (`release`), reading what was built (`agreement`). What counts as compatible is set out in
docs/contracts.md; a change that is not needs a new major version of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from contracts.load import Retired
from contracts.model import Column, Feed, Table
from warehouse.audience import columns_for

FEEDS = "feed"
"""The folder of a release's contracts that holds those of feeds."""

_CLOSENESS = ("public", "internal", "personal", "sensitive")
"""Classifications, the most open first."""


def breaking_changes(
    former: Path | None, tables: Mapping[str, Table], feeds: Mapping[str, Feed] | None = None, retired: Mapping[str, Retired] | None = None
) -> list[str]:
    """What would break although the major version is the same, each with its remedy; [] where nothing, or before the first release."""
    if former is None or not (former / "contracts").is_dir():
        return []
    problems: list[str] = []
    for path in sorted((former / "contracts").glob("*/*.json")):
        name, text = f"{path.parent.name}.{path.stem}", path.read_text(encoding="utf-8")
        if path.parent.name == FEEDS:
            if feeds is not None:
                problems += _feed(path.stem, Feed.model_validate_json(text), feeds.get(path.stem))
        else:
            problems += _table(name, Table.model_validate_json(text), tables.get(name), (retired or {}).get(name))
    return problems


def _table(name: str, before: Table, after: Table | None, retired: Retired | None) -> Iterator[str]:
    if after is None:
        if retired is None or _version(retired.version) < _version(before.version):
            yield (
                f"{name}: the table would be gone; who reads it breaks; remedy: bring it back, or list it in contracts/retired.yaml "
                f"with version {before.version}, date and reason"
            )
    elif _major(after.version) <= _major(before.version):
        raised = f"{_major(before.version) + 1}.0.0"
        for what in _broken(before, after):
            yield f"{name}: {what}; who reads it breaks; remedy: take the change back, or raise version to {raised} in its contract"


def _feed(name: str, before: Feed, after: Feed | None) -> Iterator[str]:
    if after is None:
        yield f"feed {name}: the feed would be gone; its office's deliveries would be left alone; remedy: bring it back"
    elif _major(after.version) <= _major(before.version):
        raised = f"{_major(before.version) + 1}.0.0"
        for what in _stricter(before, after):
            yield (
                f"feed {name}: {what}; deliveries as agreed would be refused or misread; "
                f"remedy: take the change back, or raise version to {raised} in its contract"
            )


def _major(version: str) -> int:
    return _version(version)[0]


def _version(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _broken(before: Table, after: Table) -> Iterator[str]:
    """What a reader of a table would find broken."""
    if before.keys != after.keys:
        yield f"keys change from {', '.join(before.keys)} to {', '.join(after.keys)}"
    for audience in before.audiences:
        if audience not in after.audiences:
            yield f"the {audience} audience loses the table"
            continue
        shown = {column.name for column in columns_for(after, audience)}
        for column in columns_for(before, audience):
            if column.name not in shown and audience == before.audiences[0]:
                yield f"column {column.name} would be gone for the {audience} audience"
            elif column.name not in shown:
                yield f"the {audience} audience loses column {column.name}"
    known = {column.name: column for column in after.columns}
    for column in before.columns:
        if column.name in known:
            yield from _changed(column, known[column.name])


def _changed(column: Column, now: Column) -> Iterator[str]:
    name = column.name
    if now.type != column.type:
        yield f"column {name} changes type from {column.type} to {now.type}"
    if column.required and not now.required:
        yield f"column {name} may become null"
    if column.unique and not now.unique:
        yield f"column {name} may repeat a value"
    if column.unit != now.unit:
        yield f"column {name} changes unit from {column.unit or 'none'} to {now.unit or 'none'}"
    lost = [code for code in column.codes if now.codes and code not in now.codes]
    if lost:
        yield f"column {name} loses the codes {', '.join(lost)}"
    if column.codes and not now.codes:
        yield f"column {name} loses its code list, so any text may stand in it"
    if _CLOSENESS.index(now.classification) < 2 <= _CLOSENESS.index(column.classification):
        yield f"column {name} was {column.classification} and would be {now.classification}: people's data would reach more readers"


def _stricter(before: Feed, after: Feed) -> Iterator[str]:
    """What an office that delivers as agreed before would find refused, lost or read otherwise."""
    if before.keys != after.keys:
        yield f"keys change from {', '.join(before.keys)} to {', '.join(after.keys)}"
    if before.mode != after.mode:
        yield f"mode changes from {before.mode} to {after.mode}"
    old, new = {column.name: column for column in before.columns}, {column.name: column for column in after.columns}
    for name, column in old.items():
        now = new.get(name)
        if now is None:
            yield f"column {name} would be gone, what is delivered for it would not arrive"
            continue
        if now.type != column.type:
            yield f"column {name} changes type from {column.type} to {now.type}"
        if now.required and not column.required:
            yield f"column {name} becomes required"
        accepted = {now.name, now.title_zh, *now.headers}
        lost = [header for header in (column.name, column.title_zh, *column.headers) if header not in accepted]
        if lost:
            yield f"column {name} no longer accepts the headers {', '.join(lost)}"
        forms = {form for code, said in now.codes.items() for form in (code, *said)}
        gone = [form for code, said in column.codes.items() for form in (code, *said) if now.codes and form not in forms]
        if gone:
            yield f"column {name} no longer accepts the codes {', '.join(gone)}"
        if now.codes and not column.codes:
            yield f"column {name} accepts only codes of a list from now on"
        if _CLOSENESS.index(now.classification) < 2 <= _CLOSENESS.index(column.classification):
            yield f"column {name} was {column.classification} and would be {now.classification}: people's data would reach more readers"
    for name, column in new.items():
        if name not in old and column.required:
            yield f"column {name} is new and required"
