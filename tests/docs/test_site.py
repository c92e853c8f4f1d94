"""The documents as static pages: built without a warning, whole, and readable without server and internet."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import contracts
from contracts import model
from pipelines.cli import app
from pipelines.commands.outcome import Exit
from warehouse.macros import macros

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "build.py"), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GOVLAKE_FEEDS": ""},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def shown(page: Path) -> str:
    """What a page says, without its marks."""
    article = re.search(r"<article.*?</article>", page.read_text(encoding="utf-8"), re.DOTALL)
    assert article, page
    return html.unescape(re.sub(r"<[^>]+>", "", article[0]))


def test_every_page_of_the_folder_is_there(site: Path) -> None:
    missing = [
        page for page in (ROOT / "docs").rglob("*.md") if not (site / page.relative_to(ROOT / "docs")).with_suffix(".html").is_file()
    ]
    assert missing == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|link|img|iframe|source)[^>]+(?:src|href)=[\"'](?:https?:)?//", text), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_links_lead_to_pages_of_the_site(site: Path) -> None:
    for page in site.rglob("*.html"):
        for target in re.findall(r"<a[^>]+href=\"(?![a-z]+:)([^\"#?]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / html.unescape(target)).exists(), f"{page.name}: {target}"


def test_every_table_and_column_is_in_the_reference_with_both_names(site: Path) -> None:
    pages = {theme: shown(site / "reference" / f"{theme}.html") for theme in model.THEMES}
    for table in contracts.tables().values():
        for said in (table.full_name, table.title, table.title_zh):
            assert said in pages[table.theme], table.full_name
        for column in table.columns:
            for said in (column.name, column.title_zh, *column.codes):
                assert said in pages[table.theme], f"{table.full_name}.{column.name}"


def test_every_feed_setting_and_their_columns_are_in_the_reference(site: Path) -> None:
    for page, found in (("feeds", contracts.feeds(more=())), ("settings", contracts.settings())):
        text = shown(site / "reference" / f"{page}.html")
        for contract in found.values():
            assert f"{contract.name}" in text
            for column in contract.columns:
                assert column.name in text, f"{contract.name}.{column.name}"
                assert column.title_zh in text, f"{contract.name}.{column.name}"


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    text = shown(site / "reference" / "commands.html")

    def walk(command: Any, name: str) -> None:
        assert name in text
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert all(form in text for form in parameter.opts), f"{name} {parameter.opts}"
        for inner_name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {inner_name}")

    walk(typer.main.get_command(app), "govlake")


def test_exit_codes_and_macros_are_in_the_reference(site: Path) -> None:
    codes = shown(site / "reference" / "exit-codes.html")
    assert all(code.name in codes for code in Exit)
    text = shown(site / "reference" / "macros.html")
    assert macros()
    assert all(macro.name in text and macro.title_zh in text for macro in macros())


def test_every_environment_variable_that_the_code_reads_is_in_the_reference(site: Path) -> None:
    packages = ("pipelines", "assets", "sources", "addressing", "governance", "quality", "warehouse", "publishing", "contracts")
    read = {
        name
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r"GOVLAKE_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    told = set(re.findall(r"GOVLAKE_[A-Z_]+", shown(site / "reference" / "environment.html")))
    assert read == told


def test_chinese_is_on_the_pages_as_written(site: Path) -> None:
    assert "入门" in (site / "zh" / "tutorial.html").read_text(encoding="utf-8")
    assert "工单" in shown(site / "reference" / "event.html")
