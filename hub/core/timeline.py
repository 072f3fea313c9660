"""The phases of a lane in absolute hub time: what was, what is under way, what lies ahead. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hub.core import interval
from hub.core.lanes import Lane, Status, Tick, TimelinePhase
from hub.core.workout import Workout, duration_ms


def timeline(workout: Workout, lane: Lane, now: int) -> tuple[TimelinePhase, ...]:
    """Every phase as of `now`: those past with their actual times, the one under way, those ahead.

    Times ahead are as if the lane went on at `now`, and as if open ends lasted no longer.
    """
    now = max(now, lane.at_ms)
    lane, _ = interval.advance(workout, lane, now, Tick())
    if lane.status is Status.FINISHED:
        return lane.past
    return (*lane.past, *_under_way_and_ahead(workout, lane, now))


def _under_way_and_ahead(workout: Workout, lane: Lane, now: int) -> Iterator[TimelinePhase]:
    ridden = interval.ridden_ms(lane, now)
    fixed = lane.status is not Status.READY
    begins_at, begins = (lane.phase_began_at_ms if fixed else now), lane.phase_began_ridden_ms
    extended_ms = lane.extended_ms
    for index in _order(workout, lane):
        step = interval.step_at(workout, index)
        limit_ms = interval.limit_ms(step, extended_ms)
        by_time = duration_ms(step) is not None
        ends = begins + limit_ms if by_time and limit_ms is not None else max(begins, ridden)
        ends_at = now + (ends - ridden)
        yield TimelinePhase(
            index,
            begins_at,
            ends_at if by_time else None,
            begins,
            fixed,
            None if by_time or limit_ms is None else now + (begins + limit_ms - ridden),
            limit_ms if by_time else None,
        )
        begins_at, begins, extended_ms = ends_at, ends, 0
        fixed = fixed and by_time and lane.status is Status.RUNNING


def _order(workout: Workout, lane: Lane) -> Iterator[int]:
    """The steps from the one under way on."""
    yield lane.index
    yield from (lane.index,) * lane.again
    yield from range(lane.index + 1, len(workout.steps))
