"""What can go wrong in the store.

Unavailable
├── DiskFull        the transaction was rolled back; the same request works once there is room
├── StoreFailed     SQLite or the disk refused; nothing was stored
├── StoreBusy       too many reads or writes are waiting
└── StoreClosed     the hub is stopping, or the database can no longer be written
Conflict
├── HubRunning      another process holds the data folder
└── Stale           changed by somebody else meanwhile
ConfigError
├── NewerDatabase   written by a later version of the program
└── Unusable        a file of the store cannot be opened or written by this user, on this disk
"""

from __future__ import annotations

from pathlib import Path

from hub.core.errors import ConfigError, Conflict, Unavailable


class DiskFull(Unavailable):
    code = "disk_full"

    def __init__(self) -> None:
        super().__init__("the disk is full, nothing was stored", remedy="free some space")


class StoreFailed(Unavailable):
    code = "store_failed"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"nothing was stored: {cause}", remedy="look at the disk and its free space"
        )


class StoreBusy(Unavailable):
    code = "busy"

    def __init__(self, what: str) -> None:
        super().__init__(f"too many {what} are waiting", remedy="try again in a second")


class StoreClosed(Unavailable):
    code = "closed"

    def __init__(self) -> None:
        super().__init__("the database is closed")


class HubRunning(Conflict):
    code = "hub_running"

    def __init__(self, lock: Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{lock}: held by {holder}, so a hub is running with this data",
            remedy="stop it, or name another folder with DERNY_DATA",
        )
        self.pid = pid


class Stale(Conflict):
    """`base`: the version that the caller knew; `newest`: the one that stands."""

    code = "stale"

    def __init__(self, base: int, newest: int) -> None:
        super().__init__(
            f"changed meanwhile: this is version {newest}, not {base}",
            remedy="look at it, and make your change again",
        )
        self.base = base
        self.newest = newest


class Unusable(ConfigError):
    def __init__(self, file: Path, error: Exception) -> None:
        super().__init__(
            str(file),
            "",
            f"cannot be used: {cause_of(error)}",
            remedy="look at its owner and at the free space of its disk",
        )


def cause_of(error: Exception) -> str:
    """One line in the words of the system: of SQLAlchemy's errors that of the driver below."""
    below = getattr(error, "orig", None) or error
    return getattr(below, "strerror", None) or str(below)


class NewerDatabase(ConfigError):
    def __init__(self, file: Path, revision: str) -> None:
        super().__init__(
            str(file),
            "",
            f"written by a newer Derny (schema {revision}, unknown to this one)",
            remedy="update Derny, or put back the copy that the update left beside it",
        )
