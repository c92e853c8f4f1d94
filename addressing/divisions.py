"""Chinese administrative divisions in a text: exact spans, levels, codes.

Belongs here: the national table of divisions (GB/T 2260 codes and the statistics office's street and village codes), the
forms in which their names are written (full, short, former), and the recogniser that finds them. Does not belong here:
roads, doors and everything below a community (parse, grammar), a register's own division names (gazetteer).

How it reads: names are found by one automaton pass over all texts; then every text is read from its start, one division
at a time, all texts in step (`_next`). A full name (余杭区) counts wherever it stands; a short one (余杭) only where the
former division ends and nothing shows that it begins another name (余杭塘路). What was read decides what a name means: a
street name counts as that of the district before it. Names that fit no known division stay unread: nothing is invented.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

_DATA = Path(__file__).parent / "data"
LEVELS = ("province", "city", "district", "street", "community")
_DIGITS = (2, 4, 6, 9, 12)
_MUNICIPALITIES = ("北京", "天津", "上海", "重庆")
_AUTONOMOUS = {"内蒙古自治区": "内蒙古", "广西壮族自治区": "广西", "西藏自治区": "西藏", "宁夏回族自治区": "宁夏",
               "新疆维吾尔自治区": "新疆", "香港特别行政区": "香港", "澳门特别行政区": "澳门"}  # fmt: skip
_NATIONS = (
    "(?:满|蒙古|回|藏|维吾尔|苗|彝|壮|布依|朝鲜|侗|瑶|白|土家|哈尼|哈萨克|傣|黎|傈僳|佤|畲|拉祜|水|东乡|纳西|景颇|柯尔克孜|土|达斡尔|"
    "仫佬|羌|布朗|撒拉|毛南|仡佬|锡伯|阿昌|普米|塔吉克|怒|鄂温克|德昂|保安|裕固|独龙|鄂伦春|各)(?:族|$)"
)
_MAX_STEPS = 14  # divisions read per text; real texts hold at most nine, repeats included

# What may stand between two divisions without ending the address's head.
_FILLER = (
    r"^(?:[\s\-_—,，、。.:：;；/|()（）?？*&+]+|中国|中华人民共和国|null|NULL|市辖区|省直辖县级行政区划|其它区|其他区|"
    r"[1-9][0-9]{5}|门牌|(?:参考|详细|收货|家庭|户籍|通讯|现)?(?:地址|住址)|邮政编码|邮编)+"
)
# A short name followed by one of these is the beginning of another name: 杭州路, 余杭塘路, 温州大厦, 嘉兴学院.
_OTHER_NAME = (
    r"^(?:[东西南北中]?[一二三四五六七八九十]?(?:路|街|大道|大街|巷|弄|桥|线|道)|[东西南北中环外内新老](?:路|街)|[东西南北中外内](?:环路)|塘[路河]|"
    r"大厦|大酒店|大学|大桥|广场|国际|宾馆|酒店|饭店|学院|医院|银行|商城|商贸|小区|公寓|花园|花苑|大院|中学|小学|一中|二中|"
    r"人家|市场|集团|公司|有限|机场|火车|车站|东站|南站|西站|北站|客运|高铁|中心|第|职业|技术|师范|图书|博物|万达|银泰|"
    r"经济|高新|开发区|技术|建材|汽车|商会|日报|新闻|电视|移动|联通|电信|电力|港|湾|府|里|苑|城市|新城|新村|村|社区|工业|高速|收费|服务区)"
)
# The same for a street's short name, which is often part of an estate's: 望江新园, 福田二区, 和睦院.
_OTHER_STREET = (
    r"^(?:门|院|[区县乡]|新园|[东西南北中][区园苑门]|[一二三四五六七八九十0-9A-Za-z]+[区期园苑]|[一二三四五六七八九十]村|文化[村宫]|工业|外大街|坊|监狱|商业|公园|边防|农贸|菜场|综合|汽配|五金|名|豪|家|"
    r"景|华庭|世家|人民|供销|批发|服装|物流|科技|创业|产业)"
)
# A street's short name that opens the text counts before a road, village or industrial area of its own: 泽国夹屿双峰村, 下沙12号大街.
_NO_HEAD = r"^(?:大道|步行街|[里山港湖源塘江河桥]|[东西南北中][路街大环一二三四五六])"
_HEAD_OF = r"^(?:[^0-9区园路街村]{2,4}(?:路|大道|大街|街)|[^0-9区园路街新]{2,3}(?:村|工业区)|[0-9０-９]+号大街)"
# A full name followed by one of these is part of another: 上虞市场, 文成县医院, 龙港镇政府.
_OTHER_FULL = (
    r"^(?:路|街|大道|大街|大厦|巷|桥|广场|小学|中学|初中|医院|支行|政府|人民|公安|法院|检察|交警|邮政|供销|场|民中|心|内|委|"
    r"税务|国税|地税|工商|财政|信用|卫生|环保|建设局|教育|计生|汽车|车站|边防|派出所|敬老|国土|粮|法庭)"
)
# An organisation's name up to its type word, without any place's suffix before it.
_ORGANISATION = r"^[^0-9号路街道镇乡村区县市]{0,11}(?:局|委员会|医院|有限公司|法院|支队|大队|支行|协会|中学|小学|大厦|集团)"


def _division_table() -> pl.DataFrame:
    """code UInt64, name, former, level (0 province … 4 community), the shipped editions with the older hand list."""
    table = pl.read_parquet(_DATA / "divisions.parquet")
    older = pl.read_csv(_DATA / "former_districts.csv", comment_prefix="#", columns=["code", "name"], schema_overrides={"code": pl.UInt64})
    older = older.with_columns(former=pl.lit(True)).select(table.columns)
    level = pl.sum_horizontal((pl.col("code") >= 10**digits).cast(pl.UInt8) for digits in _DIGITS[:-1])
    return pl.concat([table, older.join(table, on=["code", "name"], how="anti")]).with_columns(level=level)


@cache
def division_table() -> pl.DataFrame:
    """All divisions: code UInt64, name String, former Boolean, level Enum(`LEVELS`). 685,000 rows, loaded once."""
    table = _division_table()
    return table.with_columns(level=pl.col("level").replace_strict(dict(enumerate(LEVELS)), return_dtype=pl.Enum(LEVELS)))


def _forms(table: pl.DataFrame) -> pl.DataFrame:
    """form, level, code, former, full: every way of writing a division down to the street."""
    names = table.filter(pl.col("level") <= 3)
    name, level = pl.col("name"), pl.col("level")

    def rows(where: pl.Expr, form: pl.Expr, full: bool) -> pl.DataFrame:
        return names.filter(where).select(form.alias("form"), "level", "code", "former", pl.lit(full).alias("full"), "name")

    stem = name.str.replace("(?:省|市|地区|盟|新区|区|县|旗)$", "")
    nation = f"(?:(?:{_NATIONS[3:-8]})族|蒙古|柯尔克孜|哈萨克)"
    ethnic = name.str.replace(f"(?:{nation})+(?:自治[州县旗]|[区乡])$", "")
    street = name.str.replace("(?:街道|[镇乡])$", "")
    long_enough = pl.col("form").str.len_chars() >= 2
    frames = [
        rows((level > 0) | ~stem.is_in(_MUNICIPALITIES), name, True),
        rows((level == 0) & name.is_in(list(_AUTONOMOUS)), name.replace(_AUTONOMOUS), False),
        rows((level == 0) & name.is_in(list(_AUTONOMOUS)), pl.concat_str(name.replace(_AUTONOMOUS), pl.lit("省")), True),
        rows((level == 0) & name.str.contains("[省市]$"), stem, False),
        # A municipality is both a province and, written 上海市, a city of its own.
        names.filter((level == 0) & stem.is_in(_MUNICIPALITIES)).select(
            pl.col("name").alias("form"), pl.lit(1, pl.UInt8).alias("level"), "code", "former", pl.lit(True).alias("full"), "name"
        ),
        rows((level == 1) & name.str.contains("[市盟]$|地区$"), stem, False),
        rows((level == 1) & name.str.contains("自治州$"), ethnic, False),
        rows((level == 1) & name.str.contains("自治州$"), pl.concat_str(ethnic, pl.lit("州")), True),
        rows((level == 1) & name.str.contains("市$"), pl.concat_str(stem, pl.lit("地区")), True),
        rows((level == 2) & name.str.contains("[市区县旗]$") & ~name.str.contains("自治"), stem, False),
        # Counties become cities and districts more often than texts follow: 永康县 for 永康市.
        *(
            rows((level == 2) & name.str.contains("[市县区]$") & ~name.str.contains("自治"), pl.concat_str(stem, pl.lit(word)), False)
            for word in "市县区"
        ),
        rows((level == 2) & name.str.contains("自治[县旗]$"), ethnic, False),
        rows((level == 2) & name.str.contains("自治县$"), pl.concat_str(ethnic, pl.lit("县")), True),
        rows((level == 3) & name.str.contains("街道$"), pl.concat_str(name, pl.lit("办事处")), True),
        rows((level == 3) & name.str.contains("街道$"), pl.concat_str(name, pl.lit("办")), True),
        rows((level == 3) & name.str.contains("[^路街巷](?:街道|[镇乡])$"), street, False),
        # Towns become streets and streets towns more often than the name changes; either form means the same place.
        *(
            rows((level == 3) & name.str.contains("街道$"), pl.concat_str(street, pl.lit(word)), True)
            for word in ("镇", "乡", "街街道", "街办事处")
        ),
        rows((level == 3) & name.str.contains("镇$"), pl.concat_str(street, pl.lit("街道")), True),
        rows((level == 3) & name.str.contains("[镇乡]$"), pl.concat_str(street, pl.lit("街道办事处")), True),
        rows((level == 3) & name.str.contains("镇$"), pl.concat_str(street, pl.lit("乡")), True),
        rows((level == 3) & name.str.contains("[^族]乡$"), pl.concat_str(street, pl.lit("镇")), True),
        rows((level == 3) & name.str.contains("族乡$"), pl.concat_str(ethnic, pl.lit("乡")), True),
    ]
    # Development zones listed among the districts are not divisions: parse labels them devzone.
    zone_word = "(?:开发区|管理区|园区|管委会|示范区|产业园|保税区|林场|农场|合作区|集中区|工业区|高新)$"
    zone = pl.col("name").str.contains(zone_word) | pl.col("form").str.contains(zone_word)
    street_like = pl.col("name").str.contains("(?:街道|[镇乡]|苏木|办事处|地区|民族[镇乡])$")
    forms = pl.concat(frames).filter(long_enough & ~zone & (pl.col("form") != "城区") & ((pl.col("level") < 3) | street_like))
    # Where a text could mean both, the full name and the current division win.
    return forms.sort("full", "former", descending=[True, False]).unique(["form", "level", "code"], keep="first")


class _Gazetteer:
    """The forms, ready for look-up: patterns for the automaton, meanings by (form, level, scope)."""

    def __init__(self) -> None:
        forms = _forms(_division_table())
        ids = forms.select("form").unique().sort("form").with_row_index("id")
        forms = forms.join(ids, on="form")
        self.patterns: pl.Series = ids["form"]
        self.ids = ids
        # lone: a district of one meaning in the country whose short name is used alone (义乌, 萧山); no street bears it, or its own alone.
        streets = forms.filter(pl.col("level") == 3).group_by("id").agg(streets=pl.col("code").n_unique())
        forms = forms.join(streets, on="id", how="left").with_columns(pl.col("streets").fill_null(0))
        county = pl.col("name").str.contains("[市县]$") & (pl.col("streets") <= 2)
        lone = (~pl.col("full") & (pl.col("level") == 2) & (county | (pl.col("streets") <= 1))).any() & (pl.col("code").n_unique() == 1)
        district = (pl.col("level") == 2).any().over("id")
        self.levels = (
            forms.with_columns(district=district)
            .group_by("id", "level")
            .agg(pl.col("full").any(), lone.alias("lone"), pl.col("district").first())
        )
        scopes = [
            forms.filter(pl.col("code") >= 10**digits if digits else pl.lit(True)).with_columns(scope=_prefix(pl.col("code"), digits))
            for digits in (0, 2, 4, 6)
        ]
        # Every code of a province, city or district form, for the parts that may follow it.
        self.codes_of = forms.filter(pl.col("level") <= 2).select("id", "level", scope="code").unique()
        self.meanings = (
            pl.concat(scopes)
            .sort("former")
            .group_by("id", "level", "scope")
            .agg(
                pl.col("code").n_unique().alias("n"),
                (~pl.col("former")).sum().alias("n_current"),
                pl.col("code").first(),
            )
            # One current division beats former ones of the same name; several leave the code open.
            .with_columns(code=pl.when((pl.col("n") == 1) | (pl.col("n_current") == 1)).then("code"))
            .select("id", "level", "scope", "code")
        )
        keyed = self.meanings.with_columns(key=_pack("id", "level", "scope")).sort("key")
        self.keys: np.ndarray = keyed["key"].to_numpy()
        self.codes: np.ndarray = keyed["code"].fill_null(0).to_numpy()


def _pack(form: str, level: str, scope: str) -> pl.Expr:
    """One sortable number for (form id, level, scope of at most six digits)."""
    return pl.col(form).cast(pl.UInt64) * 10**7 + pl.col(level).cast(pl.UInt64) * 10**6 + pl.col(scope)


def _prefix(code: pl.Expr, digits: int) -> pl.Expr:
    """The first digits of a division code of any length; 0 for no digits or too short a code."""
    if not digits:
        return pl.lit(0, pl.UInt64)
    expression = pl.lit(0, pl.UInt64)
    for length in _DIGITS:
        if length >= digits:
            inside = (code >= 10 ** (length - 1)) & (code < 10**length)
            expression = pl.when(inside).then(code // 10 ** (length - digits)).otherwise(expression)
    return expression


@cache
def _gazetteer() -> _Gazetteer:
    return _Gazetteer()


def char_offsets(texts: pl.Series, rows: pl.Series, byte_starts: pl.Series) -> pl.Series:
    """Character offsets of byte offsets into the given rows of texts."""
    lengths = texts.str.len_bytes().fill_null(0).to_numpy().astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    joined = np.frombuffer("".join(texts.fill_null("").to_list()).encode(), dtype=np.uint8)
    is_start = (joined & 0xC0) != 0x80
    characters = np.concatenate([[0], np.cumsum(is_start)])
    row = rows.to_numpy().astype(np.int64)
    position = starts[row] + byte_starts.to_numpy().astype(np.int64)
    return pl.Series(characters[position] - characters[starts[row]]).cast(pl.UInt32)


def _hits(texts: pl.Series) -> pl.DataFrame:
    """row, start, end, id, level, full, lone: every occurrence of every form, overlapping."""
    gazetteer = _gazetteer()
    patterns = pl.lit(gazetteer.patterns.implode())
    frame = pl.DataFrame({"text": texts}).with_row_index("row")
    found = (
        frame.select(
            "row",
            byte=pl.col("text").str.find_many(patterns, overlapping=True),
            form=pl.col("text").str.extract_many(patterns, overlapping=True),
        )
        .explode("byte", "form", empty_as_null=True)
        .drop_nulls()
    )
    start = char_offsets(texts, found["row"], found["byte"])
    return (
        found.with_columns(start=start)
        .with_columns(end=pl.col("start") + pl.col("form").str.len_chars())
        .join(gazetteer.ids, on="form")
        .join(gazetteer.levels, on="id")
        .select("row", "start", "end", "id", "level", "full", "lone", "district")
    )


def _meaning(candidates: pl.DataFrame) -> pl.DataFrame:
    """Adds code (null if open) and shared, the digits that the meaning shares with the context code."""
    gazetteer = _gazetteer()
    code = np.zeros(candidates.height, dtype=np.uint64)
    shared = np.full(candidates.height, -1, dtype=np.int8)
    # A sorted array instead of joins: the table is large, the candidates of one step are few.
    for digits in (6, 4, 2, 0):
        scoped = candidates.select(scope=_prefix(pl.col("context"), digits), id="id", level="level")
        wanted = scoped.select(_pack("id", "level", "scope")).to_series().to_numpy()
        place = np.minimum(np.searchsorted(gazetteer.keys, wanted), len(gazetteer.keys) - 1)
        usable = (scoped["scope"].to_numpy() > 0) if digits else True
        take = (shared < 0) & (gazetteer.keys[place] == wanted) & usable
        code[take] = gazetteer.codes[place[take]]
        shared[take] = digits
    found = pl.DataFrame({"code": code, "shared": shared}).with_columns(pl.col("code").replace(0, None))
    return candidates.hstack(found)


def _length(code: pl.Expr) -> pl.Expr:
    """Digits of a context code, 0 for none."""
    return pl.sum_horizontal(
        pl.when(code >= 10 ** (digits - 1)).then(digits - before).otherwise(0)
        for before, digits in zip((0, *_DIGITS), _DIGITS, strict=False)
    ).cast(pl.Int8)


def _next(state: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """The next division of every text: row, start, end, level, code, full.

    ``state``: row, cursor (where the former division ended), gap (length of the filler there), context (the code so far,
    0 for none), seen (bits of the levels read), last (the deepest level, -1 for none).
    """
    reachable = (
        hits.join(state, on="row")
        .filter(pl.col("start") >= pl.col("cursor"))
        .with_columns(adjacent=pl.col("start") <= pl.col("cursor") + pl.col("gap"))
        .filter(pl.col("adjacent") | (pl.col("full") & pl.col("free_full")))
    )
    candidates = _meaning(reachable)
    level, length = pl.col("level"), pl.col("end") - pl.col("start")
    known = _length(pl.col("context"))
    above = level.replace_strict({0: 2, 1: 2, 2: 4, 3: 6}, return_dtype=pl.Int8)
    fits = (pl.col("context") == 0) | (pl.col("shared") >= pl.min_horizontal(known, above))
    deeper = level.cast(pl.Int8) > pl.col("last")
    bare = pl.col("context") == 0
    # A short name must follow its parent, or be followed by one of its own parts.
    short_ok = pl.col("adjacent") & pl.when(level == 3).then(
        (
            (pl.col("last") >= 1)
            & deeper
            & pl.col("free")
            & (pl.col("shared") >= pl.when((pl.col("last") >= 2) & (length < 3)).then(6).otherwise(4))
        )
        | (bare & (pl.col("last") < 0) & pl.col("heads") & (pl.col("start") == 0))
    ).when(bare & (pl.col("last") < 0)).then(pl.col("leads") | (pl.col("free") & ((level <= 1) | pl.col("lone")))).when(deeper & fits).then(
        pl.col("free") | pl.col("leads")
    ).otherwise(pl.col("leads"))
    full_ok = (
        pl.when(length == 2)
        .then(pl.col("adjacent") & pl.when(bare).then(pl.col("leads")).otherwise(fits))
        .when(~pl.col("adjacent") & (level == 3))
        .then(fits & (~bare | (pl.col("below") & pl.col("free_full"))))
        .when(~pl.col("adjacent"))
        .then(pl.col("leads") | ((level >= 2) & (fits | deeper)))
        .when(level == 3)
        .then(fits | pl.col("free_full"))
        .otherwise(True)
    )
    return (
        candidates.with_columns(fits=fits, deeper=deeper)
        .filter(pl.when("full").then(full_ok).otherwise(short_ok))
        .sort(
            "row",
            pl.when("adjacent").then(0).otherwise(pl.col("start") + 1),
            ~pl.col("full") & (level == 3),
            ~(pl.col("deeper") & pl.col("fits")),
            ~pl.col("fits"),
            -length.cast(pl.Int32),
            ~pl.col("full"),
            "level",
        )
        .unique("row", keep="first", maintain_order=True)
        .select("row", "start", "end", "level", "code", "full", "fits")
    )


def _marked(texts: pl.Series, hits: pl.DataFrame) -> pl.DataFrame:
    """Hits with free (no other name begins there), free_full, leads (one of its own parts follows), lone (see below)."""
    meanings = _gazetteer().meanings
    frame = pl.DataFrame({"text": texts}).with_row_index("row")
    after = pl.col("text").str.slice(pl.col("end"), 4)
    # code of a name that means one division in the whole country; the division after it must be one of its parts.
    upper = hits.filter(pl.col("level") <= 2).join(_gazetteer().codes_of, on=["id", "level"])
    lower = hits.select(
        "row",
        pl.col("start").alias("end"),
        pl.col("id").alias("part"),
        pl.col("level").alias("part_level"),
        pl.col("full").alias("part_full"),
    )
    leads = (
        upper.drop_nulls("scope")
        .join(lower, on=["row", "end"])
        .filter(pl.col("part_level") > pl.col("level"))
        .join(
            meanings.select(pl.col("id").alias("part"), pl.col("level").alias("part_level"), "scope"),
            on=["part", "part_level", "scope"],
        )
        .group_by("row", "start", "id", "level")
        .agg(pl.lit(True).alias("leads"), pl.col("part_full").any())
    )
    return (
        hits.join(frame, on="row")
        .join(leads, on=["row", "start", "id", "level"], how="left")
        .with_columns(
            leads=pl.col("leads").fill_null(False) & (pl.col("part_full") | ~after.str.contains("^(?:路|街|大道|大街)")),
            heads=pl.col("text").str.slice(pl.col("end"), 10).str.contains(_HEAD_OF) & ~after.str.contains(_NO_HEAD) & ~pl.col("district"),
            below=pl.col("text").str.slice(pl.col("start").cast(pl.Int64) - 1, 1).str.contains("[市区县]"),
            free=~after.str.contains(_OTHER_NAME) & ((pl.col("level") < 3) | ~after.str.contains(_OTHER_STREET)),
            free_full=~after.str.contains(_OTHER_FULL)
            & ((pl.col("end") - pl.col("start")) >= 3)
            # 812号奉化市城投大厦: after a door number a division begins the name of an organisation.
            & ~pl.col("text").str.slice(pl.col("start").cast(pl.Int64) - 1, 1).str.contains("[0-9号楼室层幢栋]")
            & ~pl.col("text").str.slice(pl.col("end"), 14).str.contains(_ORGANISATION),
        )
        .drop("text")
    )


def _runs(found: pl.DataFrame) -> pl.DataFrame:
    """Adds repeated and superseded.

    A run is a series of ever deeper divisions. A later run that starts at a province or city replaces what it covers; a
    shorter one (西湖区西湖区) only repeats.
    """
    run = (pl.col("level") <= pl.col("level").shift(1)).fill_null(False).cast(pl.UInt8).cum_sum()
    runs = found.sort("row", "start").with_columns(run=run.over("row"))
    spans = runs.group_by("row", "run").agg(
        top=pl.col("level").min(), bottom=pl.col("level").max(), levels=pl.col("level"), deepest=pl.col("code").drop_nulls().last()
    )
    digits = pl.col("deepest").cast(pl.String), pl.col("deepest_later").cast(pl.String)
    same_chain = (digits[0].str.starts_with(digits[1]) | digits[1].str.starts_with(digits[0])).fill_null(False)
    skips = pl.col("levels").list.set_difference("levels_later").list.len() > 0
    covered = (
        runs.select("row", "start", "run", "level", alone=pl.len().over("row", "run") == 1)
        .join(spans.select("row", "run", "levels", "deepest"), on=["row", "run"])
        .join(spans.filter((pl.col("run") > 0) & (pl.col("top") <= 1)), on="row", suffix="_later")
        .filter(
            (pl.col("run_later") > pl.col("run"))
            & (pl.col("top") <= pl.col("level"))
            # A street office written before the address that follows (天山路街道上海市长宁区) says nothing of its own.
            & ((pl.col("bottom") >= pl.col("level")) | (pl.col("alone") & (pl.col("start") == 0)))
            # The same chain told a second time with a level left out (浙江省台州市仙居县浙江省仙居县) only repeats.
            & (~(same_chain & skips) | (pl.col("alone") & (pl.col("start") == 0)))
        )
        .select("row", "start")
        .unique()
        .with_columns(superseded=pl.lit(True))
    )
    kept = runs.join(covered, on=["row", "start"], how="left").with_columns(pl.col("superseded").fill_null(False))
    earlier = (~pl.col("superseded")).cast(pl.UInt8).cum_sum().over("row", "level")
    former = pl.col("code").shift(1).over("row", "level")
    other_town = ((pl.col("level") == 3) & (pl.col("code") != former)).fill_null(False)
    return kept.with_columns(repeated=~pl.col("superseded") & (earlier > 1) & ~other_town).sort("row", "start").drop("run")


DIVISION_SPANS = {
    "row": pl.UInt32,
    "start": pl.UInt32,
    "end": pl.UInt32,
    "level": pl.UInt8,
    "code": pl.UInt64,
    "full": pl.Boolean,
    "repeated": pl.Boolean,
    "superseded": pl.Boolean,
}


def find_divisions(texts: pl.Series) -> pl.DataFrame:
    """Divisions from province to street in each text.

    Returns row UInt32 (index into ``texts``), start and end UInt32 (characters), level UInt8 (0 province, 1 city, 2 district,
    3 street), code UInt64 (null where several divisions of the name fit), full Boolean (written with its type word),
    repeated Boolean (an earlier or higher place of the same chain named again), superseded Boolean (a later, different chain
    replaces it: the first 浙江省温州市 in 浙江省温州市浙江省衢州市常山县). Ordered by row and start. Null texts have no rows.
    """
    texts = texts.cast(pl.String)
    hits = _marked(texts, _hits(texts))
    state = (
        pl.DataFrame({"text": texts})
        .with_row_index("row")
        .filter(pl.col("row").is_in(hits["row"].unique().implode()))
        .with_columns(cursor=pl.lit(0, pl.UInt32), context=pl.lit(0, pl.UInt64), last=pl.lit(-1, pl.Int8))
    )
    found = []
    for _ in range(_MAX_STEPS):
        filler = pl.col("text").str.slice(pl.col("cursor")).str.extract(_FILLER, 0).str.len_chars().fill_null(0)
        step = _next(state.select("row", "cursor", "context", "last", gap=filler), hits)
        if step.is_empty():
            break
        found.append(step.drop("fits"))
        # A name that does not fit starts anew; one that fits but is open or higher leaves the context.
        keeps = pl.col("fits") & (pl.col("code").is_null() | (pl.col("level").cast(pl.Int8) <= pl.col("last")))
        state = state.join(step, on="row").select(
            "row",
            "text",
            cursor="end",
            context=pl.when(keeps & (pl.col("context") > 0)).then("context").otherwise(pl.col("code").fill_null(0)),
            last=pl.when("fits").then(pl.max_horizontal("last", pl.col("level").cast(pl.Int8))).otherwise(pl.col("level").cast(pl.Int8)),
        )
        hits = hits.join(state.select("row", "cursor"), on="row").filter(pl.col("start") >= pl.col("cursor")).drop("cursor")
        if hits.is_empty():
            break
    if not found:
        return pl.DataFrame(schema=DIVISION_SPANS)
    short_municipality = ~pl.col("full") & (pl.col("level") == 0) & pl.col("code").is_in([11, 12, 31, 50])
    same_next = (pl.col("code").shift(-1).over("row") == pl.col("code")).fill_null(False)
    read = (
        pl.concat(found)
        .sort("row", "start")
        .with_columns(level=pl.when(short_municipality & ~same_next).then(pl.lit(1, pl.UInt8)).otherwise("level"))
    )
    # 上海 before 上海市 says the same twice.
    return (
        _runs(read.with_columns(twice=short_municipality & same_next))
        .with_columns(repeated=pl.col("repeated") | pl.col("twice"))
        .select(list(DIVISION_SPANS))
    )
