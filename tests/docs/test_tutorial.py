"""The tutorials in both languages are one: the same commands and files. They are run with the how-tos (`test_how_tos`)."""

from __future__ import annotations

import pytest
from following import blocks


@pytest.mark.parametrize("page", ["tutorial.md"])
def test_the_chinese_tutorial_has_the_same_commands_and_files(page: str) -> None:
    assert blocks(page)
    assert blocks(f"zh/{page}") == blocks(page)
