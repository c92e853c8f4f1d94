"""The landing folder: which files were delivered, and what of them is still to be taken in.

Belongs here: finding files under `landing/<feed>/<date>/<file>`, their identity, comparing them with the ledger. Nothing here opens
a file but to fingerprint it, and nothing is ever changed. Does not belong here: reading rows (`intake`), keeping the ledger.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
import time
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa

from contracts.delivery import Delivery, Problem, delivery_day
from contracts.district import District, FeedMapping

SETTLE_SECONDS = 1.0
"""A file that was touched this recently is looked at twice, so long apart, before it counts as complete."""

_CHUNK = 1 << 22
_IGNORED_PREFIXES = (".", "~$", "~")
_IGNORED_SUFFIXES = (".tmp", ".part", ".partial", ".crdownload", ".swp", ".filepart", "~")
_IGNORED_NAMES = ("thumbs.db", "desktop.ini", "__macosx")
_DONE = ("accepted", "unchanged", "unreadable", "stopped")


@dataclass(frozen=True)
class Landed:
    """One thing found in the landing folder. Only a `ready` one may be read; `problem` says why another one is not."""

    state: Literal["ready", "waiting", "ignored", "refused"]
    path: Path
    feed: str = ""
    date: str = ""
    file: str = ""
    bytes: int = 0
    mtime_ns: int = 0
    problem: Problem | None = None

    @property
    def id(self) -> str:
        return f"{self.feed}/{self.date}/{self.file}"


@dataclass
class Outstanding:
    """What a run has to do. All lists are ordered by feed, delivery day and file name.

    `deliveries` are to be read; `unchanged` only to be recorded. `withdrawn` are those of `unchanged` whose rows the lake holds
    since an identical earlier delivery arrived after them: their rows must go. `reclean` names deliveries whose raw rows are in the
    lake and whose contract or mapping changed since. `seen` counts deliveries that need nothing, `ignored` files nobody delivered.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    unchanged: list[Delivery] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    withdrawn: list[Delivery] = field(default_factory=list)
    reclean: list[str] = field(default_factory=list)
    mtimes: dict[str, int] = field(default_factory=dict)
    """Delivery id → modification time (ns) to keep in the ledger, so that an untouched file is never hashed again."""
    seen: int = 0
    ignored: int = 0


def scan(landing: Path, district: District, *, settle: float = SETTLE_SECONDS) -> list[Landed]:
    """Everything in the landing folder, in a stable order; hashes nothing.

    Waits `settle` seconds once if any file was touched within that time, to tell a finished file from one that still grows. Symbolic
    links, special files, odd names, unknown feeds and bad dates are `refused` with a message; editors' and systems' files `ignored`.
    """
    found: list[Landed] = []
    for feed_entry in _entries(landing):
        if not _is_folder(feed_entry):
            found.append(_stray(feed_entry, "feed"))
        elif feed_entry.name not in district.feeds:
            found.append(_unknown_feed(feed_entry, district))
        else:
            for date_entry in _entries(Path(feed_entry.path)):
                found += _date_folder(date_entry, feed_entry.name, district.feeds[feed_entry.name])
    return _settled(found, settle)


