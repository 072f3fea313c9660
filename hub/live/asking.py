"""What a session asks of one rider now and next, as numbers that a screen can show. Pure."""

from __future__ import annotations

import msgspec

from hub.core import interval
from hub.core.equivalents import asked
from hub.core.lanes import Status
from hub.core.target import Dimension, range_at, round_half_up
from hub.core.workout import duration_ms
from hub.live.inputs import Rider
from hub.live.session_state import Session, lane_of, phase_number

_FINE = (Dimension.SPEED_KMH, Dimension.GRADE_PCT)  # shown with a decimal


class Asked(msgspec.Struct, frozen=True):
    """From `low` to `high` in the dimension's unit; equal: a single value."""

    dimension: Dimension
    low: float
    high: float


def asked_now(
    session: Session, rider: Rider, now: int, *, has_power: bool
) -> tuple[int | None, Asked | None, Asked | None]:
    """(number of the phase, what it asks now, what the one after it asks at its beginning).

    Before the start and in an announced skip: no number, and what comes first. `session` settled.
    """
    lane = lane_of(session, rider.athlete)
    if lane.status is Status.FINISHED:
        return None, None, None
    ridden_ms = interval.phase_ridden_ms(lane, now)
    here = asked_at(session, rider, lane.index, ridden_ms, has_power=has_power)
    number = phase_number(session, now, rider.athlete)
    if number != lane.number:
        return (None if number < 0 else number), None, here
    after = lane.index if lane.again else lane.index + 1
    if not lane.again and after >= len(session.workout.steps):
        return number, here, None
    return number, here, asked_at(session, rider, after, 0, has_power=has_power)


def asked_at(
    session: Session, rider: Rider, index: int, ridden_ms: int, *, has_power: bool
) -> Asked | None:
    """What the phase of the step `index` asks `ridden_ms` into it."""
    step = interval.step_at(session.workout, index)
    length_ms = duration_ms(step)
    resolved = asked(
        step.target,
        rider.thresholds,
        rider.trim_of(step.kind),
        zones=rider.zones,
        length_ms=length_ms,
        has_power=has_power,
    )
    if resolved is None:
        return None
    low, high = range_at(resolved, ridden_ms, length_ms)
    if resolved.dimension in _FINE:
        return Asked(resolved.dimension, round(low, 1), round(high, 1))
    return Asked(resolved.dimension, round_half_up(low), round_half_up(high))
