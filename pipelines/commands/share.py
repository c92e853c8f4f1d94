"""`govlake share`: what subscribers get, delivering it, the log of who got what, and the receiver's verify and apply.

Belongs here: arguments and printing. Not here: deliveries (`publishing.shares`), where they lie (`assets.sharing`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.load import ContractError
from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.commands.places import chosen_home, existing_home, release_folder
from pipelines.home import district_folder
from warehouse.home import Home

STATUS = {
    "delivered": ("delivered", "已交付"),
    "already": ("has this release", "已有本发布"),
    "not_due": ("not due yet", "未到周期"),
    "stopped": ("stopped", "已停止"),
}
EVERY = {"release": "每次发布", "day": "每日", "week": "每周", "month": "每月"}


def listed(home: Path | None, as_json: bool) -> None:
    """Every share: what, for what, how often, until when; what it got last and what stops it."""
    from assets import sharing
    from publishing import shares, subscriptions

    opened = existing_home(home)
    workplace = _workplace(opened)
    source = shares.Source.of(release_folder(opened))
    tables = source.tables()
    log = sharing.receipts(workplace.lake).read()
    rows = []
    for order in sharing.orders(workplace):
        mine = [row for row in log if row["subscriber"] == order.subscriber and row["share"] == order.name and row["status"] == "delivered"]
        last = max(mine, key=lambda row: row["sequence"], default=None)
        late = subscriptions.expired(order, source.as_of.date())
        found = [*subscriptions.problems(order, tables), *([late] if late else [])]
        rows.append(
            {
                "subscriber": order.subscriber,
                "title": order.who.title,
                "title_zh": order.who.title_zh,
                "share": order.name,
                **order.share.model_dump(mode="json"),
                "clearance": order.who.clearance,
                "state": _state(found, last, source, order),
                "problems": [problem.model_dump(mode="json") for problem in found],
                "last": None if last is None else {name: last[name] for name in ("sequence", "release", "as_of", "kind", "rows", "folder")},
            }
        )
    if as_json:
        screen.as_json(rows)
        return
    if not rows:
        screen.say(f"no subscriptions yet / 尚无订阅: {workplace.district.folder}/subscriptions.yaml")
        return
    _print_list(rows)


def _state(found: Sequence[Any], last: Mapping[str, Any] | None, source: Any, order: Any) -> str:
    from publishing import shares

    if found:
        return "stopped"
    if last and last["release"] == source.id:
        return "already"
    return "due" if last is None or shares.due(order.share.every, last["as_of"], source.as_of) else "not_due"


def _print_list(rows: Sequence[Mapping[str, Any]]) -> None:
    table = screen.grid("share 共享", "table 数据表", "form 形式", "how often 周期", "until 至", "purpose 用途", "last 上次", "state 状态")
    for row in rows:
        last = row["last"]
        table.add_row(
            f"{row['subscriber']}/{row['share']}\n{row['title_zh']} {row['title']}",
            f"{row['table']}\n{len(row['columns'])} columns 列" + (f"\n{row['filter']}" if row["filter"] else ""),
            f"{row['form']}, {row['mode']}",
            f"{row['every']} {EVERY[row['every']]}",
            row["until"],
            f"{row['purpose_zh']}\n{row['purpose']}",
            f"{last['sequence']}: {last['rows']:,} ({last['kind']})\n{last['as_of']:%Y-%m-%d}" if last else "–",
            "due 待交付" if row["state"] == "due" else " ".join(STATUS[row["state"]]),
        )
        table.add_section()
    screen.show(table)
    for row in rows:
        _print_problems(row["problems"])


def _print_problems(found: Sequence[Mapping[str, Any]]) -> None:
    for problem in found:
        screen.warn(problem["message"])
        screen.warn(problem["message_zh"])
        screen.note(f"  → {problem['remedy']} {problem['remedy_zh']}")


def deliver(home: Path | None, only: Sequence[str], *, full: bool, now: bool, wait: bool, as_json: bool) -> Exit:
    """Deliver from the current release what is due; exit 3 where a share was stopped, the others went out."""
    from assets import sharing

    opened = existing_home(home)
    workplace = _workplace(opened)
    known = {order.id for order in sharing.orders(workplace)} | {order.subscriber for order in sharing.orders(workplace)}
    wrong = [name for name in only if name not in known]
    if wrong:
        raise CommandFailed(f"no share or subscriber {', '.join(wrong)} / 没有该共享", "see `govlake share list`", Exit.USAGE)
    with opened.locked(wait=wait):
        outcomes = sharing.deliver(
            workplace,
            release_folder(opened),
            wanted=lambda order: not only or order.id in only or order.subscriber in only,
            full=full,
            now=now,
        )
    lines = sharing.lines(outcomes)
    found = [outcome.problem for outcome in outcomes if outcome.problem]
    if as_json:
        screen.as_json({"shares": [line.model_dump() for line in lines], "problems": [problem.model_dump() for problem in found]})
    else:
        show(lines, sharing.shares_folder(opened))
        _print_problems([problem.model_dump() for problem in found])
    return Exit.BLOCKED if found else Exit.DONE


def show(lines: Sequence[Any], folder: Path) -> None:
    """What became of each share, as the run's summary shows it too."""
    if not lines:
        screen.say("no subscriptions yet / 尚无订阅")
        return
    table = screen.grid("share 共享", "table 数据表", "", "kind 类型", "rows 行", "folder 目录", numbers=("rows 行",))
    for line in lines:
        where = str(folder / line.folder) if line.folder else ""
        table.add_row(line.share, line.table, " ".join(STATUS[line.status]), line.kind or "", screen.number(line.rows), where)
    screen.show(table)


