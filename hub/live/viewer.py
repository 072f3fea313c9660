"""One client's place in one channel."""

from __future__ import annotations

from hub.auth.principal import Principal
from hub.live.outbox import Outbox

# (athlete, BITS of what may be seen) of everybody of whom a viewer may see anything.
Granted = frozenset[tuple[str, int]]


class Viewer:
    __slots__ = ("granted", "outbox", "principal", "rate_hz")

    def __init__(self, outbox: Outbox, principal: Principal, rate_hz: int, granted: Granted):
        self.outbox = outbox
        self.principal = principal
        self.rate_hz = rate_hz
        self.granted = granted
