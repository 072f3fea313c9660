"""The ways to divide power or heart rate into zones, as a table, and the choice among them.

Bounds are per cent of a scheme's anchor: FTP, maximum heart rate, heart-rate reserve, or lactate
threshold heart rate. The names and the published bounds are those of hub.core.zones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import msgspec

from hub.core import zones
from hub.core.target import Thresholds
from hub.core.zones import Zones

BOUND_PCT_MIN, BOUND_PCT_MAX = 20.0, 300.0


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
    """`base_of`: the values of 0 and of 100 %, None while the athlete's threshold is not known."""

    title: str
    names: Sequence[str]
    lows_pct: Sequence[float]
    needs: tuple[str, ...]
    base_of: Callable[[Thresholds], tuple[float, float] | None]


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
        "% of FTP", zones.POWER_NAMES, zones.POWER_LOW_PCT, ("ftp_w",), _of("ftp_w")
    ),
    Scheme.MAX_HR: SchemeRule(
        "% of maximum heart rate",
        zones.HEART_NAMES,
        zones.HEART_LOW_PCT,
        ("max_hr_bpm",),
        _of("max_hr_bpm"),
    ),
    Scheme.KARVONEN: SchemeRule(
        "% of heart-rate reserve",
        zones.HEART_NAMES,
        zones.HEART_LOW_PCT,
        ("max_hr_bpm", "rest_hr_bpm"),
        _reserve,
    ),
    Scheme.FRIEL: SchemeRule(
        "% of threshold heart rate",
        zones.FRIEL_NAMES,
        zones.FRIEL_LOW_PCT,
        ("lthr_bpm",),
        _of("lthr_bpm"),
    ),
    Scheme.SEILER: SchemeRule(
        "% of maximum heart rate, three zones",
        zones.SEILER_NAMES,
        zones.SEILER_LOW_PCT,
        ("max_hr_bpm",),
        _of("max_hr_bpm"),
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
