"""Writes the demo city's deliveries: which office sends what on which day in which file, with the damage that whole files have.

Belongs here: the calendar of deliveries and the order of writing. Not here: what rows say (`reports`, `registers`), how a file is
written (`files`).
"""

from __future__ import annotations

import calendar
import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from sources.demo import people as people_of
from sources.demo import registers, reports, texts
from sources.demo import world as world_of
from sources.demo.files import COMMA, EXCEL_ROWS, NO_FIELD, CsvSink, ExcelSink, JsonLinesSink, ParquetSink, Sink, Truth, Writers
from sources.demo.vocabulary import moments, pick, stream
from sources.demo.written import Written

DAILY = 10
"""The last days of which every one is delivered on its own; what is older comes as one file a month."""
_DAY = 86_400
_EPOCH = dt.date(1970, 1, 1)
_STATUS_ZH = {
    "ticket": {"received": "受理", "dispatched": "派单", "accepted": "签收", "returned": "退单", "handling": "办理中", "suspended": "挂起", "extended": "延期", "handled": "办结", "checked": "回访", "closed": "结案"},
    "grid_event": {"received": "上报", "dispatched": "派遣", "returned": "退回", "handling": "处置中", "handled": "处置完成", "checked": "核查", "closed": "结案"},
    "petition": {"received": "登记", "dispatched": "交办", "handling": "办理中", "handled": "答复", "checked": "复核", "closed": "归档"},
    "hazard": {"received": "待整改", "handling": "整改中", "handled": "已整改", "closed": "销案"},
}  # fmt: skip
_LIMIT_DAYS = {"consultation": 1, "suggestion": 3, "praise": 3}
_KIND_ZH = {
    "complaint": "投诉",
    "help": "求助",
    "report": "举报",
    "consultation": "咨询",
    "suggestion": "建议",
    "praise": "表扬",
    "other": "其他",
}

Progress = Callable[[str, int, int], None]


@dataclass
class DemoSummary:
    """What was written: rows a feed, files a feed, and how often each kind of damage was planted."""

    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    damage: dict[str, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    """Distinct records of the feeds whose rows are versions."""
    matters: int = 0
    bytes: int = 0
    start: dt.date = _EPOCH
    end: dt.date = _EPOCH

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True)
class Period:
    """The days that one delivery of a feed covers."""

    date: str
    first: dt.date
    last: dt.date

    @property
    def tag(self) -> str:
        return self.date.replace("-", "")

    @property
    def daily(self) -> bool:
        return self.first == self.last


def periods(start: dt.date, end: dt.date) -> list[Period]:
    """One delivery a month, the last month up to where the daily deliveries begin, then one a day."""
    made: list[Period] = []
    daily_from = max(start, end - dt.timedelta(days=DAILY - 1))
    first = start
    while first < daily_from:
        last_of_month = first.replace(day=calendar.monthrange(first.year, first.month)[1])
        last = min(last_of_month, daily_from - dt.timedelta(days=1))
        made.append(Period(f"{last:%Y-%m}" if last == last_of_month else last.isoformat(), first, last))
        first = last + dt.timedelta(days=1)
    return made + [Period(day.isoformat(), day, day) for day in _days(daily_from, end)]


def _days(first: dt.date, last: dt.date) -> Iterable[dt.date]:
    return (first + dt.timedelta(days=number) for number in range((last - first).days + 1))


class _Office:
    """One feed's files by period: opens each when its first rows come, keeps the books."""

    def __init__(self, feed: str, opener: Callable[[Period], Sink], summary: DemoSummary) -> None:
        self.feed, self.opener, self.summary = feed, opener, summary
        self.sinks: dict[str, Sink] = {}

    def write(self, period: Period, rows: pl.DataFrame) -> np.ndarray:
        if period.date not in self.sinks:
            self.sinks[period.date] = self.opener(period)
            self.summary.files[self.feed] = self.summary.files.get(self.feed, 0) + 1
        self.summary.rows[self.feed] = self.summary.rows.get(self.feed, 0) + len(rows)
        return self.sinks[period.date].write(rows)

    def close(self) -> None:
        for sink in self.sinks.values():
            sink.close()


