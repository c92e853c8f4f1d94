"""Personal values turned into forms that may leave the lake: keyed pseudonyms, masks, redacted text.

Belongs here: the pseudonym key, and the methods that a contract names under `protect`. Not here: which column is personal (the
contract says), what an audience may see (`release`).

Everything works on the distinct values of a column; the values themselves appear in no message.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from contracts.model import Feed, Protection
from contracts.schema import arrow_schema

VERSION = 3
"""Raised when masks or redaction change what they give: rows protected before are then to be protected anew."""
KEY_BYTES = 32
ENVIRONMENT = "GOVLAKE_PSEUDONYM_KEY"
PSEUDONYM_LENGTH = 24
"""Characters of a pseudonym: 120 bits of HMAC-SHA-256 (RFC 2104) in base32 (RFC 4648), lower case."""
NAME_COLUMNS = ("caller_name", "petitioner_name", "name", "legal_person")
"""Columns that hold a person's name where the contract calls them personal: the name is taken out of the same row's free text."""


class KeyProblem(RuntimeError):
    """The pseudonym key cannot be used; the message says why and what to do, never the key."""


@dataclass(frozen=True)
class Pseudonyms:
    """The district's secret key. Equal values of one domain give equal pseudonyms; without the key nobody can try values out."""

    key: bytes = field(repr=False)

    @classmethod
    def load(cls, home: Path | str) -> Pseudonyms:
        """The key from the environment (64 hex digits, or base64 of 32 bytes), else from `<home>/keys/pseudonym.key`, made if absent."""
        given = os.environ.get(ENVIRONMENT)
        if given:
            return cls(_decoded(given.strip(), ENVIRONMENT))
        path = key_path(home)
        if not path.exists():
            _write_new(path, secrets.token_bytes(KEY_BYTES))
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise KeyProblem(
                f"{path} may be read by others (mode {mode:04o}); remedy: chmod 600 {path}, and rotate the key if others could read it"
            )
        return cls(_decoded(path.read_text(encoding="ascii").strip(), path.name))

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell keys apart and may be published: an HMAC of a fixed text, from which the key cannot be found."""
        return hmac.digest(self.key, b"govlake pseudonym key fingerprint", "sha256").hex()[:16]

    def of(self, domain: str, values: pl.Series) -> pl.Series:
        """Pseudonyms of text values; null stays null."""
        distinct = values.drop_nulls().unique()
        if distinct.is_empty():
            return pl.Series(values.name, [None] * len(values), dtype=pl.String)
        prefix = domain.encode() + b"\x1f"
        digests = b"".join([hmac.digest(self.key, prefix + value.encode(), "sha256")[:15] for value in distinct])
        table = pl.DataFrame({"value": distinct, "pseudonym": _base32(digests)})
        return pl.DataFrame({"value": values}).join(table, on="value", how="left", maintain_order="left")["pseudonym"].alias(values.name)


def key_path(home: Path | str) -> Path:
    """Where the key lies: the folder is entered by its owner alone."""
    return Path(home) / "keys" / "pseudonym.key"


def rotate(home: Path | str) -> Pseudonyms:
    """Put a new key in the place of the old one, which stays beside it as `retired-<fingerprint>.key` until someone deletes it.

    Every pseudonym changes with the next run: the fingerprint is part of what clean tables are made from. Old and new releases can
    then be joined by nobody who lacks both keys.
    """
    if os.environ.get(ENVIRONMENT):
        raise KeyProblem(f"the key is given by {ENVIRONMENT}; remedy: change it there")
    path = key_path(home)
    if path.exists():
        old = Pseudonyms.load(home)
        retired = path.with_name(f"retired-{old.fingerprint}.key")
        if not retired.exists():
            os.link(path, retired)
    new = secrets.token_bytes(KEY_BYTES)
    temporary = _temporary(path, new)
    os.replace(temporary, path)
    return Pseudonyms(new)


def _write_new(path: Path, key: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    temporary = _temporary(path, key)
    try:
        # A link fails where another process was first: then its key counts.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)


def _temporary(path: Path, key: bytes) -> str:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.chmod(temporary, 0o600)
    return temporary


def _decoded(text: str, where: str) -> bytes:
    for decode in (bytes.fromhex, lambda value: base64.b64decode(value, validate=True)):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == KEY_BYTES:
            return key
    raise KeyProblem(f"{where} holds no key of {KEY_BYTES} bytes; remedy: give 64 hex digits (openssl rand -hex 32)")


_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)


def _base32(digests: bytes) -> pl.Series:
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8).reshape(-1, 15), axis=1).reshape(-1, PSEUDONYM_LENGTH, 5)
    letters = _ALPHABET[bits @ np.array([16, 8, 4, 2, 1], dtype=np.uint8)]
    return pl.Series(np.ascontiguousarray(letters).view(f"S{PSEUDONYM_LENGTH}").ravel().astype(f"U{PSEUDONYM_LENGTH}"), dtype=pl.String)


# Protecting a table by its contract


def protect(table: pa.Table, contract: Feed, pseudonyms: Pseudonyms) -> pa.Table:
    """Add the contract's protected columns: declared and provenance columns in, exactly `contract.clean_columns` out."""
    schema = arrow_schema(contract.clean_columns)
    if not contract.protect:
        return table.select(schema.names).cast(schema)
    needed = {source for protection in contract.protect for source in protection.sources} | set(_row_names(contract))
    frame = pl.DataFrame(pl.from_arrow(table.select([name for name in table.column_names if name in needed])))
    made: dict[str, pl.Series] = {}
    for protection in contract.protect:
        made |= _protected(frame, protection, contract, pseudonyms)
    columns = {name: table[name] for name in table.column_names} | {name: series.to_arrow() for name, series in made.items()}
    arrays = []
    for wanted in schema:
        column = columns[wanted.name]
        arrays.append(column.cast(wanted.type))
    return pa.table(arrays, schema=schema)


