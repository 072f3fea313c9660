"""Runs a module with true timers under libfaketime: `python -m journeys.kills_timers MODULE ARG…`

libfaketime (0.9.10) moves every absolute timerfd by its offset, also one on CLOCK_BOOTTIME, which
no setting of the wall clock moves (timerfd_create(2)): with the wall an hour back it would ring an
hour late. Looked up in the C library itself, and not in what was loaded before it, the function is
the true one.
"""

from __future__ import annotations

import ctypes
import runpy
import sys
from typing import Any

C_LIBRARY = "libc.so.6"


class TrueLibrary(ctypes.CDLL):
    def __init__(self, name: str | None = None, *args: Any, **options: Any) -> None:
        super().__init__(name or C_LIBRARY, *args, **options)


if __name__ == "__main__":
    ctypes.CDLL = TrueLibrary  # type: ignore[misc]
    module, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
