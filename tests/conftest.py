"""Fixtures for all tests: real data where it is at hand, files as deliveries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
