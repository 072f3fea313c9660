"""So many in so long, and no more."""

from __future__ import annotations

from collections import deque


class Rate:
    """At most `times` within `window_ms`, counted over the last ones that were let through."""

    def __init__(self, times: int, window_ms: int) -> None:
        self._window_ms = window_ms
        self._taken: deque[int] = deque(maxlen=times)

    def take(self, now: int) -> bool:
        """Whether one more may be, which then counts."""
        taken = self._taken
        if len(taken) == taken.maxlen and now - taken[0] < self._window_ms:
            return False
        taken.append(now)
        return True
