"""Pseudonyms, masks and redaction: equal people get equal keys, nothing personal stays in a text."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from contracts.schema import arrow_schema
from warehouse import privacy
from warehouse.privacy import KeyProblem, Pseudonyms, full_identity_number, normalised, person_keys, protect, redact, rotate

KEY = Pseudonyms(bytes(range(32)))


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = Pseudonyms.load(tmp_path)
    path = privacy.key_path(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert Pseudonyms.load(tmp_path) == first
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Pseudonyms.load(tmp_path)
    privacy.key_path(tmp_path).chmod(0o644)
    with pytest.raises(KeyProblem, match="chmod 600"):
        Pseudonyms.load(tmp_path)


def test_the_environment_gives_the_key_in_hex_or_base64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import base64

    for text in (KEY.key.hex(), base64.b64encode(KEY.key).decode()):
        monkeypatch.setenv(privacy.ENVIRONMENT, text)
        assert Pseudonyms.load(tmp_path) == KEY
    monkeypatch.setenv(privacy.ENVIRONMENT, "too short")
    with pytest.raises(KeyProblem) as refused:
        Pseudonyms.load(tmp_path)
    assert "too short" not in str(refused.value)
    assert not (tmp_path / "keys").exists()


def test_rotation_changes_every_pseudonym_and_keeps_the_old_key_aside(tmp_path: Path) -> None:
    old = Pseudonyms.load(tmp_path)
    new = rotate(tmp_path)
    assert Pseudonyms.load(tmp_path) == new
    assert new.fingerprint != old.fingerprint
    values = pl.Series(["13800000000"])
    assert new.of("phone", values)[0] != old.of("phone", values)[0]
    retired = privacy.key_path(tmp_path).with_name(f"retired-{old.fingerprint}.key")
    assert retired.read_text().strip() == old.key.hex()
    assert stat.S_IMODE(retired.stat().st_mode) == 0o600


def test_the_key_shows_neither_in_its_repr_nor_in_its_fingerprint() -> None:
    assert KEY.key.hex() not in repr(KEY)
    assert len(KEY.fingerprint) == 16
    assert KEY.fingerprint not in KEY.key.hex()


def test_a_pseudonym_is_the_hmac_of_domain_and_value() -> None:
    import base64
    import hashlib
    import hmac

    digest = hmac.new(KEY.key, b"phone\x1f13800000000", hashlib.sha256).digest()
    expected = base64.b32encode(digest[:15]).decode().lower()
    made = KEY.of("phone", pl.Series(["13800000000", None, "13800000000"]))
    assert made.to_list() == [expected, None, expected]
    assert KEY.of("household", pl.Series(["13800000000"]))[0] != expected


@pytest.mark.parametrize("form", ["13800000001", "+86 138-0000-0001", "0086 13800000001", "86 138 0000 0001", "１３８０００００００１"])
def test_one_phone_has_one_pseudonym_however_it_is_written(form: str) -> None:
    assert normalised(pl.Series([form]), "phone").to_list() == ["13800000001"]


def test_old_identity_numbers_are_brought_to_eighteen_digits() -> None:
    made = pl.DataFrame({"n": ["110105491231002", "11010519491231002X", "E12345678"]}).select(full_identity_number(pl.col("n")))
    assert made.to_series().to_list() == ["11010519491231002X", "11010519491231002X", "E12345678"]


def test_person_keys_follow_the_number_and_are_weak_without_one() -> None:
    people = pl.DataFrame(
        {
            "number": ["110105491231002", "11010519491231002x", "E12345678", "E12345678", None, None, None],
            "kind": ["resident_id", None, "passport", "other", "none", "none", "none"],
            "household": ["h1", "h2", "h1", "h1", "h1", "h1", None],
            "name": ["甲", "乙", "丙", "丙", "丁", "丁", "丁"],
            "birth_date": ["1949-12-31", None, None, None, "2001-01-01", "2002-01-01", "2001-01-01"],
        }
    )
    keys, weak = person_keys(people, KEY)
    found = keys.to_list()
    assert found[0] == found[1]
    assert len(set(found[1:])) == 6
    assert found[6] is None
    assert weak.to_list() == [False, False, False, False, True, True, None]


def test_masks_keep_no_more_than_they_say() -> None:
    masks = {
        "_masked_name": ["张三丰", "欧阳娜娜", "John", " "],
        "_masked_phone": ["+86 13812345678", "0755-27654321", "1234", ""],
        "_masked_number": ["11010519491231002X", "E1234", "", None],
    }
    made = {
        name: pl.DataFrame({"v": values}, schema={"v": pl.String}).select(getattr(privacy, name)(pl.col("v"))).to_series().to_list()
        for name, values in masks.items()
    }
    assert made == {
        "_masked_name": ["张**", "欧阳**", "J**", None],
        "_masked_phone": ["138****5678", "075****21", "****", None],
        "_masked_number": ["110*************2X", "*****", None, None],
    }


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("联系人张三，电话13812345678。", "联系人[姓名]，电话[电话]。"),
        ("我叫王小明，身份证号11010519491231002X。", "我叫[姓名]，身份证号[证件号]。"),
        ("证件：110105 19491231 002X", "证件：[证件号]"),
        ("我住幸福花园3栋2单元501，姓名李四，电话0755-27654321。", "我住幸福花园[门牌]，姓名[姓名]，电话[电话]。"),
        ("走访欧阳娜娜，电话138 1234 5678，无人", "走访[姓名]，电话[电话]，无人"),
        ("幸福花园三栋二单元五楼五〇一房漏水", "幸福花园[门牌]漏水"),
        ("金地苑3-2-501楼上漏水", "金地苑[门牌]上漏水"),
        ("金地苑3 501有人装修", "金地苑[门牌]有人装修"),
        ("臺北市內湖區康寧路三段99巷8弄29號3樓之2陳先生", "臺北市內湖區康寧路三段[门牌][姓名]先生"),
        ("粤B·D12345乱停", "[车牌]乱停"),
        ("写信到 a.b-c@example.org.cn 回复", "写信到 [邮箱] 回复"),
        ("１３８１２３４５６７８", "[电话]"),
        ("加微信号：abc_12345", "加微信号：[账号]"),
        ("深汕路100号", "深汕路[门牌]"),
        ("地铁14号线6月5号下午停运，编号20260630123456，共3件", "地铁14号线6月5号下午停运，编号20260630123456，共3件"),
        (None, None),
        ("", ""),
    ],
)
def test_free_text_loses_what_points_to_a_person(text: str | None, redacted: str | None) -> None:
    assert redact(pl.Series([text], dtype=pl.String)).to_list() == [redacted]


def test_a_name_that_the_row_declares_goes_out_without_any_cue() -> None:
    texts = pl.Series(["甲子丑昨天来过", "甲子丑昨天来过", None])
    assert redact(texts, [pl.Series(["甲子丑", "寅", "卯辰"])]).to_list() == ["[姓名]昨天来过", "甲子丑昨天来过", None]


@given(st.text(max_size=60))
def test_redaction_takes_any_text_and_redacting_twice_changes_nothing_more_in_numbers(text: str) -> None:
    once = redact(pl.Series([text]))[0]
    assert once is not None
    assert "13812345678" not in redact(pl.Series([f"{text} 13812345678"]))[0]


def test_a_protected_table_has_exactly_the_columns_of_its_contract() -> None:
    contract = contracts.feeds()["household"]
    derived = {column.name for protection in contract.protect for column in protection.columns()}
    given_columns = [column for column in contract.clean_columns if column.name not in derived]
    row = {
        "household_no": "H1",
        "member_no": "1",
        "name": "甲乙",
        "birth_date": dt.date(2000, 1, 1),
        "record_key": "H1|1",
        "key_is_weak": False,
        "delivery": "d",
        "delivery_date": dt.date(2026, 1, 1),
        "source_row": 2,
    }
    table = pa.Table.from_pylist([row, row | {"phone": "13800000000"}], schema=arrow_schema(given_columns))
    made = protect(table, contract, KEY)
    assert made.schema == arrow_schema(contract.clean_columns)
    assert made["person_key_weak"].to_pylist() == [True, True]
    assert made["phone_masked"].to_pylist() == [None, "138****0000"]
    assert protect(table.slice(0, 0), contract, KEY).num_rows == 0


@pytest.mark.parametrize("feed", sorted(contracts.feeds()))
def test_every_feed_can_be_protected(feed: str) -> None:
    contract = contracts.feeds()[feed]
    derived = {column.name for protection in contract.protect for column in protection.columns()}
    schema = arrow_schema(column for column in contract.clean_columns if column.name not in derived)
    assert protect(schema.empty_table(), contract, KEY).schema == arrow_schema(contract.clean_columns)
    assert protect(pa.Table.from_pylist([{}], schema=schema), contract, KEY).num_rows == 1


USUAL_WORDING = {
    "我的手机一三八零零一三八零零零请回电": "我的手机[电话]请回电",
    "幺三八零零幺三八零零零": "[电话]",
    "电话1 3 8 0 0 1 3 8 0 0 0": "电话[电话]",
    "身份证 4 4 0 3 0 6 1 9 9 0 0 1 0 1 1 2 3 4": "身份证 [证件号]",
    "身份证四四零三零六一九九零零一零一一二三四": "身份证[证件号]",
    "公明街道的王翠花反映路灯不亮": "公明街道的[姓名]反映路灯不亮",
    "李建国投诉楼上噪音": "[姓名]投诉楼上噪音",
    "黄志强来电咨询": "[姓名]来电咨询",
    "我老婆刘桂香在家被狗咬": "我老婆[姓名]在家被狗咬",
    "我爱人陈小明今天被困电梯": "我爱人[姓名]今天被困电梯",
    "他儿子赵小刚经常夜归": "他儿子[姓名]经常夜归",
    "张三丰的电话是13800138000": "[姓名]的电话是[电话]",
    "王 翠 花 的电话 13800138000": "[姓名] 的电话 [电话]",
    "吴桂芳的身份证号是440306199001011234": "[姓名]的身份证号是[证件号]",
    "邻居李桂兰半夜吵闹": "邻居[姓名]半夜吵闹",
    "业主赵铁柱没交费": "业主[姓名]没交费",
    "我妈刘桂香，七十岁": "我妈[姓名]，七十岁",
}
NO_PERSON = (
    "小区的路灯反映多次没人修", "王府井大街施工", "张江路积水", "李村公交站", "何时能修好", "高速噪音投诉", "黄灯不亮反映多次", "金色家园投诉物业",
    "黄灯投诉", "李村投诉", "周末来电", "黄昏来电", "的张江投诉", "我父亲高血压", "我女儿高考", "我儿子高三", "居民常常反映", "住户马上处理",
    "业主方便时", "邻居时常吵闹", "居民明明投诉", "群众强烈反映", "业主房屋的问题", "业主应当的", "住户安全的", "房东于昨天", "小区的周边反映",
    "常常停水", "于是投诉", "车位投诉", "房屋漏水投诉", "陈旧设施反映", "周边居民投诉", "梁上有裂缝", "二零二四年三月一日", "杨树倒了", "我父亲有高血压",
)  # fmt: skip


@pytest.mark.parametrize("text", USUAL_WORDING)
def test_persons_and_numbers_go_out_of_wording_that_the_demo_does_not_use(text: str) -> None:
    assert redact(pl.Series([text])).to_list() == [USUAL_WORDING[text]]


def test_texts_without_a_person_stay_as_they_are() -> None:
    texts = pl.Series(NO_PERSON)
    assert redact(texts).to_list() == texts.to_list()
