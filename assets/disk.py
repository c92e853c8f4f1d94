"""A full disk, however a library says it.

Belongs here: recognising it and saying what to do. Not here: turning errors into failures of a run (`failure`) or a command (`pipelines`),
which both ask here.
"""

from __future__ import annotations

import errno

DISK_FULL = "the disk is full 磁盘空间已满"
DISK_FULL_REMEDY = "free space on the home's disk (`govlake maintain` helps), then run again 清理磁盘空间后重新运行"
_DISK_FULL_WORDS = ("no space left on device", "disk is full", "disk full", "could not write")


def disk_full(error: BaseException) -> bool:
    """Whether an error, or what it came from, is a full disk; libraries say it in words of their own (SQLite, DuckDB, Delta, Polars)."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        if isinstance(at, OSError) and at.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(at).lower() for words in _DISK_FULL_WORDS):
            return True
        at = at.__cause__ or at.__context__
    return False
