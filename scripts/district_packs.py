"""Writes the settings of the district packs that are too long to keep by hand: trees, responsibilities, maps, channels, grids, sources.

    python scripts/district_packs.py

The counts are those that the sources of each system state; the entries are written here from common usage (`governance_items.txt`) and
carry synthetic=true. What is short (rules, links, figures) is edited in the packs themselves and not touched. A district that has the real
list replaces the file. Not part of the product: nothing imports this.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
DISTRICTS = HERE.parent / "districts"
Path3 = tuple[str, str, str]

DEPARTMENTS = {
    "市容环卫": "GM001", "园林绿化": "GM001", "环境保护": "GM002", "水务排水": "GM005", "市政设施": "GM006", "交通出行": "GM008",
    "住房城建": "GM004", "公共安全": "GM003", "能源保障": "GM014", "市场监管": "GM010", "劳动社保": "GM017", "教育文体": "GM018",
    "卫生健康": "GM019", "民政社会": "GM021", "政务服务": "GM016", "规划国土": "GM024", "党建群团": "GM027",
}  # fmt: skip
"""The department of a class, by the demo city's codes; groups that another one answers for follow."""
GROUP_DEPARTMENTS = {
    "违法停车": "GM009", "信号标线": "GM009", "电动自行车": "GM009", "道路拥堵": "GM009", "交通事故": "GM009", "驾培车管": "GM009",
    "消防通道": "GM011", "消防设施": "GM011", "电动车充电": "GM011", "生产作业": "GM012", "危险物品": "GM012", "地质灾害": "GM012",
    "三防应急": "GM012", "特种设备": "GM010", "供水服务": "GM013", "水质问题": "GM013", "二次供水": "GM013", "燃气安全": "GM015",
    "燃气服务": "GM015", "通信服务": "GM028", "职业健康": "GM019", "医疗保障": "GM020", "残疾人服务": "GM022", "人口服务": "GM003",
    "退役军人": "GM026", "城市更新": "GM023", "文化场馆": "GM007", "体育健身": "GM007", "文化市场": "GM007", "文物保护": "GM007",
    "信访事项": "GM025", "惠企服务": "GM028", "土地管理": "GM023",
}  # fmt: skip
URGENT = {"燃气安全", "危险物品", "地质灾害", "三防应急", "消防通道", "高空抛物", "井盖设施"}
GRAVE = {"公共安全", "水务排水", "能源保障"}
MILD = {"政务服务", "教育文体", "规划国土", "党建群团", "民政社会"}

LUOHU = {
    "城市管理": ("市容环卫", "园林绿化", "市政设施", "水务排水", "环境保护"),
    "公共安全": ("消防安全", "生产安全", "治安防范", "应急三防"),
    "民生服务": ("教育文体", "卫生健康", "民政社会", "劳动社保", "住房物业", "能源保障", "交通出行"),
    "市场秩序": ("消费维权", "食品药品"),
    "社会治理": ("矛盾纠纷", "人口服务"),
    "政务服务": ("政务服务", "规划国土"),
}
LUOHU_GROUPS = {
    "消防通道": "消防安全", "消防设施": "消防安全", "电动车充电": "消防安全", "生产作业": "生产安全", "危险物品": "生产安全",
    "特种设备": "生产安全", "三防应急": "应急三防", "地质灾害": "应急三防", "餐饮卫生": "食品药品", "食品安全": "食品药品",
    "药品器械": "食品药品", "邻里纠纷": "矛盾纠纷", "房屋租赁": "矛盾纠纷", "信访事项": "矛盾纠纷", "法律援助": "矛盾纠纷", "人口服务": "人口服务",
}  # fmt: skip
LUOHU_CLASSES = {"公共安全": "治安防范", "住房城建": "住房物业", "市场监管": "消费维权", "党建群团": "矛盾纠纷"}

YANTIAN = {
    "市容环卫": "市容绿化", "园林绿化": "市容绿化", "环境保护": "环境保护", "水务排水": "水务能源", "能源保障": "水务能源", "市政设施": "市政设施",
    "交通出行": "交通出行", "住房城建": "住建规划", "规划国土": "住建规划", "公共安全": "公共安全", "市场监管": "市场监管", "劳动社保": "劳动社保",
    "教育文体": "教育文体", "卫生健康": "卫生健康", "民政社会": "民生政务", "政务服务": "民生政务",
}  # fmt: skip

