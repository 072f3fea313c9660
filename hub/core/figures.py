"""An athlete's figures as they changed: versions by date, for each sport. Pure.

A version counts from its date up to the next one's. Before the first version the first counts: what
was measured later is a better guess than nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hub.core.target import Thresholds
from hub.core.zone_schemes import ZoneChoice

BIKE = "bike"
SPORTS = (BIKE, "run", "row")


class Figures(msgspec.Struct, frozen=True):
    thresholds: Thresholds = Thresholds()
    zones: ZoneChoice = ZoneChoice()


class Version(msgspec.Struct, frozen=True):
    """`valid_from`: a date as ISO 8601 writes it, so that text sorts as time."""

    valid_from: str
    figures: Figures


def figures_on(by_sport: Mapping[str, Sequence[Version]], sport: str, date: str) -> Figures:
    """What counts on `date`. `by_sport`: each sport's versions, oldest first.

    A sport of which nothing is known has the bike's body (weight, resting and maximum heart rate),
    and no threshold: those differ from sport to sport.
    """
    own = _on(by_sport.get(sport, ()), date)
    if own is not None:
        return own
    bike = _on(by_sport.get(BIKE, ()), date) or Figures()
    return Figures(body_of(bike.thresholds))


def body_of(bike: Thresholds) -> Thresholds:
    """What another sport takes over from the bike's figures."""
    return Thresholds(
        max_hr_bpm=bike.max_hr_bpm, rest_hr_bpm=bike.rest_hr_bpm, weight_kg=bike.weight_kg
    )


def until(versions: Sequence[Version], valid_from: str) -> str | None:
    """The date at which the version after that of `valid_from` begins; None: it is the last."""
    later = (each.valid_from for each in versions if each.valid_from > valid_from)
    return min(later, default=None)


def _on(versions: Sequence[Version], date: str) -> Figures | None:
    begun = [each for each in versions if each.valid_from <= date]
    chosen = begun[-1] if begun else next(iter(versions), None)
    return None if chosen is None else chosen.figures
