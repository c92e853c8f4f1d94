"""Which home, release and library folder a command works on, with errors that say what to do.

Belongs here: choosing. Not here: making a home (`pipelines.home`), building or switching releases (`warehouse.release`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pipelines.commands.outcome import CommandFailed
from warehouse.home import Home


def chosen_home(path: Path | None) -> Path:
    """The home's folder: the one named, else GOVLAKE_HOME, else ./.govlake."""
    return (path or Path(os.environ.get("GOVLAKE_HOME") or ".govlake")).expanduser().resolve()


def existing_home(path: Path | None) -> Home:
    """The chosen home, which must exist: a reading command makes nothing."""
    chosen = chosen_home(path)
    if not chosen.is_dir():
        raise CommandFailed(
            f"no govlake home at {chosen}",
            "name one with --home or GOVLAKE_HOME, or make one with `govlake demo` or `govlake run --district DIR`",
        )
    return Home(chosen)


def release_folder(home: Home, release: str | None = None) -> Path:
    """The real folder of a release (the current one by default), resolved once: a switch later does not touch who has it."""
    if release:
        named = home.releases / release
        if "/" not in release and not release.startswith(".") and named.is_dir():
            return named.resolve()
        raise CommandFailed(f"no release {release!r} in {home.releases}", "see `govlake release list`")
    link, pointer = home.releases / "current", home.releases / "current.json"
    if link.exists():
        return link.resolve()
    if pointer.is_file():
        # A copy on a share that knows no links: the pointer names the release beside it.
        named = home.releases / json.loads(pointer.read_text(encoding="utf-8"))["release"]
        if named.is_dir():
            return named.resolve()
    raise CommandFailed(f"no release in {home.path} yet", "make one with `govlake run` (or `govlake demo`)")


def library_folder(home: Path | None, release: str | None, audience: str) -> Path:
    """The folder with the libraries of a release for one audience.

    `release` may also be a path: a release folder, or the folder of libraries that someone copied to another computer.
    """
    if release and (os.sep in release or Path(release).is_dir()) and not (Path(release) / "current").exists():
        folder = Path(release).expanduser().resolve()
        if not folder.is_dir():
            raise CommandFailed(f"no folder {folder}", "name a release's id or folder")
    else:
        folder = release_folder(existing_home(home), release)
    chosen = folder / audience if (folder / audience).is_dir() else folder
    if not any(chosen.glob("*.duckdb")):
        raise CommandFailed(
            f"no libraries for audience {audience} in {folder}",
            "choose another --audience; which ones a release has is set by `audiences` in district.yaml",
        )
    return chosen
