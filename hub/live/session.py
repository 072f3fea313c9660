"""A session: people doing a workout now. Pure and event-sourced: a session is the fold of its log.

An entry is appended durably and then applied; ticks and samples are never in the log, and what
depends on them enters as its result (Idle, Slept, Away, Close). Time passes through `at`, which
derives where the lane stands and stores nothing: the log alone says what a session is, and a hub
that was killed is, after `fold`, where absolute time says it is.

Entries carry `at_ms`, the hub time at which they take effect. LEAD_MS says which are announced
ahead, so that every device carries them out at the same instant; pause and stop act at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from hub.core import interval, lanes
from hub.core.dialled import require_dialled
from hub.core.errors import Conflict, IllegalInput, NotFound, UserError
from hub.core.lanes import Lane, Status
from hub.core.target import TRIM_PCT_MAX, TRIM_PCT_MIN, FreeRide
from hub.core.workout import (
    Step,
    StepKind,
    UntilLap,
    Workout,
    duration_ms,
)
from hub.live.inputs import (
    Away,
    Choose,
    Close,
    Create,
    Dial,
    Entry,
    Idle,
    Join,
    Lap,
    Leave,
    Pause,
    Reopen,
    Resume,
    Rider,
    Skip,
    Slept,
    Start,
    Steer,
    Stop,
    Trim,
)
from hub.wire.values import FreeTarget, Metric

RIDERS_MAX = 200
KEPT_MAX = 1_000  # marks, pauses, choices, sleeps and absences, each; a lap beyond them only counts
REOPEN_MS_MAX = 30 * 60_000

FREE_RIDE = Workout("Free ride", (Step("Free ride", StepKind.FREE, UntilLap(), FreeRide()),))


class Mark(msgspec.Struct, frozen=True):
    """A lap mark; `athlete` "": the whole lane's."""

    at_ms: int
    athlete: str
    number: int


class Choice(msgspec.Struct, frozen=True):
    """From `at_ms` the athlete wants this metric from this sensor ("": by precedence)."""

    at_ms: int
    athlete: str
    metric: Metric
    sensor_id: str


class Span(msgspec.Struct, frozen=True):
    """From `begins_at_ms` up to, not including, `ends_at_ms`."""

    begins_at_ms: int
    ends_at_ms: int


class Absence(msgspec.Struct, frozen=True):
    """A gateway was away; `ends_at_ms` None: it still is."""

    gateway: str
    begins_at_ms: int
    ends_at_ms: int | None = None


