"""What ends a step, as a person writes it: "8 min", "1:30", "5 km", "250 kJ", "lap". Pure."""

from __future__ import annotations

import re

from hub.core.target import Aim
from hub.core.workout import (
    STEP_MS_MAX,
    ForDistance,
    ForDuration,
    ForWork,
    Until,
    UntilHeartRate,
    UntilLap,
)
from hub.formats.decimals import decimal, number_text
from hub.formats.lengths import METRES_MAX
from hub.formats.target_text import CHARS_MAX, parse_target, target_text

LAP = "lap"
KJ_MAX = 20_000
KJ_MIN = 1e-8  # the last digit that number_text writes
CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):([0-5]\d(?:\.\d{1,3})?)")
PART = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?)\s*([a-z]+)\s*")
MS_IN = {"h": 3_600_000, "hours": 3_600_000, "hour": 3_600_000, "min": 60_000, "minutes": 60_000,
         "minute": 60_000, "s": 1_000, "sec": 1_000, "seconds": 1_000}  # fmt: skip
METRES_IN = {"km": 1_000, "m": 1}
HEART_RATE = re.compile(r"(?:heart rate |HR )?(above|below) (.+)", re.IGNORECASE)


def until_text(until: Until) -> str:
    match until:
        case ForDuration(duration_ms=length_ms):
            return clock_text(length_ms)
        case ForDistance(distance_m=metres):
            return f"{metres} m" if metres % 1000 else f"{metres // 1000} km"
        case ForWork(work_kj=work_kj):
            return f"{number_text(max(work_kj, KJ_MIN))} kJ"
        case UntilLap():
            return LAP
        case UntilHeartRate(aim=aim, above=above):
            bound = Aim(aim.unit, aim.low, aim.high)  # a ramp's end bounds nothing
            return f"heart rate {'above' if above else 'below'} {target_text(bound)}"


def parse_until(text: str) -> Until:
    """Raises ValueError with what is wrong, in words for the one who wrote it."""
    text = " ".join(text.split())
    if len(text) > CHARS_MAX:
        raise ValueError(f"{text[:40]!r} ... is too long")
    if text.lower() == LAP:
        return UntilLap()
    if match := HEART_RATE.fullmatch(text):
        aim = parse_target(match[2])
        if not isinstance(aim, Aim) or aim.is_ramp:
            raise ValueError(f"{text!r}: {match[2]!r} is no heart rate")
        return UntilHeartRate(aim, above=match[1].lower() == "above")
    if (length_ms := parse_time(text)) is not None:
        return ForDuration(_within(length_ms, STEP_MS_MAX, text))
    parts = PART.findall(text.lower())
    if len(parts) == 1 and PART.fullmatch(text.lower()):
        value, unit = decimal(parts[0][0]), parts[0][1]
        if unit in METRES_IN:
            return ForDistance(_within(round(value * METRES_IN[unit]), METRES_MAX, text))
        if unit == "kj":
            if not 0 < value <= KJ_MAX:
                raise ValueError(f"{text!r} is not more than 0 and at most {KJ_MAX} kJ")
            return ForWork(value)
    raise ValueError(
        f"{text!r} is no length, such as 8 min, 1:30, 5 km, 250 kJ, lap or heart rate below 120 bpm"
    )


def parse_time(text: str) -> int | None:
    """ms of "1:30", "1:02:03", "90 s", "1 h 30 min"; None: it is none of them."""
    if match := CLOCK.fullmatch(text):
        hours, minutes, seconds = int(match[1] or 0), int(match[2]), float(match[3])
        return hours * 3_600_000 + minutes * 60_000 + round(seconds * 1000)
    parts = PART.findall(text.lower())
    if not parts or PART.sub("", text.lower()) or any(unit not in MS_IN for _, unit in parts):
        return None
    return round(sum(decimal(value) * MS_IN[unit] for value, unit in parts))


def clock_text(length_ms: int) -> str:
    """m:ss, with hours from one on and decimals where there are any."""
    seconds, ms = divmod(length_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, of_hour = divmod(minutes, 60)
    rest = f"{seconds:02d}" + (f".{ms:03d}".rstrip("0") if ms else "")
    return f"{hours}:{of_hour:02d}:{rest}" if hours else f"{minutes}:{rest}"


def _within(value: int, most: int, text: str) -> int:
    if not 1 <= value <= most:
        raise ValueError(f"{text!r} is too {'short' if value < 1 else 'long'} for a step")
    return value
