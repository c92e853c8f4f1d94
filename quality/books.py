"""The books: every row and byte of every delivery accounted for, from file to clean table.

Belongs here: setting ledger, certificates and row counts of the lake side by side, and saying what does not add up. Does not belong
here: counting inside the lake (the caller counts), what happens after the clean tables (`subject.reconciliation`).

For a delivery that was taken in: bytes = byte order mark + header + rows + blank lines (text formats); rows read = kept + malformed
(certificate) = accepted + refused (ledger; malformed rows are among the refused) = raw rows in the lake; accepted = rows in the clean
table; refused = rows in quarantine. A delivery that was not taken in has no rows anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from contracts.delivery import Certificate
from contracts.model import Feed
from quality.checks import BOOKS, BOOKS_RULE, CheckResult

LINES_SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("delivery", pa.string()),
        ("version", pa.int64()),
        ("status", pa.string()),
        ("bytes", pa.int64()),
        ("rows_read", pa.int64()),
        ("rows_malformed", pa.int64()),
        ("rows_refused", pa.int64()),
        ("rows_accepted", pa.int64()),
        ("rows_repeated", pa.int64()),
        ("rows_raw", pa.int64()),
        ("rows_clean", pa.int64()),
        ("rows_quarantined", pa.int64()),
        ("balanced", pa.bool_()),
    ]
)
VIOLATIONS_SCHEMA = pa.schema(
    [
        ("delivery", pa.string()),
        ("rule", pa.string()),
        ("expected", pa.int64()),
        ("found", pa.int64()),
        ("message", pa.string()),
        ("message_zh", pa.string()),
    ]
)


@dataclass(frozen=True)
class Books:
    """`lines`: one row per delivery (LINES_SCHEMA), ordered by delivery. `violations`: what does not add up (VIOLATIONS_SCHEMA)."""

    lines: pa.Table
    violations: pa.Table

    @property
    def balanced(self) -> bool:
        return bool(self.violations.num_rows == 0)


def check(books: Books) -> CheckResult:
    """The books as the one check that blocks a release where a row or byte is unaccounted for; its examples name deliveries and counts."""
    gaps = books.violations.to_pylist()
    return CheckResult(
        table=BOOKS,
        rule=BOOKS_RULE,
        kind="reconciliation",
        severity="error",
        passed=not gaps,
        rows_checked=books.lines.num_rows,
        violations=len(gaps),
        message="files, ledger, raw, clean and quarantine tables do not account for the same bytes and rows",
        message_zh="文件、账本、原始表、清洗表与隔离区的字节数或行数不符",
        examples=tuple(gap["message"] for gap in gaps[:5]),
    )


def repeated_rows(accepted: pa.Table, former: pa.Table | None, contract: Feed) -> int:
    """How many accepted rows bring nothing: all declared columns equal an earlier row's, of this delivery or of `former`.

    `former` are clean rows of the feed's other deliveries (declared columns suffice), or None where there are none.
    """
    names = [column.name for column in contract.columns]
    now = _row_hashes(accepted.select(names))
    if former is None or former.num_rows == 0:
        return len(now) - int(now.n_unique())
    before = _row_hashes(former.select(names).cast(accepted.select(names).schema)).unique()
    known = now.is_in(before.implode())
    fresh = now.filter(~known)
    return int(known.sum()) + len(fresh) - int(fresh.n_unique())


def _row_hashes(rows: pa.Table) -> pl.Series:
    return pl.DataFrame(rows).hash_rows() if rows.num_columns else pl.Series([], dtype=pl.UInt64)


def reconcile(
    deliveries: pa.Table,
    *,
    raw: Mapping[str, int] | None = None,
    clean: Mapping[str, int] | None = None,
    quarantined: Mapping[str, int] | None = None,
) -> Books:
    """Balance the ledger's current deliveries (`ledger.deliveries`, one row each) against rows counted per delivery in the lake.

    Counts not given are not compared. A delivery that the lake has rows of and the ledger does not know is a violation too.
    """
    lines, violations = [], []
    known = set()
    for row in sorted(deliveries.to_pylist(), key=lambda one: (one["delivery"], one.get("version") or 0)):
        known.add(row["delivery"])
        found = list(_violations(row, raw, clean, quarantined))
        violations += found
        lines.append(
            {
                **{name: row.get(name) for name in LINES_SCHEMA.names if name in row},
                "rows_raw": None if raw is None else raw.get(row["delivery"], 0),
                "rows_clean": None if clean is None else clean.get(row["delivery"], 0),
                "rows_quarantined": None if quarantined is None else quarantined.get(row["delivery"], 0),
                "balanced": not found,
            }
        )
    for counts in (raw, clean, quarantined):
        for delivery, count in sorted((counts or {}).items()):
            if delivery not in known and count:
                known.add(delivery)
                violations.append(
                    _violation(
                        delivery,
                        "unknown_delivery",
                        0,
                        count,
                        "rows of a delivery that the ledger does not know",
                        "账本中没有的批次却有数据行",
                    )
                )
    return Books(pa.Table.from_pylist(lines, LINES_SCHEMA), pa.Table.from_pylist(violations, VIOLATIONS_SCHEMA))


def _violations(
    row: Mapping[str, Any], raw: Mapping[str, int] | None, clean: Mapping[str, int] | None, quarantined: Mapping[str, int] | None
) -> Iterator[dict[str, Any]]:
    name = row["delivery"]
    # A delivery stopped by its content has its rows in raw table and quarantine; one stopped by its headers has none, and counts none.
    taken_in = row["status"] in ("accepted", "stopped")
    count = {
        key: int(row.get(key) or 0) for key in ("bytes", "rows_read", "rows_malformed", "rows_refused", "rows_accepted", "rows_repeated")
    }
    expected = count if taken_in else dict.fromkeys(count, 0)
    pairs: list[tuple[str, int, int, str, str]] = [
        (
            "accepted_and_refused",
            count["rows_read"],
            count["rows_accepted"] + count["rows_refused"],
            "accepted and refused rows are not the rows read",
            "接收与拒收之和不等于读取行数",
        ),
    ]
    if raw is not None:
        pairs.append(
            ("raw_rows", expected["rows_read"], raw.get(name, 0), "the raw table does not hold the rows read", "原始表行数不等于读取行数")
        )
    if clean is not None:
        pairs.append(
            (
                "clean_rows",
                expected["rows_accepted"],
                clean.get(name, 0),
                "the clean table does not hold the rows accepted",
                "清洗表行数不等于接收行数",
            )
        )
    if quarantined is not None:
        pairs.append(
            (
                "quarantined_rows",
                expected["rows_refused"],
                quarantined.get(name, 0),
                "quarantine does not hold the rows refused",
                "隔离区行数不等于拒收行数",
            )
        )
    if row["status"] == "accepted" and row.get("certificate"):
        pairs += _certificate_pairs(Certificate.model_validate_json(row["certificate"]), count)
    for rule, wanted, found, message, message_zh in pairs:
        if wanted != found:
            yield _violation(name, rule, wanted, found, message, message_zh)
    for part, whole in (("rows_malformed", "rows_refused"), ("rows_repeated", "rows_accepted")):
        if count[part] > count[whole]:
            yield _violation(name, part, count[whole], count[part], f"more {part} than {whole}", f"{part} 大于 {whole}")


def _certificate_pairs(certificate: Certificate, count: Mapping[str, int]) -> Sequence[tuple[str, int, int, str, str]]:
    pairs = [
        (
            "certificate_rows",
            count["rows_read"],
            certificate.rows_read,
            "the certificate counts other rows than the ledger",
            "回执行数与账本不符",
        ),
        (
            "certificate_sum",
            certificate.rows_read,
            certificate.rows_kept + certificate.rows_malformed,
            "kept and malformed rows are not the rows read",
            "保留与畸形之和不等于读取行数",
        ),
        (
            "certificate_malformed",
            count["rows_malformed"],
            certificate.rows_malformed,
            "the certificate counts other malformed rows",
            "回执畸形行数与账本不符",
        ),
        (
            "certificate_bytes",
            count["bytes"],
            certificate.bytes,
            "the certificate counts other bytes than the ledger",
            "回执字节数与账本不符",
        ),
    ]
    parts = (certificate.bytes_bom, certificate.bytes_header, certificate.bytes_rows, certificate.bytes_blank)
    if all(part is not None for part in parts):
        total = sum(part or 0 for part in parts)
        pairs.append(
            (
                "bytes",
                certificate.bytes,
                total,
                "the bytes of header, rows and blank lines are not the file's",
                "表头、数据与空行的字节之和不等于文件字节数",
            )
        )
    return pairs


def _violation(delivery: str, rule: str, expected: int, found: int, message: str, message_zh: str) -> dict[str, Any]:
    return {
        "delivery": delivery,
        "rule": rule,
        "expected": expected,
        "found": found,
        "message": f"{delivery}: {message} ({expected} expected, {found} found)",
        "message_zh": f"{delivery}：{message_zh}（应为 {expected}，实为 {found}）",
    }
