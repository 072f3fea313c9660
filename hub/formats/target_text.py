"""A step's target as a person writes it: "95-100 % FTP", "40 -> 75 %", "heart zone 2". Pure.

    TARGET = "free" | "max" | SIDE [ "->" SIDE ]       an arrow is a ramp
    SIDE   = [ WORD ] NUMBER [ "-" NUMBER ] [ WORD ]   a range has a dash, with `to` and `..` alike

The unit is the word before or after, once or on both sides; per cent alone is of FTP.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.core.target import Aim, FreeRide, MaxEffort, StepTarget, Unit
from hub.formats.decimals import decimal, number_text


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a unit is written: the first is what we write. `scale`: written 90 for 0.9 is 100."""

    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    scale: int = 1


SPELLINGS: dict[Unit, Spelling] = {
    Unit.FTP: Spelling(after=("% FTP", "%"), scale=100),
    Unit.WATT: Spelling(after=("W", "watts", "watt")),
    Unit.WATT_PER_KG: Spelling(after=("W/kg",)),
    Unit.POWER_ZONE: Spelling(before=("power zone", "zone", "Z")),
    Unit.MAX_HR: Spelling(after=("% HRmax", "% max HR"), scale=100),
    Unit.LTHR: Spelling(after=("% LTHR",), scale=100),
    Unit.HRR: Spelling(after=("% HRR",), scale=100),
    Unit.BPM: Spelling(after=("bpm",)),
    Unit.HEART_ZONE: Spelling(before=("heart zone", "HR zone")),
    Unit.RPE: Spelling(before=("RPE",)),
    Unit.RPM: Spelling(after=("rpm",)),
    Unit.GRADE_PCT: Spelling(after=("% grade",)),
    Unit.RESISTANCE_PCT: Spelling(after=("% resistance",)),
    Unit.KMH: Spelling(after=("km/h", "kmh", "kph")),
    Unit.THRESHOLD_SPEED: Spelling(after=("% threshold speed", "% threshold pace"), scale=100),
}

FREE, MAX = "free", "max"
CHARS_MAX = 100
NUMBER = r"-?\d{1,9}(?:[.,]\d{1,12})?"
SIDE = re.compile(
    rf"(?P<before>[^\d<>-]*?)\s*(?P<low>{NUMBER})"
    rf"(?:\s*(?:-|–|\.\.|to)\s*(?P<high>{NUMBER}))?\s*(?P<after>[^\d<>-]*)"
)
ARROW = re.compile(r"->|→")


def target_text(target: StepTarget) -> str:
    match target:
        case FreeRide():
            return FREE
        case MaxEffort():
            return MAX
        case Aim(unit=unit):
            begin, end = target.ranges
            sides = (begin, end) if target.is_ramp else (begin,)
            spelling = SPELLINGS[unit]
            values = " -> ".join(_range_text(*side, spelling.scale) for side in sides)
            return f"{spelling.before[0]} {values}" if spelling.before else _after(values, spelling)


def parse_target(text: str) -> StepTarget:
    """Raises ValueError with what is wrong, in words for the one who wrote it."""
    text = " ".join(text.split())
    if len(text) > CHARS_MAX:
        raise ValueError(f"{text[:40]!r} ... is too long")
    if text.lower() in (FREE, "free ride"):
        return FreeRide()
    if text.lower() in (MAX, "max effort"):
        return MaxEffort()
    sides = [_parse_side(side, text) for side in ARROW.split(text)]
    units = {unit for unit, _, _ in sides if unit is not None}
    if len(sides) > 2 or len(units) > 1:
        raise ValueError(f"{text!r} is no ramp from one value to another of the same unit")
    if not units:
        raise ValueError(f"{text!r} has no unit; write {text} % FTP, {text} W, {text} bpm ...")
    unit = units.pop()
    scale = SPELLINGS[unit].scale
    (low, high), *end = [(_scaled(a, scale), _scaled(b, scale)) for _, a, b in sides]
    return Aim(unit, low, high, *end[0]) if end and end[0] != (low, high) else Aim(unit, low, high)


def _after(values: str, spelling: Spelling) -> str:
    return f"{values} {spelling.after[0]}"


def _range_text(low: float, high: float, scale: int) -> str:
    first, last = number_text(low * scale), number_text(high * scale)
    if first == last:
        return first
    return f"{first} to {last}" if "-" in first + last else f"{first}-{last}"


def _parse_side(side: str, whole: str) -> tuple[Unit | None, float, float]:
    match = SIDE.fullmatch(side.strip())
    if match is None:
        raise ValueError(f"{whole!r} is no target, such as 90 %, 200-240 W or 40 -> 75 %")
    low = decimal(match["low"])
    high = low if match["high"] is None else decimal(match["high"])
    before, after = _word(match["before"]), _word(match["after"])
    if not before and not after:
        return None, low, high
    if (before, after) not in UNIT_OF:
        raise ValueError(f"{whole!r}: {(match['before'] or match['after']).strip()!r} is no unit")
    return UNIT_OF[before, after], low, high


def _scaled(value: float, scale: int) -> float:
    return value if scale == 1 else round(value / scale, 10)


def _word(text: str) -> str:
    return "".join(text.split()).lower()


UNIT_OF: dict[tuple[str, str], Unit] = {
    **{(_word(w), ""): unit for unit, spelling in SPELLINGS.items() for w in spelling.before},
    **{("", _word(w)): unit for unit, spelling in SPELLINGS.items() for w in spelling.after},
}