YANTIAN_ITEMS = {
    "建筑施工噪声": "噪声扰民", "社会生活噪声": "噪声扰民", "工业噪声": "噪声扰民", "消防通道": "消防管理", "消防设施": "消防管理", "公交线路": "公交出行",
    "公交服务": "公交出行", "供水服务": "供水保障", "水质问题": "供水保障", "燃气安全": "燃气保障", "燃气服务": "燃气保障", "餐饮卫生": "食品安全",
}  # fmt: skip
"""Groups that are one item there."""

HOT_DOMAINS = {
    "市容环卫": "市容环境", "环境保护": "生态环境", "市政设施": "市政设施", "交通出行": "交通出行", "住房城建": "住房物业", "公共安全": "公共安全",
    "供水供电": "水电气保障", "市场监管": "消费维权", "劳动社保": "劳动权益", "教育文体": "教育文体", "卫生健康": "医疗卫生",
    "民政社会": "民生保障", "政务服务": "政务作风", "规划国土": "规划国土",
}  # fmt: skip
"""Dapeng's fourteen hot domains over the demo city's classes."""

INDUSTRIES = {
    "消防网格": "GM011", "安全生产网格": "GM012", "食品安全网格": "GM010", "药品监管网格": "GM010", "特种设备网格": "GM010", "城市管理网格": "GM001",
    "环卫保洁网格": "GM001", "园林绿化网格": "GM001", "生态环境网格": "GM002", "河湖长制网格": "GM005", "排水管理网格": "GM005", "建设工地网格": "GM004",
    "物业管理网格": "GM004", "房屋安全网格": "GM004", "交通管理网格": "GM009", "警务网格": "GM003", "人口服务网格": "GM003", "出租屋管理网格": "GM003",
    "卫生健康网格": "GM019", "校园安全网格": "GM018", "民政救助网格": "GM021", "劳动监察网格": "GM017", "退役军人服务网格": "GM026", "燃气安全网格": "GM015",
}  # fmt: skip


def items() -> list[Path3]:
    """The written tree: class, group, item."""
    found = []
    for line in (HERE / "governance_items.txt").read_text(encoding="utf-8").splitlines():
        if "|" in line and not line.startswith("#"):
            head, listed = line.split(":")
            one, two = head.split("|")
            found += [(one, two, item) for item in listed.split("、")]
    return found


