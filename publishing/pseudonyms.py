"""Pseudonyms of a subscriber: made from the internal ones under the subscriber's own key.

Belongs here: finding pseudonyms in the rows of a delivery and replacing them. Not here: making them from people's numbers, which never come
near a release.

One subscriber meets one person under one pseudonym in all its tables and at all times; two subscribers have nothing to compare.
Pseudonyms are found by their shape wherever a text holds one (24 characters a-z2-7 standing alone), so that one inside a composed
identifier changes with the others. In tables of people a register's own record number would join two subscribers' rows just as well:
it is replaced too (`RECORD`), and the row in the source file is not shared (`SOURCE_ROW`). Numbers of matters (a ticket, a visit) stay, since offices
speak of a matter by its number.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from collections.abc import Collection, Sequence

import duckdb
import pyarrow as pa

from contracts.model import Column, Table

LENGTH = 24
_SHAPE = re.compile(rf"(?<![A-Za-z0-9])[a-z2-7]{{{LENGTH}}}(?![A-Za-z0-9])")
SQL_SHAPE = rf"(^|[^A-Za-z0-9])[a-z2-7]{{{LENGTH}}}($|[^A-Za-z0-9])"
RECORD, SOURCE_ROW = "record_key", "source_row"
_PEOPLE = {"person_key", "household_key"}


def about_people(table: Table) -> bool:
    """Whether a row of the table is about a person or household."""
    return not _PEOPLE.isdisjoint(column.name for column in table.columns)


def subscriber_key(secret: bytes, subscriber: str, series: int) -> bytes:
    """The subscriber's key, an HMAC-SHA-256 of its name and series under the home's secret."""
    return hmac.digest(secret, f"govlake share\x1f{subscriber}\x1f{series}".encode(), "sha256")


def fingerprint(key: bytes) -> str:
    """16 hex digits by which a receiver sees whether pseudonyms of two deliveries can be compared."""
    return hmac.digest(key, b"govlake share key fingerprint", "sha256").hex()[:16]


def holds(text: str) -> bool:
    """Whether a text holds what looks like a pseudonym."""
    return _SHAPE.search(text) is not None


def shared(text: str, key: bytes) -> str:
    """A text with each pseudonym in it replaced: 120 bits of HMAC-SHA-256 (RFC 2104) in base32 (RFC 4648), lower case."""
    return _SHAPE.sub(lambda found: _keyed(found[0], key), text)


def replacing(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[Column], key: bytes, whole: Collection[str] = ()
) -> dict[str, str]:
    """Register the relation's pseudonyms as `shared_values(field, value, shared)`; gives for each column that holds any the SQL that replaces it.

    `whole`: columns of which every value is replaced. The SQL reads the relation under the alias `r`; join what `joins` says.
    """
    texts = [column.name for column in columns if column.type == "text" and not column.codes]
    parts = [
        f"""SELECT '{name}' AS field, "{name}" AS value FROM {relation} WHERE """
        + (f'"{name}" IS NOT NULL' if name in whole else f"""length("{name}") >= {LENGTH} AND regexp_matches("{name}", '{SQL_SHAPE}')""")
        for name in texts
    ]
    found: list[tuple[str, str]] = []
    if parts:
        found = connection.execute(f"SELECT DISTINCT field, value FROM ({' UNION ALL '.join(parts)})").fetchall()
    fields, values = [field for field, _ in found], [value for _, value in found]
    made = [_keyed(value, key) if field in whole else shared(value, key) for field, value in found]
    arrays = {"field": pa.array(fields, pa.string()), "value": pa.array(values, pa.string()), "shared": pa.array(made, pa.string())}
    connection.register("shared_values", pa.table(arrays))
    return {name: f'coalesce("p_{name}".shared, r."{name}")' for name in texts if name in set(fields)}


def _keyed(value: str, key: bytes) -> str:
    return b32encode(hmac.digest(key, value.encode(), "sha256")[:15]).decode().lower()


def joins(replaced: dict[str, str]) -> str:
    """The joins that `replacing`'s SQL needs after `FROM … AS r`."""
    return "".join(
        f""" LEFT JOIN (SELECT value, shared FROM shared_values WHERE field = '{name}') AS "p_{name}" ON "p_{name}".value = r."{name}\""""
        for name in replaced
    )