def _row_names(contract: Feed) -> list[str]:
    personal = {column.name for column in contract.columns if column.classification in ("personal", "sensitive")}
    return [name for name in NAME_COLUMNS if name in personal]


def _protected(frame: pl.DataFrame, protection: Protection, contract: Feed, pseudonyms: Pseudonyms) -> dict[str, pl.Series]:
    name = protection.name
    if protection.method == "person_key":
        assert isinstance(protection.source, Mapping)
        parts = {part: frame[column].cast(pl.String) for part, column in protection.source.items()}
        keys, weak = person_keys(pl.DataFrame(parts), pseudonyms)
        return {name: keys, f"{name}_weak": weak}
    values = frame[protection.sources[0]].cast(pl.String)
    if protection.method == "key":
        domain = protection.domain or protection.sources[0]
        return {name: pseudonyms.of(domain, normalised(values, domain))}
    if protection.method == "redact":
        return {name: redact(values, [frame[column] for column in _row_names(contract)])}
    mask = {"mask_name": _masked_name, "mask_phone": _masked_phone, "mask_number": _masked_number}[protection.method]
    return {name: _by_distinct(values, mask)}


def _by_distinct(values: pl.Series, change: object) -> pl.Series:
    distinct = pl.DataFrame({"value": values.drop_nulls().unique()})
    table = distinct.with_columns(change(pl.col("value")).alias("made"))  # type: ignore[operator]
    return pl.DataFrame({"value": values}).join(table, on="value", how="left", maintain_order="left")["made"]


# Keys

_WIDE = {chr(0xFF01 + offset): chr(0x21 + offset) for offset in range(94)} | {"\u3000": " "}
_TEXT_WIDE = {wide: narrow for wide, narrow in _WIDE.items() if narrow.isalnum() or narrow in "-+@.#_ "}
"""In running text only letters, digits and signs inside numbers are narrowed; Chinese punctuation stays as it is."""


