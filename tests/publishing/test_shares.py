"""Deliveries to subscribers: what is delivered, what is stopped, and that full + changes is the newest full, byte for byte."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.load import ContractError
from contracts.model import Table
from contracts.schema import create_table
from publishing import changes, shares, signing
from publishing.subscriptions import load

VISIT = Table.model_validate(
    {
        "name": "visit", "theme": "person", "title": "Visits", "title_zh": "走访", "grain": "one row per visit", "keys": ["visit_no"],
        "steward": "grid office / 网格办", "audiences": ["internal", "public", "restricted"],
        "columns": [
            {"name": "visit_no", "title": "Number", "title_zh": "编号", "class": "public", "required": True},
            {"name": "household_key", "title": "Household", "title_zh": "户"},
            {"name": "street", "title": "Street", "title_zh": "街道", "class": "public"},
            {"name": "people", "type": "integer", "title": "People", "title_zh": "人数", "class": "public"},
            {"name": "visited_on", "type": "date", "title": "Day", "title_zh": "日期", "class": "public"},
            {"name": "cost", "type": "decimal(8,2)", "title": "Cost", "title_zh": "费用", "class": "public"},
            {"name": "note", "title": "Note", "title_zh": "备注"},
            {"name": "name", "title": "Name", "title_zh": "姓名", "class": "personal"},
        ],
    }
)  # fmt: skip
Row = dict[str, Any]
DAY = dt.date(2024, 6, 30)
PSEUDONYM = "abcdefghijklmnopqrstuvwx"


def row(number: int, **given: Any) -> Row:
    return {
        "visit_no": f"V{number}", "household_key": PSEUDONYM, "street": "马田街道", "people": number, "visited_on": DAY, "cost": "1.50",
        "note": "家中无人", "name": "某人", **given,
    }  # fmt: skip


def release(folder: Path, rows: Sequence[Row], day: dt.date = DAY, mark: str = "a") -> shares.Source:
    """A release folder with one table."""
    made = folder / f"{day:%Y%m%d}T235959-{mark}"
    (made / "contracts" / "person").mkdir(parents=True)
    (made / "contracts" / "feed").mkdir()
    (made / "contracts" / "feed" / "visit.json").write_text("{}")
    (made / "contracts" / "person" / "visit.json").write_text(VISIT.model_dump_json(by_alias=True, exclude_defaults=True))
    for audience in ("internal", "restricted"):
        (made / audience).mkdir()
        columns = [column for column in VISIT.columns if audience == "restricted" or column.classification in ("public", "internal")]
        table = VISIT.model_copy(update={"columns": tuple(columns)})
        with duckdb.connect(str(made / audience / "person.duckdb")) as connection:
            connection.execute(create_table(table, "visit"))
            for line in sorted(rows, key=lambda one: one["visit_no"]):
                marks = ", ".join("?" for _ in columns)
                connection.execute(f"INSERT INTO visit VALUES ({marks})", [line[column.name] for column in columns])
    said = {
        "release": made.name,
        "as_of": f"{day}T23:59:59",
        "pseudonym_key": "k",
        "district": {"name": "t", "title": "T", "title_zh": "测"},
    }
    (made / "manifest.json").write_text(json.dumps(said))
    return shares.Source.of(made)


class Town:
    """A house with its log, and the orders of a file that a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: list[dict[str, Any]] = []
        self.house = shares.House(
            folder / "shares", signing.Signer.load(folder / "keys"), b"s" * 32, shares.Receipts(lambda: list(self.log), self.log.append)
        )

    def deliver(self, text: str, source: shares.Source, **options: Any) -> list[shares.Outcome]:
        path = self.folder / "subscriptions.yaml"
        path.write_text(text, encoding="utf-8")
        return shares.deliver_all(load(path), source, self.house, **options)

    def folders(self, subscriber: str, share: str) -> list[Path]:
        return sorted(path for path in (self.folder / "shares" / subscriber / share).iterdir() if not path.name.startswith("."))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def order(subscriber: str = "street_office", clearance: str = "internal", **share: Any) -> str:
    said = {
        "table": "person.visit", "columns": ["visit_no", "household_key", "street", "people", "visited_on", "cost", "note"], "purpose": "follow up",
        "purpose_zh": "跟进", "until": "2027-12-31", **share,
    }  # fmt: skip
    return f"""  {subscriber}:
    title: Office
    title_zh: 办公室
    clearance: {clearance}
    shares:
      visits: {json.dumps(said, ensure_ascii=False)}
"""


