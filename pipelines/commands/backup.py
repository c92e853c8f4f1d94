"""`govlake backup` and `govlake restore`: a home in one tar file, and back, with every file's checksum verified.

Belongs here: what goes along, its consistency, and putting it back. The manifest is the archive's last member, so an archive that was
cut off has none and is refused. Not here: when backups are made and where they are kept; that is the operator's.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.commands.places import chosen_home, existing_home
from warehouse.home import Home

MANIFEST = "govlake-backup.json"
FORM = 1
ALWAYS = ("lake", "releases", "storage", "schedules", "history", "truth")
FILES = ("district.txt", "dagster.yaml", "last_run.json", "demo.json")
# Not there: addressing, temporary, logs, which are made anew when needed or are of no use elsewhere.


def backup(file: Path, home: Path | None, *, with_keys: bool, with_landing: bool, wait: bool) -> None:
    """Write the home into a tar file (gzip where the name ends in .gz or .tgz) that appears whole or not at all."""
    opened = existing_home(home)
    file = file.expanduser().resolve()
    if file.is_relative_to(opened.path):
        raise CommandFailed("a backup inside the home that it saves is none", "write it to another disk", Exit.USAGE)
    if not file.parent.is_dir():
        raise CommandFailed(f"no folder {file.parent}", "make it first")
    if file.exists():
        raise CommandFailed(f"{file} exists", "choose a new name; a backup is never overwritten")
    aside = file.with_name(f".{file.name}.part")
    with opened.locked(wait=wait), screen.progress() as moved:
        folders = [*ALWAYS, *(["landing"] if with_landing else []), *(["keys"] if with_keys else [])]
        try:
            # The archive is as confidential as the home: nobody else may read it.
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
                count, total = _write(opened, folders, target, compressed=file.suffix in (".gz", ".tgz"), moved=moved)
                target.flush()
                os.fsync(target.fileno())
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    screen.say(f"{file}: {count:,} files, {screen.size(total)} of content / 已备份 {count:,} 个文件")
    if not with_keys:
        screen.note("without keys/: keep keys/pseudonym.key elsewhere; without it later pseudonyms differ / 未含密钥，请另行妥善保存")


def _write(home: Home, folders: list[str], target: IO[bytes], *, compressed: bool, moved: screen.Progress) -> tuple[int, int]:
    listed = sorted(_members(home.path, folders))
    entries: list[dict[str, Any]] = []
    with (
        tarfile.open(fileobj=target, mode="w|gz" if compressed else "w|", format=tarfile.PAX_FORMAT) as archive,
        tempfile.TemporaryDirectory(prefix="govlake-backup-") as scratch,
    ):
        for done, name in enumerate(listed):
            moved("backup", name, done, len(listed))
            entries.append(_add(archive, home.path, name, Path(scratch)))
        moved("backup", "", len(listed), len(listed))
        manifest = {
            "form": FORM,
            "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "home": str(home.path),
            "current": _current(home),
            "with_keys": "keys" in folders,
            "with_landing": "landing" in folders,
            "files": entries,
        }
        data = json.dumps(manifest, ensure_ascii=False).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(data), 0o600
        archive.addfile(info, io.BytesIO(data))
    return sum("bytes" in entry for entry in entries), sum(entry.get("bytes", 0) for entry in entries)


def _members(root: Path, folders: list[str]) -> Iterator[str]:
    """Paths below the home: files, links, folders (for their modes). SQLite's side files are folded into their database."""
    for name in FILES:
        if (root / name).is_file():
            yield name
    for folder in folders:
        for here, inner, files in os.walk(root / folder):
            base = Path(here).relative_to(root)
            yield base.as_posix()
            links = [name for name in inner if (Path(here) / name).is_symlink()]
            # A release that a killed run left unfinished starts with a dot.
            inner[:] = [name for name in inner if name not in links and not (base.as_posix() == "releases" and name.startswith("."))]
            for name in [*links, *files]:
                if not name.endswith((".db-wal", ".db-shm", ".db-journal", ".part", ".tmp")):
                    yield (base / name).as_posix()


def _add(archive: tarfile.TarFile, root: Path, name: str, scratch: Path) -> dict[str, Any]:
    """Put one path into the archive; gives its manifest entry."""
    path = root / name
    if path.is_symlink():
        archive.add(path, name, recursive=False)
        return {"path": name, "link": os.readlink(path)}
    if path.is_dir():
        archive.add(path, name, recursive=False)
        return {"path": name, "folder": True, "mode": stat.S_IMODE(path.stat().st_mode)}
    source = _settled_database(path, scratch) if path.suffix == ".db" else path
    with source.open("rb") as content:
        info = archive.gettarinfo(arcname=name, fileobj=content)
        # Releases share unchanged Parquet files as hard links; each goes in with its content, so that none depends on another member.
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", os.fstat(content.fileno()).st_size
        info.uname = info.gname = ""
        info.uid = info.gid = 0
        hashed = _Hashing(content)
        archive.addfile(info, cast(IO[bytes], hashed))
    return {"path": name, "bytes": info.size, "sha256": hashed.digest(), "mode": stat.S_IMODE(path.stat().st_mode)}


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, content: IO[bytes]) -> None:
        self.content, self.hash = content, hashlib.sha256()

    def read(self, count: int = -1) -> bytes:
        data = self.content.read(count)
        self.hash.update(data)
        return data

    def digest(self) -> str:
        return self.hash.hexdigest()


def _settled_database(path: Path, scratch: Path) -> Path:
    """A consistent copy of a SQLite file: Dagster's page may write to its storage while the home is locked."""
    copy = scratch / "copy.db"
    copy.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.DatabaseError:
        return path
    return copy


def _current(home: Home) -> str | None:
    link = home.releases / "current"
    return link.resolve().name if link.exists() else None


