"""Stage 1: landing → `raw.<feed>`. Takes in every outstanding delivery and writes its certificate into the ledger.

Belongs here: the order of things (plan, read, write, record). Not here: reading a file (`sources`), keeping it (`warehouse.lake`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import polars as pl
import pyarrow as pa

from assets import ledger
from assets.workplace import Workplace
from contracts.delivery import Certificate, Delivery, Problem
from quality.clean import mapping_fingerprint
from sources import intake as reading
from sources import landing
from sources.drift import drift
from sources.landing import Outstanding

GROUP_BYTES = 256 * 1024 * 1024
"""Deliveries of one feed are committed together up to this size: a commit costs about 20 ms, whatever it holds."""


def plan(workplace: Workplace) -> Outstanding:
    """Compare the landing folder with the ledger. Cheap where nothing changed: sizes and times are looked at, not contents."""
    recorded = ledger.current(workplace.lake, ledger.INTAKE, ledger.INTAKE_SCHEMA)
    landed = landing.scan(workplace.home.landing, workplace.district)
    prints = {feed: mapping_fingerprint(workplace.contracts[feed], workplace.mapping(feed)) for feed in workplace.district.feeds}
    todo = landing.outstanding(landed, recorded.to_arrow(), workplace.redo, prints)
    if workplace.only:
        todo.deliveries = [delivery for delivery in todo.deliveries if workplace.concerns(delivery.id)]
        todo.unchanged = [delivery for delivery in todo.unchanged if workplace.concerns(delivery.id)]
        todo.withdrawn = [delivery for delivery in todo.withdrawn if workplace.concerns(delivery.id)]
    return todo


def by_feed(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    """Deliveries by feed, in the order given."""
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        found.setdefault(delivery.feed, []).append(delivery)
    return found


def _groups(deliveries: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    group: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        if group and size + delivery.bytes > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(delivery)
        size += delivery.bytes
    if group:
        yield group


def take_in(workplace: Workplace, feed: str, deliveries: list[Delivery], mtimes: Mapping[str, int]) -> list[tuple[Delivery, Certificate]]:
    """Read deliveries of one feed into `raw.<feed>`, group by group, each group in one commit followed by its ledger rows.

    `mtimes` (delivery → ns) are the files' times when they were fingerprinted, so that a later change is noticed.
    """
    done: list[tuple[Delivery, Certificate]] = []
    versions = _next_versions(workplace)
    former = _former_certificates(workplace, feed, deliveries)
    for group in _groups(deliveries):
        certificates: list[Certificate] = []
        tables: list[pa.Table] = []
        halted: list[str] = []
        for delivery in group:
            read = reading.read(delivery, workplace.contracts[feed], workplace.mapping(feed))
            batches = [pa.Table.from_batches([batch]) for batch in read.batches]
            certificate = read.certificate()
            changes = _drift(certificate, _like(former, delivery.id))
            stops = workplace.mapping(feed).drift == "stop" and any(problem.kind == "column_gone" for problem in changes)
            if stops:
                changes = [_stopping(problem) for problem in changes]
            certificate = certificate.model_copy(update={"problems": (*certificate.problems, *changes)})
            stopped = read.stopped
            if stops:
                stopped, certificate = True, _halted(certificate)
            # A file that turned out unreadable half way has given batches by then: none of them may stay.
            tables += batches if certificate.status == "read" else []
            certificates.append(certificate)
            halted += [delivery.id] if stopped else []
            if certificate.status == "read":
                former[_series(delivery.id)] = certificate
            workplace.progress("intake", feed, len(done) + len(certificates), len(deliveries))
        # Files of one group may have different columns: align them, the lake merges new ones in.
        data = pa.concat_tables(tables, promote_options="default") if tables else None
        workplace.lake.replace(f"raw/{feed}", data, column="_delivery", values=[delivery.id for delivery in group], merge_schema=True)
        ledger.record(
            workplace.lake,
            ledger.INTAKE,
            ledger.INTAKE_SCHEMA,
            (
                {
                    **ledger.delivery_row(delivery, certificate, versions.get(delivery.id, 1), _status(certificate, delivery.id in halted)),
                    "mtime_ns": mtimes.get(delivery.id),
                    "mapping_fingerprint": mapping_fingerprint(workplace.contracts[feed], workplace.mapping(feed)),
                }
                for delivery, certificate in zip(group, certificates, strict=True)
            ),
        )
        done += zip(group, certificates, strict=True)
    return done


def _former_certificates(workplace: Workplace, feed: str, deliveries: list[Delivery]) -> dict[str, Certificate]:
    """The certificates of the feed's last deliveries before these, one for each series of file names, to see drift against."""
    if not deliveries:
        return {}
    first = min(delivery.day for delivery in deliveries)
    recorded = ledger.current(workplace.lake, ledger.INTAKE, ledger.INTAKE_SCHEMA)
    before = recorded.filter((pl.col("feed") == feed) & (pl.col("day") < first) & (pl.col("status") == "accepted")).sort("day", "delivery")
    series = [_series(delivery) for delivery in before["delivery"]]
    last = dict(zip(series, before["certificate"], strict=True))  # the later one of a series wins
    return {name: Certificate.model_validate_json(certificate) for name, certificate in last.items()}


