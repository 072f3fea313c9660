"""Workout -> FIT: as a file that a watch runs by itself, and as the plan within an activity."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from hub.core.metrics import energy_kcal
from hub.core.target import (
    Aim,
    FreeRide,
    MaxEffort,
    StepTarget,
    Thresholds,
    Unit,
    resolve,
)
from hub.core.workout import (
    ForDistance,
    ForDuration,
    ForWork,
    Step,
    StepKind,
    Until,
    UntilHeartRate,
    UntilLap,
    Workout,
)
from hub.formats.fit_messages import STRING_BYTES_MAX, FitWriter, is_cut
from hub.formats.repeats import Block, Repeat, fold
from hub.formats.target_text import target_text
from hub.formats.until_text import until_text
from hub.formats.written import Losses, Written

SPORTS = {
    "bike": ("cycling", "indoor_cycling"),
    "run": ("running", "treadmill"),
    "row": ("rowing", "indoor_rowing"),
}

# The four words that every reader knows; "interval" and "recovery" came later.
INTENSITIES = {
    StepKind.WARMUP: "warmup",
    StepKind.WORK: "active",
    StepKind.RECOVERY: "rest",
    StepKind.COOLDOWN: "cooldown",
    StepKind.FREE: "active",
}

# What a field holds in whole numbers that a rider would notice, and how many are 1 of ours.
IN_WHOLES = {Unit.FTP: 100, Unit.WATT: 1, Unit.MAX_HR: 100, Unit.BPM: 1, Unit.RPM: 1}

WATCH_STEPS_MAX = 50  # more is refused by many watches
CREATED = 1_000_000_000  # of every file: a workout has no date, and equal ones are equal bytes


def write_fit_workout(workout: Workout) -> Written:
    losses = Losses()
    fit = FitWriter()
    fit.message(
        "FILE_ID",
        type="workout",
        manufacturer="development",
        product=0,
        # Watches know files by this number and the time.
        serial_number=zlib.crc32(msgspec.json.encode(workout)),
        time_created=CREATED,
    )
    blocks = fold(workout.steps)
    losses.tell_of(workout, "author", "test", "say")
    count = _count(blocks)
    if count > WATCH_STEPS_MAX:
        losses.tell(f"nothing, but {count} steps are more than many watches take")
    write_plan(fit, workout, blocks, losses)
    return Written(fit.close(), losses.warnings)


def write_plan(fit: FitWriter, workout: Workout, blocks: tuple[Block, ...], losses: Losses) -> None:
    """The messages of the workout; `blocks` are its steps, folded or one by one."""
    sport, sub_sport = SPORTS.get(workout.sport, ("generic", "generic"))
    _tell_of_cut({"name": workout.name, "description": workout.description}, losses.tell)
    fit.message(
        "WORKOUT",
        wkt_name=workout.name,
        wkt_description=workout.description,
        sport=sport,
        sub_sport=sub_sport,
        num_valid_steps=_count(blocks),
    )
    _write_blocks(fit, blocks, 0, losses)


def _count(blocks: tuple[Block, ...]) -> int:
    """Steps as FIT counts them: a repeat is one, after what it repeats."""
    return sum(1 + _count(block.blocks) if isinstance(block, Repeat) else 1 for block in blocks)


def _write_blocks(fit: FitWriter, blocks: tuple[Block, ...], index: int, losses: Losses) -> int:
    """The index after the last one written."""
    for block in blocks:
        if isinstance(block, Step):
            _write_step(fit, block, index, losses)
        else:
            first = index
            index = _write_blocks(fit, block.blocks, index, losses)
            fit.message(
                "WORKOUT_STEP",
                message_index=index,
                duration_type="repeat_until_steps_cmplt",
                duration_value=first,
                target_type="open",
                target_value=block.times,
            )
        index += 1
    return index


def _write_step(fit: FitWriter, step: Step, index: int, losses: Losses) -> None:
    def tell(text: str) -> None:
        losses.tell(f"{step.name[:40]!r}: {text}")

    duration_type, duration = _duration(step.until, tell)
    if step.at_most_ms is not None:
        tell("its ceiling is left out")
    target, words = _target(step.target, tell)
    cadence = None
    if step.cadence is not None:
        cadence = _Values("cadence", step.cadence.low_rpm, step.cadence.high_rpm)
        if target is None:  # nothing else to hold
            target, cadence = cadence, None
    read = StepKind.FREE if target is None else StepKind.WORK  # "active" is both
    if INTENSITIES[step.kind] == "active" and step.kind is not read and not words:
        tell(f"its kind, {step.kind}")
    if any(text.offset_ms for text in step.texts):
        tell("texts after its beginning are left out")
    at_begin = (text.text for text in step.texts if text.offset_ms == 0)
    notes = " ".join(filter(None, (words, *at_begin)))
    _tell_of_cut({"name": step.name, "text": notes}, tell)
    fit.message(
        "WORKOUT_STEP",
        message_index=index,
        wkt_step_name=step.name,
        duration_type=duration_type,
        duration_value=duration,
        target_type="open" if target is None else target.kind,
        target_value=0 if target is None else target.zone,
        custom_target_value_low=None if target is None else target.low,
        custom_target_value_high=None if target is None else target.high,
        secondary_target_type=None if cadence is None else cadence.kind,
        secondary_target_value=None if cadence is None else 0,
        secondary_custom_target_value_low=None if cadence is None else cadence.low,
        secondary_custom_target_value_high=None if cadence is None else cadence.high,
        intensity=INTENSITIES[step.kind],
        notes=notes,
    )


def _tell_of_cut(texts: Mapping[str, str], tell: Callable[[str], None]) -> None:
    for what, text in texts.items():
        if is_cut(text):
            tell(f"what its {what} says beyond {STRING_BYTES_MAX} bytes")


@dataclass(frozen=True, slots=True)
class _Values:
    """A target as the profile says it: from low to high, or a zone by its number."""

    kind: str
    low: float | None = None
    high: float | None = None
    zone: int = 0


def _duration(until: Until, tell: Callable[[str], None]) -> tuple[str, float | None]:
    match until:
        case ForDuration(duration_ms=length_ms):
            return "time", length_ms
        case ForDistance(distance_m=metres):
            return "distance", metres * 100
        case ForWork(work_kj=work_kj):
            kcal = max(round(energy_kcal(work_kj)), 1)
            tell(f"{until_text(until)} are written as {kcal} kcal")
            return "calories", kcal
        case UntilHeartRate(aim=aim, above=above) if aim.unit in (
            Unit.BPM,
            Unit.MAX_HR,
            Unit.HEART_ZONE,
        ):
            value = _heart_values(aim).low
            if aim.unit is Unit.MAX_HR and aim.low > 1:
                tell(f"{until_text(until)} is cut")
            return "hr_greater_than" if above else "hr_less_than", value
        case UntilHeartRate():
            tell(f"it ends by {until_text(until)}; written as by the lap button")
            return "open", None
        case UntilLap():
            return "open", None


def _target(target: StepTarget, tell: Callable[[str], None]) -> tuple[_Values | None, str]:
    """What the profile can say of it, and the words for what it cannot."""
    match target:
        case FreeRide():
            return None, ""
        case MaxEffort():
            tell("a max effort is written as words")
            return None, "Max effort"
        case Aim(unit=unit):
            write = TARGETS.get(unit)
            values = None if write is None else write(target)
            if values is None:
                words = target_text(target)
                tell(f"{words} is written as words")
                return None, words
            if target.is_ramp:
                tell("a ramp is written as the range that it goes through")
            if unit in IN_WHOLES:
                _tell_of_wholes(target, IN_WHOLES[unit], tell)
            return values, ""


def _tell_of_wholes(target: Aim, per: int, tell: Callable[[str], None]) -> None:
    values = [value * per for ends in target.ranges for value in ends]
    if target.unit is Unit.MAX_HR and max(values) > 100:
        tell(f"{target_text(target)} is cut")
    elif any(abs(value - round(value)) > 1e-6 for value in values):
        tell(f"{target_text(target)} is rounded")


def _ends(target: Aim) -> tuple[float, float]:
    """FIT has no ramps: from the lowest to the highest."""
    values = [value for ends in target.ranges for value in ends]
    return min(values), max(values)


def _power_values(target: Aim) -> _Values:
    low, high = _ends(target)
    if target.unit is Unit.WATT and high > 0:  # 0 W + 1000 would be 1000 % of FTP
        return _Values("power", low + 1000, high + 1000)
    return _Values("power", low * 100, high * 100)


def _power_zone_values(target: Aim) -> _Values:
    low, high = _ends(target)
    if low == high:
        return _Values("power", zone=int(low))
    return _power_values(Aim(Unit.FTP, *_of_zones(target, Thresholds(ftp_w=1))))


def _heart_values(target: Aim) -> _Values:
    low, high = _ends(target)
    match target.unit:
        case Unit.BPM:
            return _Values("heart_rate", low + 100, max(high, 1) + 100)  # 100: 100 % of maximum
        case Unit.HEART_ZONE:
            low, high = _of_zones(target, Thresholds(max_hr_bpm=1))
            return _Values("heart_rate", min(low * 100, 100), min(high * 100, 100))
        case _:
            return _Values("heart_rate", min(low * 100, 100), min(high * 100, 100))


def _heart_zone_values(target: Aim) -> _Values:
    low, high = _ends(target)
    return _Values("heart_rate", zone=int(low)) if low == high else _heart_values(target)


def _of_zones(target: Aim, athlete: Thresholds) -> tuple[float, float]:
    resolved = resolve(target, athlete)
    assert resolved is not None
    ends = (*resolved.begin, *resolved.end)
    return min(ends), max(ends)


def _plain_values(kind: str, scale: float = 1) -> Callable[[Aim], _Values | None]:
    def values(target: Aim) -> _Values | None:
        low, high = _ends(target)
        return None if low < 0 else _Values(kind, low * scale, high * scale)

    return values


TARGETS: dict[Unit, Callable[[Aim], _Values | None]] = {
    Unit.FTP: _power_values,
    Unit.WATT: _power_values,
    Unit.POWER_ZONE: _power_zone_values,
    Unit.MAX_HR: _heart_values,
    Unit.BPM: _heart_values,
    Unit.HEART_ZONE: _heart_zone_values,
    Unit.RPM: _plain_values("cadence"),
    Unit.KMH: _plain_values("speed", 1000 / 3.6),
    Unit.GRADE_PCT: _plain_values("grade"),
    Unit.RESISTANCE_PCT: _plain_values("resistance"),
}
