"""Linking two files: columns, order, clear errors; and accuracy floors on real data."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import register

from addressing import DOOR_LEVELS, LinkError, link_file
from addressing.link import OUTPUT_COLUMNS


@pytest.fixture
def files(tmp_path: Path) -> Path:
    pl.DataFrame(register.taiwan_rows()).write_csv(tmp_path / "register.csv")
    pl.DataFrame({"no": ["2", "1", "3"], "addr": ["松濤路三段12巷5號", "廈港街24號", None], "level": ["a", "b", "c"]}).write_csv(
        tmp_path / "in.csv"
    )
    return tmp_path


def test_every_row_comes_back_in_order_with_our_columns_after_its_own(files: Path) -> None:
    summary = link_file(files / "register.csv", files / "in.csv", files / "out.parquet")
    out = pl.read_parquet(files / "out.parquet")
    assert out.columns == ["no", "addr", "level__input", *OUTPUT_COLUMNS]
    assert out["no"].to_list() == ["2", "1", "3"]
    assert out["outcome"].to_list() == ["resolved", "resolved", "no_address"]
    assert summary.rows == 3


def test_a_register_of_full_texts_alone_links_too(files: Path) -> None:
    pl.DataFrame(register.taiwan_rows()).select(text="full_address").write_csv(files / "texts.csv")
    link_file(files / "texts.csv", files / "in.csv", files / "out.csv", grammar="taiwan")
    out = pl.read_csv(files / "out.csv")
    assert out["matched_text"].to_list()[:2] == ["海東市青山區甲和里3鄰松濤路三段12巷5號", "海東市青山區乙安里2鄰廈港街24號"]
    assert out["community"].to_list()[:2] == ["甲和里", "乙安里"]


TEXT = "no,addr,reason\n2,松濤路三段12巷5號,x\n1,,y\n3,廈港街24號,z\n"
WRITTEN = {
    "UTF-8 with BOM": TEXT.encode("utf-8-sig"),
    "Big5": TEXT.encode("big5"),
    "GB18030": TEXT.encode("gb18030"),
    "UTF-16, tabs": TEXT.replace(",", "\t").encode("utf-16"),
    "tabs": TEXT.replace(",", "\t").encode(),
    "semicolons": TEXT.replace(",", ";").encode(),
    "CRLF and a line that names the separator": ("sep=,\r\n" + TEXT.replace("\n", "\r\n")).encode(),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_table_in_any_usual_encoding_keeps_rows_and_columns(files: Path, way: str) -> None:
    (files / "given.csv").write_bytes(WRITTEN[way])
    link_file(files / "register.csv", files / "given.csv", files / "out.parquet")
    out = pl.read_parquet(files / "out.parquet")
    assert out.columns == ["no", "addr", "reason__input", *OUTPUT_COLUMNS]
    assert out["no"].to_list() == ["2", "1", "3"]
    assert out["outcome"].to_list() == ["resolved", "no_address", "resolved"]


def test_parquet_of_any_types_and_columns_named_like_ours(files: Path) -> None:
    table = pl.DataFrame(
        {"score": [1, 2], "score__input": ["a", "b"], "地址": pl.Series(["廈港街24號", None], dtype=pl.Categorical), "tags": [[1, 2], None]}
    )
    table.write_parquet(files / "given.parquet")
    link_file(files / "register.csv", files / "given.parquet", files / "out.parquet")
    out = pl.read_parquet(files / "out.parquet")
    assert out.columns == ["score__input_", "score__input", "地址", "tags", *OUTPUT_COLUMNS]
    assert out["tags"].to_list() == [[1, 2], None]
    link_file(files / "register.csv", files / "given.parquet", files / "out.csv")
    assert pl.read_csv(files / "out.csv")["tags"].to_list() == ["[1,2]", None]


def test_a_table_without_rows_gives_one_without_rows(files: Path) -> None:
    (files / "none.csv").write_text("no,addr\n")
    assert link_file(files / "register.csv", files / "none.csv", files / "out.csv").rows == 0
    assert pl.read_csv(files / "out.csv").columns == ["no", "addr", *OUTPUT_COLUMNS]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ragged.csv", "no,addr\n1,廈港街24號\n2,廈港街26號,多\n", "line 3 has 3 fields, the header has 2"),
        ("empty.csv", "", "the file is empty"),
        ("sheet.xlsx", "PK", "save its sheet as CSV"),
        ("broken.parquet", "no Parquet", "cannot be read as Parquet"),
        ("others.csv", "a,b\n1,2\n", "--address-column"),
    ],
)
def test_unusable_inputs_say_what_is_wrong(files: Path, name: str, content: str, said: str) -> None:
    (files / name).write_text(content)
    with pytest.raises(LinkError, match=said):
        link_file(files / "register.csv", files / name, files / "out.csv")
    assert not (files / "out.csv").exists()


def test_a_register_without_rows_and_an_output_over_an_input_are_refused(files: Path) -> None:
    (files / "empty.csv").write_text("full_address\n")
    with pytest.raises(LinkError, match="no rows"):
        link_file(files / "empty.csv", files / "in.csv", files / "out.csv")
    with pytest.raises(LinkError, match="would replace"):
        link_file(files / "register.csv", files / "in.csv", files / "in.csv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"register": "none.csv"}, "no such file"),
        ({"address_column": "place"}, "no column 'place'"),
        ({"register_column": "place"}, "no column 'place'"),
        ({"output": "out.xlsx"}, "must end in .csv or .parquet"),
    ],
)
def test_errors_name_the_file_and_the_remedy(files: Path, change: dict[str, str], said: str) -> None:
    given = {"register": "register.csv", "input": "in.csv", "output": "out.csv", **change}
    paths = {name: files / given[name] for name in ("register", "input", "output")}
    with pytest.raises(LinkError, match=said):
        link_file(**paths, **{name: value for name, value in given.items() if name.endswith("_column")})


def _linked(realdata: Path, folder: Path, texts: pl.DataFrame, districts: list[str] | None) -> pl.DataFrame:
    plates = pl.read_parquet(realdata / "taipei" / "plates.parquet")
    if districts:
        plates = plates.filter(pl.col("district").is_in(districts))
    plates.with_columns(city=pl.lit("臺北市")).write_parquet(folder / "plates.parquet")
    texts.write_parquet(folder / "texts.parquet")
    link_file(folder / "plates.parquet", folder / "texts.parquet", folder / "out.parquet", address_column="address", grammar="taiwan")
    return pl.read_parquet(folder / "out.parquet").with_columns(
        door=pl.col("level").is_in(list(DOOR_LEVELS)),
        village=(pl.col("community") == pl.col("truth_li")).fill_null(False),
        lin=(pl.col("neighbourhood").str.extract(r"(\d+)").cast(pl.Float64) == pl.col("truth_lin")).fill_null(False),
    )


def _floors(out: pl.DataFrame, slack: float) -> None:
    known = out.filter(pl.col("kind") == "li+lin")
    doors = known.filter("door")
    assert doors.height / known.height >= 0.979 - slack
    assert (doors["village"] & doors["lin"]).mean() >= 0.9965 - slack
    assert known["village"].mean() >= 0.992 - slack
    sure = doors.filter(pl.col("score") >= 0.99)
    assert (sure["village"] & sure["lin"]).mean() >= 0.99
    right = doors.filter(pl.col("village") & pl.col("lin"))
    assert (right["score"] >= 0.99).mean() >= 0.85
    free = out.filter((pl.col("kind") == "free") & ~pl.col("address").str.contains("[號号]"))
    assert free.filter("door").height == 0


@pytest.mark.realdata
def test_accuracy_on_one_district_does_not_slip(realdata: Path, tmp_path: Path) -> None:
    texts = pl.read_parquet(realdata / "taipei" / "link_dev.parquet").filter(pl.col("district") == "南港區")
    _floors(_linked(realdata, tmp_path, texts, ["南港區"]), slack=0.01)


@pytest.mark.realdata
@pytest.mark.slow
def test_accuracy_on_the_whole_city_does_not_slip(realdata: Path, tmp_path: Path) -> None:
    texts = pl.read_parquet(realdata / "taipei" / "link_dev.parquet")
    out = _linked(realdata, tmp_path, texts, None)
    _floors(out, slack=0.0)
    only = out.filter(pl.col("kind") == "li only")
    assert only["door"].mean() >= 0.83
    assert only["village"].mean() >= 0.90
    free = out.filter((pl.col("kind") == "free") & pl.col("address").str.contains("[號号]"))
    assert free["door"].mean() >= 0.75
    street = pl.col("level").is_in(["road", "lane", "alley"]) & (pl.col("outcome") == "not_in_register")
    assert free.select((pl.col("door") | street).mean()).item() >= 0.918
    # Without 號: those that hold a road's name with a section end at a street or crossing.
    road = "(?:" + "|".join(sorted(pl.read_parquet(realdata / "taipei" / "plates.parquet")["road"].unique(), key=len, reverse=True)) + ")"
    bare = out.filter((pl.col("kind") == "free") & ~pl.col("address").str.contains("[號号]") & pl.col("address").str.contains(road))
    assert bare.select(pl.col("level").is_in(["road", "lane", "alley", "crossing"]).mean()).item() >= 0.98


@pytest.mark.realdata
def test_likeness_of_texts_does_not_slip(realdata: Path, tmp_path: Path) -> None:
    import json

    lines = (realdata / "addresses" / "pairs_dev.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [json.loads(line) for line in lines]
    asked = [pair for pair in pairs if any(label == 2 for _, label in pair["cand"])]
    pl.DataFrame({"text": sorted({text for pair in pairs for text, _ in pair["cand"]})}).write_csv(tmp_path / "texts.csv")
    pl.DataFrame({"query": [pair["query"] for pair in asked]}).write_csv(tmp_path / "in.csv")
    link_file(tmp_path / "texts.csv", tmp_path / "in.csv", tmp_path / "out.parquet", grammar="mainland")
    first = pl.read_parquet(tmp_path / "out.parquet")["matched_text"].to_list()
    right = [text in {c for c, label in pair["cand"] if label == 2} for text, pair in zip(first, asked, strict=True)]
    assert sum(right) / len(right) >= 0.65