def fingerprint(path: Path) -> str:
    """SHA-256 of a regular file, hex; OSError where it cannot be read or is a link."""
    digest = hashlib.sha256()
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb", buffering=0) as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def outstanding(
    landed: Iterable[Landed], ledger: pa.Table | None, redo: Collection[str] = (), fingerprints: Mapping[str, str] | None = None
) -> Outstanding:
    """Compare the landing folder with the ledger (`ledger.deliveries`, one row per delivery version; None where there is none yet).

    A file is hashed only where the ledger does not hold it with the same size and modification time. A delivery date whose files are
    the same bytes as those of the feed's delivery date before it is unchanged, whichever arrived first. `redo` names deliveries
    (`feed/date/file`), dates (`feed/date`) or feeds that are read again. `fingerprints` gives the current mapping fingerprint per
    feed: what was unreadable or stopped under another one is read again, what was accepted is named in `reclean`.
    """
    result = Outstanding()
    known = _latest_versions(ledger)
    ready: dict[str, Delivery] = {}
    seen_ids: set[str] = set()
    for item in landed:
        if item.state == "ignored":
            result.ignored += 1
        elif item.state == "waiting":
            result.waiting.append(item.id)
            seen_ids.add(item.id)
        if item.problem:
            result.problems.append(item.problem)
        if item.state == "ready":
            delivery = _identified(item, known.get(item.id), result)
            if delivery:
                ready[delivery.id] = delivery
                result.mtimes[delivery.id] = item.mtime_ns
    unchanged = _unchanged_ids(ready, known, skipped=seen_ids)
    for name in redo:
        if not any(_named(delivery_id, name) for delivery_id in ready):
            result.problems.append(_nothing_to_redo(name))
    for delivery in sorted(ready.values(), key=lambda one: (one.feed, one.day, one.date, one.file)):
        former = known.get(delivery.id)
        same = former is not None and former["sha256"] == delivery.sha256 and former["status"] in _DONE
        again = any(_named(delivery.id, name) for name in redo)
        if delivery.id in unchanged and not again:
            if same and former and former["status"] == "unchanged":
                result.seen += 1
                continue
            result.unchanged.append(delivery)
            if former and former["status"] == "accepted":
                result.withdrawn.append(delivery)
        elif again or not same or (former and former["status"] == "unchanged"):
            result.deliveries.append(delivery)
            if former and former["sha256"] != delivery.sha256:
                result.problems.append(_replaced(delivery))
        else:
            result.seen += 1
            _mark_changed_contract(delivery, former, fingerprints, result)
    return result


def _mark_changed_contract(
    delivery: Delivery, former: Mapping[str, object] | None, fingerprints: Mapping[str, str] | None, result: Outstanding
) -> None:
    now = (fingerprints or {}).get(delivery.feed)
    before = former.get("mapping_fingerprint") if former else None
    if now is None or before is None or now == before:
        return
    # The part before the dash covers how a file is read (encoding, delimiter, sheet), the part after it how values are judged.
    reread = str(now).split("-")[0] != str(before).split("-")[0]
    if reread or (former and former["status"] != "accepted"):
        result.deliveries.append(delivery)
    else:
        result.reclean.append(delivery.id)


def _named(delivery_id: str, name: str) -> bool:
    return delivery_id == name or delivery_id.startswith(name.rstrip("/") + "/")


def _latest_versions(ledger: pa.Table | None) -> dict[str, dict[str, object]]:
    if ledger is None or ledger.num_rows == 0:
        return {}
    frame = pl.DataFrame(ledger)
    wanted = ["delivery", "feed", "date", "file", "sha256", "bytes", "status", "version", "mtime_ns", "mapping_fingerprint"]
    for name in wanted:
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None).alias(name))
    frame = frame.select(wanted).sort("version", nulls_last=False).unique("delivery", keep="last", maintain_order=True)
    return {row["delivery"]: row for row in frame.iter_rows(named=True)}


def _identified(item: Landed, former: Mapping[str, object] | None, result: Outstanding) -> Delivery | None:
    untouched = former is not None and former["mtime_ns"] == item.mtime_ns and former["bytes"] == item.bytes and former["sha256"]
    try:
        sha256 = str(former["sha256"]) if untouched and former else fingerprint(item.path)
    except OSError as error:
        result.problems.append(_unreadable(item, error))
        return None
    return Delivery(feed=item.feed, date=item.date, file=item.file, path=item.path, bytes=item.bytes, sha256=sha256)


def _unchanged_ids(ready: Mapping[str, Delivery], known: Mapping[str, Mapping[str, object]], skipped: set[str]) -> set[str]:
    """Deliveries that bring nothing: their date holds the same set of files, byte by byte, as the date before it in their feed.

    A pure function of all deliveries known, so the answer does not depend on the order of their arrival. Two names of one date with
    the same bytes: the second is a copy.
    """
    groups: dict[str, dict[tuple[object, str], dict[str, str]]] = {}
    for one in ready.values():
        groups.setdefault(one.feed, {}).setdefault((one.day, one.date), {})[one.id] = one.sha256
    for delivery_id, row in known.items():
        if delivery_id not in ready and row["status"] in ("accepted", "unchanged") and delivery_id not in skipped:
            date = str(row["date"])
            groups.setdefault(str(row["feed"]), {}).setdefault((delivery_day(date), date), {})[delivery_id] = str(row["sha256"])
    unchanged: set[str] = set()
    for dates in groups.values():
        before: set[str] = set()
        for _, files in sorted(dates.items(), key=lambda entry: entry[0]):
            content = set(files.values())
            if content == before:
                unchanged |= set(files)
            else:
                owners: set[str] = set()
                for delivery_id, sha256 in sorted(files.items()):
                    if sha256 in owners:
                        unchanged.add(delivery_id)
                    owners.add(sha256)
            before = content
    return unchanged


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _shown(name: str) -> str:
    """A file name that is safe to print: no control or undecodable characters."""
    return "".join(c if c.isprintable() else "�" for c in name.encode("utf-8", "replace").decode("utf-8"))[:120]


