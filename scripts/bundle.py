"""Makes the bundle for a closed network: dist/govlake-<version>-<python>-<platform>.tar.gz.

In it: the wheel of govlake, the wheels of everything that it needs at the pinned versions, install.sh, checksums, readmes and docs. It
fits the Python version and the platform that it was made with. Run by `make bundle`; needs a package index.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
READMES = ("README.md", "README.zh-CN.md")


def tag() -> str:
    """Which Python and platform the wheels fit, as install.sh computes it too."""
    return f"cp{sys.version_info[0]}{sys.version_info[1]}-{sysconfig.get_platform()}"


def pip(scratch: Path) -> list[str]:
    """A pip of the base interpreter: an environment made by uv has none."""
    folder = scratch / "pip"
    venv.create(folder, with_pip=True)
    return [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]


def build_wheel(command: list[str], into: Path, scratch: Path) -> Path:
    """The wheel of govlake alone, from a copy of the sources, so that no build folder stays in the checkout."""
    copied = scratch / "source"
    left_out = shutil.ignore_patterns(".git", ".venv", ".govlake", "dist", "build", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, copied, ignore=left_out)
    subprocess.run([*command, "wheel", "--no-deps", "--wheel-dir", str(into), str(copied)], check=True)
    (wheel,) = into.glob("govlake-*.whl")
    return wheel


def collect(command: list[str], wheel: Path, into: Path) -> None:
    """Every wheel that govlake needs at run time, at the pinned versions; what is published as source only is built."""
    arguments = ["wheel", "--wheel-dir", str(into), "--prefer-binary"]
    subprocess.run([*command, *arguments, "--constraint", str(CONSTRAINTS), str(wheel)], check=True)


def checksums(folder: Path) -> str:
    """One line a file, as sha256sum writes and checks them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files)


def pack(folder: Path, target: Path) -> None:
    """One tar.gz with one folder in it, in a fixed order; it appears whole or not at all."""
    aside = target.with_name(f".{target.name}.part")
    # Wheels are compressed already: the lightest level is enough.
    with tarfile.open(aside, "w:gz", compresslevel=1) as archive:
        for path in [folder, *sorted(folder.rglob("*"))]:
            archive.add(path, path.relative_to(folder.parent).as_posix(), recursive=False)
    aside.replace(target)


def bundle(into: Path) -> Path:
    """Make the bundle in a folder; gives its path."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="govlake-bundle-") as made:
        scratch = Path(made)
        command = pip(scratch)
        wheels = scratch / "wheels"
        wheels.mkdir()
        wheel = build_wheel(command, wheels, scratch)
        collect(command, wheel, wheels)
        version = wheel.name.split("-")[1]
        folder = scratch / f"govlake-{version}-{tag()}"
        folder.mkdir()
        wheels.rename(folder / "wheels")
        names = sorted(
            path.name.split("-")[0].replace("_", "-") + "==" + path.name.split("-")[1] for path in (folder / "wheels").glob("*.whl")
        )
        (folder / "requirements.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        (folder / "PYTHON").write_text(tag() + "\n", encoding="utf-8")
        shutil.copy2(ROOT / "scripts" / "install.sh", folder / "install.sh")
        for name in READMES:
            shutil.copy2(ROOT / name, folder / name)
        shutil.copytree(ROOT / "docs", folder / "docs")
        (folder / "SHA256SUMS").write_text(checksums(folder), encoding="utf-8")
        target = into / f"{folder.name}.tar.gz"
        pack(folder, target)
    return target


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--into", type=Path, default=ROOT / "dist", help="folder to write to (default: dist)")
    made = bundle(options.parse_args().into)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    sys.stdout.write(f"{made}  {made.stat().st_size / 1e6:,.0f} MB\nsha256 {digest}\n")


if __name__ == "__main__":
    main()
