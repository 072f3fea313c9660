"""A workout as one athlete will have it: targets in watts, bpm or by feel, and what it adds up to.

Pure. The figures are those that count for the workout's sport today.
"""

from __future__ import annotations

import msgspec

from hub.core.figures import Figures
from hub.core.summary import summary
from hub.core.target import Aim, MaxEffort, Resolved, StepTarget, Thresholds, resolve
from hub.core.workout import CadenceRange, Step, Until, Workout, duration_ms, total_ms

Range = tuple[float, float]


class StepPreview(msgspec.Struct, frozen=True):
    """`target`: the author's own. `dimension`: what `begin` and `end` (low, high) are in.

    `dimension` is `free` or `max` where nothing is asked for, and `unknown` where the athlete's
    threshold for the author's unit is; `certain` false: it rests on an assumed FTP.
    """

    name: str
    kind: str
    duration_ms: int | None
    until: Until
    target: StepTarget
    dimension: str
    begin: Range | None = None
    end: Range | None = None
    certain: bool = True
    cadence: CadenceRange | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """`partial`: some step has no length in time or asks for no power, and is not in the sums."""

    workout: str
    version: int
    athlete: str
    trim_pct: int
    thresholds: Thresholds
    duration_ms: int | None
    distance_m: int
    training_load: float | None
    intensity: float | None
    work_kj: float | None
    partial: bool
    steps: tuple[StepPreview, ...]


def preview(
    place: tuple[str, int], workout: Workout, athlete: str, figures: Figures, trim_pct: int
) -> Preview:
    """`place`: the workout's id and version; `trim_pct` 50-150."""
    plan = summary(workout, figures.thresholds, trim_pct, figures.zones)
    workout_id, version = place
    return Preview(
        workout=workout_id,
        version=version,
        athlete=athlete,
        trim_pct=trim_pct,
        thresholds=figures.thresholds,
        duration_ms=total_ms(workout),
        distance_m=plan.distance_m,
        training_load=_rounded(plan.training_load, 1),
        intensity=_rounded(plan.intensity_factor, 3),
        work_kj=_rounded(plan.work_kj, 1),
        partial=plan.partial,
        steps=tuple(_step(step, figures, trim_pct) for step in workout.steps),
    )


def _step(step: Step, figures: Figures, trim_pct: int) -> StepPreview:
    resolved = resolve(step.target, figures.thresholds, trim_pct, zones=figures.zones)
    return StepPreview(
        step.name,
        step.kind,
        duration_ms(step),
        step.until,
        step.target,
        _dimension(step.target, resolved),
        _range(resolved.begin) if resolved else None,
        _range(resolved.end) if resolved else None,
        resolved.certain if resolved else True,
        step.cadence,
    )


def _dimension(target: StepTarget, resolved: Resolved | None) -> str:
    if resolved is not None:
        return resolved.dimension
    if isinstance(target, Aim):
        return "unknown"
    return "max" if isinstance(target, MaxEffort) else "free"


def _range(ends: Range) -> Range:
    low, high = (round(end, 1) for end in ends)
    return low, high


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)
