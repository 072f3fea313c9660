"""When a device beeps, buzzes or flashes, link or no link: each cue of a lane once. Pure.

The hub announces cues ahead in hub time. Behind the last that it named, countdowns and changes
follow from the timeline, for the hub may be away when they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from hub.wire.live_client import CUE_NEAR_MS
from hub.wire.live_views import LaneView, PhaseView
from hub.wire.values import Cue, CueKind

LATE_MS_MAX = 1_000  # a cue whose instant is longer ago would be wrong now
COUNTDOWN_S = (3, 2, 1)
RECKONED_I = -1  # of a cue that the hub has not named


class Rung(NamedTuple):
    """A cue of the lane `lane` whose instant has come.

    `late_ms`: how long after it that was noticed. `missed`: too long, it is not shown.
    """

    lane: str
    cue: Cue
    late_ms: float
    missed: bool


class CueTable:
    """The cues of one lane. A lane that is announced anew replaces all that was to come."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._ahead: list[Cue] = []
        self._rung_to_ms = 0.0

    def announce(self, lane: LaneView, now_ms: float) -> None:
        """`now_ms`: hub time. What rang already does not ring again; what was never due may."""
        told = list(lane.cues)
        told_until_ms = max((cue.at_ms for cue in lane.cues), default=0)
        if lane.status == "running":
            # What had passed before anybody told us of it is no news.
            oldest_ms = max(now_ms - LATE_MS_MAX, self._rung_to_ms, told_until_ms)
            told += (cue for cue in reckoned(lane) if cue.at_ms > oldest_ms)
        self.replace(told, now_ms)

    def replace(self, cues: Iterable[Cue], now_ms: float) -> None:
        """A watch is told the next ones, as many as fit, and no timeline to reckon by."""
        near = [cue for cue in self._ahead if cue.at_ms <= now_ms + CUE_NEAR_MS]
        merged = {(cue.at_ms, cue.kind): cue for cue in (*near, *cues)}
        self._ahead = [merged[key] for key in sorted(merged) if key[0] > self._rung_to_ms]

    def next_at_ms(self) -> int | None:
        """Hub time of the next cue."""
        return self._ahead[0].at_ms if self._ahead else None

    def due(self, now_ms: float) -> list[Rung]:
        """What has come by `now_ms` of hub time; each is given once."""
        rung = []
        while self._ahead and self._ahead[0].at_ms <= now_ms:
            cue = self._ahead.pop(0)
            self._rung_to_ms = max(self._rung_to_ms, cue.at_ms)
            late_ms = now_ms - cue.at_ms
            rung.append(Rung(self._lane, cue, late_ms, late_ms > LATE_MS_MAX))
        return rung


def reckoned(lane: LaneView) -> Iterator[Cue]:
    """3-2-1 and the change, from the phase under way to the first without a settled end."""
    first = max(lane.phase, 0)
    for number, (phase, after) in enumerate(pairwise((*lane.phases[first:], None)), first):
        if phase is None or phase.ends_at_ms is None:
            return
        yield from _out_of(phase, phase.ends_at_ms, after, number)


def _out_of(
    phase: PhaseView, ends_at_ms: int, after: PhaseView | None, number: int
) -> Iterator[Cue]:
    if after is None:
        yield Cue(RECKONED_I, CueKind.FINISH, ends_at_ms)
        return
    for before_s in COUNTDOWN_S:
        at_ms = ends_at_ms - before_s * 1000
        if at_ms > phase.begins_at_ms:
            yield Cue(RECKONED_I, CueKind.COUNTDOWN, at_ms, str(before_s), number + 1)
    yield Cue(RECKONED_I, CueKind.PHASE, ends_at_ms, after.name, number + 1)
