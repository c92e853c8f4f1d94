"""The queries that the summary proposes and that the docs show bind on libraries as the contracts promise them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import contracts
from contracts.schema import create_table
from pipelines.commands import query, summary

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "README.zh-CN.md", "docs/getting-started.md", "docs/analysts.md", "docs/operations.md")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release folder with every table of every contract, empty."""
    folder = tmp_path_factory.mktemp("r1")
    (folder / "internal").mkdir()
    for theme in {table.theme for table in contracts.tables().values()}:
        with duckdb.connect(str(folder / "internal" / f"{theme}.duckdb")) as library:
            for table in contracts.tables().values():
                if table.theme == theme and "internal" in table.audiences:
                    library.execute(create_table(table, table.name))
    return folder


@pytest.fixture
def connection(release: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with query.reader(release / "internal") as opened:
        yield opened


def documented() -> list[str]:
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found += [sql for sql in re.findall(r'govlake sql[^"\n]*"([^"\n]+)"', text) if "…" not in sql]
    return found


@pytest.mark.parametrize("sql", [sql for _, _, sql in summary.QUERIES] + documented())
def test_every_proposed_query_binds(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    (statement,) = query.statements(connection, sql)
    assert query.run(connection, statement).columns
    assert '"' not in sql


def test_the_summary_proposes_three(release: Path) -> None:
    assert [sql for _, _, sql in summary.queries_for(release)] == [sql for _, _, sql in summary.QUERIES[:3]]


def test_a_release_without_those_tables_gets_no_query_that_fails(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "event.duckdb")) as library:
        library.execute("CREATE TABLE ticket (id INTEGER)")
    assert summary.queries_for(tmp_path) == []


def test_the_docs_show_queries() -> None:
    assert len(documented()) >= 3
