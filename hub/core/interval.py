"""The interval engine: which step a lane is in, and what must happen next.

A state machine without a clock. The caller stamps each input with `now` (int ms of hub time),
carries out the outputs, and calls back no later than `deadline()`. The same workout and the same
inputs always give the same outputs, so a session is its list of inputs.

Time inside a lane is *riding time*: it stands still while the lane is paused. `Lane` holds one
fixed point that ties riding time to hub time (`resumed_at_ms` <-> `ridden_ms`).

    status      Start   Pause   Resume  Lap     Skip    Stop    Tick
    READY       runs    -       -       -       -       ends    stays
    RUNNING     -       pauses  -       laps    moves   ends    stays
    PAUSED      -       -       runs    -       moves   ends    stays
    FINISHED    -       stays   stays   stays   stays   stays   stays

"-" raises IllegalInput. A finished lane takes what was on its way when it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from hub.core.errors import IllegalInput
from hub.core.workout import Workout, duration_ms


class Status(StrEnum):
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"


# Inputs: what people and the clock can say. Ticks are never stored.


class Start(msgspec.Struct, frozen=True, tag_field="t", tag="start"): ...


class Pause(msgspec.Struct, frozen=True, tag_field="t", tag="pause"): ...


class Resume(msgspec.Struct, frozen=True, tag_field="t", tag="resume"): ...


class Lap(msgspec.Struct, frozen=True, tag_field="t", tag="lap"):
    """Ends an open-ended step, else marks a lap.

    In a group lane a rider's lap only marks: it belongs to the rider and never comes here.
    """


class Skip(msgspec.Struct, frozen=True, tag_field="t", tag="skip", omit_defaults=True):
    """On to the next step, also while paused.

    `leaves` is the index of the step that was meant: a skip that comes after that step has ended
    by itself does nothing, instead of throwing away the next one. None: whatever is under way.
    """

    leaves: int | None = None


class Stop(msgspec.Struct, frozen=True, tag_field="t", tag="stop"): ...


class Tick(msgspec.Struct, frozen=True, tag_field="t", tag="tick"): ...


Input = Start | Pause | Resume | Lap | Skip | Stop | Tick


# Outputs: what the world must do. `at_ms` is when it was due, not when it was noticed.


class PhaseBegan(msgspec.Struct, frozen=True, tag_field="t", tag="phase_began"):
    at_ms: int
    index: int


class Lapped(msgspec.Struct, frozen=True, tag_field="t", tag="lapped"):
    """The `number`-th mark of this lane, counted from 1."""

    at_ms: int
    number: int


class Paused(msgspec.Struct, frozen=True, tag_field="t", tag="paused"):
    at_ms: int


class Resumed(msgspec.Struct, frozen=True, tag_field="t", tag="resumed"):
    at_ms: int


class Finished(msgspec.Struct, frozen=True, tag_field="t", tag="finished"):
    """`completed`: the last step came to its end; otherwise somebody stopped the lane."""

    at_ms: int
    completed: bool


Output = PhaseBegan | Lapped | Paused | Resumed | Finished


class TimelinePhase(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step in absolute hub time. `ridden_ms` is the riding time of the lane at its beginning.

    `ends_at_ms` None: open-ended. `fixed` False: the beginning is only a projection (before the
    start, in a pause, behind an open end) and nothing may be carried out at that time.
    """

    index: int
    begins_at_ms: int
    ends_at_ms: int | None
    ridden_ms: int
    fixed: bool = True


class Lane(msgspec.Struct, frozen=True, omit_defaults=True):
    """All the state there is; a row to store."""

    status: Status = Status.READY
    index: int = 0
    at_ms: int = 0  # the last change; time in a lane never runs backwards from here
    resumed_at_ms: int = 0
    ridden_ms: int = 0  # at `resumed_at_ms` while running, else up to now
    phase_began_at_ms: int = 0
    phase_began_ridden_ms: int = 0
    laps: int = 0
    past: tuple[TimelinePhase, ...] = ()


Outputs = tuple[Output, ...]
Step = tuple[Lane, Outputs]