class Session(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    session: str
    epoch: str
    title: str
    workout_id: str
    workout: Workout
    demo: bool
    created_at_ms: int
    open: bool = False
    lane: Lane = Lane()
    riders: dict[str, Rider] = {}
    marks: tuple[Mark, ...] = ()
    laps: int = 0  # of the lane
    pauses: tuple[Span, ...] = ()  # that are over; one that lasts began at `paused_at_ms`
    choices: tuple[Choice, ...] = ()
    sleeps: tuple[Span, ...] = ()  # of the computer
    absences: tuple[Absence, ...] = ()  # of gateways
    entries: int = 0
    started_at_ms: int | None = None
    paused_at_ms: int | None = None
    end_cause: str = ""  # "workout" | "stop" | "idle"
    idled_at_ms: int | None = None
    to_reopen: Lane | None = None
    closed: bool = False
    activities: dict[str, str] = {}

    @property
    def is_free_ride(self) -> bool:
        return self.workout == FREE_RIDE

    @property
    def ended_at_ms(self) -> int | None:
        return self.lane.at_ms if self.lane.status is Status.FINISHED else None


def begin(entry: Entry) -> Session:
    """The session that its first entry makes. Raises ValueError when that is no Create."""
    made = entry.input
    if not isinstance(made, Create):
        raise ValueError(f"a log begins with create, not {type(made).__name__}")
    return Session(
        session=made.session,
        epoch=made.epoch,
        title=made.title,
        workout_id=made.workout_id,
        workout=FREE_RIDE if made.workout is None else made.workout,
        demo=made.demo,
        open=made.open,
        created_at_ms=entry.at_ms,
        entries=1,
    )


def apply(session: Session, entry: Entry) -> Session:
    """What the session is after `entry`.

    Raises IllegalInput, Conflict, NotFound or UserError, all the sender's fault, and then nothing
    may be appended.
    """
    rule = RULES.get(type(entry.input))
    if rule is None:
        raise Conflict(f"{type(entry.input).__name__} cannot be said to a session under way")
    return replace(rule(session, entry.at_ms, entry.input), entries=session.entries + 1)


def fold(entries: Iterable[Entry], session: Session | None = None) -> Session | None:
    """The session of a whole log, or of the rest of one; None for an empty log."""
    for entry in entries:
        session = begin(entry) if session is None else apply(session, entry)
    return session


def at(session: Session, now: int) -> Session:
    """The session as time has left it by `now`; never stored, never folded on."""
    lane, _ = interval.advance(session.workout, session.lane, now, lanes.Tick())
    if lane is session.lane:
        return session
    completed = lane.status is Status.FINISHED and session.lane.status is not Status.FINISHED
    return replace(session, lane=lane, end_cause="workout" if completed else session.end_cause)


def deadline(session: Session) -> int | None:
    """Hub time at which the lane of `session` moves by itself."""
    return interval.deadline(session.workout, session.lane)


def phase_index(session: Session, now: int) -> int:
    """The phase under way at `now`; -1 before the start. A skip that is announced is not yet."""
    if session.started_at_ms is None or now < session.started_at_ms:
        return -1
    lane = at(session, now).lane
    if lane.phase_began_at_ms <= now or not lane.past:
        return lane.index
    return lane.past[-1].index


def is_over(session: Session) -> bool:
    return session.lane.status is Status.FINISHED


# The rules: one for each input


def _run(session: Session, at_ms: int, event: lanes.Input) -> Session:
    lane, outputs = interval.advance(session.workout, session.lane, at_ms, event)
    session = replace(session, lane=lane)
    for output in outputs:
        match output:
            case lanes.Finished(completed=completed) if not session.end_cause:
                session = replace(session, end_cause="workout" if completed else "stop")
            case lanes.Paused():
                session = replace(session, paused_at_ms=output.at_ms)
            case lanes.Resumed() if session.paused_at_ms is not None:
                pause = Span(session.paused_at_ms, output.at_ms)
                pauses = (*session.pauses, pause)[-KEPT_MAX:]
                session = replace(session, paused_at_ms=None, pauses=pauses)
            case _:
                pass
    return session


def _join(session: Session, at_ms: int, event: Join) -> Session:
    rider = event.rider
    known = session.riders.get(rider.athlete)
    if known is None and len(session.riders) == RIDERS_MAX:
        raise Conflict(f"a session holds {RIDERS_MAX} riders", remedy="open a second one")
    if known is not None:
        rider = replace(
            rider,
            trim_pct=known.trim_pct,
            steered=known.steered,
            laps=known.laps,
            by_hand=known.by_hand,
        )
    return _with_rider(session, rider)


def _leave(session: Session, at_ms: int, event: Leave) -> Session:
    _rider(session, event.athlete)
    rest = {name: rider for name, rider in session.riders.items() if name != event.athlete}
    return replace(session, riders=rest)


def _start(session: Session, at_ms: int, event: Start) -> Session:
    if not session.riders:
        raise Conflict("nobody is in this session", remedy="add an athlete first")
    return replace(_run(session, at_ms, lanes.Start()), started_at_ms=at_ms)


def _pause(session: Session, at_ms: int, event: Pause) -> Session:
    return _run(session, at_ms, lanes.Pause())


def _resume(session: Session, at_ms: int, event: Resume) -> Session:
    return _run(session, at_ms, lanes.Resume())


def _stop(session: Session, at_ms: int, event: Stop) -> Session:
    return _run(session, at_ms, lanes.Stop())


def _skip(session: Session, at_ms: int, event: Skip) -> Session:
    if session.is_free_ride:
        raise Conflict("a free ride has no next interval", remedy="use the lap button")
    return _run(session, at_ms, lanes.Skip(event.leaves))


def _lap(session: Session, at_ms: int, event: Lap) -> Session:
    session = at(session, at_ms)
    if session.lane.status is Status.FINISHED:
        return session  # it ended while the lap was on its way
    if session.lane.status is not Status.RUNNING:
        raise IllegalInput("Lap", session.lane.status)
    if event.athlete and (len(session.riders) > 1 or session.open):
        return _mark_rider(session, at_ms, _rider(session, event.athlete))
    step = session.workout.steps[session.lane.index]
    if duration_ms(step) is None and not session.is_free_ride:
        return _run(session, at_ms, lanes.Lap())
    number = session.laps + 1
    return _marked(replace(session, laps=number), Mark(at_ms, "", number))


def _mark_rider(session: Session, at_ms: int, rider: Rider) -> Session:
    number = rider.laps + 1
    session = _with_rider(session, replace(rider, laps=number))
    return _marked(session, Mark(at_ms, rider.athlete, number))


def _marked(session: Session, mark: Mark) -> Session:
    return replace(session, marks=(*session.marks, mark)[:KEPT_MAX])


def _trim(session: Session, at_ms: int, event: Trim) -> Session:
    if not TRIM_PCT_MIN <= event.trim_pct <= TRIM_PCT_MAX:
        raise UserError(f"intensity is {TRIM_PCT_MIN} to {TRIM_PCT_MAX} %, not {event.trim_pct}")
    rider = _rider(session, event.athlete)
    return _with_rider(session, replace(rider, trim_pct=event.trim_pct))


def _steer(session: Session, at_ms: int, event: Steer) -> Session:
    return _with_rider(session, replace(_rider(session, event.athlete), steered=event.on))


def _dial(session: Session, at_ms: int, event: Dial) -> Session:
    """It steers again, if the rider had set the trainer free."""
    rider = _rider(session, event.athlete)
    target = None if isinstance(event.target, FreeTarget) else event.target
    if target is not None:
        require_dialled(target)
    return _with_rider(session, replace(rider, by_hand=target, steered=True))


def _choose(session: Session, at_ms: int, event: Choose) -> Session:
    _rider(session, event.athlete)
    choice = Choice(at_ms, event.athlete, event.metric, event.sensor_id)
    return replace(session, choices=(*session.choices, choice)[-KEPT_MAX:])


def _slept(session: Session, at_ms: int, event: Slept) -> Session:
    span = Span(event.from_ms, at_ms)
    return replace(session, sleeps=(*session.sleeps, span)[-KEPT_MAX:])


def _away(session: Session, at_ms: int, event: Away) -> Session:
    open_now = [one for one in session.absences if one.ends_at_ms is None]
    if event.on:
        if any(one.gateway == event.gateway for one in open_now):
            return session
        absence = Absence(event.gateway, at_ms if event.since_ms is None else event.since_ms)
        return replace(session, absences=(*session.absences, absence)[-KEPT_MAX:])
    ended = tuple(
        replace(one, ends_at_ms=at_ms) if one in open_now and one.gateway == event.gateway else one
        for one in session.absences
    )
    return replace(session, absences=ended)


def _idle(session: Session, at_ms: int, event: Idle) -> Session:
    if session.lane.status is Status.RUNNING:
        session = _run(session, event.since_ms, lanes.Pause())
    if session.lane.status is not Status.PAUSED:
        return session  # it had ended before anybody could be idle
    ended = _run(session, session.lane.at_ms, lanes.Stop())
    return replace(ended, end_cause="idle", idled_at_ms=at_ms, to_reopen=session.lane)


def _close(session: Session, at_ms: int, event: Close) -> Session:
    session = at(session, at_ms)
    if not is_over(session):
        raise IllegalInput("Close", session.lane.status)
    return replace(session, closed=True, activities=event.activities)


def _reopen(session: Session, at_ms: int, event: Reopen) -> Session:
    if session.to_reopen is None or session.idled_at_ms is None:
        raise Conflict("only a ride that ended because nobody pedalled can go on")
    if at_ms - session.idled_at_ms > REOPEN_MS_MAX:
        raise Conflict("it ended more than 30 minutes ago", remedy="start a new ride")
    return replace(
        session,
        lane=session.to_reopen,
        paused_at_ms=session.to_reopen.at_ms,
        to_reopen=None,
        idled_at_ms=None,
        end_cause="",
        closed=False,
    )


def _rider(session: Session, athlete: str) -> Rider:
    rider = session.riders.get(athlete)
    if rider is None:
        raise NotFound("this athlete is not in the session")
    return rider


def _with_rider(session: Session, rider: Rider) -> Session:
    return replace(session, riders={**session.riders, rider.athlete: rider})


RULES: dict[type, Callable[..., Session]] = {
    Join: _join,
    Leave: _leave,
    Start: _start,
    Pause: _pause,
    Resume: _resume,
    Lap: _lap,
    Skip: _skip,
    Stop: _stop,
    Trim: _trim,
    Steer: _steer,
    Dial: _dial,
    Choose: _choose,
    Slept: _slept,
    Away: _away,
    Idle: _idle,
    Close: _close,
    Reopen: _reopen,
}
