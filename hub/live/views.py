"""What viewers are shown of a session: pure functions of the session and an instant (hub ms)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hub.core import interval
from hub.core.equivalents import effort
from hub.core.lanes import Lane, Status, TimelinePhase
from hub.core.target import Aim, FreeRide, MaxEffort, StepTarget
from hub.core.timeline import timeline
from hub.core.workout import (
    ForDistance,
    ForDuration,
    ForWork,
    IntervalCount,
    StepText,
    Until,
    UntilHeartRate,
    UntilLap,
    duration_ms,
    interval_counts,
)
from hub.core.zone_schemes import heart_zones_of, power_zones_of
from hub.core.zones import Zones
from hub.live import inputs
from hub.live import session_state as state
from hub.live.cues import cues_ahead
from hub.live.inputs import Entry, Rider
from hub.live.session_state import Session
from hub.wire.live_events import EventBody, Finished, Lapped, Membership, Message, Timeline, Trimmed
from hub.wire.live_views import AthleteView, LaneView, PhaseView, TargetView, TextView, ZonesView

PHASES_PER_REVISION = 1024  # more than a workout has steps

_TIMELINE_CAUSE: dict[type[inputs.Input], str] = {
    inputs.Start: "start",
    inputs.AutoStart: "start",
    inputs.Pause: "pause",
    inputs.AutoPause: "auto_pause",
    inputs.Resume: "resume",
    inputs.AutoResume: "resume",
    inputs.Lap: "lap",
    inputs.Skip: "skip",
    inputs.Met: "met",
    inputs.Back: "back",
    inputs.Jump: "jump",
    inputs.Extend: "extend",
    inputs.Repeat: "repeat",
    inputs.CoolDown: "cool_down",
    inputs.Undo: "undo",
    inputs.Stop: "stop",
    inputs.Idle: "stop",
    inputs.Reopen: "pause",
    inputs.Join: "join",
    inputs.Leave: "pause",
}
_MEMBERSHIP = (
    inputs.Join,
    inputs.Leave,
    inputs.Steer,
    inputs.Dial,
    inputs.Choose,
    inputs.Keep,
)


def revision(session: Session, name: str) -> int:
    """Grows with every entry of the log and, between entries, with every phase that ends."""
    return session.entries * PHASES_PER_REVISION + session.lanes[name].number


def lane_view(session: Session, name: str, now: int) -> LaneView:
    """Where the lane stands at `now`, and everything ahead of it."""
    session = state.at(session, now, name)
    lane = session.lanes[name]
    phases = timeline(session.workout, lane, now)
    as_of_ms = max(now, lane.resumed_at_ms) if lane.status is Status.RUNNING else now
    undo = interval.can_undo(lane, now)
    return LaneView(
        lane=name,
        status=lane.status.value,
        rev=revision(session, name),
        started_at_ms=lane.started_at_ms,
        paused_at_ms=lane.paused_at_ms,
        ridden_ms=interval.ridden_ms(lane, as_of_ms),
        as_of_ms=as_of_ms,
        phase=state.phase_number(session, now, name),
        phases=tuple(_phase_views(session, lane, phases)),
        cues=cues_ahead(session.workout, lane, phases, now),
        undo_until_at_ms=lane.said_at_ms + interval.UNDO_MS if undo else None,
        auto_paused=state.is_auto_paused(session, name),
    )


def events_of(
    before: Session,
    after: Session,
    entry: Entry,
    athletes: Callable[[Session], tuple[AthleteView, ...]],
) -> tuple[EventBody, ...]:
    """What the entry that led from `before` to `after` tells the viewers, in order."""
    match entry.input:
        case inputs.Trim(athlete=athlete, trim_pct=trim_pct, kind=kind):
            return (Trimmed(athlete, trim_pct, "" if kind is None else kind.value),)
        case inputs.Say(text=text, to=to):
            return (Message(text, entry.at_ms, to),)
        case inputs.Close():
            ended_at_ms = after.ended_at_ms or entry.at_ms
            made = {athlete: one for athlete, one in after.activities.items() if one}
            return (Finished(ended_at_ms, after.end_cause, made),)
        case inputs.Lap() if len(after.marks) > len(before.marks):
            mark = after.marks[-1]
            return (Lapped(mark.athlete, mark.at_ms, mark.number),)
        case said:
            members = (Membership(athletes(after)),) if isinstance(said, _MEMBERSHIP) else ()
            return (*members, *_timelines(before, after, entry))


def _timelines(before: Session, after: Session, entry: Entry) -> Iterator[Timeline]:
    cause = _TIMELINE_CAUSE.get(type(entry.input))
    if cause is None:
        return
    for name, lane in after.lanes.items():
        by_itself = state.is_auto_paused(after, name)
        if lane != before.lanes.get(name) or by_itself != state.is_auto_paused(before, name):
            yield Timeline(lane_view(after, name, entry.at_ms), cause)


def athlete_view(rider: Rider) -> AthleteView:
    """The rider's own figures."""
    return AthleteView(
        athlete=rider.athlete,
        name=rider.name,
        trim_pct=rider.trim_pct,
        ftp_w=rider.ftp_w,
        ftp_assumed=rider.ftp_assumed,
        max_hr_bpm=rider.max_hr_bpm,
        weight_kg=rider.weight_kg,
        power_zones=zones_view(power_zones_of(rider.thresholds, rider.zones)),
        heart_zones=zones_view(heart_zones_of(rider.thresholds, rider.zones)),
        demo=rider.demo,
        by_hand=rider.by_hand,
        trims={kind.value: pct for kind, pct in rider.trims.items()},
        steered=rider.steered,
    )


