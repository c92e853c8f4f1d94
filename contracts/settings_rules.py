"""What the lines of a district's settings must hold together: one department at a date, the counts that the district declares, names that exist.

Belongs here: rules over several lines or files, each mistake with file, line and remedy. Does not belong here: one line by itself, which the
setting's contract judges (`settings_file`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from contracts.district import District
from contracts.load import feeds, read_yaml

Numbered = tuple[int, dict[str, Any]]
"""A line of a settings file with its number."""
Read = Callable[[str], list[Numbered]]

_LEVELS = ("category_1", "category_2", "category_3")
_AGE = re.compile(r"^age\s*(>=|<)\s*\d{1,3}$")
_FOREVER = dt.date.max
COLLECTED = {
    "resident": ("sex", "kinship", "phone", "residence_kind", "tenure", "moved_in", "address"),
    "enterprise": ("industry", "staff", "safety_grade", "contact_phone", "address"),
    "facility": ("owner", "state", "coordinates", "address"),
}
"""What a grid worker may be asked to collect of each kind of object."""
LINKED = {
    "person": ("house", "building", "address"),
    "organization": ("house", "building", "address"),
    "house": ("building", "address"),
    "building": ("address",),
}
"""The pairs of codes that can be linked."""


def mistakes(district: District, name: str, lines: Sequence[Numbered], read: Read) -> list[str]:
    """Every mistake of the setting `name`, one message each; `read` gives the lines of another setting of the district."""
    found = [*_counts(district, name, lines), *_periods(name, lines), *_departments(name, lines, read)]
    if name in _RULES and lines:
        found += _RULES[name](district, lines, read)
    return found


def leaves(lines: Sequence[Numbered]) -> dict[tuple[str, ...], int]:
    """The leaf paths of a category tree with the line of each."""
    return {tuple(row[level] for level in _LEVELS): number for number, row in lines}


def _counts(district: District, name: str, lines: Sequence[Numbered]) -> Iterator[str]:
    for counted, number in district.declared.counts.get(name, {}).items():
        found = count(name, counted, [row for _, row in lines])
        if found != number:
            line = _declared_line(district, "counts", name, counted)
            yield (
                f"district.yaml:{line}: declared.counts.{name}.{counted}: {number} declared, {name}.csv has {found}; "
                "remedy: complete the file or correct the count"
            )


def count(name: str, counted: str, rows: Sequence[dict[str, Any]]) -> int:
    """How many different values of `counted` the valid rows hold: of a category level the paths down to it, of `rows` the lines."""
    valid = [row for row in rows if row.get("valid_to") is None]
    if counted == "rows":
        return len(valid)
    columns = _LEVELS[: _LEVELS.index(counted) + 1] if name == "category" and counted in _LEVELS else (counted,)
    return len({tuple(row.get(column) for column in columns) for row in valid if row.get(counted) is not None})


def _periods(name: str, lines: Sequence[Numbered]) -> Iterator[str]:
    for number, row in lines:
        start, end = row.get("valid_from"), row.get("valid_to")
        if start and end and end <= start:
            yield f"{name}.csv:{number}: valid_to: {end} is not after valid_from {start}; remedy: correct one of the dates (valid_to is exclusive)"


def _departments(name: str, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    """A department that does not exist would never be reached."""
    named = [(number, row["department_code"]) for number, row in lines if row.get("department_code")]
    known = {row["department_code"] for _, row in read("department")} if named and name != "department" else set()
    for number, code in named:
        if known and code not in known:
            yield f"{name}.csv:{number}: department_code: {code} is not in department.csv; remedy: add the department or correct the code"


def _declared_line(district: District, *keys: str) -> int:
    _, lines = read_yaml(district.folder / "district.yaml")
    return lines.get(("declared", *keys), lines.get(("declared",), 1))


def _responsibility(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    tree, streets = leaves(read("category")), {row["name"] for _, row in read("division") if row["level"] == "street"}
    nodes = {(*path[:depth], *("*" for _ in range(3 - depth))) for path in tree for depth in (1, 2, 3)}
    for number, row in lines:
        path = tuple(row[level] for level in _LEVELS)
        if tree and path not in nodes:
            yield f"responsibility.csv:{number}: {'>'.join(path)} is not in category.csv; remedy: correct the path, * stands for all below"
        if streets and row["street"] not in {*streets, "*"}:
            yield f"responsibility.csv:{number}: street: {row['street']} is no street of division.csv; remedy: correct the name, * stands for all"
    held: dict[tuple[str, ...], list[tuple[dt.date, dt.date, int]]] = defaultdict(list)
    for number, row in lines:
        held[(*(row.get(level) or "*" for level in _LEVELS), row["street"])].append(
            (row["valid_from"], row.get("valid_to") or _FOREVER, number)
        )
    for what, periods in held.items():
        periods.sort()
        for (_, until, former), (start, _, number) in pairwise(periods):
            if start < until:
                yield (
                    f"responsibility.csv:{number}: {'>'.join(what[:3])}: a second department from {start}, while line {former} still holds; "
                    f"remedy: give line {former} a valid_to of {start} or earlier"
                )
    since = district.declared.one_department_from
    if since is None:
        return
    for leaf, number in leaves(read("category")).items():
        gap = _gap(leaf, held, since)
        if gap:
            end = "" if gap[1] == _FOREVER else f" until {gap[1]}"
            yield (
                f"responsibility.csv:{gap[2] or 1}: {'>'.join(leaf)} (category.csv:{number}) has no department from {gap[0]}{end}; "
                "remedy: add a line for it, or let a period begin where the former ends"
            )


def _gap(
    leaf: tuple[str, ...], held: dict[tuple[str, ...], list[tuple[dt.date, dt.date, int]]], since: dt.date
) -> tuple[dt.date, dt.date, int] | None:
    """The first stretch of days from `since` on which nobody answers for a leaf in every street; None where there is none."""
    one, two, three = leaf
    periods = sorted(
        period for what in ((one, two, three, "*"), (one, two, "*", "*"), (one, "*", "*", "*")) for period in held.get(what, [])
    )
    day, line = since, 0
    for start, until, number in periods:
        if start > day:
            return day, start, number
        day, line = max(day, until), number
    return (day, _FOREVER, line) if day < _FOREVER else None


def _category_map(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    known = leaves(read("category"))
    for number, row in lines:
        path = tuple(row[level] for level in _LEVELS)
        if path not in known:
            yield f"category_map.csv:{number}: {'>'.join(path)} is no leaf of category.csv; remedy: correct the path or add the leaf"


def _folder(district: District, name: str) -> Path | None:
    """The folder that a setting's file comes from."""
    return next((folder for folder in district.folders if (folder / f"{name}.csv").is_file()), None)


