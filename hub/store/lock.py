"""One process at a time owns the data folder: the hub, or a command that writes without one."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from types import TracebackType

from hub.store.errors import HubRunning, Unusable

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


TAKEN = {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # the last two as Windows says it


class DataLock:
    """Held from construction to `release`, or to the end of the process, however it ends.

    The file stays: it is the lock on it that counts, and removing a locked file would let two
    processes each lock a file of that name. Raises HubRunning when it is taken, and Unusable when
    the file cannot be opened, written or locked.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unusable(path, error) from None
        try:
            _take(self._fd)
        except OSError as error:
            pid = _read_pid(self._fd)
            os.close(self._fd)
            if error.errno in TAKEN:
                raise HubRunning(path, pid) from None
            raise Unusable(path, error) from None
        with contextlib.suppress(OSError):  # a full disk: who holds it is only a courtesy
            os.ftruncate(self._fd, 0)
            os.write(self._fd, b"%d\n" % os.getpid())

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> DataLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.release()


def _read_pid(fd: int) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(os.read(fd, 20))
    return None
