"""The interval engine: which step a lane is in, and what must happen next.

A state machine without a clock. The caller stamps each input with `now` (int ms of hub time),
carries out the outputs, and calls back no later than `deadline()`. The same workout and the same
inputs always give the same outputs, so a session is its list of inputs.

Time inside a lane is *riding time*: it stands still while the lane is paused. `Lane` holds one
fixed point that ties riding time to hub time (`resumed_at_ms` <-> `ridden_ms`).

    status      Start  Pause  Resume  Lap    Skip   Met    Back   Jump   Extend   Repeat  CoolDown
    READY       runs   -      -       -      -      -      -      -      -        -       -
    RUNNING     -      pauses -       laps   moves  meets  goes   goes   extends  repeats cools
    PAUSED      -      -      runs    -      moves  meets  goes   goes   extends  repeats cools
    FINISHED    -      stays  stays   stays  stays  stays  stays  stays  stays    stays   stays

    status      Undo   Stop   Tick
    READY       -      ends   stays
    RUNNING     undoes ends   stays
    PAUSED      undoes ends   stays
    FINISHED    stays  stays  stays

"-" raises IllegalInput. A finished lane takes what was on its way when it ended.

Undo takes back the last control (pause, resume, lap, skip, back, jump, extend, repeat, cool-down)
within UNDO_MS: the lane becomes what it would be at `now` if the control had never been said and
time had gone on. Steps that would have ended meanwhile have ended, at their own time. One control
is remembered; a result (Met) and an undo forget it, and one that found nothing to do is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from hub.core.errors import Conflict, IllegalInput, UserError
from hub.core.lanes import (
    Back,
    CoolDown,
    Extend,
    Extended,
    Finished,
    Input,
    Jump,
    Lane,
    Lap,
    Lapped,
    Met,
    Output,
    Pause,
    Paused,
    PhaseBegan,
    Repeat,
    Repeated,
    Resume,
    Resumed,
    Skip,
    Span,
    Start,
    Status,
    Stop,
    Tick,
    TimelinePhase,
    Undo,
    Undone,
)
from hub.core.target import Unit, aim
from hub.core.workout import (
    STEP_MS_MAX,
    ForDuration,
    Step,
    StepKind,
    UntilLap,
    Workout,
    duration_ms,
)

UNDO_MS = 10_000
AGAIN_MAX = 99  # more passes of one step than anybody rides
PHASES_MAX = 2_000  # a lane that has ridden so many only goes on: no workout has half of them
PAUSES_MAX = 1_000  # kept; an older one is forgotten, its time still does not count

# What follows a workout that has no cool-down of its own.
COOL_DOWN = Step("Cool-down", StepKind.COOLDOWN, ForDuration(600_000), aim(Unit.FTP, 0.5, 0.4))

Outputs = tuple[Output, ...]
Result = tuple[Lane, Outputs]


def advance(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    """Let time pass up to `now`, then apply `event`.

    An input stamped before the lane's last change counts as of that change. Thus a caller may
    apply a scheduled input early, with its future instant; ticks until then do nothing.
    Raises IllegalInput, leaving `lane` valid, when the table has no row, and UserError for a
    jump to a step that the workout does not have, and Conflict behind PHASES_MAX.
    """
    now = max(now, lane.at_ms)
    lane, due = _elapse(workout, lane, now)
    rule = TABLE.get((lane.status, type(event)))
    if rule is None:
        raise IllegalInput(type(event).__name__, lane.status)
    lane, caused = rule(workout, lane, now, event)
    return lane, due + caused


def deadline(workout: Workout, lane: Lane) -> int | None:
    """Hub time at which `advance` must be called next even if nothing happens."""
    length_ms = limit_ms(step_at(workout, lane.index), lane.extended_ms)
    if lane.status is not Status.RUNNING or length_ms is None:
        return None
    return _at(lane, lane.phase_began_ridden_ms + length_ms)


def step_at(workout: Workout, index: int) -> Step:
    """The step of a phase; behind the last one of the workout stands COOL_DOWN."""
    return COOL_DOWN if index == len(workout.steps) else workout.steps[index]


def limit_ms(step: Step, extended_ms: int = 0) -> int | None:
    """Riding time after which the step ends at the latest."""
    length_ms = duration_ms(step)
    if length_ms is None:
        length_ms = step.at_most_ms
    return None if length_ms is None else length_ms + extended_ms


def can_extend(workout: Workout, lane: Lane) -> bool:
    """Whether the step under way has a length, or a cap, that can be changed."""
    return limit_ms(step_at(workout, lane.index)) is not None


def can_undo(lane: Lane, now: int) -> bool:
    """Whether there is a control that Undo would take back at `now`."""
    recent = max(now, lane.at_ms) - lane.said_at_ms <= UNDO_MS
    return lane.before is not None and recent and lane.status is not Status.FINISHED


def ridden_ms(lane: Lane, now: int) -> int:
    """Riding time of the lane by `now`, pauses left out."""
    if lane.status is not Status.RUNNING:
        return lane.ridden_ms
    return lane.ridden_ms + max(now - lane.resumed_at_ms, 0)


def phase_ridden_ms(lane: Lane, now: int) -> int:
    """Riding time of the phase under way by `now`."""
    return max(ridden_ms(lane, now) - lane.phase_began_ridden_ms, 0)


def fold(workout: Workout, inputs: Iterable[tuple[int, Input]], lane: Lane | None = None) -> Result:
    """Run recorded `(at_ms, input)` pairs again, from `lane` or from the beginning."""
    lane = lane or Lane()
    outputs: list[Output] = []
    for at_ms, event in inputs:
        lane, caused = advance(workout, lane, at_ms, event)
        outputs += caused
    return lane, tuple(outputs)


def _elapse(workout: Workout, lane: Lane, now: int) -> Result:
    """Cross every step boundary due by `now`; a late call may cross several."""
    outputs: list[Output] = []
    while (due := deadline(workout, lane)) is not None and due <= now:
        lane, began = _next_phase(workout, lane, due)
        outputs += began
    return lane, tuple(outputs)


def _next_phase(workout: Workout, lane: Lane, at_ms: int) -> Result:
    if lane.again:
        again = lane.again - 1
        lane, began = _enter(lane, lane.index, at_ms)
        return replace(lane, again=again), began
    if lane.index + 1 >= len(workout.steps):
        return _finish(_close_phase(lane, at_ms), at_ms, completed=True)
    return _enter(lane, lane.index + 1, at_ms)


def _enter(lane: Lane, index: int, at_ms: int) -> Result:
    lane = replace(
        _close_phase(lane, at_ms),
        index=index,
        at_ms=at_ms,
        phase_began_at_ms=at_ms,
        phase_began_ridden_ms=ridden_ms(lane, at_ms),
        extended_ms=0,
        again=0,
    )
    return lane, (PhaseBegan(at_ms, index),)


def _close_phase(lane: Lane, at_ms: int) -> Lane:
    length_ms = ridden_ms(lane, at_ms) - lane.phase_began_ridden_ms
    done = TimelinePhase(
        lane.index,
        lane.phase_began_at_ms,
        at_ms,
        lane.phase_began_ridden_ms,
        length_ms=length_ms,
    )
    return replace(lane, past=(*lane.past, done))


def _finish(lane: Lane, at_ms: int, *, completed: bool) -> Result:
    lane = replace(
        lane,
        status=Status.FINISHED,
        at_ms=at_ms,
        ridden_ms=ridden_ms(lane, at_ms),
        completed=completed,
        before=None,
    )
    return lane, (Finished(at_ms, completed),)


def _at(lane: Lane, riding_ms: int) -> int:
    """Hub time of a moment of riding time since the last resume."""
    return lane.resumed_at_ms + (riding_ms - lane.ridden_ms)


# The rules of the table. Each is given the lane settled up to `now`.


def _runs(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    lane = replace(
        lane,
        status=Status.RUNNING,
        at_ms=now,
        resumed_at_ms=now,
        phase_began_at_ms=now,
        started_at_ms=now,
    )
    return lane, (PhaseBegan(now, 0),)


def _resumes(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    pause = Span(now if lane.paused_at_ms is None else lane.paused_at_ms, now)
    lane = replace(
        lane,
        status=Status.RUNNING,
        at_ms=now,
        resumed_at_ms=now,
        paused_at_ms=None,
        pauses=(*lane.pauses, pause)[-PAUSES_MAX:],
    )
    return lane, (Resumed(now),)


def _pauses(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    lane = replace(
        lane,
        status=Status.PAUSED,
        at_ms=now,
        ridden_ms=ridden_ms(lane, now),
        paused_at_ms=now,
    )
    return lane, (Paused(now),)


def _laps(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    if duration_ms(step_at(workout, lane.index)) is None:
        return _next_phase(workout, lane, now)
    lane = replace(lane, at_ms=now, laps=lane.laps + 1)
    return lane, (Lapped(now, lane.laps),)


def _moves(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    return _next_phase(workout, lane, now)


def _meets(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    if not isinstance(event, Met) or event.leaves not in (None, lane.number):
        return lane, ()
    if not ends_by_condition(step_at(workout, lane.index)):
        return lane, ()
    return _next_phase(workout, replace(lane, before=None), now)


def _goes_back(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    _require_room(lane)
    return _enter(lane, max(lane.index - 1, 0), now)


def _goes_to(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    if not isinstance(event, Jump) or not 0 <= event.to < len(workout.steps):
        raise UserError(f"this workout has the steps 1 to {len(workout.steps)}")
    _require_room(lane)
    return _enter(lane, event.to, now)


def _extends(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    length_ms = limit_ms(step_at(workout, lane.index), lane.extended_ms)
    if not isinstance(event, Extend) or length_ms is None:
        return lane, ()
    wanted_ms = min(length_ms + event.by_ms, STEP_MS_MAX)
    if wanted_ms <= phase_ridden_ms(lane, now):
        return _next_phase(workout, lane, now)
    by_ms = wanted_ms - length_ms
    if by_ms == 0:
        return lane, ()
    lane = replace(lane, at_ms=now, extended_ms=lane.extended_ms + by_ms)
    return lane, (Extended(now, by_ms),)


def _repeats(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    if lane.again == AGAIN_MAX:
        return lane, ()
    _require_room(lane)
    return replace(lane, at_ms=now, again=lane.again + 1), (Repeated(now),)


def _cools(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    first = cool_down_index(workout)
    if lane.index >= first:
        return lane, ()  # it is under way
    return _enter(lane, first, now)


def _undoes(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    if lane.before is None or not can_undo(lane, now):
        return lane, ()
    lane, _ = _elapse(workout, lane.before, now)
    undone = Undone(now, lane.index)
    if lane.status is Status.FINISHED:
        return lane, (undone, Finished(lane.at_ms, lane.completed))
    return replace(lane, at_ms=now), (undone,)


def _ends(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    if lane.status is not Status.READY:
        lane = _close_phase(lane, now)
    return _finish(lane, now, completed=False)


def _stays(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
    return lane, ()


def _require_room(lane: Lane) -> None:
    if lane.number >= PHASES_MAX:
        raise Conflict(f"{PHASES_MAX} intervals were ridden", remedy="go on, or start a new ride")


def cool_down_index(workout: Workout) -> int:
    """The first of the cool-down steps that end the workout; COOL_DOWN's where there are none."""
    index = len(workout.steps)
    while index and workout.steps[index - 1].kind is StepKind.COOLDOWN:
        index -= 1
    return index


