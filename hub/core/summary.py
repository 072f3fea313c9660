"""What a planned workout amounts to for a threshold: length, load, intensity, work. Pure.

The same definitions as for a ridden one (hub.core.metrics), on the curve that the plan draws at
1 Hz. A step that says nothing about power (free, by heart rate, by feel) is left out of the power
figures, and one that does not end by time of the length in time: `partial` says so.
"""

from __future__ import annotations

import msgspec
import numpy as np

from hub.core import metrics
from hub.core.target import PUBLISHED, Dimension, Resolved, Thresholds, middle_at, resolve
from hub.core.workout import ForDistance, Workout, duration_ms
from hub.core.zone_schemes import ZoneChoice

SECONDS_MAX = 100 * 3600  # nobody plans more; the curve of a longer one is not drawn


class PlanSummary(msgspec.Struct, frozen=True):
    """`None`: no step says it. Times in s of riding, distances in m of steps set by distance."""

    duration_s: float
    distance_m: int
    training_load: float | None
    intensity_factor: float | None
    work_kj: float | None
    partial: bool


def summary(
    workout: Workout, athlete: Thresholds, trim_pct: int = 100, zones: ZoneChoice = PUBLISHED
) -> PlanSummary:
    """`trim_pct`: the athlete's intensity, 50-150."""
    duration_s, distance_m, partial = 0.0, 0, False
    columns: list[metrics.Column] = []
    for step in workout.steps:
        length_ms = duration_ms(step)
        if isinstance(step.until, ForDistance):
            distance_m += step.until.distance_m
        if length_ms is None:
            partial = True
            continue
        duration_s += length_ms / 1000
        resolved = resolve(step.target, athlete, trim_pct, zones=zones)
        if resolved is None or resolved.dimension is not Dimension.POWER_W:
            partial = True
            continue
        if duration_s > SECONDS_MAX:
            partial = True
            continue
        columns.append(_curve(resolved, length_ms))
    power_w = np.concatenate(columns) if columns else np.empty(0)
    if not len(power_w) or athlete.ftp_w is None:
        work = metrics.work_kj(power_w) if len(power_w) else None
        return PlanSummary(duration_s, distance_m, None, None, work, partial)
    weighted_w = metrics.weighted_power(power_w)
    if weighted_w is None:  # shorter than one window
        weighted_w = float(power_w.mean())
    return PlanSummary(
        duration_s,
        distance_m,
        metrics.load(len(power_w), weighted_w, athlete.ftp_w),
        metrics.intensity(weighted_w, athlete.ftp_w),
        metrics.work_kj(power_w),
        partial,
    )


def _curve(resolved: Resolved, length_ms: int) -> metrics.Column:
    """Watts at the middle of each second; a step shorter than half a second has none."""
    seconds = round(length_ms / 1000)
    begin, end = (middle_at(resolved, at, 1) for at in (0, 1))
    parts = (np.arange(seconds) + 0.5) / max(seconds, 1)
    return begin + (end - begin) * parts
