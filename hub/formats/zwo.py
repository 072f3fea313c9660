"""Zwift workouts (.zwo) -> Workout.

The format has no specification; h4l/zwift-workout-file-reference describes it, and 332 real files
showed the rest: tags and attributes in any case, cp1252 without a declaration, broken XML, text
events beside their segment, durations with decimals. Where there is structure it is imported and
what was doubtful is a warning with its line; where there is none it is one clear UserError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from lxml import etree
from msgspec.structs import replace

from hub.core.errors import UserError
from hub.core.target import UNITS, Aim, FreeRide, MaxEffort, StepTarget, Unit, aim
from hub.core.workout import (
    STEP_MS_MAX,
    STEPS_MAX,
    CadenceRange,
    ForDuration,
    Step,
    StepKind,
    StepText,
    Workout,
    duration_ms,
)
from hub.core.zones import power_zones
from hub.formats.imported import Doubts, Imported, text_of

TEXT_CHARS_MAX = 500
TEXTS_MAX = 1000
NAME_CHARS_MAX = 200
SHARE_MAX = UNITS[Unit.FTP].bounds[1]

# Below this share of FTP a steady segment is rest between efforts (Coggan zone 1).
RECOVERY_BELOW = 0.55

ZONES = power_zones(1.0)

KIND_NAMES = {
    StepKind.WARMUP: "Warm-up",
    StepKind.RECOVERY: "Recovery",
    StepKind.COOLDOWN: "Cool-down",
    StepKind.FREE: "Free ride",
}

SPORTS = {"bike": "bike", "run": "run", "row": "row"}


def parse_zwo(data: bytes) -> Imported:
    """Read a whole file. Raises UserError when it holds no workout."""
    return _Reader().read(data)


class _Segment:
    """One element with its attributes by lower-case name."""

    def __init__(self, element: etree._Element) -> None:
        self.element = element
        self.tag = _tag(element)
        self.line = int(getattr(element, "sourceline", None) or 0)
        self.attributes = {str(k).lower(): str(v) for k, v in element.attrib.items()}

    def number(self, *names: str) -> float | None:
        """The first of these attributes that is a finite number."""
        for name in names:
            try:
                value = float(self.attributes.get(name, ""))
            except ValueError:
                continue
            if math.isfinite(value):
                return value
        return None


class _Reader:
    """Collects steps, texts and warnings of one file."""

    def __init__(self) -> None:
        self._doubts = Doubts()
        self._warn = self._doubts.warn
        self._steps: list[Step] = []
        self._texts: list[tuple[int, str]] = []  # riding time from the start of the workout
        self._at_ms = 0

    def read(self, data: bytes) -> Imported:
        root = self._parse(text_of(data, self._doubts))
        self._refuse_metres(root)
        # Anywhere: after a missing end tag the parser nests what was meant to follow.
        body = next(
            (e for e in root.iter() if isinstance(e.tag, str) and _tag(e) == "workout"), None
        )
        if body is None:
            raise UserError("the file has no <workout>", remedy="is it a ZWO file?")
        for element in _elements(body):
            self._read_element(_Segment(element))
        if not self._steps:
            raise UserError("the workout has no steps", remedy="it may be a rest day")
        steps = _with_ends_named(_with_texts(self._steps, self._texts))
        workout = Workout(
            name=_text(root, "name", NAME_CHARS_MAX) or "Workout",
            steps=tuple(steps),
            description=_text(root, "description", 10 * TEXT_CHARS_MAX),
            author=_text(root, "author", NAME_CHARS_MAX),
            sport=SPORTS.get(_text(root, "sporttype", 20).lower(), "bike"),
        )
        return Imported(workout, self._doubts.warnings)

    def _parse(self, text: str) -> etree._Element:
        if "<" not in text:
            raise UserError("this is not XML", remedy="is it a link to the file, or its path?")
        if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
            # Entities in attributes are expanded even where the parser resolves none elsewhere.
            raise UserError("the file defines XML entities", remedy="remove its <!DOCTYPE …>")
        declaration = re.match(r"\s*<\?xml[^>]*\?>", text)
        if declaration:  # the encoding it names is gone; keep the lines
            text = "\n" * declaration.group().count("\n") + text[declaration.end() :]
        parser = etree.XMLParser(
            recover=True,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            encoding="utf-8",
        )
        try:
            root = etree.fromstring(text.replace("\0", "").encode(), parser)
        except etree.XMLSyntaxError:
            root = None
        if root is None:
            raise UserError("this is not XML", remedy="is it a ZWO file?")
        for error in parser.error_log:
            self._warn(error.line, f"broken XML: {error.message}")
        return root

    def _refuse_metres(self, root: etree._Element) -> None:
        if _text(root, "durationtype", 20).lower() == "distance":
            raise UserError(
                "the steps of this workout are measured in metres",
                remedy="only steps of a length in time can be imported",
            )

    def _read_element(self, segment: _Segment) -> None:
        if segment.tag in TEXT_TAGS:  # a sibling: its offset counts from the workout's start
            self._read_text(segment, 0)
            return
        begins_ms = self._at_ms
        build = SEGMENTS.get(segment.tag)
        if build is None:
            self._warn(segment.line, f"<{segment.element.tag}> is unknown; ridden without a target")
            build = _Reader.free_ride
        for step in build(self, segment):
            if len(self._steps) == STEPS_MAX:
                raise UserError(f"the workout has more than {STEPS_MAX} steps")
            self._steps.append(step)
            self._at_ms += duration_ms(step) or 0
        for element in _elements(segment.element):
            child = _Segment(element)
            if child.tag in TEXT_TAGS:
                self._read_text(child, begins_ms)
            else:
                self._read_element(child)

    def _read_text(self, segment: _Segment, base_ms: int) -> None:
        message = segment.attributes.get("message", "").strip()
        if not message:
            return
        if len(self._texts) == TEXTS_MAX:
            self._warn(segment.line, f"more than {TEXTS_MAX} texts; the rest is left out")
            return
        offset_s = segment.number("timeoffset")
        if offset_s is None and "distoffset" in segment.attributes:
            self._warn(segment.line, "a text at a distance; shown at the beginning of its step")
        self._texts.append((base_ms + max(_ms(offset_s or 0.0), 0), message[:TEXT_CHARS_MAX]))

    # One method for each kind of segment.

    def steady(self, segment: _Segment) -> Iterator[Step]:
        target = self._level(segment, ("power",), ("powerlow", "powerhigh"))
        yield from self._step(segment, _kind(target), target, "duration", "cadence")

    def warmup(self, segment: _Segment) -> Iterator[Step]:
        yield from self._step(segment, StepKind.WARMUP, self._ramp_target(segment), "duration")

    def cooldown(self, segment: _Segment) -> Iterator[Step]:
        yield from self._step(segment, StepKind.COOLDOWN, self._ramp_target(segment), "duration")

    def ramp(self, segment: _Segment) -> Iterator[Step]:
        target = self._ramp_target(segment)
        yield from self._step(segment, _kind(target), target, "duration")

    def intervals(self, segment: _Segment) -> Iterator[Step]:
        repeat = segment.number("repeat")
        if repeat is None or not 1 <= repeat <= STEPS_MAX:
            self._warn(segment.line, "no sensible number of repeats; ridden once")
            repeat = 1
        on = self._level(segment, ("onpower",), ("poweronlow", "poweronhigh"))
        off = self._level(segment, ("offpower",), ("powerofflow", "poweroffhigh"))
        once = [
            *self._step(segment, StepKind.WORK, on, "onduration", "cadence"),
            *self._step(segment, StepKind.RECOVERY, off, "offduration", "cadenceresting"),
        ]
        for _ in range(int(repeat)):
            yield from once

    def free_ride(self, segment: _Segment) -> Iterator[Step]:
        yield from self._step(segment, StepKind.FREE, FreeRide(), "duration")

    def max_effort(self, segment: _Segment) -> Iterator[Step]:
        yield from self._step(segment, StepKind.WORK, MaxEffort(), "duration")

    def rest_day(self, segment: _Segment) -> Iterator[Step]:
        self._warn(segment.line, "a rest day has nothing to ride")
        yield from ()

    def _step(
        self,
        segment: _Segment,
        kind: StepKind,
        target: StepTarget,
        duration: str,
        cadence: str = "cadence",
    ) -> Iterator[Step]:
        seconds = segment.number(duration)
        length_ms = _ms(seconds or 0.0)
        if length_ms < 1:
            self._warn(segment.line, f"<{segment.element.tag}> has no {duration}; left out")
            return
        if length_ms > STEP_MS_MAX:
            self._warn(segment.line, "a step of more than a day; cut to one")
            length_ms = STEP_MS_MAX
        yield Step(
            _name(kind, target),
            kind,
            ForDuration(length_ms),
            target,
            _cadence(segment, cadence),
        )

    def _level(
        self, segment: _Segment, single: tuple[str, ...], low_high: tuple[str, str]
    ) -> StepTarget:
        """One power, or a range; the bounds of a range come in either order."""
        power = segment.number(*single)
        given = [segment.number(name) for name in low_high] if power is None else [power]
        shares = sorted(self._share(segment, share) for share in given if share is not None)
        if not shares:
            self._warn(
                segment.line, f"<{segment.element.tag}> has no power; ridden without a target"
            )
            return FreeRide()
        return Aim(Unit.FTP, shares[0], shares[-1])

    def _ramp_target(self, segment: _Segment) -> StepTarget:
        """PowerLow is the start and PowerHigh the end, in every kind of ramp, also downwards."""
        begin, end = segment.number("powerlow", "power"), segment.number("powerhigh", "power")
        if begin is None or end is None:
            return self._level(segment, ("power",), ("powerlow", "powerhigh"))
        return aim(Unit.FTP, self._share(segment, begin), self._share(segment, end))

    def _share(self, segment: _Segment, share: float) -> float:
        if share < 0:
            self._warn(segment.line, f"power {share:g} is negative; read as 0")
            return 0.0
        if share > SHARE_MAX:
            # 85 can only have been meant as per cent; 300 % is already past every sprint.
            self._warn(segment.line, f"power {share:g} is read as per cent")
            share = min(share / 100, SHARE_MAX)
        return round(share, 6)


TEXT_TAGS = ("textevent", "textnotification")

SEGMENTS: dict[str, Callable[[_Reader, _Segment], Iterator[Step]]] = {
    "steadystate": _Reader.steady,
    "solidstate": _Reader.steady,
    "warmup": _Reader.warmup,
    "cooldown": _Reader.cooldown,
    "ramp": _Reader.ramp,
    "intervalst": _Reader.intervals,
    "freeride": _Reader.free_ride,
    "maxeffort": _Reader.max_effort,
    "restday": _Reader.rest_day,
}


def _with_texts(steps: list[Step], texts: list[tuple[int, str]]) -> list[Step]:
    """Each text into the step that is under way at its time; past the end, into the last one."""
    begins: list[int] = []
    at_ms = 0
    for step in steps:
        begins.append(at_ms)
        at_ms += duration_ms(step) or 0
    placed: dict[int, list[StepText]] = {}
    index = 0
    for text_at_ms, message in sorted(texts):
        while index + 1 < len(steps) and begins[index + 1] <= text_at_ms:
            index += 1
        placed.setdefault(index, []).append(StepText(text_at_ms - begins[index], message))
    return [replace(s, texts=tuple(placed[i])) if i in placed else s for i, s in enumerate(steps)]


def _with_ends_named(steps: list[Step]) -> list[Step]:
    """An easy step at the beginning is a warm-up, at the end a cool-down."""
    for index, kind in ((0, StepKind.WARMUP), (-1, StepKind.COOLDOWN)):
        if len(steps) > 1 and steps[index].kind is StepKind.RECOVERY:
            steps[index] = replace(steps[index], kind=kind, name=KIND_NAMES[kind])
    return steps


def _kind(target: StepTarget) -> StepKind:
    if not isinstance(target, Aim):
        return StepKind.FREE
    middle = sum(share for ends in target.ranges for share in ends) / 4
    return StepKind.RECOVERY if middle < RECOVERY_BELOW else StepKind.WORK


def _name(kind: StepKind, target: StepTarget) -> str:
    if kind is not StepKind.WORK:
        return KIND_NAMES[kind]
    match target:
        case Aim(low=low, high=high, is_ramp=is_ramp):
            return "Ramp" if is_ramp else ZONES.lookup((low + high) / 2).name
        case MaxEffort():
            return "Max effort"
        case FreeRide():
            return KIND_NAMES[StepKind.FREE]


def _cadence(segment: _Segment, name: str) -> CadenceRange | None:
    steady = segment.number(name)
    low = steady if steady is not None else segment.number("cadencelow")
    high = steady if steady is not None else segment.number("cadencehigh")
    if low is None or high is None or not 0 < low <= high <= 250:
        return None
    return CadenceRange(round(low), round(high))


def _ms(seconds: float) -> int:
    return round(min(seconds, 1e9) * 1000)


def _tag(element: etree._Element) -> str:
    return etree.QName(element).localname.lower()


def _elements(parent: etree._Element) -> Iterator[etree._Element]:
    """Children that are elements: entity references are nodes, too."""
    return (child for child in parent if isinstance(child.tag, str))


def _child(parent: etree._Element, tag: str) -> etree._Element | None:
    return next((child for child in _elements(parent) if _tag(child) == tag), None)


def _text(root: etree._Element, tag: str, chars_max: int) -> str:
    element = _child(root, tag)
    if element is None:
        return ""
    return " ".join("".join(str(t) for t in element.itertext()).split())[:chars_max]