def zones_view(zones: Zones | None) -> ZonesView | None:
    """Bounds to a tenth: a row's number is found by the full ones."""
    if zones is None:
        return None
    names = tuple(zone.name for zone in zones.zones)
    return ZonesView(names, tuple(round(low, 1) for low in zones.lows))


def target_view(target: StepTarget) -> TargetView:
    """In the author's unit."""
    match target:
        case Aim(unit=unit, low=low, high=high, end_low=end_low, end_high=end_high):
            return TargetView(unit.value, low, high, end_low, end_high, effort(target))
        case MaxEffort():
            return TargetView("max", effort=effort(target))
        case FreeRide():
            return TargetView("free")


def text_views(texts: tuple[StepText, ...]) -> tuple[TextView, ...]:
    return tuple(TextView(line.offset_ms, line.text, line.say) for line in texts)


def until_view(until: Until) -> tuple[str, float | None]:
    """What ends a step, and how much of it; heart rate's bound is each athlete's own."""
    match until:
        case ForDuration():
            return "time", None
        case ForDistance(distance_m=distance_m):
            return "distance", distance_m
        case ForWork(work_kj=work_kj):
            return "work", work_kj
        case UntilLap():
            return "lap", None
        case UntilHeartRate():
            return "heart_rate", None


def _phase_views(
    session: Session, lane: Lane, phases: tuple[TimelinePhase, ...]
) -> Iterator[PhaseView]:
    counts = (*interval_counts(session.workout), None)
    for phase in phases:
        step = interval.step_at(session.workout, phase.index)
        count = counts[phase.index] or IntervalCount(0, 0)
        rpm = step.cadence
        until, amount = until_view(step.until)
        ramps = isinstance(step.target, Aim) and step.target.is_ramp
        yield PhaseView(
            i=phase.index,
            name=step.name,
            kind=step.kind.value,
            begins_at_ms=phase.begins_at_ms,
            ends_at_ms=phase.ends_at_ms,
            ridden_ms=phase.ridden_ms,
            duration_ms=None if duration_ms(step) is None else phase.length_ms,
            target=target_view(step.target),
            ramp_ms=(duration_ms(step) or 0) if ramps else 0,
            until=until,
            until_amount=amount,
            ends_by_at_ms=phase.ends_by_ms,
            cadence_rpm=None if rpm is None else (rpm.low_rpm, rpm.high_rpm),
            set_index=count.number,
            set_count=count.of,
            texts=text_views(step.texts),
        )
