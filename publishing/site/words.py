"""The site's own words in Chinese and English.

Belongs here: looking a word up. Not here: names and meanings of tables and columns, which their contracts give in both languages.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import yaml

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@cache
def words() -> dict[str, tuple[str, str]]:
    """Key → (Chinese, English)."""
    read = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text(encoding="utf-8"))
    return {str(key): (pair[0], pair[1]) for key, pair in read.items()}


def say(language: Language, key: str, **values: object) -> str:
    """The words of a key, with values set in; KeyError where the site has no such words."""
    text = words()[key][LANGUAGES.index(language)]
    return text.format(**values) if values else text
