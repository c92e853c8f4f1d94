"""The demo city's deliveries: the same for the same seed, readable under their contracts, and in agreement with the truth beside them."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from python_calamine import CalamineWorkbook
from stdnum.cn import ric, uscc

from contracts.district import contract_of, load_district
from sources.demo import DemoSummary, reports, world, write_deliveries

DEMO = Path(__file__).parents[2] / "districts" / "demo"
NEW_COLUMN = "紧急程度"
SIZE = {"tickets": 600, "people": 400, "days": 45}


@dataclass(frozen=True)
class City:
    landing: Path
    truth_folder: Path
    summary: DemoSummary

    def truth(self, table: str) -> pl.DataFrame:
        return pl.read_parquet(self.truth_folder / f"{table}.parquet")

    def files(self, feed: str) -> list[Path]:
        return sorted(path for path in (self.landing / feed).rglob("*") if path.is_file())


def write_city(folder: Path, **changes: int) -> City:
    summary = write_deliveries(folder / "landing", folder / "truth", end=dt.date(2024, 6, 30), **{"seed": 1, **SIZE, **changes})
    return City(folder / "landing", folder / "truth", summary)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return write_city(tmp_path_factory.mktemp("city"))


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def text_of(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", errors="replace")


def lines_of(path: Path) -> list[list[str]]:
    text = text_of(path)
    head = text.split("\n", 1)[0]
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=next(mark for mark in "\t;," if mark in head)))


def table_of(path: Path) -> pl.DataFrame:
    """A delivered file as text columns; rows whose fields don't fit are left out."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).cast(pl.String)
    if path.suffix == ".jsonl":
        return pl.read_ndjson(path, infer_schema_length=None).cast(pl.String)
    if path.suffix == ".xlsx":
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
        return pl.DataFrame([[str(cell) for cell in row] for row in sheet[1:]], schema=[str(cell) for cell in sheet[0]], orient="row")
    head, *rows = lines_of(path)
    return pl.DataFrame([row for row in rows if len(row) == len(head)], schema=head, orient="row")


def feed_table(city: City, feed: str) -> pl.DataFrame:
    """All rows of a feed under the names of its contract."""
    contract = contract_of(load_district(DEMO), feed)
    known = {header: column.name for column in contract.columns for header in (column.name, column.title_zh, *column.headers)}
    tables = [table_of(path) for path in city.files(feed)]
    return pl.concat([table.rename(known, strict=False) for table in tables], how="diagonal")


def test_the_same_seed_gives_the_same_bytes(city: City, tmp_path: Path) -> None:
    again = write_city(tmp_path)
    assert digest(again.landing) == digest(city.landing)
    assert digest(again.truth_folder) == digest(city.truth_folder)


def test_another_seed_gives_another_city(city: City, tmp_path: Path) -> None:
    other = digest(write_city(tmp_path, seed=2).landing)
    mine = digest(city.landing)
    assert not {name for name in mine if mine[name] == other.get(name)}


def test_the_number_of_tickets_changes_no_register(city: City, tmp_path: Path) -> None:
    fewer = digest(write_city(tmp_path, tickets=200).landing)
    registers = ("address_register", "household", "enterprise", "facility", "device", "device_reading", "visit")
    mine = {name: value for name, value in digest(city.landing).items() if name.startswith(registers)}
    assert mine == {name: value for name, value in fewer.items() if name.startswith(registers)}


def test_chunks_don_t_change_what_a_chunk_says(monkeypatch: pytest.MonkeyPatch, city: City, tmp_path: Path) -> None:
    monkeypatch.setattr(reports, "MATTERS_A_CHUNK", 100)
    parts = write_city(tmp_path)
    assert parts.summary.records["ticket"] == city.summary.records["ticket"]
    assert digest(parts.landing / "household") == digest(city.landing / "household")


@pytest.mark.parametrize("feed", sorted(load_district(DEMO).feeds))
def test_each_header_is_accepted_by_the_contract(city: City, feed: str) -> None:
    contract = contract_of(load_district(DEMO), feed)
    known = {header: column.name for column in contract.columns for header in (column.name, column.title_zh, *column.headers)}
    for path in city.files(feed):
        headers = [header for header in table_of(path).columns if header != NEW_COLUMN]
        fed = [known[header] for header in headers]
        assert len(fed) == len(set(fed)), path.name
        assert {column.name for column in contract.columns if column.required} <= set(fed), path.name


