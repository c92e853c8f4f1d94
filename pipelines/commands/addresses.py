"""`govlake explain`, `link` and `parse`: the addressing package from the command line.

Belongs here: finding the home's prepared address base or a district's grammar and names, and printing. Not here: reading or linking an
address (`addressing`). Dagster, Great Expectations and the lake are not imported: `explain` answers while someone waits.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.commands.places import existing_home
from warehouse.home import Home

if TYPE_CHECKING:
    import pyarrow as pa

    from addressing import AddressBase


def explain(home: Path | None, text: str, hints: dict[str, Any], as_json: bool) -> None:
    """How one text is linked to the home's address base, and why."""
    opened = existing_home(home)
    base = _prepared(opened)
    from addressing import explain as explained

    found = explained(base, text, **hints)
    if as_json:
        screen.as_json(found.as_dict())
    else:
        screen.say(found.render("both"))


def _prepared(home: Home) -> AddressBase:
    """The newest prepared base of the home."""
    made = sorted(home.addressing.glob("*/done"), key=lambda path: path.stat().st_mtime_ns) if home.addressing.is_dir() else []
    if not made:
        raise CommandFailed(
            f"{home.path} has no address base yet",
            "deliver an address register and run `govlake run`, or link two files with `govlake link`",
        )
    from addressing import AddressBase

    return AddressBase.open(made[-1].parent)


def link(
    register: Path,
    register_column: str | None,
    source: Path,
    address_column: str | None,
    output: Path,
    district: str | None,
    grammar: str | None,
) -> None:
    """Link a file to a register file and say how it went."""
    if district and grammar:
        raise CommandFailed("--district and --grammar exclude each other", "a district names its grammar; give one of them", Exit.USAGE)
    from addressing import link_file

    named, divisions, aliases = _of_district(district) if district else (grammar, None, None)
    done = link_file(register, source, output, register_column, address_column, grammar=named, divisions=divisions, aliases=aliases)
    screen.say(
        f"{done.output}: {done.rows:,} rows, {done.distinct:,} distinct addresses, register of {done.register_places:,} places / 已关联 {done.rows:,} 行"
    )
    from addressing import LEVELS
    from pipelines.commands.summary import OUTCOMES_ZH, level_name

    table = screen.grid("outcome 结果", "rows 行", "%", numbers=("rows 行", "%"))
    for outcome, count in sorted(done.by_outcome.items(), key=lambda entry: -entry[1]):
        table.add_row(f"{outcome} {OUTCOMES_ZH.get(outcome, '')}", screen.number(count), f"{100 * count / max(done.rows, 1):.1f}")
    screen.show(table)
    table = screen.grid("level 级别", "rows 行", "%", numbers=("rows 行", "%"))
    for level in reversed(LEVELS):
        if linked := done.by_level.get(level):
            table.add_row(level_name(level), screen.number(linked), f"{100 * linked / max(done.rows, 1):.1f}")
    screen.show(table)


def _of_district(text: str) -> tuple[str, pa.Table, pa.Table]:
    """A district's grammar, divisions and aliases."""
    from contracts.district import load_district
    from contracts.settings_file import load_setting
    from pipelines.commands.districts import folder_of

    district = load_district(folder_of(text))
    return district.grammar_source, load_setting(district, "division"), load_setting(district, "alias")


def parse(source: Path, output: Path, grammar: str, address_column: str | None) -> None:
    """Split a file of addresses into spans."""
    from addressing.parse import parse_file

    if not source.is_file():
        raise CommandFailed(f"no file {source}", "check the path")
    try:
        rows = parse_file(source, output, grammar=grammar, address_column=address_column)
    except ValueError as error:
        # Says which column, ending or grammar does not fit; a text of the file is never in it.
        raise CommandFailed(str(error)) from error
    screen.say(f"{output}: {rows:,} rows / 已解析 {rows:,} 行")
