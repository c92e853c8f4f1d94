"""A small demo city, taken in once; each system's pack is set on top of it and its tables are built by the real builder.

Test processes share what was built: whoever needs a pack first builds it, the others open its files.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest
from filelock import FileLock

from assets import addresses, cleaning, intake
from assets.home import open_home, shipped_districts
from assets.workplace import Workplace
from contracts import tables
from contracts.district import District, load_district
from contracts.load import feeds
from contracts.model import Table
from governance import STEPS
from sources.demo import write_deliveries
from warehouse import library
from warehouse.lake import Lake

AS_OF = dt.datetime(2024, 6, 30, 23, 59, 59)
WHOLE = ("demo", "dapeng")
_NAME = re.compile(r"\b(person|place|thing|event|sentiment|organization|subject)\.([a-z_]+)\b")

Deliveries = Mapping[str, Sequence[Mapping[str, object]]]
"""The rows of each delivery, by `<feed>/<date>/<file>.csv`, under the headers that the office writes."""


class City:
    """One pack's libraries, opened for reading; tables of the restricted audience lie in catalogs of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect()
        for path in sorted((folder / "internal").glob("*.duckdb")):
            self.connection.execute(f"ATTACH '{path}' AS {path.stem} (READ_ONLY)")
        for path in sorted((folder / "restricted").glob("*.duckdb")):
            self.connection.execute(f"ATTACH '{path}' AS restricted_{path.stem} (READ_ONLY)")

    def rows(self, sql: str) -> list[tuple]:
        return self.connection.execute(_NAME.sub(self._address, sql)).fetchall()

    @property
    def tables(self) -> dict[str, Table]:
        """The contracts of the tables that were built."""
        made = json.loads((self.folder / "tables.json").read_text(encoding="utf-8"))
        return {name: table for name, table in tables().items() if name in made}

    def answered(self, queries: Sequence[str]) -> dict[str, int]:
        """Rows that each query gives, from the libraries of its one audience."""
        given = {}
        for query in queries:
            named = {found[0] for found in _NAME.finditer(query) if found[0] in tables()}
            assert {tables()[name].audiences == ("restricted",) for name in named} == {query.startswith("-- restricted")}, query
            given[query] = len(self.rows(query))
        return given

    def value(self, sql: str) -> object:
        return self.rows(sql)[0][0]

    def column(self, sql: str) -> list[object]:
        return [row[0] for row in self.rows(sql)]

    def broken_rules(self, name: str) -> list[str]:
        """The contract's own rules of a table that do not hold, warnings among them."""
        return [
            rule.name
            for rule in tables()[name].rules
            if self.rows(f"{rule.no_rows or f'SELECT 1 FROM {name} WHERE NOT ({rule.holds})'} LIMIT 1")
        ]

    @staticmethod
    def _address(found: re.Match[str]) -> str:
        table = tables().get(found[0])
        return f"restricted_{found[0]}" if table and table.audiences == ("restricted",) else found[0]


def _taken_in(home_folder: Path, district: Path, as_of: dt.datetime, deliver: Callable[[Path], None]) -> Lake:
    """Deliveries through intake, cleaning and addressing, as the job does it."""
    home = open_home(home_folder)
    deliver(home.landing)
    workplace = Workplace.open(home, district, as_of=as_of)
    todo = intake.plan(workplace)
    read = intake.by_feed(todo.deliveries)
    for feed in feeds():
        intake.take_in(workplace, feed, read.get(feed, []), todo.mtimes)
    due = cleaning.due(workplace)
    for feed in feeds():
        cleaning.clean_feed(workplace, feed, due.get(feed, []))
    state = addresses.address_base(workplace, workplace.as_of.date())
    addresses.keep_base(workplace, state)
    addresses.resolve_all(workplace, state)
    return workplace.lake


def _built(
    lake: Lake, district: District, as_of: dt.datetime, folder: Path, former: library.Former | None = None, only: Sequence[str] = ()
) -> None:
    planned = library.plan(library.Sources(lake, district, as_of), STEPS)
    if only:
        needed = set(only)
        for model in reversed(planned.models):
            needed |= set(model.inputs) if model.name in needed else set()
        planned = replace(planned, models=tuple(model for model in planned.models if model.name in needed))
    made = library.build(planned, folder, former=former, threads=2)
    made.close()
    (folder / "tables.json").write_text(json.dumps({name: asdict(table) for name, table in made.tables.items()}), encoding="utf-8")