def _series(delivery: str) -> str:
    """What the files of one source system have in common: the file's name without its digits."""
    return re.sub(r"\d+", "", delivery.rpartition("/")[2]).casefold()


def _like(former: Mapping[str, Certificate], delivery: str) -> Certificate | None:
    """The certificate to compare with: of the same series; the feed's only series where the files were renamed; none where another system delivers."""
    return former.get(_series(delivery)) or (next(iter(former.values())) if len(former) == 1 else None)


def _drift(now: Certificate, former: Certificate | None) -> list[Problem]:
    return drift(now, former) if former is not None and now.status == "read" else []


def _stopping(problem: Problem) -> Problem:
    """A change that stops the delivery by the district's policy says so."""
    if problem.kind != "column_gone":
        return problem
    return problem.model_copy(
        update={
            "severity": "error",
            "message": f"{problem.message} (delivery refused)",
            "message_zh": f"{problem.message_zh}（拒收本批）",
            "remedy": "have the columns delivered again, or set drift to accept in district.yaml, and run `govlake quarantine retry`",
            "remedy_zh": "请补齐这些列，或在 district.yaml 中将 drift 设为 accept，然后运行 govlake quarantine retry",
        }
    )


def _halted(certificate: Certificate) -> Certificate:
    """A delivery of which nothing is taken in although it can be read: the district's policy on drift says so."""
    return certificate.model_copy(update={"status": "unreadable", "rows_read": 0, "rows_kept": 0, "rows_malformed": 0})


def _status(certificate: Certificate, stopped: bool) -> str:
    return "stopped" if stopped else "accepted" if certificate.status == "read" else "unreadable"


def record_unchanged(workplace: Workplace, todo: Outstanding) -> None:
    """Record deliveries that bring the bytes of the date before, and take away rows that they had as content until now."""
    if not todo.unchanged:
        return
    for feed, withdrawn in by_feed(todo.withdrawn).items():
        workplace.lake.replace(f"raw/{feed}", None, column="_delivery", values=[delivery.id for delivery in withdrawn])
    versions = _next_versions(workplace)
    ledger.record(
        workplace.lake,
        ledger.INTAKE,
        ledger.INTAKE_SCHEMA,
        (
            {**ledger.delivery_row(delivery, None, versions.get(delivery.id, 1), "unchanged"), "mtime_ns": todo.mtimes.get(delivery.id)}
            for delivery in todo.unchanged
        ),
    )


def _next_versions(workplace: Workplace) -> dict[str, int]:
    """The version that a delivery gets when it is recorded now: one more than the ledger holds; 1 where it holds none."""
    recorded = ledger.current(workplace.lake, ledger.INTAKE, ledger.INTAKE_SCHEMA)
    return {name: version + 1 for name, version in zip(recorded["delivery"], recorded["version"], strict=True)}