class _City:
    """Everything that the writing of one city shares."""

    def __init__(self, landing: Path, truth: Path, seed: int, tickets: int, people: int, start: dt.date, end: dt.date) -> None:
        self.landing, self.seed, self.start, self.end, self.size = landing, seed, start, end, people
        self.truth = Truth(truth)
        self.writers = Writers()
        self.dice = stream(seed, "files")
        self.summary = DemoSummary(start=start, end=end)
        self.world = world_of.build(seed, people)
        self.people = people_of.build(seed, people, self.world, end)
        self.shops = registers.enterprises(seed, people, self.world)
        self.matters = texts.catalogue()
        self.offices = reports.responsible(self.matters, self.world)
        self.plan = reports.plan(seed, tickets, start, end)
        self.periods = periods(start, end)
        days = (end - start).days + 1
        self.period_of_day = np.zeros(days, dtype=int)
        for number, period in enumerate(self.periods):
            self.period_of_day[(period.first - start).days : (period.last - start).days + 1] = number
        # Registers are dumped at the beginning, in the middle and near the end, on three different days.
        first = min(start, end - dt.timedelta(days=2))
        last = end - dt.timedelta(days=2) if days > 5 else end
        self.dump_days = [first, first + (last - first) // 2, last]

    def file(self, feed: str, date: str, name: str) -> Path:
        return self.landing / feed / date / name

    def period_at(self, second: np.ndarray) -> np.ndarray:
        day = np.clip(second // _DAY - (self.start - _EPOCH).days, 0, len(self.period_of_day) - 1)
        return self.period_of_day[day]

    def note(self, kind: str, count: int) -> None:
        if count:
            self.summary.damage[kind] = self.summary.damage.get(kind, 0) + int(count)

    def add_places(self, feed: str, key: pl.Series, text: Written, door: np.ndarray, street: pl.Series, community: pl.Series) -> None:
        doors, around = self.world.doors, self.world.communities
        c = doors["c"].to_numpy()[door]
        village = (text.estate >= 0) & (self.world.estate_kind[np.maximum(text.estate, 0)] == 1)
        self.truth.add(
            "place",
            pl.DataFrame(
                {
                    "feed": pl.Series([feed]).new_from_index(0, len(key)), "record_key": key, "text": text.text, "damage": text.damage, "outcome": text.outcome, "level": text.level,
                    "address_code": pick(doors["code"], text.door), "community_code": pick(around["community_code"], text.c),
                    "road": pick(self.world.roads.name, text.road).fill_null(pick(self.world.estates.name, np.where(village, text.estate, -1))), "estate": pick(self.world.estates.name, np.where(village, -1, text.estate)),
                    "true_address_code": pick(doors["code"], door), "true_community_code": pick(around["community_code"], c),
                    "street_given": street.is_not_null(), "community_given": community.is_not_null(),
                }
            ),
        )  # fmt: skip
        for kind, count in text.damage.value_counts().iter_rows():
            self.note(f"address.{kind}", count)


def write_deliveries(
    landing: Path,
    truth: Path,
    *,
    seed: int = 1,
    tickets: int = 20_000,
    people: int = 10_000,
    days: int = 120,
    end: dt.date = dt.date(2024, 6, 30),
    on_progress: Progress | None = None,
) -> DemoSummary:
    """Write all feeds' deliveries under `landing` and the truth tables under `truth`.

    `tickets`: hotline tickets (each with several versions); `people`: entries of the household register; `days`: length of the
    history that ends with `end`. `on_progress(feed, done, total)` is called as work goes on. The same arguments give the same bytes.
    Memory grows with `people` only by the registers and with `tickets` by one byte a matter. ValueError where a number makes no city.
    """
    if tickets < 1 or people < 1 or days < 1:
        raise ValueError("a demo city needs at least one ticket, one resident and one day")
    say = on_progress or (lambda feed, done, total: None)
    city = _City(landing, truth, seed, tickets, people, end - dt.timedelta(days=days - 1), end)
    try:
        _write_registers(city, say)
        _write_things(city, say)
        _write_visits(city)
        _write_reports(city, say)
    finally:
        city.writers.close()
        city.truth.close()
    _deliver_again(city)
    _spoil_bytes(city)
    city.summary.bytes = sum(path.stat().st_size for path in landing.rglob("*") if path.is_file())
    return city.summary


def _write_registers(city: _City, say: Progress) -> None:
    """Addresses, households, enterprises: a full dump on each of the dump days."""
    city.truth.add(
        "register_change",
        city.world.changes.select(
            pl.col("dump").replace_strict(list(range(len(city.dump_days))), [day.isoformat() for day in city.dump_days], return_dtype=pl.String).alias("delivery_date"),
            "kind", "name", "former", pl.col("code").alias("address_code"),
        ),
    )  # fmt: skip
    for kind, count in city.world.changes["kind"].value_counts().iter_rows():
        city.note(f"register.{kind}", count)
    shops = city.shops
    for dump, day in enumerate(city.dump_days):
        tag = f"{day:%Y%m%d}"
        rows = world_of.register_dump(city.world, dump)
        _single(
            city,
            "address_register",
            CsvSink(city.file("address_register", day.isoformat(), f"标准地址库_{tag}.csv"), encoding="gb18030"),
            rows,
        )
        say("address_register", dump + 1, len(city.dump_days))
        table, where, who = people_of.register_dump(city.people, city.world, shops.rows["单位名称"], city.seed, dump, day)
        _single(city, "household", CsvSink(city.file("household", day.isoformat(), f"实有人口_{tag}.csv"), bom=True), table)
        if dump == len(city.dump_days) - 1:
            text = Written(
                where["text"],
                where["damage"],
                where["door"].to_numpy(),
                where["level"],
                where["c"].to_numpy(),
                _road_of(city, where),
                _estate_of(city, where),
                where["outcome"],
            )
            city.add_places("household", where["record_key"], text, where["true_door"].to_numpy(), table["街道"], table["社区"])
            city.truth.add(
                "person",
                who.select(
                    pl.lit("household").alias("feed"),
                    "record_key",
                    "person",
                    "id_number",
                    "id_damage",
                    "name",
                    pl.lit(None, dtype=pl.String).alias("phone"),
                ),
            )
            for kind, count in who["id_damage"].value_counts().iter_rows():
                city.note(f"id.{kind}", count if kind != "none" else 0)
        say("household", dump + 1, len(city.dump_days))
        here = pl.Series((shops.first <= dump) & (shops.last >= dump))
        sink = CsvSink(city.file("enterprise", day.isoformat(), f"商事主体_{tag}.csv"), encoding="gb18030", delimiter="\t", line_end="\n")
        _single(city, "enterprise", sink, shops.rows.filter(here).drop("_code", "_damage"))
        say("enterprise", dump + 1, len(city.dump_days))
    city.add_places("enterprise", shops.rows["_code"], shops.text, shops.door, shops.rows["街道"], shops.rows["社区"])
    for kind, count in shops.rows["_damage"].value_counts().iter_rows():
        city.note(f"credit_code.{kind}", count if kind != "none" else 0)


def _road_of(city: _City, where: pl.DataFrame) -> np.ndarray:
    return city.world.doors["road"].to_numpy()[where["true_door"].to_numpy()]


def _estate_of(city: _City, where: pl.DataFrame) -> np.ndarray:
    return city.world.doors["estate"].to_numpy()[where["true_door"].to_numpy()]


def _single(city: _City, feed: str, sink: Sink, rows: pl.DataFrame) -> None:
    sink.write(rows)
    sink.close()
    city.summary.rows[feed] = city.summary.rows.get(feed, 0) + len(rows)
    city.summary.files[feed] = city.summary.files.get(feed, 0) + 1


def _write_things(city: _City, say: Progress) -> None:
    """Facilities (Parquet), devices (Excel), readings (Parquet)."""
    rows, door, text = registers.facilities(city.seed, city.size, city.world)
    for day in (city.dump_days[0], city.dump_days[-1]):
        _single(city, "facility", ParquetSink(city.file("facility", day.isoformat(), f"城市部件_{day:%Y%m%d}.parquet")), rows)
    city.add_places("facility", rows["部件标识码"], text, door, rows["街道"], rows["社区"])
    rows, door, text, kind = registers.devices(city.seed, city.size, city.world)
    day = city.dump_days[0]
    _single(city, "device", ExcelSink(city.file("device", day.isoformat(), "感知设备台账.xlsx"), sheet="设备清单"), rows)
    city.add_places("device", rows["设备编号"], text, door, rows["街道"], rows["社区"])
    office = _Office(
        "device_reading",
        lambda period: ParquetSink(city.file("device_reading", period.date, f"设备读数_{period.tag}.parquet")),
        city.summary,
    )
    for number, period in enumerate(city.periods):
        for day in _days(period.first, period.last):
            table, alarms = registers.readings(city.seed, kind, day)
            office.write(period, table)
            city.truth.add("alarm", alarms)
            city.note("reading.above_threshold", len(alarms))
        say("device_reading", number + 1, len(city.periods))
    office.close()


def _write_visits(city: _City) -> None:
    rows, second, door, text, planted = registers.visits(city.seed, city.people, city.world, city.start, city.end)
    at = city.period_at(second)

    def opened(period: Period) -> Sink:
        many = int((at == city.periods.index(period)).sum()) > EXCEL_ROWS
        if many:
            return CsvSink(city.file("visit", period.date, f"走访记录_{period.tag}.csv"), bom=True)
        return ExcelSink(city.file("visit", period.date, f"走访记录_{period.tag}.xlsx"), sheet="走访")

    office = _Office("visit", opened, city.summary)
    for number, period in enumerate(city.periods):
        mine = rows.filter(pl.Series(at == number))
        if len(mine):
            office.write(period, _for_sheet(mine, office, period))
    office.close()
    city.add_places("visit", rows["走访编号"], text, door, rows["街道"], rows["社区"])
    _plant(city, "visit", planted)


def _for_sheet(rows: pl.DataFrame, office: _Office, period: Period) -> pl.DataFrame:
    """In a CSV file a real date is text like the others."""
    if period.date not in office.sinks:
        office.sinks[period.date] = office.opener(period)
        office.summary.files[office.feed] = office.summary.files.get(office.feed, 0) + 1
    if isinstance(office.sinks[period.date], ExcelSink):
        return rows
    return rows.with_columns(pl.col(pl.String).str.strip_prefix("@@"))


def _plant(city: _City, feed: str, planted: pl.DataFrame) -> None:
    city.truth.add("planted", planted.select(pl.lit(feed).alias("feed"), "record_key", "field", "kind", "text"))
    for kind, count in planted["kind"].value_counts().iter_rows():
        city.note(f"planted.{kind}", count)


def _write_reports(city: _City, say: Progress) -> None:
    """Tickets, grid events, petitions, hazards and call-backs, chunk by chunk of matters."""
    offices = {
        "ticket": _Office("ticket", lambda period: _ticket_sink(city, period), city.summary),
        "grid_event": _Office(
            "grid_event", lambda period: JsonLinesSink(city.file("grid_event", period.date, f"网格事件_{period.tag}.jsonl")), city.summary
        ),
        "petition": _Office(
            "petition",
            lambda period: CsvSink(
                city.file("petition", period.date, f"信访件_{period.tag}.csv"), delimiter=";", bom=True, writers=city.writers
            ),
            city.summary,
        ),
        "hazard": _Office("hazard", lambda period: _hazard_sink(city, period), city.summary),
        "satisfaction": _Office(
            "satisfaction",
            lambda period: CsvSink(city.file("satisfaction", period.date, f"回访_{period.tag}.csv"), delimiter="\t"),
            city.summary,
        ),
    }
    serial = dict.fromkeys(reports.FEEDS, 1)
    calls = 1
    for number, made in enumerate(_chunks(city)):
        for feed_number, feed in enumerate(reports.FEEDS):
            at = np.flatnonzero(made.feed == feed_number)
            if not len(at):
                continue
            key = _record_numbers(feed, serial[feed], made.second[at])
            serial[feed] += len(at)
            city.summary.records[feed] = city.summary.records.get(feed, 0) + len(at)
            closings = _write_feed(city, offices[feed], feed, number, made, at, key)
            _report_truth(city, feed, made, at, key)
            if feed == "ticket":
                rows, second = registers.satisfaction(city.seed, number, closings.key, closings.second, closings.quality, calls)
                calls += len(rows)
                inside = second < city.plan.end_second
                _by_period(city, offices["satisfaction"], rows.filter(pl.Series(inside)), city.period_at(second[inside]))
        city.summary.matters += len(np.unique(made.matter))
        say("ticket", serial["ticket"] - 1, int(city.plan.counts.sum()))
    for office in offices.values():
        office.close()


def _chunks(city: _City) -> Iterator[reports.Reports]:
    """All chunks in order; the next one is made while this one is written."""

    def make(number: int) -> reports.Reports:
        return reports.chunk(city.plan, number, city.world, city.people, city.matters, city.offices)

    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(make, 0)
        for number in range(1, city.plan.chunks):
            made, coming = coming.result(), ahead.submit(make, number)
            yield made
        yield coming.result()


def _record_numbers(feed: str, first: int, second: np.ndarray) -> pl.Series:
    """The office's own record numbers: prefix, day, serial."""
    prefix = {"ticket": "GM", "grid_event": "WG", "petition": "XF", "hazard": "YH"}[feed]
    day = moments(second, "%Y%m%d", "").str.slice(0, 8)
    return prefix + day + pl.Series(np.arange(first, first + len(second))).cast(pl.String).str.zfill(8)


def _ticket_sink(city: _City, period: Period) -> Sink:
    gbk = not period.daily or period.last.day % 2 == 0
    name = f"12345工单_{period.tag}.csv"
    # Records are shifted by unquoted commas in the files of one system only: the one that writes GBK.
    return CsvSink(
        city.file("ticket", period.date, name), encoding="gb18030" if gbk else "utf-8", bom=not gbk, may_shift=gbk, writers=city.writers
    )


def _hazard_sink(city: _City, period: Period) -> Sink:
    # A fiftieth of the tickets have a hazard beside them, with four versions each.
    days = (period.last - period.first).days + 1
    if int(city.plan.counts.sum()) * 0.13 * days / len(city.period_of_day) > EXCEL_ROWS:
        return CsvSink(city.file("hazard", period.date, f"隐患台账_{period.tag}.csv"), bom=True)
    return ExcelSink(city.file("hazard", period.date, f"隐患台账_{period.tag}.xlsx"), sheet="隐患")


@dataclass(frozen=True)
class _Closings:
    """Tickets that were handled: number, moment, quality of the reply."""

    key: pl.Series
    second: np.ndarray
    quality: pl.Series


def _write_feed(city: _City, office: _Office, feed: str, number: int, made: reports.Reports, at: np.ndarray, key: pl.Series) -> _Closings:
    """All versions of one feed's records of one chunk, each into the file of the day on which it was delivered."""
    generator = stream(city.seed, f"versions.{feed}", number)
    second, grade = made.second[at], made.table["grade"].to_numpy()[at]
    kind = made.table["kind"].gather(at)
    if feed == "ticket":
        easy = kind.is_in(["consultation", "praise", "suggestion"]).to_numpy() & (generator.random(len(at)) < 0.7)
        flows = [("general", np.flatnonzero(~easy)), ("simple", np.flatnonzero(easy))]
    else:
        easy = np.zeros(len(at), dtype=bool)
        flows = [(feed, np.arange(len(at)))]
    parts = []
    for flow, members in flows:
        ways = reports.nodes(generator, flow, second[members], grade[members], city.plan.end_second)
        parts.append((members[ways.at], ways))
    record = np.concatenate([part[0] for part in parts])
    status = pl.concat([part[1].status for part in parts])
    moment = np.concatenate([part[1].second for part in parts])
    step = np.concatenate([part[1].step for part in parts])
    returned = np.concatenate([part[1].returned for part in parts])
    illegal = np.unique(np.concatenate([part[0][~part[1].legal] for part in parts]))
    city.note(f"flow.illegal_step.{feed}", len(illegal))
    if len(illegal):
        city.truth.add("illegal_flow", pl.DataFrame({"feed": [feed] * len(illegal), "record_key": key.gather(illegal)}))

    late = (generator.random(len(record)) < 0.015) & (moment < city.plan.end_second - 5 * _DAY)
    delivered = moment + np.where(late, generator.integers(1, 5, len(record)) * _DAY, 0)
    city.note(f"row.late.{feed}", int((city.period_at(delivered) != city.period_at(moment)).sum()))
    again = np.flatnonzero(generator.random(len(record)) < 0.004)
    city.note(f"row.repeated.{feed}", len(again))
    everything = np.concatenate([np.arange(len(record)), again])
    period = city.period_at(
        np.concatenate([delivered, np.minimum(delivered[again] + _DAY * (generator.random(len(again)) < 0.5), city.plan.end_second - 1)])
    )
    everything = everything[np.lexsort((everything, moment[everything], period))]
    period = np.sort(period)

    columns = _COLUMNS[feed](city, generator, made, at, key, easy)
    reply, quality = columns.pop("_reply"), columns.pop("_quality")
    frame = pl.DataFrame(columns)
    chosen = record[everything]
    rows = frame[chosen]
    rows = _with_state(
        city,
        feed,
        generator,
        made,
        at,
        rows,
        chosen,
        status.gather(everything),
        moment[everything],
        step[everything],
        returned[everything],
        reply,
    )
    _by_period(city, office, rows, period)

    handled = (status == "handled").to_numpy()
    last = np.zeros(len(at), dtype=np.int64)
    np.maximum.at(last, record[handled], moment[handled])
    done = np.flatnonzero(last > 0)
    return _Closings(key.gather(done), last[done], quality.gather(done))


def _ticket_columns(
    city: _City, generator: np.random.Generator, made: reports.Reports, at: np.ndarray, key: pl.Series, easy: np.ndarray
) -> dict[str, pl.Series]:
    table, count = made.table[at], len(at)
    person = made.person[at]
    anonymous = generator.random(count) < 0.06
    point = table["has_point"]
    reply, quality = texts.replies(generator, count)
    dice = generator.random(count)
    phone = city.people.phones.gather(person)
    channel = generator.choice(["电话", "微信", "网站", "i深圳APP", "现场", "市长信箱"], count, p=[0.6, 0.15, 0.08, 0.12, 0.02, 0.03])
    return {
        "工单编号": key, "来源渠道": pl.Series(channel), "登记时间": moments(made.second[at]), "诉求性质": table["kind"].replace_strict(_KIND_ZH),
        "一级分类": table["category_1"], "二级分类": table["category_2"], "三级分类": table["category_3"], "工单标题": table["title"], "诉求内容": table["body"],
        "来电人姓名": pl.select(pl.when(pl.Series(anonymous)).then(pl.lit("匿名")).otherwise(city.people.names.gather(person))).to_series(),
        "来电号码": pl.select(pl.when(pl.Series(anonymous & (dice < 0.5))).then(pl.lit("-")).when(pl.Series(dice < 0.03)).then("+86 " + phone).when(pl.Series(dice > 0.985)).then(phone.str.slice(0, 10)).otherwise(phone)).to_series(),
        "事发地址": table["address"], "行政区": pl.Series(["光明区"]).new_from_index(0, count), "所属街道": table["street"], "所属社区": table["community"],
        "经度": pl.select(pl.when(point).then(table["lng"].cast(pl.String))).to_series(), "纬度": pl.select(pl.when(point).then(table["lat"].cast(pl.String))).to_series(),
        "办理流程": pick(("一般流程", "简易流程"), easy.astype(int)),
        "办理期限": moments(made.second[at] + table["kind"].replace_strict(_LIMIT_DAYS, default=7).to_numpy() * _DAY), "_reply": reply, "_quality": quality,
    }  # fmt: skip


def _grid_columns(
    city: _City, generator: np.random.Generator, made: reports.Reports, at: np.ndarray, key: pl.Series, easy: np.ndarray
) -> dict[str, pl.Series]:
    table, count = made.table[at], len(at)
    reply, quality = texts.replies(generator, count)
    return {
        "事件编号": key, "上报时间": moments(made.second[at], between="T"), "大类": table["category_1"], "小类": table["category_2"], "细类": table["category_3"],
        "事件等级": pick(("一级", "二级", "三级", "四级"), table["grade"].to_numpy() - 1), "事件描述": table["body"], "网格编码": table["grid"],
        "工号": "WG" + pl.Series(made.c[at] * 8 + generator.integers(0, 8, count)).cast(pl.String).str.zfill(4), "位置": table["address"],
        "街道": table["street"], "社区": table["community"], "经度": table["lng"], "纬度": table["lat"], "_reply": reply, "_quality": quality,
    }  # fmt: skip


def _petition_columns(
    city: _City, generator: np.random.Generator, made: reports.Reports, at: np.ndarray, key: pl.Series, easy: np.ndarray
) -> dict[str, pl.Series]:
    table, count, person = made.table[at], len(at), made.person[at]
    reply, quality = texts.replies(generator, count)
    return {
        "信访编号": key, "信访形式": pl.Series(generator.choice(["来信", "来访", "来电", "网上信访"], count, p=[0.15, 0.25, 0.1, 0.5])),
        "登记时间": moments(made.second[at], "%Y/%m/%d"), "一级分类": table["category_1"], "二级分类": table["category_2"], "三级分类": table["category_3"],
        "涉及人数": pl.Series(generator.choice([1, 1, 1, 2, 3, 5, 12, 40], count)).cast(pl.String), "信访人": city.people.names.gather(person),
        "信访人证件号": city.people.id_numbers.gather(person), "信访人电话": city.people.phones.gather(person), "信访标题": table["title"], "信访内容": table["body"],
        "问题发生地": table["address"], "街道": table["street"], "社区": table["community"], "_reply": reply, "_quality": quality,
    }  # fmt: skip


def _hazard_columns(
    city: _City, generator: np.random.Generator, made: reports.Reports, at: np.ndarray, key: pl.Series, easy: np.ndarray
) -> dict[str, pl.Series]:
    table, count = made.table[at], len(at)
    reply, quality = texts.replies(generator, count)
    return {
        "隐患编号": key, "发现时间": _mixed(made.second[at], np.arange(count)), "隐患类型": table["category_3"].fill_null("其他隐患"),
        "隐患等级": pl.Series(np.where(table["grade"].to_numpy() == 1, "重大", "一般")), "隐患描述": table["body"], "统一社会信用代码": _unit_codes(city, generator, made.c[at]),
        "隐患地址": table["address"], "街道": table["street"], "社区": table["community"],
        "整改期限": moments(made.second[at] + 15 * _DAY).str.slice(0, 10), "_reply": reply, "_quality": quality,
    }  # fmt: skip


def _unit_codes(city: _City, generator: np.random.Generator, c: np.ndarray) -> pl.Series:
    """The credit code of a unit in the same community for most hazards, null for the others."""
    of_shop = city.world.doors["c"].to_numpy()[city.shops.door]
    order = np.argsort(of_shop, kind="stable")
    starts = np.searchsorted(of_shop[order], np.arange(len(city.world.communities) + 1))
    counts = np.diff(starts)[c]
    position = np.minimum(starts[c] + (generator.random(len(c)) * counts).astype(int), len(order) - 1)
    return pick(city.shops.rows["_code"], np.where((counts > 0) & (generator.random(len(c)) < 0.6), order[position], -1))


_COLUMNS = {"ticket": _ticket_columns, "grid_event": _grid_columns, "petition": _petition_columns, "hazard": _hazard_columns}


def _mixed(second: np.ndarray, number: np.ndarray) -> pl.Series:
    """Real dates and text dates in one column of a sheet."""
    usual, pointed = moments(second), moments(second, "%Y.%m.%d")
    form = pl.Series(number % 3)
    return pl.select(pl.when(form == 0).then("@@" + usual).when(form == 1).then(pointed).otherwise(usual)).to_series()


def _with_state(
    city: _City, feed: str, generator: np.random.Generator, made: reports.Reports, at: np.ndarray, rows: pl.DataFrame, chosen: np.ndarray,
    status: pl.Series, second: np.ndarray, step: np.ndarray, returned: np.ndarray, reply: pl.Series,
) -> pl.DataFrame:  # fmt: skip
    """Adds what changes from version to version: department, status, status time, and at the end the reply."""
    offices = city.offices.names
    right = made.department[at][chosen]
    # A department that sends a matter back was the wrong one.
    department = pick(offices, np.where(status == "received", -1, np.where(returned, (right + 3) % 24, right)))
    state = status.replace_strict(_STATUS_ZH[feed])
    done = status.is_in(["handled", "checked", "closed"])
    if feed == "ticket":
        due = (made.second[at] + made.table["kind"].gather(at).replace_strict(_LIMIT_DAYS, default=7).to_numpy() * _DAY)[chosen]
        told = moments(second)
        for form, rest in (("%Y/%-m/%-d", 0), ("%Y年%m月%d日", 1)):
            odd = np.flatnonzero(second // 60 % 50 == rest)
            told = told.scatter(odd, moments(second[odd], form)) if len(odd) else told
        return rows.with_columns(
            department.alias("承办单位"), state.alias("工单状态"),
            told.alias("状态时间"),
            pl.when(done).then(pick(("否", "是"), (second <= due).astype(int))).alias("是否按时办结"),
            pl.when(done).then(reply.gather(chosen)).alias("办理结果"),
        )  # fmt: skip
    if feed == "grid_event":
        return rows.with_columns(department.alias("处置单位"), state.alias("状态"), moments(second, between="T").alias("更新时间"))
    if feed == "petition":
        return rows.with_columns(department.alias("责任单位"), state.alias("办理状态"), moments(second, "%Y/%m/%d").alias("状态时间"))
    return rows.with_columns(
        pick(offices, right).alias("监管部门"), state.alias("整改状态"), _mixed(second, step + chosen).alias("状态时间")
    )


def _by_period(city: _City, office: _Office, rows: pl.DataFrame, period: np.ndarray) -> None:
    """Writes rows into the files of their periods; what a file does to rows (shifts, new columns, new headers) happens here."""
    if not len(period):
        return
    order = np.argsort(period, kind="stable")
    if not (np.diff(period) >= 0).all():
        rows, period = rows[order], period[order]
    numbers, starts = np.unique(period, return_index=True)
    ends = [*starts[1:], len(period)]
    for number, first, last in zip(numbers, starts, ends, strict=True):
        mine, where = rows[int(first) : int(last)], city.periods[int(number)]
        if office.feed == "ticket":
            _write_tickets(city, office, where, mine)
        elif office.feed == "hazard":
            office.write(where, _for_sheet(mine, office, where))
        else:
            office.write(where, mine)


def _write_tickets(city: _City, office: _Office, period: Period, rows: pl.DataFrame) -> None:
    """Tickets with the damage of their files: unquoted commas, a new column and renamed headers in the last days."""
    if period.last >= city.end - dt.timedelta(days=4):
        urgent = rows["诉求性质"].replace_strict({"求助": "紧急"}, default="普通")
        rows = rows.with_columns(urgent.alias("紧急程度"))
    if period.last >= city.end - dt.timedelta(days=2):
        rows = rows.rename({"来电号码": "联系电话", "诉求内容": "问题描述"})
    kind = np.zeros(len(rows), dtype=int)
    if not period.daily or period.last.day % 2 == 0:
        body, last = rows["问题描述" if "问题描述" in rows.columns else "诉求内容"], rows[rows.columns[-1]]
        drawn = np.flatnonzero(city.dice.random(len(rows)) < 0.015)
        text = body.gather(drawn)
        splits = text.str.contains("，", literal=True) & ~text.str.contains_any(["\n", '"', ","])
        drawn, text = drawn[splits.to_numpy()], text.filter(splits)
        fits = last.gather(drawn).is_null().to_numpy() & (city.dice.random(len(drawn)) < 0.5)
        kind[drawn] = np.where(fits, 2, 1)
        if len(drawn):
            body = body.scatter(drawn, text.str.replace("，", COMMA, literal=True))
        if fits.any():
            last = last.scatter(drawn[fits], NO_FIELD)
        rows = rows.with_columns(body, last)
    lines = office.write(period, rows)
    at = np.flatnonzero(kind)
    if len(at):
        sink = office.sinks[period.date]
        city.truth.add(
            "damaged_row",
            pl.DataFrame(
                {
                    "feed": ["ticket"] * len(at), "delivery": [f"ticket/{period.date}/{sink.path.name}"] * len(at), "row": lines[at].astype(np.int64),
                    "kind": pick(("", "extra_field", "shifted_but_fits"), kind[at]), "record_key": rows["工单编号"].gather(at),
                }
            ),
        )  # fmt: skip
        city.note("row.extra_field", int((kind == 1).sum()))
        city.note("row.shifted_but_fits", int((kind == 2).sum()))


def _report_truth(city: _City, feed: str, made: reports.Reports, at: np.ndarray, key: pl.Series) -> None:
    text = made.text
    mine = Written(
        text.text.gather(at),
        text.damage.gather(at),
        text.door[at],
        text.level.gather(at),
        text.c[at],
        text.road[at],
        text.estate[at],
        text.outcome.gather(at),
    )
    city.add_places(feed, key, mine, made.door[at], made.table["street"].gather(at), made.table["community"].gather(at))
    repeat = pick(reports.REPEATS, made.repeat[at])
    city.truth.add(
        "matter",
        pl.DataFrame({"feed": pl.Series([feed]).new_from_index(0, len(at)), "record_key": key, "matter": made.matter[at], "repeat": repeat, "category_3": pick(city.matters.paths["category_3"], made.leaf[at])}),
    )  # fmt: skip
    for kind, count in repeat.value_counts().iter_rows():
        city.note(f"report.{kind}", count if kind != "first" else 0)
    if feed in ("ticket", "petition"):
        person = made.person[at]
        city.truth.add(
            "person",
            pl.DataFrame(
                {
                    "feed": pl.Series([feed]).new_from_index(0, len(at)), "record_key": key, "person": person.astype(np.int64), "id_number": city.people.id_numbers.gather(person),
                    "id_damage": pl.Series(["none"]).new_from_index(0, len(at)), "name": city.people.names.gather(person), "phone": city.people.phones.gather(person),
                }
            ),
        )  # fmt: skip
    field_name = {"ticket": "body", "petition": "body", "grid_event": "description", "hazard": "description"}[feed]
    position = pl.DataFrame({"report": at.astype(np.int64), "record_key": key})
    planted = made.planted.join(position, on="report", maintain_order="left").with_columns(pl.lit(field_name).alias("field"))
    _plant(city, feed, planted)


def _deliver_again(city: _City) -> None:
    """One whole file comes a second time: the same bytes under the date of the next day."""
    daily = [period for period in city.periods if period.daily]
    if len(daily) < 4:
        return
    source, target = daily[-4], daily[-3]
    for path in sorted((city.landing / "grid_event" / source.date).glob("*")):
        copy = city.landing / "grid_event" / target.date / f"{path.stem}_重发{path.suffix}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        city.note("file.delivered_again", 1)
        city.summary.files["grid_event"] += 1


def _spoil_bytes(city: _City) -> None:
    """A transfer damaged some bytes of one file: in five addresses of the newest GBK register a byte is no character any more."""
    path = sorted((city.landing / "address_register").rglob("*.csv"))[1]
    data = bytearray(path.read_bytes())
    word = "光明区".encode("gb18030")
    at = 0
    for _ in range(5):
        at = data.find(word, at + len(data) // 7)
        if at < 0:
            break
        data[at + 1] = 0xFF
        city.note("byte.spoilt", 1)
    path.write_bytes(bytes(data))
