"""Elements of an address by the conventions of the labelled corpora; bars on real data."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addressing.parse import LABELS, SPANS, parse, parse_file


def elements(text: str, grammar: str = "mainland") -> list[tuple[str, str]]:
    return [(text[s["start"] : s["end"]], s["label"]) for s in parse(pl.Series([text]), grammar)[0]]


def test_a_full_mainland_address() -> None:
    assert elements("广东省深圳市坪山区坑梓街道青松路12号和平花园3栋2单元501室") == [
        ("广东省", "prov"),
        ("深圳市", "city"),
        ("坪山区", "district"),
        ("坑梓街道", "town"),
        ("青松路", "road"),
        ("12号", "roadno"),
        ("和平花园", "poi"),
        ("3栋", "houseno"),
        ("2单元", "cellno"),
        ("501室", "roomno"),
    ]


def test_house_unit_and_room_by_hyphens() -> None:
    assert elements("青松家园47-6-746") == [
        ("青松家园", "poi"),
        ("47", "houseno"),
        ("-", "redundant"),
        ("6", "cellno"),
        ("-", "redundant"),
        ("746", "roomno"),
    ]


def test_a_range_of_road_numbers_stays_whole() -> None:
    assert ("12-16号", "roadno") in elements("青松路12-16号")


def test_chinese_numerals_open_an_element() -> None:
    assert elements("青松大厦七栋六楼") == [("青松大厦", "poi"), ("七栋", "houseno"), ("六楼", "floorno")]


def test_a_suffix_inside_a_road_name_does_not_cut_it() -> None:
    assert elements("学院路5号")[0] == ("学院路", "road")
    assert elements("花园村8号")[0] == ("花园村", "community")


def test_a_long_run_before_a_road_is_a_place_and_a_road() -> None:
    assert [e for e, _ in elements("桐乡市下骆宅振兴东路5号")][1:3] == ["下骆宅", "振兴东路"]


def test_relation_words_and_crossings() -> None:
    # Without digits the convention of CCKS holds: both roads are roads, 与 is no element.
    assert elements("青松路与白杨街交叉口") == [("青松路", "road"), ("白杨街", "road"), ("交叉口", "intersection")]
    assert elements("青松路与白杨街交叉口12号")[:4] == [
        ("青松路", "road"),
        ("与", "assist"),
        ("白杨街", "subroad"),
        ("交叉口", "assist"),
    ]


def test_masked_digits_are_read_by_the_other_convention() -> None:
    assert ("-", "redundant") not in elements("浙江省-宁波市-鄞州区青松路00号")
    assert ("-", "redundant") in elements("浙江省-宁波市-鄞州区青松路12号")


def test_a_division_written_twice_is_redundant() -> None:
    assert elements("杭州市西湖区西湖区三墩镇5号")[2] == ("西湖区", "redundant")


def test_an_unknown_district_is_read_by_its_suffix() -> None:
    assert elements("宁波市鄞洲区钟公庙街道")[1] == ("鄞洲区", "district")


def test_taiwan_addresses() -> None:
    assert elements("臺北市大安區和平里3鄰青松路二段12巷3弄5號之2四樓之6", "taiwan") == [
        ("臺北市", "city"),
        ("大安區", "district"),
        ("和平里", "community"),
        ("3鄰", "village_group"),
        ("青松路", "road"),
        ("二段", "subroad"),
        ("12巷", "subroad"),
        ("3弄", "subroad"),
        ("5號之2", "subroadno"),
        ("四樓之6", "floorno"),
    ]


def test_an_unknown_grammar_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="mainland, taiwan"):
        parse(pl.Series(["x"]), "mars")


def test_null_stays_null_and_empty_or_blank_has_no_elements() -> None:
    assert parse(pl.Series([None, "", " "], dtype=pl.String)).to_list() == [None, [], []]
    assert parse(pl.Series([None], dtype=pl.String)).dtype == SPANS


def test_arrow_arrays_are_taken_too() -> None:
    assert parse(pa.array(["青松路5号"])).to_list() == parse(pl.Series(["青松路5号"])).to_list()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="广东省杭州市西湖区青松路街村小区与口号栋楼室电联三十012-、 aB𠮷\n", max_size=30), max_size=6))
def test_spans_are_ordered_within_the_text_and_known_labels(texts: list[str]) -> None:
    for text, spans in zip(texts, parse(pl.Series(texts, dtype=pl.String)).to_list(), strict=True):
        end = 0
        for span in spans:
            assert end <= span["start"] < span["end"] <= len(text)
            assert span["label"] in LABELS
            end = span["end"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_files_keep_their_columns_and_rows(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"in{suffix}"
    table = pl.DataFrame({"id": ["007", "8"], "address": ["青松路5号", None]})
    {".csv": table.write_csv, ".jsonl": table.write_ndjson, ".parquet": table.write_parquet}[suffix](source)
    target = tmp_path / f"out{suffix}"
    assert parse_file(source, target, "mainland") == 2
    if suffix == ".csv":
        row = pl.read_csv(target, infer_schema=False).row(0, named=True)
        spans = json.loads(row["spans"])
    elif suffix == ".jsonl":
        row = json.loads(target.read_text(encoding="utf-8").splitlines()[0])
        spans = row["spans"]
    else:
        row = pl.read_parquet(target).row(0, named=True)
        spans = [list(s.values()) for s in row["spans"]]
    assert row["id"] == "007"
    assert spans == [[0, 3, "road"], [3, 5, "roadno"]]


def test_a_file_without_a_known_address_column_asks_for_it(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    pl.DataFrame({"a": ["x"], "b": ["y"]}).write_csv(source)
    with pytest.raises(ValueError, match="--address-column"):
        parse_file(source, tmp_path / "out.csv", "mainland")
    assert not (tmp_path / "out.csv").exists()


def division_right_share(rows: list[dict], labels: set[str]) -> float:
    texts = pl.Series([row["text"] for row in rows])
    right = 0
    for row, spans in zip(rows, parse(texts).to_list(), strict=True):
        truth = {(s, e, label) for s, e, label in row["spans"] if label in labels}
        right += truth == {(s["start"], s["end"], s["label"]) for s in spans if s["label"] in labels}
    return right / len(rows)


@pytest.mark.realdata
def test_divisions_of_the_labelled_corpora(realdata: Path) -> None:
    with (realdata / "addresses" / "parse_dev.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    assert division_right_share(rows, {"prov", "city", "district"}) >= 0.93
    assert division_right_share(rows, {"prov", "city", "district", "town"}) >= 0.88


def test_labelled_json_lines_keep_their_own_spans(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "青松路5号", "spans": [[0, 3, "road"]]}\n\n{"text": null, "n": 2}\n', encoding="utf-8")
    assert parse_file(source, tmp_path / "out.jsonl") == 2
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[0]["spans_input"] == [[0, 3, "road"]]
    assert [row["spans"] for row in rows] == [[[0, 3, "road"], [3, 5, "roadno"]], None]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.jsonl", b'{"text": "x"}\nnot json\n', "line 2"),
        ("in.csv", b"a,b\n1,2,3,4\n", "cannot be read"),
        ("in.txt", b"x", "give a .csv"),
        ("in.parquet", b"x", "cannot be read"),
    ],
)
def test_an_unreadable_file_says_why(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        parse_file(tmp_path / name, tmp_path / "out.csv")


def test_gbk_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("地址\n青松路5号\n".encode("gb18030"))
    parse_file(tmp_path / "in.csv", tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv")["地址"].to_list() == ["青松路5号"]


def test_estate_lanes_and_village_communities() -> None:
    assert elements("深圳市光明区公明街道上村社区沙埔新村四巷5号")[3:] == [
        ("上村社区", "community"),
        ("沙埔新村", "poi"),
        ("四巷", "road"),
        ("5号", "roadno"),
    ]