def _bare(value: pl.Expr) -> pl.Expr:
    return value.str.replace_many(list(_WIDE), list(_WIDE.values())).str.replace_all(r"\s", "").str.to_uppercase()


def _phone(value: pl.Expr) -> pl.Expr:
    digits = value.str.replace_many(list(_WIDE), list(_WIDE.values())).str.replace_all(r"[^0-9+]", "")
    return digits.str.replace(r"^(?:\+|00)86", "").str.replace(r"^86(1[3-9]\d{9})$", "$1").str.replace_all(r"\+", "")


def _nullified(value: pl.Expr) -> pl.Expr:
    return pl.when(value != "").then(value)


def normalised(values: pl.Series, domain: str) -> pl.Series:
    """Values of a domain in the one form that counts as equal: phones as bare digits without +86, others half-width, upper case, no blanks."""
    change = _phone if domain == "phone" else _bare
    return _by_distinct(values, lambda value: _nullified(change(value)))


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = list("10X98765432")


def full_identity_number(number: pl.Expr) -> pl.Expr:
    """15-digit identity numbers brought to 18: the century 19 and the check character of GB 11643 (ISO 7064 MOD 11-2); others as they are."""
    body = pl.concat_str(number.str.slice(0, 6), pl.lit("19"), number.str.slice(6, 9))
    total = pl.sum_horizontal(body.str.slice(place, 1).cast(pl.Int32, strict=False) * weight for place, weight in enumerate(_WEIGHTS))
    check = (total % 11).replace_strict(list(range(11)), _CHECK, default=None, return_dtype=pl.String)
    return pl.when(number.str.contains(r"^\d{15}$")).then(pl.concat_str(body, check)).otherwise(number)


def person_keys(parts: pl.DataFrame, pseudonyms: Pseudonyms) -> tuple[pl.Series, pl.Series]:
    """Person keys and whether they are weak, from text columns `number, kind, household, name, birth_date` (absent ones count as null).

    A resident identity number counts alone; another document by kind and number; without a number the key is made from household,
    name and birth date and is weak. Without household or name there is no key: a name alone never makes one.
    """
    have = {
        column: _nullified(_bare(pl.col(column))) if column in parts.columns else pl.lit(None, pl.String)
        for column in ("number", "kind", "household", "name", "birth_date")
    }
    number = full_identity_number(have["number"])
    resident = number.str.contains(r"^\d{17}[\dX]$") & (have["kind"].is_null() | (have["kind"] == "RESIDENT_ID"))
    strong = (
        pl.when(number.is_null()).then(None)
        .when(resident | (have["kind"] == "RESIDENT_ID")).then(pl.concat_str(pl.lit("RESIDENT_ID\x1f"), number))
        .otherwise(pl.concat_str(have["kind"].fill_null("OTHER"), pl.lit("\x1f"), number))
    )  # fmt: skip
    household, name = have["household"], have["name"]
    weak = pl.when(household.is_not_null() & name.is_not_null()).then(
        pl.concat_str(pl.lit("WEAK\x1f"), household, pl.lit("\x1f"), name, pl.lit("\x1f"), have["birth_date"].fill_null(""))
    )
    made = parts.select(strong.alias("strong"), weak.alias("weak")).with_columns(
        pl.coalesce("strong", "weak").alias("key"), (pl.col("strong").is_null() & pl.col("weak").is_not_null()).alias("is_weak")
    )
    is_weak = made.select(pl.when(pl.col("key").is_not_null()).then("is_weak")).to_series()
    return pseudonyms.of("person", made["key"]), is_weak


# Masks

