"""How far apart devices did the same thing: what they say of their own lateness. Pure.

Each device knows when it fired a cue by its own clock, and how well that clock is known; what it
says is its own word, bounded here and believed nowhere else.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from hub.wire.live_from_client import Fired

CUES_MAX = 32  # of a session
DEVICES_MAX = 1_000  # of a cue


class CueSpread(msgspec.Struct, frozen=True):
    """Of one cue: late is positive, early negative; `bound_ms`: of the worst clock among them."""

    lane: str
    i: int
    devices: int
    first_ms: float
    last_ms: float
    bound_ms: float

    @property
    def spread_ms(self) -> float:
        return self.last_ms - self.first_ms


class Spread:
    """Of one session: its newest CUES_MAX cues."""

    def __init__(self) -> None:
        self._fired: OrderedDict[tuple[str, int], dict[int, tuple[float, float]]] = OrderedDict()

    def fired(self, device: int, lane: str, i: int, late_ms: float, bound_ms: float) -> None:
        """What a device says twice counts once, as it said it first."""
        said = self._fired.setdefault((lane, i), {})
        if len(said) < DEVICES_MAX:
            said.setdefault(device, (late_ms, bound_ms))
        if len(self._fired) > CUES_MAX:
            self._fired.popitem(last=False)

    def cues(self) -> tuple[CueSpread, ...]:
        return tuple(
            CueSpread(
                lane,
                i,
                len(said),
                min(late for late, _ in said.values()),
                max(late for late, _ in said.values()),
                max(bound for _, bound in said.values()),
            )
            for (lane, i), said in self._fired.items()
        )


class Spreads:
    """Of every session that is kept in memory."""

    def __init__(self) -> None:
        self._spreads: dict[str, Spread] = {}

    def fired(self, device: int, cue: Fired) -> None:
        spread = self._spreads.setdefault(cue.session, Spread())
        spread.fired(device, cue.lane, cue.i, cue.late_ms, cue.bound_ms)

    def of(self, session_id: str) -> tuple[CueSpread, ...]:
        """Oldest first."""
        spread = self._spreads.get(session_id)
        return () if spread is None else spread.cues()

    def forget(self, session_id: str) -> None:
        self._spreads.pop(session_id, None)
