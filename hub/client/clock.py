"""Hub time on this device, from four timestamps per exchange. Pure; `web/clock.js` is the same.

Source: RFC 5905 §8 (offset and delay of one exchange). Of the last exchanges the one with the
tightest bound counts: half its round trip, plus what two crystals may have drifted since.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from hub.wire.live_client import CLOCK_DRIFT_PPM, CLOCK_JUMP_MS, CLOCK_SAMPLES_MAX


class Exchange(NamedTuple):
    """All in ms; `at_ms` is this device's monotonic clock when the answer came."""

    offset_ms: float
    rtt_ms: float
    at_ms: float

    def bound_ms(self, local_ms: float) -> float:
        """The offset is wrong by at most so much at `local_ms`."""
        return self.rtt_ms / 2 + (local_ms - self.at_ms) * CLOCK_DRIFT_PPM / 1e6


class HubClock:
    """`local_ms` is a monotonic clock of any origin, `wall_ms` tells that the device slept."""

    __slots__ = ("_best", "_exchanges", "_wall_gap_ms", "offset_ms")

    def __init__(self) -> None:
        self.offset_ms: float | None = None  # hub minus local; None before the first message
        self._exchanges: deque[Exchange] = deque(maxlen=CLOCK_SAMPLES_MAX)
        self._best: Exchange | None = None
        self._wall_gap_ms: float | None = None

    @property
    def count(self) -> int:
        """Exchanges that count; 0: the offset is a guess."""
        return len(self._exchanges)

    def forget(self) -> None:
        """After a reconnect: the far side may count in another line. The last offset stays."""
        self._exchanges.clear()
        self._best = None
        self._wall_gap_ms = None

    def guess(self, hub_ms: float, local_ms: float) -> None:
        """A first offset, before any exchange."""
        if not self._exchanges:
            self.offset_ms = hub_ms - local_ms

    def learn(
        self,
        sent_ms: float,
        received_ms: float,
        answered_ms: float,
        back_ms: float,
        wall_ms: float,
    ) -> None:
        """One exchange: `sent` and `back` by this device's clock, the two between by the hub's."""
        gap_ms = wall_ms - back_ms
        if self._wall_gap_ms is None:
            self._wall_gap_ms = gap_ms
        elif abs(gap_ms - self._wall_gap_ms) > CLOCK_JUMP_MS:
            self.forget()
            self._wall_gap_ms = gap_ms
        rtt_ms = back_ms - sent_ms - (answered_ms - received_ms)
        offset_ms = (received_ms - sent_ms + answered_ms - back_ms) / 2
        new = Exchange(offset_ms, max(rtt_ms, 0.0), back_ms)
        if self._best is not None:
            # More than both bounds allow: the hub began another line, what was measured is void.
            apart_ms = abs(new.offset_ms - self._best.offset_ms)
            if apart_ms > new.bound_ms(back_ms) + self._best.bound_ms(back_ms) + 1:
                self._exchanges.clear()
        self._exchanges.append(new)
        self._best = min(self._exchanges, key=lambda one: one.bound_ms(back_ms))
        self.offset_ms = self._best.offset_ms

    def now_ms(self, local_ms: float) -> float:
        """Hub time. Before the first message, this device's own line."""
        return local_ms + (self.offset_ms or 0.0)

    def local_ms(self, hub_ms: float) -> float:
        """When this device's clock will show it."""
        return hub_ms - (self.offset_ms or 0.0)

    def error_ms(self, local_ms: float) -> float | None:
        """Bound of the error of `now_ms`; None when nothing was measured."""
        return None if self._best is None else self._best.bound_ms(local_ms)
