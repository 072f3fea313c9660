"""Whether a step that does not end by time has reached its end, from an athlete's own numbers.

Pure. The answer enters a lane as a result (hub.core.lanes.Met); samples never do.
"""

from __future__ import annotations

import msgspec

from hub.core.target import PUBLISHED, Thresholds, resolve
from hub.core.workout import ForDistance, ForDuration, ForWork, Until, UntilHeartRate, UntilLap
from hub.core.zone_schemes import ZoneChoice
from hub.wire.values import Metric

ROUNDING = 1e-6  # of sums of hundreds of seconds, in m and kJ

# A single beat is noise: heart rate has to stay beyond the bound for so many seconds.
HEART_HELD_S = 3


class Ridden(msgspec.Struct, frozen=True):
    """What an athlete has done in a phase so far. `heart_s`: seconds of heart rate beyond its bound
    without a break; a second without a live number breaks it.
    """

    distance_m: float = 0.0
    work_kj: float = 0.0
    heart_rate_bpm: float | None = None
    heart_s: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """`left`: m, kJ or bpm to go, never below 0; None: nobody can tell."""

    met: bool
    left: float | None


def judge(
    until: Until, ridden: Ridden, athlete: Thresholds, zones: ZoneChoice = PUBLISHED
) -> Verdict:
    """A step by time or until lap is never met: the clock and the rider end those."""
    match until:
        case ForDistance(distance_m=distance_m):
            left = max(distance_m - ridden.distance_m, 0.0)
            return Verdict(left < ROUNDING, left)
        case ForWork(work_kj=work_kj):
            left = max(work_kj - ridden.work_kj, 0.0)
            return Verdict(left < ROUNDING, left)
        case UntilHeartRate():
            beyond = _beyond_bpm(until, ridden.heart_rate_bpm, athlete, zones)
            if beyond is None:
                return Verdict(False, None)
            return Verdict(beyond >= 0 and ridden.heart_s >= HEART_HELD_S, max(-beyond, 0.0))
        case ForDuration() | UntilLap():
            return Verdict(False, None)


def metric_of(until: Until) -> Metric:
    """Which metric `left` gives away; power where there is none."""
    match until:
        case ForDistance():
            return Metric.SPEED_KMH
        case UntilHeartRate():
            return Metric.HEART_RATE_BPM
        case ForWork() | ForDuration() | UntilLap():
            return Metric.POWER_W


def is_beyond(
    until: Until,
    heart_rate_bpm: float | None,
    athlete: Thresholds,
    zones: ZoneChoice = PUBLISHED,
) -> bool:
    """Whether this second counts towards `Ridden.heart_s`."""
    if not isinstance(until, UntilHeartRate):
        return False
    beyond = _beyond_bpm(until, heart_rate_bpm, athlete, zones)
    return beyond is not None and beyond >= 0


def _beyond_bpm(
    until: UntilHeartRate, heart_rate_bpm: float | None, athlete: Thresholds, zones: ZoneChoice
) -> float | None:
    """How far; above the bottom of the range, or below: its bottom has to be reached as well.

    None: not measured, or the athlete's threshold for the author's unit is not known. One that was
    assumed ends a step as well: otherwise it would have no end but the rider's or its cap.
    """
    resolved = resolve(until.aim, athlete, zones=zones)
    if resolved is None or heart_rate_bpm is None:
        return None
    bound, _ = resolved.begin
    return heart_rate_bpm - bound if until.above else bound - heart_rate_bpm