def orders(*given: str) -> str:
    return "subscribers:\n" + "".join(given)


def test_a_delivery_holds_data_contract_manifest_signature_and_is_whole(town: Town, tmp_path: Path) -> None:
    (outcome,) = town.deliver(orders(order()), release(tmp_path, [row(1), row(2)]))
    assert outcome.status == "delivered"
    (folder,) = town.folders("street_office", "visits")
    names = {path.name for path in folder.iterdir()}
    assert names == {"visit.parquet", "contract.odcs.yaml", "README.md", "public_key.pem", "manifest.json", "manifest.json.sig"}
    manifest, _ = signing.verify(folder, [town.house.signer.public_pem])
    assert (manifest["rows"], manifest["purpose_zh"], manifest["kind"]) == (2, "跟进", "full")
    assert pq.read_table(folder / "visit.parquet").num_rows == 2


@pytest.mark.parametrize("damage", ["data", "manifest", "signature", "missing"])
def test_a_delivery_that_was_touched_is_not_genuine(town: Town, tmp_path: Path, damage: str) -> None:
    town.deliver(orders(order()), release(tmp_path, [row(1)]))
    copied = tmp_path / "copied"
    shutil.copytree(town.folders("street_office", "visits")[0], copied)
    for path in [copied, *copied.iterdir()]:
        path.chmod(0o755)
    target = {"data": "visit.parquet", "manifest": "manifest.json", "signature": "manifest.json.sig", "missing": "visit.parquet"}[damage]
    if damage == "missing":
        (copied / target).unlink()
    else:
        content = bytearray((copied / target).read_bytes())
        content[len(content) // 2] ^= 1
        (copied / target).write_bytes(bytes(content))
    with pytest.raises(signing.NotGenuine):
        signing.verify(copied, [town.house.signer.public_pem])


def test_another_key_does_not_pass_for_ours(town: Town, tmp_path: Path) -> None:
    town.deliver(orders(order()), release(tmp_path, [row(1)]))
    stranger = signing.Signer.load(tmp_path / "other-keys")
    with pytest.raises(signing.NotGenuine):
        signing.verify(town.folders("street_office", "visits")[0], [stranger.public_pem])


def test_two_subscribers_cannot_join_people_and_one_can_over_time(town: Town, tmp_path: Path) -> None:
    both = orders(order("one"), order("two"))
    town.deliver(both, release(tmp_path, [row(1)]))
    town.deliver(both, release(tmp_path, [row(1), row(2)], DAY + dt.timedelta(days=1)))
    keys = {
        name: {
            key for folder in town.folders(name, "visits") for key in pq.read_table(folder / "visit.parquet")["household_key"].to_pylist()
        }
        for name in ("one", "two")
    }
    assert len(keys["one"]) == len(keys["two"]) == 1
    assert keys["one"] != keys["two"]
    assert PSEUDONYM not in keys["one"] | keys["two"]


def test_a_column_above_the_clearance_stops_that_delivery_alone_and_says_so(town: Town, tmp_path: Path) -> None:
    text = orders(order("one", columns=["visit_no", "name"]), order("two"))
    first, second = town.deliver(text, release(tmp_path, [row(1)]))
    assert (first.status, second.status) == ("stopped", "delivered")
    assert first.problem
    assert "column name is personal, above the subscriber's clearance internal" in first.problem.message
    assert "许可级别" in first.problem.message_zh
    assert not (town.folder / "shares" / "one").exists()
    assert [line["status"] for line in town.log] == ["stopped", "delivered"]


def test_a_purpose_that_has_run_out_stops_the_delivery(town: Town, tmp_path: Path) -> None:
    (outcome,) = town.deliver(orders(order(until="2024-06-29")), release(tmp_path, [row(1)]))
    assert outcome.status == "stopped"
    assert outcome.problem
    assert "ran out on 2024-06-29" in outcome.problem.message


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("street = (SELECT 'x')", "which is no comparison"),
        ("read_text('/etc/hostname') IS NOT NULL", "which is no comparison"),
        ("name = '某人'", "looks at name"),
        ("nothing = 1", "no column of person.visit"),
        ("getenv('HOME') = 'x'", "which is no comparison"),
        ("street = 'x' UNION SELECT 1", "which is no comparison"),
        ("person.visit.street = 'x'", "no column of person.visit"),
        (f"household_key = '{PSEUDONYM}'", "names somebody's pseudonym"),
        ("people", "not true or false"),
        ("people = 1; DROP TABLE visit", "not one condition"),
        ("people =", "no SQL condition"),
    ],
)
def test_a_filter_is_a_condition_over_columns_and_nothing_else(town: Town, tmp_path: Path, condition: str, said: str) -> None:
    (outcome,) = town.deliver(orders(order(filter=condition)), release(tmp_path, [row(1)]))
    assert outcome.status == "stopped"
    assert outcome.problem
    assert said in outcome.problem.message


