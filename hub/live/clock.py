"""Hub time: int ms that never jump while anybody rides, whatever happens to the wall clock.

hub time = the machine's boot clock (CLOCK_BOOTTIME, which counts sleep) + an offset that is stored
with the boot id. The rules, `anchored` and `reanchored`, are pure; `HubClock` reads the clocks.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from hub.store.rows import ClockAnchor

# Below this the wall clock and hub time are taken for equal: NTP slews that much away by itself.
DRIFT_MS_MAX = 2_000

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def anchored(
    stored: ClockAnchor | None, boot_id: str, boot_ms: int, wall_ms: int, new_epoch: str
) -> ClockAnchor:
    """The anchor for a hub that starts.

    The same boot goes on with its line and ignores the wall clock; a new boot begins at the wall
    clock, but after all that was ever stored; without anything stored a line begins.
    """
    if stored is None:
        return ClockAnchor(boot_id, wall_ms - boot_ms, wall_ms, new_epoch)
    if stored.boot_id == boot_id:
        return replace(stored, last_ms=max(stored.last_ms, boot_ms + stored.offset_ms))
    now_ms = max(wall_ms, stored.last_ms + 1)
    return ClockAnchor(boot_id, now_ms - boot_ms, now_ms, stored.epoch)


def reanchored(
    anchor: ClockAnchor, boot_ms: int, wall_ms: int, new_epoch: str, *, session_running: bool
) -> ClockAnchor:
    """`anchor`, or a new line at the wall clock if that has been set and nobody is riding."""
    drift_ms = wall_ms - (boot_ms + anchor.offset_ms)
    if session_running or abs(drift_ms) <= DRIFT_MS_MAX:
        return anchor
    return ClockAnchor(anchor.boot_id, wall_ms - boot_ms, wall_ms, new_epoch)


def new_epoch() -> str:
    return secrets.token_hex(8)


def boot_ns() -> int:
    """Nanoseconds since the machine booted, sleep included where the platform can tell."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    else:
        return time.monotonic_ns()


def slept_ms() -> int:
    """How long the machine has slept since boot; grows while it sleeps. 0 where unknown."""
    if sys.platform == "linux":
        awake_ns = time.monotonic_ns()
        return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - awake_ns) // 1_000_000
    else:
        return 0


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def boot_id() -> str:
    """Changes with every boot; where the platform does not tell, with every process."""
    with contextlib.suppress(OSError):
        return BOOT_ID.read_text(encoding="ascii").strip()
    return f"process-{secrets.token_hex(8)}"


class HubClock:
    """Reads hub time. `ticking` gives boot ns, `wall` Unix ms; tests hand in their own."""

    __slots__ = ("_offset_ns", "_ticking", "_wall", "anchor")

    def __init__(
        self,
        anchor: ClockAnchor,
        ticking: Callable[[], int] = boot_ns,
        wall: Callable[[], int] = wall_ms,
    ) -> None:
        self._ticking = ticking
        self._wall = wall
        self.move(anchor)

    @classmethod
    def open(cls, stored: ClockAnchor | None) -> HubClock:
        """The clock of a hub that starts on this machine; store `clock.anchor` afterwards."""
        boot_ms = boot_ns() // 1_000_000
        return cls(anchored(stored, boot_id(), boot_ms, wall_ms(), new_epoch()))

    def move(self, anchor: ClockAnchor) -> None:
        self.anchor = anchor
        self._offset_ns = anchor.offset_ms * 1_000_000

    def follow_wall(self, *, session_running: bool) -> None:
        """Begin a new line at the wall clock if that was set anew and nobody is riding."""
        boot_ms = self._ticking() // 1_000_000
        wall = self._wall()
        riding = session_running
        self.move(reanchored(self.anchor, boot_ms, wall, new_epoch(), session_running=riding))

    def now_ms(self) -> int:
        return (self._ticking() + self._offset_ns) // 1_000_000

    def now_us(self) -> int:
        return (self._ticking() + self._offset_ns) // 1_000

    def boot_ms_of(self, at_ms: int) -> int:
        """The boot clock at an instant of hub time."""
        return at_ms - self.anchor.offset_ms

    def stamp(self) -> ClockAnchor:
        """The anchor as of now, to be stored with a commit."""
        return replace(self.anchor, last_ms=self.now_ms())
