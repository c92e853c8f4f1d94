"""Registers of many shapes: full texts alone, columns under other headers, both, with codes or bare numbers, of several cities' ways."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from addressing import AddressBase, Grammar, build_base, link_file, resolve
from addressing.divisions import division_table
from addressing.link import register_columns
from addressing.schema import REGISTER_COLUMNS
from addressing.textual import columns_from_text

COLUMNS = ("省", "市", "区", "街道", "社区", "道路", "巷", "门牌号", "小区", "楼栋", "单元", "房号", "门牌地址")


def shenzhen() -> pl.DataFrame:
    """An invented district in Shenzhen's way: roads, a village with lanes, an estate with units, a tower with lettered blocks."""
    rows: list[dict[str, str]] = []

    def add(street: str, community: str, tail: str, **parts: str) -> None:
        place = {"省": "广东省", "市": "深圳市", "区": "坪川区", "街道": street, "社区": community}
        rows.append({**place, **parts, "门牌地址": "".join(place.values()) + tail})

    for number in range(1, 40):
        community = "老田社区" if number % 2 else "竹田社区"
        add("龙塘街道", community, f"老田大道{number}号", 道路="老田大道", 门牌号=f"{number}号")
    for building in range(1, 4):
        for unit in (1, 2):
            for room in ("101", "102", "501", "502"):
                add("坑口街道", "金沙社区", f"丹桂大道8号城投中心公馆{building}栋{unit}单元{room}室", 道路="丹桂大道", 门牌号="8号", 小区="城投中心公馆",
                    楼栋=f"{building}栋", 单元=f"{unit}单元", 房号=f"{room}室")  # fmt: skip
    for block in "ABC":
        for floor in range(1, 14):
            add("马岭街道", "坪环社区", f"东纵路88号六合商业广场{block}座{floor}01", 道路="东纵路", 门牌号="88号", 小区="六合商业广场",
                楼栋=f"{block}座", 房号=f"{floor}01")  # fmt: skip
    for lane in range(1, 5):
        for number in range(1, 7):
            add("龙塘街道", "老田社区", f"盘松路{lane}巷{number}号", 道路="盘松路", 巷=f"{lane}巷", 门牌号=f"{number}号")
            add("碧川街道", "沙湖社区", f"新屋村{lane}巷{number}-{lane}号", 道路="新屋村", 巷=f"{lane}巷", 门牌号=f"{number}-{lane}号")
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))


ASKED = {
    "广东省深圳市坪川区龙塘街道老田社区老田大道15号": "老田大道15号",
    "坪川区龙塘老田社区老田大道１５号门口": "老田大道15号",
    "老田大道十五号": "老田大道15号",
    "518118 深圳市坪川区盘松路3巷5号": "盘松路3巷5号",
    "坪川区老田大道100号": "老田大道",
    "坪川区坑口街道金沙社区城投中心公馆3栋2单元501": "城投中心公馆3栋2单元501室",
    "城投中心公馆3-2-501": "城投中心公馆3栋2单元501室",
    "城投中心公馆三栋二单元501房": "城投中心公馆3栋2单元501室",
    "丹桂大道8号3幢2单元501室": "城投中心公馆3栋2单元501室",
    "金沙社区城投中心公馆小区3号楼2单元501": "城投中心公馆3栋2单元501室",
    "六合商业广场B座1201": "六合商业广场B座1201",
    "六合商业广场b座12楼1201室": "六合商业广场B座1201",
    "东纵路88号六合商业广场C座": "六合商业广场C座",
    "坪环社区居委会": "坪环社区",
    "盘松路三巷5号302": "盘松路3巷5号",
    "盘松路3巷": "盘松路3巷",
    "新屋村二巷3之2号": "新屋村2巷3-2号",
    "市民反映：坪川区老田大道22号的烧烤店噪音扰民": "老田大道22号",
    "老田大道20号、22号": "老田大道20号",
    "不详": None,
    "": None,
}

