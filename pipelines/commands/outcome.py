"""How a command ends: the exit codes that scripts may trust, and the one error that carries a message and a remedy.

Belongs here: codes, the error, turning any error into one line. Not here: printing of results (`screen`).
"""

from __future__ import annotations

from enum import IntEnum

OURS = ("pipelines", "assets", "sources", "addressing", "governance", "quality", "warehouse", "publishing", "contracts")


class Exit(IntEnum):
    """Exit codes of every command; `govlake --help` lists them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BLOCKED = 3
    BUSY = 4


class CommandFailed(Exception):
    """A command cannot do what was asked: one line that says why, and one that says what to do. Never a value from a feed."""

    def __init__(self, message: str, remedy: str = "", code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code


def as_failure(error: Exception) -> CommandFailed:
    """Any error as a CommandFailed.

    An error that no one foresaw may quote values of the data in its text, so only its kind is shown; `--debug` shows all of it.
    """
    from assets.disk import DISK_FULL, DISK_FULL_REMEDY, disk_full
    from contracts.load import ContractError
    from warehouse.home import HomeBusy

    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, HomeBusy):
        return CommandFailed(*_parted(str(error)), code=Exit.BUSY)
    if disk_full(error):
        return CommandFailed(DISK_FULL, DISK_FULL_REMEDY)
    if isinstance(error, ContractError):
        lines = str(error).splitlines()
        return CommandFailed(*(_parted(lines[0]) if len(lines) == 1 else (str(error), "")))
    if type(error).__module__.partition(".")[0] in OURS:
        # Our own errors are written for people: message, remedy, no value of the data.
        return CommandFailed(*_parted(str(error)), code=Exit.BLOCKED if type(error).__name__ == "ReleaseBlocked" else Exit.FAILED)
    if isinstance(error, OSError):
        return CommandFailed(f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": "), _os_remedy(error))
    return CommandFailed(
        f"unexpected {type(error).__name__} / 未预料的错误",
        "run it again as `govlake --debug …` for the whole error (it may show values of the data: mind where you paste it)",
    )


def _parted(text: str) -> tuple[str, str]:
    message, _, remedy = text.partition("; remedy: ")
    return message, remedy


def _os_remedy(error: OSError) -> str:
    import errno

    return {
        errno.EACCES: "check who owns that file or folder",
        errno.EPERM: "check who owns that file or folder",
        errno.ENOENT: "check the path",
        errno.EROFS: "choose a home on a disk that can be written",
    }.get(error.errno or 0, "")
