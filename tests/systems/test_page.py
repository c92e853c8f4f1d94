"""docs/systems.md in both languages: the same packs, tests and queries, each of which is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assets.home import shipped_districts
from contracts import tables

ROOT = Path(__file__).parents[2]
PAGES = ("systems.md", "systems.zh-CN.md")
SYSTEMS = 13


def text(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_both_languages_have_the_same_sections_queries_and_tables() -> None:
    english, chinese = map(text, PAGES)
    for pattern in (
        r"```sql\n(.*?)```",
        r"\]\((\.\./tests/[^)]+)\)",
        r"`((?:subject|event|person|place|thing|sentiment|organization)\.\w+)",
    ):
        assert re.findall(pattern, english, re.DOTALL) == re.findall(pattern, chinese, re.DOTALL)
    assert len(re.findall(r"(?m)^## ", english)) == len(re.findall(r"(?m)^## ", chinese)) == SYSTEMS


@pytest.mark.parametrize("page", PAGES)
def test_every_pack_test_and_table_that_the_page_names_is_there(page: str) -> None:
    packs = re.findall(r"(?m)^(?:Pack|配置包) `(\w+)`", text(page))
    assert len(set(packs)) == SYSTEMS
    assert set(packs) <= set(shipped_districts())
    for pack, test in zip(packs, re.findall(r"\]\(\.\./(tests/[^)]+)\)", text(page)), strict=True):
        assert test == f"tests/systems/test_{pack}.py"
        assert (ROOT / test).is_file()
    named = set(re.findall(r"`((?:subject|event|person|place|thing|sentiment|organization)\.\w+)", text(page)))
    assert named - set(tables()) == set()