def test_a_filter_leaves_only_its_rows(town: Town, tmp_path: Path) -> None:
    rows = [row(1), row(2, street="光明街道"), row(3, visited_on=DAY - dt.timedelta(days=40))]
    town.deliver(orders(order(filter="street = '马田街道' AND visited_on > as_of_date - 30")), release(tmp_path, rows))
    (folder,) = town.folders("street_office", "visits")
    assert pq.read_table(folder / "visit.parquet")["visit_no"].to_pylist() == ["V1"]


def test_one_release_is_delivered_once_and_a_weekly_share_waits_for_the_week(town: Town, tmp_path: Path) -> None:
    text = orders(order(every="week"))
    sunday = dt.date(2024, 6, 30)
    source = release(tmp_path, [row(1)], sunday - dt.timedelta(days=1))
    assert [one.status for one in town.deliver(text, source)] == ["delivered"]
    assert [one.status for one in town.deliver(text, source)] == ["already"]
    assert [one.status for one in town.deliver(text, release(tmp_path, [row(2)], sunday))] == ["not_due"]
    assert [one.status for one in town.deliver(text, release(tmp_path, [row(2)], sunday + dt.timedelta(days=1)))] == ["delivered"]


def test_a_delivery_broken_off_before_its_receipt_is_taken_over(town: Town, tmp_path: Path) -> None:
    source = release(tmp_path, [row(1)])
    town.deliver(orders(order()), source)
    town.log.clear()
    (outcome,) = town.deliver(orders(order()), source)
    assert outcome.status == "already"
    assert len(town.folders("street_office", "visits")) == 1
    assert [line["status"] for line in town.log] == ["delivered"]


