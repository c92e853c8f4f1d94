"""Addressing stands alone: it imports nothing else of the project, and a copy of the package works by itself."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import addressing

PACKAGE = Path(addressing.__file__).parent
ROOT = PACKAGE.parent

PROGRAM = """
import datetime as dt, sys
import polars as pl, pyarrow as pa
import addressing
from addressing import AddressBase, Grammar, build_base, explain, link_file, resolve
from addressing.parse import parse
assert addressing.__file__.startswith(sys.argv[1]), addressing.__file__
texts = [f"高雄市左營區新上里3鄰自由二路{n}號" for n in range(1, 9)]
base = build_base([(dt.date(2026, 1, 1), pa.table({"full_address": texts}))], Grammar.load("taiwan"))
base.save(sys.argv[1] + "/index")
base = AddressBase.open(sys.argv[1] + "/index")
found = resolve(base, pa.table({"text": ["自由二路５號", "自由二路90號"]})).to_pylist()
assert [row["level"] for row in found] == ["number", "road"], found
assert explain(base, "自由二路5號").render()
assert parse(pl.Series(["左營區自由二路5號"]), grammar="taiwan").list.len().item() > 0
pl.DataFrame({"text": texts}).write_csv(sys.argv[1] + "/register.csv")
link_file(sys.argv[1] + "/register.csv", sys.argv[1] + "/register.csv", sys.argv[1] + "/out.csv")
assert pl.read_csv(sys.argv[1] + "/out.csv")["matched_text"].to_list() == texts
"""


def ours() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/__init__.py")} - {PACKAGE.name}


def test_no_module_imports_another_package_of_the_project() -> None:
    assert "contracts" in ours()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & ours(), path.name


def test_a_copy_of_the_package_works_by_itself(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "addressing", ignore=shutil.ignore_patterns("__pycache__"))
    # -S leaves out the site's editable install of the project; the libraries' folders are given by name.
    libraries = [entry for entry in sys.path if "site-packages" in entry]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *libraries])}
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
