"""The exported form of a contract: Open Data Contract Standard (ODCS) 3.1, as Bitol publishes it (bitol-io/open-data-contract-standard).

Belongs here: our contract → ODCS. Not here: reading ODCS; our own YAML is the source. What the standard has no place for (Chinese
titles, audiences, small groups) goes into `customProperties`.
"""

from __future__ import annotations

from typing import Any

import yaml

from contracts.model import Column, Contract, Feed, Table, TableRule
from contracts.schema import duckdb_type

API_VERSION = "v3.1.0"
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the C one is ten times faster, and not in every build of PyYAML
_LOGICAL = {"text": "string", "integer": "integer", "date": "date", "timestamp": "timestamp", "boolean": "boolean"}


def odcs(contract: Contract, *, status: str = "active") -> dict[str, Any]:
    """The contract as an ODCS document (a plain mapping, keys in the standard's order)."""
    name = contract.full_name if isinstance(contract, Table) else f"feed.{contract.name}"
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"govlake.{name}",
        "name": contract.title,
        "version": contract.version,
        "status": status,
        "domain": contract.theme if isinstance(contract, Table) else "feeds",
        "description": _description(contract),
        "team": {"name": contract.steward},
        "schema": [_table(contract)],
        **_roles(contract),
        "customProperties": _custom(contract),
    }


def odcs_yaml(contract: Contract) -> str:
    """The contract as an ODCS YAML text, the same for the same contract."""
    return yaml.dump(odcs(contract), Dumper=_DUMPER, allow_unicode=True, sort_keys=False, width=140)


def _description(contract: Contract) -> dict[str, str]:
    purpose = " ".join(part for part in (contract.description, contract.description_zh) if part) or f"{contract.title} {contract.title_zh}"
    return {"purpose": purpose, "usage": f"One table; {contract.grain}."}


def _roles(contract: Contract) -> dict[str, Any]:
    if not isinstance(contract, Table):
        return {}
    return {"roles": [{"role": audience, "access": "read"} for audience in contract.audiences]}


def _custom(contract: Contract) -> list[dict[str, Any]]:
    made: dict[str, Any] = {"titleZh": contract.title_zh}
    if contract.description_zh:
        made["descriptionZh"] = contract.description_zh
    if isinstance(contract, Table) and contract.small_groups:
        made["smallGroups"] = list(contract.small_groups)
    if isinstance(contract, Feed):
        made["mode"] = contract.mode
    return _properties(made)


def _properties(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in values.items()]


def _table(contract: Contract) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": contract.name,
        "physicalName": contract.name,
        "logicalType": "object",
        "physicalType": "table" if isinstance(contract, Table) else "file",
        "businessName": contract.title_zh,
        "description": contract.comment,
        "dataGranularityDescription": contract.grain,
        "properties": [_column(column, contract) for column in contract.columns],
    }
    quality = [
        {
            "name": rule.name,
            "type": "sql",
            "description": f"{rule.message} / {rule.message_zh}",
            "severity": "error" if rule.severity == "error" else "warning",
            "query": _query(rule, contract),
            "mustBe": 0,
        }
        for rule in contract.rules
    ]
    return made | ({"quality": quality} if quality else {})


def _query(rule: TableRule, contract: Contract) -> str:
    if rule.no_rows is not None:
        return f"SELECT COUNT(*) FROM ({rule.no_rows.strip()}) AS broken"
    return f"SELECT COUNT(*) FROM {_name(contract)} WHERE NOT ({rule.holds})"


def _name(contract: Contract) -> str:
    return contract.full_name if isinstance(contract, Table) else contract.name


def _column(column: Column, contract: Contract) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": column.name,
        "businessName": column.title_zh,
        "logicalType": "number" if column.decimal else _LOGICAL[column.type],
        "physicalType": duckdb_type(column),
        "required": column.required,
        "classification": column.classification,
        "description": column.comment,
    }
    if column.name in contract.keys:
        made |= {"primaryKey": True, "primaryKeyPosition": contract.keys.index(column.name) + 1}
    if column.unique or contract.keys == (column.name,):
        made["unique"] = True
    options = _options(column)
    if options:
        made["logicalTypeOptions"] = options
    if column.references:
        made["relationships"] = [{"type": "foreignKey", "to": ".".join(column.references.split(".")[1:])}]
    if column.codes:
        made["quality"] = [
            {
                "type": "library",
                "metric": "invalidValues",
                "name": f"{column.name}_codes",
                "description": "; ".join(f"{code} = {' / '.join(forms[:2])}" for code, forms in column.codes.items()),
                "severity": "error" if column.severity == "error" else "warning",
                "arguments": {"validValues": list(column.codes)},
                "mustBe": 0,
            }
        ]
    custom: dict[str, Any] = {"titleZh": column.title_zh}
    if column.unit:
        custom["unit"] = column.unit
    if column.references:
        custom["references"] = column.references
    if column.headers:
        custom["sourceHeaders"] = list(column.headers)
    return made | {"customProperties": _properties(custom)}


def _options(column: Column) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if column.type == "text":
        options |= {"maxLength": column.max_length} if column.max_length else {}
        options |= {"pattern": column.pattern} if column.pattern else {}
    elif column.minimum is not None or column.maximum is not None:
        convert = (lambda text: float(text) if "." in text else int(text)) if column.type == "integer" or column.decimal else str
        options |= {"minimum": convert(column.minimum)} if column.minimum is not None else {}
        options |= {"maximum": convert(column.maximum)} if column.maximum is not None else {}
    return options
