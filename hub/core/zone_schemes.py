"""The ways to divide power or heart rate into zones, as a table, and the choice among them.

Bounds are per cent of a scheme's anchor: FTP, maximum heart rate, heart-rate reserve, or lactate
threshold heart rate. The names and the published bounds are those of hub.core.zones.

What a workout means by "zone 2" is said here too: docs/decisions/0023.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from hub.core import zones
from hub.core.zones import Zones

if TYPE_CHECKING:
    from hub.core.target import Thresholds  # whose targets by zone are resolved by what is here

BOUND_PCT_MIN, BOUND_PCT_MAX = 20.0, 300.0

# The ends of a zone that has none, as a range to ride in.
TOP_ZONE_WIDTH = 1.2  # of power: up to 1.2 times its lower bound
BOTTOM_HEART_SHARE = 0.5  # of heart rate: from half its upper bound
# Where Seiler 2010 puts the second threshold (hub.core.zones); 85 to 95 % in trained riders: a
# guide where one of the two is not known, and never one to steer by.
LTHR_OF_MAX = 0.9


class Scheme(StrEnum):
    COGGAN = "coggan"
    MAX_HR = "max_hr"
    KARVONEN = "karvonen"
    FRIEL = "friel"
    SEILER = "seiler"


class ZoneChoice(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """`*_bounds_pct`: where the second and every later zone begins; empty: as published.

    Raises ValueError for a heart scheme that is none, and for bounds that are too many, too few,
    out of range or do not ascend (also when decoded).
    """

    heart: Scheme = Scheme.MAX_HR
    power_bounds_pct: tuple[float, ...] = ()
    heart_bounds_pct: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.heart is Scheme.COGGAN:
            raise ValueError("coggan divides power, not heart rate")
        _check(Scheme.COGGAN, self.power_bounds_pct)
        _check(self.heart, self.heart_bounds_pct)


@dataclass(frozen=True, slots=True)
class SchemeRule:
    """`base_of`: the values of 0 and of 100 %, None while the athlete's threshold is not known.

    `numbered`: into so many it divides by number, the last of them open. Friel's seven are five:
    5a, 5b and 5c are parts of the fifth.
    """

    title: str
    names: Sequence[str]
    lows_pct: Sequence[float]
    needs: tuple[str, ...]
    base_of: Callable[[Thresholds], tuple[float, float] | None]
    numbered: int


def _of(field: str) -> Callable[[Thresholds], tuple[float, float] | None]:
    def base_of(athlete: Thresholds) -> tuple[float, float] | None:
        whole = getattr(athlete, field)
        return None if whole is None else (0.0, whole)

    return base_of


def _reserve(athlete: Thresholds) -> tuple[float, float] | None:
    if athlete.max_hr_bpm is None or athlete.rest_hr_bpm is None:
        return None
    return athlete.rest_hr_bpm, athlete.max_hr_bpm


SCHEMES: dict[Scheme, SchemeRule] = {
    Scheme.COGGAN: SchemeRule(
        "% of FTP", zones.POWER_NAMES, zones.POWER_LOW_PCT, ("ftp_w",), _of("ftp_w"), 7
    ),
    Scheme.MAX_HR: SchemeRule(
        "% of maximum heart rate",
        zones.HEART_NAMES,
        zones.HEART_LOW_PCT,
        ("max_hr_bpm",),
        _of("max_hr_bpm"),
        5,
    ),
    Scheme.KARVONEN: SchemeRule(
        "% of heart-rate reserve",
        zones.HEART_NAMES,
        zones.HEART_LOW_PCT,
        ("max_hr_bpm", "rest_hr_bpm"),
        _reserve,
        5,
    ),
    Scheme.FRIEL: SchemeRule(
        "% of threshold heart rate",
        zones.FRIEL_NAMES,
        zones.FRIEL_LOW_PCT,
        ("lthr_bpm",),
        _of("lthr_bpm"),
        5,
    ),
    Scheme.SEILER: SchemeRule(
        "% of maximum heart rate, three zones",
        zones.SEILER_NAMES,
        zones.SEILER_LOW_PCT,
        ("max_hr_bpm",),
        _of("max_hr_bpm"),
        3,
    ),
}


def power_zones_of(athlete: Thresholds, choice: ZoneChoice) -> Zones | None:
    """In watts; None without an FTP."""
    return _zones(Scheme.COGGAN, athlete, choice.power_bounds_pct)


def heart_zones_of(athlete: Thresholds, choice: ZoneChoice) -> Zones | None:
    """In bpm, by the athlete's scheme; None while what it needs is not known."""
    return _zones(choice.heart, athlete, choice.heart_bounds_pct)


def _zones(scheme: Scheme, athlete: Thresholds, bounds_pct: Sequence[float]) -> Zones | None:
    rule = SCHEMES[scheme]
    base = rule.base_of(athlete)
    if base is None:
        return None
    zero, whole = base
    lows_pct = (rule.lows_pct[0], *bounds_pct) if bounds_pct else rule.lows_pct
    return Zones([zero + pct * (whole - zero) / 100 for pct in lows_pct], rule.names)


def _check(scheme: Scheme, bounds_pct: Sequence[float]) -> None:
    if not bounds_pct:
        return
    rule = SCHEMES[scheme]
    wanted = len(rule.names) - 1
    if len(bounds_pct) != wanted:
        raise ValueError(f"{scheme} has {wanted} bounds between its zones, not {len(bounds_pct)}")
    if any(low >= high for low, high in pairwise((rule.lows_pct[0], *bounds_pct))):
        raise ValueError(f"the bounds of {scheme} ascend from {rule.lows_pct[0]} %")
    if not all(BOUND_PCT_MIN <= pct <= BOUND_PCT_MAX for pct in bounds_pct):
        raise ValueError(f"a bound lies between {BOUND_PCT_MIN:g} and {BOUND_PCT_MAX:g} %")


# What a workout's zone numbers mean

FIVE = 5
PUBLISHED_FIVES = (ZoneChoice(), ZoneChoice(heart=Scheme.FRIEL))

Range = tuple[float, float]


def power_ranges(athlete: Thresholds, choice: ZoneChoice) -> tuple[Range, ...] | None:
    """Watts from and to of a workout's power zones 1 to 7; None without an FTP."""
    known = power_zones_of(athlete, choice)
    if known is None:
        return None
    return _ranges(known.lows, known.lows[-1] * TOP_ZONE_WIDTH)


def heart_ranges(athlete: Thresholds, choice: ZoneChoice) -> tuple[Range, ...] | None:
    """Bpm from and to of a workout's heart zones 1 to 5; None: no heart rate is known to go by.

    By the athlete's own scheme where it counts to five; else by the published five of the maximum,
    and by Friel's where that is not known.
    """
    known = next(filter(None, (_five(athlete, each) for each in (choice, *PUBLISHED_FIVES))), None)
    if known is None:
        return None
    lows = list(known)
    lows[0] = lows[0] or lows[1] * BOTTOM_HEART_SHARE
    highest = athlete.max_hr_bpm
    if highest is None and athlete.lthr_bpm is not None:
        highest = round(athlete.lthr_bpm / LTHR_OF_MAX)
    return _ranges(lows, max(highest or 0, lows[-1]))


def _five(athlete: Thresholds, choice: ZoneChoice) -> tuple[float, ...] | None:
    known = heart_zones_of(athlete, choice)
    if known is None or SCHEMES[choice.heart].numbered != FIVE:
        return None
    return known.lows[:FIVE]


def _ranges(lows: Sequence[float], highest: float) -> tuple[Range, ...]:
    return tuple(zip(lows, (*lows[1:], highest), strict=True))
