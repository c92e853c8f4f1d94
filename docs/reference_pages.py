"""The reference pages, made from what they describe: contracts, the command, district models, macros.

Belongs here: turning those into Markdown. Not here: anything that is written by hand about them (the other pages), except what no code
says of itself: the meaning of environment variables (`ENVIRONMENT`).
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import typer
from pydantic import BaseModel

import contracts
from contracts import district, model
from contracts.model import Column, Contract, Feed, Table
from pipelines import cli
from pipelines.commands.outcome import Exit
from warehouse.macros import macros

ENVIRONMENT: dict[str, tuple[str, str]] = {
    "GOVLAKE_HOME": ("The home that commands work on where `--home` is not given; else `.govlake` in the working folder", "默认工作目录"),
    "GOVLAKE_DEBUG": (
        "`1`: whole error texts, as with `--debug`. They may show values of the data: mind where you paste them",
        "显示完整错误（可能含数据内容）",
    ),
    "GOVLAKE_MEMORY_LIMIT": ("DuckDB's memory limit, e.g. `6GB`; by default a share of what the machine has", "DuckDB 内存上限"),
    "GOVLAKE_PSEUDONYM_KEY": ("The pseudonym key, in place of `keys/pseudonym.key`", "假名密钥（代替密钥文件）"),
    "GOVLAKE_SIGNING_KEY": ("The key that signs deliveries to subscribers, in place of `keys/signing.key`", "共享签名密钥"),
    "GOVLAKE_FEEDS": (
        "Folders with feed contracts beside those that come with govlake, parted as PATH is. Set by govlake itself from the district's `feeds/`",
        "附加来源契约目录（由 govlake 自行设置）",
    ),
    "GOVLAKE_SITE": (
        "Where release pages are served, so that pages in Dagster can link to them. Set by `govlake ui`",
        "发布页面地址（由 govlake ui 设置）",
    ),
}
"""Every variable that govlake reads; a test holds this against the code."""

_THEMES = {
    "place": ("Place", "地"),
    "organization": ("Organization", "组织"),
    "person": ("Person", "人"),
    "thing": ("Thing", "物"),
    "event": ("Event", "事"),
    "sentiment": ("Sentiment", "情"),
    "subject": ("Subject tables", "专题"),
}
_EXITS = dict(re.findall(r"(\d) ([^·\n]+)", cli.EPILOG))


def pages() -> dict[str, str]:
    """Every reference page: path below docs/ → Markdown."""
    made = {
        "reference/commands.md": _commands(),
        "reference/exit-codes.md": _exit_codes(),
        "reference/environment.md": _environment(),
        "reference/macros.md": _macros(),
        "reference/district.md": _district(),
        "reference/settings.md": _settings(),
        "reference/contract-keys.md": _contract_keys(),
        "reference/feeds.md": _feeds(),
    }
    made |= {f"reference/{theme}.md": _theme(theme) for theme in model.THEMES}
    return made


def _cell(text: object) -> str:
    """Text that stands in a cell as it is: no Markdown, no HTML, one line."""
    one_line = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]<>|$~])", r"\\\1", one_line)


def _code(text: object) -> str:
    shown = " ".join(str(text).split()).replace("|", "\\|").replace("`", "'")
    return f"`{shown}`" if shown else ""


def _grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(cell or " " for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _plain(text: str | None) -> str:
    """A help text without Rich's marks."""
    return re.sub(r"\[/?(?:bold|dim|italic)?\]", "", inspect.cleandoc(text or ""))


# --- contracts ---------------------------------------------------------------------------------------------------------------------------


def _rule(column: Column) -> str:
    said = []
    if column.unique:
        said.append("unique")
    if column.minimum is not None or column.maximum is not None:
        said.append(f"{column.minimum or '…'} to {column.maximum or '…'}")
    if column.max_length:
        said.append(f"at most {column.max_length} characters")
    if column.pattern:
        said.append(f"pattern {_code(column.pattern)}")
    if column.check:
        said.append(f"check {_code(column.check)}")
    if column.references:
        said.append(f"stands in {_code(column.references)}")
    if column.unit:
        said.append(f"in {_cell(column.unit)}")
    if column.codes:
        said.append("; ".join(f"{_code(code)} {_cell(' '.join(dict.fromkeys(forms[:2])))}" for code, forms in column.codes.items()))
    return ". ".join(said)


def _columns(columns: Iterable[Column], *, headers: bool = False) -> str:
    head = ["column", "title 中文名", "type", "class", "required", "meaning and values"]
    rows = []
    for column in columns:
        meaning = ". ".join(part for part in (_cell(column.description), _cell(column.description_zh), _rule(column)) if part)
        row = [
            _code(column.name),
            f"{_cell(column.title)} {_cell(column.title_zh)}",
            _code(column.type),
            column.classification,
            "yes" if column.required else "",
            meaning,
        ]
        if headers:
            row.append(_cell(", ".join(column.headers)))
        rows.append(row)
    return _grid([*head, "further headers"] if headers else head, rows)


