"""Two files in, one file out: the functions behind `govlake link`. Reading, column finding and writing; no matching."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from .cascade import resolve
from .grammar import Grammar
from .schema import REGISTER_COLUMNS
from .text import fold
from .versions import build_base

OUTPUT_COLUMNS = ("address_key", "level", "outcome", "method", "matched_text", "district", "community", "neighbourhood", "score", "margin",
                  "runner_up", "reason")  # fmt: skip

# Headers under which registers deliver their columns, beside the names of REGISTER_COLUMNS.
HEADERS = {
    "address_code": ("统一地址编码", "标准地址编码", "门牌编码", "地址编码", "address_id", "addr_code", "uac"),
    "full_address": ("full_addr", "地址全称", "标准地址", "详细地址", "门牌地址", "完整地址", "地址名称", "标准地址名称", "全地址", "地址", "住址", "address",
                     "addr", "text", "address_text", "standard_address", "full_text"),
    "province": ("省", "省份", "省级", "所在省", "prov"),
    "city": ("市", "縣市", "城市", "地市", "地级市", "市级", "所在市", "county_city"),
    "district": ("区", "行政区", "区县", "县区", "市辖区", "鄉鎮市區", "town", "county", "所在区", "所属区", "district_name"),
    "street": ("街道", "街道名称", "乡镇街道", "街道乡镇", "街镇", "镇街", "乡镇", "镇", "所属街道", "街道办", "subdistrict", "street_name_admin", "township",
               "jiedao"),
    "community": ("社区", "社区名称", "village", "里", "村里", "村", "村居", "社区村", "居委会", "村社区", "所属社区", "居村委", "shequ"),
    "neighbourhood": ("neighborhood", "邻", "lin"),
    "road": ("路", "道路", "道路名称", "路街巷", "路名", "街路巷", "街路巷名", "街路巷名称", "街巷", "街道路名", "路巷名称", "street_name", "road_name",
             "街路"),
    "section": ("段", "路段"),
    "lane": ("巷", "巷名"),
    "alley": ("弄",),
    "sub_alley": ("衖",),
    "number": ("门牌号", "号", "门牌", "门牌号码", "门牌号牌", "house_number", "door_number", "number_text", "plate", "house_no"),
    "estate": ("小区", "小区名称", "院落", "小区名", "楼盘", "大厦", "建筑物名称", "小区院落", "住宅小区", "estate_name", "compound"),
    "building": ("楼栋", "栋", "楼栋号", "栋号", "幢号", "楼号", "幢", "building_no", "building_number", "building_name"),
    "unit": ("单元", "单元号", "unit_no"),
    "floor": ("楼层", "层", "所在楼层", "floor_no"),
    "room": ("房间", "室", "房号", "房屋号", "室号", "房间号", "户号", "门户号", "room_no", "room_number", "flat"),
    "lng": ("经度", "longitude", "lon", "x", "jd"),
    "lat": ("纬度", "latitude", "y", "wd"),
    "status": ("状态", "地址状态", "使用状态"),
    "former_name": ("曾用名", "原地址", "历史名称", "原门牌", "旧地址", "former_address"),
    "community_code": ("village_code", "社区代码", "社区编码"),
    "street_code": ("街道代码", "街道编码"),
    "district_code": ("town_code", "区划代码", "行政区划代码"),
}  # fmt: skip
ADDRESS_HEADERS = ("address", "addr", "地址", "住址", "案件地址", "事发地址", "发生地址", "地点", "query", "text", "full_address", "full_addr", "详细地址",
                   "事件地址", "事件地点", "案发地址", "诉求地址", "问题地址", "位置", "address_text", "location")  # fmt: skip


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
    """A CSV (UTF-8 with or without BOM, UTF-16 with BOM, GB18030 or Big5; comma, tab, semicolon or bar) or Parquet file; CSV columns stay text.
    Raises LinkError."""
    if not path.is_file():
        raise LinkError(f"{path}: no such file")
    kind = path.suffix.lower()
    if kind in (".xlsx", ".xls", ".xlsm", ".ods"):
        raise LinkError(f"{path}: a spreadsheet; save its sheet as CSV (UTF-8)")
    if kind in (".parquet", ".pq"):
        try:
            return pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise LinkError(f"{path}: cannot be read as Parquet: {error}") from error
    text = _decoded(path).removeprefix("\ufeff")
    if text.lower().startswith("sep="):  # written by spreadsheets to name the separator
        text = text.partition("\n")[2]
    if not text.strip():
        raise LinkError(f"{path}: the file is empty")
    first = text.split("\n", 1)[0]
    separator = max((",", "\t", ";", "|"), key=first.count)
    try:
        return pl.read_csv(text.encode(), separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise LinkError(f"{path}: {_broken_line(text, separator) or f'cannot be read as CSV: {error}'}") from error


# Characters that addresses and their headers are full of, in either script: the right decoding has many, a wrong one next to none.
_FREQUENT = re.compile("[省市区县镇乡村路街巷弄号栋楼室社道大里段區縣鎮鄉號棟樓鄰地址名]")


def _decoded(path: Path) -> str:
    """The file's text. GB18030 reads nearly any bytes, so that it and Big5 are told apart by what comes out."""
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # A few spoilt bytes are no other encoding: the readable characters decide.
    texts = [content.decode(name, errors="replace") for name in ("utf-8-sig", "gb18030", "big5hkscs")]
    best = max(texts, key=lambda text: len(_FREQUENT.findall(text)) - 2 * text.count("\ufffd"))
    if best.count("\ufffd") * 1000 > len(best):
        raise LinkError(f"{path}: neither UTF-8, GB18030 nor Big5; save it as UTF-8")
    return best


