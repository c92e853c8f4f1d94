"""The rules that one value or row of a delivery can break, and what is said about each in English and Chinese.

Belongs here: names, messages and remedies; names are stable, since ledgers and dashboards group by them. No values appear in them.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.model import Column


@dataclass(frozen=True)
class Rule:
    """A rule as it applies to one field (`field` None: to the row)."""

    name: str
    field: str | None
    message: str
    message_zh: str
    remedy: str
    remedy_zh: str

    @property
    def label(self) -> str:
        """`rule:field`, as quarantine lists all broken rules of a row."""
        return f"{self.name}:{self.field}" if self.field else self.name


_TYPES = {
    "integer": ("a whole number", "整数"),
    "date": ("a date", "日期"),
    "timestamp": ("a date and time", "日期时间"),
    "boolean": ("yes or no", "是或否"),
}

_CHECKS = {
    "id_number": ("is no valid identity number (length, birth date or check digit)", "不是有效的身份证号（长度、出生日期或校验码）"),
    "credit_code": ("is no valid unified social credit code (GB 32100)", "不是有效的统一社会信用代码（GB 32100）"),
    "phone": ("is no phone number", "不是电话号码"),
    "not_future": ("lies after the delivery date", "晚于交付日期"),
}


def rule_of(subject: Column | str | None, name: str) -> Rule:
    """The rule of that name for a contract column, a source column (by its header) or the whole row."""
    if name == "malformed":
        return Rule(
            "malformed",
            None,
            "the fields of the line cannot be told apart",
            "该行无法分列",
            "quote fields that hold delimiters, quotes or line ends, then deliver again",
            "含分隔符、引号或换行的字段请加引号后重新交付",
        )
    if name == "delivery_stopped":
        return Rule(
            "delivery_stopped",
            None,
            "the whole delivery was stopped; its certificate says why",
            "整批已停用；原因见该批回执",
            "mend codes, headers or file and run `govlake quarantine retry`, or set drift to accept in district.yaml",
            "请修正代码、表头或文件后运行 govlake quarantine retry，或在 district.yaml 中将 drift 设为 accept",
        )
    if name == "repeated_header":
        return Rule(
            "repeated_header", None, "the row is the header once more", "该行是重复的表头", "remove it at the source", "请在来源文件中删除"
        )
    if name == "shifted_columns":
        field = subject.name if isinstance(subject, Column) else subject
        return Rule(
            "shifted_columns",
            field,
            f"from {field} on, values sit in the wrong columns (an unquoted delimiter before it)",
            f"自 {field} 起，值错位到相邻列（其前有未加引号的分隔符）",
            "quote fields that hold the delimiter, then deliver again",
            "含分隔符的字段请加引号后重新交付",
        )
    if not isinstance(subject, Column):
        raise KeyError(f"rule {name} needs a column")
    said, said_zh = _said(subject, name)
    remedy, remedy_zh = (
        ("fill it in at the source", "请在来源系统补填")
        if name == "required"
        else ("correct the value at the source", "请在来源系统更正该值")
    )
    if name == "personal_in_open_field":
        remedy = "keep personal numbers out of this field; the number was replaced by a mark"
        remedy_zh = "该字段不应填写个人号码；号码已替换为标记"
    if name == "code":
        remedy = "correct the value, or add it under codes in district.yaml"
        remedy_zh = "请更正该值，或在 district.yaml 的 codes 中登记"
    return Rule(name, subject.name, f"{subject.name} {said}", f"{subject.title_zh}（{subject.name}）{said_zh}", remedy, remedy_zh)


def _said(column: Column, name: str) -> tuple[str, str]:
    if name in _CHECKS:
        return _CHECKS[name]
    kind, kind_zh = ("a number", "数值") if column.decimal else _TYPES.get(column.type, ("text", "文本"))
    return {
        "required": ("is missing", "为必填项，未填写"),
        "code": ("is not in the code list", "不在代码表中"),
        "type": (f"is not {kind}", f"不是{kind_zh}"),
        "min": (f"is below {column.minimum}", f"小于 {column.minimum}"),
        "max": (f"is above {column.maximum}", f"大于 {column.maximum}"),
        "max_length": (f"is longer than {column.max_length} characters", f"超过 {column.max_length} 个字符"),
        "pattern": ("does not have the form agreed", "不符合约定格式"),
        "personal_in_open_field": ("holds an identity or telephone number", "含有身份证号或电话号码"),
        "damaged_key": ("holds characters that were lost in decoding", "含有解码丢失的字符"),
    }[name]
