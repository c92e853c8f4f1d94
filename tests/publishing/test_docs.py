"""Every command in the pages on sharing and the catalogue is run, in the order in which it stands there; the Python of the page on clients too."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    return [body for found, body in _BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")) if found == kind]


def shell(script: str, home: Path, tools: Path) -> str:
    """Run a block as it stands, in the home's folder, with `govlake` on the path."""
    tools.mkdir(exist_ok=True)
    command = tools / "govlake"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipelines.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    environment = {**os.environ, "GOVLAKE_HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euc", script], cwd=home, capture_output=True, text=True, env=environment, timeout=900, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def home(demo_home: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "home"
    shutil.copytree(demo_home, copied, symlinks=True)
    return copied


def test_the_commands_of_the_page_on_the_catalogue(home: Path, tmp_path: Path) -> None:
    for block in blocks("catalogue.md", "sh"):
        assert "event." in shell(block, home, tmp_path / "tools")


@pytest.mark.slow
def test_the_commands_of_the_page_on_sharing(home: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (subscriptions,) = blocks("sharing.md", "yaml")
    (home / "subscriptions.yaml").write_text(subscriptions, encoding="utf-8")
    told = [shell(block, home, tmp_path / "tools") for block in blocks("sharing.md", "sh")]
    assert "Signature Verified Successfully" in "".join(told)
    folders = sorted((home / "shares" / "traffic_office" / "tickets").iterdir())
    manifests = [json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in folders]
    assert [one["kind"] for one in manifests] == ["full", "changes", "full"]
    assert pq.read_table(home / "newest.parquet").num_rows == manifests[1]["rows_after"]
    assert len({one["pseudonyms"] for one in manifests}) == 2


def test_the_python_of_the_page_on_clients(demo_release: Path) -> None:
    script = next(block for block in blocks("clients.md", "python") if "pandas" in block)
    done = subprocess.run([sys.executable, "-c", script], cwd=demo_release, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "closed" in done.stdout