def log(home: Path | None, subscriber: str | None, table: str | None, as_json: bool) -> None:
    """Who got what, when, why, with which checksums; and what was stopped."""
    from assets import sharing
    from warehouse.lake import Lake

    opened = existing_home(home)
    rows = sharing.receipts(Lake(opened.lake)).read()
    rows = [row for row in rows if (not subscriber or row["subscriber"] == subscriber) and (not table or row["table"] == table)]
    rows.sort(key=lambda row: row["recorded_at"])
    if as_json:
        screen.as_json([{**row, "files": json.loads(row["files"]) if row["files"] else None} for row in rows])
        return
    if not rows:
        screen.say("nothing was delivered yet / 尚无交付记录")
        return
    shown = screen.grid("when 时间 (UTC)", "who 谁", "what 内容", "rows 行", "why 用途", "release 发布", "", numbers=("rows 行",))
    for row in rows:
        why = f"{row['purpose_zh']} {row['purpose']}" if row["status"] == "delivered" else f"{row['reason_zh']} {row['reason']}"
        what = f"{row['table']} ({row['form']}{', ' + row['kind'] if row['kind'] else ''})\n{row['columns']}"
        end = " ".join(STATUS[row["status"]]) + (f"\n{row['manifest_sha256'][:16]}…" if row["manifest_sha256"] else "")
        shown.add_row(f"{row['recorded_at']:%Y-%m-%d %H:%M}", f"{row['subscriber']}/{row['share']}", what, screen.number(row["rows"]), why,
                      row["release"], end)  # fmt: skip
        shown.add_section()
    screen.show(shown)


def verify(folder: Path, key: Path | None, home: Path | None, as_json: bool) -> None:
    """Check a delivered folder: the signature first, then every file."""
    from publishing import signing

    trusted, own = _trusted(folder, key, home)
    manifest, fingerprint = _genuine(lambda: signing.verify(folder, trusted))
    found = {
        "genuine": True,
        "signed_by": fingerprint,
        "key": "in the folder" if own else "given",
        **{name: manifest[name] for name in ("subscriber", "share", "sequence", "kind", "table", "rows", "release", "as_of")},
        "files": len(manifest["files"]),
    }
    if as_json:
        screen.as_json(found)
        return
    screen.say(f"genuine and whole 签名有效、内容完整: {manifest['subscriber']}/{manifest['share']}, delivery 第 {manifest['sequence']} 次")
    screen.say(f"{manifest['table']} · {manifest['kind']} · {manifest['rows']:,} rows 行 · release 发布 {manifest['release']}")
    screen.say(f"signed by 签名公钥 {fingerprint}")
    if own:
        screen.warn("checked with the key in the folder itself: compare its fingerprint with the one that you were told another way")
        screen.warn("使用的是目录内自带公钥，请通过其他渠道核对指纹（或用 --key 指定）")


def _trusted(folder: Path, key: Path | None, home: Path | None) -> tuple[list[bytes], bool]:
    """The public keys to check with: the one named, else this home's, else the one in the folder (True)."""
    from publishing import signing

    if key is not None:
        if not key.is_file():
            raise CommandFailed(f"no file {key}", "name the public key that you were given", Exit.USAGE)
        return [key.read_bytes()], False
    known = signing.known_keys(Home(chosen_home(home)).keys) if chosen_home(home).is_dir() else []
    if known:
        return known, False
    beside = folder / "public_key.pem"
    if not beside.is_file():
        raise CommandFailed(f"{folder} holds no public key", "name one with --key", Exit.USAGE)
    return [beside.read_bytes()], True


def _genuine(check: Any) -> Any:
    from publishing.changes import DoesNotFit
    from publishing.signing import NotGenuine

    try:
        return check()
    except (NotGenuine, DoesNotFit) as error:
        message, _, remedy = str(error).partition("; remedy: ")
        raise CommandFailed(message, remedy, Exit.BLOCKED) from error


def apply(base: Path, changes: Sequence[Path], output: Path, key: Path | None, home: Path | None, as_json: bool) -> None:
    """Write the newest full file from a full delivery and the changes since."""
    from publishing import changes as applying

    trusted, _ = _trusted(base, key, home)
    if not output.parent.is_dir():
        raise CommandFailed(f"no folder {output.parent}", "make it first")
    done = _genuine(lambda: applying.apply(base, changes, output, trusted))
    if as_json:
        screen.as_json({"output": str(output), **done})
        return
    screen.say(f"{output}: {done['rows']:,} rows 行, release 发布 {done['release']}, sha256 {done['sha256']}")


def public_key(home: Path | None, output: Path | None, rotate: bool) -> None:
    """Show, export or replace the signing key; only the public part is ever shown."""
    from publishing import signing

    opened = existing_home(home)
    if rotate:
        with opened.locked(wait=False):
            signer = signing.rotate(opened.keys)
        screen.say("new signing key; tell every receiver its fingerprint / 签名密钥已更换，请告知每个接收方新指纹")
    else:
        signer = signing.Signer.load(opened.keys)
    if output is not None:
        output.write_bytes(signer.public_pem)
        screen.say(f"{output}: public key 公钥")
    else:
        screen.say(signer.public_pem.decode().strip())
    screen.say(f"fingerprint 指纹 {signer.fingerprint}")


def _workplace(home: Home) -> Any:
    from assets.workplace import Workplace

    folder = district_folder(home)
    if not folder.is_dir():
        raise ContractError(f"{folder}: the district's folder is gone; remedy: run once with --district")
    return Workplace.open(home, folder)
