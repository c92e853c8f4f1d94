"""A release read from everywhere: the common libraries open what is published and see the same rows."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

TABLE = "community_monthly_effect"


@pytest.fixture(scope="module")
def rows(demo_release: Path) -> int:
    with duckdb.connect(str(demo_release / "internal" / "subject.duckdb"), read_only=True) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {TABLE}").fetchall()[0][0])


@pytest.fixture(scope="module")
def parquet(demo_release: Path) -> Path:
    return demo_release / "internal" / "subjects" / f"{TABLE}.parquet"


def test_pandas_reads_the_parquet(parquet: Path, rows: int) -> None:
    import pandas

    frame = pandas.read_parquet(parquet)
    assert len(frame) == rows
    assert frame["issues"].sum() > 0


def test_polars_reads_the_parquet(parquet: Path, rows: int) -> None:
    import polars

    frame = polars.read_parquet(parquet)
    assert frame.height == rows
    assert frame.schema["month"] == polars.Date


def test_pyarrow_reads_every_parquet_as_the_manifest_says(demo_release: Path) -> None:
    manifest = json.loads((demo_release / "manifest.json").read_text(encoding="utf-8"))
    paths = sorted((demo_release / "internal" / "subjects").glob("*.parquet"))
    assert len(paths) > 10
    for path in paths:
        assert pq.read_table(path).num_rows == manifest["tables"][f"subject.{path.stem}"]["rows"], path.name


def test_duckdb_reads_the_parquet_like_the_library(parquet: Path, demo_release: Path) -> None:
    with duckdb.connect(str(demo_release / "internal" / "subject.duckdb"), read_only=True) as connection:
        differing = connection.execute(f"SELECT count(*) FROM (FROM {TABLE} EXCEPT ALL FROM '{parquet}') AS a").fetchall()
    assert differing == [(0,)]


def _environment(folder: Path, package: str) -> Path:
    """A Python of its own with one package; skips where no index can be reached."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no package index is reachable, so {package} cannot be installed")
    return python


def _said(python: Path, script: str, *words: str) -> str:
    done = subprocess.run(
        [str(python), "-c", script, *words], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.slow
def test_spark_reads_every_parquet(demo_release: Path, tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    python = Path(sys.executable) if importlib.util.find_spec("pyspark") else _environment(tmp_path / "spark", "pyspark")
    script = (
        "import json, sys\nfrom pathlib import Path\nfrom pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false').config('spark.driver.host', '127.0.0.1')"
        ".config('spark.driver.bindAddress', '127.0.0.1').getOrCreate()\n"
        "frames = {path.stem: spark.read.parquet(str(path)) for path in sorted(Path(sys.argv[1]).glob('*.parquet'))}\n"
        "print(json.dumps({name: [frame.count(), frame.columns] for name, frame in frames.items()}))\n"
    )
    folder = demo_release / "internal" / "subjects"
    told = json.loads(_said(python, script, str(folder)))
    expected = {path.stem: pq.read_table(path) for path in folder.glob("*.parquet")}
    assert told == {name: [table.num_rows, table.column_names] for name, table in expected.items()}


@pytest.mark.slow
def test_libraries_parquet_and_macros_work_in_duckdb_1_1(demo_release: Path, rows: int, tmp_path: Path) -> None:
    script = (
        "import sys, duckdb\nassert duckdb.__version__ == '1.1.3'\nconnection = duckdb.connect()\n"
        "for statement in connection.extract_statements(open(sys.argv[1], encoding='utf-8').read()):\n    connection.execute(statement)\n"
        f"print(connection.execute('SELECT count(*) FROM subject.{TABLE}').fetchall()[0][0],\n"
        "    connection.execute(\"SELECT working_hours_between(TIMESTAMP '2024-06-03 09:00', TIMESTAMP '2024-06-03 15:30')\").fetchall()[0][0],\n"
        "    connection.execute(\"SELECT count(*) > 0 FROM find_address('花园')\").fetchall()[0][0])\n"
    )
    assert _said(_environment(tmp_path / "old", "duckdb==1.1.3"), script, str(demo_release / "analyst.sql")) == f"{rows} 4.5 True"


@pytest.mark.slow
def test_analyst_sql_works_in_the_plain_duckdb_shell(demo_release: Path, rows: int, tmp_path: Path) -> None:
    """The shell as a wheel: a program, no Python library."""
    python = _environment(tmp_path / "shell", "duckdb-cli")
    shell = python.parent / "duckdb"
    query = f"SELECT count(*) AS n FROM subject.{TABLE};"
    done = subprocess.run(
        [str(shell), "-init", str(demo_release / "analyst.sql"), "-csv", "-c", query], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == str(rows)


def test_excel_opens_the_workbook_that_the_shell_exports(demo_home: Path, tmp_path: Path) -> None:
    import openpyxl

    target = tmp_path / "effect.xlsx"
    words = ["sql", f"SELECT * FROM subject.{TABLE}", "-o", str(target), "--home", str(demo_home)]
    subprocess.run([sys.executable, "-m", "pipelines.cli", *words], check=True, capture_output=True)
    sheet = openpyxl.load_workbook(target).worksheets[0]
    assert sheet.max_row > 1
    assert [cell.value for cell in sheet[1]][:2] == ["community_key", "month"]