def advance(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    """Let time pass up to `now`, then apply `event`.

    An input stamped before the lane's last change counts as of that change. Thus a caller may
    apply a scheduled input early, with its future instant; ticks until then do nothing.
    Raises IllegalInput, leaving `lane` valid, when the table has no row.
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
    length_ms = duration_ms(workout.steps[lane.index])
    if lane.status is not Status.RUNNING or length_ms is None:
        return None
    return _at(lane, lane.phase_began_ridden_ms + length_ms)


def timeline(workout: Workout, lane: Lane, now: int) -> tuple[TimelinePhase, ...]:
    """Every phase as of `now`: those past with their actual times, the one under way, those ahead.

    Times ahead are as if the lane went on at `now`, and as if open ends lasted no longer.
    """
    now = max(now, lane.at_ms)
    lane, _ = _elapse(workout, lane, now)
    if lane.status is Status.FINISHED:
        return lane.past
    return (*lane.past, *_under_way_and_ahead(workout, lane, now))


def ridden_ms(lane: Lane, now: int) -> int:
    """Riding time of the lane by `now`, pauses left out."""
    if lane.status is not Status.RUNNING:
        return lane.ridden_ms
    return lane.ridden_ms + max(now - lane.resumed_at_ms, 0)


def phase_ridden_ms(lane: Lane, now: int) -> int:
    """Riding time of the phase under way by `now`."""
    return max(ridden_ms(lane, now) - lane.phase_began_ridden_ms, 0)


def fold(workout: Workout, inputs: Iterable[tuple[int, Input]], lane: Lane | None = None) -> Step:
    """Run recorded `(at_ms, input)` pairs again, from `lane` or from the beginning."""
    lane = lane or Lane()
    outputs: list[Output] = []
    for at_ms, event in inputs:
        lane, caused = advance(workout, lane, at_ms, event)
        outputs += caused
    return lane, tuple(outputs)


def _elapse(workout: Workout, lane: Lane, now: int) -> Step:
    """Cross every step boundary due by `now`; a late call may cross several."""
    outputs: list[Output] = []
    while (due := deadline(workout, lane)) is not None and due <= now:
        lane, began = _next_phase(workout, lane, due)
        outputs += began
    return lane, tuple(outputs)


def _next_phase(workout: Workout, lane: Lane, at_ms: int) -> Step:
    lane = _close_phase(lane, at_ms)
    if lane.index + 1 == len(workout.steps):
        return _finish(lane, at_ms, completed=True)
    lane = replace(
        lane,
        index=lane.index + 1,
        at_ms=at_ms,
        phase_began_at_ms=at_ms,
        phase_began_ridden_ms=ridden_ms(lane, at_ms),
    )
    return lane, (PhaseBegan(at_ms, lane.index),)


def _close_phase(lane: Lane, at_ms: int) -> Lane:
    done = TimelinePhase(lane.index, lane.phase_began_at_ms, at_ms, lane.phase_began_ridden_ms)
    return replace(lane, past=(*lane.past, done))


def _finish(lane: Lane, at_ms: int, *, completed: bool) -> Step:
    lane = replace(lane, status=Status.FINISHED, at_ms=at_ms, ridden_ms=ridden_ms(lane, at_ms))
    return lane, (Finished(at_ms, completed),)


def _under_way_and_ahead(workout: Workout, lane: Lane, now: int) -> Iterator[TimelinePhase]:
    ridden = ridden_ms(lane, now)
    began = lane.status is not Status.READY
    begins_at, begins = (lane.phase_began_at_ms if began else now), lane.phase_began_ridden_ms
    fixed = began
    for index in range(lane.index, len(workout.steps)):
        length_ms = duration_ms(workout.steps[index])
        ends = max(begins, ridden) if length_ms is None else begins + length_ms
        ends_at = now + (ends - ridden)
        yield TimelinePhase(index, begins_at, None if length_ms is None else ends_at, begins, fixed)
        begins_at, begins = ends_at, ends
        fixed = fixed and length_ms is not None and lane.status is Status.RUNNING


def _at(lane: Lane, riding_ms: int) -> int:
    """Hub time of a moment of riding time since the last resume."""
    return lane.resumed_at_ms + (riding_ms - lane.ridden_ms)


# The rules of the table. Each is given the lane settled up to `now`.


def _runs(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    lane = replace(lane, status=Status.RUNNING, at_ms=now, resumed_at_ms=now, phase_began_at_ms=now)
    return lane, (PhaseBegan(now, 0),)


def _resumes(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    lane = replace(lane, status=Status.RUNNING, at_ms=now, resumed_at_ms=now)
    return lane, (Resumed(now),)


def _pauses(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    lane = replace(lane, status=Status.PAUSED, at_ms=now, ridden_ms=ridden_ms(lane, now))
    return lane, (Paused(now),)


def _laps(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    if duration_ms(workout.steps[lane.index]) is None:
        return _next_phase(workout, lane, now)
    lane = replace(lane, at_ms=now, laps=lane.laps + 1)
    return lane, (Lapped(now, lane.laps),)


def _moves(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    if isinstance(event, Skip) and event.leaves not in (None, lane.index):
        return lane, ()
    return _next_phase(workout, lane, now)


def _ends(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    if lane.status is not Status.READY:
        lane = _close_phase(lane, now)
    return _finish(lane, now, completed=False)


def _stays(workout: Workout, lane: Lane, now: int, event: Input) -> Step:
    return lane, ()


Rule = Callable[[Workout, Lane, int, Input], Step]

TABLE: dict[tuple[Status, type[Input]], Rule] = {
    (Status.READY, Start): _runs,
    (Status.READY, Stop): _ends,
    (Status.READY, Tick): _stays,
    (Status.RUNNING, Pause): _pauses,
    (Status.RUNNING, Lap): _laps,
    (Status.RUNNING, Skip): _moves,
    (Status.RUNNING, Stop): _ends,
    (Status.RUNNING, Tick): _stays,
    (Status.PAUSED, Resume): _resumes,
    (Status.PAUSED, Skip): _moves,
    (Status.PAUSED, Stop): _ends,
    (Status.PAUSED, Tick): _stays,
    (Status.FINISHED, Pause): _stays,
    (Status.FINISHED, Resume): _stays,
    (Status.FINISHED, Lap): _stays,
    (Status.FINISHED, Skip): _stays,
    (Status.FINISHED, Stop): _stays,
    (Status.FINISHED, Tick): _stays,
}
