"""Address grammars: data files read into patterns. Holds what a grammar says, and no rule about matching.

A grammar names the divisions, the slots of the thoroughfare chain (`outer`) and of the inside of a door (`inner`), and the rewrites that
bring the many ways of writing to one comparison form. A further region is a further YAML file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

# Private-use characters mark recognised names in a text: kind, name, END. ALIAS stands before the kind where the text used an alias.
END = "\ue000"
MARK = {
    "district": "\ue001",
    "street": "\ue002",
    "community": "\ue003",
    "road": "\ue004",
    "lane": "\ue005",
    "estate": "\ue006",
    "region": "\ue007",
    "landmark": "\ue008",
}
ALIAS = "\ue00f"
ANY_MARK = "[\ue001-\ue00f]"


class GrammarError(ValueError):
    """A grammar file is missing or says something that cannot be read; the message names the file and the entry."""


@dataclass(frozen=True)
class Slot:
    """One numbered part of an address, such as 巷 or 單元."""

    level: str
    column: str
    pattern: str
    format: str
    named: bool = False
    optional_in_key: bool = False

    @property
    def expression(self) -> str:
        """The pattern, for slots that may carry a name with the name's mark as an alternative."""
        if self.named:
            return f"(?:{self.pattern}|{MARK['lane']}[^{END}]+{END})"
        return f"(?:{self.pattern})"


@dataclass(frozen=True)
class Division:
    """One administrative level: a name with a suffix, or (neighbourhood) a number with a unit."""

    level: str
    suffixes: tuple[str, ...] = ()
    pattern: str = ""
    format: str = ""
    display: str = ""


@dataclass(frozen=True)
class Grammar:
    """What one region's addresses look like. Built by `load`; see grammars/*.yaml for the meaning of each entry."""

    name: str
    title: str
    title_zh: str
    script: str
    numeral_units: tuple[str, ...]
    labels: tuple[str, ...]
    countries: tuple[str, ...]
    divisions: tuple[Division, ...]
    road_suffixes: tuple[str, ...]
    estate_suffixes: tuple[str, ...]
    spaced_rewrites: tuple[tuple[str, str], ...]
    rewrites: tuple[tuple[str, str], ...]
    rewrite_gate: str
    outer: tuple[Slot, ...]
    inner: tuple[Slot, ...]
    ground_floor: tuple[str, ...]
    floor_from_room: bool
    numbered_parks: bool
    list_separators: tuple[str, ...]
    near_words: tuple[str, ...]
    crossing_words: tuple[str, ...]
    source: str = field(default="", compare=False)

    @staticmethod
    def load(name_or_path: str | Path) -> Grammar:
        """The grammar of that name ("mainland", "taiwan") or in that YAML file. Raises GrammarError with file and entry."""
        return _load(_path(name_or_path))

    @property
    def street_slots(self) -> tuple[Slot, ...]:
        """The outer slots before the number."""
        return tuple(slot for slot in self.outer if slot.level != "number")

    @property
    def number_slot(self) -> Slot:
        return next(slot for slot in self.outer if slot.level == "number")

    @property
    def has_estates(self) -> bool:
        return bool(self.estate_suffixes)

    def division(self, level: str) -> Division | None:
        return next((d for d in self.divisions if d.level == level), None)

    @cached_property
    def street_expression(self) -> str:
        """A marked road name and the slots up to the number, without it."""
        slots = "".join(f"{slot.expression}?" for slot in self.street_slots)
        return f"{MARK['road']}[^{END}]+{END}{slots}"

    @cached_property
    def inner_expression(self) -> str:
        """One capture per inner slot, each optional."""
        return "".join(f"(?:,?({slot.expression}))?" for slot in self.inner)

    @cached_property
    def estate_expression(self) -> str:
        return f"{MARK['estate']}[^{END}]+{END}"

    @cached_property
    def door_expression(self) -> str:
        """Captures: street part, number, estate, one per inner slot, and a sign that the text goes on with something unread."""
        return (
            f"({self.street_expression})({self.number_slot.expression})"
            f"(?:,?{ALIAS}?({self.estate_expression}))?{self.inner_expression}([0-9A-Z-]?)"
        )

    @cached_property
    def estate_door_expression(self) -> str:
        """Captures: estate, one per inner slot, and the sign of something unread."""
        return f"({self.estate_expression}){self.inner_expression}([0-9A-Z-]?)"

    @cached_property
    def numeral_expression(self) -> str:
        """A run of Chinese numerals, digits allowed among them, before a unit; or after 之."""
        units = "|".join(re.escape(unit) for unit in sorted(self.numeral_units, key=len, reverse=True))
        numerals = "零〇一二三四五六七八九十百千廿卅两"
        return f"[0-9]*[{numerals}][0-9{numerals}]*(?:{units})|之[0-9]*[{numerals}]+"


