"""Hub time minus a gateway's boot clock, by four timestamps.

Source: RFC 5905 §8 (offset and delay of one exchange). Of several exchanges the one with the least
error bound now is taken: half the round trip plus what two crystals may have drifted since.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

DRIFT_PPM = 100  # two crystals of +-50 ppm each
SAMPLES_MAX = 32
ROUND_TRIP_US_MAX = 10_000_000


class Exchange(NamedTuple):
    """One measured exchange: the offset, and when (boot us) and how well it was measured."""

    at_us: int
    offset_us: int
    round_trip_us: int

    def bound_us(self, now_us: int) -> int:
        """The offset is wrong by at most so much at `now_us`."""
        return self.round_trip_us // 2 + (now_us - self.at_us) * DRIFT_PPM // 1_000_000


class OffsetWindow:
    """The last exchanges of one boot, and the best of them."""

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=SAMPLES_MAX)

    def add(self, sent_us: int, received_us: int, answered_us: int, back_us: int) -> bool:
        """Takes one exchange (boot, hub, hub, boot us); False if the times make no sense."""
        round_trip_us = (back_us - sent_us) - (answered_us - received_us)
        if not 0 <= round_trip_us <= ROUND_TRIP_US_MAX:
            return False
        offset_us = ((received_us - sent_us) + (answered_us - back_us)) // 2
        new = Exchange(back_us, offset_us, round_trip_us)
        best = self.best(back_us)
        if best is not None:
            apart_us = abs(new.offset_us - best.offset_us)
            # More than both bounds allow: the hub's clock was set anew, the old ones are void.
            if apart_us > new.bound_us(back_us) + best.bound_us(back_us) + 1:
                self._exchanges.clear()
        self._exchanges.append(new)
        return True

    def best(self, now_us: int) -> Exchange | None:
        return min(self._exchanges, key=lambda e: e.bound_us(now_us), default=None)
