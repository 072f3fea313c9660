"""The profile of a workout as a chart of text. Pure.

A column is as tall as its effort as a share of threshold: exact for power, and for what has no
power a rough equivalent, so that a run by heart rate has a shape as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.core.target import Aim, FreeRide, MaxEffort, StepTarget, Unit
from hub.core.workout import ForDistance, ForWork, Step, Workout, duration_ms
from hub.core.zones import power_zones

HEIGHT = 8  # rows
BLOCKS = " ▁▂▃▄▅▆▇█"
FREE = "·"
ZONES = power_zones(1.0)
EFFORT_FREE = 0.5
EFFORT_MAX = 1.5
EFFORT_LEAST, EFFORT_MOST = 1.2, 2.0  # the chart's top lies between

# What is drawn of a step that does not end by time.
OPEN_S = 300
SPEED_MS = {"bike": 8.3, "run": 3.0, "row": 3.7}
POWER_W = 150

# Middle of each heart zone (50-60, 60-70 ... % of maximum) at a threshold of 90 % of maximum.
OF_HEART_ZONE = (0.61, 0.72, 0.83, 0.94, 1.06)


@dataclass(frozen=True, slots=True)
class Column:
    """`zone` 1-7 colours it; 0: free. `effort` is a share of threshold."""

    effort: float
    zone: int


def columns(workout: Workout, ftp_w: int | None, width: int) -> list[Column]:
    """`width` columns, each the hardest effort of the time that it stands for."""
    spans = [(span_s(step, workout.sport), step) for step in workout.steps]
    whole_s = sum(length for length, _ in spans)
    watts = [max(_ends(step.target)) for step in workout.steps if _in_watts(step.target)]
    threshold_w = ftp_w or max([*watts, 1.0]) / EFFORT_LEAST
    found: list[Column | None] = [None] * width
    at_s = 0.0
    for length, step in spans:
        first = min(int(at_s / whole_s * width), width - 1)
        last = min(max(int((at_s + length) / whole_s * width + 0.5), first + 1), width)
        for index in range(first, last):
            middle_s = (index + 0.5) / width * whole_s
            part = min(max((middle_s - at_s) / length, 0.0), 1.0)
            column = _column(step.target, part, threshold_w)
            there = found[index]
            if there is None or column.effort > there.effort:
                found[index] = column
        at_s += length
    return [column or Column(0.0, 0) for column in found]


def rows(drawn: list[Column]) -> list[tuple[int, list[tuple[str, int]]]]:
    """From the top: per cent of threshold at the row's upper edge; the signs and their zones."""
    most = max(column.effort for column in drawn)
    top = min(max(most, EFFORT_LEAST), EFFORT_MOST)
    picture = []
    for row in range(HEIGHT, 0, -1):
        signs = [(_sign(column, row, top), column.zone) for column in drawn]
        picture.append((round(top * row / HEIGHT * 100), signs))
    return picture


def span_s(step: Step, sport: str) -> float:
    """How long a step is drawn; a guess for one that does not end by time."""
    length_ms = duration_ms(step)
    if length_ms is not None:
        return length_ms / 1000
    if isinstance(step.until, ForDistance):
        return step.until.distance_m / SPEED_MS[sport]
    if isinstance(step.until, ForWork):
        return step.until.work_kj * 1000 / POWER_W
    return OPEN_S


def _sign(column: Column, row: int, top: float) -> str:
    eighths = round(min(column.effort, top) / top * HEIGHT * 8) - (row - 1) * 8
    if column.zone == 0 and eighths > 0:
        return FREE
    return BLOCKS[min(max(eighths, 0), 8)]


def _column(target: StepTarget, part: float, threshold_w: float) -> Column:
    match target:
        case FreeRide():
            return Column(EFFORT_FREE, 0)
        case MaxEffort():
            return Column(EFFORT_MAX, len(ZONES.zones))
        case Aim():
            begin, end = _ends(target)
            value = begin + (end - begin) * part
            effort = value / threshold_w if target.unit is Unit.WATT else value
            return Column(effort, ZONES.lookup(effort).number)


def _in_watts(target: StepTarget) -> bool:
    return isinstance(target, Aim) and target.unit is Unit.WATT


def _ends(target: StepTarget) -> tuple[float, float]:
    """Middles at the begin and at the end, as a share of threshold; watts stay watts."""
    if not isinstance(target, Aim):
        return EFFORT_FREE, EFFORT_FREE
    begin, end = (_share((low + high) / 2, target.unit) for low, high in target.ranges)
    return begin, end


def _share(value: float, unit: Unit) -> float:
    match unit:
        case Unit.FTP | Unit.LTHR | Unit.THRESHOLD_SPEED | Unit.WATT:
            return value
        case Unit.POWER_ZONE:
            zone = ZONES.zones[min(int(value), len(ZONES.zones)) - 1]
            return ((zone.above or zone.low * 1.2) + zone.low) / 2
        case Unit.HEART_ZONE:
            return OF_HEART_ZONE[min(int(value), 5) - 1]
        case Unit.MAX_HR:
            return value / 0.9
        case Unit.HRR:
            return value / 0.85
        case Unit.BPM:
            return value / 165
        case Unit.WATT_PER_KG:
            return value / 3.5
        case Unit.RPE:
            return value / 8
        case Unit.KMH:
            return value / 14
        case Unit.GRADE_PCT:
            return 0.6 + value / 15
        case Unit.RESISTANCE_PCT:
            return value / 60
        case Unit.RPM:
            return value / 100
