"""Whose strap is this: the nearest one, and one that comes back under another name. Pure.

A strap is remembered by its `sensor_id`. Where that changes (an operating system that hides
addresses, a watch that changes its own) serial tag and model say that it is the same, else its
name does; the athlete confirms that once. Straps that are another's, or nobody's and far away,
are foreign: nobody is asked about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from hub.store.rows import KnownSensor

NEAR_DBM = -75  # at arm's length of the radio; across a room it is less
MARGIN_DB = 6  # louder than the next by so much: bodies and hands take 3 to 5
LEVELS_MAX = 5  # of the newest advertisements, their median counts: one alone swings by 10 dB
OWN_DIGITS_MIN = 3  # "H10 1F2A3B" names one strap, "HRM" names any


class Strap(NamedTuple):
    """`athlete`: whose it is, "" for nobody's. `levels_dbm`: newest advertisements."""

    sensor_id: str
    name: str
    athlete: str
    levels_dbm: tuple[int, ...]


class Standing(StrEnum):
    OWN = "own"
    ANOTHERS = "anothers"
    FAR = "far"
    NEAR = "near"  # nobody's, and close enough to ask


def standing(strap: Strap, athlete: str) -> Standing:
    """What the strap is to this athlete."""
    if strap.athlete:
        return Standing.OWN if strap.athlete == athlete else Standing.ANOTHERS
    return Standing.NEAR if level_dbm(strap) >= NEAR_DBM else Standing.FAR


def level_dbm(strap: Strap) -> float:
    return median(strap.levels_dbm) if strap.levels_dbm else -127.0


def nearest(straps: Iterable[Strap], athlete: str, refused: Set[str]) -> Strap | None:
    """The strap to ask the athlete about; None: there is none, or two are too much alike.

    `refused`: straps that the athlete said are somebody else's.
    """
    near = [
        strap
        for strap in straps
        if strap.sensor_id not in refused and standing(strap, athlete) is Standing.NEAR
    ]
    near.sort(key=lambda strap: (-level_dbm(strap), strap.sensor_id))
    if not near or (len(near) > 1 and level_dbm(near[0]) - level_dbm(near[1]) < MARGIN_DB):
        return None
    return near[0]


class Merge(NamedTuple):
    """The sensor just met is probably `same_as`, which is this athlete's.

    `sure`: they confirmed a change of this very sensor before, and need not be asked again.
    """

    same_as: str
    athlete: str
    sure: bool


def merge(
    met: KnownSensor,
    known: Iterable[KnownSensor],
    holders: Mapping[str, str],
    here: Set[str],
) -> Merge | None:
    """Which of the sensors that are away `met` is, if any.

    Args:
        met: nobody's; once it was answered for, its `alias_of` is set and there is no question.
        holders: athlete of each sensor that is somebody's.
        here: sensors that are heard now. They are themselves, and not `met`.
    """
    if met.alias_of:
        return None
    found = []
    for other in known:
        athlete = holders.get(other.sensor_id)
        if athlete is None or other.sensor_id in here or other.sensor_id == met.sensor_id:
            continue
        by_serial = _same_serial(met, other)
        if by_serial or _same_name(met, other):
            same_as = other.alias_of if other.is_merged else other.sensor_id
            found.append(Merge(same_as, athlete, by_serial and other.is_merged))
    return max(found, key=lambda one: (one.sure, one.same_as), default=None)


def _same_serial(one: KnownSensor, other: KnownSensor) -> bool:
    """DESIGN: "aliased by Device Information serial + model"; the tag holds both."""
    return one.serial_tag != "" and (one.serial_tag, one.model) == (other.serial_tag, other.model)


def _same_name(one: KnownSensor, other: KnownSensor) -> bool:
    """ "else by name": only where no serial speaks, and the name is one sensor's own."""
    apart = one.serial_tag and other.serial_tag
    own = sum(letter.isdigit() for letter in one.name) >= OWN_DIGITS_MIN
    return not apart and own and one.name == other.name and set(one.kinds) == set(other.kinds)
