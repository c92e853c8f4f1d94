"""Words that the demo city is made of: names, and the damage that people do to names when they write them.

Belongs here: lists of invented words, and the seeded streams of random numbers. Not here: anything that makes a record.
"""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np
import polars as pl
from pypinyin import lazy_pinyin

Index = np.ndarray

NAME_FIRST = "翠锦金御雅嘉丽汇星鸿华荣福盛瑞德悦澜康恒宏景蓝碧银紫云海东南新康祥安泰和天龙凤宝春"
NAME_SECOND = "湖绣苑景园城湾庭岭泽轩辰峰源林河畔阳溪谷枫月兰桂松竹梅柏桥台山江海晖榕棠荷泉"
ESTATE_KINDS = ("花园", "花园", "家园", "雅苑", "华府", "公馆", "名庭", "豪庭", "大厦", "公寓", "广场", "新城")
PARK_KINDS = ("工业园", "科技园", "产业园", "创业园")
VILLAGE_STEMS = (
    "上辇", "下辇", "塘边", "石榴", "大围", "荔园", "水贝", "松岗", "新围", "老围", "榕树", "横坑", "禾场", "竹头", "田心", "沙埔",
    "黄麻", "狮山", "蕉园", "马坳", "龙眼", "凤塘", "洋涌", "禾塘", "井头", "圳边", "岗尾", "坳背", "河背", "楠木", "油柑", "菱塘",
    "白石", "红坳", "芒果", "牛栏", "莲塘", "樟坑", "簕竹", "沙梨",
)  # fmt: skip
VILLAGE_KINDS = ("新村", "旧村", "围", "村")
ROAD_FIRST = "侨荔碧松长振华同富裕民生康宏观景田湖龙凤晨朝东翠兰金玉汇聚创科兴盛"
ROAD_SECOND = "安明光园发和业达泰昌宁顺祥庆丰源新德辉文山岭溪川"
ROAD_KINDS = ("路", "路", "路", "街", "大道", "路")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
GIVEN = "子梓宇浩轩一涵欣怡佳俊杰明志强建国华伟芳娜敏静丽秀英玉兰桂红霞燕萍雪梅琳洁莹慧颖婷雅思晨睿哲航博文瑞凯鹏飞龙海波涛军勇刚毅平安康宁春夏秋云月星辰阳光林森木水清源泽润雨露晴岚远达通昌盛"
SHOP_WORDS = ("旺", "兴", "顺", "百", "乐", "优", "好", "鑫", "润", "味", "鲜", "福", "祥", "美", "佳")
SHOP_KINDS = ("便利店", "餐饮店", "理发店", "药店", "水果店", "五金店", "服装店", "快餐店", "宠物店", "电动车行", "烘焙店", "足浴店")
COMPANY_KINDS = (
    "科技有限公司",
    "电子有限公司",
    "精密制造有限公司",
    "塑胶制品有限公司",
    "物流有限公司",
    "贸易有限公司",
    "建筑工程有限公司",
    "教育咨询有限公司",
    "环保设备有限公司",
    "新材料有限公司",
)

DIGITS_CN = "〇一二三四五六七八九"

LOOK_ALIKE = {
    "翠": "粹", "锦": "绵", "御": "卸", "雅": "稚", "嘉": "喜", "汇": "江", "星": "皇", "鸿": "鸠", "华": "毕", "荣": "荥", "福": "副",
    "瑞": "端", "德": "得", "悦": "说", "澜": "阑", "康": "庚", "恒": "桓", "宏": "宠", "景": "影", "蓝": "篮", "碧": "珀", "银": "很",
    "海": "梅", "南": "楠", "祥": "详", "安": "按", "泰": "秦", "天": "夭", "龙": "尤", "凤": "风", "宝": "室", "春": "舂", "湖": "糊",
    "绣": "锈", "苑": "范", "园": "圆", "城": "诚", "湾": "弯", "庭": "廷", "岭": "领", "泽": "译", "轩": "轩", "辰": "唇", "峰": "锋",
    "源": "原", "林": "村", "河": "何", "畔": "伴", "阳": "阴", "谷": "各", "枫": "飒", "月": "用", "桂": "挂", "松": "忪", "柏": "拍",
    "桥": "侨", "台": "合", "江": "红", "晖": "晕", "榕": "容", "棠": "常", "泉": "皂", "侨": "桥", "荔": "茘", "振": "赈", "同": "向",
    "富": "宫", "裕": "袷", "民": "氏", "生": "主", "观": "规", "田": "由", "晨": "晟", "朝": "潮", "东": "乐", "兰": "三", "金": "全",
    "玉": "王", "聚": "骤", "创": "刨", "科": "料", "兴": "兵", "盛": "盔", "明": "朋", "光": "先", "发": "友", "和": "知", "业": "亚",
    "达": "迖", "昌": "冒", "宁": "宇", "顺": "须", "庆": "厌", "丰": "韦", "新": "断", "辉": "挥", "文": "交", "山": "出", "川": "州",
}  # fmt: skip
"""Characters that people and scanners take for each other; own list."""


