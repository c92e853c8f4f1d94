"""Fixtures for all tests: real data where it is at hand, files as deliveries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from assets.home import shipped_districts
from sources.demo import write_deliveries

# A busy machine is no failure: speed is measured in benchmarks/, not here.
settings.register_profile("govlake", deadline=None)
settings.load_profile("govlake")


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data (env GOVLAKE_REALDATA, else ../shared/data beside the checkout); skips where there is none."""
    folder = Path(os.environ.get("GOVLAKE_REALDATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not (folder / "README.md").is_file():
        pytest.skip("real data is not at hand (GOVLAKE_REALDATA)")
    return folder


@pytest.fixture(scope="session")
def demo_deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing folder of a demo city that is small enough to run in seconds."""
    folder = tmp_path_factory.mktemp("demo")
    write_deliveries(folder / "landing", folder / "truth", seed=3, tickets=600, people=400, days=20)
    return folder / "landing"


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a release of a small demo city, for tests that read alone."""
    from pipelines import job

    home = tmp_path_factory.mktemp("released") / "home"
    write_deliveries(home / "landing", home / "truth", seed=11, tickets=1500, people=800, days=40)
    summary = job.run(home, shipped_districts()["demo"])
    assert summary.status == "released", summary.problems
    return home


@pytest.fixture(scope="session")
def demo_release(demo_home: Path) -> Path:
    """The folder of that release."""
    return (demo_home / "releases" / "current").resolve()


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
