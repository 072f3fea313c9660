"""The same effort in another measure: for riders without power, and for pictures. Pure.

Source: Coggan's training levels (Allen & Coggan, "Training and Racing with a Power Meter"), whose
table gives for each level the average power in % of FTP, the heart rate in % of the threshold's,
and the perceived exertion on Borg's scale of ten. Its lowest level has no lower bound and its
highest no upper one; heart rate says nothing from the sixth level on. What the table leaves out
and is drawn here: 50 % of threshold heart rate under the first level, 111 % over the fifth (that is
the maximum, for a threshold at 90 % of it), and exertions 8 to 10 over the sixth and seventh.

Heart rate follows with a lag of half a minute and more, so a short step is told by feel.
"""

from __future__ import annotations

from typing import NamedTuple

from hub.core.target import (
    PUBLISHED,
    Aim,
    Dimension,
    MaxEffort,
    Resolved,
    StepTarget,
    Thresholds,
    Unit,
    resolve,
)
from hub.core.zone_schemes import LTHR_OF_MAX, ZoneChoice
from hub.core.zones import HEART_LOW_PCT, POWER_LOW_PCT

REST_OF_MAX = 0.32  # 60 of 188 bpm
HEART_MS_MIN = 120_000  # in a shorter step heart rate has not arrived yet
HIGHEST_SHARE = 2.0


class Level(NamedTuple):
    """Shares of FTP from `low` up to `high`; of LTHR, None: it says nothing; exertion 0 to 10."""

    low: float
    high: float
    lthr: tuple[float, float] | None
    rpe: tuple[float, float]


LEVELS = (
    Level(0.00, 0.55, (0.50, 0.68), (1, 2)),
    Level(0.55, 0.75, (0.69, 0.83), (2, 3)),
    Level(0.75, 0.90, (0.84, 0.94), (3, 4)),
    Level(0.90, 1.05, (0.95, 1.05), (4, 5)),
    Level(1.05, 1.20, (1.06, 1.11), (6, 7)),
    Level(1.20, 1.50, None, (8, 9)),
    Level(1.50, HIGHEST_SHARE, None, (10, 10)),
)

Shares = tuple[float, float]


def asked(
    target: StepTarget,
    athlete: Thresholds,
    trim_pct: int = 100,
    *,
    zones: ZoneChoice = PUBLISHED,
    length_ms: int | None = None,
    has_power: bool = True,
) -> Resolved | None:
    """What a screen asks of this athlete: the target itself, or the same effort by what they have.

    A power target of somebody without power, or without the threshold that it is a share of, is
    told in heart rate, and by feel where that says nothing. Never for a trainer. None: no target.
    """
    own = resolve(target, athlete, trim_pct, zones=zones)
    if own is not None and (has_power or own.dimension is not Dimension.POWER_W):
        return own
    shares = _power_shares(target, athlete)
    if shares is None:
        return None
    shares = tuple((low * trim_pct / 100, high * trim_pct / 100) for low, high in shares)
    return _by_heart(shares, athlete, length_ms) or _by_feel(shares)


def effort(target: StepTarget) -> Shares | None:
    """The share of FTP that a target is about as hard as, at its begin and end; None: unknown.

    For heights and colours of pictures only: it knows no athlete.
    """
    if isinstance(target, MaxEffort):
        return POWER_LOW_PCT[-1] / 100, POWER_LOW_PCT[-1] / 100
    if not isinstance(target, Aim):
        return None
    share_of = _EFFORT.get(target.unit)
    if share_of is None:
        return None
    begin, end = (share_of(low, high) for low, high in target.ranges)
    return round(begin, 4), round(end, 4)


def level_of(share: float) -> Level:
    """A level includes its lower bound; the highest has no upper one."""
    return next(level for level in reversed(LEVELS) if share >= level.low)