SHAPES = {
    "columns": lambda table: table.drop("门牌地址"),
    "columns and text": lambda table: table,
    "text alone": lambda table: table.select("门牌地址"),
    "text, divisions in columns": lambda table: table.select("区", "街道", "社区", "门牌地址"),
    "twice": lambda table: pl.concat([table, table.head(30)]),
    "no province or city": lambda table: table.drop("省", "市").with_columns(pl.col("门牌地址").str.replace("广东省深圳市", "")),
    "bare numbers and categories": lambda table: table.drop("门牌地址").with_columns(
        pl.col("省", "市", "区", "街道", "社区").cast(pl.Categorical), pl.col("门牌号").str.strip_suffix("号"), pl.col("楼栋").str.strip_suffix("栋"),
        pl.col("巷").str.strip_suffix("巷").cast(pl.Int32), pl.col("房号").str.strip_suffix("室").cast(pl.Int64),
    ),
    "English headers": lambda table: table.rename(
        {"省": "Province", "市": "City", "区": "DISTRICT", "街道": "Subdistrict", "社区": "community", "道路": "Street Name", "巷": "lane",
         "门牌号": "house_number", "小区": "Estate Name", "楼栋": "building_no", "单元": "unit", "房号": "Room No.", "门牌地址": "Full Address"}
    ),
    "some rows with their text alone": lambda table: table.with_row_index("i").with_columns(
        pl.when(pl.col("i") % 3 > 0).then(pl.col(name)).alias(name) for name in COLUMNS[:-1]).drop("i"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_register_of_any_shape_links_what_people_write(shape: str, tmp_path: Path) -> None:
    SHAPES[shape](shenzhen()).write_parquet(tmp_path / "register.parquet")
    pl.DataFrame({"地址": list(ASKED)}).write_parquet(tmp_path / "in.parquet")
    link_file(tmp_path / "register.parquet", tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")["matched_text"].to_list()
    wrong = []
    for (text, expected), matched in zip(ASKED.items(), found, strict=True):
        plain = (matched or "").replace("1201室", "1201")
        if not (matched is None if expected is None else plain.endswith(expected)):
            wrong.append((text, matched))
    assert not wrong


def base_of(texts: list[str], grammar: str = "mainland") -> AddressBase:
    return build_base([(dt.date(2026, 1, 1), pa.table({"full_address": texts}))], Grammar.load(grammar))


WAYS = {
    "Beijing": (
        [f"北京市朝阳区三里街道幸福村社区幸福一村{b}号楼{u}单元{f}0{r}" for b in (1, 2, 3) for u in (1, 2) for f in (1, 2, 3) for r in (1, 2)]
        + [f"北京市西城区海子街道西海社区羊房胡同甲{n}号" for n in range(1, 20)] + ["北京市西城区海子街道西海社区羊房胡同21号院2号楼"],
        {"朝阳区幸福一村3号楼2单元302": "幸福一村3号楼2单元302", "幸福一村3-2-302": "幸福一村3号楼2单元302", "羊房胡同甲十二号": "羊房胡同甲12号",
         "西城区羊房胡同21号院2号楼": "羊房胡同21号院2号楼", "羊房胡同12号": "羊房胡同", "幸福一村3号楼": "幸福一村3号楼"},
    ),
    "Shanghai": (
        [f"上海市徐汇区天平路街道康平居委会康平路{w}弄{n}号{f}0{r}室" for w in (100, 205) for n in (1, 2, 3) for f in (1, 2) for r in (1, 2)]
        + [f"上海市徐汇区湖南路街道武康路{n}号" for n in range(1, 60)],
        {"徐汇区康平路205弄3号201室": "康平路205弄3号201室", "康平路205弄3号": "康平路205弄3号", "康平路100弄": "康平路100弄",
         "武康路五十号": "武康路50号", "武康路51-53号": "武康路51号", "武康路100号": "武康路"},
    ),
    "Hangzhou": (
        [f"浙江省杭州市余杭区五里街道{e}{b}幢{u}单元{f}0{r}室" for e in ("西溪八方城", "爱橙街999号翡丽湾") for b in (1, 2) for u in (1, 2)
         for f in (1, 2, 3) for r in (1, 2)],
        {"余杭区西溪八方城2幢1单元301": "西溪八方城2幢1单元301室", "翡丽湾2-1-301": "翡丽湾2幢1单元301室", "翡丽湾2栋1单元301": "翡丽湾2幢1单元301室",
         "翡丽湾": "翡丽湾"},
    ),
    "rooms with letters": (
        [f"深圳市龙塘区布口街道南岭村社区南岭路1号南岭大厦{floor}楼{room}室" for floor in (1, 2, 3) for room in ("A01", "A02", "B01")],
        {"南岭大厦3楼A02室": "3楼A02室", "南岭大厦3层A02": "3楼A02室", "布口南岭大厦三楼B01": "3楼B01室", "南岭大厦": "南岭大厦"},
    ),
    "groups of a village": (
        [f"湖南省长沙市望川区乌山街道双兴村{group}组{number}号" for group in (1, 2) for number in range(1, 6)]
        + [f"湖南省宁川市花楼镇杨林桥村王家湾组{number}号" for number in range(1, 6)],
        {"双兴村二组3号": "双兴村2组3号", "双兴村": "双兴村", "王家湾组3号": "王家湾组3号"},
    ),
    "numbers beside a number": (
        [f"四川省成都市武川区玉林街道玉林北路{n}号附{k}号" for n in (1, 3, 5) for k in (1, 2, 3)]
        + [f"四川省成都市武川区玉林街道玉林北路{n}号" for n in (1, 3, 5)],
        {"玉林北路三号附二号": "玉林北路3号附2号", "玉林北路3号": "玉林北路3号", "玉林北路3号附9号": "玉林北路3号"},
    ),
    "villages": (
        [f"广东省深圳市坪川区龙塘街道南门村{n}号" for n in range(1, 20)] + [f"广东省深圳市坪川区龙塘街道老田社区新屋村2巷{n}号" for n in range(1, 9)],
        {"坪川区龙塘街道南门村12号": "南门村12号", "南门村十二号附近": "南门村12号", "南门村": "南门村", "新屋村二巷3号": "新屋村2巷3号"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_full_texts_of_other_cities_are_read_and_found(way: str) -> None:
    texts, asked = WAYS[way]
    found = resolve(base_of(texts), pa.table({"text": list(asked)}))["matched_text"].to_pylist()
    wrong = [
        (text, matched) for (text, expected), matched in zip(asked.items(), found, strict=True) if not (matched or "").endswith(expected)
    ]
    assert not wrong


def test_another_city_of_taiwan_and_its_villages() -> None:
    texts = [f"高雄市左營區新上里{n}鄰自由二路{n}號{floor}" for n in (1, 3, 5) for floor in ("", "二樓", "三樓之1")]
    texts += [f"屏東縣萬巒鄉五溝村{n}鄰東興路{n}0號" for n in range(1, 9)] + [f"屏東縣萬巒鄉五溝村2鄰大林{n}號" for n in range(1, 9)]
    asked = {"左營區自由二路５號２樓": "自由二路5號二樓", "自由二路5號三樓之一": "自由二路5號三樓之1", "萬巒鄉東興路50號": "東興路50號",
             "屏東縣萬巒鄉五溝村大林5號": "大林5號", "五溝村": "五溝村", "自由二路6號": "自由二路"}  # fmt: skip
    found = resolve(base_of(texts, "taiwan"), pa.table({"text": list(asked)}))["matched_text"].to_pylist()
    assert [matched.endswith(expected) for matched, expected in zip(found, asked.values(), strict=True)] == [True] * len(asked)


def test_a_column_that_holds_road_and_number_in_one() -> None:
    table = pl.DataFrame(
        [{"区": "坪川区", "社区": "老田社区", "道路": f"老田大道{n}号", "小区": "锦绣花园", "楼栋": "2", "房号": "201"} for n in (12, 14)]
    )
    base = build_base([(dt.date(2026, 1, 1), register_columns(table, None, Path("register.csv")).to_arrow())], Grammar.load("mainland"))
    found = resolve(base, pa.table({"text": ["老田大道12号", "老田大道12号锦绣花园2栋201"]})).to_pylist()
    assert [row["level"] for row in found] == ["number", "room"]


def test_doors_numbered_by_their_village_are_found_in_columns_too() -> None:
    table = pl.DataFrame([{"区": "坪川区", "街道": "龙塘街道", "社区": "南门村", "门牌号": f"{n}号"} for n in range(1, 20)])
    base = build_base([(dt.date(2026, 1, 1), register_columns(table, None, Path("register.csv")).to_arrow())], Grammar.load("mainland"))
    door, missing, village = resolve(base, pa.table({"text": ["南门村12号", "龙塘街道南门村99号", "南门村"]})).to_pylist()
    assert door["matched_text"] == "坪川区龙塘街道南门村12号"
    assert (missing["outcome"], missing["community"]) == ("not_in_register", "南门村")
    assert (village["level"], village["community"]) == ("community", "南门村")


HOLDS_OTHER_SUFFIXES = {
    "臺北市大安區義村里21鄰仁愛路三段123巷11弄5號": ("taiwan", "大安區", "義村里", "仁愛路", None),
    "臺北市信義區大道里20鄰大道路85號": ("taiwan", "信義區", "大道里", "大道路", None),
    "高雄市前鎮區中華里3鄰一心路12號": ("taiwan", "前鎮區", "中華里", "一心路", None),
    "臺南市新市區大營里5鄰市民大道3號": ("taiwan", "新市區", "大營里", "市民大道", None),
    "新竹縣竹北市中正里鎮前路5號": ("taiwan", "竹北市", "中正里", "鎮前路", None),
    "臺北市北投區林泉里15鄰溫泉路銀光巷11號": ("taiwan", "北投區", "林泉里", "溫泉路", "銀光巷"),
    "广东省深圳市宝安区西乡街道河西社区新湖路12号": ("mainland", "宝安区", "河西社区", "新湖路", None),
    "山东省济南市市中区七里山街道英雄山路1号": ("mainland", "市中区", None, "英雄山路", None),
    "河北省石家庄市市辖区桥西区新石街道新石中路20号": ("mainland", "桥西区", None, "新石中路", None),
    "江苏省扬州市江都区邵伯镇新村村建设路幸福巷3号": ("mainland", "江都区", "新村村", "建设路", "幸福巷"),
}


@pytest.mark.parametrize("text", HOLDS_OTHER_SUFFIXES)
def test_a_name_that_holds_what_ends_other_names_is_read_whole(text: str) -> None:
    grammar_name, *wanted = HOLDS_OTHER_SUFFIXES[text]
    grammar = Grammar.load(str(grammar_name))
    empty = [pl.lit(None, pl.String).alias(name) for name in REGISTER_COLUMNS if name != "full_address"]
    read = columns_from_text(pl.DataFrame({"full_address": [text]}).with_columns(empty), grammar, pl.DataFrame())
    assert list(read.select("district", "community", "road", "lane").row(0)) == wanted


def test_full_texts_alone_and_columns_lead_to_the_same_places() -> None:
    rows = [
        {"city": "臺北市", "district": district, "community": community, "neighbourhood": "3鄰", "road": road, "number": f"{number}號"}
        for district, community, road in (("大安區", "義村里", "仁愛路"), ("信義區", "大道里", "大道路"), ("前鎮區", "中華里", "一心路"))
        for number in range(1, 30)
    ]
    table = pl.DataFrame(rows)
    whole = pl.concat_str("city", "district", "community", "neighbourhood", "road", "number").alias("full_address")
    grammar = Grammar.load("taiwan")
    columns, texts = (
        build_base([(dt.date(2020, 1, 1), frame.to_arrow())], grammar) for frame in (table.with_columns(whole), table.select(whole))
    )
    asked = pa.table({"text": table.select(pl.concat_str("district", "road", "number", pl.lit("2樓"))).to_series().to_arrow()})
    names = ["level", "outcome", "matched_text", "district", "community", "neighbourhood"]
    assert resolve(columns, asked).select(names).equals(resolve(texts, asked).select(names))


def test_numbered_lanes_and_bare_rooms_of_full_texts_are_read_as_their_columns_say() -> None:
    rows = [
        {
            "省": "广东省",
            "市": "深圳市",
            "区": "坪川区",
            "街道": "龙塘街道",
            "社区": community,
            "小区": estate,
            "巷": lane,
            "门牌号": f"{number}号",
            "房号": room,
        }
        for community, estate in (("老田社区", "石榴新村"), ("竹田社区", "水杉新村"))
        for lane in ("一巷", "三巷")
        for number in (2, 5)
        for room in ("101", "501")
    ]
    table = pl.DataFrame(rows)
    texts = table.select(full_address=pl.concat_str(pl.all()))
    grammar = Grammar.load("mainland")
    by_columns = build_base([(dt.date(2020, 1, 1), register_columns(table, None, Path("r.csv")).to_arrow())], grammar)
    by_texts = build_base([(dt.date(2020, 1, 1), texts.to_arrow())], grammar)
    asked = pa.table({"text": ["老田社区石榴新村三巷5号501", "榴石新村3巷2号101室", "水杉新村一巷2号", "竹田社区水衫新村1巷5号101房"]})
    names = ["level", "outcome", "community"]
    answers = resolve(by_texts, asked).select(names)
    assert answers["level"].to_pylist() == ["room", "room", "number", "room"]
    assert answers.equals(resolve(by_columns, asked).select(names))


def test_what_a_full_address_says_above_its_district_is_kept_where_no_column_says_it(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"full_addr": ["臺北市大安區仁愛路5號", "臺北市大安區仁愛路7號"], "district": "大安區", "road": "仁愛路", "number": ["5號", "7號"]}
    )
    register = register_columns(table, "full_addr", tmp_path / "plates.csv")
    assert register["city"].to_list() == ["臺北市", "臺北市"]
    mainland = pl.DataFrame({"full_addr": ["广东省深圳市坪川区老田大道5号"], "district": "坪川区"})
    assert register_columns(mainland, "full_addr", tmp_path / "r.csv").select("province", "city").row(0) == ("广东省", "深圳市")


def test_an_abolished_district_s_name_means_the_one_that_it_was_merged_into() -> None:
    rows = [
        {"city": city, "district": district, "road": "花市大街", "number": f"{number}号"}
        for city, district in (("北京市", "东城区"), ("北京市", "丰台区"), ("徐州市", "鼓楼区"))
        for number in range(1, 9)
    ]
    base = build_base([(dt.date(2020, 1, 1), pl.DataFrame(rows).to_arrow())], Grammar.load("mainland"))
    answers = resolve(base, pa.table({"text": ["北京市崇文区花市大街5号", "北京市丰台区花市大街5号", "南京市下关区花市大街5号"]}))
    assert answers["district"].to_pylist()[:2] == ["东城区", "丰台区"]
    assert answers["outcome"].to_pylist()[:2] == ["resolved", "resolved"]
    assert answers["district"].to_pylist()[2] != "鼓楼区", "that is another city's"


def test_a_register_without_cities_takes_an_abolished_district_by_a_name_that_is_unique_in_the_country() -> None:
    rows = [
        {"district": district, "road": "花市大街", "number": f"{number}号"} for district in ("东城区", "鼓楼区") for number in range(1, 9)
    ]
    base = build_base([(dt.date(2020, 1, 1), pl.DataFrame(rows).to_arrow())], Grammar.load("mainland"))
    answers = resolve(base, pa.table({"text": ["北京市崇文区花市大街5号", "崇文区花市大街5号", "南京市下关区花市大街5号"]}))
    assert answers["matched_text"].to_pylist()[:2] == ["东城区花市大街5号"] * 2
    assert answers["outcome"].to_pylist()[:2] == ["resolved"] * 2
    assert answers["outcome"].to_pylist()[2] != "resolved"


def test_successors_stand_in_the_code_tables() -> None:
    said = pl.read_csv(Path(str(files("addressing"))) / "data" / "successors.csv", comment_prefix="#")
    table = division_table().with_columns(pl.col("code", "level").cast(pl.String))
    above = table.filter(pl.col("level").is_in(["province", "city"]) & ~pl.col("former")).select(
        upper="code", above=pl.col("name").str.slice(0, 2)
    )
    districts = table.filter(pl.col("level") == "district")
    now, then = districts.filter(~pl.col("former")), districts.filter("former")
    for former, successor, city, since, only in said.iter_rows():
        uppers = above.filter(pl.col("above") == city[:2])["upper"].to_list()

        def inside(frame: pl.DataFrame, name: str, uppers: list[str] = uppers) -> int:
            return frame.filter((pl.col("name") == name) & pl.col("code").str.contains(f"^(?:{'|'.join(uppers)})")).height

        assert inside(now, successor) == 1, (successor, city)
        assert inside(now, former) == 0, (former, city)
        # 南市区 and 米泉市 (of another prefecture then) are older than the tables, or stood elsewhere.
        assert inside(then, former) or since <= 2000 or former == "米泉市", (former, city)
        assert (only == "yes") == (now.filter(pl.col("name") == successor).height == 1), successor
    assert said.select("former", "above").is_duplicated().sum() == 0