def _category_word(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    if _folder(district, "category_word") != _folder(district, "category"):
        return  # words written for another tree: those that do not fit this one are not used
    known = {path[:depth] for path in leaves(read("category")) for depth in (1, 2, 3)}
    for number, row in lines:
        path = tuple(row[level] for level in _LEVELS if row.get(level))
        if known and path not in known:
            yield f"category_word.csv:{number}: {'>'.join(path)} is not in category.csv; remedy: correct the path or add the leaf"


def _deadline(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    if _folder(district, "deadline") != _folder(district, "category"):
        return  # deadlines written for another tree: those that do not fit this one never apply
    known = {path[:depth] for path in leaves(read("category")) for depth in (1, 2)}
    for number, row in lines:
        path = tuple(row[level] for level in ("category_1", "category_2") if row[level] != "*")
        if path and path not in known:
            yield f"deadline.csv:{number}: {'>'.join(path)} is not in category.csv; remedy: correct the path, * stands for all"


def _category(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    codes: dict[str, int] = {}
    for number, row in lines:
        code = row.get("code")
        if code and code in codes:
            yield f"category.csv:{number}: code {code} stands in line {codes[code]} too; remedy: give each leaf a code of its own"
        elif code:
            codes[code] = number


def _flow(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    nodes: dict[str, set[str]] = defaultdict(set)
    first: dict[str, int] = {}
    for number, row in lines:
        nodes[row["flow"]] |= {row["from_status"], row["to_status"]} - {"start"}
        first.setdefault(row["flow"], number)
    for flow, number in district.declared.flow_nodes.items():
        if len(nodes[flow]) != number:
            yield (
                f"district.yaml:{_declared_line(district, 'flow_nodes', flow)}: declared.flow_nodes.{flow}: {number} declared, "
                f"flow.csv has {len(nodes[flow])} (from line {first.get(flow, 1)}); remedy: complete the flow or correct the count"
            )


def _channel(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    seen: dict[str, int] = {}
    for number, row in lines:
        for name in {row["channel"], *split(row.get("aliases"))}:
            if name in seen:
                yield f"channel.csv:{number}: {name} names the channel of line {seen[name]} too; remedy: leave it to one of them"
            seen.setdefault(name, number)


def _industry_grid(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    cells = {row["grid_code"] for _, row in read("grid_cell")}
    yield from _overlaps("industry_grid", ("industry", "grid_code"), lines)
    for number, row in lines:
        if row["grid_code"] not in cells:
            yield f"industry_grid.csv:{number}: grid_code {row['grid_code']} is not in grid_cell.csv; remedy: correct the code"


def _grid_cell(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    yield from _overlaps("grid_cell", ("grid_code",), lines)


def _overlaps(name: str, keys: tuple[str, ...], lines: Sequence[Numbered]) -> Iterator[str]:
    """Lines of one thing whose periods overlap: at one date it would be two."""
    held: dict[tuple[str, ...], list[tuple[dt.date, dt.date, int]]] = defaultdict(list)
    for number, row in lines:
        held[tuple(row[key] for key in keys)].append((row["valid_from"], row.get("valid_to") or _FOREVER, number))
    for what, periods in held.items():
        for (_, until, former), (start, _, number) in pairwise(sorted(periods)):
            if start < until:
                yield (
                    f"{name}.csv:{number}: {' '.join(what)} begins on {start}, while line {former} still holds; "
                    f"remedy: give line {former} a valid_to of {start} or earlier"
                )


def _source(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    for number, row in lines:
        if row.get("feed") and row["feed"] not in feeds():
            yield f"source.csv:{number}: feed: there is no feed {row['feed']}; remedy: use one of {', '.join(sorted(feeds()))}, or leave it empty"
        if row["library"] == "topic" and not row.get("topic"):
            yield f"source.csv:{number}: topic is empty; remedy: name the topic library that the source fills"


def _collection_rule(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    for number, row in lines:
        known = COLLECTED[row["object_kind"]]
        if row["field"] not in known:
            yield f"collection_rule.csv:{number}: field: {row['object_kind']} has no {row['field']}; remedy: use one of {', '.join(known)}"


def _code_link(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    for number, row in lines:
        known = LINKED[row["from_kind"]]
        if row["to_kind"] not in known:
            yield f"code_link.csv:{number}: to_kind: {row['from_kind']} is linked to {', '.join(known)} alone; remedy: use one of them"
        least = row.get("least_confidence")
        if least is not None and not 0 <= least <= 1:
            yield f"code_link.csv:{number}: least_confidence: {least} is not between 0 and 1; remedy: correct the value"


def _published_figure(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    for number, row in lines:
        for column in ("month_from", "month_to"):
            if row[column].day != 1:
                yield f"published_figure.csv:{number}: {column}: {row[column]} is no first day of a month; remedy: write {row[column]:%Y-%m}-01"
        if row["month_to"] < row["month_from"]:
            yield f"published_figure.csv:{number}: month_to: {row['month_to']} is before {row['month_from']}; remedy: correct one of the months"


def _grade_rule(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
    ranks: dict[int, tuple[str, int]] = {}
    for number, row in lines:
        grade, former = ranks.setdefault(row["rank"], (row["grade"], number))
        if grade != row["grade"]:
            yield f"grade_rule.csv:{number}: rank: {row['rank']} is that of {grade} in line {former}; remedy: give each grade a rank of its own"


def _terms(name: str, column: str) -> Callable[[District, Sequence[Numbered], Read], Iterator[str]]:
    """Rules over people: `;` separates alternatives, `&` joins terms; a term on age is age>=N or age<N."""

    def check(district: District, lines: Sequence[Numbered], read: Read) -> Iterator[str]:
        for number, row in lines:
            for term in (part for alternative in split(row.get(column)) for part in alternative.split("&")):
                if not term.strip():
                    yield f"{name}.csv:{number}: {column}: a term is missing beside &; remedy: name one or take the & away"
                elif term.strip().startswith("age") and not _AGE.match(term.strip()):
                    yield f"{name}.csv:{number}: {column}: {term.strip()!r} is no condition on age; remedy: write age>=N or age<N"

    return check


def split(text: str | None) -> list[str]:
    """The parts of a list in one field, separated by `;` in either width."""
    return [part.strip() for part in re.split("[;；]", text or "") if part.strip()]


_RULES: dict[str, Callable[[District, Sequence[Numbered], Read], Iterator[str]]] = {
    "responsibility": _responsibility,
    "category": _category,
    "category_map": _category_map,
    "category_word": _category_word,
    "deadline": _deadline,
    "flow": _flow,
    "channel": _channel,
    "industry_grid": _industry_grid,
    "grid_cell": _grid_cell,
    "source": _source,
    "collection_rule": _collection_rule,
    "code_link": _code_link,
    "published_figure": _published_figure,
    "grade_rule": _grade_rule,
    "service_item": _terms("service_item", "eligibility"),
    "population_rule": _terms("population_rule", "terms"),
}