def test_as_many_tickets_as_asked_for(city: City) -> None:
    assert city.summary.records["ticket"] == 600
    assert feed_table(city, "ticket")["ticket_no"].n_unique() >= 590
    assert city.truth("matter").filter(pl.col("feed") == "ticket")["record_key"].n_unique() == 600


def test_formats_and_encodings_of_offices_are_there(city: City) -> None:
    assert {path.suffix for feed in load_district(DEMO).feeds for path in city.files(feed)} == {".csv", ".xlsx", ".jsonl", ".parquet"}
    tickets = [path.read_bytes()[:3] for path in city.files("ticket")]
    assert b"\xef\xbb\xbf" in tickets
    assert any(head != b"\xef\xbb\xbf" for head in tickets)
    heads = [text_of(path).split("\n", 1)[0] for path in city.files("ticket")]
    assert any(NEW_COLUMN in head for head in heads)
    assert any("来电号码" in head for head in heads)
    assert any("联系电话" in head for head in heads)
    dates = {path.parent.name for path in city.files("ticket")}
    assert "2024-05-31" in dates or "2024-05" in dates
    assert "2024-06-30" in dates


def test_a_whole_file_comes_twice(city: City) -> None:
    values = [hashlib.sha256(path.read_bytes()).hexdigest() for path in city.files("grid_event")]
    assert len(values) - len(set(values)) == 1


def test_damaged_rows_are_where_the_truth_says(city: City) -> None:
    damaged = city.truth("damaged_row")
    assert len(damaged) > 5
    for (delivery,), rows in damaged.group_by("delivery"):
        text = text_of(city.landing / str(delivery))
        # By line, as DESIGN counts rows of text files: the first line is 1.
        lines = text.split("\r\n")
        numbered, number = {}, 1
        for line in lines:
            numbered[number] = line
            number += 1 + line.count("\n")
        width = len(next(csv.reader([numbered[1]])))
        for row in rows.iter_rows(named=True):
            fields = next(csv.reader([numbered[row["row"]]]))
            assert fields[0] == row["record_key"]
            assert len(fields) == (width + 1 if row["kind"] == "extra_field" else width)


def test_places_name_registered_addresses(city: City) -> None:
    register = feed_table(city, "address_register").unique("address_code", keep="last").select("address_code", "full_address")
    places = city.truth("place")
    assert places["true_address_code"].null_count() == 0
    assert set(places["address_code"].drop_nulls()) <= set(register["address_code"])
    tickets = feed_table(city, "ticket").unique("ticket_no", keep="first").select(record_key="ticket_no", address="address")
    whole = (
        places.filter(pl.col("feed") == "ticket", pl.col("damage") == "full")
        .join(register, on="address_code")
        .join(tickets, on="record_key")
    )
    assert len(whole) > 20
    plain = whole["address"].str.replace(r"[室房]$", "")
    assert (plain == whole["full_address"]).all()


def test_texts_that_name_less_say_so(city: City) -> None:
    places = city.truth("place")
    by = {(row["damage"], row["outcome"]) for row in places.select("damage", "outcome").unique().iter_rows(named=True)}
    assert ("no_address", "no_address") in by
    assert {outcome for damage, outcome in by if damage in ("absent_number", "absent_room")} <= {"not_in_register", "ambiguous"}
    assert {outcome for damage, outcome in by if damage in ("road_only", "community_only")} == {"partial"}
    rooms = places.filter(pl.col("damage") == "relation")["level"]
    assert "room" not in rooms


def test_planted_details_stand_in_the_text(city: City) -> None:
    planted = city.truth("planted")
    assert set(planted["kind"]) == {"name", "phone", "id_number", "door"}
    for feed, key, field in (("ticket", "ticket_no", "body"), ("grid_event", "event_no", "description"), ("visit", "visit_no", "note")):
        texts = feed_table(city, feed).unique(key, keep="first").select(record_key=key, said=field)
        mine = planted.filter(pl.col("feed") == feed).join(texts, on="record_key")
        # In a shifted row the text ends at the comma that was not quoted.
        whole = mine.filter(~pl.col("record_key").is_in(city.truth("damaged_row")["record_key"].implode()))
        assert len(whole) > 5
        assert whole.select(pl.col("said").str.contains(pl.col("text"), literal=True).all()).item()


