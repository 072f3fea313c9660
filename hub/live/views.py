"""What viewers are shown of a session: pure functions of the session and an instant (hub ms)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hub.core import interval
from hub.core.lanes import Status, TimelinePhase
from hub.core.target import Aim, StepTarget, Unit
from hub.core.timeline import timeline
from hub.core.workout import IntervalCount, duration_ms, interval_counts
from hub.live import inputs
from hub.live import session as log
from hub.live.inputs import Entry, Rider
from hub.live.session import Session
from hub.wire.live import (
    CUES_MAX,
    AthleteView,
    EventBody,
    Finished,
    LaneView,
    Lapped,
    Membership,
    PhaseView,
    Timeline,
    Trimmed,
)
from hub.wire.values import Cue, CueKind

LANE = "group"  # one lane for everybody in the session
COUNTDOWN_S = (3, 2, 1)
CUES_PER_PHASE = len(COUNTDOWN_S) + 1
PHASES_PER_REVISION = 1024  # more than a workout has steps

_TIMELINE_CAUSE: dict[type[inputs.Input], str] = {
    inputs.Start: "start",
    inputs.Pause: "pause",
    inputs.Resume: "resume",
    inputs.Lap: "lap",
    inputs.Skip: "skip",
    inputs.Stop: "stop",
    inputs.Idle: "stop",
    inputs.Reopen: "pause",
}
_MEMBERSHIP = (inputs.Join, inputs.Leave, inputs.Steer, inputs.Dial, inputs.Choose)


def revision(session: Session) -> int:
    """Grows with every entry of the log and, between entries, with every phase that ends."""
    return session.entries * PHASES_PER_REVISION + len(session.lane.past)


def lane_view(session: Session, now: int) -> LaneView:
    """Where the lane stands at `now`, and everything ahead of it."""
    session = log.at(session, now)
    lane = session.lane
    phases = timeline(session.workout, lane, now)
    as_of_ms = max(now, lane.resumed_at_ms) if lane.status is Status.RUNNING else now
    return LaneView(
        lane=LANE,
        status=lane.status.value,
        rev=revision(session),
        started_at_ms=session.started_at_ms,
        paused_at_ms=session.paused_at_ms,
        ridden_ms=interval.ridden_ms(lane, as_of_ms),
        as_of_ms=as_of_ms,
        phase=log.phase_index(session, now),
        phases=tuple(_phase_views(session, phases)),
        cues=cues_ahead(session, phases, now),
    )


def cues_ahead(session: Session, phases: tuple[TimelinePhase, ...], now: int) -> tuple[Cue, ...]:
    """What devices shall do after `now`, soonest first, at most CUES_MAX.

    Only at instants that are settled: none before the start, in a pause, or behind an open end.
    """
    if session.lane.status is not Status.RUNNING:
        return ()
    cues: list[Cue] = []
    for cue in _cues(session, phases):
        if cue.at_ms > now:
            cues.append(cue)
            if len(cues) == CUES_MAX:
                break
    return tuple(cues)


def event_of(
    before: Session,
    after: Session,
    entry: Entry,
    athletes: Callable[[Session], tuple[AthleteView, ...]],
) -> EventBody | None:
    """What the entry that led from `before` to `after` tells the viewers; None: nothing."""
    match entry.input:
        case inputs.Trim(athlete=athlete, trim_pct=trim_pct):
            return Trimmed(athlete, trim_pct)
        case inputs.Close(activities=activities):
            return Finished(after.ended_at_ms or entry.at_ms, after.end_cause, activities)
        case inputs.Lap() if len(after.marks) > len(before.marks):
            mark = after.marks[-1]
            return Lapped(mark.athlete, mark.at_ms, mark.number)
        case said if isinstance(said, _MEMBERSHIP):
            return Membership(athletes(after))
        case said:
            cause = _TIMELINE_CAUSE.get(type(said))
            if cause is None or after.lane == before.lane:
                return None
            return Timeline(lane_view(after, entry.at_ms), cause)


def athlete_view(rider: Rider) -> AthleteView:
    """The rider's own figures, without weight: that needs a grant, and is added where there is."""
    return AthleteView(
        athlete=rider.athlete,
        name=rider.name,
        trim_pct=rider.trim_pct,
        ftp_w=rider.ftp_w,
        ftp_assumed=rider.ftp_assumed,
        max_hr_bpm=rider.max_hr_bpm,
        demo=rider.demo,
        by_hand=rider.by_hand,
        steered=rider.steered,
    )


def _phase_views(session: Session, phases: tuple[TimelinePhase, ...]) -> Iterator[PhaseView]:
    counts = interval_counts(session.workout)
    for phase in phases:
        step = session.workout.steps[phase.index]
        begin, end = _shares(step.target)
        count = counts[phase.index] or IntervalCount(0, 0)
        rpm = step.cadence
        yield PhaseView(
            i=phase.index,
            name=step.name,
            kind=step.kind.value,
            begins_at_ms=phase.begins_at_ms,
            ends_at_ms=phase.ends_at_ms,
            ridden_ms=phase.ridden_ms,
            duration_ms=duration_ms(step),
            target_begin=begin,
            target_end=end,
            cadence_rpm=None if rpm is None else (rpm.low_rpm, rpm.high_rpm),
            set_index=count.number,
            set_count=count.of,
            text=step.texts[0].text if step.texts else "",
        )


def _shares(target: StepTarget) -> tuple[float | None, float | None]:
    if not isinstance(target, Aim) or target.unit is not Unit.FTP:
        return None, None
    begin, end = (sum(ends) / 2 for ends in target.ranges)
    return begin, end


def _cues(session: Session, phases: tuple[TimelinePhase, ...]) -> Iterator[Cue]:
    previous_begins = 0
    for phase in phases:
        if not phase.fixed:
            return
        name = session.workout.steps[phase.index].name
        yield from _count_into(phase.index, phase.begins_at_ms, previous_begins, name)
        previous_begins = phase.begins_at_ms
    last = phases[-1]
    if last.index + 1 == len(session.workout.steps) and last.ends_at_ms is not None:
        yield Cue((last.index + 1) * CUES_PER_PHASE, CueKind.FINISH, last.ends_at_ms)


def _count_into(index: int, begins_at_ms: int, not_before_ms: int, name: str) -> Iterator[Cue]:
    first = index * CUES_PER_PHASE
    for i, seconds in enumerate(COUNTDOWN_S):
        at_ms = begins_at_ms - seconds * 1000
        if at_ms > not_before_ms:  # a phase of 2 s has no 3 s before the next
            yield Cue(first + i, CueKind.COUNTDOWN, at_ms, str(seconds), index)
    yield Cue(first + len(COUNTDOWN_S), CueKind.PHASE, begins_at_ms, name, index)
