"""The smaller feeds of the demo city: enterprises, facilities, devices and their readings, visits, satisfaction call-backs.

Belongs here: their rows under their offices' headers, with truth. Not here: files (`deliveries`), matters (`reports`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from sources.demo import texts, vocabulary, written
from sources.demo.identity import credit_codes, phones
from sources.demo.people import NULLS, People
from sources.demo.vocabulary import chosen, pick, stream
from sources.demo.world import World

_DAY = 86_400
INDUSTRIES = (
    ("5212", "超级市场零售"),
    ("6210", "正餐服务"),
    ("3990", "其他电子设备制造"),
    ("2929", "塑料零件制造"),
    ("5430", "道路货物运输"),
    ("8210", "居民服务"),
    ("4890", "建筑安装"),
    ("8399", "教育培训"),
    ("6510", "软件开发"),
    ("8415", "诊所"),
)
FACILITY_KINDS = (
    "路灯",
    "井盖",
    "消防栓",
    "公交站牌",
    "垃圾桶",
    "护栏",
    "交通信号灯",
    "健身器材",
    "行道树",
    "监控杆",
    "雨水箅子",
    "电力箱",
)
DEVICE_KINDS = (
    ("烟感", "烟雾浓度", "%obs/m", None, 8.0, 1.5), ("噪声监测仪", "等效声级", "dB", None, 65.0, 52.0), ("水位计", "水位", "cm", None, 30.0, 6.0),
    ("燃气探测器", "甲烷浓度", "%LEL", None, 20.0, 1.0), ("消防水压计", "管网压力", "MPa", 0.14, 0.6, 0.32), ("PM2.5监测仪", "PM2.5", "μg/m³", None, 75.0, 28.0),
)  # fmt: skip


@dataclass(frozen=True)
class Enterprises:
    """All entities with their door; `text` is the address as registered."""

    rows: pl.DataFrame
    door: np.ndarray
    text: written.Written
    first: np.ndarray
    last: np.ndarray


def enterprises(seed: int, people: int, world: World) -> Enterprises:
    """About one entity for sixteen residents, on road numbers, in park buildings and in rooms."""
    generator = stream(seed, "enterprise")
    count = max(40, people // 16)
    # Parks, road numbers, then anything: rooms above the fourth floor are seldom shops.
    doors = world.doors
    steady = (doors["first_dump"].to_numpy() == 0) & (doors["last_dump"].to_numpy() == 2)
    estate = doors["estate"].to_numpy()
    kind = np.where(estate >= 0, world.estate_kind[np.maximum(estate, 0)], -1)
    pools = [
        np.flatnonzero(steady & (kind == -1)),
        np.flatnonzero(steady & (kind == 2) & (doors["level"] == "floor").to_numpy()),
        np.flatnonzero(steady & (kind <= 1) & (kind >= 0) & (doors["floor"].to_numpy() <= 4) & (doors["level"] == "room").to_numpy()),
    ]
    pool = generator.choice(3, count, p=[0.55, 0.2, 0.25])
    door = np.zeros(count, dtype=int)
    for number, members in enumerate(pools):
        mine = pool == number
        door[mine] = members[generator.integers(0, len(members), int(mine.sum()))]
    text = written.write(world, door, written.damages(generator, count, written.TIDY), generator)
    shop = pool != 1
    industry = np.where(shop, generator.choice([0, 1, 5, 7, 9], count), generator.choice([2, 3, 4, 6, 8], count))
    stems = (
        chosen(generator, vocabulary.SHOP_WORDS, count)
        + chosen(generator, vocabulary.SHOP_WORDS, count)
        + chosen(generator, list(vocabulary.GIVEN), count)
    )
    small = shop & (generator.random(count) < 0.7)
    name = pl.select(
        pl.when(pl.Series(small))
        .then("深圳市光明区" + stems + chosen(generator, vocabulary.SHOP_KINDS, count))
        .otherwise("深圳市" + stems + chosen(generator, vocabulary.COMPANY_KINDS, count))
    ).to_series()
    company, trader = credit_codes(np.arange(count), "91"), credit_codes(np.arange(count), "92")
    code = pl.select(pl.when(pl.Series(small)).then(trader).otherwise(company)).to_series()
    damage = generator.choice(4, count, p=[0.975, 0.01, 0.01, 0.005])
    told = pl.select(
        pl.when(pl.Series(damage == 1)).then(code.str.slice(0, 16) + code.str.slice(17, 1) + code.str.slice(16, 1))
        .when(pl.Series(damage == 2)).then(code.str.to_lowercase())
        .when(pl.Series(damage == 3)).then(code.str.slice(0, 15)).otherwise(code)
    ).to_series()  # fmt: skip
    c = doors["c"].to_numpy()[door]
    owner = (
        pick(list(vocabulary.SURNAMES), generator.integers(0, len(vocabulary.SURNAMES), count))
        + chosen(generator, list(vocabulary.GIVEN), count)
        + chosen(generator, list(vocabulary.GIVEN), count)
    )
    rows = pl.DataFrame(
        {
            "信用代码": told, "单位名称": name,
            "类型": np.where(small, "个体工商户", np.where(generator.random(count) < 0.04, "事业单位", "有限责任公司")),
            "行业代码": pick([code for code, _ in INDUSTRIES], industry), "行业名称": pick([word for _, word in INDUSTRIES], industry),
            "法定代表人": owner, "联系电话": phones(np.arange(count) + 50_000_000),
            "成立日期": _days(generator, dt.date(2008, 1, 1), 5800, count).dt.strftime("%Y-%m-%d"),
            "经营状态": generator.choice(["存续", "在业", "注销", "迁出", "吊销"], count, p=[0.6, 0.32, 0.04, 0.03, 0.01]),
            "从业人数": pl.Series(np.where(small, generator.integers(1, 12, count), generator.integers(5, 900, count))).cast(pl.String),
            "安全等级": generator.choice(["A级", "B级", "C级", "D级"], count, p=[0.3, 0.5, 0.16, 0.04]),
            "住所": text.text, "街道": pick(world.communities["street"], c), "社区": pick(world.communities["community"], np.where(generator.random(count) < 0.2, -1, c)),
            "_code": code, "_damage": pick(("none", "wrong_check", "lower_case", "characters_lost"), damage),
        }
    )  # fmt: skip
    first = np.where(generator.random(count) < 0.04, generator.integers(1, 3, count), 0)
    last = np.where(generator.random(count) < 0.03, generator.integers(0, 2, count), 2)
    return Enterprises(rows, door, text, first, np.maximum(first, last))


def _days(generator: np.random.Generator, first: dt.date, span: int, count: int) -> pl.Series:
    return pl.Series((np.datetime64(first) + generator.integers(0, span, count).astype("timedelta64[D]")).astype("datetime64[D]"))


def facilities(seed: int, people: int, world: World) -> tuple[pl.DataFrame, np.ndarray, written.Written]:
    """Facilities beside doors on roads, with coordinates as numbers."""
    generator = stream(seed, "facility")
    count = max(100, people // 12)
    roads = np.flatnonzero(
        (world.doors["estate"].to_numpy() < 0) & (world.doors["first_dump"].to_numpy() == 0) & (world.doors["last_dump"].to_numpy() == 2)
    )
    door = roads[generator.integers(0, len(roads), count)]
    text = written.write(
        world, door, written.damages(generator, count, {"missing_levels": 0.5, "relation": 0.4, "road_only": 0.1}), generator
    )
    c = world.doors["c"].to_numpy()[door]
    kind = generator.integers(0, len(FACILITY_KINDS), count)
    rows = pl.DataFrame(
        {
            "部件标识码": "440311" + pl.Series(kind + 1).cast(pl.String).str.zfill(4) + pl.Series(np.arange(1, count + 1)).cast(pl.String).str.zfill(6),
            "部件名称": pick(FACILITY_KINDS, kind),
            "主管部门": generator.choice(["区城市建设养护中心", "区水务局", "光明交警大队", "城市管理和综合执法局"], count),
            "部件状态": generator.choice(["完好", "破损", "丢失", "废除"], count, p=[0.93, 0.05, 0.01, 0.01]),
            "安装日期": _days(generator, dt.date(2012, 1, 1), 4300, count),
            "位置": text.text, "街道": pick(world.communities["street"], c), "社区": pick(world.communities["community"], c),
            "经度": np.round(world.doors["lng"].to_numpy()[door] + generator.normal(0, 0.00008, count), 6),
            "纬度": np.round(world.doors["lat"].to_numpy()[door] + generator.normal(0, 0.00008, count), 6),
        }
    )  # fmt: skip
    return rows, door, text


def devices(seed: int, people: int, world: World) -> tuple[pl.DataFrame, np.ndarray, written.Written, np.ndarray]:
    """Devices at buildings with their thresholds; the last value is the kind of each."""
    generator = stream(seed, "device")
    count = min(2000, 36 + people // 250)
    door = world.places["door"].to_numpy()[generator.integers(0, len(world.places), count)]
    text = written.write(world, door, written.damages(generator, count, {"full": 0.5, "missing_levels": 0.4, "relation": 0.1}), generator)
    kind = np.arange(count) % len(DEVICE_KINDS)
    c = world.doors["c"].to_numpy()[door]
    rows = pl.DataFrame(
        {
            "设备编号": "SB" + pl.Series(np.arange(1, count + 1)).cast(pl.String).str.zfill(5),
            "设备类型": pick([row[0] for row in DEVICE_KINDS], kind), "监测指标": pick([row[1] for row in DEVICE_KINDS], kind), "计量单位": pick([row[2] for row in DEVICE_KINDS], kind),
            "下限阈值": pl.Series([row[3] for row in DEVICE_KINDS], dtype=pl.Float64).gather(kind), "上限阈值": pl.Series([row[4] for row in DEVICE_KINDS]).gather(kind),
            "安装日期": _days(generator, dt.date(2019, 1, 1), 1500, count),
            "设备状态": generator.choice(["在线", "离线", "故障"], count, p=[0.94, 0.04, 0.02]),
            "安装位置": text.text, "街道": pick(world.communities["street"], c), "社区": pick(world.communities["community"], c),
            "经度": world.doors["lng"].gather(door), "纬度": world.doors["lat"].gather(door),
        }
    )  # fmt: skip
    return rows, door, text, kind


def readings(seed: int, kind: np.ndarray, day: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One day's readings, every two hours a device; a few stand above a threshold for some hours. The second table is the truth of those."""
    generator = stream(seed, "device_reading", day.toordinal())
    count, times = len(kind), 12
    device = np.repeat(np.arange(count), times)
    moment = np.datetime64(day) + (np.tile(np.arange(times), count) * 7200 + generator.integers(0, 60, count * times)).astype(
        "timedelta64[s]"
    )
    usual = np.array([row[5] for row in DEVICE_KINDS])[kind][device]
    high = np.array([row[4] for row in DEVICE_KINDS])[kind][device]
    value = usual * (1 + 0.12 * generator.standard_normal(count * times))
    alarm = (generator.random(count) < 0.012)[device]
    begins = generator.integers(0, times - 2, count)[device]
    hour = np.tile(np.arange(times), count)
    alarm &= (hour >= begins) & (hour < begins + 3)
    value = np.where(alarm, high * (1.05 + 0.4 * generator.random(count * times)), np.minimum(value, high * 0.97))
    keep = generator.random(count * times) > 0.01
    rows = pl.DataFrame(
        {
            "设备编号": ("SB" + pl.Series(device + 1).cast(pl.String).str.zfill(5)),
            "采集时间": pl.Series(moment.astype("datetime64[ms]")),
            "数值": np.round(value, 3),
            "数据质量": np.where(generator.random(count * times) < 0.005, "可疑", "正常"),
        }
    ).filter(pl.Series(keep))  # fmt: skip
    truth = rows.filter(pl.Series(alarm[keep])).select(device_no="设备编号", read_at="采集时间", value="数值")
    return rows, truth


