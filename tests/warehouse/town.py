"""A small town in a lake, for tests of libraries and releases: generated rows of the real feeds, a district folder, small models.

Belongs here: making these. Nobody in the town exists.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa

import contracts
from contracts.district import District, load_district
from contracts.model import Column, Table
from contracts.schema import arrow_schema
from warehouse.lake import Lake
from warehouse.library import RELATIONS, Sources
from warehouse.privacy import Pseudonyms, protect

AS_OF = dt.datetime(2026, 6, 30, 23, 59, 59)

DISTRICT = """
name: town
title: Town
title_zh: 小镇
grammar: mainland
audiences: [{audiences}]
small_group: 5
feeds:
  ticket: {{required: true, stale_after_days: 40, when_missing: stop}}
  household: {{}}
  enterprise: {{}}
"""


def district(folder: Path, audiences: str = "internal, public, restricted") -> District:
    """A district's folder with nothing but district.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "district.yaml").write_text(DISTRICT.format(audiences=audiences), encoding="utf-8")
    return load_district(folder)


def deliver(lake: Lake, feed: str, day: dt.date, rows: list[dict[str, object]], key: bytes = b"k" * 32) -> str:
    """Put rows into `clean/<feed>` as one delivery, as cleaning would, and into the ledger."""
    contract = contracts.feeds()[feed]
    delivery = f"{feed}/{day.isoformat()}/{feed}.csv"
    columns = [
        column for column in contract.clean_columns if column.name not in {made.name for p in contract.protect for made in p.columns()}
    ]
    filled = []
    for number, row in enumerate(rows, start=2):
        address = row.get("address")
        filled.append(
            {column.name: row.get(column.name) for column in columns}
            | {
                "record_key": "|".join(str(row[name]) for name in contract.keys),
                "key_is_weak": False,
                "address_query": f"{address}\x1f\x1f\x1f\x1f\x1f" if address else None,
                "delivery": delivery,
                "delivery_date": day,
                "source_row": number,
            }
        )
    accepted = pa.Table.from_pylist(filled, schema=arrow_schema(columns))
    clean = protect(accepted, contract, Pseudonyms(key))
    lake.replace(f"clean/{feed}", clean, column="delivery", values=[delivery], schema=arrow_schema(contract.clean_columns))
    record(lake, delivery, feed, day, len(rows))
    return delivery


def record(lake: Lake, delivery: str, feed: str, day: dt.date, rows: int, status: str = "accepted", same_as: str | None = None) -> None:
    """One line of the ledger."""
    kinds = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DATE": pa.date32()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in RELATIONS["ledger.deliveries"].items()])
    line = {
        "delivery": delivery, "feed": feed, "date": day.isoformat(), "day": day, "file": delivery.rsplit("/", 1)[1], "sha256": f"sha of {delivery}",
        "bytes": 100 * rows, "version": 1, "status": status, "same_as": same_as, "rows_read": rows, "rows_malformed": 0, "rows_accepted": rows,
        "rows_refused": 0, "rows_repeated": 0, "certificate": "{}", "mapping_fingerprint": "m",
    }  # fmt: skip
    lake.append("ledger/deliveries", pa.Table.from_pylist([line], schema=schema))


def ticket(number: int, *, moment: dt.datetime = dt.datetime(2026, 5, 3, 9), status: str = "received", **more: object) -> dict[str, object]:
    """One hotline ticket of a person who does not exist."""
    return {
        "ticket_no": f"T{number:06d}",
        "channel": "phone",
        "created_at": moment,
        "kind": "complaint",
        "category_1": "城市管理",
        "category_2": f"事项{number % 3}",
        "body": f"第{number}号楼道有杂物",
        "caller_name": "甲乙",
        "caller_phone": f"138{number:08d}",
        "status": status,
        "status_time": moment,
        "department": f"部门{number % 4}",
        "community": f"社区{number % 7}",
    } | more


def resident(number: int, **more: object) -> dict[str, object]:
    """One resident who does not exist; without a document number, so that the key is weak."""
    return {
        "household_no": f"H{number // 3}",
        "member_no": str(number % 3),
        "name": "丙丁",
        "sex": "1",
        "birth_date": dt.date(1950 + number % 60, 1, 1 + number % 28),
        "kinship": "01",
        "residence_kind": "registered",
        "care_tags": "disabled" if number % 5 == 0 else None,
        "community": f"社区{number % 7}",
    } | more


def town(
    home: Path, *, tickets: int = 200, people: int = 60, audiences: str = "internal, public, restricted", as_of: dt.datetime = AS_OF
) -> Sources:
    """A lake with two feeds and its district."""
    lake = Lake(home / "lake")
    deliver(lake, "ticket", dt.date(2026, 6, 29), [ticket(number) for number in range(tickets)])
    deliver(lake, "household", dt.date(2026, 6, 1), [resident(number) for number in range(people)])
    return Sources(lake, district(home / "district", audiences), as_of)


def table(name: str, *columns: str, **more: object) -> Table:
    """A contract: columns as `name type`; the first is the key."""
    made = [Column(name=text.split()[0], type=[*text.split(), "text"][1], title=text, title_zh=text) for text in columns]
    theme, short = name.split(".")
    fields: dict[str, object] = {
        "name": short,
        "theme": theme,
        "title": name,
        "title_zh": name,
        "grain": "one row",
        "keys": (made[0].name,),
        "steward": "s",
        "columns": tuple(made),
    }
    return Table.model_validate(fields | more)


def write(folder: Path, name: str, sql: str) -> None:
    theme, short = name.split(".")
    path = folder / "subjects" / f"{short}.sql" if theme == "subject" else folder / "themes" / theme / f"{short}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sql, encoding="utf-8")
