"""Pages run as they stand: files written as the blocks show them, commands run in a shell in the folder of a clone.

Belongs here: what tests of several pages need. A block of files begins with a comment that names the file (`# path`, or `-- path`);
", at the end" adds to a file that is there. What only an installation can do (`make install`, `source`) is left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("pipelines", "assets", "sources", "addressing", "governance", "quality", "warehouse", "publishing", "contracts", "districts")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|--) (\S+?)(, at the end)?\n")
_NOT_HERE = ("make install", "source .venv")


def blocks(page: str) -> list[tuple[str, str]]:
    """Kind and body of each code block of a page below docs/."""
    return _BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def clone(folder: Path) -> Path:
    """What a clone of the project holds, in `folder`: a page may add to its packages."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dagster.yaml", folder)
    return folder


def run(script: str, folder: Path) -> str:
    """Run a script in a clone with `govlake` on the path, as a new user's shell; gives what it printed."""
    tools = folder / ".tools"
    tools.mkdir(exist_ok=True)
    command = tools / "govlake"
    # The clone's own packages go before the checkout's, whichever folder the command is run in.
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" -m pipelines.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOVLAKE_", "DAGSTER_"))}
    environment["PATH"] = f"{tools}:{environment['PATH']}"
    done = subprocess.run(["bash", "-euc", script], cwd=folder, capture_output=True, text=True, env=environment, timeout=900, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def follow(page: str, folder: Path, values: Mapping[str, str] | None = None) -> dict[str, str]:
    """Do what a page says, from top to bottom; gives what each line printed. `values` stand for placeholders such as `<id>`."""
    said = {}
    for kind, body in blocks(page):
        if kind == "sh":
            for line in body.splitlines():
                if not line or line.startswith(_NOT_HERE):
                    continue
                written = line
                for placeholder, value in (values or {}).items():
                    written = written.replace(placeholder, value)
                said[line] = run(written, folder)
            continue
        match = _FILE.match(body)
        assert match, f"{page}: a {kind} block names no file:\n{body}"
        path = folder / match[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        content = body[match.end() :]
        if match[2]:
            content = path.read_text(encoding="utf-8") + content
        path.write_text(content, encoding="utf-8")
    return said
