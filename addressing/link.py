"""Two files in, one file out: the functions behind `govlake link`. Reading, column finding and writing; no matching."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from .cascade import resolve
from .grammar import Grammar
from .schema import REGISTER_COLUMNS
from .versions import build_base

OUTPUT_COLUMNS = ("address_key", "level", "outcome", "method", "matched_text", "district", "community", "neighbourhood", "score", "margin",
                  "runner_up", "reason")  # fmt: skip

# Headers under which registers deliver their columns, beside the names of REGISTER_COLUMNS.
HEADERS = {
    "address_code": ("统一地址编码", "标准地址编码", "门牌编码", "地址编码"),
    "full_address": ("full_addr", "地址全称", "标准地址", "详细地址", "门牌地址", "全地址", "地址", "住址", "address", "addr", "text"),
    "province": ("省", "省份"),
    "city": ("市", "縣市", "城市"),
    "district": ("区", "區", "行政区", "行政區", "区县", "鄉鎮市區"),
    "street": ("街道", "街道名称", "乡镇街道"),
    "community": ("社区", "社区名称", "village", "里", "村里", "村"),
    "neighbourhood": ("neighborhood", "鄰", "邻"),
    "road": ("路", "道路", "道路名称", "路街巷", "路名"),
    "section": ("段",),
    "lane": ("巷",),
    "alley": ("弄",),
    "sub_alley": ("衖",),
    "number": ("门牌号", "門牌號", "号", "號", "门牌"),
    "estate": ("小区", "小区名称", "院落"),
    "building": ("楼栋", "栋", "楼栋号"),
    "unit": ("单元", "单元号"),
    "floor": ("楼层", "层", "樓層"),
    "room": ("房间", "室", "房号", "房屋号"),
    "lng": ("经度", "經度", "longitude", "lon", "x"),
    "lat": ("纬度", "緯度", "latitude", "y"),
    "status": ("状态", "狀態"),
    "former_name": ("曾用名", "原地址", "历史名称"),
    "community_code": ("village_code", "社区代码"),
    "street_code": ("街道代码",),
    "district_code": ("town_code", "区划代码"),
}
ADDRESS_HEADERS = (
    "address",
    "addr",
    "地址",
    "住址",
    "案件地址",
    "事发地址",
    "发生地址",
    "地点",
    "query",
    "text",
    "full_address",
    "full_addr",
    "详细地址",
)


class LinkError(ValueError):
    """A file or column cannot be used; the message says which, and what to do."""


@dataclass(frozen=True)
class LinkSummary:
    """What `link_file` did: rows, distinct texts, rows by outcome and by level, where the result lies."""

    rows: int
    distinct: int
    by_outcome: dict[str, int]
    by_level: dict[str, int]
    output: Path
    register_places: int


def read_table(path: Path) -> pl.DataFrame:
    """A CSV (UTF-8, with or without BOM, or GB18030/Big5) or Parquet file; CSV columns stay text. Raises LinkError."""
    if not path.is_file():
        raise LinkError(f"{path}: no such file")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path)
        content = path.read_bytes()
        if not content.strip():
            raise LinkError(f"{path}: the file is empty")
        for encoding in ("utf-8-sig", "gb18030", "big5"):
            try:
                text = content.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
        else:
            # A few spoilt bytes are no other encoding: take the one that leaves the fewest.
            text = min(
                (content.decode(name, errors="replace") for name in ("utf-8-sig", "gb18030", "big5")), key=lambda t: t.count("\ufffd")
            )
            if text.count("\ufffd") * 1000 > len(text):
                raise LinkError(f"{path}: neither UTF-8, GB18030 nor Big5; save it as UTF-8")
        first = text.split("\n", 1)[0]
        separator = max((",", "\t", ";", "|"), key=first.count)
        return pl.read_csv(text.encode(), separator=separator, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LinkError(
            f"{path}: cannot be read as {'Parquet' if path.suffix.lower() in ('.parquet', '.pq') else 'CSV'}: {error}"
        ) from error


def register_columns(table: pl.DataFrame, column: str | None, path: Path) -> pl.DataFrame:
    """A register file's columns under the names of REGISTER_COLUMNS; `column` names the one with the full address."""
    if column is not None and column not in table.columns:
        raise LinkError(f"{path}: no column {column!r}; there are: {', '.join(table.columns)}")
    chosen: dict[str, str] = {}
    lower = {name.strip().lower(): name for name in table.columns}
    for target in REGISTER_COLUMNS:
        for header in (target, *HEADERS.get(target, ())):
            if header.lower() in lower and lower[header.lower()] not in chosen.values():
                chosen[target] = lower[header.lower()]
                break
    if column is not None:
        chosen = {target: name for target, name in chosen.items() if name != column}
        chosen["full_address"] = column
    elif len(table.columns) == 1 and not chosen:
        chosen["full_address"] = table.columns[0]
    if not any(target in chosen for target in ("full_address", "road", "estate", "number", "community")):
        raise LinkError(
            f"{path}: no column holds addresses; there are: {', '.join(table.columns)}. Name the one with the full address with --register-column"
        )
    return table.select(pl.col(name).cast(pl.String).alias(target) for target, name in chosen.items())


