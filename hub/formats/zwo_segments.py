"""The segments of a ZWO file, each as steps: a table by tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lxml import etree

from hub.core.target import UNITS, Aim, FreeRide, MaxEffort, StepTarget, Unit, aim
from hub.core.workout import (
    STEPS_MAX,
    CadenceRange,
    Step,
    StepKind,
)
from hub.formats.decimals import finite
from hub.formats.imported import Doubts
from hub.formats.lengths import for_metres, for_seconds
from hub.formats.step_kinds import kind_of, name_of

PER_CENT_MIN = 10.0  # a greater power was never meant as a share; below it is a sprint

# `pace` of a run: of which race pace its powers are shares. Speed falls with distance to the power
# 0.06 (Riegel 1981), and threshold speed is held for an hour: about 12 km. Mile, 5 km, 10 km, half
# marathon, marathon.
PACE_OF_THRESHOLD = {"0": 1.13, "1": 1.05, "2": 1.01, "3": 0.97, "4": 0.93}


class Segment:
    """One element with its attributes by lower-case name."""

    def __init__(self, element: etree._Element, doubts: Doubts) -> None:
        self.element = element
        self.tag = tag_of(element)
        self.line = int(getattr(element, "sourceline", None) or 0)
        self.attributes = {str(k).lower(): str(v) for k, v in element.attrib.items()}
        self._doubts = doubts

    def number(self, *names: str) -> float | None:
        """The first of these attributes that is a finite number; "0,85" and "85 %" are some."""
        for name in names:
            value = number_of(self.attributes.get(name, ""))
            if value is not None:
                return value
            if self.attributes.get(name):
                self.warn(f"{name} {self.attributes[name][:20]!r} is no number")
        return None

    def warn(self, text: str) -> None:
        self._doubts.warn(self.line, text)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the head of the file says about all of its segments."""

    in_metres: bool = False
    run: bool = False
    ftp_override_w: float | None = None

    @property
    def unit(self) -> Unit:
        return Unit.THRESHOLD_SPEED if self.run else Unit.FTP

    @property
    def share_max(self) -> float:
        if self.ftp_override_w is None:
            return UNITS[self.unit].bounds[1]
        return UNITS[Unit.WATT].bounds[1] / self.ftp_override_w


def steps_of(segment: Segment, terms: Terms) -> Iterator[Step]:
    """Nothing for what cannot be ridden; a warning says so."""
    build = SEGMENTS.get(segment.tag)
    if build is not None:
        yield from build(segment, terms)
    elif segment.number("duration"):
        segment.warn(f"<{segment.element.tag}> is unknown; ridden without a target")
        yield from _free_ride(segment, terms)
    else:
        segment.warn(f"<{segment.element.tag}> is unknown; left out")


# One function for each kind of segment.


def _steady(segment: Segment, terms: Terms) -> Iterator[Step]:
    target = _level(segment, terms, ("power",), ("powerlow", "powerhigh"), "zone")
    yield from _step(segment, terms, kind_of(target), target)


def _warmup(segment: Segment, terms: Terms) -> Iterator[Step]:
    yield from _step(segment, terms, StepKind.WARMUP, _ramp_target(segment, terms))


def _cooldown(segment: Segment, terms: Terms) -> Iterator[Step]:
    yield from _step(segment, terms, StepKind.COOLDOWN, _ramp_target(segment, terms))


def _ramp(segment: Segment, terms: Terms) -> Iterator[Step]:
    target = _ramp_target(segment, terms)
    yield from _step(segment, terms, kind_of(target), target)


def _intervals(segment: Segment, terms: Terms) -> Iterator[Step]:
    repeat = segment.number("repeat")
    if repeat is None or not 1 <= repeat <= STEPS_MAX + 1:
        segment.warn("no sensible number of repeats; ridden once")
        repeat = 1
    on = _level(segment, terms, ("onpower",), ("poweronlow", "poweronhigh"), "poweronzone")
    off = _level(segment, terms, ("offpower",), ("powerofflow", "poweroffhigh"), "poweroffzone")
    under = kind_of(off) if segment.number("overunder") else StepKind.RECOVERY
    once = [
        *_step(segment, terms, StepKind.WORK, on, "onduration", _cadence(segment)),
        *_step(segment, terms, under, off, "offduration", _resting_cadence(segment)),
    ]
    for _ in range(int(repeat)):
        yield from once


def _free_ride(segment: Segment, terms: Terms) -> Iterator[Step]:
    yield from _step(segment, terms, StepKind.FREE, FreeRide())