def _once(folder: Path, make: Callable[[], None]) -> Path:
    """The folder, made by the first process that asks for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not Path(f"{folder}.done").exists():
            make()
            Path(f"{folder}.done").touch()
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of this run see."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "systems"


@pytest.fixture(scope="session")
def lake(shared: Path) -> Lake:
    """Deliveries of a small city through intake, cleaning and addressing."""
    home = shared / "home"

    def deliver(landing: Path) -> None:
        write_deliveries(landing, home / "truth", seed=11, tickets=900, people=900, days=40)

    _once(home, lambda: _taken_in(home, shipped_districts()["demo"], AS_OF, deliver) and None)
    return Lake(open_home(home).lake)


@pytest.fixture(scope="session")
def city(lake: Lake, shared: Path) -> Callable[..., City]:
    """Gives the city under a pack (its name or folder), built once a run; what the pack leaves as it is, is taken over from the demo city.

    `only` names the tables that a changed pack is asked for; without it all are built, measures and hot words for WHOLE packs alone.
    """
    rest = tuple(name for name in tables() if not name.endswith((".metric", ".metric_value", ".hot_word")))

    def demo() -> Path:
        return _once(shared / "demo", lambda: _built(lake, load_district(shipped_districts()["demo"]), AS_OF, shared / "demo"))

    @cache
    def make(pack: str | Path, *only: str) -> City:
        if pack == "demo":
            return City(demo())
        folder = shipped_districts()[pack] if isinstance(pack, str) else pack
        target, only = shared / folder.name, only or (() if pack in WHOLE else rest)
        entries = json.loads((demo() / "tables.json").read_text(encoding="utf-8"))
        former = library.Former(demo(), entries)
        return City(_once(target, lambda: _built(lake, load_district(folder), AS_OF, target, former, only)))

    return make


@pytest.fixture(scope="session")
def town(shared: Path) -> Callable[..., City]:
    """Gives the libraries of a pack (its name or folder) from deliveries that a test writes: `town(pack, as_of, deliveries, *tables)`."""

    def make(pack: str | Path, as_of: dt.datetime, deliveries: Deliveries, *only: str) -> City:
        folder = shipped_districts()[pack] if isinstance(pack, str) else pack
        district = load_district(folder)
        home, target = shared / f"home_{district.name}", shared / f"town_{folder.name}"

        def deliver(landing: Path) -> None:
            for name, rows in deliveries.items():
                path = landing / name
                path.parent.mkdir(parents=True, exist_ok=True)
                form = district.feeds[path.parts[-3]].format
                text = pl.DataFrame(rows, infer_schema_length=None).write_csv(separator=form.delimiter or ",")
                path.write_text(text, encoding=form.encoding or "utf-8")

        _once(home, lambda: _taken_in(home, folder, as_of, deliver) and None)
        return City(_once(target, lambda: _built(Lake(open_home(home).lake), district, as_of, target, only=only)))

    return make


@pytest.fixture(scope="session")
def queries() -> Callable[[str], list[str]]:
    """Gives the queries of a pack's section in docs/systems.md."""
    page = (Path(__file__).parents[2] / "docs" / "systems.md").read_text(encoding="utf-8")

    def of(pack: str) -> list[str]:
        section = next(part for part in re.split(r"(?m)^## ", page) if f"Pack `{pack}`" in part)
        return re.findall(r"```sql\n(.*?)```", section, re.DOTALL)

    return of


@pytest.fixture
def pack_copy(tmp_path: Path) -> Callable[..., Path]:
    """A copy of a pack that a test may spoil; what it is based on is found among the shipped districts."""

    def copy(name: str, called: str | None = None) -> Path:
        target = tmp_path / (called or name)
        shutil.copytree(shipped_districts()[name], target, ignore=shutil.ignore_patterns("__pycache__"))
        for path in target.iterdir():
            path.chmod(0o644)
        return target

    return copy