COMPOUND = [
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
    "司徒",
    "司空",
    "夏侯",
    "端木",
    "轩辕",
    "长孙",
    "宇文",
    "独孤",
    "南宫",
    "西门",
    "百里",
    "呼延",
    "申屠",
    "太史",
    "钟离",
    "澹台",
    "第五",
    "歐陽",
    "諸葛",
    "東方",
    "司馬",
]
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白"
    "崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟"
    "卜肖詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖"
    "符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明沙薄伏岑习胥保和蔺"
    "付闫尚佘劳晁厉芮麦区利幸缪阚鹿亓仝尧邝郏郗闻战隗樓呂伊涵池逯廉寇储束茅仉戈支査税眭鄞鱼种阴訾修"
    "張劉陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂蘇盧蔣賈葉閻鍾譚鄒陸顧龍萬錢湯喬賀賴龔龐蘭顏嚴蘆魯韋畢聶齊莊塗時關費紀項衛單寧閔車邊饒連欒鬱計竇遲鞏樂應臺簡婁"
)
SURNAMES = "".join(dict.fromkeys(_SURNAMES))
"""Family names of one character in both scripts: the most frequent of the mainland and of Taiwan, which cover over 99 % of people."""


def _masked_name(value: pl.Expr) -> pl.Expr:
    """姓**: the family name and two stars, whatever the length."""
    bare = value.str.strip_chars()
    compound = bare.str.slice(0, 2).is_in(COMPOUND) & (bare.str.len_chars() > 2)
    return pl.when(bare != "").then(
        pl.concat_str(pl.when(compound).then(bare.str.slice(0, 2)).otherwise(bare.str.slice(0, 1)), pl.lit("**"))
    )


def _masked_phone(value: pl.Expr) -> pl.Expr:
    """138****1234 for a mobile number; area code or two digits, and the last two, of others."""
    digits = _phone(value)
    return (
        pl.when(digits == "").then(None)
        .when(digits.str.contains(r"^1\d{10}$")).then(pl.concat_str(digits.str.slice(0, 3), pl.lit("****"), digits.str.slice(-4)))
        .when(digits.str.len_chars() >= 9).then(pl.concat_str(digits.str.slice(0, 3), pl.lit("****"), digits.str.slice(-2)))
        .when(digits.str.len_chars() >= 6).then(pl.concat_str(pl.lit("****"), digits.str.slice(-2)))
        .when(digits.is_not_null()).then(pl.lit("****"))
    )  # fmt: skip


def _masked_number(value: pl.Expr) -> pl.Expr:
    """First three and last two characters of a document number of eight or more; stars alone for a shorter one."""
    bare = _bare(value)
    return (
        pl.when(bare == "").then(None)
        .when(bare.str.len_chars() >= 8).then(pl.concat_str(bare.str.slice(0, 3), pl.lit("*************"), bare.str.slice(-2)))
        .when(bare.is_not_null()).then(pl.lit("*****"))
    )  # fmt: skip


# Redaction of free text

