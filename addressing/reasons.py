"""Why a text got its answer: reason codes, and the sentence for each in English and Chinese. One enum shared by code, data and receipts."""

from __future__ import annotations

LEVEL_NAMES = {
    "province": ("province", "省"), "city": ("city", "市"), "district": ("district", "区县"), "street": ("street office", "街道"),
    "community": ("community", "社区"), "neighbourhood": ("neighbourhood", "邻"), "road": ("road", "道路"), "lane": ("lane", "巷"),
    "alley": ("alley", "弄"), "number": ("door number", "门牌号"), "estate": ("estate", "小区"), "building": ("building", "楼栋"),
    "unit": ("unit", "单元"), "floor": ("floor", "楼层"), "room": ("room", "房间"), "crossing": ("crossing", "路口"),
    "": ("place", "地点"),
}  # fmt: skip

# code: (English, Chinese); {level} is the level of the answer.
SENTENCES = {
    "exact": ("The text names this {level} as the register writes it.", "文本所写与登记的{level}一致。"),
    "alias": ("The text uses an alias or former name of this {level}.", "文本使用了该{level}的别名或曾用名。"),
    "full_text": ("The whole text equals the register's full address.", "文本与登记的完整地址相同。"),
    "section_omitted": (
        "The text leaves out the road's section; only one section has this number.", "文本省略了路段，仅有一个路段登记有该门牌号。"),
    "road_omitted": (
        "The text leaves out the road; of the district's roads only one has this {level}.", "文本未写路名，该区内仅有一条道路有此{level}。"),
    "unit_omitted": (
        "The text leaves out the unit; only one unit of the building has this room.", "文本省略了单元，该楼栋仅有一个单元登记有该房间。"),
    "ground_floor": ("The ground floor is registered under the door number alone.", "一楼以门牌号本身登记。"),
    "list": ("The text lists several numbers; the first registered one was taken.", "文本列出多个门牌号，取其中第一个已登记的。"),
    "district_conflict": (
        "The road and number are registered in another district than the one the text names.", "该路名与门牌号登记在文本所写之外的区县。"),
    "hint": ("Several places fit; the hints given beside the text leave this {level}.", "有多个候选，依据随附信息确定为该{level}。"),
    "nearest_number": ("The text names the road; the coordinates lie nearest to this number.", "文本写明道路，坐标最接近该门牌号。"),
    "correction": ("One name was corrected to the register's: {level} found.", "更正了一个名称后，与登记的{level}一致。"),
    "names_no_more": ("The text names this {level} and nothing deeper.", "文本只写到该{level}，未写更细的部分。"),
    "near": ("The text says a place near this {level}.", "文本描述的是该{level}附近的位置。"),
    "crossing": ("The text names the crossing of two roads.", "文本描述的是两条道路的交叉口。"),
    "inside_missing": (
        "The {level} is registered, the part of it that the text names is not.", "该{level}已登记，但文本所写的更细部分未登记。"),
    "number_missing": ("The {level} is registered, the number is not.", "该{level}已登记，但门牌号未登记。"),
    "number_missing_neighbours": (
        "The number is not registered; its registered neighbours on the same side share one community.",
        "门牌号未登记；同侧相邻的已登记门牌属于同一社区。"),
    "number_unread": (
        "The {level} is registered; the number that the text names beside it is no registered door of it.",
        "该{level}已登记；文本另写的号码不是其已登记的门牌。"),
    "lane_missing": ("The {level} is registered, the lane that the text names is not.", "该{level}已登记，但文本所写的巷弄未登记。"),
    "street_missing": (
        "The {level} is registered, the street that the text names is not.", "该{level}已登记，但文本所写的道路未登记。"),
    "retired": ("The place was registered formerly and is so no more.", "该地点曾登记，现已注销。"),
    "several": ("Several registered places fit the text; what they share is given.", "有多个已登记地点符合，给出其共同的上级。"),
    "contradiction": (
        "The text's own parts name different registered places; what they share is given.", "文本各部分指向不同的登记地点，给出其共同的上级。"),
    "elsewhere": ("The text names a city or district that the register does not cover.", "文本所写的市或区县不在登记范围内。"),
    "unknown_name": ("The text has the form of an address, but no name in it is registered.", "文本具有地址形式，但其中名称均未登记。"),
    "no_address": ("The text names no place.", "文本没有写明地点。"),
    "similar_text": ("The register's most similar text; no number differs.", "登记中最相似的文本，门牌数字无冲突。"),
    "hint_only": ("The text names no place; the {level} comes from the hints beside it.", "文本未写明地点，{level}来自随附信息。"),
}  # fmt: skip

REASON_CODES = tuple(SENTENCES)


def sentence(code: str, level: str | None, language: str) -> str:
    """The sentence for a reason code; language "en" or "zh"."""
    place = 0 if language == "en" else 1
    return SENTENCES[code][place].format(level=LEVEL_NAMES[level or ""][place])
