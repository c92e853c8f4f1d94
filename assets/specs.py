"""What Dagster shows of each asset before it runs: description, owner, kinds, group, column schema with meanings.

Belongs here: asset specs derived from contracts, with their contract, SQL and page of the release site. Not here: what an asset does.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode

import dagster as dg
import pyarrow as pa

from contracts.load import feed_file
from contracts.model import Column, Contract, Feed, Table
from contracts.schema import duckdb_type

GROUPS = {"raw": "a_intake", "clean": "b_clean", "addresses": "c_addresses", "release": "e_release"}
"""Dagster sorts groups by name; the letters put them in the order of the flow."""


def owner(steward: str) -> str:
    """A contract's steward as a Dagster team: the English part before the slash."""
    return "team:" + re.sub(r"[^a-z0-9]+", "_", steward.split("/")[0].strip().lower()).strip("_")


def column_schema(columns: Iterable[Column]) -> dg.TableSchema:
    """Columns with type and meaning in both languages, as Dagster's column tab shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=duckdb_type(column),
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=not column.required, unique=column.unique),
                tags={"classification": column.classification},
            )
            for column in columns
        ]
    )


def stored_schema(schema: pa.Schema) -> dg.TableSchema:
    """Columns of a lake table that no contract describes, as it stands: what was delivered decides them."""
    return dg.TableSchema(columns=[dg.TableColumn(name=field.name, type=str(field.type)) for field in schema])


SITE_VARIABLE = "GOVLAKE_SITE"
"""Where `govlake ui` serves the current release's site, so that Dagster's pages can link to it; a browser follows no link to a file."""


def _page(path: str) -> dict[str, dg.MetadataValue]:
    """Link to a page of the release site; none where nothing serves it."""
    base = os.environ.get(SITE_VARIABLE)
    return {"page in the release site 说明页": dg.MetadataValue.url(f"{base}/zh/{path}")} if base else {}


_LAUNCHPAD = "/locations/__repository__@pipelines.definitions/jobs/govlake/playground/setup"
"""Dagster's page that starts the job with a configuration; the code location is the module that `govlake ui` loads."""


def redo_link(delivery: str) -> dg.MetadataValue:
    """Link to the launchpad, filled in so that a run takes this one delivery in and cleans it again."""
    config = json.dumps({"resources": {"run": {"config": {"redo": [delivery]}}}}, ensure_ascii=False, indent=2)
    return dg.MetadataValue.md(f"[take this delivery in again 重新接收此批次]({_LAUNCHPAD}?{urlencode({'config': config})})")


def _source(path: Path, language: str) -> dg.MetadataValue:
    """A file of the project, readable in the page."""
    return dg.MetadataValue.md(f"`{path.name}`\n\n```{language}\n{path.read_text(encoding='utf-8')}\n```")


def _contract(path: Path) -> dict[str, dg.MetadataValue]:
    return {"contract 数据契约": _source(path, "yaml")}


def _description(contract: Contract) -> str:
    lines = [f"**{contract.title_zh} · {contract.title}**", contract.description_zh, contract.description, f"Grain: {contract.grain}."]
    return "\n\n".join(line for line in lines if line)


def raw_spec(feed: Feed) -> dg.AssetSpec:
    """`raw/<feed>`: the delivered rows, all text."""
    return dg.AssetSpec(
        ["raw", feed.name],
        description=_description(feed) + "\n\nAs delivered: one row per source row, every value as text. 原样入湖，全部为文本。",
        group_name=GROUPS["raw"],
        owners=[owner(feed.steward)],
        kinds={"deltalake", "python"},
        metadata={"mode": feed.mode, **_contract(feed_file(feed.name)), **_page(f"feeds/{feed.name}.html")},
    )


def clean_spec(feed: Feed) -> dg.AssetSpec:
    """`clean/<feed>`: typed, checked rows; refused ones are in quarantine."""
    return dg.AssetSpec(
        ["clean", feed.name],
        deps=[["raw", feed.name]],
        description=_description(feed)
        + "\n\nTyped and checked by contract; refused rows are kept in quarantine. 按契约清洗，拒收行进入隔离区。",
        group_name=GROUPS["clean"],
        owners=[owner(feed.steward)],
        kinds={"deltalake", "polars"},
        metadata={
            "dagster/column_schema": column_schema(feed.clean_columns),
            **_contract(feed_file(feed.name)),
            **_page(f"feeds/{feed.name}.html"),
        },
    )


def table_spec(table: Table, inputs: Iterable[dg.AssetKey], made_by: Path) -> dg.AssetSpec:
    """`<theme>/<table>`: a table of a library; `made_by` is its SQL file, or the Python module of its step."""
    folder = "subjects" if table.theme == "subject" else f"themes/{table.theme}"
    sql = made_by.suffix == ".sql"
    return dg.AssetSpec(
        [table.theme, table.name],
        deps=list(inputs),
        description=_description(table),
        group_name=f"d_{table.theme}",
        owners=[owner(table.steward)],
        kinds={"duckdb", "sql" if sql else "python"},
        metadata={
            "dagster/column_schema": column_schema(table.columns),
            "audiences": ", ".join(table.audiences),
            "made by 生成方式": _source(made_by, "sql" if sql else "python"),
            **_contract(Path(str(files("contracts"))) / folder / f"{table.name}.yaml"),
            **_page(f"tables/{table.full_name}.html"),
        },
    )
