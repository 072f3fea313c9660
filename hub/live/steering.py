"""What a trainer shall do: a session's phases ahead, resolved for one rider. Pure.

The gateway executes these steps on time, hub or no hub; so they reach far ahead, they end with a
release, and nothing is in them that would have to be asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from hub.core import interval
from hub.core.dialled import LIMITS
from hub.core.heart_control import Limits
from hub.core.heart_model import usual_gain
from hub.core.lanes import Lane, Status, TimelinePhase
from hub.core.target import Dimension, Resolved, middle_at, range_at, resolve, round_half_up
from hub.core.timeline import timeline
from hub.core.workout import Step, Workout, duration_ms
from hub.live.inputs import Rider
from hub.live.session_state import Session, at, lane_name, lane_of
from hub.wire.values import (
    FreeTarget,
    GradeTarget,
    PlanStep,
    PowerTarget,
    ResistanceTarget,
    Target,
)

# A gateway that loses its hub has this much left; sent again each minute, so 14 min at the least.
HORIZON_MS = 15 * 60_000
REFRESH_MS = 60_000

# Sprints of real workouts go to 2-2.5 x FTP; what asks for more is a typing error with an engine.
CAP_SHARE = 2.5
CAP_W_MAX = 1_500
CAP_W_UNKNOWN = 400  # no FTP: only watts that the author or the rider wrote are steered

# A step held by heart rate has nobody to steer it without the hub: so long its last watts stand.
HEART_HOLD_MS = 60_000


class Course(msgspec.Struct, frozen=True):
    """The part of a plan that comes from the session. No steps: release now, for this reason."""

    until_at_ms: int
    cap_w: int
    steps: tuple[PlanStep, ...]
    reason: str = ""  # "" | "paused" | "stopped" | "free" | "no_ftp"


def course(session: Session, rider: Rider, now: int, heart_w: int | None = None) -> Course:
    """What the rider's trainer does from `now` on, for HORIZON_MS or to the workout's end.

    `heart_w`: what holds the heart rate in the phase under way, where that is what it asks.
    """
    session = at(session, now, lane_name(session, rider.athlete))
    reason = _why_released(session, rider)
    if reason is not None:
        return Course(now, cap_w(rider), (), reason)
    steps = tuple(_steps(session, rider, now, heart_w))
    if not _knows_ftp(rider) and all(isinstance(step.target, FreeTarget) for step in steps):
        return Course(now, cap_w(rider), (), "no_ftp")
    return Course(_until(session, rider, now), cap_w(rider), steps)


def cap_w(rider: Rider) -> int:
    """Never ask more of this rider's legs than this."""
    if rider.ftp_w is None:
        return CAP_W_UNKNOWN
    return min(round(CAP_SHARE * rider.ftp_w), CAP_W_MAX)


def heart_limits(rider: Rider) -> Limits | None:
    """What holding a heart rate may ask of this rider; None: it may not, or it cannot be judged.

    Watts set by hand are the rider's choice against it, until they are taken back.
    """
    if not rider.steered or rider.by_hand is not None or not _knows_ftp(rider):
        return None
    if rider.ftp_w is None or usual_gain(rider.thresholds) is None:
        return None
    return Limits(rider.ftp_w, cap_w(rider))


def is_held(session: Session, rider: Rider, now: int) -> bool:
    """Whether the step under way is steered by the rider's heart rate."""
    return heart_limits(rider) is not None and heart_range(session, rider, now) is not None


def heart_range(session: Session, rider: Rider, now: int) -> tuple[float, float] | None:
    """Low and high bpm that power shall hold at `now`; None: nothing of the kind.

    `session` settled by `at(now)`.
    """
    lane = lane_of(session, rider.athlete)
    if lane.status is not Status.RUNNING or now < lane.resumed_at_ms:
        return None
    step = interval.step_at(session.workout, lane.index)
    resolved = _heart(step, rider)
    if resolved is None:
        return None
    return range_at(resolved, interval.phase_ridden_ms(lane, now), duration_ms(step))


def target_w(session: Session, rider: Rider, now: int) -> int | None:
    """The rider's target at `now`, after trim; None: free. `session` settled by `at(now)`."""
    lane = lane_of(session, rider.athlete)
    if lane.status in (Status.READY, Status.FINISHED):
        return None
    return phase_target_w(session, rider, lane.index, interval.phase_ridden_ms(lane, now))


def phase_target_w(session: Session, rider: Rider, index: int, ridden_ms: int) -> int | None:
    """The rider's target `ridden_ms` into the phase `index`, after trim; None: free."""
    step = interval.step_at(session.workout, index)
    resolved = _steered(step, rider)
    if resolved is None:
        target = rider.by_hand if rider.steered else None
    else:
        target = _target_at(resolved, ridden_ms, duration_ms(step))
    return target.power_w if isinstance(target, PowerTarget) else None


def _why_released(session: Session, rider: Rider) -> str | None:
    if not rider.steered:
        return "free"
    status = lane_of(session, rider.athlete).status
    if status is Status.RUNNING:
        return None
    return {Status.READY: "free", Status.PAUSED: "paused", Status.FINISHED: "stopped"}[status]


def _knows_ftp(rider: Rider) -> bool:
    return rider.ftp_w is not None and not rider.ftp_assumed


