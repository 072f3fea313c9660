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

from msgspec.structs import replace

from hub.core.dialled import require_dialled
from hub.core.errors import Conflict, IllegalInput, UserError
from hub.core.lanes import Lane, Pause, Span, Status
from hub.core.target import TRIM_PCT_MAX, TRIM_PCT_MIN
from hub.live.inputs import (
    Away,
    Choose,
    Close,
    Create,
    Dial,
    Entry,
    Join,
    Keep,
    Leave,
    Pace,
    Rider,
    Say,
    Slept,
    Steer,
    TakeOver,
    Trim,
)
from hub.live.session_lanes import LANE_RULES, say
from hub.live.session_state import (
    FREE_RIDE,
    GROUP,
    Absence,
    Choice,
    Session,
    at,
    is_over,
    lane_of,
    rider_of,
)
from hub.wire.values import FreeTarget

RIDERS_MAX = 200
KEPT_MAX = 1_000  # choices, sleeps and absences, each


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
        pace=made.pace,
        auto_start=made.auto_start,
        auto_pause=made.auto_pause,
        coach=made.coach,
        coach_name=made.coach_name,
        coach_role=made.coach_role,
        lanes={GROUP: Lane()} if made.pace is Pace.GROUP else {},
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


# The rules: one for each input that moves no lane


def _join(session: Session, at_ms: int, event: Join) -> Session:
    rider = event.rider
    known = session.riders.get(rider.athlete)
    # Who left at their own pace keeps a lane to come back to.
    places = session.riders if session.pace is Pace.GROUP else session.lanes
    if known is None and rider.athlete not in places and len(places) >= RIDERS_MAX:
        raise Conflict(f"a session holds {RIDERS_MAX} riders", remedy="open a second one")
    if known is not None:
        rider = replace(
            rider,
            trim_pct=known.trim_pct,
            steered=known.steered,
            laps=known.laps,
            by_hand=known.by_hand,
            trims=known.trims,
        )
    if session.pace is Pace.SELF and rider.athlete not in session.lanes:
        session = replace(session, lanes={**session.lanes, rider.athlete: Lane()})
    return _with_rider(session, rider)


def _leave(session: Session, at_ms: int, event: Leave) -> Session:
    rider_of(session, event.athlete)
    if (
        session.pace is Pace.SELF
        and lane_of(at(session, at_ms), event.athlete).status is Status.RUNNING
    ):
        # Who comes back goes on where they left.
        session = say(session, at_ms, (event.athlete,), Pause())
    rest = {name: rider for name, rider in session.riders.items() if name != event.athlete}
    return replace(session, riders=rest)


def _trim(session: Session, at_ms: int, event: Trim) -> Session:
    if not TRIM_PCT_MIN <= event.trim_pct <= TRIM_PCT_MAX:
        raise UserError(f"intensity is {TRIM_PCT_MIN} to {TRIM_PCT_MAX} %, not {event.trim_pct}")
    who = [rider_of(session, event.athlete)] if event.athlete else session.riders.values()
    for rider in tuple(who):
        if event.kind is None:
            rider = replace(rider, trim_pct=event.trim_pct)
        else:
            rider = replace(rider, trims={**rider.trims, event.kind: event.trim_pct})
        session = _with_rider(session, rider)
    return session


def _say(session: Session, at_ms: int, event: Say) -> Session:
    if not event.text.strip():
        raise UserError("a message needs words")
    if event.to:
        rider_of(session, event.to)
    return session  # it is told, and changes nothing


def _take_over(session: Session, at_ms: int, event: TakeOver) -> Session:
    if not session.coach:
        raise Conflict("nobody leads this session: everybody rides for themselves")
    if is_over(at(session, at_ms)):
        raise Conflict("the session is over")
    return replace(
        session,
        coach=event.coach,
        coach_name=event.coach_name,
        coach_role=event.coach_role,
    )


def _steer(session: Session, at_ms: int, event: Steer) -> Session:
    return _with_rider(session, replace(rider_of(session, event.athlete), steered=event.on))


def _dial(session: Session, at_ms: int, event: Dial) -> Session:
    """It steers again, if the rider had set the trainer free."""
    rider = rider_of(session, event.athlete)
    target = None if isinstance(event.target, FreeTarget) else event.target
    if target is not None:
        require_dialled(target)
    return _with_rider(session, replace(rider, by_hand=target, steered=True))


def _choose(session: Session, at_ms: int, event: Choose) -> Session:
    rider_of(session, event.athlete)
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


def _keep(session: Session, at_ms: int, event: Keep) -> Session:
    status = lane_of(at(session, at_ms), event.athlete).status
    if status is not Status.FINISHED or session.closed:
        raise IllegalInput("Keep", status)
    activities = {**session.activities, event.athlete: event.activity}
    return replace(session, activities=activities)


def _close(session: Session, at_ms: int, event: Close) -> Session:
    session = at(session, at_ms)
    if not is_over(session):
        raise IllegalInput("Close", session.status)
    return replace(session, closed=True, activities={**session.activities, **event.activities})


def _with_rider(session: Session, rider: Rider) -> Session:
    return replace(session, riders={**session.riders, rider.athlete: rider})


RULES: dict[type, Callable[..., Session]] = {
    **LANE_RULES,
    Join: _join,
    Leave: _leave,
    Trim: _trim,
    Say: _say,
    TakeOver: _take_over,
    Steer: _steer,
    Dial: _dial,
    Choose: _choose,
    Slept: _slept,
    Away: _away,
    Keep: _keep,
    Close: _close,
}
