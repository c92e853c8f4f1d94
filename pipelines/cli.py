"""The `govlake` command: its subcommands, options and help.

Belongs here: what can be asked and how it is explained. Not here: how it is done (`pipelines.commands`, imported when a command runs:
Dagster, Great Expectations, Polars and DuckDB together take seconds to import, and `--help` must not).
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

HELP = """\
govlake: feeds in, one address key, six theme libraries, subject tables out. 基层治理数据湖仓。

A [bold]home[/] holds deliveries (landing), lake, releases and keys: --home, else GOVLAKE_HOME, else ./.govlake.
A [bold]district[/] is a folder with district.yaml, or the name of one that comes with govlake (demo, taipei, pingshan); a home remembers its own.

First steps:  [bold]govlake demo[/]  ·  [bold]govlake sql[/]  ·  [bold]govlake ui[/]
Your own city:  [bold]govlake district new mycity[/]  ·  drop files into <home>/landing/<feed>/<date>/  ·  [bold]govlake run --district mycity[/]
"""

EPILOG = """\
[bold]Exit codes 退出码:[/]  0 done, or nothing to do 完成 · 1 failed 失败 · 2 wrong use 用法有误 · 3 blocked by checks or a missing required feed 被质量检查或缺失的必需来源阻断 · 4 another run holds the home 另一任务占用中
"""

app = typer.Typer(
    name="govlake",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
release_app = typer.Typer(
    help="Releases: list, show, switch back and forth, prune. 发布版本", no_args_is_help=True, rich_markup_mode="rich"
)
quarantine_app = typer.Typer(
    help="Refused rows: list, show, send back to their office, try again. 拒收数据", no_args_is_help=True, rich_markup_mode="rich"
)
district_app = typer.Typer(help="Districts: start a new one, check one. 区域配置", no_args_is_help=True, rich_markup_mode="rich")
catalogue_app = typer.Typer(
    help="The catalogue of published tables: list, show, search. 数据目录", no_args_is_help=True, rich_markup_mode="rich"
)
share_app = typer.Typer(
    help="Shares for subscribers: list, deliver, log; verify and apply what was received. 数据共享",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

WORK, READ, ADDRESS, CARE = "Work 运行", "Look and query 查看与查询", "Addresses 地址", "Care 运维"

app.add_typer(release_app, name="release", rich_help_panel=CARE)
app.add_typer(quarantine_app, name="quarantine", rich_help_panel=READ)
app.add_typer(catalogue_app, name="catalogue", rich_help_panel=READ)
app.add_typer(share_app, name="share", rich_help_panel=WORK)
app.add_typer(district_app, name="district", rich_help_panel=WORK)

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="The home's folder 工作目录. Default: GOVLAKE_HOME, else ./.govlake", show_default=False)
]
DistrictOption = Annotated[
    str | None,
    typer.Option(
        "--district", help="A district's folder, or demo, taipei, pingshan 区域. Default: the one this home used before", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs 输出JSON")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="If another run holds the home, end with code 4 instead of waiting 不等待")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask 不再询问")]


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


class Audience(StrEnum):
    internal = "internal"
    public = "public"
    restricted = "restricted"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"govlake {version('govlake')}")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole error where one happens (it may quote values of the data) 显示完整错误")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version 版本", callback=_version, is_eager=True)] = False,
) -> None:
    if debug:
        os.environ["GOVLAKE_DEBUG"] = "1"


@app.command(rich_help_panel=WORK)
def demo(
    home: HomeOption = None,
    seed: Annotated[int, typer.Option(help="Same seed, same city 随机种子")] = 1,
    tickets: Annotated[int, typer.Option(min=1, help="Hotline tickets 热线工单数")] = 20_000,
    people: Annotated[int, typer.Option(min=1, help="Entries of the household register 登记人口数")] = 10_000,
    days: Annotated[int, typer.Option(min=1, help="Days of history 天数")] = 120,
    end: Annotated[str, typer.Option(help="The last delivery's date 最后交付日期")] = "2024-06-30",
    district: Annotated[str, typer.Option(help="The district that the city is delivered to 区域")] = "demo",
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a demo city's deliveries and run the whole job on them. 演示：生成数据并完整运行

    The city is generated (streets and communities are real names, people and roads are invented). Run it twice: nothing to do.
    """
    import datetime as dt

    from pipelines.commands import run as command
    from pipelines.commands.outcome import CommandFailed, Exit

    try:
        last = dt.date.fromisoformat(end)
    except ValueError as error:
        raise CommandFailed(f"--end {end}: no date", "write YYYY-MM-DD", Exit.USAGE) from error
    _end(
        command.demo(
            home, seed=seed, tickets=tickets, people=people, days=days, end=last, district=district, wait=not no_wait, as_json=as_json
        )
    )


