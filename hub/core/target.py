"""What a step asks for, in the unit its author wrote, and what that means for one athlete.

An `Aim` keeps the author's unit and range; `resolve` turns it into watts, bpm or another quantity
that can be shown, compared with a reading, or steered. Units are a table: a new one is a row.

Sources: zones - hub.core.zone_schemes; heart-rate reserve - Karvonen 1957,
HRrest + p * (HRmax - HRrest); shares of LTHR - Friel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from hub.core.zone_schemes import LTHR_OF_MAX, ZoneChoice, heart_ranges, power_ranges

TRIM_PCT_MIN, TRIM_PCT_MAX = 50, 150
PUBLISHED = ZoneChoice()


class Unit(StrEnum):
    """Shares are fractions: 0.9 = 90 %."""

    FTP = "ftp"  # share of threshold power
    WATT = "w"
    WATT_PER_KG = "w_per_kg"
    POWER_ZONE = "power_zone"  # 1-7
    MAX_HR = "max_hr"  # share of maximum heart rate
    LTHR = "lthr"  # share of lactate threshold heart rate
    HRR = "hrr"  # share of heart-rate reserve
    BPM = "bpm"
    HEART_ZONE = "heart_zone"  # 1-5
    RPE = "rpe"  # 1-10
    RPM = "rpm"  # cadence as the main target
    GRADE_PCT = "grade_pct"
    RESISTANCE_PCT = "resistance_pct"  # of the machine's range
    KMH = "kmh"
    THRESHOLD_SPEED = "threshold_speed"  # share of threshold speed (pace targets of runners)


class Dimension(StrEnum):
    """What is compared with a reading, or steered."""

    POWER_W = "power_w"
    HEART_RATE_BPM = "heart_rate_bpm"
    RPE = "rpe"
    CADENCE_RPM = "cadence_rpm"
    GRADE_PCT = "grade_pct"
    RESISTANCE_PCT = "resistance_pct"
    SPEED_KMH = "speed_kmh"


class Thresholds(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What an athlete's targets are resolved by; None: not known."""

    ftp_w: int | None = None
    ftp_assumed: bool = False  # nobody measured or entered it
    max_hr_bpm: int | None = None
    lthr_bpm: int | None = None
    rest_hr_bpm: int | None = None
    weight_kg: float | None = None
    threshold_kmh: float | None = None

    @property
    def lthr_assumed(self) -> bool:
        return self.lthr_bpm is None and self.max_hr_bpm is not None

    @property
    def lthr_or_assumed_bpm(self) -> int | None:
        """Where nobody knows it, the share of the maximum that it is for most."""
        if self.lthr_bpm is None and self.max_hr_bpm is not None:
            return round(LTHR_OF_MAX * self.max_hr_bpm)
        return self.lthr_bpm


class Aim(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="t", tag="aim"):
    """From `low` to `high` of `unit`; equal: a single value. A ramp ends at another range.

    Raises ValueError outside the unit's bounds, when `high` is below `low`, or when only one end
    of a ramp's end is given (also when decoded).
    """

    unit: Unit
    low: float
    high: float
    end_low: float | None = None
    end_high: float | None = None

    def __post_init__(self) -> None:
        if (self.end_low is None) != (self.end_high is None):
            raise ValueError("a ramp ends at a range: both or neither")
        lowest, highest = UNITS[self.unit].bounds
        for low, high in self.ranges:
            if not lowest <= low <= high <= highest:
                raise ValueError(
                    f"{self.unit} is {lowest:g} to {highest:g}, low before high, "
                    f"not {low:g} to {high:g}"
                )

    @property
    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """At the begin and at the end of the step."""
        begin = (self.low, self.high)
        if self.end_low is None or self.end_high is None:
            return begin, begin
        return begin, (self.end_low, self.end_high)

    @property
    def is_ramp(self) -> bool:
        begin, end = self.ranges
        return begin != end


def aim(unit: Unit, begin: float, end: float | None = None) -> Aim:
    """A single value, or a linear ramp from one to another."""
    if end is None or end == begin:
        return Aim(unit, begin, begin)
    return Aim(unit, begin, begin, end, end)


class FreeRide(msgspec.Struct, frozen=True, tag_field="t", tag="free"):
    """No target: the rider decides."""


class MaxEffort(msgspec.Struct, frozen=True, tag_field="t", tag="max"):
    """As hard as it goes: shown, never steered."""


StepTarget = Aim | FreeRide | MaxEffort


class Resolved(msgspec.Struct, frozen=True):
    """An aim for one athlete: (low, high) at the step's begin and end, in the dimension's unit.

    `certain` False: it rests on a threshold that nobody measured; a guide on the screen, never
    for a trainer.
    """

    dimension: Dimension
    begin: tuple[float, float]
    end: tuple[float, float]
    certain: bool = True


def resolve(
    target: StepTarget,
    athlete: Thresholds,
    trim_pct: int = 100,
    *,
    zones: ZoneChoice = PUBLISHED,
) -> Resolved | None:
    """None: by feel, or the athlete's threshold for this unit is not known.

    `zones`: how the athlete divides power and heart rate, for targets by zone.
    `trim_pct` scales power, speed, grade and resistance, never heart rate, cadence or RPE.
    Raises ValueError outside 50-150.
    """
    if not TRIM_PCT_MIN <= trim_pct <= TRIM_PCT_MAX:
        raise ValueError(f"trim is {TRIM_PCT_MIN} to {TRIM_PCT_MAX} %, not {trim_pct}")
    if not isinstance(target, Aim):
        return None
    rule = UNITS[target.unit]
    scale = trim_pct / 100 if rule.dimension in TRIMMED else 1.0
    begin, end = (rule.range_of(low, high, athlete, zones) for low, high in target.ranges)
    if begin is None or end is None:
        return None
    return Resolved(
        rule.dimension,
        (begin[0] * scale, begin[1] * scale),
        (end[0] * scale, end[1] * scale),
        certain=not rule.is_assumed(athlete),
    )


