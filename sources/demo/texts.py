"""What people say: titles and bodies in many words for one matter, replies, and the personal details that they leave in free text.

Belongs here: sentences and their slots. Not here: who reports what and when (`reports`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import polars as pl

from sources.demo.vocabulary import chosen, pick

OPENINGS = (
    "市民来电反映，",
    "来电人表示，",
    "您好，",
    "诉求人称",
    "网友留言：",
    "我是附近居民，",
    "反映一个问题：",
    "尊敬的领导，",
    "之前也打过电话，",
    "",
    "麻烦登记一下，",
    "群众投诉：",
)
FIELD_OPENINGS = ("巡查发现，", "网格员日常巡查发现", "入户走访时居民反映，", "现场核查发现，", "检查时发现", "巡查至此，")
FIELD_WISHES = (
    "已拍照上报",
    "请责任单位处置",
    "建议尽快整改",
    "已现场劝导，需跟进",
    "需专业部门处理",
    "已告知责任人",
    "已设置警示，待处理",
)
TIMES = (
    ("",),
    ("每天晚上", "夜里", "深夜", "到了晚上十一点以后", "半夜"),
    ("一大早", "清晨", "早上六点多", "天刚亮"),
    ("这几天", "最近", "近一周", "连续好几天", "最近几天"),
    ("长期以来", "已经好几个月了", "一直以来", "从去年开始", "时间很久了"),
    ("今天", "刚刚", "今日", "刚才"),
)
IMPACTS = (
    "严重影响居民生活",
    "附近住户苦不堪言",
    "家里老人小孩受不了",
    "存在很大的安全隐患",
    "大家意见都很大",
    "影响正常休息",
    "给出行带来不便",
    "让人非常气愤",
    "实在忍无可忍",
    "已经没法正常生活",
    "周围的人都怨声载道",
    "真的很让人担心",
)
WISHES = (
    "请相关部门尽快处理",
    "希望有关部门核实",
    "要求给个说法",
    "请派人到现场查看",
    "望及时解决并回复",
    "恳请政府部门管一管",
    "请尽快落实",
    "希望早日解决",
    "麻烦安排人员跟进",
    "盼复",
)
QUESTIONS = ("请问如何办理", "麻烦解答一下", "希望回复具体流程", "请相关部门告知", "想了解清楚", "烦请回电说明")
THANKS = ("特此表扬", "非常感谢", "希望给予鼓励", "点个赞")
AGAIN = ("这是第二次反映了，", "之前打过电话没有结果，", "已多次投诉无人处理，", "上次反映后没有改善，", "再次来电催办，")
WORDS_OF_ALARM = (
    "再不处理就去市里上访",
    "不解决我们就拉横幅",
    "准备联系媒体曝光",
    "不行就去堵路",
    "大家已经在门口聚集",
    "老人情绪激动说要轻生",
)
LEADS = ("位于", "在", "地点：", "就是", "地址是")
TITLES = ("关于{p}{d}的{k}", "{p}{d}", "反映{d}的问题", "{d}", "{p}有{k}：{d}")
KINDS = {
    "complaint": "投诉",
    "help": "求助",
    "report": "举报",
    "consultation": "咨询",
    "suggestion": "建议",
    "praise": "表扬",
    "other": "其他",
}
REPLIES = (
    "经核查，现场情况属实，已责令相关责任人立即整改，整改已完成，并将加强巡查。",
    "工作人员已到现场核实处理，问题已解决，诉求人表示满意。",
    "我单位已联系诉求人说明情况，该问题已列入整治计划，预计两周内完成。",
    "经现场查看，未发现所反映情况，已加强日常巡查频次。",
    "已约谈相关负责人，责令其限期改正，后续将持续跟踪。",
    "已安排维修人员上门修复，现已恢复正常使用。",
)
SHORT_REPLIES = ("已处理。", "已办结", "已阅", "情况已知悉")
COPIED_REPLY = "您好！您反映的问题已收悉，我单位高度重视，立即安排工作人员进行核实处理。感谢您对我们工作的关心和支持，如有疑问请致电咨询，祝您生活愉快！"
TALKED_OF = ("夜市", "工地", "广场", "物业", "车行", "酒楼", "市集", "项目部")
COMMENTS = ("处理很及时", "没人联系过我", "问题还是没有解决", "态度不错但没解决", "可以", "不满意，敷衍", "感谢帮助", "希望彻底整改")


@dataclass(frozen=True)
class Catalogue:
    """The kinds of matters, one position a leaf of the category tree.

    `details` holds all phrases flat; leaf `i` has `detail_counts[i]` details, and detail `j` of it the phrases from
    `phrase_start[i, j]`, `phrase_counts[i, j]` of them, all saying the same.
    """

    paths: pl.DataFrame
    weight: np.ndarray
    kind: pl.Series
    grade: np.ndarray
    department: list[str]
    grid: np.ndarray
    hazard: np.ndarray
    petition: np.ndarray
    ticket: np.ndarray
    shared: np.ndarray
    asks: np.ndarray
    where: np.ndarray
    details: list[str]
    detail_counts: np.ndarray
    phrase_start: np.ndarray
    phrase_counts: np.ndarray


_PERSONAL = ("劳动社保", "教育文体", "卫生健康", "市场监管", "政务服务", "规划国土", "民政社会")
_ON_ROADS = ("市容环卫", "市政设施", "交通出行")
_AT_HOME = ("住房城建", "公共安全", "供水供电", "民政社会")


def catalogue() -> Catalogue:
    """The matters of `matters.tsv`; phrases of one detail are separated by `/`, details by `;`."""
    with (files(__package__) / "matters.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    flat: list[str] = []
    counts = np.zeros(len(rows), dtype=int)
    start, length = np.zeros((len(rows), 4), dtype=int), np.ones((len(rows), 4), dtype=int)
    for leaf, row in enumerate(rows):
        details = row["details"].split(";")
        counts[leaf] = len(details)
        for position, detail in enumerate(details):
            phrases = detail.split("/")
            start[leaf, position], length[leaf, position] = len(flat), len(phrases)
            flat += phrases
    grid, hazard, petition, ticket = (np.array([letter in row["channels"] for row in rows]) for letter in "ghpt")
    asks = np.array([row["kind"] in ("consultation", "praise", "suggestion") for row in rows])
    personal = np.array([row["category_1"] in _PERSONAL for row in rows])
    where = np.array(
        [
            1 if row["category_1"] in _ON_ROADS else 2 if row["category_1"] in _AT_HOME else 3 if row["category_1"] == "劳动社保" else 0
            for row in rows
        ]
    )
    return Catalogue(
        paths=pl.DataFrame(rows).select("category_1", "category_2", "category_3"),
        weight=np.array([float(row["weight"]) for row in rows]),
        kind=pl.Series([row["kind"] for row in rows]),
        grade=np.array([int(row["grade"]) for row in rows]),
        department=[row["department"] for row in rows],
        grid=grid, hazard=hazard, petition=petition, ticket=ticket,
        shared=~asks & (~personal | grid | hazard), asks=asks, where=where,
        details=flat, detail_counts=counts, phrase_start=start, phrase_counts=length,
    )  # fmt: skip


def phrases(matters: Catalogue, leaf: np.ndarray, detail: np.ndarray, generator: np.random.Generator) -> pl.Series:
    """One of the ways of saying each detail."""
    within = (generator.random(len(leaf)) * matters.phrase_counts[leaf, detail]).astype(int)
    return pick(matters.details, matters.phrase_start[leaf, detail] + within)


def when_words(when: np.ndarray, generator: np.random.Generator) -> pl.Series:
    """One of the ways of saying each kind of time."""
    flat = [word for words in TIMES for word in words]
    counts = np.array([len(words) for words in TIMES])
    starts = np.cumsum(counts) - counts
    return pick(flat, starts[when] + (generator.random(len(when)) * counts[when]).astype(int))


def titles(place: pl.Series, detail: pl.Series, kind: pl.Series, generator: np.random.Generator) -> pl.Series:
    """Titles from place name, detail and kind of appeal."""
    count = len(place)
    form = pl.Series(generator.integers(0, len(TITLES), count))
    word = kind.replace_strict(KINDS)
    table = pl.DataFrame({"p": place.fill_null(""), "d": detail, "k": word})
    return table.select(
        pl.when(form == 0).then(pl.format("关于{}{}的{}", "p", "d", "k")).when(form == 1).then(pl.format("{}{}", "p", "d"))
        .when(form == 2).then(pl.format("反映{}的问题", "d")).when(form == 3).then(pl.col("d")).otherwise(pl.format("{}有{}：{}", "p", "k", "d")).alias("title")
    ).to_series()  # fmt: skip


def bodies(
    place: pl.Series,
    address: pl.Series,
    when: pl.Series,
    detail: pl.Series,
    kind: pl.Series,
    again: np.ndarray,
    contact: pl.Series,
    field: np.ndarray,
    generator: np.random.Generator,
) -> pl.Series:
    """Whole texts; `contact` is what the caller says of himself (null: nothing), `field` marks texts of officials on their rounds."""
    count = len(place)
    dice = generator.random((count, 6))
    asks, praises = pl.Series(kind.is_in(["consultation", "suggestion"])), pl.Series(kind == "praise")
    table = pl.DataFrame(
        {
            "opening": chosen(generator, OPENINGS, count).zip_with(~pl.Series(field), chosen(generator, FIELD_OPENINGS, count)), "lead": chosen(generator, LEADS, count), "place": place, "address": address, "when": when, "detail": detail,
            "impact": chosen(generator, IMPACTS, count), "wish": chosen(generator, WISHES, count).zip_with(~pl.Series(field), chosen(generator, FIELD_WISHES, count)), "question": chosen(generator, QUESTIONS, count),
            "thanks": chosen(generator, THANKS, count), "again": chosen(generator, AGAIN, count), "alarm": chosen(generator, WORDS_OF_ALARM, count), "contact": contact,
        }
    )  # fmt: skip
    where = (
        pl.when(pl.Series(dice[:, 0] < 0.45) & pl.col("address").is_not_null())
        .then(pl.concat_str("lead", "address"))
        .when(pl.Series(dice[:, 0] < 0.8))
        .then("place")
    )
    impact = pl.when(~asks & ~praises & pl.Series(dice[:, 1] < np.where(field, 0.25, 0.7))).then(pl.lit("，") + pl.col("impact"))
    last = pl.when(asks).then(pl.col("question")).when(praises).then(pl.col("thanks")).otherwise(pl.col("wish"))
    alarm = pl.when(~asks & ~praises & pl.Series(dice[:, 2] < 0.012)).then("，" + pl.col("alarm"))
    line = pl.when(pl.Series(dice[:, 4] < 0.01)).then(pl.lit("\n")).otherwise(pl.lit("。"))
    return table.select(
        pl.concat_str(
            "opening", pl.when(pl.Series(again)).then("again"), pl.when(pl.Series(dice[:, 5] < 0.6)).then(where + "，").otherwise(where),
            "when", "detail", impact, alarm, line, last, pl.lit("。"), "contact", ignore_nulls=True,
        ).alias("body")
    ).to_series()  # fmt: skip


def replies(generator: np.random.Generator, count: int) -> tuple[pl.Series, pl.Series]:
    """Replies and their kind: usual, short, copied."""
    kind = generator.choice(3, count, p=[0.78, 0.1, 0.12])
    made = pl.select(
        pl.when(pl.Series(kind == 0))
        .then(chosen(generator, REPLIES, count))
        .when(pl.Series(kind == 1))
        .then(chosen(generator, SHORT_REPLIES, count))
        .otherwise(pl.lit(COPIED_REPLY))
    ).to_series()
    return made, pick(("usual", "short", "copied"), kind)
