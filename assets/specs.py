"""What Dagster shows of each asset before it runs: description, owner, kinds, group, column schema with meanings.

Belongs here: asset specs derived from contracts. Not here: what an asset does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import dagster as dg
import pyarrow as pa

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
        metadata={"contract": f"contracts/feeds/{feed.name}.yaml", "mode": feed.mode},
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
        metadata={"dagster/column_schema": column_schema(feed.clean_columns), "contract": f"contracts/feeds/{feed.name}.yaml"},
    )


def table_spec(table: Table, inputs: Iterable[dg.AssetKey], kind: str) -> dg.AssetSpec:
    """`<theme>/<table>`: a table of a library, made by a SQL file or a Python step."""
    folder = "contracts/subjects" if table.theme == "subject" else f"contracts/themes/{table.theme}"
    return dg.AssetSpec(
        [table.theme, table.name],
        deps=list(inputs),
        description=_description(table),
        group_name=f"d_{table.theme}",
        owners=[owner(table.steward)],
        kinds={"duckdb", kind},
        metadata={
            "dagster/column_schema": column_schema(table.columns),
            "contract": f"{folder}/{table.name}.yaml",
            "audiences": ", ".join(table.audiences),
        },
    )
