"""Steps, lengths and targets out of a file's numbers, within the bounds of the core. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from hub.core.errors import UserError
from hub.core.metrics import GROSS_EFFICIENCY, KJ_PER_KCAL
from hub.core.target import UNITS, Aim, Unit
from hub.core.workout import STEP_MS_MAX, STEPS_MAX, ForDistance, ForDuration, ForWork, Step
from hub.formats.decimals import number_text

METRES_MAX = 1_000_000
KCAL_MAX = 19_000
YARD_M = 0.9144
MILE_M = 1609.344

Warn = Callable[[str], None]


def bounded(steps: Iterable[Step]) -> list[Step]:
    """All of them, unrolled. Raises UserError as soon as there are too many."""
    found = list(islice(steps, STEPS_MAX + 1))
    if len(found) > STEPS_MAX:
        raise UserError(f"the workout has more than {STEPS_MAX} steps")
    return found


def for_seconds(seconds: float, warn: Warn) -> ForDuration | None:
    """None: nothing left of it; a warning says so."""
    length_ms = round(min(seconds, 1e9) * 1000)
    if length_ms > STEP_MS_MAX:
        warn("a step of more than a day; cut to one")
        length_ms = STEP_MS_MAX
    if length_ms < 1:
        warn("a step without length; left out")
        return None
    return ForDuration(length_ms)


def for_metres(metres: float, warn: Warn) -> ForDistance | None:
    """None: nothing left of it; a warning says so."""
    if metres > METRES_MAX:
        warn("a step of more than 1000 km; cut to that")
    whole = round(min(metres, METRES_MAX))
    if whole < 1:
        warn("a step without length; left out")
        return None
    return ForDistance(whole)


def for_kcal(kcal: float, warn: Warn) -> ForWork | None:
    """A meter of power counts work: 24 % of what a body burns. None: nothing left of it."""
    kj = round(min(kcal, KCAL_MAX) * KJ_PER_KCAL * GROSS_EFFICIENCY, 1)
    if kj <= 0:
        warn("a step without length; left out")
        return None
    warn(f"{number_text(kcal)} kcal are taken as {kj:g} kJ of work, at 24 % efficiency")
    return ForWork(kj)


def ranged(
    unit: Unit, first: float, second: float, warn: Warn, *, ramp: bool = False
) -> Aim | None:
    """From the one value to the other: as a ramp in this order, else as a range in either.

    None outside the unit's bounds; a warning says so.
    """
    first, second = round(first, 6), round(second, 6)
    try:
        if ramp and first != second:
            return Aim(unit, first, first, second, second)
        return Aim(unit, min(first, second), max(first, second))
    except ValueError:
        lowest, highest = UNITS[unit].bounds
        warn(
            f"a target of {first:g} to {second:g} is out of bounds ({lowest:g} to {highest:g}); "
            "left out"
        )
        return None
