"""The profile of a workout as a chart of text. Pure.

A column is as tall as its effort as a share of threshold: exact for power, and for what has no
power a rough equivalent, so that a run by heart rate has a shape as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.core.equivalents import effort
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

# The share at 0, and what one of threshold is.
GUESSES: dict[Unit, tuple[float, float]] = {
    Unit.BPM: (0.0, 165),
    Unit.WATT_PER_KG: (0.0, 3.5),
    Unit.KMH: (0.0, 14),
    Unit.GRADE_PCT: (0.6, 15),
    Unit.RESISTANCE_PCT: (0.0, 60),
    Unit.RPM: (0.0, 100),
}


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
            share = value / threshold_w if target.unit is Unit.WATT else value
            return Column(share, ZONES.lookup(max(share, 0.0)).number)


def _in_watts(target: StepTarget) -> bool:
    return isinstance(target, Aim) and target.unit is Unit.WATT


def _ends(target: StepTarget) -> tuple[float, float]:
    """At the begin and at the end, as a share of threshold; watts stay watts."""
    if not isinstance(target, Aim):
        return EFFORT_FREE, EFFORT_FREE
    if target.unit is Unit.WATT:
        begin, end = ((low + high) / 2 for low, high in target.ranges)
        return begin, end
    return effort(target) or _guess(target)


def _guess(target: Aim) -> tuple[float, float]:
    """For what is somebody's own: as if by an athlete in the middle."""
    flat, threshold = GUESSES[target.unit]
    begin, end = (flat + (low + high) / 2 / threshold for low, high in target.ranges)
    return begin, end
