"""`govlake rotate-key`: a new pseudonym key in the place of the old one.

Belongs here: asking first, holding the home meanwhile. Not here: the key (`warehouse.privacy`).
"""

from __future__ import annotations

from pathlib import Path

import typer

from pipelines.commands import screen
from pipelines.commands.places import existing_home


def rotate(home: Path | None, *, yes: bool) -> None:
    """Rotate under the home's lock; the old key stays beside the new one until someone deletes it."""
    opened = existing_home(home)
    if not yes:
        typer.confirm(
            "Every pseudonym changes with the next run, and all feeds with people are cleaned again. 下次运行时所有假名都会改变。Go on 继续?",
            abort=True,
        )
    from warehouse import privacy

    with opened.locked(wait=False):
        made = privacy.rotate(opened.path)
    screen.say(f"new key 新密钥 {made.fingerprint} in {privacy.key_path(opened.path)}")
    screen.say(
        "the old one stands beside it as retired-….key: delete it when nobody may join old and new releases any more / 旧密钥保留在旁，不再需要时请删除"
    )
    screen.say("next 下一步: govlake run")
