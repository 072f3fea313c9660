"""A workout: the planned structure.

Repeats are unrolled when a workout is loaded, so a workout is a table of steps. The structs are
stored and sent as they are; a new condition or target joins its union under a new tag.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from hub.core.target import UNITS, Aim, Dimension, StepTarget

STEPS_MAX = 1000
STEP_MS_MAX = 24 * 3_600_000

FtpTest = Literal["", "ramp", "20min", "2x8"]


class ForDuration(msgspec.Struct, frozen=True, tag_field="t", tag="time"):
    """The step ends after this much riding time; pauses do not count."""

    duration_ms: Annotated[int, msgspec.Meta(ge=1, le=STEP_MS_MAX)]


class ForDistance(msgspec.Struct, frozen=True, tag_field="t", tag="distance"):
    """The step ends after this distance."""

    distance_m: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class ForWork(msgspec.Struct, frozen=True, tag_field="t", tag="work"):
    """The step ends after this much mechanical work."""

    work_kj: Annotated[float, msgspec.Meta(gt=0, le=20_000)]


class UntilLap(msgspec.Struct, frozen=True, tag_field="t", tag="lap"):
    """Open-ended: the athlete's lap button or the coach's skip ends it."""


class UntilHeartRate(msgspec.Struct, frozen=True, tag_field="t", tag="heart_rate"):
    """Open-ended until heart rate is at or beyond `aim.low` (`above`) or at or below it."""

    aim: Aim
    above: bool

    def __post_init__(self) -> None:
        if UNITS[self.aim.unit].dimension is not Dimension.HEART_RATE_BPM:
            raise ValueError(f"a heart-rate condition is not given in {self.aim.unit}")


Until = ForDuration | ForDistance | ForWork | UntilLap | UntilHeartRate


class StepKind(StrEnum):
    WARMUP = "warmup"
    WORK = "work"
    RECOVERY = "recovery"
    COOLDOWN = "cooldown"
    FREE = "free"


class CadenceRange(msgspec.Struct, frozen=True):
    """Raises ValueError when `high_rpm` is below `low_rpm` (also when decoded)."""

    low_rpm: Annotated[int, msgspec.Meta(ge=0, le=250)]
    high_rpm: Annotated[int, msgspec.Meta(ge=0, le=250)]

    def __post_init__(self) -> None:
        if self.high_rpm < self.low_rpm:
            raise ValueError(f"a cadence is low before high, not {self.low_rpm} to {self.high_rpm}")


class StepText(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line shown `offset_ms` of riding time into the step."""

    offset_ms: Annotated[int, msgspec.Meta(ge=0)]
    text: Annotated[str, msgspec.Meta(max_length=500)]
    say: bool = False  # spoken as well


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    kind: StepKind
    until: Until
    target: StepTarget
    cadence: CadenceRange | None = None
    texts: tuple[StepText, ...] = ()
    # A step that does not end by time ends at the latest after this much riding time.
    at_most_ms: Annotated[int, msgspec.Meta(ge=1, le=STEP_MS_MAX)] | None = None


class Workout(msgspec.Struct, frozen=True, omit_defaults=True):
    """1 to `STEPS_MAX` steps in order. Raises ValueError outside that (also when decoded).

    `test`: the FTP test that it is, by hub.core.ftp_test; "": none.
    """

    name: str
    steps: tuple[Step, ...]
    description: str = ""
    author: str = ""
    sport: str = "bike"
    test: FtpTest = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= STEPS_MAX:
            raise ValueError(f"a workout has 1 to {STEPS_MAX} steps, not {len(self.steps)}")


class IntervalCount(msgspec.Struct, frozen=True):
    """This is interval `number` of `of` alike, counted from 1."""

    number: int
    of: int


def duration_ms(step: Step) -> int | None:
    """Riding time of a step, None when something else than time ends it."""
    match step.until:
        case ForDuration(duration_ms=length_ms):
            return length_ms
        case _:
            return None


def total_ms(workout: Workout) -> int | None:
    """Riding time of the whole workout, None when any step is open-ended."""
    total = 0
    for step in workout.steps:
        length_ms = duration_ms(step)
        if length_ms is None:
            return None
        total += length_ms
    return total


def interval_counts(workout: Workout) -> tuple[IntervalCount | None, ...]:
    """For each step its place among the work steps of equal length and target.

    None for what is not work, and for a work step without its like ("interval 1 of 1" says
    nothing).
    """
    of = Counter(_likeness(step) for step in workout.steps if step.kind is StepKind.WORK)
    seen: Counter[tuple[Until, StepTarget]] = Counter()
    counts: list[IntervalCount | None] = []
    for step in workout.steps:
        alike = _likeness(step)
        if step.kind is not StepKind.WORK or of[alike] < 2:
            counts.append(None)
            continue
        seen[alike] += 1
        counts.append(IntervalCount(seen[alike], of[alike]))
    return tuple(counts)


def _likeness(step: Step) -> tuple[Until, StepTarget]:
    return step.until, step.target
