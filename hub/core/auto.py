"""Auto start, auto pause and auto resume: what an athlete's legs say about a lane. Pure.

Ask once a second or more often, with what the sensors say now; the answer enters the session as a
result, and samples never do. A sensor that is not heard says nothing: a dropout neither pauses a
ride nor goes on with one.

    lane            pedals for     stands for
    READY           3 s: start     -
    RUNNING         -              4 s: pause
    paused by this  1 s: resume    -
    paused by hand  -              -

Who stood before a lane was started, resumed or otherwise spoken to has 4 s from then on.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.core.lanes import Status

START_MS = 3_000
PAUSE_MS = 4_000
RESUME_MS = 1_000

# A trainer's flywheel still gives a few watts, and a cadence magnet one last turn.
PEDALS_W = 20.0
PEDALS_RPM = 20.0


class Said(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"


class Legs(msgspec.Struct, frozen=True):
    """Since when an athlete has been pedalling, or standing; both None: nobody can tell."""

    pedals_since_ms: int | None = None
    stands_since_ms: int | None = None


def watched(legs: Legs, now: int, power_w: float | None, cadence_rpm: float | None) -> Legs:
    """What `legs` are after a look at `now`. None: no live number of that metric."""
    moving = pedals(power_w, cadence_rpm)
    if moving is None:
        return Legs()
    if moving:
        return Legs(pedals_since_ms=now if legs.pedals_since_ms is None else legs.pedals_since_ms)
    return Legs(stands_since_ms=now if legs.stands_since_ms is None else legs.stands_since_ms)


def pedals(power_w: float | None, cadence_rpm: float | None) -> bool | None:
    """Cadence decides where there is one: a flywheel gives power without legs. None: no number."""
    if cadence_rpm is not None:
        return cadence_rpm >= PEDALS_RPM
    return None if power_w is None else power_w >= PEDALS_W


def says(
    legs: Legs, status: Status, *, paused_by_itself: bool, moved_at_ms: int, now: int
) -> Said | None:
    """What the legs ask for at `now`; `moved_at_ms`: when the lane was last spoken to."""
    if status is Status.READY and _for(legs.pedals_since_ms, START_MS, now):
        return Said.START
    stands = _for(legs.stands_since_ms, PAUSE_MS, now)
    if status is Status.RUNNING and stands and now - moved_at_ms >= PAUSE_MS:
        return Said.PAUSE
    going = _for(legs.pedals_since_ms, RESUME_MS, now)
    if status is Status.PAUSED and paused_by_itself and going:
        return Said.RESUME
    return None


def _for(since_ms: int | None, at_least_ms: int, now: int) -> bool:
    return since_ms is not None and now - since_ms >= at_least_ms