def address_column(table: pl.DataFrame, column: str | None, path: Path) -> str:
    """The column of the input that holds the addresses."""
    if column is not None:
        if column not in table.columns:
            raise LinkError(f"{path}: no column {column!r}; there are: {', '.join(table.columns)}")
        return column
    lower = {name.strip().lower(): name for name in table.columns}
    for header in ADDRESS_HEADERS:
        if header in lower:
            return lower[header]
    if len(table.columns) == 1:
        return table.columns[0]
    likely = [name for name in table.columns if "地址" in name or "addr" in name.lower()]
    if len(likely) == 1:
        return likely[0]
    raise LinkError(f"{path}: which column holds the addresses? There are: {', '.join(table.columns)}. Name it with --address-column")


def guess_grammar(register: pl.DataFrame) -> str:
    """taiwan where the register writes 號 and 里/鄰 as Taiwan does, else mainland."""
    columns = [name for name in ("full_address", "number", "community") if name in register.columns]
    sample = pl.concat([register[name].drop_nulls().head(1000) for name in columns])
    taiwan = (sample.str.contains("[號鄰巷弄樓]") & ~sample.str.contains("号")).sum()
    return "taiwan" if taiwan * 2 > len(sample) * 0.5 else "mainland"


def link_file(
    register: Path, input: Path, output: Path, register_column: str | None = None, address_column: str | None = None,
    grammar: Grammar | str | None = None, divisions: pa.Table | None = None, aliases: pa.Table | None = None,
) -> LinkSummary:  # fmt: skip
    """Link every row of `input` to `register` and write `output` (CSV or Parquet by its suffix): every input column, then OUTPUT_COLUMNS.

    Row order is kept. An input column of the same name as one of ours is written as `<name>__input`. Raises LinkError.
    """
    from .link import address_column as find_column

    register, source, target = Path(register), Path(input), Path(output)
    if target.suffix.lower() not in (".csv", ".parquet", ".pq"):
        raise LinkError(f"{target}: the output must end in .csv or .parquet")
    entries = register_columns(read_table(register), register_column, register)
    if isinstance(grammar, str) or grammar is None:
        grammar = Grammar.load(grammar or guess_grammar(entries))
    table = read_table(source)
    column = find_column(table, address_column, source)
    base = build_base([(dt.date(1900, 1, 1), entries.to_arrow())], grammar, divisions=divisions, aliases=aliases)
    answers = pl.DataFrame(pl.from_arrow(resolve(base, pa.table({"text": table[column].cast(pl.String).to_arrow()}))))
    table = table.rename({name: f"{name}__input" for name in table.columns if name in OUTPUT_COLUMNS})
    result = pl.concat([table, answers.select(OUTPUT_COLUMNS)], how="horizontal")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.part")
    if target.suffix.lower() == ".csv":
        result.write_csv(aside)
    else:
        result.write_parquet(aside)
    aside.replace(target)
    return LinkSummary(
        rows=table.height,
        distinct=result[f"{column}__input" if column in OUTPUT_COLUMNS else column].n_unique(),
        by_outcome=dict(answers["outcome"].value_counts().sort("outcome").iter_rows()),
        by_level=dict(answers["level"].drop_nulls().value_counts().sort("level").iter_rows()),
        output=target,
        register_places=base.core.height,
    )