def _odd_name(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    forbidden = any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in name)
    return forbidden or "\\" in name or ".." in name.split("/") or name != name.strip() or len(name.encode()) > 240


def _is_ignored(name: str) -> bool:
    low = name.lower()
    return low.startswith(_IGNORED_PREFIXES) or low.endswith(_IGNORED_SUFFIXES) or low in _IGNORED_NAMES


def _refused(entry: os.DirEntry[str], where: str, message: str, message_zh: str, remedy: str, remedy_zh: str) -> Landed:
    problem = Problem(
        kind="file_refused",
        severity="error",
        message=f"{where}: {message}",
        message_zh=f"{where}：{message_zh}",
        remedy=remedy,
        remedy_zh=remedy_zh,
    )
    return Landed("refused", Path(entry.path), problem=problem)


def _stray(entry: os.DirEntry[str], expected: str) -> Landed:
    if _is_ignored(entry.name):
        return Landed("ignored", Path(entry.path))
    kind = "a symbolic link" if entry.is_symlink() else "a file"
    kind_zh = "符号链接" if entry.is_symlink() else "文件"
    names = {"feed": ("feed", "数据源"), "date": ("date", "日期")}[expected]
    return _refused(
        entry,
        _shown(entry.name),
        f"{kind} where a {names[0]} folder is expected; left alone",
        f"此处应为{names[1]}文件夹，却是{kind_zh}；未处理",
        "put files at <feed>/<date>/<file>",
        "请将文件放在 <数据源>/<日期>/<文件> 下",
    )


def _unknown_feed(entry: os.DirEntry[str], district: District) -> Landed:
    if _is_ignored(entry.name):
        return Landed("ignored", Path(entry.path))
    return _refused(
        entry,
        _shown(entry.name),
        "the district declares no feed of this name; its files are left alone",
        "区县配置中没有此数据源；其文件未处理",
        f"name the folder after one of {', '.join(sorted(district.feeds))}, or add the feed to district.yaml",
        f"请使用以下名称之一：{'、'.join(sorted(district.feeds))}，或在 district.yaml 中登记该数据源",
    )


def _date_folder(entry: os.DirEntry[str], feed: str, mapping: FeedMapping) -> list[Landed]:
    where = f"{feed}/{_shown(entry.name)}"
    if not _is_folder(entry):
        return [_stray(entry, "date")]
    if _is_ignored(entry.name):
        return [Landed("ignored", Path(entry.path))]
    try:
        delivery_day(entry.name)
    except ValueError:
        return [
            _refused(
                entry,
                where,
                "not a delivery date; its files are left alone",
                "不是有效的交付日期；其文件未处理",
                "name the folder YYYY, YYYY-MM or YYYY-MM-DD",
                "请将文件夹命名为 YYYY、YYYY-MM 或 YYYY-MM-DD",
            )
        ]
    files = _entries(Path(entry.path))
    names = {one.name for one in files}
    return [_file(one, feed, entry.name, mapping, names) for one in files]


