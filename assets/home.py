"""Which home and which district a command or a Dagster process works with.

Belongs here: defaults (argument, environment, remembered choice) and the first set-up of a home. The layout itself is `warehouse.home`.
"""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from pathlib import Path

from contracts.district import feed_folders, load_district
from contracts.load import FEEDS_VARIABLE, ContractError
from warehouse.home import Home, HomeBusy

__all__ = ["Home", "HomeBusy", "district_folder", "open_home", "shipped_districts"]

HOME_VARIABLE = "GOVLAKE_HOME"


def open_home(path: Path | None = None) -> Home:
    """The home named, else by GOVLAKE_HOME, else `.govlake` in the working folder; makes it ready for use."""
    chosen = path or Path(os.environ.get(HOME_VARIABLE) or ".govlake")
    home = Home(chosen.expanduser().resolve())
    home.prepare()
    settings = home.path / "dagster.yaml"
    if not settings.exists():
        shutil.copyfile(_shipped_settings(), settings)
    return home


def _shipped_settings() -> Path:
    """dagster.yaml: in the checkout it stands in the root, in an installed wheel beside this module."""
    beside = Path(__file__).parent / "dagster.yaml"
    return beside if beside.is_file() else Path(__file__).parent.parent / "dagster.yaml"


def shipped_districts() -> dict[str, Path]:
    """The district folders that come with govlake, by name."""
    root = Path(str(files("districts")))
    return {folder.name: folder for folder in sorted(root.iterdir()) if (folder / "district.yaml").is_file()}


def district_folder(home: Home, chosen: str | Path | None = None) -> Path:
    """The district's folder: the one named (a folder or a shipped district's name), else the one this home used before.

    A named one is remembered. ContractError where there is none.
    """
    if chosen is None:
        if not home.district_note.is_file():
            raise ContractError(
                "this home has no district yet; remedy: name one with --district "
                f"(a folder, or one of {', '.join(name for name in shipped_districts() if name != 'template')})"
            )
        remembered = Path(home.district_note.read_text(encoding="utf-8").strip())
        _use_feeds(remembered)
        return remembered
    folder = Path(chosen).expanduser()
    folder = folder.resolve() if (folder / "district.yaml").is_file() else shipped_districts().get(str(chosen), folder.resolve())
    if not (folder / "district.yaml").is_file():
        raise ContractError(f"{chosen}: no district.yaml there; remedy: name a district folder, or one of {', '.join(shipped_districts())}")
    load_district(folder)  # a district that cannot be read is not remembered
    _use_feeds(folder)
    home.district_note.write_text(str(folder) + "\n", encoding="utf-8")
    return folder


def _use_feeds(folder: Path) -> None:
    """Let this process and those that it starts know the feed contracts of the district's own.

    Dagster's definitions are made of all feeds when they are loaded, so this must come before.
    """
    try:
        own = feed_folders(load_district(folder))
    except ContractError:
        return  # told where the district is used
    if own:
        os.environ[FEEDS_VARIABLE] = os.pathsep.join(str(path) for path in own)
    else:
        os.environ.pop(FEEDS_VARIABLE, None)
