"""One athlete's part of a session, read off the session's log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hub.core.interval import step_at
from hub.core.lanes import Lane, Status
from hub.core.target import Dimension, StepTarget, middle_at, resolve
from hub.core.workout import StepKind, Workout, duration_ms, interval_counts
from hub.live.inputs import Entry, Rider
from hub.live.session import apply, begin
from hub.live.session_state import Session, lane_of
from hub.wire.values import Metric

# How much earlier or later than its length a step may end without anybody's doing.
BY_HAND_MS = 500

# A silent gateway is noticed so late (SILENCE_MS_MAX of the uplink, and a beat on either side).
NOTICED_AFTER_MS = 5_000
# Once back it has its sensors to connect, one after the other.
RECONNECTS_IN_MS = 10_000


class Span(msgspec.Struct, frozen=True):
    """Hub ms from `begins_at_ms` up to, not including, `ends_at_ms`; `reason` of an absence."""

    begins_at_ms: int
    ends_at_ms: int
    reason: str = ""


class RiddenPhase(msgspec.Struct, frozen=True, kw_only=True):
    """A phase as it was ridden. `target_w`: the mean, after trim; None without a target."""

    name: str
    step: int
    kind: StepKind
    begins_at_ms: int
    ends_at_ms: int
    by_hand: bool
    target_w: int | None


class Choice(msgspec.Struct, frozen=True):
    """From `at_ms` the athlete wanted this metric from this sensor; None: by precedence.

    What stood when the session was made is in its log too: no later wish changes an old ride.
    """

    at_ms: int
    metric: Metric
    sensor_id: str | None


class Ride(msgspec.Struct, frozen=True, kw_only=True):
    """Times are hub ms. `marks`: the laps that this rider or the coach pressed."""

    session_id: str
    title: str
    rider: Rider
    started_at_ms: int
    ended_at_ms: int
    end_cause: str
    demo: bool
    workout: Workout | None
    phases: tuple[RiddenPhase, ...]
    pauses: tuple[Span, ...]
    absences: tuple[Span, ...]
    marks: tuple[int, ...]
    choices: tuple[Choice, ...]


def ride_of(session: Session, log: Iterable[Entry], athlete_id: str) -> Ride | None:
    """`session` as it ended, or as the athlete's own lane did; `log` its entries.

    None: the athlete was not in it while it ran, or rides still.
    """
    lane = lane_of(session, athlete_id)
    ended_at_ms = lane.at_ms if lane.status is Status.FINISHED else session.ended_at_ms
    if lane.started_at_ms is None or ended_at_ms is None:
        return None
    reader = _LogReader(athlete_id)
    for entry in log:
        reader.read(entry)
    rider = reader.rider
    if rider is None:
        return None
    begins = max(lane.started_at_ms, reader.joined_at_ms)
    ends = min(ended_at_ms, reader.left_at_ms or ended_at_ms)
    if ends <= begins:
        return None
    return Ride(
        session_id=session.session,
        title=session.title,
        rider=rider,
        started_at_ms=begins,
        ended_at_ms=ends,
        end_cause=_end_cause(session, lane, athlete_id),
        demo=session.demo or rider.demo,
        workout=None if session.is_free_ride else session.workout,
        phases=tuple(_phases(session, rider, reader.trims, begins, ends)),
        pauses=_clipped(_pauses(lane, ended_at_ms), begins, ends),
        absences=_clipped((*_sleeps(session), *_gateways_away(session, ends)), begins, ends),
        marks=tuple(
            mark.at_ms
            for mark in session.marks
            if mark.athlete in ("", athlete_id) and begins < mark.at_ms < ends
        ),
        choices=tuple(
            Choice(choice.at_ms, choice.metric, choice.sensor_id or None)
            for choice in session.choices
            if choice.athlete == athlete_id
        ),
    )


def _end_cause(session: Session, lane: Lane, athlete_id: str) -> str:
    """Who had ended their own lane before was not idle when the others were."""
    if lane.completed:
        return "workout"
    before = session.to_reopen.get(athlete_id)
    own = before is not None and before.status is Status.FINISHED
    return "stop" if own or not session.end_cause else session.end_cause


class _LogReader:
    """Folds the log again, and notes on the way what the session at its end no longer tells."""

    def __init__(self, athlete_id: str) -> None:
        self._athlete_id = athlete_id
        self._session: Session | None = None
        self.rider: Rider | None = None
        self.joined_at_ms = 0
        self.left_at_ms: int | None = None
        self.trims: list[tuple[int, Rider]] = []

    def read(self, entry: Entry) -> None:
        before = self._session
        self._session = session = begin(entry) if before is None else apply(before, entry)
        rider = session.riders.get(self._athlete_id)
        if rider is None:
            if self.rider is not None and self.left_at_ms is None:
                self.left_at_ms = entry.at_ms
            return
        if self.rider is None:
            self.joined_at_ms = entry.at_ms
        self.left_at_ms = None
        known = self.rider
        if known is None or (known.trim_pct, known.trims) != (rider.trim_pct, rider.trims):
            self.trims.append((entry.at_ms, rider))
        self.rider = rider


def _pauses(lane: Lane, ended_at_ms: int) -> Iterator[Span]:
    for pause in lane.pauses:
        yield Span(pause.begins_at_ms, pause.ends_at_ms)
    if lane.paused_at_ms is not None:
        yield Span(lane.paused_at_ms, ended_at_ms)


def _sleeps(session: Session) -> Iterator[Span]:
    for sleep in session.sleeps:
        minutes, seconds = divmod((sleep.ends_at_ms - sleep.begins_at_ms) // 1000, 60)
        reason = f"computer slept {minutes}:{seconds:02}"
        yield Span(sleep.begins_at_ms, sleep.ends_at_ms, reason)


def _gateways_away(session: Session, ended_at_ms: int) -> Iterator[Span]:
    for absence in session.absences:
        ends_at_ms = absence.ends_at_ms or session.ended_at_ms or ended_at_ms
        yield Span(
            absence.begins_at_ms - NOTICED_AFTER_MS, ends_at_ms + RECONNECTS_IN_MS, "gateway away"
        )


def _phases(
    session: Session, rider: Rider, trims: list[tuple[int, Rider]], begins: int, ends: int
) -> Iterator[RiddenPhase]:
    counts = (*interval_counts(session.workout), None)
    for phase in lane_of(session, rider.athlete).past:
        begins_at, ends_at = max(phase.begins_at_ms, begins), min(phase.ends_at_ms or ends, ends)
        if ends_at <= begins_at:
            continue
        step = step_at(session.workout, phase.index)
        count = counts[phase.index]
        trimmed = next((then for at, then in reversed(trims) if at <= begins_at), None)
        trim_pct = 100 if trimmed is None else trimmed.trim_of(step.kind)
        length_ms = duration_ms(step)
        yield RiddenPhase(
            name=step.name if count is None else f"{step.name} {count.number} of {count.of}",
            step=phase.index,
            kind=step.kind,
            begins_at_ms=begins_at,
            ends_at_ms=ends_at,
            by_hand=length_ms is None
            or ends_at - begins_at < length_ms - BY_HAND_MS
            or (phase.length_ms or 0) > length_ms + BY_HAND_MS,
            target_w=_mean_w(step.target, rider, trim_pct),
        )


def _mean_w(target: StepTarget, rider: Rider, trim_pct: int) -> int | None:
    resolved = resolve(target, rider.thresholds, trim_pct, zones=rider.zones)
    if resolved is None or resolved.dimension is not Dimension.POWER_W:
        return None
    return round(middle_at(resolved, 1, 2))


def _clipped(spans: Iterable[Span], begins: int, ends: int) -> tuple[Span, ...]:
    clipped = (
        Span(max(span.begins_at_ms, begins), min(span.ends_at_ms, ends), span.reason)
        for span in spans
    )
    return tuple(span for span in clipped if span.begins_at_ms < span.ends_at_ms)
