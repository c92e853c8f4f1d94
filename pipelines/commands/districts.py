"""`govlake district`: a new district folder from the template, and a check of one that says every mistake.

Belongs here: copying and reporting. Not here: what a district is (`contracts.district`).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from contracts.district import District, feed_folders, load_district
from contracts.load import ContractError, feeds, settings
from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.home import shipped_districts

_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


def new(name: str, into: Path) -> None:
    """Copy the template to `into/name`, under its own name."""
    if not _NAME.match(name):
        raise CommandFailed(f"{name}: a district's name has small letters, digits and _, and starts with a letter", "", Exit.USAGE)
    shipped = shipped_districts()
    if "template" not in shipped:
        raise CommandFailed("this installation has no districts/template", "install govlake again")
    target = into.expanduser() / name
    if target.exists():
        raise CommandFailed(f"{target} exists", "choose another name or folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(shipped["template"], target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    settings_file = target / "district.yaml"
    text = settings_file.read_text(encoding="utf-8")
    settings_file.write_text(re.sub(r"^name:.*$", f"name: {name}", text, count=1, flags=re.MULTILINE), encoding="utf-8")
    load_district(target)
    screen.say(f"{target}/ made / 已创建")
    screen.say(f"1  edit {target}/district.yaml and the CSV files beside it 编辑配置")
    screen.say(f"2  govlake district check {target}")
    screen.say("3  put files into <home>/landing/<feed>/<date>/  放入来件")
    screen.say(f"4  govlake run --district {target}")


def listed() -> None:
    """The districts that come with govlake."""
    table = screen.grid("name 名称", "title 标题", "folder 目录")
    for name, folder in shipped_districts().items():
        district = load_district(folder)
        table.add_row(name, f"{district.title_zh} {district.title}", str(folder))
    screen.show(table)


def folder_of(text: str) -> Path:
    """A district's folder by path or shipped name."""
    path = Path(text).expanduser()
    if (path / "district.yaml").is_file():
        return path.resolve()
    shipped = shipped_districts()
    if text in shipped:
        return shipped[text]
    raise CommandFailed(f"{text}: no district.yaml there", f"name a district folder, or one of {', '.join(shipped)}")


def check(text: str, as_json: bool) -> Exit:
    """Say every mistake of a district's files, or what it is."""
    folder = folder_of(text)
    mistakes, district = _mistakes(folder)
    if as_json:
        screen.as_json({"district": district.name if district else None, "folder": str(folder), "mistakes": mistakes})
        return Exit.FAILED if mistakes else Exit.DONE
    if mistakes:
        for mistake in mistakes:
            said, _, remedy = mistake.partition("; remedy: ")
            screen.out().print(said, style="red", markup=False)
            if remedy:
                screen.say(f"  → {remedy}")
        screen.say(f"{len(mistakes)} mistakes / {len(mistakes)} 处错误")
        return Exit.FAILED
    assert district
    _describe(district, folder)
    return Exit.DONE


def _mistakes(folder: Path) -> tuple[list[str], District | None]:
    """Every mistake, one line each; of a settings file with a wrong header only that, since it makes the rest meaningless."""
    from contracts.settings_file import FROM_DISTRICT, load_setting

    try:
        district = load_district(folder)
    except ContractError as error:
        return str(error).splitlines(), None
    found = []
    for name in settings():
        try:
            load_setting(district, name)
        except ContractError as error:
            found += str(error).splitlines()
    files = [name for name in settings() if name not in FROM_DISTRICT]
    unknown = {path.stem for path in folder.glob("*.csv")} - set(files)
    found += [f"{name}.csv: no such setting; remedy: name it after one of {', '.join(files)}, or take it away" for name in sorted(unknown)]
    return found, district


def _describe(district: District, folder: Path) -> None:
    from rich.text import Text

    screen.out().print(Text("ok  无误", style="bold green") + Text(f"   {district.name}: {district.title_zh} {district.title}"))
    table = screen.grid("feed 来源", "required 必需", "stale after 过期天数", "if missing 缺失时", "new columns 新列", "files 文件")
    known = feeds(more=feed_folders(district))
    for name, mapping in district.feeds.items():
        table.add_row(
            f"{name} {known[name].title_zh}",
            "yes 是" if mapping.required else "",
            str(mapping.stale_after_days or ""),
            mapping.when_missing,
            mapping.drift,
            " ".join(mapping.files),
        )
    screen.show(table)
    present = [f"{name}.csv" for name in settings() if (folder / f"{name}.csv").is_file()]
    screen.say(f"settings 配置表: {', '.join(present) or '–'}")
    if district.based_on:
        screen.say(f"everything else is that of {district.based_on} / 其余沿用 {district.based_on}")