def _about(contract: Contract) -> str:
    said = [part for part in (contract.description, contract.description_zh) if part]
    lines = [_cell(part) + "\n" for part in said]
    facts = [f"Grain: {_cell(contract.grain)}", f"key: {', '.join(_code(key) for key in contract.keys)}" if contract.keys else ""]
    facts += [f"steward: {_cell(contract.steward)}", f"version {contract.version}"]
    return "\n".join([*lines, " · ".join(fact for fact in facts if fact) + "\n"])


def _rules(contract: Contract) -> str:
    if not contract.rules:
        return ""
    rows = [
        [_code(rule.name), rule.severity, f"{_cell(rule.message)} {_cell(rule.message_zh)}", _code(rule.holds or rule.no_rows or "")]
        for rule in contract.rules
    ]
    return "Rules:\n\n" + _grid(["rule", "severity", "says", "holds, or gives no rows"], rows)


def _theme(theme: str) -> str:
    english, chinese = _THEMES[theme]
    found = [table for table in contracts.tables().values() if table.theme == theme]
    parts = [
        f"# {english} {chinese}\n",
        f"The {len(found)} tables of `{theme}.duckdb`. `DESCRIBE` and `.describe` say the same in a release.\n",
    ]
    for table in found:
        parts.append(_table(table))
    return "\n".join(parts)


def _table(table: Table) -> str:
    parts = [f"## {table.full_name} {table.title_zh}\n", f"**{_cell(table.title)}.** For: {', '.join(table.audiences)}.\n", _about(table)]
    parts += [_columns(table.columns), _rules(table)]
    return "\n".join(part for part in parts if part)


def _feeds() -> str:
    parts = [
        "# Feeds 来源\n",
        "What each office delivers, by contract. A header is accepted in the column's own name, its Chinese title, or one of the further headers; "
        "a district adds its own ([district.yaml](district.md)).\n",
    ]
    for feed in contracts.feeds(more=()).values():
        parts.append(_feed(feed))
    return "\n".join(parts)


def _feed(feed: Feed) -> str:
    parts = [f"## {feed.name} {feed.title_zh}\n", f"**{_cell(feed.title)}.** Mode: {_code(feed.mode)}.\n", _about(feed)]
    parts += [_columns(feed.columns, headers=True), _rules(feed)]
    if feed.protect:
        rows = [
            [_code(entry.name), f"{_cell(entry.title)} {_cell(entry.title_zh)}", _code(entry.method), ", ".join(map(_code, entry.sources))]
            for entry in feed.protect
        ]
        parts.append("In place of personal columns, after cleaning:\n\n" + _grid(["column", "title 中文名", "how", "from"], rows))
    return "\n".join(part for part in parts if part)


def _settings() -> str:
    parts = [
        "# District settings 区域设置\n",
        "CSV files beside `district.yaml`, edited by hand. Lines that start with `#` are comments. A file replaces that of the district on which this one is based. "
        "`govlake district check FOLDER` names file, line and remedy of each mistake.\n",
    ]
    for name, setting in contracts.settings().items():
        given = "" if name not in ("profile", "declared_count") else "Not a file: made from `district.yaml`.\n"
        parts += [
            f"## {name}.csv {setting.title_zh}\n" if not given else f"## {name} {setting.title_zh}\n",
            f"**{_cell(setting.title)}.**\n",
            given,
        ]
        parts += [_about(setting), _columns(setting.columns, headers=True)]
    return "\n".join(part for part in parts if part)


# --- models ------------------------------------------------------------------------------------------------------------------------------


def _type_name(annotation: Any) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_name(args[0])
    if origin is typing.Literal:
        return " or ".join(str(arg) for arg in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_name(arg) for arg in args if arg is not type(None))
    if origin is tuple:
        return "list of " + _type_name(args[0])
    if origin in (dict, Mapping):
        return f"mapping of {_type_name(args[0])} to {_type_name(args[1])}"
    return {"str": "text", "bool": "true or false", "int": "integer", "float": "number"}.get(
        getattr(annotation, "__name__", ""), getattr(annotation, "__name__", str(annotation))
    )


def _model(shape: type[BaseModel], but: Iterable[str] = ()) -> str:
    rows = []
    for name, field in shape.model_fields.items():
        if name in but:
            continue
        default = "" if field.is_required() else _default(field.get_default(call_default_factory=True))
        rows.append([_code(field.alias or name), _cell(_type_name(field.annotation)), "yes" if field.is_required() else "", default])
    doc = inspect.cleandoc(shape.__doc__ or "") if "__doc__" in shape.__dict__ else ""
    return f"{doc}\n\n{_grid(['key', 'value', 'required', 'default'], rows)}"


def _default(value: object) -> str:
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, bool):
        return _code(str(value).lower())
    return _code(", ".join(map(str, value)) if isinstance(value, tuple) else value)