_HAN_NUMBER = "[〇零一二三四五六七八九十百两]"
_NUMBER = rf"(?:[A-Za-z]?\d{{1,5}}[A-Za-z]?(?:[-—~、/]\d{{1,5}}[A-Za-z]?)*|{_HAN_NUMBER}{{1,6}}|(?-u:\b)[A-Za-z])"
_DOOR_WORD = "(?:号楼|號樓|號楼|栋|幢|棟|座|号院|单元|單元|梯|号房|号门|室|房|户|戶|#|楼|樓|层|層|F)"
_DOOR = rf"(?:{_NUMBER}\s?{_DOOR_WORD}(?:之\s?{_NUMBER})?)"
_SPLIT = r"[-\s]?"
_NAME_REST = r"[\p{Han}--方式电話话联系号码手机电的是在有说称]"
_FIRST = r"[\p{Han}--称说表反投要希请认求建咨想在已对到是不同提再现拨来去于和与及的为因]"
"""How a name may begin; after 来电人 a verb (来电人表示, 诉求人称) is likelier than a family name of these, which are none."""
_COMPOUNDS = "|".join(COMPOUND)
_NAME = rf"(?:(?:{_COMPOUNDS})[\p{{Han}}]{{1,2}}|[{SURNAMES}]{_NAME_REST}{{1,2}})"
_LAZY_NAME = rf"(?:(?:{_COMPOUNDS})[\p{{Han}}]{{1,2}}?|[{SURNAMES}]{_NAME_REST}{{1,2}}?)"
_SHORT_NAME = rf"(?:(?:{_COMPOUNDS})[\p{{Han}}]{{0,2}}?|[{SURNAMES}][\p{{Han}}]{{0,2}}?|[小老阿][{SURNAMES}])"
_HONORIFIC = (
    "先生|女士|小姐|太太|阿姨|大爷|大妈|大叔|大姐|大哥|叔叔|伯伯|奶奶|爷爷|婆婆|师傅|老师|同志|同學|同学|经理|主任|医生|律师|夫人|某某|某"
)
_STRONG_CUE = "我叫|我名叫|名叫|名字叫|名字是|本人叫|本人|姓名|联系人|聯絡人|聯繫人|经办人|负责人|当事人|户主|戶主|业主姓名|诉求人|反映人|投诉人|举报人|申请人|来电人|信访人|法定代表人|法人代表|签收人|收件人|房东|租客叫"
_CALLED = "我叫|我名叫|名叫|名字叫|名字是|本人叫|姓名|联系人|聯絡人|聯繫人|经办人|当事人|户主|戶主|业主姓名|诉求人|反映人|投诉人|举报人|申请人|来电人|信访人|法定代表人|法人代表|签收人|收件人"
"""Cues after which a short run of characters up to a comma or a number is a name, whatever the family name."""
_WEAK_CUE = "我是|走访|探访|看望|慰问|回访|致电|居民|业主|市民|住户|患者|家属|老人|村民|员工|司机|老板|群众|邻居"
_AFTER_NAME = r"[,，。.;；、!！?？:：\s()（）\[]|反映|投诉|举报|来电|来访|称|表示|说|诉|的|住|在|于|电话|手机|身份证|联系|$|\x{E002}"  # the last: where another word begins

_KIN = "(?:我|俺|其|他|她|本人)的?(?:老婆|老公|爱人|妻子|丈夫|父亲|母亲|爸爸|妈妈|爸|妈|爷爷|奶奶|姥姥|外婆|外公|父母|儿子|女儿|孙子|孙女|外孙|岳父|岳母|公公|婆婆|哥哥|弟弟|姐姐|妹妹|孩子|小孩|同事|朋友|室友|亲戚|舅舅|姑姑|叔叔|阿姨)(?:叫|是)?"
_AFTER_KIN = rf"{_AFTER_NAME}|今|昨|前|被|去|到|从|因|患|没|正|已|每|又|也|经常|现|下班|上班|走失|摔"
_CLEAR = "王李张刘陈杨赵黄周吴徐孙胡朱郭罗梁宋郑谢韩唐冯董萧曹袁邓傅沈彭吕苏卢蒋蔡贾丁魏薛阎潘杜戴汪姜姚谭廖邹熊陆郝孔崔邱秦侯邵孟尹乔贺赖龚庞樊殷施陶洪翟颜倪俞鲁葛伍韦聂焦柳邢岳莫庄祁耿牟肖詹苗靳童甄裴屈鲍霍翁隋張劉陳楊趙黃吳孫羅鄭謝韓馮蕭鄧呂蘇盧蔣賈閻鄒陸喬賀賴龔龐顏魯韋聶莊"
"""Family names that are no words by themselves in what people report (路, 车, 高, 何 are)."""
_NO_NAME = (
    "方便|方才|方向|方案|方式|方法|马上|马路|常常|常年|常见|时常|时间|时候|明明|明天|明显|明确|强烈|强行|应当|应该|应急|安全|安静|安装|安排|房屋|房子|房东|房租|房间|高血压|高考|高三|高中|高度|高兴|高速|高空|高温|高峰|"
    "黄灯|黄昏|黄金|黄色|黄线|周末|周边|周围|周一|周二|周三|周四|周五|周六|周日|于昨|于今|于是|于本|李村|张江|王府|刘村|宋庄|金额|金色|白天|水管|水费|水压|车位|车辆|车库|路灯|路面|路口|路边|石头|石料|"
    "全家|全体|全部|成功|成员|成为|平时|平台|平安|和谐|关于|关门|关注|古树|毛病|毛坯|陈旧|陈述|杨树|柳树|梁上|董事|江边|池塘|井盖|计划|祝福|万一|万达|文明|文件|武装|单位|单元|温度|温馨|解决|解释|程序|程度|任何|任意|"
    "何时|何人|许多|许可|曾经|向上|向我|向其|左右|左侧|左边|边上|边角|台阶|台风|连续|连接|连日|经常|经过|经济|施工|施肥|孔洞|严重|严格|康复|顾客|范围|费用|符合|项目|景观|包括|包装|宁愿|尚未|印章|应用"
)
"""Words that begin with a family name: after a cue they are what was reported, not who."""
_CN_DIGIT = "[零〇○一幺二三四五六七八九]"