def test_people_of_the_register_are_the_truth_s(city: City) -> None:
    people = city.truth("person").filter(pl.col("feed") == "household")
    assert all(ric.is_valid(number) for number in people["id_number"])
    assert people.group_by("person").agg(pl.col("id_number").n_unique())["id_number"].max() == 1
    register = feed_table(city, "household").with_columns(record_key=pl.concat_str("household_no", "member_no", separator="|"))
    sound = people.filter(pl.col("id_damage") == "none").join(register.unique("record_key", keep="last"), on="record_key", suffix="_told")
    assert (sound["id_number"] == sound["id_number_told"]).all()
    assert all(number[4:6] == "00" for number in people["id_number"])


def test_credit_codes_are_valid_unless_damaged(city: City) -> None:
    codes = feed_table(city, "enterprise")["credit_code"]
    assert 0.9 < sum(uscc.is_valid(code) and code.isupper() for code in codes) / len(codes) <= 1


def test_matters_have_reports_of_all_sorts(city: City) -> None:
    matters = city.truth("matter")
    assert set(matters["repeat"]) == {"first", "same_caller", "exact_duplicate", "other_caller"}
    assert set(matters["feed"]) == {"ticket", "grid_event", "petition", "hazard"}
    several = matters.group_by("matter").agg(pl.len(), pl.col("feed").n_unique().alias("feeds"))
    assert several.filter(pl.col("len") > 1, pl.col("feeds") > 1).height > 3
    tickets = feed_table(city, "ticket").unique("ticket_no", keep="first")
    copies = matters.filter(pl.col("feed") == "ticket", pl.col("repeat") == "exact_duplicate").join(
        tickets, left_on="record_key", right_on="ticket_no"
    )
    originals = matters.filter(pl.col("feed") == "ticket", pl.col("repeat") != "exact_duplicate").join(
        tickets, left_on="record_key", right_on="ticket_no"
    )
    assert copies.join(originals, on=["matter", "title", "body", "caller_phone"], how="semi").height >= 0.9 * copies.height


def test_ways_through_a_flow_are_legal_unless_the_truth_says_otherwise(city: City) -> None:
    with (DEMO / "flow.csv").open(encoding="utf-8") as lines:
        legal = {(row["flow"], row["from_status"], row["to_status"]) for row in csv.DictReader(lines)}
    events = feed_table(city, "grid_event").unique(["event_no", "status_time", "status"])
    codes = {form: code for code, forms in contract_of(load_district(DEMO), "grid_event").column("status").codes.items() for form in forms}
    illegal = set(city.truth("illegal_flow").filter(pl.col("feed") == "grid_event")["record_key"])
    for (key,), rows in events.sort("event_no", "status_time").group_by("event_no", maintain_order=True):
        ways = ["start", *(codes[status] for status in rows["status"])]
        good = all(("grid_event", one, two) in legal for one, two in pairwise(ways))
        assert good or key in illegal


def test_registers_change_from_dump_to_dump(city: City) -> None:
    changes = city.truth("register_change")
    assert {"created", "renamed", "demolished", "merged", "split"} <= set(changes["kind"])
    dumps = [table_of(path) for path in city.files("address_register")]
    assert len(dumps) == world.DUMPS
    codes = [set(dump["标准地址编码"]) for dump in dumps]
    assert codes[0] - codes[2]
    assert codes[2] - codes[0]
    for row in changes.filter(pl.col("kind") == "merged").iter_rows(named=True):
        assert row["former"] in codes[0] - codes[1]
    for row in changes.filter(pl.col("kind") == "renamed").iter_rows(named=True):
        assert row["former"] in set(dumps[0]["小区名称"]) - set(dumps[1]["小区名称"])
        assert row["name"] in set(dumps[1]["小区名称"])


def test_readings_above_the_threshold_are_the_truth_s(city: City) -> None:
    readings = pl.concat([pl.read_parquet(path) for path in city.files("device_reading")])
    devices = table_of(city.files("device")[0]).select("设备编号", high=pl.col("上限阈值").cast(pl.Float64))
    above = readings.join(devices, on="设备编号").filter(pl.col("数值") > pl.col("high"))
    assert above.height == city.truth("alarm").height > 0


def test_json_lines_keep_numbers(city: City) -> None:
    with city.files("grid_event")[0].open(encoding="utf-8") as lines:
        row = json.loads(next(lines))
    assert isinstance(row["经度"], float)


@pytest.mark.parametrize("size", [{"tickets": 1, "people": 1, "days": 1}, {"tickets": 5, "people": 30, "days": 3}])
def test_the_smallest_cities_work(tmp_path: Path, size: dict[str, int]) -> None:
    made = write_city(tmp_path, **size)
    assert made.summary.records["ticket"] == size["tickets"]


def test_no_city_without_tickets(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        write_city(tmp_path, tickets=0)
