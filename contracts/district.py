"""A district as data: who uses govlake and what is different there.

Belongs here: the model of `districts/<name>/district.yaml`, its loader, and the loader of the CSV files beside it (the settings).
Does not belong here: any branch on a district's name; a difference between districts is a value in its folder.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from contracts.load import ContractError, feeds, read_yaml, settings, validated
from contracts.model import Audience, Feed, Strict


class Format(Strict):
    """How a feed's files are written, where the district knows it; what is not given is detected and then reported."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    sheet: str | None = None
    header_row: int | None = None


class FeedMapping(Strict):
    """How one feed of this district meets its contract.

    `headers` names, for a contract column, further source headers; an inner list is a combination: its columns are joined by a
    blank before parsing (a date and a time). `constants` fill columns that the source does not have. `codes` adds accepted source
    forms to a column's codes. `key_pattern` overrides the contract's: values that do not match are no keys (truncated numbers).
    `stale_after_days` counts from the latest delivery date to the as-of date. `drift` says what becomes of a column that the
    contract does not know: kept raw with a warning (`accept`), left empty (`null`), or the delivery is refused (`stop`).
    """

    required: bool = False
    stale_after_days: int | None = None
    when_missing: Literal["stop", "go_on"] = "go_on"
    files: tuple[str, ...] = ("*",)
    ready_marker: str | None = None
    format: Format = Format()
    headers: dict[str, tuple[str | tuple[str, ...], ...]] = {}
    constants: dict[str, str] = {}
    codes: dict[str, dict[str, tuple[str, ...]]] = {}
    null_markers: tuple[str, ...] = ()
    key_pattern: str | None = None
    drift: Literal["accept", "null", "stop"] = "accept"
    max_refused_share: float = Field(1.0, ge=0, le=1)
    """A delivery of which a larger share of rows is refused is stopped: none of its rows is used, the rest goes on."""


class Calendar(Strict):
    """Which days are worked. `official` is the mainland's public calendar (chinesecalendar), else weekdays alone."""

    official: bool = True
    day_starts: str = "09:00"
    lunch_starts: str = "12:00"
    lunch_ends: str = "14:00"
    day_ends: str = "18:00"


class Retention(Strict):
    """How much is kept: releases by number (never one younger than 24 h is pruned), lake versions by days."""

    releases: int = Field(7, ge=1)
    lake_days: int = Field(30, ge=1)


class Declared(Strict):
    """What the district says about its own settings; a setting that disagrees does not load.

    `counts`: for a setting, how many different values a column holds among lines still valid (of a category level: paths down to it;
    `rows`: lines). `flow_nodes`: nodes of each flow, `start` not counted. `one_department_from`: from that day on each leaf of the
    category tree has exactly one department, whatever the street.
    """

    counts: dict[str, dict[str, int]] = {}
    flow_nodes: dict[str, int] = {}
    one_department_from: dt.date | None = None


class District(Strict):
    """`district.yaml`. With `based_on`, a district is what it changes in another one: keys and feeds given here go before the other's, and a
    setting's CSV file replaces the other's file of that name.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    based_on: str | None = None
    title: str
    title_zh: str
    grammar: str
    time_zone: str = "Asia/Shanghai"
    province: str | None = None
    city: str | None = None
    district: str | None = None
    calendar: Calendar = Calendar()
    retention: Retention = Retention()
    audiences: tuple[Audience, ...] = ("internal", "public")
    small_group: int = Field(5, ge=2)
    dispatch_minutes: int = Field(30, ge=1)
    """Within how many minutes of its report a matter should be dispatched."""
    declared: Declared = Declared()
    feeds: dict[str, FeedMapping]
    folder: Path = Field(Path(), exclude=True)
    _bases: tuple[Path, ...] = PrivateAttr(())

    @property
    def folders(self) -> tuple[Path, ...]:
        """The district's own folder, then that of the district it is based on, and so on."""
        return (self.folder, *self._bases)

    @property
    def grammar_source(self) -> str:
        """The address grammar's name, or the path of the YAML file that the district or one it is based on brings."""
        if not self.grammar.endswith((".yaml", ".yml")):
            return self.grammar
        found = (folder / self.grammar for folder in self.folders if (folder / self.grammar).is_file())
        return str(next(found, self.folder / self.grammar).resolve())


def load_district(folder: Path) -> District:
    """Read `folder/district.yaml`, on top of the district it is based on; every mistake names file, line and remedy (ContractError)."""
    return _load(folder, ())