_Rules = tuple[tuple[str, str], ...]

_KEEP: _Rules = (
    # A number with 号 that is no door: metro lines, documents, days of a month.
    (r"(\d+)[号號](线|線|文|令|公告|台风|桌|机|工单|案|件)", "${1}\ue000${2}"),
    (r"(月\s?\d{1,2})[号號]", "${1}\ue000"),
    (r"((?-u:\b)[0-3]?\d)[号號](上午|下午|晚|早|凌晨|中午|左右|开始|起|之前|以前|至|到)", "${1}\ue000${2}"),
    (r"(\d+)(层楼高|层高|楼高)", "${1}\ue001${2}"),
)

_NUMBERS: _Rules = (
    # Written in Chinese numerals, or digit by digit with a blank or hyphen between: identity numbers first, they hold mobile numbers.
    (rf"{_CN_DIGIT}(?:[-\s]?{_CN_DIGIT}){{14,16}}(?:[-\s]?(?:{_CN_DIGIT}|[Xx]))?", "[证件号]"),
    (rf"[一幺][-\s]?[三四五六七八九](?:[-\s]?{_CN_DIGIT}){{9}}", "[电话]"),
    (r"(?-u:\b)[1-9](?:[-\s]\d){16}[-\s][\dXx](?-u:\b)", "[证件号]"),
    (r"(?-u:\b)1[-\s][3-9](?:[-\s]\d){9}(?-u:\b)", "[电话]"),
    (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "[邮箱]"),
    # 18 and 15 digit identity numbers, with blanks or hyphens between their parts; any longer run of digits is a card.
    (r"[1-9]\d{5}[-\s]?(?:18|19|20)\d{2}[-\s]?(?:0[1-9]|1[0-2])[-\s]?(?:0[1-9]|[12]\d|3[01])[-\s]?\d{3}[\dXx*]", "[证件号]"),
    (r"(?-u:\b)[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?-u:\b)", "[证件号]"),
    (r"(?-u:\b)\d{15,30}[Xx]?", "[证件号]"),
    (r"(?-u:\b)(?:\d{4}[-\s]){3,4}\d{1,4}(?-u:\b)", "[证件号]"),
    (r"(?-u:\b)(?:[A-Z][12]\d{8}|[A-Z][89A-D]\d{8}|[HMC]\d{8,10}|[EGDSPK][A-Z]?\d{7,8})(?-u:\b)", "[证件号]"),
    (r"((?:身份证|身分證|证件|證件|护照|護照|通行证|居住证|社保卡)[号號]?码?[是为：:\s]{0,3})[A-Za-z0-9]{6,20}", "${1}[证件号]"),
    # Mobile numbers with separators, then landlines with area code, service numbers, Taiwan's forms, bare numbers.
    (rf"(?:(?:\+|00)?86{_SPLIT})?1[3-9]\d{_SPLIT}\d{{4}}{_SPLIT}\d{{4}}", "[电话]"),
    (rf"(?:(?:\+|00)?86{_SPLIT})?1[3-9]\d{{2}}{_SPLIT}\d{{3}}{_SPLIT}\d{{4}}", "[电话]"),
    (r"[(（]?(?-u:\b)0\d{1,3}[)）]?[-—\s]?[2-9]\d{2,3}[-\s]?\d{3,4}(?:[-转轉#]\d{1,6})?", "[电话]"),
    (rf"(?:(?:\+|00)?886{_SPLIT}|0)9\d{{2}}{_SPLIT}\d{{3}}{_SPLIT}\d{{3}}", "[电话]"),
    (r"(?-u:\b)[48]00[-\s]?\d{3}[-\s]?\d{4}(?-u:\b)", "[电话]"),
    (r"((?:电话|電話|手机|手機|致电|致電|热线|[Tt]el|TEL|号码|號碼|座机)[号號]?码?[是为：:\s]{0,3})\+?\d[\d\s-]{5,14}\d", "${1}[电话]"),
    (r"(?-u:\b)(?:[3-9]\d{3}|2[1-9]\d{2})[-\s]?\d{4}(?-u:\b)", "[电话]"),
    (r"((?:微信|QQ|qq|[Vv][Xx])[号號]?[是为：:\s]{0,3})[A-Za-z0-9][A-Za-z0-9_-]{4,19}", "${1}[账号]"),
    (
        "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•. -]?[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳]",
        "[车牌]",
    ),
    (r"(?-u:\b)(?:[A-Z]{2,3}-\d{3,4}|\d{4}-[A-Z]{2})(?-u:\b)", "[车牌]"),
)