def test_a_delivery_broken_off_while_written_is_made_anew(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = release(tmp_path, [row(1)])
    with monkeypatch.context() as broken:
        broken.setattr(shares, "odcs_yaml", _fail)
        (outcome,) = town.deliver(orders(order()), source)
    assert outcome.status == "stopped"
    assert [path.name for path in (town.folder / "shares" / "street_office" / "visits").iterdir()] == []
    assert [one.status for one in town.deliver(orders(order()), source)] == ["delivered"]


def _fail(*_: object) -> str:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("form", ["csv", "excel"])
def test_no_text_becomes_a_formula_in_a_spreadsheet(town: Town, tmp_path: Path, form: str) -> None:
    town.deliver(
        orders(order(form=form)), release(tmp_path, [row(1, note='=HYPERLINK("http://x")'), row(2, note="@SUM(1)"), row(3, note="-5")])
    )
    (folder,) = town.folders("street_office", "visits")
    path = next(path for path in folder.iterdir() if path.suffix in (".csv", ".xlsx"))
    if form == "csv":
        text = path.read_text(encoding="utf-8-sig")
        notes = [line.rsplit(",", 1)[1] for line in text.splitlines()[1:]]
        assert all(not note.strip('"').startswith(("=", "@")) for note in notes)
        return
    import openpyxl

    sheet = openpyxl.load_workbook(path).worksheets[0]
    cells = [cell for line in sheet.iter_rows() for cell in line]
    assert all(cell.data_type != "f" for cell in cells)


def test_changes_without_the_key_are_refused(town: Town, tmp_path: Path) -> None:
    (outcome,) = town.deliver(orders(order(mode="changes", columns=["street"])), release(tmp_path, [row(1)]))
    assert outcome.status == "stopped"
    assert outcome.problem
    assert "visit_no is not among the columns" in outcome.problem.message


def test_changes_are_rows_inserted_updated_and_deleted(town: Town, tmp_path: Path) -> None:
    text = orders(order(mode="changes"))
    town.deliver(text, release(tmp_path, [row(1), row(2), row(3)]))
    town.deliver(text, release(tmp_path, [row(1), row(2, note="已入户"), row(4)], DAY + dt.timedelta(days=1)))
    found = pq.read_table(town.folders("street_office", "visits")[1] / "visit.changes.parquet")
    assert sorted(zip(found["_change"].to_pylist(), found["visit_no"].to_pylist(), strict=True)) == [
        ("delete", "V3"), ("insert", "V4"), ("update", "V2"),
    ]  # fmt: skip


def test_a_row_that_leaves_the_filter_is_a_deletion(town: Town, tmp_path: Path) -> None:
    text = orders(order(mode="changes", filter="street = '马田街道'"))
    town.deliver(text, release(tmp_path, [row(1), row(2)]))
    town.deliver(text, release(tmp_path, [row(1), row(2, street="光明街道")], DAY + dt.timedelta(days=1)))
    found = pq.read_table(town.folders("street_office", "visits")[1] / "visit.changes.parquet")
    assert (found["_change"].to_pylist(), found["visit_no"].to_pylist()) == (["delete"], ["V2"])


def test_changes_that_do_not_follow_are_refused(town: Town, tmp_path: Path) -> None:
    text = orders(order(mode="changes"))
    for number in range(3):
        town.deliver(text, release(tmp_path, [row(1, people=number)], DAY + dt.timedelta(days=number)))
    first, _, third = town.folders("street_office", "visits")
    with pytest.raises(changes.DoesNotFit, match="name all deliveries since the full one"):
        changes.apply(first, [third], tmp_path / "out.parquet", [town.house.signer.public_pem])
    assert not (tmp_path / "out.parquet").exists()


_values = st.fixed_dictionaries(
    {
        "household_key": st.sampled_from([None, PSEUDONYM, "bcdefghijklmnopqrstuvwxy"]),
        "street": st.sampled_from([None, "马田街道", "光明街道", ""]),
        "people": st.sampled_from([None, 0, 1, -3]),
        "cost": st.sampled_from([None, "0.00", "12.34"]),
        "note": st.sampled_from([None, "", "=1+1", "'=x", "a\nb", '逗号,引号"', "\ufeff", "-5"]),
    }
)
_states = st.dictionaries(st.integers(0, 6), _values, max_size=6)


@pytest.mark.parametrize("form", ["parquet", "csv", "excel"])
@settings(max_examples=15)
@given(states=st.lists(_states, min_size=2, max_size=4))
def test_full_and_all_changes_are_the_newest_full_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, form: str, states: list[dict[int, Row]]
) -> None:
    folder = tmp_path_factory.mktemp("property")
    town = Town(folder)
    both = orders(order("whole", form=form), order("changed", form=form, mode="changes"))
    both = both.replace("  changed:", "  whole_not:")
    for number, state in enumerate(states):
        rows = [row(key, **values) for key, values in state.items()]
        outcomes = town.deliver(both, release(folder, rows, DAY + dt.timedelta(days=number)))
        assert {one.status for one in outcomes} == {"delivered"}
    newest = _decoded(town, folder, "whole", form)
    line = town.folders("whole_not", "visits")
    output = folder / "newest"
    changes.apply(line[0], line[1:], output, [town.house.signer.public_pem])
    # Pseudonyms differ by subscriber, so the same subscriber's next full delivery is the one to compare with.
    town.deliver(both, release(folder, rows, DAY + dt.timedelta(days=len(states) - 1), mark="b"), full=True)
    full = town.folders("whole_not", "visits")[-1]
    assert output.read_bytes() == (full / json.loads((full / "manifest.json").read_text())["data"]).read_bytes()
    assert newest == len(rows)


def _decoded(town: Town, folder: Path, subscriber: str, form: str) -> int:
    last = town.folders(subscriber, "visits")[-1]
    return int(json.loads((last / "manifest.json").read_text())["rows"])


def test_raising_the_series_gives_new_pseudonyms_and_begins_anew(town: Town, tmp_path: Path) -> None:
    text = orders(order(mode="changes"))
    town.deliver(text, release(tmp_path, [row(1)]))
    raised = text.replace("    clearance: internal", "    clearance: internal\n    pseudonym_series: 2")
    town.deliver(raised, release(tmp_path, [row(1)], DAY + dt.timedelta(days=1)))
    first, second = town.folders("street_office", "visits")
    keys = [pq.read_table(path / "visit.parquet")["household_key"].to_pylist() for path in (first, second)]
    assert keys[0] != keys[1]


