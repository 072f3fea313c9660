"""When a client that was sent away shall come back: spread, so that a restart is no stampede.

Who lost one hub finds it again at the same instant, and each costs it a handshake, a login, a
session's whole timeline and its rows. Full jitter over a window that grows with their number keeps
that below RETURNS_A_SECOND, whoever they are. Pure: chance is an argument.
"""

from __future__ import annotations

RESTART_MS = 500  # sooner no hub is up again
FULL_MS = 30_000  # until somebody may have left
SLOW_MS = 1_000
WINDOW_MS_MIN = 1_000
RETURNS_A_SECOND = 400  # 0.3 to 0.4 ms of CPU each up to the snapshot, more with a long timeline


def retry_ms(soonest_ms: int, clients: int, chance: float) -> int:
    """How long to stay away, when as many as `clients` may. `chance`: uniform in [0, 1)."""
    window_ms = max(WINDOW_MS_MIN, clients * 1000 // RETURNS_A_SECOND)
    return soonest_ms + int(window_ms * chance)
