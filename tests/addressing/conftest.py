"""Bases for the tests of addressing, built once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from addressing import AddressBase

sys.path.insert(0, str(Path(__file__).parent))

import register


@pytest.fixture(scope="session")
def mainland() -> AddressBase:
    return register.mainland_base()


@pytest.fixture(scope="session")
def taiwan() -> AddressBase:
    return register.taiwan_base()
