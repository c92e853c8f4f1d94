"""The Python step: a table that is built by a function over Arrow tables because SQL says it badly.

Belongs here: the declaration alone, so that `governance` can declare steps and `warehouse` can run them without knowing each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True)
class StepContext:
    """What a step may know besides its inputs: the as-of moment and the district's folder."""

    as_of: dt.datetime
    district_folder: Path


@dataclass(frozen=True)
class PythonStep:
    """One table made in Python. `inputs` are relations as SQL models name them (`clean.ticket`, `event.ticket`, `district.deadline`).

    `run` gets the inputs by name as Arrow tables and gives the table, columns as its contract says, ordered by its keys.
    `uses_as_of`: whether the result depends on the as-of moment. `version` is raised when the function's meaning changes.
    `origins`: column → the input columns (`event.event.due_at`) that its value is made from, since what a function does with columns
    cannot be read from it as from SQL; a column that comes from no input (a constant, the clock) has an empty tuple. Without `origins`
    lineage leads to whole tables.
    """

    table: str
    inputs: tuple[str, ...]
    run: Callable[[Mapping[str, pa.Table], StepContext], pa.Table]
    version: int = 1
    uses_as_of: bool = False
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
