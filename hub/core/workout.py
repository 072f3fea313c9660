"""A workout: the planned structure, and what a step asks of one athlete.

Repeats are unrolled when a workout is loaded, so a workout is a table of steps. The structs are
stored and sent as they are; a new condition or target joins its union under a new tag.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated

import msgspec

from hub.wire import values

STEPS_MAX = 1000
STEP_MS_MAX = 24 * 3_600_000
SHARE_MAX = 3.0  # 300 % FTP: above every sprint target seen in 332 real files
TRIM_PCT_MIN, TRIM_PCT_MAX = 50, 150

Share = Annotated[float, msgspec.Meta(ge=0.0, le=SHARE_MAX)]


class ForDuration(msgspec.Struct, frozen=True, tag_field="t", tag="time"):
    """The step ends after this much riding time; pauses do not count."""

    duration_ms: Annotated[int, msgspec.Meta(ge=1, le=STEP_MS_MAX)]


class UntilLap(msgspec.Struct, frozen=True, tag_field="t", tag="lap"):
    """Open-ended: the athlete's lap button or the coach's skip ends it."""


Until = ForDuration | UntilLap


class FtpShare(msgspec.Struct, frozen=True, tag_field="t", tag="ftp"):
    """Shares of threshold power, 1.0 = FTP; a linear ramp over the step when they differ."""

    begin: Share
    end: Share


class FreeRide(msgspec.Struct, frozen=True, tag_field="t", tag="free"):
    """No target: the rider decides."""


StepTarget = FtpShare | FreeRide


class StepKind(StrEnum):
    WARMUP = "warmup"
    WORK = "work"
    RECOVERY = "recovery"
    COOLDOWN = "cooldown"
    FREE = "free"


class CadenceRange(msgspec.Struct, frozen=True):
    low_rpm: Annotated[int, msgspec.Meta(ge=0, le=250)]
    high_rpm: Annotated[int, msgspec.Meta(ge=0, le=250)]


class StepText(msgspec.Struct, frozen=True):
    """A line shown `offset_ms` of riding time into the step."""

    offset_ms: Annotated[int, msgspec.Meta(ge=0)]
    text: Annotated[str, msgspec.Meta(max_length=500)]


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    kind: StepKind
    until: Until
    target: StepTarget
    cadence: CadenceRange | None = None
    texts: tuple[StepText, ...] = ()


class Workout(msgspec.Struct, frozen=True, omit_defaults=True):
    """1 to `STEPS_MAX` steps in order. Raises ValueError outside that (also when decoded)."""

    name: str
    steps: tuple[Step, ...]
    description: str = ""
    author: str = ""
    sport: str = "bike"

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= STEPS_MAX:
            raise ValueError(f"a workout has 1 to {STEPS_MAX} steps, not {len(self.steps)}")


class IntervalCount(msgspec.Struct, frozen=True):
    """This is interval `number` of `of` alike, counted from 1."""

    number: int
    of: int


def duration_ms(step: Step) -> int | None:
    """Riding time of a step, None when it is open-ended."""
    match step.until:
        case ForDuration(duration_ms=length_ms):
            return length_ms
        case UntilLap():
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


class Ftp(msgspec.Struct, frozen=True, omit_defaults=True):
    """An athlete's threshold power. `assumed`: nobody measured or entered it."""

    power_w: Annotated[int, msgspec.Meta(ge=1, le=2000)]
    assumed: bool = False


class ResolvedPower(msgspec.Struct, frozen=True):
    """A step's target for one athlete. `steers` False: a guide on the screen, never a trainer's."""

    begin_w: int
    end_w: int
    steers: bool


def resolve(target: StepTarget, ftp: Ftp | None, trim_pct: int = 100) -> ResolvedPower | None:
    """Watts of a target for one athlete, half a watt rounding up; None: ride by feel.

    `trim_pct` is the athlete's scale on targets, 50-150; outside that is a ValueError.
    """
    if not TRIM_PCT_MIN <= trim_pct <= TRIM_PCT_MAX:
        raise ValueError(f"trim is {TRIM_PCT_MIN} to {TRIM_PCT_MAX} %, not {trim_pct}")
    match target:
        case FtpShare(begin=begin, end=end) if ftp is not None:
            return ResolvedPower(
                _watts(begin, ftp, trim_pct), _watts(end, ftp, trim_pct), not ftp.assumed
            )
        case FtpShare() | FreeRide():
            return None


def steering(resolved: ResolvedPower | None) -> tuple[values.Target, values.Target | None]:
    """The (target, ramp_to) of a trainer's plan step.

    A target from an assumed FTP never steers: a wrong guess would force watts on a rider.
    """
    if resolved is None or not resolved.steers:
        return values.FreeTarget(), None
    begin = values.PowerTarget(resolved.begin_w)
    if resolved.begin_w == resolved.end_w:
        return begin, None
    return begin, values.PowerTarget(resolved.end_w)


def power_at(resolved: ResolvedPower, elapsed_ms: int, length_ms: int | None) -> int:
    """Target watts `elapsed_ms` into a step of `length_ms`; an open-ended step does not ramp."""
    if length_ms is None:
        return resolved.begin_w
    part = min(max(elapsed_ms / length_ms, 0.0), 1.0)
    return _round_half_up(resolved.begin_w + (resolved.end_w - resolved.begin_w) * part)


def _watts(share: float, ftp: Ftp, trim_pct: int) -> int:
    return _round_half_up(share * ftp.power_w * trim_pct / 100)


def _round_half_up(value: float) -> int:
    # 1e-9: 0.55 * 100 is 55.00000000000001 and 1.15 * 100 is 114.99999999999999.
    return int(value + 0.5 + 1e-9)