def test_after_the_signing_key_is_rotated_old_and_new_deliveries_verify_with_the_known_keys(town: Town, tmp_path: Path) -> None:
    town.deliver(orders(order()), release(tmp_path, [row(1)]))
    fresh = signing.rotate(tmp_path / "keys")
    assert fresh.fingerprint != town.house.signer.fingerprint
    known = signing.known_keys(tmp_path / "keys")
    signing.verify(town.folders("street_office", "visits")[0], known)
    newer = shares.House(town.house.shares, fresh, town.house.secret, town.house.receipts)
    shares.deliver_all(load(tmp_path / "subscriptions.yaml"), release(tmp_path, [row(2)], DAY + dt.timedelta(days=1)), newer)
    signing.verify(town.folders("street_office", "visits")[1], known)


def test_after_the_pseudonym_key_is_rotated_changes_begin_anew_and_nobody_can_be_joined(town: Town, tmp_path: Path) -> None:
    text = orders(order(mode="changes"))
    town.deliver(text, release(tmp_path, [row(1)]))
    rotated = shares.House(town.house.shares, town.house.signer, b"t" * 32, town.house.receipts)
    newer = release(tmp_path, [row(1)], DAY + dt.timedelta(days=1))
    (outcome,) = shares.deliver_all(load(tmp_path / "subscriptions.yaml"), newer, rotated)
    assert outcome.receipt
    assert outcome.receipt["kind"] == "full"
    first, second = (pq.read_table(path / "visit.parquet")["household_key"].to_pylist() for path in town.folders("street_office", "visits"))
    assert set(first).isdisjoint(second)


def test_a_delivery_signed_before_a_rotation_and_broken_off_is_taken_over(town: Town, tmp_path: Path) -> None:
    source = release(tmp_path, [row(1)])
    town.deliver(orders(order()), source)
    town.log.clear()
    fresh = signing.rotate(tmp_path / "keys")
    house = shares.House(
        town.house.shares, fresh, town.house.secret, town.house.receipts, former_keys=signing.known_keys(tmp_path / "keys")
    )
    (outcome,) = shares.deliver_all(load(tmp_path / "subscriptions.yaml"), source, house)
    assert outcome.status == "already"
    assert [line["status"] for line in town.log] == ["delivered"]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from publishing import shares, signing
from publishing.subscriptions import load

folder = Path(sys.argv[1])
at = sys.argv[4]
real = getattr(shares, at)

def kill(*words, **named):
    if at == "_record":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*words, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(shares, at, kill)
house = shares.House(folder / "shares", signing.Signer.load(folder / "keys"), b"s" * 32, shares.Receipts(list, lambda row: None))
shares.deliver_all(load(folder / "subscriptions.yaml"), shares.Source.of(Path(sys.argv[2])), house)
"""


@pytest.mark.parametrize("at", ["_fill", "_keep_state", "_seal", "_record"])
def test_a_process_killed_at_any_step_leaves_nothing_half_done_and_the_next_run_mends_it(town: Town, tmp_path: Path, at: str) -> None:
    source = release(tmp_path, [row(1), row(2)])
    (tmp_path / "subscriptions.yaml").write_text(orders(order(mode="changes")), encoding="utf-8")
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(source.folder), root, at], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for folder in town.folders("street_office", "visits"):
        signing.verify(folder, [town.house.signer.public_pem])
    town.deliver(orders(order(mode="changes")), source)
    (folder,) = (tmp_path / "shares" / "street_office" / "visits").iterdir()
    signing.verify(folder, [town.house.signer.public_pem])
    assert [line["status"] for line in town.log] == ["delivered"]
    (outcome,) = town.deliver(orders(order(mode="changes")), release(tmp_path, [row(1)], DAY + dt.timedelta(days=1)))
    assert outcome.receipt
    assert (outcome.receipt["kind"], outcome.receipt["deleted"]) == ("changes", 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("purpose:", "purpos:"), "purpos"),
        (lambda text: text.replace('"until": "2027-12-31"', '"until": "soon"'), "until"),
        (lambda text: text.replace("clearance: internal", "clearance: all"), "clearance"),
        (lambda text: text.replace('"visit_no", "household_key"', '"visit_no", "visit_no"'), "columns named twice: visit_no"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, change: Callable[[str], str], said: str) -> None:
    path = tmp_path / "subscriptions.yaml"
    path.write_text(change(orders(order(columns=["visit_no", "household_key"])).replace('"purpose"', "purpose")), encoding="utf-8")
    with pytest.raises(ContractError, match=r"subscriptions.yaml:\d+") as wrong:
        load(path)
    assert said in str(wrong.value)
    assert "remedy" in str(wrong.value)