def _broken_line(text: str, separator: str) -> str | None:
    """What is wrong with the first row that has more fields than the header."""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    width = len(next(rows, []))
    for row in rows:
        if len(row) > width:
            return (
                f"line {rows.line_num} has {len(row)} fields, the header has {width}; put fields that hold {separator!r} in double quotes, "
                "or save the table as Parquet"
            )
    return None


def _plain_header(name: str) -> str:
    """A header in one script, without case, blanks, signs and notes in brackets: "Full Address" is full_address, "門牌號(必填)" is 门牌号."""
    plain = re.sub(r"[（(].*?[)）]|[\W_]+", "", name) or name
    return fold(pl.Series([plain]))[0].lower()


def register_columns(table: pl.DataFrame, column: str | None, path: Path) -> pl.DataFrame:
    """A register file's columns under the names of REGISTER_COLUMNS; `column` names the one with the full address."""
    if column is not None and column not in table.columns:
        raise LinkError(f"{path}: no column {column!r}; there are: {', '.join(table.columns)}")
    chosen: dict[str, str] = {}
    plain: dict[str, str] = {}
    for name in table.columns:
        plain.setdefault(_plain_header(name), name)
    for target in REGISTER_COLUMNS:
        for header in (target, *HEADERS.get(target, ())):
            if (found := plain.get(_plain_header(header))) is not None and found not in chosen.values():
                chosen[target] = found
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
    return _with_upper_divisions(table.select(pl.col(name).cast(pl.String).alias(target) for target, name in chosen.items()))


def _with_upper_divisions(register: pl.DataFrame) -> pl.DataFrame:
    """Province and city from what the full address says before the district, for a register that has no columns for them."""
    if not {"full_address", "district"} <= set(register.columns) or {"province", "city"} & set(register.columns):
        return register
    upper = pl.col("full_address").str.split(pl.col("district")).list.first()
    parts = upper.str.extract_groups(r"^(\p{Han}{2,8}?(?:省|自治区|特别行政区))?(\p{Han}{1,10}?(?:市|县|縣|州|盟|地区))?$")
    named = [parts.struct.field(str(place)).alias(level) for place, level in ((1, "province"), (2, "city"))]
    return register.with_columns(named)


def address_column(table: pl.DataFrame, column: str | None, path: Path) -> str:
    """The column of the input that holds the addresses."""
    if column is not None:
        if column not in table.columns:
            raise LinkError(f"{path}: no column {column!r}; there are: {', '.join(table.columns)}")
        return column
    plain = {_plain_header(name): name for name in reversed(table.columns)}
    for header in ADDRESS_HEADERS:
        if (found := plain.get(_plain_header(header))) is not None:
            return found
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
    if target.exists() and any(path.exists() and target.samefile(path) for path in (register, source)):
        raise LinkError(f"{target}: the output would replace a file that is read; name another")
    entries = register_columns(read_table(register), register_column, register)
    if not entries.height:
        raise LinkError(f"{register}: the register has a header and no rows")
    if isinstance(grammar, str) or grammar is None:
        grammar = Grammar.load(grammar or guess_grammar(entries))
    table = read_table(source)
    column = find_column(table, address_column, source)
    base = build_base([(dt.date(1900, 1, 1), entries.to_arrow())], grammar, divisions=divisions, aliases=aliases)
    if table[column].dtype.is_nested():
        raise LinkError(f"{source}: column {column!r} holds {table[column].dtype}, not texts; name another with --address-column")
    answers = pl.DataFrame(pl.from_arrow(resolve(base, pa.table({"text": table[column].cast(pl.String).to_arrow()}))))
    texts = table[column]
    renamed: dict[str, str] = {}
    for name in table.columns:
        if name in OUTPUT_COLUMNS:
            kept = f"{name}__input"
            while kept in table.columns:
                kept += "_"
            renamed[name] = kept
    table = table.rename(renamed)
    result = pl.concat([table, answers.select(OUTPUT_COLUMNS)], how="horizontal")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.part")
    if target.suffix.lower() == ".csv":
        nested = [name for name, kind in result.schema.items() if kind.is_nested()]
        as_json = (
            pl.when(pl.col(name).is_not_null()).then(pl.struct(name).struct.json_encode().str.extract(r"^\{[^:]*:(.*)\}$", 1)).alias(name)
            for name in nested
        )
        result.with_columns(as_json).write_csv(aside)
    else:
        result.write_parquet(aside)
    aside.replace(target)
    return LinkSummary(
        rows=table.height,
        distinct=texts.n_unique(),
        by_outcome=dict(answers["outcome"].value_counts().sort("outcome").iter_rows()),
        by_level=dict(answers["level"].drop_nulls().value_counts().sort("level").iter_rows()),
        output=target,
        register_places=base.core.height,
    )
