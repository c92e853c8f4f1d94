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

# Why a place or name that was looked at is not the answer: code: (English, Chinese), with the fields that `considered` fills in.
RULED_OUT = {
    "division": ("vetoed by its {level}: it lies in {own}, the text names {said}", "因{level}不符而否决：位于{own}，文本写的是{said}"),
    "fits_too": ("fits the text as well; none of them is certain", "同样符合文本，无法确定是哪一个"),
    "less_evidence": ("bears the same name; what the text or the hints name speaks for the answer", "名称相同；文本或随附信息支持所选结果"),
    "other_number": (
        "another number, so vetoed: {said} is not registered; this is the nearest one {side} it on its side of the street",
        "门牌号不同而否决：{said}未登记，此为同侧{side}最近的登记门牌"),
    "other_part": (
        "another {level}, so vetoed: {said} is not registered there; this is the nearest that is", "{level}不同而否决：{said}未登记，此为最接近的已登记者"),
    "contradiction": ("one part of the text leads here, another elsewhere", "文本的一部分指向此处，另一部分指向别处"),
    "damage_dearer": ("{kind}; {better} is the likelier slip", "{kind}；{better}的可能性更大"),
    "damage_more": ("{kind}; the likelier name differs in less", "{kind}；与更可能的名称相比差别更大"),
    "damage_encoding": (
        "{kind}; but the region's old encoding has the character, so it would not have been lost", "{kind}；但该字在旧编码中存在，不致丢失"),
    "damage_away": ("{kind}; but no place of it lies in what the text names", "{kind}；但不在文本所写的街道或社区内"),
    "damage_number": ("{kind}; but the number is not registered there", "{kind}；但该处未登记此门牌号"),
    "damage_lane": ("{kind}; but the lane is not registered there", "{kind}；但该处未登记此巷弄"),
    "damage_bare": (
        "{kind}; a bare name with a number may be a park, a gate or an exit", "{kind}；仅有名称与号码时也可能是公园、门或出口"),
    "damage_fits_too": ("{kind}; fits as well as others, so none is taken", "{kind}；与其他候选同样符合，故不采用"),
    "damage_less": ("{kind}; fits less well than the answer", "{kind}；不如所选结果符合"),
    "damage_many": ("{kind}; one of too many that are as likely", "{kind}；可能性相同的候选过多"),
    "lane_too": ("has this section or lane too, and the text names no road", "同样有此路段或巷弄，而文本未写路名"),
    "runner_up": ("the next best", "次优"),
}  # fmt: skip

# Kinds of damage to a name, as a receipt says them; keys of `confusion.KINDS`, and those of the corrections stage.
DAMAGE = {
    "unreadable": ("unreadable character", "有字无法辨认"), "homophone": ("sounds alike", "同音字"), "near_homophone": ("sounds nearly alike", "近音字"),
    "look_alike": ("looks alike", "形近字"), "like_radical": ("shares a radical", "偏旁相同"), "like_strokes": ("nearly the same strokes", "笔画相近"),
    "transposed": ("two characters swapped", "两字颠倒"), "doubled": ("a character doubled", "重字"), "lost": ("a character missing", "缺字"),
    "inserted": ("a character too many", "多字"), "misread": ("one other character", "一字不同"), "suffix": ("another type word", "通名不同"),
    "bare": ("type word left out", "省略通名"),
}  # fmt: skip


def sentence(code: str, level: str | None, language: str) -> str:
    """The sentence for a reason code; language "en" or "zh"."""
    place = 0 if language == "en" else 1
    return SENTENCES[code][place].format(level=LEVEL_NAMES[level or ""][place])
