"""The catalogue of a release: every published table with steward, meaning, classification, freshness, score, sample and history.

Belongs here: gathering these facts into one document (`catalogue/catalogue.json`) and looking in it. Not here: its standard forms (`dcat`,
`datapackage`, ODCS in `contracts.odcs`).

A sample shows what values look like and nobody's row: values that occur at least as often as the district's smallest group, each column
by itself, put side by side. Pseudonyms, masked and redacted columns, record numbers and provenance are left out.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from contracts.model import THEMES, Audience, Column, Table
from publishing.pseudonyms import SQL_SHAPE
from publishing.results import Check, FeedState
from publishing.subscriptions import LEVELS

FOLDER = "catalogue"
FILE = f"{FOLDER}/catalogue.json"
SAMPLE_ROWS = 5
SAMPLED = 20_000
"""Rows of a table that a sample is taken from, the first by key."""
LEAST = 5
HISTORY = 100
_PROVENANCE = {"record_key", "delivery", "delivery_date", "source_row", "key_is_weak", "address_query"}
_CHANGED = re.compile(r"\*\*|\[[\u4e00-\u9fff]{2,4}\]")
"""Marks that masking and redaction leave."""


@dataclass(frozen=True)
class Facts:
    """What a catalogue is made from: the release while it is built.

    `tables`: the contracts of its tables; `rows`, `content` (a hash of a table's rows) and `inputs` (relations a table is made from) by table;
    `address`: a table's name on the connection; `protected`: names of columns that stand in for personal ones; `former`: the release before.
    """

    release: str
    as_of: dt.datetime
    district: Mapping[str, str]
    audiences: Sequence[Audience]
    small_group: int
    tables: Mapping[str, Table]
    rows: Mapping[str, int]
    content: Mapping[str, str]
    inputs: Mapping[str, Sequence[str]]
    checks: Sequence[Check]
    feeds: Sequence[FeedState]
    feed_titles: Mapping[str, tuple[str, str]]
    protected: Collection[str]
    connection: duckdb.DuckDBPyConnection = field(repr=False)
    address: Callable[[str], str]
    former: Path | None = None
    joins: Mapping[str, str] = field(default_factory=dict)
    """Feeds whose rows are read with those of another feed."""


def catalogue(facts: Facts) -> dict[str, Any]:
    """The catalogue as plain data: the release, and one entry a table, by full name."""
    before = _before(facts.former)
    checks: dict[str, list[Check]] = {}
    for check in facts.checks:
        checks.setdefault(check.table, []).append(check)
    entries = {name: _entry(facts.tables[name], facts, checks.get(name, []), before.get(name)) for name in sorted(facts.tables)}
    return {
        "release": facts.release,
        "as_of": facts.as_of.isoformat(),
        "district": dict(facts.district),
        "audiences": list(facts.audiences),
        "tables": entries,
    }


def text_of(made: Mapping[str, Any]) -> str:
    """The catalogue as the file holds it."""
    return json.dumps(made, ensure_ascii=False, indent=1, default=str) + "\n"


def read(release: Path) -> dict[str, Any] | None:
    """The catalogue of a release folder; None where it was made before there were catalogues."""
    path = release / FILE
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _entry(table: Table, facts: Facts, checks: Sequence[Check], before: Mapping[str, Any] | None) -> dict[str, Any]:
    name = table.full_name
    profile = _profile(table, facts, before)
    return {
        "name": name,
        "theme": table.theme,
        "title": table.title,
        "title_zh": table.title_zh,
        "description": table.description,
        "description_zh": table.description_zh,
        "grain": table.grain,
        "keys": list(table.keys),
        "steward": table.steward,
        "version": table.version,
        "audiences": [audience for audience in table.audiences if audience in facts.audiences],
        "classification": max((column.classification for column in table.columns), key=LEVELS.index),
        "rows": facts.rows[name],
        "content": facts.content[name],
        "columns": [_column(column, profile["filled"].get(column.name)) for column in table.columns],
        "files": _files(table, facts.audiences),
        "freshness": _freshness(name, facts),
        "score": _score(checks, profile["filled"]),
        "sample": profile["sample"],
        "history": _history(table, facts, before),
    }


def _column(column: Column, filled: float | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "title": column.title,
        "title_zh": column.title_zh,
        "description": column.description,
        "description_zh": column.description_zh,
        "classification": column.classification,
        "required": column.required,
        "filled": filled,
    }
    if column.codes:
        made["codes"] = {code: list(forms[:2]) for code, forms in column.codes.items()}
    if column.unit:
        made["unit"] = column.unit
    if column.references:
        made["references"] = column.references
    return made


def _files(table: Table, audiences: Sequence[Audience]) -> list[dict[str, str]]:
    """Where a reader finds the table, relative to the release's folder."""
    found = []
    for audience in table.audiences:
        if audience in audiences:
            found.append({"audience": audience, "format": "duckdb", "path": f"{audience}/{table.theme}.duckdb", "table": table.name})
            if table.theme == "subject":
                found.append({"audience": audience, "format": "parquet", "path": f"{audience}/subjects/{table.name}.parquet"})
    return found


# Freshness


def _freshness(name: str, facts: Facts) -> dict[str, Any]:
    """The feeds that a table goes back to, and whether all of them are as fresh as the district asks."""
    wanted = _feeds(name, facts.inputs)
    wanted |= {feed for feed, target in facts.joins.items() if target in wanted}
    states = [state for state in facts.feeds if state.feed in wanted]
    latest = [state.latest for state in states if state.latest]
    return {
        "feeds": [
            {
                "feed": state.feed,
                "title": facts.feed_titles.get(state.feed, (state.feed, state.feed))[0],
                "title_zh": facts.feed_titles.get(state.feed, (state.feed, state.feed))[1],
                "latest": state.latest.isoformat() if state.latest else None,
                "days": state.days,
                "state": "fresh" if state.decision == "ok" else "missing" if state.latest is None else "stale",
            }
            for state in states
        ],
        "latest": max(latest).isoformat() if latest else None,
        "fresh": all(state.decision == "ok" for state in states),
    }


def _feeds(name: str, inputs: Mapping[str, Sequence[str]]) -> set[str]:
    found, seen, todo = set(), set(), [name]
    while todo:
        relation = todo.pop()
        if relation in seen:
            continue
        seen.add(relation)
        schema, _, rest = relation.partition(".")
        if schema in ("clean", "latest", "restricted"):
            found.add(rest)
        elif schema == "addresses":
            found.add("address_register")
        todo += inputs.get(relation, ())
    return found


# Score


def _score(checks: Sequence[Check], filled: Mapping[str, float]) -> dict[str, Any]:
    """Shares between 0 and 1: rules that hold, rows within them (`validity`), values that are filled (`completeness`)."""
    looked_at = sum(check.rows_checked for check in checks)
    broken = sum(min(check.violations, check.rows_checked) for check in checks)
    return {
        "rules": len(checks),
        "passed": sum(check.passed for check in checks),
        "passed_share": round(sum(check.passed for check in checks) / len(checks), 4) if checks else None,
        "validity": round(1 - broken / looked_at, 6) if looked_at else None,
        "completeness": round(sum(filled.values()) / len(filled), 4) if filled else None,
        "broken": [
            {
                "rule": check.rule,
                "severity": check.severity,
                "violations": check.violations,
                "message": check.message,
                "message_zh": check.message_zh,
            }
            for check in checks
            if not check.passed
        ],
    }


# Profile: how far columns are filled, and the sample


def _profile(table: Table, facts: Facts, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """`filled` by column and `sample` by audience; taken over where rows and contract are those of the release before."""
    known = before and before.get("content") == facts.content[table.full_name] and before.get("version") == table.version
    if (
        known
        and before
        and before.get("sample") is not None
        and [column["name"] for column in before["columns"]] == [c.name for c in table.columns]
    ):
        filled = {column["name"]: column["filled"] for column in before["columns"] if column["filled"] is not None}
        if set(before["sample"]) == set(_shown(table, facts.audiences)):
            return {"filled": filled, "sample": before["sample"]}
    relation, rows = facts.address(table.full_name), facts.rows[table.full_name]
    filled = {}
    if rows:
        counted = ", ".join(f'count("{column.name}")' for column in table.columns)
        counts = facts.connection.execute(f"SELECT {counted} FROM {relation}").fetchall()[0]
        filled = {column.name: round(count / rows, 4) for column, count in zip(table.columns, counts, strict=True)}
    return {"filled": filled, "sample": _samples(table, facts, relation)}


def _shown(table: Table, audiences: Sequence[Audience]) -> list[Audience]:
    """Audiences that a sample is made for; never the restricted one."""
    return [audience for audience in ("public", "internal") if audience in table.audiences and audience in audiences]  # type: ignore[misc]


def _samples(table: Table, facts: Facts, relation: str) -> dict[str, Any]:
    shown = _shown(table, facts.audiences)
    if not shown:
        return {}
    columns = [column for column in table.columns if _may_be_shown(column, facts.protected)]
    if not columns:
        return {audience: {"columns": [], "rows": []} for audience in shown}
    listed = ", ".join(f'"{column.name}"' for column in columns)
    frame = pl.DataFrame(facts.connection.sql(f"SELECT {listed} FROM {relation} LIMIT {SAMPLED}").pl())
    least = max(facts.small_group, LEAST)
    values = {column.name: _frequent(frame[column.name], column, least) for column in columns}
    made: dict[str, Any] = {}
    for audience in shown:
        names = [
            column.name for column in columns if column.classification in (("public",) if audience == "public" else ("public", "internal"))
        ]
        held = [name for name in names if values[name]]
        deep = max((len(values[name]) for name in held), default=0)
        made[audience] = {
            "columns": held,
            "rows": [[values[name][place % len(values[name])] for name in held] for place in range(deep)],
        }
    return made


def _may_be_shown(column: Column, protected: Collection[str]) -> bool:
    return (
        column.classification in ("public", "internal")
        and column.name not in protected
        and column.name not in _PROVENANCE
        and not column.name.endswith(("_masked", "_redacted"))
    )


def _frequent(values: pl.Series, column: Column, least: int) -> list[Any]:
    """The most frequent values, at most five; none where the column holds pseudonyms or what masking and redaction left."""
    texts = values.drop_nulls()
    if column.type == "text" and not column.codes and texts.str.contains(SQL_SHAPE).any():
        return []
    if column.type == "text" and texts.str.contains(_CHANGED.pattern).any():
        return []
    counted = pl.DataFrame({"value": texts}).group_by("value").len().filter(pl.col("len") >= least)
    top = counted.sort(["len", "value"], descending=[True, False]).head(SAMPLE_ROWS)["value"].to_list()
    return [value if isinstance(value, int | bool | str) else str(value) for value in top]


# History


def _history(table: Table, facts: Facts, before: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What changed from release to release, the newest last: versions, columns, rows. A release that changed nothing adds nothing."""
    past = [line for line in (before or {}).get("history", []) if line["release"] != facts.release]
    columns = {column.name: column.type for column in table.columns}
    former = {column["name"]: column["type"] for column in before["columns"]} if before else columns
    line = {
        "release": facts.release,
        "as_of": facts.as_of.isoformat(),
        "version": table.version,
        "rows": facts.rows[table.full_name],
        "added": [name for name in columns if name not in former],
        "removed": [name for name in former if name not in columns],
        "retyped": [name for name in columns if name in former and former[name] != columns[name]],
    }
    same = (
        before is not None
        and past
        and before.get("content") == facts.content[table.full_name]
        and past[-1]["version"] == table.version
        and former == columns
    )
    return (past if same else [*past, line])[-HISTORY:]


def _before(former: Path | None) -> dict[str, Any]:
    """Entries of the release before; for one without a catalogue, what its manifest and contracts say."""
    if former is None:
        return {}
    known = read(former)
    if known is not None:
        tables: dict[str, Any] = known["tables"]
        return tables
    manifest = json.loads((former / "manifest.json").read_text(encoding="utf-8"))
    found = {}
    for path in [path for theme in THEMES for path in sorted((former / "contracts" / theme).glob("*.json"))]:
        table = Table.model_validate_json(path.read_text(encoding="utf-8"))
        said = manifest["tables"].get(table.full_name)
        if said:
            line = {"release": manifest["release"], "as_of": manifest["as_of"], "version": table.version, "rows": said["rows"], "added": [],
                    "removed": [], "retyped": []}  # fmt: skip
            columns = [{"name": column.name, "type": column.type, "filled": None} for column in table.columns]
            found[table.full_name] = {
                "content": said["content_hash"], "version": table.version, "columns": columns, "sample": None, "history": [line],
            }  # fmt: skip
    return found


# Looking


@dataclass(frozen=True)
class Hit:
    """A table, or one of its columns, that holds all words asked for; `weight` is larger where they stand in a name or title."""

    table: str
    column: str | None
    title: str
    title_zh: str
    text: str
    weight: int


def search(made: Mapping[str, Any], words: Iterable[str]) -> list[Hit]:
    """Tables and columns in which every word occurs: in name, titles, descriptions, codes. Case, width and script do not matter."""
    wanted = [folded(word) for word in words if word.strip()]
    if not wanted:
        return []
    hits = []
    for entry in made["tables"].values():
        hits += _hits(entry, None, entry, wanted, entry["name"])
        for column in entry["columns"]:
            hits += _hits(entry, column["name"], column, wanted, column["name"])
    return sorted(hits, key=lambda hit: (-hit.weight, hit.table, hit.column or ""))


def _hits(entry: Mapping[str, Any], column: str | None, said: Mapping[str, Any], wanted: Sequence[str], name: str) -> list[Hit]:
    head = folded(" ".join([name, said["title"], said["title_zh"]]))
    codes = " ".join(" ".join([code, *forms]) for code, forms in said.get("codes", {}).items())
    more = [said.get("description", ""), said.get("description_zh", ""), codes]
    more += [] if column else [said["grain"], said["steward"], said["theme"]]
    body = folded(" ".join(part for part in more if part))
    if not all(word in head or word in body for word in wanted):
        return []
    weight = sum(2 for word in wanted if word in head) + (1 if column is None else 0)
    text = said.get("description_zh") or said.get("description") or ""
    return [Hit(entry["name"], column, said["title"], said["title_zh"], text, weight)]


def folded(text: str) -> str:
    """Text in the one form that counts as equal: half-width, simplified characters, lower case, `_` as a blank."""
    half = unicodedata.normalize("NFKC", text)
    simple = half if half.isascii() else str(_converter().convert(half))
    return simple.casefold().replace("_", " ")


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")
