"""The files of one audience as a Frictionless Data Package (specs.frictionlessdata.io, Data Package and Table Schema 1.0).

Belongs here: catalogue and contracts → `datapackage.json`. The package stands in the audience's folder, so that a copy of the folder is
a whole package. Not here: facts (`catalogue`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.model import Audience, Column, Table

FILE = "datapackage.json"
_TYPES = {"text": "string", "integer": "integer", "date": "date", "timestamp": "datetime", "boolean": "boolean"}


def datapackage(made: Mapping[str, Any], tables: Mapping[str, Table], audience: Audience) -> str:
    """The descriptor's text: every Parquet file with its schema, every theme library as a plain file. `tables`: contracts as the audience gets them."""
    resources = []
    libraries = sorted({file["path"] for entry in made["tables"].values() for file in entry["files"] if _of(file, audience, "duckdb")})
    for name, entry in made["tables"].items():
        for file in entry["files"]:
            if _of(file, audience, "parquet"):
                resources.append(_table(entry, tables[name], _inside(file["path"], audience), suppressed=audience == "public"))
    for path in libraries:
        inside = _inside(path, audience)
        theme = inside.removesuffix(".duckdb")
        resources.append(
            {
                "name": f"library-{theme}",
                "path": inside,
                "title": f"{theme} library (DuckDB)",
                "format": "duckdb",
                "mediatype": "application/octet-stream",
            }
        )
    package = {
        "name": f"govlake-{made['district']['name'].replace('_', '-')}-{audience}",
        "title": f"{made['district']['title_zh']} {made['district']['title']}",
        "description": f"Release {made['release']}, audience {audience}, as of {made['as_of']}. 发布数据包。",
        "version": made["release"],
        "profile": "data-package",
        "resources": resources,
    }
    return json.dumps(package, ensure_ascii=False, indent=1) + "\n"


def _of(file: Mapping[str, str], audience: Audience, form: str) -> bool:
    return file["audience"] == audience and file["format"] == form


def _inside(path: str, audience: Audience) -> str:
    return path.removeprefix(f"{audience}/")


def _table(entry: Mapping[str, Any], table: Table, path: str, *, suppressed: bool) -> dict[str, Any]:
    return {
        "name": entry["name"].replace(".", "-").replace("_", "-"),
        "type": "table",
        "path": path,
        "profile": "tabular-data-resource",
        "scheme": "file",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "title": f"{entry['title_zh']} {entry['title']}",
        "description": " ".join(part for part in (entry["description_zh"], entry["description"]) if part) or entry["grain"],
        "schema": _schema(table, suppressed=suppressed and bool(table.small_groups)),
    }


def _schema(table: Table, *, suppressed: bool) -> dict[str, Any]:
    """Small groups of public tables are empty, whatever the contract requires."""
    names = {column.name for column in table.columns}
    schema: dict[str, Any] = {
        "fields": [
            _field(column, table.keys, required=column.required and (not suppressed or column.name in table.keys))
            for column in table.columns
        ]
    }
    if table.keys and set(table.keys) <= names:
        schema["primaryKey"] = list(table.keys)
    return schema


def _field(column: Column, keys: Sequence[str], *, required: bool) -> dict[str, Any]:
    # The standard's own validator reads Parquet through pandas, where an integer column with gaps holds floating numbers.
    number = column.decimal or (column.type == "integer" and not required)
    made: dict[str, Any] = {
        "name": column.name,
        "type": "number" if number else _TYPES[column.type],
        "title": f"{column.title_zh} {column.title}",
    }
    text = " ".join(part for part in (column.description_zh, column.description) if part)
    if text:
        made["description"] = text
    constraints: dict[str, Any] = {"required": True} if required else {}
    if column.codes and column.type == "text":
        constraints["enum"] = list(column.codes)
    if column.unique and column.name not in keys:
        constraints["unique"] = True
    if column.max_length:
        constraints["maxLength"] = column.max_length
    return made | ({"constraints": constraints} if constraints else {})