def stream(seed: int, name: str, chunk: int = 0) -> np.random.Generator:
    """The random numbers of one chunk of one feed: independent of how many numbers any other chunk or feed has drawn."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), chunk])


def pick(words: list[str] | tuple[str, ...] | pl.Series, index: Index) -> pl.Series:
    """Words at the positions given, as a text column; a position of -1 gives null."""
    series = words if isinstance(words, pl.Series) else pl.Series("words", list(words), dtype=pl.String)
    positions = pl.Series("at", np.asarray(index, dtype=np.int64))
    return series.gather(positions.set(positions < 0, None)).alias("picked")


_CLOCK = pl.Series([f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in range(86_400)])


def moments(second: Index, day_format: str = "%Y-%m-%d", between: str = " ") -> pl.Series:
    """Seconds since 1970 as text. From tables of days and times of day: several times faster than formatting each moment."""
    day, clock = second // 86_400, second % 86_400
    first, last = (int(day.min()), int(day.max())) if len(day) else (0, 0)
    days = pl.Series(np.arange(first, last + 1).astype("datetime64[D]")).dt.strftime(day_format)
    return pick(days, day - first) + between + pick(_CLOCK, clock)


def chosen(generator: np.random.Generator, words: list[str] | tuple[str, ...] | str, count: int) -> pl.Series:
    """`count` words (characters of a text) drawn with equal chances."""
    return pick(list(words) if isinstance(words, str) else words, generator.integers(0, len(words), count))


def full_width(text: pl.Expr) -> pl.Expr:
    """The text with full-width digits."""
    made = text
    for digit in "0123456789":
        made = made.str.replace_all(digit, chr(ord(digit) + 0xFEE0), literal=True)
    return made


def spelled(numbers: range) -> list[str]:
    """Chinese numerals as people write them in addresses, for 0 … 99."""
    made = []
    for number in numbers:
        tens, ones = divmod(number, 10)
        if number < 10:
            made.append("零" if number == 0 else DIGITS_CN[number])
        else:
            made.append(("" if tens == 1 else DIGITS_CN[tens]) + "十" + (DIGITS_CN[ones] if ones else ""))
    return made


@cache
def _common_by_sound() -> dict[str, str]:
    """Common characters (GB 2312 level 1) by their sound without tone."""
    characters = "".join(bytes([high, low]).decode("gb2312") for high in range(0xB0, 0xD7) for low in range(0xA1, 0xFF))
    sounds: dict[str, str] = {}
    for character, sound in zip(characters, lazy_pinyin(characters), strict=True):
        sounds[sound] = sounds.get(sound, "") + character
    return sounds


def homophone(name: str, generator: np.random.Generator) -> str | None:
    """`name` with one character of its stem replaced by one that sounds the same; None where there is none."""
    for position in generator.permutation(min(len(name), 2)):
        others = [other for other in _common_by_sound().get(lazy_pinyin(name[position])[0], "") if other != name[position]]
        if others:
            return name[:position] + others[int(generator.integers(len(others)))] + name[position + 1 :]
    return None


def look_alike(name: str) -> str | None:
    """`name` with one character of its stem replaced by one that looks like it; None where there is none."""
    for position in range(min(len(name), 2)):
        other = LOOK_ALIKE.get(name[position])
        if other and other != name[position]:
            return name[:position] + other + name[position + 1 :]
    return None


def transposed(name: str) -> str | None:
    """`name` with its first two characters swapped; None where that changes nothing."""
    return name[1] + name[0] + name[2:] if len(name) > 2 and name[0] != name[1] else None


def lost(name: str) -> str:
    """`name` with a question mark where a character was lost."""
    return "?" + name[1:]
