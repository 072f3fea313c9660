"""What moves the lanes of a session: start, pause, the coach's and the riders' controls. Pure.

In a group every control moves the one lane, and who may say it is the caller's business. In a
session of the riders' own pace a control that names an athlete moves that athlete's lane; one that
names nobody moves each lane that can take it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from hub.core import interval, lanes
from hub.core.errors import Conflict, IllegalInput
from hub.core.lanes import Lane, Status
from hub.core.workout import duration_ms
from hub.live.inputs import (
    LEAD_MS,
    AutoPause,
    AutoResume,
    AutoStart,
    Back,
    CoolDown,
    Extend,
    Idle,
    Input,
    Jump,
    Lap,
    Met,
    Move,
    Pace,
    Pause,
    Reopen,
    Repeat,
    Resume,
    Rider,
    Skip,
    Start,
    Stop,
    Undo,
)
from hub.live.session_state import (
    GROUP,
    Mark,
    Session,
    at,
    is_auto_paused,
    lane_name,
    lane_of,
    rider_of,
)

MARKS_MAX = 1_000  # a lap beyond them only counts
REOPEN_MS_MAX = 30 * 60_000

# A skip at the end of an interval has what it asks for, and so has the result of a condition.
OF_THIS_PHASE = (Back, Jump, Extend, Repeat, CoolDown)

Rule = Callable[[Session, int, Input], Session]


def meant(session: Session, athlete: str) -> tuple[str, ...]:
    """The lanes that an input moves which names `athlete`. Raises NotFound."""
    if session.pace is Pace.GROUP:
        return (GROUP,)
    if athlete:
        return (rider_of(session, athlete).athlete,)
    return tuple(name for name in session.lanes if name in session.riders)


def say(session: Session, at_ms: int, names: Iterable[str], event: lanes.Input) -> Session:
    """Raises Conflict when none of the lanes can take it, UserError for a step that is not one."""
    moved: dict[str, Lane] = {}
    refused: Conflict | None = None
    for name in names:
        lane = session.lanes.get(name, Lane())
        try:
            moved[name], _ = interval.advance(session.workout, lane, at_ms, event)
        except Conflict as error:
            refused = error
    if refused is not None and not moved:
        raise refused
    running = {name for name, lane in moved.items() if lane.status is Status.RUNNING}
    return replace(
        session,
        lanes={**session.lanes, **moved},
        auto_paused=session.auto_paused - running,
    )


def effect_at_ms(session: Session, said: Input, now: int) -> int:
    """When `said` takes effect: LEAD_MS ahead, so that everybody has heard of it by then.

    What is meant for the one interval under way counts also in its last half second, and then
    takes effect before that ends by itself. Raises NotFound.
    """
    at_ms = now + LEAD_MS.get(type(said), 0)
    if not isinstance(said, OF_THIS_PHASE):
        return at_ms
    names = meant(session, said.athlete)
    if len(names) != 1:
        return at_ms  # each is in an interval of its own, and one of many is always about to end
    settled = at(session, now, names[0])
    due = interval.deadline(session.workout, settled.lanes[names[0]])
    return at_ms if due is None else min(at_ms, due - 1)


def _control(session: Session, at_ms: int, athlete: str, event: lanes.Input) -> Session:
    """`say` to the lanes meant, and which of them it moved when it was said to everybody."""
    after = say(session, at_ms, meant(session, athlete), event)
    if session.pace is Pace.GROUP or athlete:
        return after
    moved = {
        name: lane.said_at_ms
        for name, lane in after.lanes.items()
        if lane.said_at_ms != session.lanes[name].said_at_ms
    }
    return replace(after, said_to_all=moved)


def _start(session: Session, at_ms: int, event: Start | AutoStart) -> Session:
    if not session.riders:
        raise Conflict("nobody is in this session", remedy="add an athlete first")
    return say(session, at_ms, meant(session, event.athlete), lanes.Start())


def _pause(session: Session, at_ms: int, event: Pause) -> Session:
    """What stands by itself stands by hand from now on: pedalling does not end it."""
    by_itself = {name for name in meant(session, event.athlete) if is_auto_paused(session, name)}
    try:
        after = _control(session, at_ms, event.athlete, lanes.Pause())
    except IllegalInput:
        if not by_itself:
            raise
        after = session
    return replace(after, auto_paused=after.auto_paused - by_itself)


def _auto_pause(session: Session, at_ms: int, event: AutoPause) -> Session:
    names = meant(session, event.athlete)
    session = say(session, at_ms, names, lanes.Pause())
    stands = {name for name in names if session.lanes[name].status is Status.PAUSED}
    return replace(session, auto_paused=session.auto_paused | stands)


def _resume(session: Session, at_ms: int, event: Resume) -> Session:
    return _control(session, at_ms, event.athlete, lanes.Resume())


def _auto_resume(session: Session, at_ms: int, event: AutoResume) -> Session:
    names = [name for name in meant(session, event.athlete) if is_auto_paused(session, name)]
    if not names:
        raise Conflict("somebody paused it by hand", remedy="press Resume")
    return say(session, at_ms, names, lanes.Resume())


def _stop(session: Session, at_ms: int, event: Stop) -> Session:
    if session.pace is Pace.SELF and event.athlete:
        return say(session, at_ms, meant(session, event.athlete), lanes.Stop())
    # Also of who left: they might have come back.
    return replace(say(session, at_ms, session.lanes, lanes.Stop()), stopped_at_ms=at_ms)


def _move(session: Session, at_ms: int, event: Move) -> Session:
    if session.is_free_ride and not isinstance(event, CoolDown):
        raise Conflict("a free ride has no next interval", remedy="use the lap button")
    return _control(session, at_ms, event.athlete, MOVES[type(event)](event))


def _extend(session: Session, at_ms: int, event: Extend) -> Session:
    names = meant(session, event.athlete)
    settled = at(session, at_ms)
    lanes_meant = [settled.lanes.get(name, Lane()) for name in names]
    if not any(interval.can_extend(session.workout, lane) for lane in lanes_meant):
        raise Conflict("this interval has no length to change", remedy="end it by Lap or Skip")
    return _control(session, at_ms, event.athlete, lanes.Extend(event.by_ms, event.leaves))


def _undo(session: Session, at_ms: int, event: Undo) -> Session:
    """What was said to everybody is taken back from everybody, but for whom something was said
    since.
    """
    settled = at(session, at_ms)
    names = [
        name
        for name in meant(session, event.athlete)
        if interval.can_undo(settled.lanes[name], at_ms)
    ]
    if session.pace is Pace.SELF and not event.athlete:
        to_all = session.said_to_all
        names = [name for name in names if settled.lanes[name].said_at_ms == to_all.get(name)]
    if not names:
        seconds = interval.UNDO_MS // 1000
        raise Conflict(f"nothing was said in the last {seconds} seconds that can be taken back")
    return say(session, at_ms, names, lanes.Undo())


def _lap(session: Session, at_ms: int, event: Lap) -> Session:
    session = at(session, at_ms)
    lane = lane_of(session, event.athlete)
    own = session.pace is Pace.SELF
    everybodys = own and not event.athlete
    status = session.status if everybodys else lane.status
    if status is Status.FINISHED:
        return session  # it ended while the lap was on its way
    if status is not Status.RUNNING:
        raise IllegalInput("Lap", status)
    if everybodys:
        return _mark_all(session, at_ms)
    if not own and event.athlete and (len(session.riders) > 1 or session.open):
        return _mark_rider(session, at_ms, rider_of(session, event.athlete))
    step = interval.step_at(session.workout, lane.index)
    if duration_ms(step) is None and not session.is_free_ride:
        return say(session, at_ms, (lane_name(session, event.athlete),), lanes.Lap())
    if own:
        return _mark_rider(session, at_ms, rider_of(session, event.athlete))
    return _mark_all(session, at_ms)


def _mark_all(session: Session, at_ms: int) -> Session:
    number = session.laps + 1
    return _marked(replace(session, laps=number), Mark(at_ms, "", number))


def _mark_rider(session: Session, at_ms: int, rider: Rider) -> Session:
    number = rider.laps + 1
    riders = {**session.riders, rider.athlete: replace(rider, laps=number)}
    return _marked(replace(session, riders=riders), Mark(at_ms, rider.athlete, number))


def _marked(session: Session, mark: Mark) -> Session:
    return replace(session, marks=(*session.marks, mark)[:MARKS_MAX])


def _idle(session: Session, at_ms: int, event: Idle) -> Session:
    for name, lane in session.lanes.items():
        if lane.status is Status.RUNNING:
            session = say(session, event.since_ms, (name,), lanes.Pause())
    paused = [name for name, lane in session.lanes.items() if lane.status is Status.PAUSED]
    if not paused:
        return session  # it had ended before anybody was idle
    to_reopen = session.lanes
    for name in paused:
        session = say(session, session.lanes[name].at_ms, (name,), lanes.Stop())
    for name, lane in session.lanes.items():
        if lane.status is Status.READY:
            session = say(session, at_ms, (name,), lanes.Stop())
    return replace(session, stopped_at_ms=at_ms, idled_at_ms=at_ms, to_reopen=to_reopen)


def _reopen(session: Session, at_ms: int, event: Reopen) -> Session:
    if not session.to_reopen or session.idled_at_ms is None:
        raise Conflict("only a ride that ended because nobody pedalled can go on")
    if at_ms - session.idled_at_ms > REOPEN_MS_MAX:
        raise Conflict("it ended more than 30 minutes ago", remedy="start a new ride")
    return replace(
        session,
        lanes={**session.lanes, **session.to_reopen},  # who came in since has a lane as well
        to_reopen={},
        activities=_of_lanes_over(session),
        stopped_at_ms=None,
        idled_at_ms=None,
        closed=False,
    )


def _of_lanes_over(session: Session) -> dict[str, str]:
    """The activities of riders whose own lane does not go on with the rest."""
    lanes = session.to_reopen
    return {
        athlete: activity
        for athlete, activity in session.activities.items()
        if athlete in lanes and lanes[athlete].status is Status.FINISHED
    }


MOVES: dict[type[Input], Callable[..., lanes.Input]] = {
    Skip: lambda said: lanes.Skip(said.leaves),
    Met: lambda said: lanes.Met(said.leaves),
    Back: lambda said: lanes.Back(said.leaves),
    Jump: lambda said: lanes.Jump(said.to, said.leaves),
    Repeat: lambda said: lanes.Repeat(said.leaves),
    CoolDown: lambda said: lanes.CoolDown(said.leaves),
}

LANE_RULES: dict[type[Input], Callable[..., Session]] = {
    Start: _start,
    AutoStart: _start,
    Pause: _pause,
    AutoPause: _auto_pause,
    Resume: _resume,
    AutoResume: _auto_resume,
    Stop: _stop,
    Lap: _lap,
    Extend: _extend,
    Undo: _undo,
    Idle: _idle,
    Reopen: _reopen,
    **dict.fromkeys(MOVES, _move),
}