def _max_effort(segment: Segment, terms: Terms) -> Iterator[Step]:
    yield from _step(segment, terms, StepKind.WORK, MaxEffort())


def _rest_day(segment: Segment, terms: Terms) -> Iterator[Step]:
    segment.warn("a rest day has nothing to ride")
    yield from ()


SEGMENTS: dict[str, Callable[[Segment, Terms], Iterator[Step]]] = {
    "steadystate": _steady,
    "solidstate": _steady,
    "warmup": _warmup,
    "cooldown": _cooldown,
    "ramp": _ramp,
    "intervalst": _intervals,
    "freeride": _free_ride,
    "maxeffort": _max_effort,
    "restday": _rest_day,
}


def _step(
    segment: Segment,
    terms: Terms,
    kind: StepKind,
    target: StepTarget,
    duration: str = "duration",
    cadence: CadenceRange | None = None,
) -> Iterator[Step]:
    length = segment.number(duration) or 0.0
    if length <= 0:
        segment.warn(f"<{segment.element.tag}> has no {duration}; left out")
        return
    until = (for_metres if terms.in_metres else for_seconds)(length, segment.warn)
    if until is None:
        return
    if duration == "duration":
        cadence = _cadence(segment)
    yield Step(name_of(kind, target), kind, until, target, cadence)


def _level(
    segment: Segment, terms: Terms, single: tuple[str, ...], low_high: tuple[str, str], zone: str
) -> StepTarget:
    """One power, a range with its bounds in either order, or a zone."""
    power = segment.number(*single)
    given = [segment.number(name) for name in low_high] if power is None else [power]
    shares = sorted(_share(segment, terms, share) for share in given if share is not None)
    if shares:
        return Aim(terms.unit, shares[0], shares[-1])
    number = segment.number(zone)
    if number is not None and 1 <= number <= 7:
        return aim(Unit.POWER_ZONE, float(int(number)))
    wanted = segment.number("target")  # seen beside zones only: where in the zone
    if wanted is not None:
        return aim(terms.unit, _share(segment, terms, wanted))
    segment.warn(f"<{segment.element.tag}> has no power; ridden without a target")
    return FreeRide()


def _ramp_target(segment: Segment, terms: Terms) -> StepTarget:
    """PowerLow is the start and PowerHigh the end, in every kind of ramp, also downwards."""
    begin, end = segment.number("powerlow", "power"), segment.number("powerhigh", "power")
    if begin is None or end is None:
        return _level(segment, terms, ("power",), ("powerlow", "powerhigh"), "zone")
    return aim(terms.unit, _share(segment, terms, begin), _share(segment, terms, end))


def _share(segment: Segment, terms: Terms, share: float) -> float:
    if share < 0:
        segment.warn(f"power {share:g} is negative; read as 0")
        return 0.0
    if share > max(terms.share_max, PER_CENT_MIN):
        segment.warn(f"power {share:g} is read as per cent")
        share /= 100
    if terms.run:
        share *= PACE_OF_THRESHOLD.get(segment.attributes.get("pace", ""), 1.0)
    if share > terms.share_max + 1e-6:  # as rounded by a writer
        segment.warn(f"power {share:g} is more than anybody rides; cut to {terms.share_max:g}")
    return round(min(share, terms.share_max), 6)


def _cadence(segment: Segment) -> CadenceRange | None:
    steady = segment.number("cadence")
    if steady is not None:
        return _cadence_range(segment, steady, steady)
    low, high = segment.number("cadencelow"), segment.number("cadencehigh")
    return None if low is None or high is None else _cadence_range(segment, low, high)


def _resting_cadence(segment: Segment) -> CadenceRange | None:
    steady = segment.number("cadenceresting")
    return None if steady is None else _cadence_range(segment, steady, steady)


def _cadence_range(segment: Segment, low: float, high: float) -> CadenceRange | None:
    low, high = min(low, high), max(low, high)
    if high == 0:  # written by some editors for "none"
        return None
    if not 0 < low <= high <= 250:
        segment.warn(f"a cadence of {low:g} to {high:g} is left out")
        return None
    return CadenceRange(round(low), round(high))


def number_of(text: str) -> float | None:
    """A finite one, also in per cent."""
    bare = text.strip().removesuffix("%")
    value = finite(bare)
    return value / 100 if value is not None and "%" in text else value


def milliseconds(seconds: float) -> int:
    return round(min(seconds, 1e9) * 1000)


def tag_of(element: etree._Element) -> str:
    return etree.QName(element).localname.lower()
