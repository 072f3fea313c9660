"""Where a lane is, by hub time alone: goes on while the hub is away. Pure; as `web/timeline.js`."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from hub.wire.live_views import LaneView, PhaseView


class Position(msgspec.Struct, frozen=True):
    """`index` of the phase under way, -1 before the start and after the end.

    `next`: what comes after it, or first. `remaining_ms` None: open-ended, or nothing is under way.
    """

    status: str
    index: int
    phase: PhaseView | None
    next: PhaseView | None
    ridden_ms: float
    phase_ms: float
    remaining_ms: float | None


def position(lane: LaneView, now_ms: float) -> Position:
    """At `now_ms` of hub time."""
    running = lane.status == "running"
    ridden_ms = lane.ridden_ms + (max(now_ms - lane.as_of_ms, 0) if running else 0)
    if not running and lane.status != "paused":
        first = lane.phases[0] if lane.phases and lane.status == "ready" else None
        return Position(lane.status, -1, None, first, ridden_ms, 0, None)
    index = _under_way(lane, now_ms) if running else max(lane.phase, 0)
    if index >= len(lane.phases):
        return Position(lane.status, -1, None, None, ridden_ms, 0, None)
    phase = lane.phases[index]
    after = lane.phases[index + 1] if index + 1 < len(lane.phases) else None
    phase_ms = max(ridden_ms - phase.ridden_ms, 0)
    left_ms: float | None = None
    if running and phase.ends_at_ms is not None:
        left_ms = phase.ends_at_ms - now_ms
    elif phase.duration_ms is not None:
        # By the next one's beginning: a skipped phase is shorter than planned.
        whole_ms = phase.duration_ms if after is None else after.ridden_ms - phase.ridden_ms
        left_ms = whole_ms - phase_ms
    remaining_ms = None if left_ms is None else max(left_ms, 0)
    return Position(lane.status, index, phase, after, ridden_ms, phase_ms, remaining_ms)


def _under_way(lane: LaneView, now_ms: float) -> int:
    """The hub may be away: a phase that has ended gives way to the next."""
    first = max(lane.phase, 0)
    index = first
    for number, (phase, after) in enumerate(pairwise(lane.phases[first:]), first + 1):
        ended = phase.ends_at_ms is not None and phase.ends_at_ms <= now_ms
        if not ended or after.begins_at_ms > now_ms:
            break
        index = number
    return index