_DOORS: _Rules = (
    # Taiwan: lane, alley, number, floor, with 之.
    (
        rf"(?:{_NUMBER}\s?巷)?(?:{_NUMBER}\s?弄)?{_NUMBER}(?:之{_NUMBER})?[号號](?:之{_NUMBER})?(?:[-\s]?{_DOOR})*(?:[-\s]?\d{{1,4}}(?-u:\b))?",
        "[门牌]",
    ),
    # A chain of building, unit, floor, room; the last word may be missing: 3栋2单元501.
    (rf"{_DOOR}(?:[-,，\s]?{_DOOR})*(?:[-\s]?[A-Za-z]?\d{{2,5}})?", "[门牌]"),
    (r"(?-u:\b)[A-Za-z]?\d{1,4}-(?:\d{1,3}-)?\d{2,4}[A-Za-z]?(?-u:\b)", "[门牌]"),
    (r"(\p{Han})[A-Za-z]?\d{1,3}\s\d{3,4}(?-u:\b)", "${1}[门牌]"),
    (r"(?-u:\b)\d{1,5}之\d{1,4}(?-u:\b)", "[门牌]"),
    (r"\[门牌\](?:[-,，\s]?(?:\[门牌\]|[A-Za-z]?\d{2,4}(?-u:\b)))+", "[门牌]"),
)

