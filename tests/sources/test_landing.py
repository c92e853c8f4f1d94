"""What lies in the landing folder, and what of it is still to be taken in."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from contracts.district import District, FeedMapping
from sources import landing
from sources.landing import Outstanding, outstanding, scan


def district(**feeds: FeedMapping) -> District:
    return District(name="somewhere", title="Somewhere", title_zh="某地", grammar="mainland", feeds=feeds or {"ticket": FeedMapping()})


def put(root: Path, name: str, content: bytes = b"a,b\n1,2\n", age: float = 60) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
    return path


def ledger(result: Outstanding, former: pa.Table | None = None) -> pa.Table:
    rows = former.to_pylist() if former else []
    for status, listed in (("accepted", result.deliveries), ("unchanged", result.unchanged)):
        for delivery in listed:
            version = 1 + sum(row["delivery"] == delivery.id for row in rows)
            rows.append(
                {
                    "delivery": delivery.id, "feed": delivery.feed, "date": delivery.date, "file": delivery.file, "bytes": delivery.bytes,
                    "sha256": delivery.sha256, "status": status, "version": version, "mtime_ns": result.mtimes[delivery.id],
                }
            )  # fmt: skip
    return pa.Table.from_pylist(rows)


def names(result: Outstanding) -> list[str]:
    return [delivery.id for delivery in result.deliveries]


def test_a_second_run_has_nothing_to_do_and_hashes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "ticket/2024-03/a.csv")
    first = outstanding(scan(tmp_path, district()), None)
    assert names(first) == ["ticket/2024-03/a.csv"]
    monkeypatch.setattr(landing, "fingerprint", lambda path: pytest.fail("hashed again"))
    second = outstanding(scan(tmp_path, district()), ledger(first))
    assert (second.deliveries, second.unchanged, second.seen) == ([], [], 1)


def test_a_touched_file_is_seen_and_a_changed_one_replaces(tmp_path: Path) -> None:
    path = put(tmp_path, "ticket/2024-03/a.csv")
    known = ledger(outstanding(scan(tmp_path, district()), None))
    os.utime(path, (1, 1))
    assert outstanding(scan(tmp_path, district()), known).deliveries == []
    put(tmp_path, "ticket/2024-03/a.csv", b"a,b\n3,4\n")
    again = outstanding(scan(tmp_path, district()), known)
    assert names(again) == ["ticket/2024-03/a.csv"]
    assert [problem.kind for problem in again.problems] == ["delivery_replaced"]


def test_the_same_bytes_on_the_next_date_are_unchanged_but_not_after_others(tmp_path: Path) -> None:
    put(tmp_path, "ticket/2024-01/a.csv", b"x")
    put(tmp_path, "ticket/2024-02/a.csv", b"x")
    put(tmp_path, "ticket/2024-03/a.csv", b"y")
    put(tmp_path, "ticket/2024-04/a.csv", b"x")
    result = outstanding(scan(tmp_path, district()), None)
    assert names(result) == ["ticket/2024-01/a.csv", "ticket/2024-03/a.csv", "ticket/2024-04/a.csv"]
    assert [delivery.id for delivery in result.unchanged] == ["ticket/2024-02/a.csv"]


def test_an_earlier_delivery_that_arrives_late_takes_over_from_its_later_twin(tmp_path: Path) -> None:
    put(tmp_path, "ticket/2024-02/a.csv", b"x")
    known = ledger(outstanding(scan(tmp_path, district()), None))
    put(tmp_path, "ticket/2024-01/a.csv", b"x")
    result = outstanding(scan(tmp_path, district()), known)
    assert names(result) == ["ticket/2024-01/a.csv"]
    assert [delivery.id for delivery in result.withdrawn] == ["ticket/2024-02/a.csv"]
    known = ledger(result, known)
    put(tmp_path, "ticket/2024-02-15/a.csv", b"y")
    assert names(outstanding(scan(tmp_path, district()), known)) == ["ticket/2024-02-15/a.csv", "ticket/2024-02/a.csv"]


def test_the_ledger_stands_in_for_files_that_were_taken_away(tmp_path: Path) -> None:
    path = put(tmp_path, "ticket/2024-01/a.csv", b"x")
    known = ledger(outstanding(scan(tmp_path, district()), None))
    path.unlink()
    put(tmp_path, "ticket/2024-02/a.csv", b"x")
    assert [delivery.id for delivery in outstanding(scan(tmp_path, district()), known).unchanged] == ["ticket/2024-02/a.csv"]


def test_a_file_without_its_marker_waits(tmp_path: Path) -> None:
    where = district(ticket=FeedMapping(ready_marker=".ok"))
    put(tmp_path, "ticket/2024-03/a.csv")
    assert outstanding(scan(tmp_path, where), None).waiting == ["ticket/2024-03/a.csv"]
    put(tmp_path, "ticket/2024-03/a.csv.ok", b"")
    assert names(outstanding(scan(tmp_path, where), None)) == ["ticket/2024-03/a.csv"]


def test_a_growing_file_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "ticket/2024-03/a.csv", age=0)
    put(tmp_path, "ticket/2024-03/b.csv")
    monkeypatch.setattr(landing.time, "sleep", lambda seconds: path.write_bytes(b"a,b\n1,2\n3,4\n"))
    result = outstanding(scan(tmp_path, district()), None)
    assert result.waiting == ["ticket/2024-03/a.csv"]
    assert names(result) == ["ticket/2024-03/b.csv"]


def test_links_special_files_odd_names_and_strangers_are_refused_with_a_reason(tmp_path: Path) -> None:
    secret = put(tmp_path / "elsewhere", "secret.csv")
    root = tmp_path / "landing"
    put(root, "ticket/2024-03/good.csv")
    (root / "ticket/2024-03/link.csv").symlink_to(secret)
    (root / "ticket/2024-04").symlink_to(secret.parent)
    (root / "linked").symlink_to(secret.parent)
    os.mkfifo(root / "ticket/2024-03/pipe.csv")
    put(root, "ticket/2024-03/with\nline end.csv")
    put(root, "ticket/2024-03/back\\slash.csv")
    put(root, "ticket/2024-03/folder/inside.csv")
    put(root, "ticket/2024-13/bad month.csv")
    put(root, "ticket/loose.csv")
    put(root, "taxi/2024-03/a.csv")
    put(root, "loose.csv")
    result = outstanding(scan(root, district()), None)
    assert names(result) == ["ticket/2024-03/good.csv"]
    assert len(result.problems) == 11
    assert all(problem.remedy and problem.remedy_zh and problem.message.isprintable() for problem in result.problems)


def test_editors_and_systems_files_are_ignored_and_counted(tmp_path: Path) -> None:
    for name in ("~$a.xlsx", ".DS_Store", "a.csv.part", "b.tmp", ".hidden", "Thumbs.db"):
        put(tmp_path, f"ticket/2024-03/{name}")
    result = outstanding(scan(tmp_path, district()), None)
    assert (result.deliveries, result.problems, result.ignored) == ([], [], 6)


def test_redo_names_a_delivery_a_date_or_a_feed(tmp_path: Path) -> None:
    put(tmp_path, "ticket/2024-03/a.csv", b"x")
    put(tmp_path, "ticket/2024-03/b.csv", b"y")
    known = ledger(outstanding(scan(tmp_path, district()), None))
    for redo, count in (("ticket/2024-03/a.csv", 1), ("ticket/2024-03", 2), ("ticket", 2)):
        assert len(outstanding(scan(tmp_path, district()), known, [redo]).deliveries) == count
    assert [problem.kind for problem in outstanding(scan(tmp_path, district()), known, ["ticket/1999"]).problems] == ["redo_unknown"]


def test_a_changed_mapping_makes_a_delivery_due_again(tmp_path: Path) -> None:
    put(tmp_path, "ticket/2024-03/a.csv")
    known = ledger(outstanding(scan(tmp_path, district()), None))
    known = known.append_column("mapping_fingerprint", pa.array(["aaaa-bbbb"]))
    landed = scan(tmp_path, district())
    assert outstanding(landed, known, fingerprints={"ticket": "aaaa-bbbb"}).reclean == []
    assert outstanding(landed, known, fingerprints={"ticket": "aaaa-cccc"}).reclean == ["ticket/2024-03/a.csv"]
    assert names(outstanding(landed, known, fingerprints={"ticket": "dddd-bbbb"})) == ["ticket/2024-03/a.csv"]
