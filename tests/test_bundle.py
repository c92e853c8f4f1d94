"""What is installed is what was written: package data in the wheel, and the closed-network bundle, tried with no index reachable."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipelines", "assets", "sources", "addressing", "governance", "quality", "warehouse", "contracts", "districts")
UNREACHABLE = "http://127.0.0.1:9/"


def data_files() -> list[Path]:
    """Every file in the packages that is not Python's own."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts and path.suffix != ".pyc" and not path.name.startswith(".")]


def test_every_kind_of_file_in_the_packages_is_package_data() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["*"]
    missed = [
        path.relative_to(ROOT).as_posix()
        for path in data_files()
        if path.suffix != ".py" and not any(path.match(pattern) for pattern in patterns)
    ]
    assert missed == []


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle", ROOT / "scripts" / "bundle.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, unpacked."""
    made: Path = script().bundle(tmp_path_factory.mktemp("dist"))
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(made) as archive:
        archive.extractall(unpacked, filter="data")
    (folder,) = unpacked.iterdir()
    return folder


def closed(**more: str) -> dict[str, str]:
    """The environment of a machine from which no index and no proxy can be reached."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), UNREACHABLE)
    return {**kept, **proxies, "PIP_NO_INDEX": "1", "PIP_INDEX_URL": UNREACHABLE, "PIP_CONFIG_FILE": os.devnull, **more}


@pytest.mark.slow
def test_the_wheel_holds_all_that_the_checkout_holds(bundle: Path) -> None:
    (wheel,) = (bundle / "wheels").glob("govlake-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {path.relative_to(ROOT).as_posix() for path in data_files()}
    assert wanted - held == set()
    assert any(name.endswith("/dagster.yaml") for name in held)
    outside = {name.split("/")[0] for name in held} - set(PACKAGES)
    assert {name for name in outside if not name.endswith(".dist-info")} == set()


@pytest.mark.slow
def test_checksums_cover_every_file(bundle: Path) -> None:
    listed = dict(reversed(line.split("  ", 1)) for line in (bundle / "SHA256SUMS").read_text().splitlines())  # type: ignore[arg-type]
    present = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert set(listed) == present
    assert listed["install.sh"] == hashlib.sha256((bundle / "install.sh").read_bytes()).hexdigest()
    assert {"README.md", "README.zh-CN.md", "docs/operations.md"} <= present


@pytest.mark.slow
def test_the_bundle_installs_and_works_with_no_index_reachable(bundle: Path, tmp_path: Path) -> None:
    def call(*words: str) -> str:
        done = subprocess.run(words, cwd=tmp_path, env=closed(PYTHON=sys.executable), capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("sh", str(bundle / "install.sh"), str(tmp_path / "installed"))
    govlake = str(tmp_path / "installed" / "bin" / "govlake")
    home = str(tmp_path / "home")
    assert "已发布" in call(govlake, "demo", "--home", home, "--tickets", "500", "--people", "500", "--days", "5")
    assert "无需处理" in call(govlake, "demo", "--home", home, "--tickets", "500", "--people", "500", "--days", "5")
    answer = call(govlake, "sql", "SELECT count(*) AS n FROM event.ticket", "--home", home, "-f", "csv").split()
    assert answer[0] == "n"
    assert int(answer[1]) > 0
    call(govlake, "district", "new", "mycity")
    assert "mycity" in call(govlake, "district", "check", "mycity")


@pytest.mark.slow
def test_a_damaged_bundle_is_not_installed(bundle: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    with (copy / "README.md").open("a") as page:
        page.write("x")
    done = subprocess.run(
        ["sh", str(copy / "install.sh"), str(tmp_path / "installed")], env=closed(PYTHON=sys.executable), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "README.md" in done.stderr
    assert not (tmp_path / "installed").exists()


@pytest.mark.slow
def test_another_python_is_told_so(bundle: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy2(bundle / "install.sh", copy)
    (copy / "PYTHON").write_text("cp39-other\n")
    done = subprocess.run(["sh", str(copy / "install.sh")], cwd=tmp_path, env=closed(PYTHON=sys.executable), capture_output=True, text=True)
    assert done.returncode == 1
    assert "cp39-other" in done.stderr
