"""Builds the documents as static HTML: `python docs/build.py [FOLDER]` (`make docs`: dist/docs).

Belongs here: putting pages and generated reference together, and running Sphinx on them with warnings as errors. Not here: settings of
Sphinx (`conf.py`); what the reference says (`reference_pages.py`). The checkout stays as it is: the build works on a copy.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from reference_pages import pages
from sphinx.cmd.build import build_main

HERE = Path(__file__).resolve().parent


def build(output: Path) -> int:
    """Write the site to `output`, which is replaced as a whole once the build is sound; Sphinx's exit code (0 is done)."""
    with TemporaryDirectory(prefix="govlake-docs-") as scratch:
        source, made = Path(scratch) / "source", Path(scratch) / "html"
        shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("__pycache__", "build.py", "reference_pages.py"))
        for page in source.rglob("*.md"):
            page.write_text(_within(page.read_text(encoding="utf-8"), (HERE / page.relative_to(source)).parent), encoding="utf-8")
        for name, text in pages().items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        code = build_main(["-q", "-W", "--keep-going", "-E", "-b", "html", "-d", str(Path(scratch) / "trees"), str(source), str(made)])
        if code == 0:
            for leftover in (".buildinfo", "objects.inv"):
                (made / leftover).unlink(missing_ok=True)
            shutil.rmtree(output, ignore_errors=True)
            output.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(made, output)
        return code


def _within(text: str, folder: Path) -> str:
    """A page's text with links to files of the checkout outside docs/ (tests, contracts) as their path: the site stands alone."""

    def shown(match: re.Match[str]) -> str:
        file = (folder / match[2]).resolve()
        return match[0] if file.is_relative_to(HERE) or not file.exists() else f"{match[1]} (`{file.relative_to(HERE.parent)}`)"

    return re.sub(r"\[([^\]]+)\]\(([^)#:\s]+)\)", shown, text)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "dist" / "docs"
    code = build(target)
    if code == 0:
        sys.stdout.write(f"docs: {target / 'index.html'}\n")
    sys.exit(code)