@app.command(rich_help_panel=WORK)
def run(
    home: HomeOption = None,
    district: DistrictOption = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Build the release as of this local time 截至时间 (2026-03-31 or 2026-03-31T18:00). Default: the latest delivery's day",
            show_default=False,
        ),
    ] = None,
    redo: Annotated[
        list[str] | None,
        typer.Option(help="Take these in again: feed/date/file, feed/date or feed; may be repeated 重做批次", show_default=False),
    ] = None,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take in what has been delivered and make a release. 接收来件并发布

    Files lie in <home>/landing/<feed>/<date>/, as the offices wrote them. Running again without new files changes nothing. The former
    release stays current until the new one is checked and complete; a run that is broken off is simply run again.
    """
    from pipelines.commands import run as command

    _end(command.run(home, district, as_of=as_of, redo=redo or (), wait=not no_wait, as_json=as_json))


@app.command(rich_help_panel=WORK)
def ui(
    home: HomeOption = None,
    district: DistrictOption = None,
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Port on 127.0.0.1 端口")] = 3000,
) -> None:
    """Dagster in the browser, on 127.0.0.1 only. 网页界面

    The same job as `govlake run`, with every delivery, table and check; the nightly schedule and the landing sensor can be
    switched on there and work while it is up.
    """
    from pipelines.commands import ui as command

    _end(command.ui(home, district, port))


@app.command(rich_help_panel=READ)
def sql(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="[SQL]", help='A query, e.g. "SELECT count(*) FROM event.ticket". Without: the shell 查询语句', show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    release: Annotated[
        str | None,
        typer.Option(help="A release's id, or a folder of libraries copied elsewhere 发布. Default: the current one", show_default=False),
    ] = None,
    audience: Annotated[Audience, typer.Option(help="Whose libraries 受众")] = Audience.internal,
    form: Annotated[Format, typer.Option("--format", "-f", help="How results are shown 输出格式")] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result to FILE: .csv .json .parquet .xlsx 写入文件", show_default=False)
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Most rows of a table on screen; csv and json give all 表格最多行数")] = 200,
) -> None:
    """Ask the libraries of a release with SQL, read-only. 只读查询

    Tables are named library.table: event.ticket, place.address, subject.community_monthly_effect. Without a query a shell opens (from a
    pipe: the queries on standard input). SELECT, EXPLAIN, DESCRIBE and SHOW only; files outside the release cannot be read or written.
    """
    from pipelines.commands import places, query

    history = None if release and os.sep in release else places.chosen_home(home) / "sql_history"
    query.sql(places.library_folder(home, release, audience.value), text, form=form.value, output=output, rows=rows, history=history)


@app.command(rich_help_panel=READ)
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Deliveries, staleness, drift, waiting files, releases, last run. 状态"""
    from pipelines.commands import status as command

    command.status(home, as_json)


@app.command(rich_help_panel=READ)
def lineage(
    name: Annotated[str, typer.Argument(help="theme.table or theme.table.column 表或字段", metavar="NAME")],
    home: HomeOption = None,
    uses: Annotated[bool, typer.Option("--uses", help="What is made of it, instead of what it is made from 下游引用")] = False,
    as_json: JsonOption = False,
) -> None:
    """Where a table or column comes from, back to the headers in the offices' files; or what is made of it. 数据血缘"""
    from pipelines.commands import lineage as command

    command.show(home, name, uses, as_json)


@app.command(rich_help_panel=READ)
def site(
    home: HomeOption = None,
    audience: Annotated[Audience, typer.Option(help="Whose site: internal or public 受众")] = Audience.internal,
    release: Annotated[str | None, typer.Option(help="Another release than the current one 指定发布")] = None,
) -> None:
    """The path of the release's site: overview, pictures, books, dictionary, lineage, quality; opens by double click. 数据站点"""
    from pipelines.commands import site as command

    command.show(home, audience.value, release)


