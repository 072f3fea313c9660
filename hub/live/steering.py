"""What a trainer shall do: a session's phases ahead, resolved to watts for one rider. Pure.

The gateway executes these steps on time, hub or no hub; so they reach far ahead, they end with a
release, and nothing is in them that would have to be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hub.core import interval
from hub.core.lanes import Lane, Status, TimelinePhase
from hub.core.target import Dimension, Resolved, middle_at, resolve, round_half_up
from hub.core.timeline import timeline
from hub.core.workout import Step, Workout, duration_ms
from hub.live.inputs import Rider
from hub.live.session_state import Session, at, lane_of
from hub.wire.values import FreeTarget, PlanStep, PowerTarget, Target

# A gateway that loses its hub has this much left; sent again each minute, so 14 min at the least.
HORIZON_MS = 15 * 60_000
REFRESH_MS = 60_000

# Sprints of real workouts go to 2-2.5 x FTP; what asks for more is a typing error with an engine.
CAP_SHARE = 2.5
CAP_W_MAX = 1_500
CAP_W_UNKNOWN = 400  # no FTP: nothing is steered, but the cap is there


class Course(msgspec.Struct, frozen=True):
    """The part of a plan that comes from the session. No steps: release now, for this reason."""

    until_at_ms: int
    cap_w: int
    steps: tuple[PlanStep, ...]
    reason: str = ""  # "" | "paused" | "stopped" | "free" | "no_ftp"


def course(session: Session, rider: Rider, now: int) -> Course:
    """What the rider's trainer does from `now` on, for HORIZON_MS or to the workout's end."""
    session = at(session, now)
    reason = _why_released(session, rider)
    if reason is not None:
        return Course(now, cap_w(rider), (), reason)
    steps = tuple(_steps(session, rider, now))
    return Course(_until(session, rider, now), cap_w(rider), steps)


def cap_w(rider: Rider) -> int:
    """Never ask more of this rider's legs than this."""
    if rider.ftp_w is None:
        return CAP_W_UNKNOWN
    return min(round(CAP_SHARE * rider.ftp_w), CAP_W_MAX)


def target_w(session: Session, rider: Rider, now: int) -> int | None:
    """The rider's target at `now`, after trim; None: free. `session` settled by `at(now)`."""
    lane = lane_of(session, rider.athlete)
    if lane.status in (Status.READY, Status.FINISHED):
        return None
    return phase_target_w(session, rider, lane.index, interval.phase_ridden_ms(lane, now))


def phase_target_w(session: Session, rider: Rider, index: int, ridden_ms: int) -> int | None:
    """The rider's target `ridden_ms` into the phase `index`, after trim; None: free."""
    step = interval.step_at(session.workout, index)
    resolved = _power(step, rider)
    if resolved is None:
        by_hand = rider.by_hand if rider.steered else None
        return by_hand.power_w if isinstance(by_hand, PowerTarget) else None
    return _watts_at(resolved, ridden_ms, duration_ms(step))


def _why_released(session: Session, rider: Rider) -> str | None:
    if not rider.steered:
        return "free"
    status = lane_of(session, rider.athlete).status
    if status is Status.RUNNING:
        # A target from an FTP that nobody measured or entered never steers.
        by_ftp = rider.ftp_w is not None and not rider.ftp_assumed
        return None if by_ftp or rider.by_hand is not None else "no_ftp"
    return {Status.READY: "free", Status.PAUSED: "paused", Status.FINISHED: "stopped"}[status]


def _until(session: Session, rider: Rider, now: int) -> int:
    phases = timeline(session.workout, lane_of(session, rider.athlete), now)
    horizon = now + HORIZON_MS
    last = phases[-1]
    settled = last.fixed and last.ends_at_ms is not None
    return min(horizon, last.ends_at_ms) if settled and last.ends_at_ms else horizon


def _steps(session: Session, rider: Rider, now: int) -> Iterator[PlanStep]:
    lane, workout = lane_of(session, rider.athlete), session.workout
    horizon = now + HORIZON_MS
    if lane.resumed_at_ms > now:  # a start or resume that is announced
        yield PlanStep(now, FreeTarget())
    for phase in timeline(workout, lane, now):
        if not phase.fixed or phase.begins_at_ms >= horizon:
            return
        if phase.ends_at_ms is None or phase.ends_at_ms > now:
            yield from _phase_steps(workout, lane, phase, rider, horizon)
    if phase.ends_at_ms is not None and phase.ends_at_ms <= horizon:
        yield PlanStep(phase.ends_at_ms, FreeTarget())


def _phase_steps(
    workout: Workout, lane: Lane, phase: TimelinePhase, rider: Rider, horizon: int
) -> Iterator[PlanStep]:
    step = interval.step_at(workout, phase.index)
    resolved = _power(step, rider)
    begins_at = max(phase.begins_at_ms, min(lane.resumed_at_ms, phase.ends_at_ms or horizon))
    if resolved is None or not resolved.certain:
        yield PlanStep(begins_at, rider.by_hand or FreeTarget())
        return
    length_ms = duration_ms(step)
    if resolved.begin == resolved.end or phase.ends_at_ms is None:
        yield PlanStep(begins_at, PowerTarget(_watts_at(resolved, 0, length_ms)))
        return

    def power(at_ms: int) -> Target:
        # In riding time: a pause within a ramp moves it, and a skip cuts it, without bending it.
        ridden_ms = lane.ridden_ms + at_ms - lane.resumed_at_ms
        return PowerTarget(_watts_at(resolved, ridden_ms - phase.ridden_ms, length_ms))

    yield PlanStep(begins_at, power(begins_at), power(min(phase.ends_at_ms, horizon)))
    if phase.ends_at_ms > horizon:
        yield PlanStep(horizon, power(horizon))


def _power(step: Step, rider: Rider) -> Resolved | None:
    """None: nothing that a power meter could be compared with."""
    resolved = resolve(step.target, rider.thresholds, rider.trim_of(step.kind))
    return resolved if resolved and resolved.dimension is Dimension.POWER_W else None


def _watts_at(resolved: Resolved, ridden_ms: int, length_ms: int | None) -> int:
    return round_half_up(middle_at(resolved, ridden_ms, length_ms))