def _load(folder: Path, above: tuple[Path, ...]) -> District:
    path = folder / "district.yaml"
    if not path.is_file():
        raise ContractError(f"{folder}: no district.yaml; remedy: name a district folder, or make one with `govlake district new NAME`")
    data, lines = read_yaml(path)
    if not isinstance(data, dict):
        raise ContractError("district.yaml:1: a district is a mapping of keys; remedy: start with name, title, feeds")
    base = None
    if data.get("based_on"):
        base = _base(folder, str(data["based_on"]), lines.get(("based_on",), 1), (*above, folder.resolve()))
        data = _on_top(base, data, folder)
    district = validated(District, {**data, "folder": folder}, lines, path, {})
    if base:
        district._bases = base.folders
    _known_feeds(district, lines)
    _known_settings(district, lines)
    return district


def _base(folder: Path, name: str, line: int, above: tuple[Path, ...]) -> District:
    """The district that another one is based on: a folder beside it, else one that comes with govlake."""
    here = f"district.yaml:{line}: based_on: {name}"
    for found in (folder.parent / name, Path(str(files("districts"))) / name):
        if (found / "district.yaml").is_file():
            if found.resolve() in above:
                raise ContractError(f"{here} is based on this district itself; remedy: name a district that stands alone")
            try:
                return _load(found, above)
            except ContractError as error:
                raise ContractError("\n".join(f"{name}/{said}" for said in str(error).splitlines())) from error
    raise ContractError(f"{here}: no such district beside this one or among those that come with govlake; remedy: correct the name")


def _on_top(base: District, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The keys of `given` before those of `base`. Counts that the base declares hold only for settings that it still supplies."""
    under = base.model_dump(exclude_unset=True, exclude={"based_on", "folder"})
    declared = under.get("declared", {})
    own = {path.stem for path in folder.glob("*.csv")}
    declared["counts"] = {name: counts for name, counts in declared.get("counts", {}).items() if name not in own}
    if "flow" in own:
        declared.pop("flow_nodes", None)
    if own & {"category", "responsibility"}:
        declared.pop("one_department_from", None)
    under["declared"] = declared
    return _merged(under, given)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(under[key], over[key])
        for key in under.keys() & over.keys()
        if isinstance(under[key], dict) and isinstance(over[key], dict)
    }
    return {**under, **over, **both}


def feed_folders(district: District) -> tuple[Path, ...]:
    """Where the feed contracts of the district's own lie: `feeds/` in its folder and in those that it is based on."""
    return tuple(folder / "feeds" for folder in district.folders if (folder / "feeds").is_dir())


def _known_feeds(district: District, lines: Mapping[tuple[Any, ...], int]) -> None:
    known = feeds(more=feed_folders(district))
    for name, mapping in district.feeds.items():
        if name not in known:
            line = lines.get(("feeds", name), 1)
            raise ContractError(f"district.yaml:{line}: feeds.{name}: no such feed; remedy: use one of {', '.join(sorted(known))}")
        columns = {column.name for column in known[name].columns}
        for section in ("headers", "constants", "codes"):
            for column in getattr(mapping, section):
                if column not in columns:
                    line = lines.get(("feeds", name, section, column), 1)
                    raise ContractError(
                        f"district.yaml:{line}: feeds.{name}.{section}.{column}: the contract has no such column; remedy: correct the name"
                    )


def _known_settings(district: District, lines: Mapping[tuple[Any, ...], int]) -> None:
    for name, counts in district.declared.counts.items():
        if name not in settings():
            line = lines.get(("declared", "counts", name), 1)
            raise ContractError(
                f"district.yaml:{line}: declared.counts.{name}: no such setting; remedy: use one of {', '.join(settings())}"
            )
        columns = {column.name for column in settings()[name].columns}
        for counted in counts:
            if counted != "rows" and counted not in columns:
                line = lines.get(("declared", "counts", name, counted), 1)
                raise ContractError(
                    f"district.yaml:{line}: declared.counts.{name}.{counted}: no such column; remedy: name a column of {name}.csv, or rows"
                )


def contract_of(district: District, feed: str) -> Feed:
    """The feed's contract with the district's additions (headers of single columns, codes, null markers, key pattern) merged in."""
    base = feeds(more=feed_folders(district)).get(feed) or feeds()[feed]
    mapping = district.feeds.get(feed, FeedMapping())
    columns = []
    for column in base.columns:
        extra = tuple(header for header in mapping.headers.get(column.name, ()) if isinstance(header, str))
        codes = dict(column.codes)
        for code, forms in mapping.codes.get(column.name, {}).items():
            codes[code] = (*codes.get(code, (code, code)), *forms)
        columns.append(
            column.model_copy(
                update={"headers": (*extra, *column.headers), "codes": codes, "null_markers": (*column.null_markers, *mapping.null_markers)}
            )
        )
    return base.model_copy(update={"columns": tuple(columns), "key_pattern": mapping.key_pattern or base.key_pattern})
