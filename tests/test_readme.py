"""What the readmes and docs name exists: make targets, govlake commands and options, files. Both languages name the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli import app

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh-CN.md")
PAGES = (*READMES, "docs/getting-started.md", "docs/operations.md", "docs/analysts.md", "docs/systems.md", "docs/systems.zh-CN.md")
COMMAND: Any = typer.main.get_command(app)

pages = pytest.mark.parametrize("page", PAGES)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def code(page: str) -> list[str]:
    """The lines of code blocks and the code spans of a page."""
    blocks = re.findall(r"```sh\n(.*?)```", text(page), re.DOTALL)
    prose = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose)


def make_targets(page: str) -> set[str]:
    return {found for line in code(page) for found in re.findall(r"\bmake ([a-z][a-z-]*)", line)}


def calls(page: str) -> list[list[str]]:
    """Each call of govlake on a page as its words, comments and what follows a pipe left out."""
    found = []
    for line in code(page):
        match = re.search(r"(?:^|\s|/)govlake (?=[a-z-])(.*)$", line)
        if match:
            said = re.split(r"\s[#|]|\s\|\||&&", " " + match[1])[0].replace("…", "x")
            found.append(shlex.split(said))
    return found


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and the words after its name."""
    command = COMMAND
    rest = list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"govlake has no command {' '.join(words)!r}"
        command = command.commands[rest.pop(0)]
    return command, rest


@pages
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert make_targets(page) <= targets


@pages
def test_commands_and_their_options_exist(page: str) -> None:
    assert calls(page)
    for words in calls(page):
        command, rest = command_of(words)
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help", "-h"}
        used = {word.partition("=")[0] for word in rest if re.match(r"^--?[a-z]", word)}
        assert used <= known, f"govlake {' '.join(words)}"


@pages
def test_links_lead_to_files(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(page)):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", READMES)
def test_folders_in_the_layout_exist(page: str) -> None:
    named = {name for row in re.findall(r"^\| (`[a-z]+/`.*?) \|", text(page), re.MULTILINE) for name in re.findall(r"`([a-z/]+)/`", row)}
    assert {
        "pipelines",
        "assets",
        "sources",
        "addressing",
        "governance",
        "quality",
        "warehouse",
        "contracts",
        "districts",
        "tests",
    } <= named
    assert [name for name in sorted(named) if not (ROOT / name).is_dir()] == []


def test_both_readmes_name_the_same() -> None:
    english, chinese = READMES
    assert make_targets(english) == make_targets(chinese)
    assert {" ".join(words[:2]) for words in calls(english)} >= {" ".join(words[:2]) for words in calls(chinese)}
    assert {tuple(words[:1]) for words in calls(english)} == {tuple(words[:1]) for words in calls(chinese)}


@pages
def test_no_page_names_a_machine(page: str) -> None:
    assert not re.search(r"/(work|root|home|tmp)/", text(page))


def test_every_command_teaches_in_both_languages() -> None:
    def walk(command: Any, name: str) -> None:
        help_text = command.help or ""
        assert re.search(r"[A-Za-z]{4}", help_text), name
        assert re.search(r"[\u4e00-\u9fff]", help_text), name
        for inner_name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {inner_name}")

    walk(COMMAND, "govlake")