_NAMES: _Rules = (
    (rf"((?:{_STRONG_CUE})(?:叫|是|为|[：:])?[：:\s]{{0,2}}){_LAZY_NAME}({_AFTER_NAME})", "${1}[姓名]${2}"),
    (rf"((?:{_STRONG_CUE})(?:叫|是|为|[：:])?[：:\s]{{0,2}}){_NAME}", "${1}[姓名]"),
    (
        rf"((?:{_CALLED})(?:叫|是|为|[：:])?[：:\s]{{0,2}}){_FIRST}[\p{{Han}}·]{{1,3}}([,，。.;；、\s(（]|电话|手机|身份证|$)",
        "${1}[姓名]${2}",
    ),
    (rf"((?:{_WEAK_CUE})[：:\s]?){_LAZY_NAME}({_AFTER_NAME})", "${1}[姓名]${2}"),
    (rf"((?:{_KIN})[：:\s]?){_LAZY_NAME}({_AFTER_KIN})", "${1}[姓名]${2}"),
    (rf"((?:{_WEAK_CUE})[：:\s]?)[{_CLEAR}][\p{{Han}}]{{1,2}}?({_AFTER_KIN}|半夜|拖欠|家里|家中|家养)", "${1}[姓名]${2}"),
    (rf"(^|[,，。.;；、\s的位名])[{_CLEAR}][\p{{Han}}]{{1,2}}?(反映|投诉|举报|来电|来访|来信|诉求|求助)", "${1}[姓名]${2}"),
    (rf"[{SURNAMES}](?:\s[\p{{Han}}]){{1,2}}(\s?[,，的]?\s?(?:电话|手机|联系|反映|投诉|先生|女士))", "[姓名]${1}"),
    (rf"{_SHORT_NAME}({_HONORIFIC})", "[姓名]${1}"),
    (rf"{_NAME}(的(?:联系)?(?:电话|手机|号码|方式|身份证)[号號]?码?[^\[,，。]{{0,4}}\[(?:电话|证件号)\])", "[姓名]${1}"),
    (rf"{_NAME}([,，、\s(（:：]{{1,2}}(?:联系)?(?:电话|手机|号码|方式)?[号號]?码?[是为：:\s]{{0,2}}\[电话\])", "[姓名]${1}"),
    (rf"(\[(?:电话|证件号)\][,，、\s(（]{{1,2}}){_NAME}", "${1}[姓名]"),
)

_GUARD: _Rules = ((rf"({_NO_NAME})", "\ue002${1}"),)
_RESTORE: _Rules = (("\ue000", "号"), ("\ue001", ""), ("\ue002", ""))


def _applied(value: pl.Expr, rules: Iterable[tuple[str, str]]) -> pl.Expr:
    for pattern, replacement in rules:
        value = value.str.replace_all(pattern, replacement)
    return value


def redact(texts: pl.Series, names: Iterable[pl.Series] = ()) -> pl.Series:
    """Free text without identity numbers, phones, e-mails, plates, names and doors; placeholders stand in their place.

    `names`: series of the same length with names that belong to the row; they go out wherever they stand in that row's text. Other
    names go out where a cue gives them away (我叫, 联系人, 先生 …). Full-width letters and digits become half-width.
    """
    without_names = texts
    for known in names:
        without_names = _without_known(without_names, known)
    return _by_distinct(without_names, _redacted)


def _redacted(value: pl.Expr) -> pl.Expr:
    narrow = value.str.replace_many(list(_TEXT_WIDE), list(_TEXT_WIDE.values()))
    return _applied(narrow, (*_NUMBERS, *_KEEP, *_DOORS, *_GUARD, *_NAMES, *_RESTORE))


def _without_known(texts: pl.Series, known: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"text": texts.cast(pl.String), "name": known.cast(pl.String).str.strip_chars()})
    # A name of one character would tear holes into other words.
    hit = (pl.col("name").str.len_chars() >= 2) & pl.col("text").str.contains(pl.col("name"), literal=True)
    found = frame.with_columns(hit.fill_null(False).alias("hit"))
    if not found["hit"].any():
        return frame["text"]
    rows = found.with_row_index("row").filter("hit")
    cut = rows.select("row", pl.col("text").str.split(by=pl.col("name")).list.join("[姓名]").alias("cut"))
    return (
        found.with_row_index("row")
        .join(cut, on="row", how="left", maintain_order="left")
        .select(pl.coalesce("cut", "text").alias("text"))
        .to_series()
    )
