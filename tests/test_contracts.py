"""Contracts, SQL and built tables say the same, in both directions; what districts supply fits its contracts."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import contracts
from contracts.district import District, FeedMapping, contract_of, load_district
from contracts.load import ContractError
from contracts.model import Contract, Table
from contracts.schema import arrow_schema, comments, create_table, duckdb_type
from contracts.settings_file import FROM_DISTRICT, all_settings, load_setting, setting_path
from governance import STEPS
from warehouse.library import bind_all

ROOT = Path(__file__).resolve().parents[1]
DISTRICTS = sorted(path.parent for path in (ROOT / "districts").glob("*/district.yaml"))
CONTRACTS: dict[str, Contract] = {
    **{f"feed {name}": one for name, one in contracts.feeds().items()},
    **{f"setting {name}": one for name, one in contracts.settings().items()},
    **{f"table {name}": one for name, one in contracts.tables().items()},
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
def test_titles_and_messages_stand_in_both_languages(contract: Contract) -> None:
    named = [(contract.name, contract), *((column.name, column) for column in contract.columns)]
    wrong = [name for name, one in named if not one.title.strip() or CHINESE.search(one.title) or not CHINESE.search(one.title_zh)]
    wrong += [rule.name for rule in contract.rules if CHINESE.search(rule.message) or not CHINESE.search(rule.message_zh)]
    assert wrong == []


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
def test_rules_fit_their_columns(contract: Contract) -> None:
    names = [rule.name for rule in contract.rules]
    wrong = [f"rule {name} twice" for name in names if names.count(name) > 1] + [
        f"rule {name} is taken" for name in names if name == "key" or ":" in name
    ]
    for column in contract.columns:
        if column.type != "text" and (column.pattern or column.max_length or column.codes):
            wrong.append(f"{column.name}: pattern, max_length and codes are for text")
        if column.type in ("text", "boolean") and (column.minimum or column.maximum):
            wrong.append(f"{column.name}: min and max are for numbers and times")
        for limit in filter(None, (column.minimum, column.maximum)):
            duckdb.connect().execute(f"SELECT CAST('{limit}' AS {duckdb_type(column)})")
    assert wrong == []


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
def test_no_source_form_means_two_codes(contract: Contract) -> None:
    for column in contract.columns:
        meanings: dict[str, set[str]] = {}
        for code, forms in column.codes.items():
            for form in (code, *forms):
                meanings.setdefault(form, set()).add(code)
        assert {form: codes for form, codes in meanings.items() if len(codes) > 1} == {}, column.name


def test_references_lead_to_a_column_of_the_same_type() -> None:
    tables = contracts.tables()
    wrong = []
    for name, table in tables.items():
        for column in table.columns:
            if column.references:
                target, _, key = column.references.rpartition(".")
                found = [one for one in tables[target].columns if one.name == key] if target in tables else []
                if not found or found[0].type != column.type:
                    wrong.append(f"{name}.{column.name} -> {column.references}")
    assert wrong == []


def test_every_contract_has_one_model_and_every_model_a_contract() -> None:
    files = {f"{path.parent.name}.{path.stem}" for path in (ROOT / "warehouse" / "themes").glob("*/*.sql")}
    files |= {f"subject.{path.stem}" for path in (ROOT / "warehouse" / "subjects").glob("*.sql")}
    steps = {step.table for step in STEPS}
    assert files & steps == set()
    declared = set(contracts.tables())
    assert {"without model": declared - files - steps, "without contract": (files | steps) - declared} == {
        "without model": set(),
        "without contract": set(),
    }


def test_sql_gives_the_columns_and_types_that_contracts_promise() -> None:
    assert bind_all(STEPS) == []


@pytest.mark.parametrize("table", contracts.tables().values(), ids=contracts.tables().keys())
def test_created_tables_carry_names_types_and_comments(table: Table) -> None:
    connection = duckdb.connect()
    connection.execute(create_table(table, "made"))
    for statement in comments(table, "made"):
        connection.execute(statement)
    found = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = 'made' ORDER BY column_index"
    ).fetchall()
    assert found == [(column.name, duckdb_type(column), column.comment) for column in table.columns]
    assert connection.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'made'").fetchall() == [(table.comment,)]
    made = connection.sql("SELECT * FROM made").to_arrow_table()
    assert made.schema.equals(arrow_schema(table.columns))


@pytest.mark.parametrize("folder", DISTRICTS, ids=lambda folder: folder.name)
def test_settings_of_each_district_load(folder: Path) -> None:
    district = load_district(folder)
    loaded = all_settings(district)
    assert set(loaded) == set(contracts.settings())
    for name, table in loaded.items():
        assert table.schema.equals(arrow_schema(contracts.settings()[name].columns))
        assert (table.num_rows > 0) <= (name in FROM_DISTRICT or setting_path(district, name) is not None)
    for feed in district.feeds:
        contract_of(district, feed)


@pytest.mark.parametrize("folder", DISTRICTS, ids=lambda folder: folder.name)
def test_each_file_of_a_district_is_a_setting(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.csv")} - (set(contracts.settings()) - set(FROM_DISTRICT)) == set()


@pytest.fixture
def district(tmp_path: Path) -> District:
    return District(name="test", title="Test", title_zh="测试", grammar="mainland", feeds={"ticket": FeedMapping()}, folder=tmp_path)


def test_a_setting_without_file_is_empty(district: District) -> None:
    assert load_setting(district, "special_day").num_rows == 0


def test_a_setting_reads_comments_chinese_headers_and_codes(district: District) -> None:
    (district.folder / "deadline.csv").write_text(
        "\ufeff# 说明\nkind,category_1,category_2,flow,时长,单位\n# note\n*,*,*,*,3,工作日\n", encoding="utf-8"
    )
    loaded = load_setting(district, "deadline")
    assert loaded.select(["kind", "amount", "unit"]).to_pylist() == [{"kind": "*", "amount": 3, "unit": "working_day"}]
    assert loaded.schema.field("amount").type == pa.int64()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("day,works\n2024-01-01,maybe\n", "special_day.csv:2: works"),
        ("day,works\n2024-13-01,true\n", "special_day.csv:2: day"),
        ("day,works\n2024-01-01\n", "special_day.csv:2: 1 fields"),
        ("day,works\n,true\n", "special_day.csv:2: day is empty"),
        ("day,works\n2024-01-01,true\n\n2024-01-01,false\n", "special_day.csv:4: the same day"),
        ("day\n2024-01-01\n", "special_day.csv:1: columns works"),
        ("day,works,colour\n2024-01-01,true,red\n", "special_day.csv:1: column 'colour'"),
        ("", "special_day.csv:1: no header"),
    ],
)
def test_a_mistake_in_a_setting_names_file_line_and_remedy(district: District, text: str, where: str) -> None:
    (district.folder / "special_day.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match="remedy") as raised:
        load_setting(district, "special_day")
    assert str(raised.value).startswith(where)


def test_every_wrong_line_of_a_setting_is_named_at_once(district: District) -> None:
    (district.folder / "special_day.csv").write_text("day,works\n2024-01-01,maybe\n2024-01-02,true\n2024-01-03\n", encoding="utf-8")
    with pytest.raises(ContractError) as raised:
        load_setting(district, "special_day")
    assert [line.partition(" ")[0] for line in str(raised.value).splitlines()] == ["special_day.csv:2:", "special_day.csv:4:"]


def test_a_setting_in_another_encoding_is_said_so(district: District) -> None:
    (district.folder / "special_day.csv").write_bytes("day,works,名称\n".encode("gbk"))
    with pytest.raises(ContractError, match="not UTF-8"):
        load_setting(district, "special_day")


def test_a_quoted_line_break_does_not_split_a_row(district: District) -> None:
    text = 'day,works,name\n2024-01-01,true,"a\nb"\n2024-01-02,{},c\n'
    (district.folder / "special_day.csv").write_text(text.format("no"), encoding="utf-8")
    assert load_setting(district, "special_day").select(["works", "name"]).to_pydict() == {"works": [True, False], "name": ["a\nb", "c"]}
    (district.folder / "special_day.csv").write_text(text.format("maybe"), encoding="utf-8")
    with pytest.raises(ContractError, match=r"^special_day.csv:4: works"):
        load_setting(district, "special_day")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\ntitle: X\n", "missing|Field required"),
        ("name: x\nname: y\n", "given twice"),
        ("- a\n", "mapping of keys"),
        ("", "empty"),
        ("name: [\n", "not valid YAML"),
    ],
)
def test_a_mistake_in_a_contract_names_file_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match=message) as raised:
        contracts.feeds(tmp_path)
    assert "x.yaml:" in str(raised.value)
    assert "remedy" in str(raised.value)


@pytest.mark.parametrize(
    ("copy", "origin"),
    [
        ("subject.event_full_scope.deadline_state", "event.deadline.state"),
        ("subject.event_full_scope.feed", "event.event.feed"),
        ("subject.alert.kind", "event.alert.kind"),
    ],
)
def test_a_column_that_hands_on_codes_knows_all_of_them(copy: str, origin: str) -> None:
    def codes(name: str) -> set[str]:
        table, _, column = name.rpartition(".")
        return set(contracts.tables()[table].column(column).codes)

    assert codes(copy) == codes(origin)