def range_at(resolved: Resolved, elapsed_ms: int, length_ms: int | None) -> tuple[float, float]:
    """(low, high) `elapsed_ms` into a step; one without a length in time does not ramp."""
    if length_ms is None:
        return resolved.begin
    part = min(max(elapsed_ms / length_ms, 0.0), 1.0)
    low, high = (
        begin + (end - begin) * part
        for begin, end in zip(resolved.begin, resolved.end, strict=True)
    )
    return low, high


def middle_at(resolved: Resolved, elapsed_ms: int, length_ms: int | None) -> float:
    """The single value of a range: what is steered, and what an average is compared with."""
    low, high = range_at(resolved, elapsed_ms, length_ms)
    return (low + high) / 2


def round_half_up(value: float) -> int:
    # 1e-9: 0.55 * 100 is 55.00000000000001 and 1.15 * 100 is 114.99999999999999.
    return int(value + 0.5 + 1e-9)


Range = tuple[float, float]
RangeOf = Callable[[float, float, Thresholds, ZoneChoice], Range | None]
TRIMMED = frozenset(
    {Dimension.POWER_W, Dimension.SPEED_KMH, Dimension.GRADE_PCT, Dimension.RESISTANCE_PCT}
)


@dataclass(frozen=True, slots=True)
class UnitRule:
    """`range_of` answers None when the athlete's threshold is not known, `is_assumed` whether
    nobody measured or entered it.
    """

    dimension: Dimension
    bounds: Range
    range_of: RangeOf
    is_assumed: Callable[[Thresholds], bool] = lambda athlete: False


def _as_is(low: float, high: float, athlete: Thresholds, zones: ZoneChoice) -> Range:
    return low, high


def _share_of(field: str) -> RangeOf:
    def range_of(low: float, high: float, athlete: Thresholds, zones: ZoneChoice) -> Range | None:
        whole = getattr(athlete, field)
        return None if whole is None else (low * whole, high * whole)

    return range_of


def _of_reserve(low: float, high: float, athlete: Thresholds, zones: ZoneChoice) -> Range | None:
    if athlete.max_hr_bpm is None or athlete.rest_hr_bpm is None:
        return None
    reserve = athlete.max_hr_bpm - athlete.rest_hr_bpm
    return athlete.rest_hr_bpm + low * reserve, athlete.rest_hr_bpm + high * reserve


def _numbered(
    ranges_of: Callable[[Thresholds, ZoneChoice], tuple[Range, ...] | None],
) -> RangeOf:
    def range_of(low: float, high: float, athlete: Thresholds, zones: ZoneChoice) -> Range | None:
        ranges = ranges_of(athlete, zones)
        return None if ranges is None else (ranges[int(low) - 1][0], ranges[int(high) - 1][1])

    return range_of


def _ftp_assumed(athlete: Thresholds) -> bool:
    return athlete.ftp_assumed


def _lthr_assumed(athlete: Thresholds) -> bool:
    return athlete.lthr_assumed


UNITS: dict[Unit, UnitRule] = {
    # 3.0: above every sprint target seen in 332 real files.
    Unit.FTP: UnitRule(Dimension.POWER_W, (0.0, 3.0), _share_of("ftp_w"), _ftp_assumed),
    Unit.WATT: UnitRule(Dimension.POWER_W, (0.0, 2_500.0), _as_is),
    Unit.WATT_PER_KG: UnitRule(Dimension.POWER_W, (0.0, 30.0), _share_of("weight_kg")),
    Unit.POWER_ZONE: UnitRule(Dimension.POWER_W, (1.0, 7.0), _numbered(power_ranges), _ftp_assumed),
    Unit.MAX_HR: UnitRule(Dimension.HEART_RATE_BPM, (0.0, 1.1), _share_of("max_hr_bpm")),
    Unit.LTHR: UnitRule(
        Dimension.HEART_RATE_BPM, (0.0, 1.5), _share_of("lthr_or_assumed_bpm"), _lthr_assumed
    ),
    Unit.HRR: UnitRule(Dimension.HEART_RATE_BPM, (0.0, 1.1), _of_reserve),
    Unit.BPM: UnitRule(Dimension.HEART_RATE_BPM, (0.0, 250.0), _as_is),
    Unit.HEART_ZONE: UnitRule(Dimension.HEART_RATE_BPM, (1.0, 5.0), _numbered(heart_ranges)),
    Unit.RPE: UnitRule(Dimension.RPE, (0.0, 10.0), _as_is),
    Unit.RPM: UnitRule(Dimension.CADENCE_RPM, (0.0, 250.0), _as_is),
    Unit.GRADE_PCT: UnitRule(Dimension.GRADE_PCT, (-40.0, 40.0), _as_is),
    Unit.RESISTANCE_PCT: UnitRule(Dimension.RESISTANCE_PCT, (0.0, 100.0), _as_is),
    Unit.KMH: UnitRule(Dimension.SPEED_KMH, (0.0, 120.0), _as_is),
    Unit.THRESHOLD_SPEED: UnitRule(Dimension.SPEED_KMH, (0.0, 2.0), _share_of("threshold_kmh")),
}
