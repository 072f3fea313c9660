"""Steps as formats say them that know only a time and a power. Pure."""

from __future__ import annotations

from hub.core.errors import UserError
from hub.core.target import UNITS, Aim, StepTarget, Thresholds, Unit, resolve
from hub.core.workout import (
    STEP_MS_MAX,
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    UntilHeartRate,
    UntilLap,
)
from hub.formats.until_text import clock_text, until_text
from hub.formats.written import Losses

SPEED_KMH = {"bike": 30.0, "run": 10.0, "row": 12.0}  # what a distance is taken at
OPEN_MS = 300_000  # what an open end is taken for, unless the step has a ceiling

Ends = tuple[tuple[float, float], tuple[float, float]]


def power_of(target: StepTarget, unit: Unit, ftp_w: float | None, losses: Losses) -> Ends | None:
    """(low, high) at the begin and at the end in `unit`, which is FTP or WATT.

    None: the target is no power, or W/kg of somebody's weight. Raises UserError when an FTP is
    needed and not known.
    """
    if not isinstance(target, Aim) or target.unit not in (Unit.FTP, Unit.POWER_ZONE, Unit.WATT):
        return None
    factor = 1.0
    if (target.unit is Unit.WATT) != (unit is Unit.WATT):
        if ftp_w is None or ftp_w <= 0:
            given = "watts" if target.unit is Unit.WATT else "shares of FTP"
            raise UserError(
                f"the workout is in {given}, which this format cannot say", remedy="give an FTP"
            )
        factor = ftp_w if unit is Unit.WATT else 1 / ftp_w
    shares = resolve(target, Thresholds(ftp_w=1))
    assert shares is not None
    most = UNITS[unit].bounds[1]
    if factor * max(*shares.begin, *shares.end) > most:
        losses.tell(f"powers above {most:g} of {'FTP' if unit is Unit.FTP else 'watts'}")
    (a, b), (c, d) = (
        (min(low * factor, most), min(high * factor, most))
        for low, high in (shares.begin, shares.end)
    )
    return (a, b), (c, d)


def timed_ms(step: Step, number: int, sport: str, watts: float | None, losses: Losses) -> int:
    """The step's length in time; a guess, told as a loss, where it does not end by time.

    `number` counts from 1. `watts`: the middle of what the step asks for, if that is known.
    """
    match step.until:
        case ForDuration(duration_ms=length_ms):
            if step.at_most_ms is not None:
                losses.tell(f"step {number}: its ceiling is left out")
            return length_ms
        case ForDistance(distance_m=metres):
            guess_ms = round(metres / SPEED_KMH.get(sport, SPEED_KMH["bike"]) * 3600)
        case ForWork(work_kj=work_kj):
            guess_ms = round(work_kj * 1_000_000 / watts) if watts else OPEN_MS
        case UntilLap() | UntilHeartRate():
            guess_ms = OPEN_MS
    guess_ms = min(max(guess_ms, 1000), step.at_most_ms or STEP_MS_MAX)
    if step.at_most_ms is not None and isinstance(step.until, UntilLap | UntilHeartRate):
        guess_ms = step.at_most_ms
    losses.tell(
        f"step {number} ends by {until_text(step.until)}; written as {clock_text(guess_ms)}"
    )
    return guess_ms