def _until(session: Session, rider: Rider, now: int) -> int:
    phases = timeline(session.workout, lane_of(session, rider.athlete), now)
    horizon = now + HORIZON_MS
    last = phases[-1]
    settled = last.fixed and last.ends_at_ms is not None
    return min(horizon, last.ends_at_ms) if settled and last.ends_at_ms else horizon


def _steps(session: Session, rider: Rider, now: int, heart_w: int | None) -> Iterator[PlanStep]:
    lane, workout = lane_of(session, rider.athlete), session.workout
    limits = heart_limits(rider)
    horizon = now + HORIZON_MS
    if lane.resumed_at_ms > now:  # a start or resume that is announced
        yield PlanStep(now, FreeTarget())
    for phase in timeline(workout, lane, now):
        if not phase.fixed or phase.begins_at_ms >= horizon:
            return
        # One that nobody will have ridden before it ends says nothing.
        begins_at = max(phase.begins_at_ms, lane.resumed_at_ms)
        if phase.ends_at_ms is None or phase.ends_at_ms > max(now, begins_at):
            by_heart = _heart(interval.step_at(workout, phase.index), rider) is not None
            if by_heart and limits is not None:
                yield from _heart_steps(phase, begins_at, limits, now, heart_w)
            else:
                yield from _phase_steps(workout, lane, phase, begins_at, rider, horizon)
    if phase.ends_at_ms is not None and phase.ends_at_ms <= horizon:
        yield PlanStep(phase.ends_at_ms, FreeTarget())


def _phase_steps(
    workout: Workout,
    lane: Lane,
    phase: TimelinePhase,
    begins_at: int,
    rider: Rider,
    horizon: int,
) -> Iterator[PlanStep]:
    step = interval.step_at(workout, phase.index)
    resolved = _steered(step, rider)
    if resolved is None or not resolved.certain:
        yield PlanStep(begins_at, rider.by_hand or FreeTarget())
        return
    length_ms = duration_ms(step)
    if resolved.begin == resolved.end or phase.ends_at_ms is None:
        yield PlanStep(begins_at, _target_at(resolved, 0, length_ms))
        return

    def target(at_ms: int) -> Target:
        # In riding time: a pause within a ramp moves it, and a skip cuts it, without bending it.
        ridden_ms = lane.ridden_ms + at_ms - lane.resumed_at_ms
        return _target_at(resolved, ridden_ms - phase.ridden_ms, length_ms)

    # Where the planned length is over; what was added behind it holds the ramp's end.
    ramp_ends_at = lane.resumed_at_ms + phase.ridden_ms + (length_ms or 0) - lane.ridden_ms
    ends_at = min(phase.ends_at_ms, ramp_ends_at, horizon)
    if ends_at > begins_at:
        yield PlanStep(begins_at, target(begins_at), target(ends_at))
    if ramp_ends_at < min(phase.ends_at_ms, horizon):
        yield PlanStep(max(ramp_ends_at, begins_at), target(ramp_ends_at))
    elif phase.ends_at_ms > horizon:
        yield PlanStep(horizon, target(horizon))


def _heart_steps(
    phase: TimelinePhase, begins_at: int, limits: Limits, now: int, heart_w: int | None
) -> Iterator[PlanStep]:
    """Without the hub the last watts stand for HEART_HOLD_MS, then what is safe for anybody."""
    safe_w = int(limits.safe_w)
    if begins_at > now or heart_w is None:
        yield PlanStep(begins_at, PowerTarget(safe_w))
        return
    yield PlanStep(begins_at, PowerTarget(heart_w))
    lower_at = now + HEART_HOLD_MS
    if heart_w > safe_w and (phase.ends_at_ms is None or lower_at < phase.ends_at_ms):
        yield PlanStep(lower_at, PowerTarget(safe_w))


def _heart(step: Step, rider: Rider) -> Resolved | None:
    """None: the step is not about a heart rate, or this rider's is not known for certain."""
    if heart_limits(rider) is None:
        return None
    resolved = resolve(step.target, rider.thresholds, zones=rider.zones)
    if resolved is None or resolved.dimension is not Dimension.HEART_RATE_BPM:
        return None
    return resolved if resolved.certain else None


def _steered(step: Step, rider: Rider) -> Resolved | None:
    """None: nothing that a trainer could hold."""
    resolved = resolve(step.target, rider.thresholds, rider.trim_of(step.kind), zones=rider.zones)
    return resolved if resolved and resolved.dimension in STEERED else None


def _target_at(resolved: Resolved, ridden_ms: int, length_ms: int | None) -> Target:
    return STEERED[resolved.dimension](middle_at(resolved, ridden_ms, length_ms))


def _within(kind: type, value: float) -> float:
    """To a tenth, and no further than a rider may set it by hand."""
    low, high, _ = LIMITS[kind]
    return round(min(max(value, low), high), 1)


STEERED: dict[Dimension, Callable[[float], Target]] = {
    Dimension.POWER_W: lambda value: PowerTarget(round_half_up(value)),
    Dimension.GRADE_PCT: lambda value: GradeTarget(grade_pct=_within(GradeTarget, value)),
    Dimension.RESISTANCE_PCT: lambda value: ResistanceTarget(_within(ResistanceTarget, value)),
}