def _power_shares(target: StepTarget, athlete: Thresholds) -> tuple[Shares, ...] | None:
    """Of FTP, at the begin and at the end; None: no power target, or nobody can tell."""
    if not isinstance(target, Aim):
        return None
    if target.unit is Unit.FTP:
        return target.ranges
    if target.unit is Unit.POWER_ZONE:
        return tuple((_zone_low(low), _zone_above(high)) for low, high in target.ranges)
    watts = resolve(target, athlete)
    if watts is None or watts.dimension is not Dimension.POWER_W or not athlete.ftp_w:
        return None
    return tuple(
        (low / athlete.ftp_w, high / athlete.ftp_w) for low, high in (watts.begin, watts.end)
    )


def _by_heart(
    shares: tuple[Shares, ...], athlete: Thresholds, length_ms: int | None
) -> Resolved | None:
    if length_ms is not None and length_ms < HEART_MS_MIN:
        return None
    lthr = athlete.lthr_or_assumed_bpm
    bands = [(_lthr_of(low, high)) for low, high in shares]
    if lthr is None or None in bands:
        return None
    begin, end = ((band[0] * lthr, band[1] * lthr) for band in bands if band is not None)
    if athlete.max_hr_bpm is not None:
        begin, end = (
            (min(low, athlete.max_hr_bpm), min(high, athlete.max_hr_bpm))
            for low, high in (begin, end)
        )
    return Resolved(Dimension.HEART_RATE_BPM, begin, end, certain=False)


def _lthr_of(low: float, high: float) -> Shares | None:
    """The levels' own bands: the table says no more than that."""
    bottom, top = level_of(low).lthr, level_of(_inside(low, high)).lthr
    return None if bottom is None or top is None else (bottom[0], top[1])


def _by_feel(shares: tuple[Shares, ...]) -> Resolved:
    begin, end = (
        (level_of(low).rpe[0], level_of(_inside(low, high)).rpe[1]) for low, high in shares
    )
    return Resolved(Dimension.RPE, begin, end, certain=False)


def _inside(low: float, high: float) -> float:
    """The upper end of a range that stops where the next level begins is not in that level."""
    return high - 1e-6 if high > low else high


def _zone_low(number: float) -> float:
    return LEVELS[min(int(number), len(LEVELS)) - 1].low


def _zone_above(number: float) -> float:
    return LEVELS[min(int(number), len(LEVELS)) - 1].high


def _of_lthr(low: float, high: float) -> float:
    """Between the middles of the levels' bands, as a straight line."""
    share = (low + high) / 2
    knots = [(sum(one.lthr) / 2, (one.low + one.high) / 2) for one in LEVELS if one.lthr]
    if share <= knots[0][0]:
        return knots[0][1]
    for (x0, y0), (x1, y1) in zip(knots, knots[1:], strict=False):
        if share <= x1:
            return y0 + (share - x0) / (x1 - x0) * (y1 - y0)
    return knots[-1][1]


def _of_max(low: float, high: float) -> float:
    return _of_lthr(low / LTHR_OF_MAX, high / LTHR_OF_MAX)


def _of_reserve(low: float, high: float) -> float:
    return _of_max(*(REST_OF_MAX + share * (1 - REST_OF_MAX) for share in (low, high)))


def _of_heart_zone(low: float, high: float) -> float:
    bounds = (*HEART_LOW_PCT, 100)
    first, last = (min(max(int(number), 1), len(HEART_LOW_PCT)) for number in (low, high))
    return _of_max(bounds[first - 1] / 100, bounds[last] / 100)


def _of_rpe(low: float, high: float) -> float:
    exertion = (low + high) / 2
    level = next((one for one in LEVELS if exertion <= sum(one.rpe) / 2), LEVELS[-1])
    return (level.low + level.high) / 2


def _as_share(low: float, high: float) -> float:
    return (low + high) / 2


_EFFORT = {
    Unit.FTP: _as_share,
    Unit.THRESHOLD_SPEED: _as_share,
    Unit.POWER_ZONE: lambda low, high: (_zone_low(low) + _zone_above(high)) / 2,
    Unit.LTHR: _of_lthr,
    Unit.MAX_HR: _of_max,
    Unit.HRR: _of_reserve,
    Unit.HEART_ZONE: _of_heart_zone,
    Unit.RPE: _of_rpe,
}
