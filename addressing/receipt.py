"""One text's answer with the way to it: how it was read, what was found, what was ruled out. Runs the resolver itself on the one text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import polars as pl

from .base import AddressBase
from .cascade import query_frame, run
from .considered import Considered, considered
from .grammar import ALIAS, END, MARK
from .reasons import LEVEL_NAMES
from .report import report_of
from .slots import split_street_part
from .work import HINTS, Work

_KIND = {mark: kind for kind, mark in MARK.items()}
_OUTCOME_ZH = {"resolved": "已关联", "partial": "部分关联", "ambiguous": "有歧义", "not_in_register": "库中未登记", "no_address": "无地址"}
_METHOD_ZH = {"exact": "精确匹配", "alias": "别名匹配", "hint": "依据随附信息", "correction": "更正后匹配"}
# What a stage of the cascade looks for, English and Chinese. Keys: names of `cascade.STAGES`.
_STAGES = {
    "stage_read": ("reading", "阅读"),
    "stage_full_text": ("a registered full text", "登记全文"),
    "stage_other_district": ("the same street in another district", "其他区县的同名道路"),
    "stage_exact": ("a registered door, exactly", "精确门牌"),
    "stage_short_name": ("a short name", "简称"),
    "stage_contradiction": ("parts that contradict each other", "相互矛盾的部分"),
    "stage_list": ("a list or range of numbers", "号码列表或范围"),
    "stage_missing_number": ("the neighbours of a missing number", "缺失门牌的相邻门牌"),
    "stage_nearest_number": ("the nearest number to the coordinates", "坐标最近的门牌"),
    "stage_street": ("a road, lane or crossing", "道路、巷弄或交叉口"),
    "stage_number_unread": ("a street beside an unread number", "号码未能读出的道路"),
    "stage_corrected": ("a corrected name", "更正名称"),
    "stage_estate_corrected": ("a corrected estate at the number", "门牌处更正的小区名"),
    "stage_fragment": ("a fragment of a street name", "路名片段"),
    "stage_near": ("a place near by", "附近地点"),
    "stage_elsewhere": ("a place outside the register", "登记范围以外"),
    "stage_landmark": ("an estate or landmark", "小区或地标"),
    "stage_division": ("a division", "行政区划"),
    "stage_similar_text": ("a similar registered text", "相似登记文本"),
    "stage_rest": ("nothing found", "均未找到"),
}


@dataclass(frozen=True)
class Explanation:
    """The answer to one text (the columns of `resolve`) and its trace. considered: what was looked at and ruled out, best first."""

    text: str
    answer: dict[str, Any]
    reading: list[tuple[str, str]]
    stages: list[tuple[str, int]]
    runner_up_text: str | None
    considered: list[Considered]

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.answer,
            "reading": [list(part) for part in self.reading],
            "stage": self.settled_by,
            "ruled_out": self.ruled_out,
            "considered": [entry.as_dict() for entry in self.considered],
            "runner_up_text": self.runner_up_text,
        }

    @property
    def settled_by(self) -> str | None:
        """The stage of the cascade that gave the answer."""
        return next((name for name, count in self.stages if count), None)

    @property
    def ruled_out(self) -> list[str]:
        """The stages tried before that one, in their order: each found nothing that fits the text without a contradiction."""
        before = takewhile(lambda stage: not stage[1], self.stages)
        return [name for name, _ in before if name != "stage_read"]

    def _way(self, language: int) -> tuple[str, str]:
        """What settled the answer, and what was tried before it."""
        comma = ("; ", "；")[language]
        tried = comma.join(_STAGES[name][language] for name in self.ruled_out) or ("nothing", "无")[language]
        return (_STAGES[self.settled_by][language] if self.settled_by else ("nothing", "无")[language]), tried

    def render(self, lang: str = "both") -> str:
        """Plain text. lang: "en", "zh" or "both"."""
        blocks = []
        if lang in ("zh", "both"):
            blocks.append(self._render_zh())
        if lang in ("en", "both"):
            blocks.append(self._render_en())
        return "\n\n".join(blocks)

    def _render_zh(self) -> str:
        a = self.answer
        found, tried = self._way(1)
        read = "，".join(f"{_kind_name(kind, 1)}“{value}”" for kind, value in self.reading) or "未识别出地名或门牌"
        lines = [
            f"文本　　{self.text}",
            f"读作　　{read}",
            f"结果　　{_OUTCOME_ZH[a['outcome']]}"
            + (f"，{LEVEL_NAMES[a['level'] or ''][1]}级" if a["level"] else "")
            + (f"，{_METHOD_ZH[a['method']]}" if a["method"] else ""),
            f"匹配　　{a['matched_text'] or '无'}" + (f"（{a['address_key']}）" if a["address_key"] else ""),
            f"归属　　{' '.join(x for x in (a['district'], a['community'], a['neighbourhood']) if x) or '不确定'}",
            f"找到　　{found}",
            f"先试　　不符：{tried}",
            f"理由　　{a['reason_zh']}",
            *(f"排除　　{entry.text}：{entry.why_zh}" for entry in self.considered),
            f"次优　　{self.runner_up_text or '无'}",
            f"得分　　{a['score']:.4f}，领先 {a['margin']:.4f}",
        ]
        return "\n".join(lines)

    def _render_en(self) -> str:
        a = self.answer
        found, tried = self._way(0)
        read = ", ".join(f"{_kind_name(kind, 0)} “{value}”" for kind, value in self.reading) or "no name or number recognised"
        lines = [
            f"Text       {self.text}",
            f"Read as    {read}",
            f"Outcome    {a['outcome']}"
            + (f", level {a['level']}" if a["level"] else "")
            + (f", method {a['method']}" if a["method"] else ""),
            f"Matched    {a['matched_text'] or 'nothing'}" + (f" ({a['address_key']})" if a["address_key"] else ""),
            f"Lies in    {', '.join(x for x in (a['district'], a['community'], a['neighbourhood']) if x) or 'not certain'}",
            f"Found as   {found}",
            f"Tried      before, without a fit: {tried}",
            f"Because    {a['reason']}",
            *(f"Ruled out  {entry.text}: {entry.why}" for entry in self.considered),
            f"Runner-up  {self.runner_up_text or 'none'}",
            f"Score      {a['score']:.4f}, margin {a['margin']:.4f}",
        ]
        return "\n".join(lines)


def _kind_name(kind: str, language: int) -> str:
    return LEVEL_NAMES.get(kind, (kind, kind))[language]


def explain(
    base: AddressBase, text: str, *, district: str | None = None, street: str | None = None, community: str | None = None,
    lng: float | None = None, lat: float | None = None,
) -> Explanation:  # fmt: skip
    """How `resolve` answers this one text, and why. The hints are the columns of the same names there."""
    given = dict(zip(HINTS, (district, street, community, lng, lat), strict=True))
    # By way of Polars: PyArrow looks at lists with pandas, whose import takes longer than the answer.
    query = pl.DataFrame({"text": [text], **{name: [value] for name, value in given.items() if value is not None}}).to_arrow()
    work = run(base, query_frame(query), trace={})
    report = report_of(work)
    answer = report.to_dicts()[0]
    runner, others = int(work.runner_up[0]), considered(work)
    next_best = base.core["path"][runner] if runner >= 0 else others[0].text if others else None
    return Explanation(text, answer, _reading(work), _applicable(work), next_best, others)


def _applicable(work: Work) -> list[tuple[str, int]]:
    """The stages without those that look for what this register or text cannot have: full texts, coordinates."""
    absent = set() if work.base.text_only else {"stage_full_text", "stage_similar_text"}
    if not {"lng", "lat"} <= set(work.queries.columns):
        absent.add("stage_nearest_number")
    return [stage for stage in work.stages if stage[0] not in absent]


def _reading(work: Work) -> list[tuple[str, str]]:
    """The names and slots of the text, in its order of writing."""
    marked = work.marked[0] or ""
    parts: list[tuple[str, str]] = []
    for name in pl.Series([marked]).str.extract_all(f"[{''.join(MARK.values())}][^{END}]+{END}")[0].to_list():
        parts.append((_KIND[name[0]], name[1:-1]))
    slots = work.slots.row(0, named=True)
    for column in ("street_part", "number", *(slot.level for slot in work.base.grammar.inner)):
        value = slots.get(column)
        if value and column == "street_part":
            split = split_street_part(pl.Series([value]), work.base.grammar).row(0, named=True)
            for level, above in (("road", None), ("lane", "road"), ("alley", "lane")):
                longer = split[level]
                if longer is None:
                    continue
                shorter = (split[above] or split["road"]) if above else longer.split(END, 1)[0] + END
                rest = "".join(c for c in longer.removeprefix(shorter) if c < END or c > ALIAS)
                if rest:
                    parts.append((level, rest))
        elif value:
            parts.append((column, value))
    return parts