_LISTS = ("numeral_units", "labels", "countries", "road_suffixes", "estate_suffixes", "ground_floor",
          "list_separators", "near_words", "crossing_words")  # fmt: skip


def _path(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    return path if path.suffix in (".yaml", ".yml") else Path(__file__).parent / "grammars" / f"{name_or_path}.yaml"


def _said(path: Path) -> dict[str, Any]:
    """What the file says. Raises GrammarError."""
    try:
        said: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in (Path(__file__).parent / "grammars").glob("*.yaml")))
        raise GrammarError(
            f"{path}: no such grammar; known by name: {known}, or give a YAML file / 没有这个地址语法，现有：{known}，或给出 YAML 文件"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GrammarError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(said, dict):
        raise GrammarError(f"{path}: not a grammar: its entries are missing")
    return said


def element_words(name_or_path: str | Path) -> dict[str, Any]:
    """The entry `elements` of a grammar: the words by which `parse` tells elements apart. Raises GrammarError with file and entry."""
    path = _path(name_or_path)
    words = _said(path).get("elements")
    if not isinstance(words, dict):
        raise GrammarError(
            f"{path}: no entry `elements`, which names the words that `govlake parse` reads by; the file serves `link` alone"
        )
    return words


@lru_cache(maxsize=16)
def _load(path: Path) -> Grammar:
    said = _said(path)
    try:
        grammar = Grammar(
            name=said["name"],
            title=said["title"],
            title_zh=said["title_zh"],
            script=said["script"],
            divisions=tuple(Division(**{**entry, "suffixes": tuple(entry.get("suffixes", ()))}) for entry in said["divisions"]),
            spaced_rewrites=tuple((find, put) for find, put in said.get("spaced_rewrites", ())),
            rewrite_gate=said.get("rewrite_gate", ""),
            rewrites=tuple((find, put) for find, put in said["rewrites"]),
            outer=tuple(Slot(**entry) for entry in said["outer"]),
            inner=tuple(Slot(**entry) for entry in said["inner"]),
            floor_from_room=bool(said["floor_from_room"]),
            numbered_parks=bool(said.get("numbered_parks", False)),
            source=str(path),
            **{key: tuple(said.get(key, ())) for key in _LISTS},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GrammarError(f"{path}: {error}") from error
    known_keys = {
        "name",
        "title",
        "title_zh",
        "script",
        "divisions",
        "spaced_rewrites",
        "rewrites",
        "rewrite_gate",
        "outer",
        "inner",
        "floor_from_room",
        "numbered_parks",
        "elements",
        *_LISTS,
    }
    if extra := sorted(set(said) - known_keys):
        raise GrammarError(f"{path}: unknown entries {', '.join(extra)}")
    for find, _ in grammar.rewrites:
        try:
            re.compile(find.replace("{mark}", END))
        except re.error as error:
            raise GrammarError(f"{path}: rewrite {find!r}: {error}") from error
    return grammar