def ends_by_condition(step: Step) -> bool:
    """By distance, work or heart rate: something that samples say."""
    return not isinstance(step.until, ForDuration | UntilLap)


Rule = Callable[[Workout, Lane, int, Input], Result]


def _control(rule: Rule) -> Rule:
    """One that meant a phase which is over does nothing; one that does something can be undone."""

    def ruled(workout: Workout, lane: Lane, now: int, event: Input) -> Result:
        if getattr(event, "leaves", None) not in (None, lane.number):
            return lane, ()
        after, outputs = rule(workout, lane, now, event)
        if after is lane or after.status is Status.FINISHED:
            return after, outputs
        return replace(after, before=replace(lane, before=None), said_at_ms=now), outputs

    return ruled


_IN_A_PHASE: dict[type[Input], Rule] = {
    Skip: _control(_moves),
    Met: _meets,
    Back: _control(_goes_back),
    Jump: _control(_goes_to),
    Extend: _control(_extends),
    Repeat: _control(_repeats),
    CoolDown: _control(_cools),
    Undo: _undoes,
    Stop: _ends,
    Tick: _stays,
}
_ANYTHING_ON_ITS_WAY = (Pause, Resume, Lap, *_IN_A_PHASE)

TABLE: dict[tuple[Status, type[Input]], Rule] = {
    (Status.READY, Start): _runs,
    (Status.READY, Stop): _ends,
    (Status.READY, Tick): _stays,
    (Status.RUNNING, Pause): _control(_pauses),
    (Status.RUNNING, Lap): _control(_laps),
    **{(Status.RUNNING, said): rule for said, rule in _IN_A_PHASE.items()},
    (Status.PAUSED, Resume): _control(_resumes),
    **{(Status.PAUSED, said): rule for said, rule in _IN_A_PHASE.items()},
    **{(Status.FINISHED, said): _stays for said in _ANYTHING_ON_ITS_WAY},
}