def restore(file: Path, home: Path | None, *, force: bool, check: bool) -> None:
    """Unpack beside the home, verify every file, then put it in place with one rename."""
    file = file.expanduser().resolve()
    if not file.is_file():
        raise CommandFailed(f"no file {file}", "name a backup made by `govlake backup`")
    target = chosen_home(home)
    if not check and not force and target.exists() and any(target.iterdir()):
        raise CommandFailed(f"{target} is not empty", "name an empty or new --home, or give --force (the former is kept beside it)")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.restore-", dir=None if check else target.parent))
    try:
        manifest = _unpack(file, aside)
        if check:
            screen.say(f"{file}: {_files(manifest):,} files verified, made at {manifest['made_at']} / 校验通过")
            return
        former = _put(aside, target, manifest)
        _point(target, manifest["current"])
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    screen.say(f"restored {_files(manifest):,} files into {target} / 已恢复")
    screen.say(f"current release 当前发布: {manifest['current'] or '–'} · backup made at 备份时间 {manifest['made_at']}")
    if former:
        screen.note(f"the former home stands at {former}; delete it when you are sure / 原目录保留于此")
    if not manifest["with_keys"] and not (target / "keys").is_dir():
        screen.warn("no key in this backup: put the former keys/pseudonym.key in place (folder 0700, file 0600) before the next run")
        screen.warn("备份不含密钥：下次运行前请放回原密钥文件，否则假名将改变")
    if manifest["home"] != str(target):
        screen.note(
            f"the home was at {manifest['home']}: `analyst.sql` of restored releases names that path; the next release names this one"
        )


def _files(manifest: dict[str, Any]) -> int:
    return sum("bytes" in entry for entry in manifest["files"])


def _unpack(file: Path, into: Path) -> dict[str, Any]:
    """Extract and verify; CommandFailed names the first file that is missing, extra or differs."""
    seen: dict[str, str | None] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(file, mode="r|*") as archive:
            for member in archive:
                if member.name == MANIFEST:
                    content = archive.extractfile(member)
                    manifest = json.load(content) if content else None
                    continue
                _take(archive, member, into, seen)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and not isinstance(error, (EOFError, tarfile.TarError)) and error.errno:
            raise
        raise CommandFailed(f"{file.name} is damaged or no backup: {type(error).__name__}", "take an earlier backup") from error
    if manifest is None or manifest.get("form") != FORM:
        raise CommandFailed(f"{file.name} is no whole govlake backup: its manifest is missing", "take an earlier backup")
    for entry in manifest["files"]:
        name = entry["path"]
        if name not in seen:
            raise CommandFailed(f"{file.name}: {name} is missing", "take an earlier backup")
        if seen[name] != entry.get("sha256"):
            raise CommandFailed(f"{file.name}: {name} differs from its checksum", "take an earlier backup")
    if extra := seen.keys() - {entry["path"] for entry in manifest["files"]}:
        raise CommandFailed(f"{file.name} holds files that its manifest does not name ({len(extra)})", "take an earlier backup")
    return manifest


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path, seen: dict[str, str | None]) -> None:
    """Write one member below `into`; a path or link that leads out is refused."""
    name = PurePosixPath(member.name)
    leads_out = name.is_absolute() or ".." in name.parts
    if member.issym():
        leads_out = leads_out or PurePosixPath(member.linkname).is_absolute() or ".." in PurePosixPath(member.linkname).parts
    if leads_out or not (member.isfile() or member.isdir() or member.issym()):
        raise CommandFailed(f"{member.name}: a path that leads out of the backup", "this is no backup made by govlake; do not use it")
    path = into / name
    if any((into / part).is_symlink() for part in list(name.parents)[:-1]):
        raise CommandFailed(f"{member.name}: a path through a link", "this is no backup made by govlake; do not use it")
    path.parent.mkdir(parents=True, exist_ok=True)
    seen[member.name] = None
    if member.issym():
        path.symlink_to(member.linkname)
    elif member.isdir():
        path.mkdir(exist_ok=True)
    else:
        content = archive.extractfile(member)
        assert content is not None
        hashed = _Hashing(content)
        with path.open("xb") as target:
            shutil.copyfileobj(hashed, target, 1 << 20)
        seen[member.name] = hashed.digest()


def _put(aside: Path, target: Path, manifest: dict[str, Any]) -> Path | None:
    """Give the files their modes and the folder its name; gives where the former home stands now."""
    # Deepest first: a folder that nobody may write to is closed after what lies in it.
    for entry in sorted(manifest["files"], key=lambda entry: entry["path"], reverse=True):
        if "mode" in entry:
            (aside / entry["path"]).chmod(entry["mode"])
    aside.chmod(0o750)
    former = None
    if target.exists() and any(target.iterdir()):
        # The lock is kept while the former home moves away, so that no run writes into it meanwhile.
        with Home(target).locked(wait=False):
            former = target.with_name(f"{target.name}.before-restore-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}")
            if manifest["with_landing"] is False and (target / "landing").is_dir():
                shutil.copytree(target / "landing", aside / "landing", copy_function=_linked)
            target.rename(former)
            if not (aside / "keys").is_dir() and (former / "keys").is_dir():
                shutil.copytree(former / "keys", aside / "keys")
                (aside / "keys").chmod(0o700)
    elif target.exists():
        target.rmdir()
    aside.rename(target)
    return former


def _point(target: Path, current: str | None) -> None:
    """Write current.json anew: it holds the release's real path, and the home may stand elsewhere now."""
    from warehouse import release

    if current and release.exists(target / "releases", current):
        release.switch(target / "releases", current)


def _linked(source: str, target: str) -> str:
    """A hard link in place of a copy: the delivered files are never changed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