def _district() -> str:
    from importlib.resources import files

    template = files("districts").joinpath("template/district.yaml").read_text(encoding="utf-8")
    parts = ["# district.yaml 区域配置\n", _model(district.District, ["folder"])]
    for title, shape in (
        ("feeds: one entry a feed", district.FeedMapping),
        ("format, of a feed", district.Format),
        ("calendar", district.Calendar),
        ("retention", district.Retention),
        ("declared", district.Declared),
    ):
        parts += [f"## {title}\n", _model(shape)]
    parts += ["## The commented template\n", "`govlake district new NAME` copies it.\n", f"```yaml\n{template}```\n"]
    return "\n".join(parts)


def _contract_keys() -> str:
    shared = ["theme"]
    parts = ["# Keys of a contract 契约的写法\n", "A key that is not listed here is refused, with file and line.\n"]
    for title, shape in (
        ("A feed", model.Feed),
        ("A table", model.Table),
        ("A column, of either", model.Column),
        ("A rule, of either", model.TableRule),
        ("protect, of a feed", model.Protection),
        ("address, of a feed", model.AddressColumns),
    ):
        parts += [f"## {title}\n", _model(shape, shared)]
    return "\n".join(parts)


# --- the command -------------------------------------------------------------------------------------------------------------------------


def _commands() -> str:
    command: Any = typer.main.get_command(cli.app)
    parts = ["# The govlake command 命令\n", "```text\n" + _plain(cli.HELP).strip() + "\n```\n"]
    parts += ["Options before the command:\n", _parameters(command)]
    for name, inner in sorted(command.commands.items()):
        parts += _command(f"govlake {name}", inner)
    return "\n".join(parts)


def _command(name: str, command: Any) -> list[str]:
    if command.hidden:
        return []
    parts = [f"## {name}\n", "\n\n".join(_cell(part) for part in _plain(command.help).split("\n\n")) + "\n"]
    if hasattr(command, "commands"):
        for inner_name, inner in command.commands.items():
            parts += _command(f"{name} {inner_name}", inner)
        return parts
    arguments = [_argument(parameter) for parameter in command.params if parameter.param_type_name == "argument"]
    usage = " ".join([name, *arguments, "[OPTIONS]"])
    return [*parts, f"```text\n{usage}\n```\n", _parameters(command)]


def _argument(parameter: Any) -> str:
    shown = parameter.metavar or parameter.name.upper() + ("…" if parameter.nargs == -1 else "")
    return shown if parameter.required or shown.startswith("[") else f"[{shown}]"


def _parameters(command: Any) -> str:
    return _grid(["name", "value", "required", "default", "meaning"], [_parameter(entry) for entry in command.params if not entry.hidden])


def _parameter(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        name, flag = _code(_argument(parameter)), False
    else:
        name, flag = ", ".join(_code(form) for form in (*parameter.opts, *parameter.secondary_opts)), parameter.is_flag
    value = "" if flag else _value(parameter.type_descriptor.annotation)
    default = parameter.default if parameter.show_default is True else None
    default = getattr(default, "value", default)
    shown = "" if default in (None, False) or callable(default) else _code(default)
    return [name, _cell(value), "yes" if parameter.required else "", shown, _cell(_plain(parameter.help))]


def _value(annotation: Any) -> str:
    """What an option takes, from its annotation: the members of an enumeration, else a word for its type."""
    inner = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
    if typing.get_origin(annotation) is list:
        return f"{_value(inner[0])}, may be repeated"
    if inner:
        return _value(inner[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(str(member.value) for member in annotation)
    return {"Path": "path", "str": "text", "int": "integer", "float": "number", "bool": "yes or no"}[annotation.__name__]


def _exit_codes() -> str:
    rows = [[f"`{int(code)}`", _code(code.name), _cell(_EXITS[str(int(code))].strip())] for code in Exit]
    return (
        "# Exit codes 退出码\n\nThe same for every command. In all cases but 0 the release that was current stays current.\n\n"
        + _grid(["code", "name", "meaning"], rows)
        + "\n`catalogue search` ends with 1 where nothing is found; `share deliver` and `share verify` end with 3 where a delivery was stopped or is not genuine.\n"
    )


def _environment() -> str:
    rows = [[f"`{name}`", said, said_zh] for name, (said, said_zh) in sorted(ENVIRONMENT.items())]
    return "# Environment variables 环境变量\n\n" + _grid(["variable", "meaning", "含义"], rows)


def _macros() -> str:
    rows = [[_code(f"{macro.name}{macro.arguments}"), _cell(macro.title), _cell(macro.title_zh)] for macro in macros()]
    whole = "\n\n".join(macro.sql.strip() for macro in macros())
    return (
        "# Macros 常用宏\n\nIn `govlake sql` and after `duckdb -init analyst.sql`. Queries that use them: [cookbook](../cookbook.md).\n\n"
        + _grid(["macro", "answers", "回答"], rows)
        + f"\n## As they are written\n\n```sql\n{whole}\n```\n"
    )
