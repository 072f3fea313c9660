"""The gateway's clock: the time since boot, which goes on while the machine sleeps."""

from __future__ import annotations

import time
from typing import Protocol

# Only Linux has CLOCK_BOOTTIME; macOS's monotonic clock and Windows' count sleep differently, and
# there a sleep shows as a step of the offset that the uplink measures.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    def now_us(self) -> int: ...

    def wait_s(self, ms: int) -> float:
        """How long to sleep in the event loop for `ms` of this clock."""


class BootClock:
    def now_us(self) -> int:
        ns = time.monotonic_ns() if _CLOCK is None else time.clock_gettime_ns(_CLOCK)
        return ns // 1_000

    def wait_s(self, ms: int) -> float:
        return max(0, ms) / 1_000