def _file(entry: os.DirEntry[str], feed: str, date: str, mapping: FeedMapping, names: set[str]) -> Landed:
    where = f"{feed}/{date}/{_shown(entry.name)}"
    marker = mapping.ready_marker
    if marker and (entry.name == marker or (marker.startswith(".") and entry.name.endswith(marker))):
        return Landed("ignored", Path(entry.path))
    if _is_ignored(entry.name):
        return Landed("ignored", Path(entry.path))
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return _refused(entry, where, "vanished while the folder was read", "读取文件夹时文件消失", "deliver it again", "请重新交付")
    if not stat.S_ISREG(status.st_mode):
        return _not_regular(entry, where, status.st_mode)
    if _odd_name(entry.name):
        return _refused(
            entry,
            where,
            "the name holds control characters, a backslash or blanks at an end, or is too long; left alone",
            "文件名含控制字符、反斜杠、首尾空格或过长；未处理",
            "rename the file",
            "请重命名文件",
        )
    if not any(fnmatch.fnmatch(entry.name, pattern) for pattern in mapping.files):
        return _refused(
            entry,
            where,
            "no file name that the district expects for this feed; left alone",
            "不是该数据源约定的文件名；未处理",
            f"rename it to fit {', '.join(mapping.files)}, or widen `files` in district.yaml",
            f"请按约定命名（{'、'.join(mapping.files)}），或在 district.yaml 中放宽 files",
        )
    ready = not marker or (entry.name + marker if marker.startswith(".") else marker) in names
    problem = None if ready else _no_marker(where, marker or "")
    return Landed("ready" if ready else "waiting", Path(entry.path), feed, date, entry.name, status.st_size, status.st_mtime_ns, problem)


def _not_regular(entry: os.DirEntry[str], where: str, mode: int) -> Landed:
    kind, kind_zh = (
        ("a symbolic link", "符号链接")
        if stat.S_ISLNK(mode)
        else ("a folder", "文件夹")
        if stat.S_ISDIR(mode)
        else ("a special file", "特殊文件")
    )
    return _refused(
        entry,
        where,
        f"{kind}, not a file; left alone",
        f"是{kind_zh}而不是文件；未处理",
        "put the file itself here",
        "请直接放置文件本身",
    )


def _no_marker(where: str, marker: str) -> Problem:
    return Problem(
        kind="file_waiting",
        severity="info",
        message=f"{where}: its ready marker ({marker}) is not there yet; left alone",
        message_zh=f"{where}：就绪标记（{marker}）尚未出现；暂不处理",
        remedy="write the marker when the file is complete",
        remedy_zh="文件写完后请放置标记",
    )


def _growing(item: Landed) -> Landed:
    problem = Problem(
        kind="file_waiting",
        severity="info",
        message=f"{item.id}: still being written; left alone until the next run",
        message_zh=f"{item.id}：仍在写入；下次运行时再处理",
        remedy="run again when the copy has ended",
        remedy_zh="复制完成后请重新运行",
    )
    return Landed("waiting", item.path, item.feed, item.date, item.file, item.bytes, item.mtime_ns, problem)


def _settled(found: list[Landed], settle: float) -> list[Landed]:
    """Look again at files touched a moment ago; those that changed meanwhile are still growing."""
    now = time.time_ns()
    recent = [item for item in found if item.state == "ready" and abs(now - item.mtime_ns) < settle * 1e9]
    if not recent:
        return found
    time.sleep(settle)
    growing = set()
    for item in recent:
        try:
            status = os.stat(item.path, follow_symlinks=False)
            if (status.st_size, status.st_mtime_ns) != (item.bytes, item.mtime_ns):
                growing.add(item.id)
        except OSError:
            growing.add(item.id)
    return [_growing(item) if item.state == "ready" and item.id in growing else item for item in found]


def _unreadable(item: Landed, error: OSError) -> Problem:
    return Problem(
        kind="file_unreadable",
        severity="error",
        message=f"{item.id}: cannot be opened ({error.strerror})",
        message_zh=f"{item.id}：无法打开（{error.strerror}）",
        remedy="give the account that runs govlake the right to read it, or deliver it again",
        remedy_zh="请为运行 govlake 的账户授予读取权限，或重新交付",
    )


def _replaced(delivery: Delivery) -> Problem:
    return Problem(
        kind="delivery_replaced",
        severity="info",
        message=f"{delivery.id}: delivered again with other content; the new rows replace the former",
        message_zh=f"{delivery.id}：同名文件内容已变；新数据替换原数据",
    )


def _nothing_to_redo(name: str) -> Problem:
    return Problem(
        kind="redo_unknown",
        severity="warn",
        message=f"redo {name}: no such delivery lies in the landing folder",
        message_zh=f"重做 {name}：到达文件夹中没有此批次",
        remedy="write feed/date/file, feed/date or feed as `govlake status` shows them",
        remedy_zh="请按 govlake status 所示填写 数据源/日期/文件",
    )
