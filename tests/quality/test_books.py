"""The books balance, or say where they don't."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from delivering import deliver, take_in

from contracts.delivery import Certificate
from contracts.load import feeds
from quality.books import check, reconcile, repeated_rows


def row(**changes: object) -> dict[str, object]:
    certificate = Certificate(
        delivery="ticket/2024-03/a.csv", status="read", format="csv", bytes=100, sha256="0" * 64, rows_read=10, rows_kept=9, rows_malformed=1,
        bytes_bom=0, bytes_header=20, bytes_rows=78, bytes_blank=2,
    )  # fmt: skip
    base = {
        "feed": "ticket", "delivery": "ticket/2024-03/a.csv", "version": 1, "status": "accepted", "bytes": 100, "rows_read": 10,
        "rows_malformed": 1, "rows_refused": 3, "rows_accepted": 7, "rows_repeated": 2, "certificate": certificate.model_dump_json(),
    }  # fmt: skip
    return {**base, **changes}


COUNTS = {"raw": {"ticket/2024-03/a.csv": 10}, "clean": {"ticket/2024-03/a.csv": 7}, "quarantined": {"ticket/2024-03/a.csv": 3}}


def test_sound_books_balance() -> None:
    books = reconcile(pa.Table.from_pylist([row()]), **COUNTS)
    assert books.balanced
    assert books.lines["balanced"].to_pylist() == [True]


@pytest.mark.parametrize(
    ("changes", "counts", "rule"),
    [
        ({"rows_accepted": 6}, {}, "accepted_and_refused"),
        ({}, {"raw": {"ticket/2024-03/a.csv": 9}}, "raw_rows"),
        ({}, {"clean": {}}, "clean_rows"),
        ({}, {"quarantined": {"ticket/2024-03/a.csv": 4}}, "quarantined_rows"),
        ({"bytes": 101}, {}, "certificate_bytes"),
        ({"rows_malformed": 4}, {}, "rows_malformed"),
        ({"rows_repeated": 8}, {}, "rows_repeated"),
        ({"status": "unreadable"}, {}, "clean_rows"),
        ({}, {"clean": {"ticket/2024-03/a.csv": 7, "ticket/2024-02/x.csv": 1}}, "unknown_delivery"),
    ],
)
def test_every_kind_of_gap_is_found(changes: dict[str, object], counts: dict[str, dict[str, int]], rule: str) -> None:
    books = reconcile(pa.Table.from_pylist([row(**changes)]), **{**COUNTS, **counts})
    assert rule in books.violations["rule"].to_pylist()
    assert not books.balanced


def test_a_gap_in_the_books_is_an_error_that_names_delivery_and_counts() -> None:
    assert check(reconcile(pa.Table.from_pylist([row()]), **COUNTS)).passed
    broken = check(reconcile(pa.Table.from_pylist([row()]), **{**COUNTS, "clean": {"ticket/2024-03/a.csv": 6}}))
    assert (broken.passed, broken.severity, broken.violations, broken.rows_checked) == (False, "error", 1, 1)
    assert broken.examples == ("ticket/2024-03/a.csv: the clean table does not hold the rows accepted (7 expected, 6 found)",)


def test_a_stopped_delivery_has_its_rows_in_quarantine_alone() -> None:
    name = "ticket/2024-03/a.csv"
    stopped = row(status="stopped", rows_refused=10, rows_accepted=0, rows_repeated=0)
    assert reconcile(pa.Table.from_pylist([stopped]), raw={name: 10}, clean={}, quarantined={name: 10}).balanced
    assert not reconcile(pa.Table.from_pylist([stopped]), raw={name: 10}, clean={name: 1}, quarantined={name: 10}).balanced


def test_bytes_that_do_not_add_up_are_found() -> None:
    certificate = Certificate.model_validate_json(str(row()["certificate"])).model_copy(update={"bytes_rows": 77})
    books = reconcile(pa.Table.from_pylist([row(certificate=certificate.model_dump_json())]))
    assert books.violations["rule"].to_pylist() == ["bytes"]


def test_rows_that_bring_nothing_are_counted_within_and_across_deliveries(tmp_path: Path) -> None:
    first = take_in(deliver(tmp_path, b"ticket_no,created_at\nT1,2024-03-01\nT1,2024-03-01\nT2,2024-03-01\n")).cleaned
    second = take_in(
        deliver(tmp_path, b"ticket_no,created_at\nT2,2024-03-01\nT2,2024-03-02\nT3,2024-03-01\nT3,2024-03-01\n", date="2024-04")
    ).cleaned
    contract = feeds()["ticket"]
    assert repeated_rows(first.accepted, None, contract) == first.rows_repeated == 1
    assert repeated_rows(second.accepted, first.accepted, contract) == 2