def read(district: str, name: str) -> list[dict[str, str]]:
    """A settings file as rows of text."""
    with (DISTRICTS / district / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def write(district: str, name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
    """A settings file of a pack, each row marked as synthetic."""
    with (DISTRICTS / district / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*header.split(","), "synthetic"])
        writer.writerows([*row, "true"] for row in rows)


def grade(group: str, one: str) -> int:
    """1 urgent … 4 ordinary."""
    return 1 if group in URGENT else 2 if one in GRAVE else 4 if one in MILD else 3


def department(one: str, group: str) -> str:
    return GROUP_DEPARTMENTS.get(group, DEPARTMENTS[one])


def tree(district: str, leaves: Sequence[tuple[Path3, Path3, str]], departments: str = "GM") -> None:
    """category.csv and responsibility.csv of a pack: leaves as (path, the written path that it comes from, hot domain)."""
    numbers: dict[object, int] = {}

    def number(*path: str) -> int:
        return numbers.setdefault(path, sum(known[:-1] == path[:-1] and len(known) == len(path) for known in numbers) + 1)  # type: ignore[index, arg-type]

    write(
        district,
        "category",
        "code,category_1,category_2,category_3,domain,grade",
        [
            (f"{number(path[0]):02d}{number(*path[:2]):02d}{number(*path):02d}", *path, domain, grade(source[1], source[0]))
            for path, source, domain in leaves
        ],
    )
    write(
        district,
        "responsibility",
        "category_1,category_2,category_3,street,department_code,valid_from,valid_to",
        [(*path, "*", department(source[0], source[1]).replace("GM", departments), "2020-01-01", "") for path, source, _ in leaves],
    )


def category_map(district: str, leaves: Sequence[tuple[Path3, Path3, str]]) -> None:
    """Each leaf of the demo city's tree to a leaf of the pack: that of the same item, else the first of its group."""
    written = {item: (one, two) for one, two, item in items()}
    by_item = {source[2]: path for path, source, _ in reversed(leaves)}
    by_group: dict[tuple[str, str], Path3] = {}
    for path, source, _ in leaves:
        by_group.setdefault(source[:2], path)
    rows = []
    for leaf in read("demo", "category"):
        name = leaf["category_3"]
        rows.append((leaf["category_1"], leaf["category_2"], name, *(by_item.get(name) or by_group[written[name]])))
    write(district, "category_map", "from_category_1,from_category_2,from_category_3,category_1,category_2,category_3", rows)


def groups_of_demo() -> list[Path3]:
    """The groups that the demo city's items fall into, each by its first item."""
    written = {item: (one, two) for one, two, item in items()}
    wanted = {written[leaf["category_3"]] for leaf in read("demo", "category")}
    first = {(one, two): (one, two, item) for one, two, item in reversed(items())}
    return [path for key, path in reversed(first.items()) if key in wanted]


def yantian() -> None:
    leaves: list[tuple[Path3, Path3, str]] = []
    for path in sorted(groups_of_demo(), key=lambda path: list(YANTIAN).index(path[0])):
        leaves.append(((YANTIAN[path[0]], path[0], YANTIAN_ITEMS.get(path[1], path[1])), path, YANTIAN[path[0]]))
    once = {leaf[0]: leaf for leaf in reversed(leaves)}
    tree("yantian", [leaf for leaf in leaves if once[leaf[0]] is leaf])
    category_map("yantian", leaves)


def pingshan() -> None:
    leaves = [(path, path, path[0]) for path in items()]
    tree("pingshan", leaves, "PS")
    streets = [row["name"] for row in read("pingshan", "division") if row["level"] == "street"]
    bureaus = {
        row["department_code"].replace("GM", "PS"): row["name"].replace("光明", "坪山")
        for row in read("demo", "department")
        if row["kind"] in ("bureau", "enterprise")
    }
    kinds = {row["department_code"].replace("GM", "PS"): row["kind"] for row in read("demo", "department")}
    write(
        "pingshan",
        "department",
        "department_code,name,kind,parent_code,aliases,credit_code",
        [(code, name, kinds[code], "", "", "") for code, name in bureaus.items()]
        + [
            (f"PSJ{number:02d}", f"{street}办事处" if street.endswith("街道") else street, "street", "", "", "")
            for number, street in enumerate(streets, 1)
        ],
    )
    listed = [
        "12345政务服务便民热线",
        "市长信箱",
        "区长信箱",
        "区委书记信箱",
        "人民网领导留言板",
        "国务院互联网督查",
        "国家政务服务投诉建议",
        "省12345平台转办",
        "市信访局转办",
        "区信访局来信",
        "区信访局来访",
        "网上信访",
        "市民热线微信",
        "i深圳APP",
        "美丽深圳",
        "深圳交警随手拍",
        "110非警务警情",
        "119消防举报",
        "12315消费投诉",
        "12369环保举报",
        "12333人社热线",
        "12328交通热线",
        "12329公积金热线",
        "12320卫生热线",
        "12366纳税热线",
        "12389公安监督",
        "12350安全生产举报",
        "12348法律援助",
        "12338妇女维权",
        "12355青少年热线",
        "12351职工热线",
        "数字化城管",
        "视频智能识别",
        "物联感知告警",
        "网格采集",
        "人大代表建议",
        "政协委员提案",
        "媒体舆情",
        "坪山融媒",
        "区政府在线网站",
    ]
    aliases = {"12345政务服务便民热线": "12345;12345热线", "数字化城管": "12319;城管热线", "区政府在线网站": "政府信箱"}
    channels: list[tuple[str, str, str, str]] = [(name, "综合渠道", "区政务服务和数据管理局", aliases.get(name, "")) for name in listed]
    for street in streets:
        for kind in ("来访接待", "值班电话", "微信公众号", "网格巡查", "党群服务中心", "民意速办", "综合治理中心", "志愿者上报"):
            channels.append((f"{street}{kind}", "街道渠道", street, ""))
    for name in list(bureaus.values())[:20]:
        for kind in ("值班电话", "官方网站", "微信公众号"):
            channels.append((f"{name}{kind}", "部门渠道", name, ""))
    write("pingshan", "channel", "channel,channel_group,owner,aliases", channels)


def nanshan() -> None:
    cells = [row for row in read("demo", "grid_cell") if row["grid_code"][-2:].isdigit()]
    communities: dict[str, dict[str, str]] = {}
    for row in cells:
        communities.setdefault(row["community"], row)
    held = {row["grid_code"] for row in cells if not row["valid_to"]}
    rows = [
        tuple(row[key] for key in ("grid_code", "name", "street", "community", "team", "industry", "valid_from", "valid_to"))
        for row in cells
    ]
    number = 1
    while len(held) < 1610:
        for community, first in communities.items():
            code = f"{first['grid_code'][:-2]}{number:02d}"
            if code not in {row["grid_code"] for row in cells} and len(held) < 1610:
                held.add(code)
                team = f"{first['street']}网格{'一二三'[number % 3]}队"
                rows.append((code, f"{community}第{number}网格", first["street"], community, team, "", "2024-01-01", ""))
        number += 1
    write("nanshan", "grid_cell", "grid_code,name,street,community,team,industry,valid_from,valid_to", sorted(rows))


def luohu() -> None:
    kind_domain = {kind: domain for domain, kinds in LUOHU.items() for kind in kinds}
    extra = [path for path in items() if path[1] in ("三防应急", "地质灾害", "法律援助")]
    groups = list(dict.fromkeys(groups_of_demo() + [path for path in extra if path[2] == next(p[2] for p in extra if p[1] == path[1])]))
    leaves = []
    for path in groups:
        kind = LUOHU_GROUPS.get(path[1], LUOHU_CLASSES.get(path[0], path[0]))
        leaves.append(((kind_domain[kind], kind, path[1]), path, kind_domain[kind]))
    leaves.sort(key=lambda leaf: (list(LUOHU).index(leaf[0][0]), list(kind_domain).index(leaf[0][1])))
    tree("luohu", leaves)
    category_map("luohu", leaves)


def longhua() -> None:
    taken: dict[str, int] = {}
    thirds = 0
    leaves = []
    for path in items():
        taken[path[1]] = taken.get(path[1], 0) + 1
        if taken[path[1]] == 3 and thirds < 6:
            thirds += 1
        elif taken[path[1]] > 2:
            continue
        leaves.append((path, path, path[0]))
    tree("longhua", leaves)
    category_map("longhua", leaves)


def dapeng() -> None:
    write(
        "dapeng",
        "category",
        "code,category_1,category_2,category_3,domain,grade",
        [
            (row["code"], row["category_1"], row["category_2"], row["category_3"], HOT_DOMAINS[row["category_1"]], row["grade"])
            for row in read("demo", "category")
        ],
    )


def guangming() -> None:
    cells = sorted({row["grid_code"] for row in read("demo", "grid_cell") if not row["valid_to"]})
    rows = []
    for number, (industry, code) in enumerate(INDUSTRIES.items(), 1):
        for place, cell in enumerate(cells):
            if (place + number) % 3 == 0:
                rows.append((industry, f"HY{number:02d}-{cell[6:12]}", code, cell, "2024-01-01", ""))
    write("guangming", "industry_grid", "industry,industry_code,department_code,grid_code,valid_from,valid_to", rows)


def longgang() -> None:
    bureaus = [
        "区委办公室",
        "区委政法委",
        "区委组织部",
        "区委宣传部",
        "区委统战部",
        "区发展和改革局",
        "区教育局",
        "区科技创新局",
        "区工业和信息化局",
        "区民政局",
        "区司法局",
        "区财政局",
        "区人力资源局",
        "区住房和建设局",
        "区水务局",
        "区文化广电旅游体育局",
        "区卫生健康局",
        "区应急管理局",
        "区审计局",
        "区国有资产监督管理局",
        "区信访局",
        "区政务服务和数据管理局",
        "区城市管理和综合执法局",
        "区退役军人事务局",
        "区城市更新和土地整备局",
        "区建筑工务署",
        "区投资推广和企业服务中心",
        "区机关事务管理局",
        "区总工会",
        "团区委",
        "区妇联",
        "区残疾人联合会",
        "区红十字会",
        "区科学技术协会",
        "区工商业联合会",
        "区文学艺术界联合会",
        "区档案馆",
        "区图书馆",
        "区融媒体中心",
        "区网格管理中心",
        "区疾病预防控制中心",
        "区妇幼保健院",
        "区人民医院",
        "区中心医院",
        "区中医院",
        "区公共就业服务中心",
        "区不动产登记中心",
    ]
    stationed = [
        "市公安局龙岗分局",
        "市交警支队龙岗大队",
        "龙岗消防救援大队",
        "市规划和自然资源局龙岗管理局",
        "市生态环境局龙岗管理局",
        "市交通运输局龙岗管理局",
        "市市场监督管理局龙岗监管局",
        "市医疗保障局龙岗分局",
        "龙岗税务局",
        "龙岗海关办事处",
        "龙岗气象站",
        "市住房公积金龙岗管理部",
    ]
    utilities = [
        "深水龙岗水务公司",
        "龙岗供电局",
        "深燃龙岗分公司",
        "电信龙岗分局",
        "移动龙岗分公司",
        "联通龙岗分公司",
        "铁塔龙岗分公司",
        "邮政龙岗分公司",
        "东部公交",
        "地铁运营分公司",
        "广电网络龙岗分公司",
        "区环卫服务公司",
        "区保障房公司",
        "区产业园区公司",
        "区停车管理公司",
    ]
    streets = ["平湖", "坂田", "布吉", "南湾", "横岗", "园山", "龙城", "龙岗", "坪地", "宝龙", "吉华"]
    units = bureaus + stationed + utilities + [f"{street}街道办事处" for street in streets]
    units += [
        f"{street}街道{office}"
        for street in streets
        for office in ("网格管理中心", "应急管理办", "综合治理中心", "公共服务办", "城市建设办")
    ]
    leads = {
        "市公安局龙岗分局": ("household", "population"), "市市场监督管理局龙岗监管局": ("enterprise", "legal_entity"),
        "市规划和自然资源局龙岗管理局": ("address_register", "space"), "区政务服务和数据管理局": ("ticket", "topic"),
        "区网格管理中心": ("grid_event", "topic"), "区信访局": ("petition", "topic"), "区应急管理局": ("hazard", "topic"),
        "区城市管理和综合执法局": ("facility", "space"), "区水务局": ("device", "topic"), "区民政局": ("visit", "population"),
    }  # fmt: skip
    topics = {
        "ticket": "民意诉求",
        "grid_event": "基层治理",
        "petition": "信访维稳",
        "hazard": "安全生产",
        "device": "物联感知",
    }
    offices = {
        "网格管理中心": "grid_event",
        "应急管理办": "hazard",
        "综合治理中心": "petition",
        "公共服务办": "visit",
        "城市建设办": "facility",
    }
    own = {"区投资推广和企业服务中心": "enterprise"}
    economy = {
        "区发展和改革局",
        "区财政局",
        "龙岗税务局",
        "区工业和信息化局",
        "区投资推广和企业服务中心",
        "区国有资产监督管理局",
        "区审计局",
    }
    rows = []
    for number, unit in enumerate(units[:140], 1):
        feed, library = leads.get(unit, ("", ""))
        pattern = ""
        if not feed:
            feed = own.get(unit) or next((known for office, known in offices.items() if unit.endswith(office)), "")
            library = "economy" if unit in economy else "topic"
            pattern = f"%{unit}%" if feed else ""
        topic = topics.get(feed, "政务运行") if library == "topic" else ""
        rows.append((f"LG{number:03d}", "", f"{unit}数据", unit, feed, pattern, library, topic, 31))
    write("longgang", "source", "source_code,title,title_zh,unit,feed,files,library,topic,cycle_days", rows)


def main() -> None:
    """Write all packs."""
    for make in (yantian, pingshan, nanshan, luohu, longhua, dapeng, guangming, longgang):
        make()


if __name__ == "__main__":
    main()
