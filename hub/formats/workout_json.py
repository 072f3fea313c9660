"""What a workout is, as JSON for programs: `derny workout show --json`. Pure.

Repeats are unrolled, shares are per cent. docs/reference/command-line.md shows it.
"""

from __future__ import annotations

from typing import Any

from hub.core.summary import PlanSummary, summary
from hub.core.target import Aim, FreeRide, MaxEffort, StepTarget, Thresholds, Unit
from hub.core.workout import (
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    Until,
    UntilHeartRate,
    UntilLap,
    Workout,
)
from hub.formats.imported import ImportWarning

# Of each unit its name, and what a value is multiplied with.
TARGET_TYPES: dict[Unit, tuple[str, int]] = {
    Unit.FTP: ("power_pct_ftp", 100),
    Unit.WATT: ("power_w", 1),
    Unit.WATT_PER_KG: ("power_w_per_kg", 1),
    Unit.POWER_ZONE: ("power_zone", 1),
    Unit.MAX_HR: ("heart_rate_pct_max", 100),
    Unit.LTHR: ("heart_rate_pct_lthr", 100),
    Unit.HRR: ("heart_rate_pct_reserve", 100),
    Unit.BPM: ("heart_rate_bpm", 1),
    Unit.HEART_ZONE: ("heart_rate_zone", 1),
    Unit.RPE: ("rpe", 1),
    Unit.RPM: ("cadence_rpm", 1),
    Unit.GRADE_PCT: ("grade_pct", 1),
    Unit.RESISTANCE_PCT: ("resistance_pct", 1),
    Unit.KMH: ("speed_kmh", 1),
    Unit.THRESHOLD_SPEED: ("speed_pct_threshold", 100),
}
ANY_FTP_W = 1000
SHARES_OF_FTP = {Unit.FTP, Unit.POWER_ZONE}
POWER_UNITS = {*SHARES_OF_FTP, Unit.WATT, Unit.WATT_PER_KG}


def workout_json(
    workout: Workout, warnings: tuple[ImportWarning, ...], ftp_w: int | None
) -> dict[str, Any]:
    """`begin_s` None: a step before it does not end by time. Times in s, load as a number.

    Without an FTP, load and intensity are known where all power is a share of it; work is not.
    """
    whole = planned(workout, ftp_w)
    return {
        "name": workout.name,
        "author": workout.author,
        "description": workout.description,
        "sport": workout.sport,
        "duration_s": _number(whole.duration_s),
        "distance_m": whole.distance_m,
        "steps": _steps(workout),
        "training_load": _rounded(whole.training_load, 1),
        "intensity_factor": _rounded(whole.intensity_factor, 3),
        "work_kj": _rounded(whole.work_kj, 1),
        "warnings": [{"line": warning.line, "text": warning.text} for warning in warnings],
    }


def planned(workout: Workout, ftp_w: int | None) -> PlanSummary:
    whole = summary(workout, Thresholds(ftp_w=ftp_w))
    units = {step.target.unit for step in workout.steps if isinstance(step.target, Aim)}
    if ftp_w is None and units & POWER_UNITS and units & POWER_UNITS <= SHARES_OF_FTP:
        for_any = summary(workout, Thresholds(ftp_w=ANY_FTP_W))
        return PlanSummary(
            whole.duration_s, whole.distance_m, for_any.training_load, for_any.intensity_factor,
            None, for_any.partial,
        )  # fmt: skip
    return whole


def target_json(target: StepTarget) -> dict[str, Any]:
    match target:
        case FreeRide():
            return {"type": "free"}
        case MaxEffort():
            return {"type": "max"}
        case Aim(unit=unit):
            name, factor = TARGET_TYPES[unit]
            (low, high), (end_low, end_high) = (
                (round(a * factor, 3), round(b * factor, 3)) for a, b in target.ranges
            )
            ramp = {"end_low": end_low, "end_high": end_high} if target.is_ramp else {}
            return {"type": name, "low": low, "high": high, **ramp}


def _steps(workout: Workout) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    at_ms: int | None = 0
    for step in workout.steps:
        begin_s = None if at_ms is None else _number(at_ms / 1000)
        steps.append({"kind": step.kind.value, "begin_s": begin_s, **_rest(step)})
        if at_ms is not None:
            until = step.until
            at_ms = at_ms + until.duration_ms if isinstance(until, ForDuration) else None
    return steps


def _rest(step: Step) -> dict[str, Any]:
    cadence = step.cadence
    return {
        **_until(step.until),
        "target": target_json(step.target),
        "cadence_rpm": None if cadence is None else [cadence.low_rpm, cadence.high_rpm],
        "texts": [{"at_s": _number(t.offset_ms / 1000), "text": t.text} for t in step.texts],
    }


def _until(until: Until) -> dict[str, Any]:
    match until:
        case ForDuration(duration_ms=length_ms):
            return {"duration_s": _number(length_ms / 1000)}
        case ForDistance(distance_m=metres):
            return {"distance_m": metres}
        case ForWork(work_kj=work):
            return {"until": {"type": "work", "work_kj": work}}
        case UntilLap():
            return {"until": {"type": "lap"}}
        case UntilHeartRate(aim=aim, above=above):
            side = "above" if above else "below"
            return {"until": {"type": f"heart_rate_{side}", "target": target_json(aim)}}


def _number(value: float) -> float | int:
    """A whole number without its ".0"."""
    return int(value) if value == int(value) else value


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
