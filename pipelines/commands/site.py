"""`govlake site`: where the current release's site lies.

Belongs here: finding its first page. Not here: making it (`publishing.site`, at every run).
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.commands.outcome import CommandFailed
from pipelines.commands.places import existing_home, release_folder

INDEX = Path("site") / "index.html"


def index_of(release: Path, audience: str = "internal") -> Path | None:
    """The first page of a release's site, None where the release has none for that audience."""
    page = release / audience / INDEX
    return page if page.is_file() else None


def show(home: Path | None, audience: str, release: str | None) -> None:
    """Print the path of the first page, alone on its line, so that a browser can be handed it."""
    folder = release_folder(existing_home(home), release)
    page = index_of(folder, audience)
    if page is None:
        raise CommandFailed(
            f"release {folder.name} has no site for the {audience} audience / 该发布没有此受众的站点",
            "an older release has none: `govlake run` after the next delivery makes one; audiences are set in district.yaml",
        )
    sys.stdout.write(f"{page}\n")
