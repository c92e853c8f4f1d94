"""A small demo city, delivered once per test session; every test works on a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.home import shipped_districts
from sources.demo import write_deliveries


@pytest.fixture(scope="session")
def demo_deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing folder of a demo city that is small enough to run in seconds."""
    folder = tmp_path_factory.mktemp("demo")
    write_deliveries(folder / "landing", folder / "truth", seed=3, tickets=600, people=400, days=20)
    return folder / "landing"


@pytest.fixture
def new_home(tmp_path: Path, demo_deliveries: Path) -> Callable[[str], Path]:
    """Makes a home with the demo's deliveries in its landing folder."""

    def make(name: str) -> Path:
        home = tmp_path / name
        shutil.copytree(demo_deliveries, home / "landing")
        return home

    return make


@pytest.fixture
def demo_district() -> Path:
    return shipped_districts()["demo"]