@app.command(rich_help_panel=ADDRESS)
def explain(
    text: Annotated[str, typer.Argument(metavar="ADDRESS", help="An address as someone wrote it 地址文本")],
    home: HomeOption = None,
    district: Annotated[
        str | None, typer.Option("--hint-district", help="What else is known: the district 已知区", show_default=False)
    ] = None,
    street: Annotated[str | None, typer.Option("--hint-street", help="… the street 已知街道", show_default=False)] = None,
    community: Annotated[str | None, typer.Option("--hint-community", help="… the community 已知社区", show_default=False)] = None,
    lng: Annotated[float | None, typer.Option(help="… the longitude 经度", show_default=False)] = None,
    lat: Annotated[float | None, typer.Option(help="… the latitude 纬度", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """How an address is read, what it is linked to, and why. 解释地址关联过程"""
    from pipelines.commands import addresses

    hints = {"district": district, "street": street, "community": community, "lng": lng, "lat": lat}
    addresses.explain(home, text, hints, as_json)


@app.command(rich_help_panel=ADDRESS)
def link(
    register: Annotated[Path, typer.Option(help="The address register: CSV or Parquet 地址库文件")],
    input: Annotated[Path, typer.Option(help="The file to link: CSV or Parquet 输入文件")],
    output: Annotated[Path, typer.Option(help="Where to write; .csv or .parquet 输出文件")],
    register_column: Annotated[
        str | None, typer.Option(help="The register's column with the full address text 地址库的地址列", show_default=False)
    ] = None,
    address_column: Annotated[str | None, typer.Option(help="The input's column with the address 输入的地址列", show_default=False)] = None,
    district: Annotated[
        str | None, typer.Option(help="A district's folder or name; gives grammar and aliases 区域", show_default=False)
    ] = None,
    grammar: Annotated[
        str | None,
        typer.Option(help="The address grammar, where no district is named: mainland, taiwan, or a grammar file 语法", show_default=False),
    ] = None,
) -> None:
    """Link a file of addresses to a register; needs nothing else of govlake. 批量关联地址

    Every input row and column stays, in order; added are address_key, level, outcome, method, matched_text, district, community,
    neighbourhood, score, margin, runner_up, reason.
    """
    from pipelines.commands import addresses

    addresses.link(register, register_column, input, address_column, output, district, grammar)


@app.command(rich_help_panel=ADDRESS)
def parse(
    input: Annotated[Path, typer.Option(help="CSV, Parquet or JSON Lines with addresses 输入文件")],
    output: Annotated[Path, typer.Option(help="Where to write 输出文件")],
    grammar: Annotated[str, typer.Option(help="The address grammar: mainland, taiwan, or a grammar file 语法")] = "mainland",
    address_column: Annotated[str | None, typer.Option(help="The input's column with the address 输入的地址列", show_default=False)] = None,
) -> None:
    """Split addresses into their parts: spans of start, end, label on the original text. 批量解析地址"""
    from pipelines.commands import addresses

    addresses.parse(input, output, grammar, address_column)


@release_app.command("list")
def release_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All releases, newest first; the current one is marked. 列出发布"""
    from pipelines.commands import releases

    releases.listed(home, as_json)


@release_app.command("show")
def release_show(
    release: Annotated[str | None, typer.Argument(help="The release's id; default: the current one 发布编号", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a release was made from and what is in it. 查看发布"""
    from pipelines.commands import releases

    releases.show(home, release, as_json)


@release_app.command("switch")
def release_switch(release: Annotated[str, typer.Argument(help="The release's id 发布编号")], home: HomeOption = None) -> None:
    """Make another release the current one, at once and as a whole. 切换当前发布"""
    from pipelines.commands import releases

    releases.switch(home, release)


@release_app.command("prune")
def release_prune(
    home: HomeOption = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="How many to keep; default: the district's retention 保留个数", show_default=False)
    ] = None,
) -> None:
    """Delete old releases; never the current one, never one younger than 24 hours. 清理旧发布"""
    from pipelines.commands import releases

    releases.prune(home, keep)


@quarantine_app.command("list")
def quarantine_list(
    home: HomeOption = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed 来源", show_default=False)] = None,
    delivery: Annotated[str | None, typer.Option(help="Only this delivery (feed/date/file) 批次", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Refused rows counted by delivery, rule and field. 按批次、规则统计拒收行"""
    from pipelines.commands import quarantine

    quarantine.listed(home, feed, delivery, as_json)


@quarantine_app.command("show")
def quarantine_show(
    delivery: Annotated[str, typer.Argument(help="feed/date/file 批次")],
    home: HomeOption = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule 规则", show_default=False)] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="Most rows 最多行数")] = 50,
    as_json: JsonOption = False,
) -> None:
    """The refused rows of a delivery: row, field, rule, remedy; personal values masked. 查看拒收行"""
    from pipelines.commands import quarantine

    quarantine.show(home, delivery, rule, most, as_json)


@quarantine_app.command("export")
def quarantine_export(
    output: Annotated[Path, typer.Argument(help="An Excel file, .xlsx 输出文件")],
    home: HomeOption = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed 来源", show_default=False)] = None,
    delivery: Annotated[str | None, typer.Option(help="Only this delivery 批次", show_default=False)] = None,
) -> None:
    """An Excel sheet for the source office: what was refused, why, what to mend; personal values masked. 导出拒收清单"""
    from pipelines.commands import quarantine

    quarantine.export(home, output, feed, delivery)


@quarantine_app.command("retry")
def quarantine_retry(
    home: HomeOption = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed 来源", show_default=False)] = None,
    delivery: Annotated[str | None, typer.Option(help="Only this delivery (feed/date/file) 批次", show_default=False)] = None,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try refused rows and unreadable files again, after a contract, mapping, code list or file was mended. 重试拒收数据

    What passes now joins its feed and a new release; the rest stays refused with its newest reason. A corrected file of the same name
    in the same landing folder replaces the former one. `govlake run` does the same for everything; retry is held to what was refused.
    """
    from pipelines.commands import quarantine

    _end(quarantine.retry(home, feed, delivery, not no_wait, as_json))


@catalogue_app.command("list")
def catalogue_list(
    home: HomeOption = None,
    theme: Annotated[str | None, typer.Option(help="Only this theme, e.g. event, subject 主题", show_default=False)] = None,
    release: Annotated[str | None, typer.Option(help="A release's id. Default: the current one 发布", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Every published table: meaning, steward, rows, classification, freshness, score. 列出数据表"""
    from pipelines.commands import catalogue

    catalogue.listed(home, theme, release, as_json)


@catalogue_app.command("show")
def catalogue_show(
    table: Annotated[str, typer.Argument(help="A table, e.g. event.ticket 数据表")],
    home: HomeOption = None,
    release: Annotated[str | None, typer.Option(help="A release's id. Default: the current one 发布", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """One table: columns with meanings, quality, freshness, sample, history, where it lies. 查看数据表"""
    from pipelines.commands import catalogue

    catalogue.show(home, table, release, as_json)


@catalogue_app.command("search")
def catalogue_search(
    words: Annotated[list[str], typer.Argument(help="Chinese or English words, all of which must occur 关键词")],
    home: HomeOption = None,
    release: Annotated[str | None, typer.Option(help="A release's id. Default: the current one 发布", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Tables and columns by Chinese or English words in names, titles and descriptions; exit code 1 where nothing is found. 搜索"""
    from pipelines.commands import catalogue

    _end(catalogue.search(home, words, release, as_json))


KeyOption = Annotated[
    Path | None,
    typer.Option("--key", help="The sender's public key, as you were given it 发送方公钥. Default: this home's", show_default=False),
]


@share_app.command("list")
def share_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What each subscriber gets, why, how often, until when; what is due and what is stopped. 列出共享"""
    from pipelines.commands import share

    share.listed(home, as_json)


@share_app.command("deliver")
def share_deliver(
    only: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SHARE]…", help="subscriber or subscriber/share; default: all 只交付这些", show_default=False),
    ] = None,
    home: HomeOption = None,
    full: Annotated[bool, typer.Option("--full", help="Send everything again, also where only changes are due 重新全量")] = False,
    now: Annotated[bool, typer.Option("--now", help="Don't wait for the day, week or month 不等周期")] = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Deliver from the current release what is due; `govlake run` does so by itself. Exit code 3 where a share was stopped. 交付"""
    from pipelines.commands import share

    _end(share.deliver(home, only or (), full=full, now=now, wait=not no_wait, as_json=as_json))


@share_app.command("log")
def share_log(
    home: HomeOption = None,
    subscriber: Annotated[str | None, typer.Option(help="Only this subscriber 订阅方", show_default=False)] = None,
    table: Annotated[str | None, typer.Option(help="Only this table 数据表", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Who got what, when, why, from which release, with which checksums. 交付记录"""
    from pipelines.commands import share

    share.log(home, subscriber, table, as_json)


@share_app.command("verify")
def share_verify(
    folder: Annotated[Path, typer.Argument(help="The folder of one delivery 交付目录")],
    key: KeyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check signature and checksums of a delivery; exit code 3 where it is not genuine or not whole. 校验"""
    from pipelines.commands import share

    share.verify(folder, key, home, as_json)


@share_app.command("apply")
def share_apply(
    base: Annotated[Path, typer.Argument(metavar="FULL", help="The folder of a full delivery 全量目录")],
    changes: Annotated[list[Path], typer.Argument(metavar="CHANGES…", help="The folders of all changes since, in order 其后的变更目录")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The newest full file to write 输出文件")],
    key: KeyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the newest full file from a full delivery and the changes since: the same bytes as a full delivery. 合并变更"""
    from pipelines.commands import share

    share.apply(base, changes, output, key, home, as_json)


@share_app.command("key")
def share_key(
    home: HomeOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the public key to FILE 导出公钥", show_default=False)] = None,
    rotate: Annotated[bool, typer.Option("--rotate", help="Put a new signing key in the place of the old one 更换签名密钥")] = False,
) -> None:
    """The public key that receivers verify with, and its fingerprint. 签名公钥"""
    from pipelines.commands import share

    share.public_key(home, output, rotate)


@app.command(rich_help_panel=CARE)
def backup(
    file: Annotated[Path, typer.Argument(help="The backup to write, .tar or .tar.gz 备份文件")],
    home: HomeOption = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Take the pseudonym key along: keep such a backup as safe as the key 含密钥")
    ] = False,
    with_landing: Annotated[bool, typer.Option("--with-landing", help="Take the delivered files along 含来件原件")] = False,
    no_wait: NoWaitOption = False,
) -> None:
    """Back up a home as it stands between two runs: lake, releases, Dagster's storage. 备份

    The lake holds people's data as delivered: a backup is as confidential as the home. Keys stay out unless asked for; without the same
    key later pseudonyms differ.
    """
    from pipelines.commands import backup as command

    command.backup(file, home, with_keys=with_keys, with_landing=with_landing, wait=not no_wait)


@app.command(rich_help_panel=CARE)
def restore(
    file: Annotated[Path, typer.Argument(help="A backup made by `govlake backup` 备份文件")],
    home: HomeOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what the home holds; the former stands beside it as <home>.before-restore-… 覆盖")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only verify the backup's checksums 仅校验")] = False,
) -> None:
    """Restore a home from a backup: every file verified before anything is put in place. 恢复"""
    from pipelines.commands import backup as command

    command.restore(file, home, force=force, check=check)


@app.command(rich_help_panel=CARE)
def maintain(
    home: HomeOption = None,
    runs_days: Annotated[int, typer.Option(min=1, help="Keep Dagster's runs and logs of so many days 运行记录保留天数")] = 90,
    no_wait: NoWaitOption = False,
) -> None:
    """Compact and vacuum the lake within retention, prune releases, clean Dagster's storage. 维护"""
    from pipelines.commands import maintain as command

    command.maintain(home, runs_days=runs_days, wait=not no_wait)


@app.command("rotate-key", rich_help_panel=CARE)
def rotate_key(home: HomeOption = None, yes: YesOption = False) -> None:
    """Put a new pseudonym key in the place of the old one; the next run gives every person a new pseudonym. 更换假名密钥"""
    from pipelines.commands import keys

    keys.rotate(home, yes=yes)


@district_app.command("new")
def district_new(
    name: Annotated[str, typer.Argument(help="Small letters, digits, _ 名称")],
    into: Annotated[Path, typer.Option("--into", help="The folder to make it in 所在目录")] = Path(),
) -> None:
    """A new district folder from the commented template. 新建区域配置"""
    from pipelines.commands import districts

    districts.new(name, into)


@district_app.command("check")
def district_check(
    district: Annotated[str, typer.Argument(help="A district's folder or name 区域目录")],
    as_json: JsonOption = False,
) -> None:
    """Read a district's files and say every mistake: file, line, remedy. 检查区域配置"""
    from pipelines.commands import districts

    _end(districts.check(district, as_json))


@district_app.command("list")
def district_list() -> None:
    """The districts that come with govlake. 自带区域"""
    from pipelines.commands import districts

    districts.listed()


def _end(code: int) -> None:
    if code:
        raise typer.Exit(int(code))


def main() -> None:
    """The entry point: run, and turn every error into one line and an exit code."""
    try:
        app()
    except BrokenPipeError:
        # The reader of the pipe has enough (`| head`): nothing went wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("GOVLAKE_DEBUG"):
            raise
        from pipelines.commands import screen
        from pipelines.commands.outcome import as_failure

        failed = as_failure(error)
        screen.failure(failed)
        sys.exit(int(failed.code))


if __name__ == "__main__":
    main()
