"""How a stage fails: the error that Dagster stores and the command prints says what and where, never a value of a row.

Belongs here: turning any error into such a one. Libraries quote values in their errors ("cannot parse '…'"), and Dagster keeps errors in its
storage and logs for months: an error that is not our own is therefore known only by its kind and place. GOVLAKE_DEBUG=1 prints it whole on standard error, where nobody keeps it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.disk import DISK_FULL, DISK_FULL_REMEDY, disk_full

OURS = ("assets", "sources", "addressing", "governance", "quality", "warehouse", "contracts")


def described(error: BaseException) -> str:
    """One line about an error: our own errors' text (written for people), an operating system's reason and path, else kind and place."""
    if disk_full(error):
        return f"{DISK_FULL}; remedy: {DISK_FULL_REMEDY}"
    if type(error).__module__.partition(".")[0] in OURS:
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": ")
    return f"unexpected {type(error).__name__} in {_place(error)}"


def _place(error: BaseException) -> str:
    """The innermost line of ours that the error came through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        parts = frame.filename.replace("\\", "/").split("/")
        for package in OURS:
            if package in parts[:-1]:
                return "/".join(parts[parts.index(package) :]) + f":{frame.lineno}"
    return "a library"


@contextmanager
def told() -> Iterator[None]:
    """Run a stage's body; an error becomes a dg.Failure that may be stored."""
    try:
        yield
    except (dg.Failure, GeneratorExit, KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        raise
    except Exception as error:
        if os.environ.get("GOVLAKE_DEBUG"):
            traceback.print_exc()
        raise dg.Failure(described(error), allow_retries=False) from None