def visits(
    seed: int, people: People, world: World, start: dt.date, end: dt.date
) -> tuple[pl.DataFrame, np.ndarray, np.ndarray, written.Written, pl.DataFrame]:
    """Visits to households in order of time: rows, second, door, text, planted personal details. Dates are real ones and text mixed."""
    generator = stream(seed, "visit")
    households = len(people.household_doors)
    count = max(20, households // 2)
    days = (end - start).days + 1
    second = np.sort(
        (start - dt.date(1970, 1, 1)).days * _DAY
        + generator.integers(0, days, count) * _DAY
        + generator.integers(9 * 3600, 20 * 3600, count)
    )
    household = generator.integers(0, households, count)
    door = people.household_doors[household]
    text = written.write(world, door, written.damages(generator, count, written.DAMAGES | {"no_address": 0.1}), generator)
    moment = pl.Series((second * 1_000_000).astype("datetime64[us]"))
    form = pl.Series(np.arange(count) % 4)
    head = pl.Series(np.searchsorted(people.persons["household"].to_numpy(), household))
    person = people.persons["person"].gather(head)
    named = generator.random(count) < 0.2
    notes = chosen(
        generator,
        (
            "身体状况良好",
            "反映楼道灯坏了",
            "希望增加健身设施",
            "家中无人，已留联系卡",
            "宣传防诈骗",
            "提醒用电用气安全",
            "独居，需定期关注",
            "已登记新入住人员",
        ),
        count,
    )
    note = pl.select(
        pl.when(pl.Series(named))
        .then(pl.format("走访{}，电话{}，{}", people.names.gather(person), people.phones.gather(person), notes))
        .otherwise(notes)
    ).to_series()
    c = world.doors["c"].to_numpy()[door]
    rows = pl.DataFrame(
        {
            "走访编号": "ZF" + pl.Series(np.arange(1, count + 1)).cast(pl.String).str.zfill(7),
            "走访时间": pl.select(
                pl.when(form == 0).then("@@" + moment.dt.strftime("%Y-%m-%d %H:%M:%S")).when(form == 1).then(moment.dt.strftime("%Y/%-m/%-d %H:%M"))
                .when(form == 2).then(moment.dt.strftime("%Y年%-m月%-d日 %H:%M")).otherwise(moment.dt.strftime("%Y-%m-%d %H:%M:%S"))
            ).to_series(),
            "工号": "WG" + pl.Series(c * 8 + generator.integers(0, 8, count)).cast(pl.String).str.zfill(4),
            "户编号": "H" + pl.Series(household + 1).cast(pl.String).str.zfill(8),
            "走访类型": generator.choice(["独居老人", "流动人口登记", "消防宣传", "困难家庭", "常态走访"], count),
            "走访结果": generator.choice(["见面", "无人", "拒访"], count, p=[0.8, 0.17, 0.03]),
            "备注": note, "地址": text.text, "街道": pick(world.communities["street"], c), "社区": pick(world.communities["community"], c),
        }
    )  # fmt: skip
    planted = pl.concat(
        [
            pl.DataFrame({"record_key": rows["走访编号"], "field": "note", "kind": kind, "text": column.gather(person)}).filter(
                pl.Series(named)
            )
            for kind, column in (("name", people.names), ("phone", people.phones))
        ]
    )
    return rows, second, door, text, planted


def satisfaction(
    seed: int, chunk: int, ticket_no: pl.Series, closed: np.ndarray, quality: pl.Series, first_number: int
) -> tuple[pl.DataFrame, np.ndarray]:
    """Call-backs for some handled tickets, and when they were made; those whose reply was short or copied are less content."""
    generator = stream(seed, "satisfaction", chunk)
    asked = np.flatnonzero(generator.random(len(closed)) < 0.35)
    count = len(asked)
    second = closed[asked] + generator.integers(3600, 3 * _DAY, count)
    poor = (quality.gather(asked) != "usual").to_numpy()
    reached = generator.random(count) < 0.8
    score = np.where(
        poor,
        generator.choice([1, 2, 3, 4, 5], count, p=[0.25, 0.25, 0.25, 0.15, 0.1]),
        generator.choice([1, 2, 3, 4, 5], count, p=[0.05, 0.06, 0.14, 0.3, 0.45]),
    )
    moment = pl.Series((second * 1_000_000).astype("datetime64[us]"))
    rows = pl.DataFrame(
        {
            "回访编号": "HF" + pl.Series(np.arange(first_number, first_number + count)).cast(pl.String).str.zfill(9),
            "工单号": ticket_no.gather(asked), "回访时间": moment.dt.strftime("%Y-%m-%d %H:%M:%S"), "是否接通": np.where(reached, "是", "否"),
            "满意度评分": pl.select(pl.when(pl.Series(reached)).then(pl.Series(score).cast(pl.String)).otherwise(chosen(generator, NULLS, count))).to_series(),
            "是否解决": pl.select(pl.when(pl.Series(reached)).then(pl.Series(np.where(score >= 4, "是", np.where(score == 3, "", "否"))))).to_series(),
            "意见": pl.select(pl.when(pl.Series(reached & (generator.random(count) < 0.3))).then(chosen(generator, texts.COMMENTS, count))).to_series(),
        }
    )  # fmt: skip
    return rows, second
