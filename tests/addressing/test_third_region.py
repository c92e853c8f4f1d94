"""A third region is one new grammar file: registers, linking, parsing, the commands and a district read it by its path."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from addressing import AddressBase, Grammar, GrammarError, build_base, explain, resolve
from addressing.parse import parse
from pipelines.cli import app

HONG_KONG = Path(__file__).parent / "fixtures" / "hongkong.yaml"


def plates() -> pl.DataFrame:
    """Generated: two buildings with towers, floors and rooms, shops at street level, plain numbers."""
    rows = [
        {
            "district": district,
            "road": road,
            "number": "12號",
            "estate": estate,
            "building": f"{tower}座",
            "floor": f"{floor}樓",
            "room": f"{room}室",
        }
        for district, road, estate in (("油尖旺區", "青松道", "白楊大廈"), ("沙田區", "紅梅街", "翠竹邨"))
        for tower in "AB"
        for floor in (1, 2, 12)
        for room in ("A", "B", "1203")
    ]
    rows += [{"district": "油尖旺區", "road": "青松道", "number": f"{number}號", "floor": "地下"} for number in (8, 20, 22)]
    rows += [{"district": "沙田區", "road": "紅梅街", "number": f"{number}號"} for number in (1, 3, 5, 105)]
    table = pl.DataFrame(rows)
    parts = [pl.col(name).fill_null("") for name in ("district", "road", "number", "estate", "building", "floor", "room")]
    return table.with_columns(full_address=pl.concat_str(pl.lit("香港"), *parts))


ASKED = {
    "香港油尖旺區青松道12號白楊大廈A座12樓B室": "青松道12號白楊大廈A座12樓B室",
    "油尖旺区青松道12号白杨大厦A座12楼B室": "青松道12號白楊大廈A座12樓B室",
    "青松道十二號白楊大廈A座十二樓1203室": "白楊大廈A座12樓1203室",
    "白楊大廈第B座2/F A室": "白楊大廈B座2樓A室",
    "翠竹邨A座一樓B室": "翠竹邨A座1樓B室",
    "住址：香港沙田區紅梅街３號": "紅梅街3號",
    "紅梅街一百零五號": "紅梅街105號",
    "紅梅街1至3號": "紅梅街1號",
    "青松道8號地下": "青松道8號地下",
    "青松道8號G/F": "青松道8號地下",
    "青松道20號附近": "青松道20號",
    "青松道與紅梅街交界": "青松道",
    "沙田區紅梅街99號": "紅梅街",
    "翠竹邨對面": "翠竹邨",
}
PARSED = {
    "香港油尖旺區青松道12號白楊大廈A座12樓B室": "香港/country 油尖旺區/district 青松道/road 12號/roadno 白楊大廈/poi A座/houseno 12樓/floorno B室/roomno",
    "九龍油尖旺区青松道十二号": "九龍/prov 油尖旺区/district 青松道/road 十二号/roadno",
    "住址：沙田區紅梅街８號地下": "住址/redundant ：/redundant 沙田區/district 紅梅街/road ８號/roadno 地下/floorno",
    "翠竹邨第B座2/F 1203室": "翠竹邨/poi 第B座/houseno 2/F/floorno  /redundant 1203室/roomno",
    "青松道與紅梅街交界": "青松道/road 與/assist 紅梅街/subroad 交界/assist",
}


@pytest.fixture(scope="module", params=["columns", "texts alone"])
def base(request: pytest.FixtureRequest) -> AddressBase:
    table = plates() if request.param == "columns" else plates().select("full_address")
    return build_base([(dt.date(2026, 1, 1), table.to_arrow())], Grammar.load(HONG_KONG))


def wrong(found: list[str | None]) -> list[tuple[str, str | None]]:
    return [(text, got) for (text, wanted), got in zip(ASKED.items(), found, strict=True) if not (got or "").endswith(wanted)]


def test_its_texts_are_linked_to_its_register(base: AddressBase) -> None:
    answers = resolve(base, pa.table({"text": list(ASKED)})).to_pylist()
    assert wrong([row["matched_text"] for row in answers]) == []
    levels = {text: row["level"] for text, row in zip(ASKED, answers, strict=True)}
    assert levels["翠竹邨A座一樓B室"] == "room"
    assert levels["青松道8號地下"] == "floor"
    assert levels["青松道與紅梅街交界"] == "crossing"
    assert answers[0]["district"] == "油尖旺區"


def test_a_prepared_base_is_opened_with_its_grammar_and_explains(base: AddressBase, tmp_path: Path) -> None:
    base.save(tmp_path / "base")
    opened = AddressBase.open(tmp_path / "base")
    asked = pa.table({"text": list(ASKED)})
    assert resolve(opened, asked).equals(resolve(base, asked))
    assert "翠竹邨" in explain(opened, "翠竹邨A座一樓B室").render("both")


def test_its_texts_are_parsed_into_elements() -> None:
    read = parse(pl.Series(list(PARSED)), str(HONG_KONG)).to_list()
    for (text, wanted), spans in zip(PARSED.items(), read, strict=True):
        assert " ".join(f"{text[s['start'] : s['end']]}/{s['label']}" for s in spans) == wanted


@pytest.fixture
def files(tmp_path: Path) -> Path:
    plates().write_csv(tmp_path / "register.csv")
    pl.DataFrame({"no": [f"{i:03d}" for i in range(len(ASKED))], "address": list(ASKED)}).write_csv(tmp_path / "in.csv")
    return tmp_path


def link(folder: Path, *more: str) -> pl.DataFrame:
    names = ("--register", str(folder / "register.csv"), "--input", str(folder / "in.csv"), "--output", str(folder / "out.csv"))
    done = CliRunner().invoke(app, ["link", *names, *more])
    assert done.exit_code == 0, (done.output, done.exception)
    return pl.read_csv(folder / "out.csv", infer_schema=False)


def test_the_link_command_takes_the_grammar_file(files: Path) -> None:
    out = link(files, "--grammar", str(HONG_KONG))
    assert out["no"].to_list() == [f"{i:03d}" for i in range(len(ASKED))]
    assert wrong(out["matched_text"].to_list()) == []


def test_a_district_brings_the_grammar_file_in_its_folder_and_so_does_one_based_on_it(files: Path) -> None:
    for name, facts in (
        ("kowloon", {"title": "Kowloon", "title_zh": "九龍", "grammar": "hongkong.yaml", "feeds": {}}),
        ("mongkok", {"title": "Mong Kok", "title_zh": "旺角", "based_on": "kowloon"}),
    ):
        (files / name).mkdir()
        (files / name / "district.yaml").write_text(yaml.safe_dump({"name": name, **facts}, allow_unicode=True), encoding="utf-8")
    (files / "kowloon" / "hongkong.yaml").write_bytes(HONG_KONG.read_bytes())
    for name in ("kowloon", "mongkok"):
        assert wrong(link(files, "--district", str(files / name))["matched_text"].to_list()) == []


def test_the_parse_command_takes_the_grammar_file(files: Path) -> None:
    done = CliRunner().invoke(
        app, ["parse", "--grammar", str(HONG_KONG), "--input", str(files / "in.csv"), "--output", str(files / "spans.jsonl")]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    first = json.loads((files / "spans.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert [label for _, _, label in first["spans"]] == ["country", "district", "road", "roadno", "poi", "houseno", "floorno", "roomno"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elements": None}, "no entry `elements`"),
        ({"elements": {"divisions": [], "raod": ["路"]}}, "unknown entries under `elements`: raod"),
        ({"elements": {"divisions": [{"label": "borough", "pattern": "x"}]}}, "borough"),
        ({"elements": {"divisions": [{"label": "city", "pattern": "("}]}}, "pattern"),
    ],
)
def test_a_grammar_file_with_mistakes_says_which(tmp_path: Path, change: dict[str, object], message: str) -> None:
    said = yaml.safe_load(HONG_KONG.read_text(encoding="utf-8")) | change
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    with pytest.raises(GrammarError, match=message):
        parse(pl.Series(["青松道8號"]), str(tmp_path / "mine.yaml"))
