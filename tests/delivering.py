"""Turns bytes into deliveries and reads them, for tests of intake and clean."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from contracts.delivery import Certificate, Delivery
from contracts.district import District, FeedMapping, contract_of
from quality.clean import Cleaned, clean
from sources.intake import read


@dataclass(frozen=True)
class Result:
    """What came of one delivery."""

    certificate: Certificate
    raw: pa.Table
    cleaned: Cleaned

    @property
    def problems(self) -> set[str]:
        return {problem.kind for problem in self.certificate.problems}


def deliver(folder: Path, content: bytes, *, file: str = "tickets.csv", feed: str = "ticket", date: str = "2024-03-31") -> Delivery:
    """Put a file into a landing folder."""
    path = folder / feed / date / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Delivery(feed=feed, date=date, file=file, path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def take_in(delivery: Delivery, mapping: FeedMapping | None = None) -> Result:
    """Read and clean a delivery."""
    mapping = mapping or FeedMapping()
    district = District(name="somewhere", title="Somewhere", title_zh="某地", grammar="mainland", feeds={delivery.feed: mapping})
    contract = contract_of(district, delivery.feed)
    intake = read(delivery, contract, mapping)
    batches = list(intake.batches)
    certificate = intake.certificate()
    raw = pa.Table.from_batches(batches if certificate.status == "read" else [], intake.schema)
    return Result(certificate, raw, clean(raw, contract, mapping, delivery.day))


def assert_balanced(result: Result, size: int) -> None:
    """No row and no byte is unaccounted for."""
    certificate, cleaned = result.certificate, result.cleaned
    assert certificate.bytes == size
    assert certificate.rows_read == certificate.rows_kept + certificate.rows_malformed == result.raw.num_rows
    assert cleaned.rows_read == certificate.rows_read
    assert cleaned.rows_accepted + cleaned.rows_refused == certificate.rows_read
    assert cleaned.rows_malformed == certificate.rows_malformed
    if certificate.status == "read" and certificate.format in ("csv", "jsonl"):
        parts = (certificate.bytes_bom, certificate.bytes_header, certificate.bytes_rows, certificate.bytes_blank)
        assert all(part is not None and part >= 0 for part in parts)
        assert sum(part or 0 for part in parts) == size
    rows = result.raw["_row"].to_pylist()
    assert rows == sorted(set(rows))
    kept = cleaned.accepted["source_row"].to_pylist() + cleaned.refused["source_row"].to_pylist()
    assert sorted(kept) == rows
