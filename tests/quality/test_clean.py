"""One delivery judged by its contract: what is accepted, refused, emptied, and under which key."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from delivering import assert_balanced, deliver, take_in

from contracts.district import FeedMapping
from contracts.load import feeds
from contracts.model import PROVENANCE
from contracts.schema import arrow_schema
from quality.clean import clean, mapping_fingerprint


def test_columns_and_types_are_the_contracts(tmp_path: Path) -> None:
    for name, contract in feeds().items():
        header = ",".join(column.name for column in contract.columns)
        result = take_in(deliver(tmp_path, f"{header}\n".encode(), feed=name))
        assert result.cleaned.accepted.schema == arrow_schema((*contract.columns, *PROVENANCE))


def test_required_columns_refuse_and_others_are_emptied_and_noted(tmp_path: Path) -> None:
    content = (
        "ticket_no,created_at,lng,来电号码,性质\n"
        "T1,2024-03-01,113.5,13800138000,投诉\n"
        "T2,昨天,113.5,13800138000,投诉\n"
        "T3,2024-03-01,1135,12,牢骚\n"
        ",2024-03-01,,,\n"
    ).encode()
    result = take_in(deliver(tmp_path, content))
    assert result.cleaned.accepted["ticket_no"].to_pylist() == ["T1", "T3"]
    assert result.cleaned.refused.select(["source_row", "rule", "field"]).to_pylist() == [
        {"source_row": 3, "rule": "type", "field": "created_at"},
        {"source_row": 5, "rule": "required", "field": "ticket_no"},
    ]
    noted = {(note["field"], note["rule"]): (note["rows"], note["first_row"]) for note in result.cleaned.notes.to_pylist()}
    assert noted == {("lng", "max"): (1, 4), ("caller_phone", "phone"): (1, 4), ("kind", "code"): (1, 4)}
    third = result.cleaned.accepted.to_pylist()[1]
    assert (third["lng"], third["caller_phone"], third["kind"]) == (None, None, None)
    assert_balanced(result, len(content))


def test_no_message_holds_a_value(tmp_path: Path) -> None:
    content = (
        "ticket_no,created_at,来电号码,性质\nT1,secret-date,secret-phone,secret-kind\nT2,2024-03-01,secret-phone,secret-kind\n".encode()
    )
    result = take_in(deliver(tmp_path, content))
    told = result.cleaned.refused.drop_columns(["raw"]).to_pylist() + result.cleaned.notes.to_pylist()
    assert "secret" not in str(told)
    assert "secret" not in result.certificate.model_dump_json()


def test_the_future_is_judged_by_the_delivery_day(tmp_path: Path) -> None:
    content = b"ticket_no,created_at\nT1,2024-04-01 23:00:00\nT2,2024-04-02 00:00:00\n"
    result = take_in(deliver(tmp_path, content, date="2024-03-31"))
    assert result.cleaned.accepted["ticket_no"].to_pylist() == ["T1"]
    assert result.cleaned.refused["rule"].to_pylist() == ["not_future"]


def test_row_rules_refuse_or_warn(tmp_path: Path) -> None:
    content = b"ticket_no,created_at,status_time\nT1,2024-03-02,2024-03-01\nT2,2024-03-02,\n"
    result = take_in(deliver(tmp_path, content))
    assert result.cleaned.rows_accepted == 2
    assert [(note["rule"], note["rows"]) for note in result.cleaned.notes.to_pylist()] == [("status_after_report", 1)]
    content = "地址编码,经度,区\nA1,113.5,某区\n".encode()
    result = take_in(deliver(tmp_path, content, feed="address_register"))
    assert result.cleaned.refused["rule"].to_pylist() == ["says_a_place"]


def test_a_date_and_a_time_column_make_one_timestamp(tmp_path: Path) -> None:
    mapping = FeedMapping(headers={"created_at": (("日期", "时间"),)}, constants={"channel": "1999"})
    content = "ticket_no,日期,时间\nT1,20240301,000400\nT2,20240301.0,235136\nT3,2024/3/1,9:05\nT4,,120000\n".encode()
    result = take_in(deliver(tmp_path, content), mapping)
    moments = result.cleaned.accepted["created_at"].to_pylist()
    assert moments == [dt.datetime(2024, 3, 1, 0, 4), dt.datetime(2024, 3, 1, 23, 51, 36), dt.datetime(2024, 3, 1, 9, 5)]
    assert result.cleaned.refused["rule"].to_pylist() == ["required"]
    assert set(result.cleaned.accepted["channel"].to_pylist()) == {"1999"}


def test_truncated_numbers_are_kept_and_keyed_by_content(tmp_path: Path) -> None:
    mapping = FeedMapping(key_pattern=r"\d{13}")
    content = "ticket_no,created_at,地址\n2024030100001,2024-03-01,甲\n202403010,2024-03-01,乙\n202403010,2024-03-01,丙\n202403010,2024-03-01,丙\n".encode()
    result = take_in(deliver(tmp_path, content), mapping)
    keys = result.cleaned.accepted["record_key"].to_pylist()
    assert keys[0] == "2024030100001"
    assert len(set(keys)) == 4
    assert keys[3] == keys[2] + "#2"
    assert all(key.startswith("~") and len(key.split("#")[0]) == 25 for key in keys[1:])
    assert result.cleaned.accepted["key_is_weak"].to_pylist() == [False, True, True, True]
    assert result.cleaned.accepted["ticket_no"].to_pylist()[1] == "202403010"
    assert result.cleaned.rows_repeated == 1


def test_a_content_key_does_not_depend_on_columns_that_are_empty(tmp_path: Path) -> None:
    mapping = FeedMapping(key_pattern=r"\d{13}")
    narrow = take_in(deliver(tmp_path, b"ticket_no,created_at\n1,2024-03-01\n"), mapping)
    wide = take_in(deliver(tmp_path, "ticket_no,created_at,内容\n1,2024-03-01,\n".encode()), mapping)
    assert narrow.cleaned.accepted["record_key"] == wide.cleaned.accepted["record_key"]


def test_the_address_query_joins_text_and_hints(tmp_path: Path) -> None:
    content = "ticket_no,created_at,地址,区,街道,社区,lng,lat\nT1,2024-03-01,幸福路1号,某区,,甲社区,113.50,\nT2,2024-03-01,,,,,,\n".encode()
    result = take_in(deliver(tmp_path, content))
    assert result.cleaned.accepted["address_query"].to_pylist() == ["\u001f".join(["幸福路1号", "某区", "", "甲社区", "113.5", ""]), None]


def _shifting(rows: list[str]) -> bytes:
    sound = [f"T{n},渠道,街道{n}号,2024-03-{n % 28 + 1:02d} 10:00:00,1{n % 10}3.5,22.{n % 10}" for n in range(60)]
    return ("ticket_no,channel,address,created_at,lng,lat\n" + "\n".join(sound + rows) + "\n").encode()


def test_rows_that_a_comma_shifted_are_refused_as_such_and_sound_rows_are_not(tmp_path: Path) -> None:
    content = _shifting(
        [
            "S1,渠道,甲路,旁边,2024-03-01 10:00:00,113.5",  # one comma in the address; the last value fell off
            "S2,渠,道,甲路3号,2024-03-01 10:00:00,113.5",  # one before it
            "S3,渠道,甲,乙,丙,丁",  # three commas: date and coordinates fell off
            "G1,渠道,甲路,2024-03-01 10:00:00,x,y",  # two bad numbers and a sound date: only emptied
            "G2,渠道,甲路,不详,113.5,22.5",  # a missing date: refused, but not shifted
            "G3,渠道,甲路,2024-02-30 10:00:00,113.5,22.5",
        ]
    )
    result = take_in(deliver(tmp_path, content))
    refused = {row["source_row"]: row["rule"] for row in result.cleaned.refused.to_pylist()}
    assert refused == {62: "shifted_columns", 63: "shifted_columns", 64: "shifted_columns", 66: "required", 67: "type"}
    assert_balanced(result, len(content))


def test_rows_read_back_from_the_lake_give_the_same_result(tmp_path: Path) -> None:
    content = "工单号,登记时间,地址\n" + "".join(f"T{n},2024-03-01,甲路{n}号\n" for n in range(50))
    result = take_in(deliver(tmp_path, content.encode()))
    # In the lake the table has other deliveries' columns, and rows in any order.
    lake = result.raw.append_column("ticket_no", pa.nulls(50, pa.string())).append_column("诉求地址", pa.nulls(50, pa.string()))
    lake = lake.take(pa.array(list(reversed(range(50)))))
    again = clean(lake, feeds()["ticket"], FeedMapping(), dt.date(2024, 3, 31))
    assert again.accepted == result.cleaned.accepted


def test_batches_and_a_table_give_the_same(tmp_path: Path) -> None:
    result = take_in(deliver(tmp_path, b"ticket_no,created_at\n" + b"".join(b"T%d,2024-03-01\n" % n for n in range(99))))
    again = clean(result.raw.to_batches(max_chunksize=10), feeds()["ticket"], FeedMapping(), dt.date(2024, 3, 31))
    assert again.accepted == result.cleaned.accepted


def test_documents_other_than_the_identity_card_are_not_judged_by_its_check_digit(tmp_path: Path) -> None:
    content = "户号,成员序号,姓名,证件类型,证件号码\nH1,1,甲某,护照,E12345678\nH1,2,乙某,身份证,E12345678\n".encode()
    result = take_in(deliver(tmp_path, content, feed="household"))
    assert result.cleaned.accepted["id_number"].to_pylist() == ["E12345678", None]
    assert [note["rule"] for note in result.cleaned.notes.to_pylist()] == ["id_number"]


def test_the_fingerprint_tells_reading_from_judging() -> None:
    contract = feeds()["ticket"]
    base = mapping_fingerprint(contract, FeedMapping())
    assert base == mapping_fingerprint(contract, FeedMapping())
    judged = mapping_fingerprint(contract, FeedMapping(null_markers=("空",)))
    assert judged.split("-")[0] == base.split("-")[0]
    assert judged != base
    reread = mapping_fingerprint(contract, FeedMapping(drift="stop"))
    assert reread.split("-")[0] != base.split("-")[0]
    retitled = contract.model_copy(update={"columns": tuple(column.model_copy(update={"description": "x"}) for column in contract.columns)})
    assert mapping_fingerprint(retitled, FeedMapping()) == base


@pytest.mark.realdata
def test_taipeis_published_files_lose_no_row_and_every_shifted_row_is_caught(realdata: Path, tmp_path: Path) -> None:
    from contracts.district import contract_of, load_district
    from sources.intake import read

    district = load_district(Path(__file__).resolve().parents[2] / "districts" / "taipei")
    contract, mapping = contract_of(district, "ticket"), district.feeds["ticket"]
    for folder in sorted((realdata / "taipei" / "deliveries").iterdir()):
        content = (folder / "open1999.csv").read_bytes()
        delivery = deliver(tmp_path, content, file="open1999.csv", date=folder.name)
        intake = read(delivery, contract, mapping)
        raw = pa.Table.from_batches(list(intake.batches))
        result = clean(raw, contract, mapping, delivery.day, time_zone=district.time_zone)
        frame = pl.DataFrame(raw)
        shifted = frame.filter(~(pl.col("立案日期").str.contains(r"^\d{8}(\.0)?$") & pl.col("立案時間").str.contains(r"^\d{1,6}(\.0)?$")))
        assert intake.certificate().rows_read == content.count(b"\n") - 1 == result.rows_accepted + result.rows_refused
        assert result.refused["source_row"].to_pylist() == shifted["_row"].to_list()
        assert set(result.refused["rule"].to_pylist()) <= {"shifted_columns"}
        assert pl.Series(result.accepted["record_key"]).n_unique() == result.rows_accepted


@pytest.mark.realdata
def test_pingshans_appeals_are_all_accounted_for(realdata: Path, tmp_path: Path) -> None:
    from contracts.district import contract_of, load_district
    from sources.intake import read

    district = load_district(Path(__file__).resolve().parents[2] / "districts" / "pingshan")
    contract, mapping = contract_of(district, "ticket"), district.feeds["ticket"]
    content = (realdata / "pingshan" / "events_to_2018-09.csv").read_bytes()
    delivery = deliver(tmp_path, content, file="events.csv", date="2018-09")
    result = clean(list(read(delivery, contract, mapping).batches), contract, mapping, delivery.day)
    assert (result.rows_read, result.rows_accepted) == (3981, 3981)
    assert result.notes.num_rows == 0
    assert pl.Series(result.accepted["community"]).drop_nulls().n_unique() == 23
    assert result.accepted["kind"].null_count == 15
