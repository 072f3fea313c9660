"""A workout as a list shows it: what it is, how hard and how long, and its shape in small. Pure."""

from __future__ import annotations

import msgspec

from hub.core.equivalents import effort
from hub.core.summary import summary
from hub.core.target import Aim, StepTarget, Thresholds, Unit
from hub.core.workout import Step, Workout, duration_ms, total_ms
from hub.core.workout_focus import Focus, focus
from hub.library.shelf import Origin

SHAPES_MAX = 200  # a picture is not finer; policy: of more, neighbours are shown as one
# For whom a share of FTP is a share of 1: loads and intensities do not depend on how strong one is.
ANYBODY = Thresholds(ftp_w=1000)


class Shape(msgspec.Struct, frozen=True):
    """A step in small. `effort`: as in a lane's targets, the share of FTP that it is about as hard
    as, at its begin and end; None: free, or nobody can tell.
    """

    name: str
    kind: str
    duration_ms: int | None
    effort: tuple[float, float] | None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """`duration_ms` None: a step is open-ended. `intensity`, `load`: of what is set by FTP.

    `editable`: by who asks.
    """

    workout: str
    version: int
    title: str
    description: str
    author: str
    sport: str
    focus: Focus
    origin: Origin
    editable: bool
    duration_ms: int | None
    steps: int
    intensity: float | None
    load: float | None
    phases: tuple[Shape, ...]


def card(workout_id: str, version: int, workout: Workout, origin: Origin, editable: bool) -> Card:
    intensity, load = _hardness(workout)
    return Card(
        workout=workout_id,
        version=version,
        title=workout.name,
        description=workout.description,
        author=workout.author,
        sport=workout.sport,
        focus=focus(workout),
        origin=origin,
        editable=editable,
        duration_ms=total_ms(workout),
        steps=len(workout.steps),
        intensity=intensity,
        load=load,
        phases=_shapes(workout.steps),
    )


def _hardness(workout: Workout) -> tuple[float | None, float | None]:
    """(intensity, load), None where watts would need to know whose."""
    if any(_is_by_the_person(step.target) for step in workout.steps):
        return None, None
    plan = summary(workout, ANYBODY)
    if plan.intensity_factor is None or plan.training_load is None:
        return None, None
    return round(plan.intensity_factor, 3), round(plan.training_load, 1)


def _is_by_the_person(target: StepTarget) -> bool:
    return isinstance(target, Aim) and target.unit in (Unit.WATT, Unit.WATT_PER_KG)


def _shapes(steps: tuple[Step, ...]) -> tuple[Shape, ...]:
    each = -(-len(steps) // SHAPES_MAX)
    return tuple(_joined(steps[i : i + each]) for i in range(0, len(steps), each))


def _joined(steps: tuple[Step, ...]) -> Shape:
    lengths = [duration_ms(step) for step in steps]
    known = [length for length in lengths if length is not None]
    begin, end = effort(steps[0].target), effort(steps[-1].target)
    return Shape(
        steps[0].name,
        steps[0].kind,
        sum(known) if len(known) == len(lengths) else None,
        (begin[0], (end or begin)[1]) if begin else None,
    )
