"""Zwift workouts (.zwo) -> Workout.

The format has no specification; h4l/zwift-workout-file-reference describes it, and 332 real files
showed the rest: tags and attributes in any case, cp1252 without a declaration, broken XML, text
events beside their segment, durations with decimals. Where there is structure it is imported and
what was doubtful is a warning with its line; where there is none it is one clear UserError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml import etree
from msgspec.structs import replace

from hub.core.errors import UserError
from hub.core.target import Aim, FreeRide, MaxEffort, Unit
from hub.core.workout import (
    STEPS_MAX,
    ForDistance,
    FtpTest,
    Step,
    StepKind,
    StepText,
    Workout,
    duration_ms,
)
from hub.formats.imported import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    TEXTS_MAX,
    WARNINGS_MAX,
    Doubts,
    Imported,
    one_line,
    text_of,
)
from hub.formats.step_kinds import as_end, name_of, with_ends_named
from hub.formats.zwo_segments import (
    SEGMENTS,
    Segment,
    Terms,
    milliseconds,
    number_of,
    steps_of,
    tag_of,
)

SPORTS = {"bike": "bike", "run": "run", "row": "row"}
# Of the whole file: the parser's time grows with the square of those of one tag.
ATTRIBUTES_MAX = 20_000
TEXT_TAGS = ("textevent", "textnotification")
RAW_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
RAMP = "ramptest"
TEST_MARKS = (RAMP, "ftptest")
NO = ("", "0", "false")
SILENT_TAGS = ("gameplayevent",)  # cameras and cheers of the game


def parse_zwo(data: bytes) -> Imported:
    """Read a whole file. Raises UserError when it holds no workout. No name: an empty one."""
    return _Reader().read(data)


class _Reader:
    """Collects steps, texts and warnings of one file.

    Places are in ms from the start of the workout; in m where the file measures its steps so.
    """

    def __init__(self) -> None:
        self._doubts = Doubts()
        self._warn = self._doubts.warn
        self._terms = Terms()
        self._steps: list[Step] = []
        self._marks: list[set[str]] = []  # of each step, what marks it as part of an FTP test
        self._texts: list[tuple[int, int, str]] = []  # place, ms after it, text
        self._at = 0

    def read(self, data: bytes) -> Imported:
        root = self._parse(text_of(data, self._doubts))
        body = self._body(root)
        sport = self._sport(root)
        self._terms = Terms(
            in_metres=_text(root, "durationtype", 20).lower() == "distance",
            run=sport == "run",
            ftp_override_w=None if sport == "run" else self._ftp_override(root),
        )
        for element in _elements(body):
            if body is not root or tag_of(element) in (*SEGMENTS, *TEXT_TAGS):
                self._read_element(Segment(element, self._doubts))
        if not self._steps:
            raise UserError("the workout has no steps", remedy="it may be a rest day")
        steps = with_ends_named(_with_texts(self._around_ramp(), self._texts))
        if (ftp_w := self._terms.ftp_override_w) is not None:
            steps = [_in_watts(step, ftp_w) for step in steps]
        workout = Workout(
            name=_text(root, "name", NAME_CHARS_MAX),
            steps=tuple(steps),
            description=_text(root, "description", DESCRIPTION_CHARS_MAX),
            author=_text(root, "author", NAME_CHARS_MAX),
            sport=sport,
            test=self._test(body),
        )
        return Imported(workout, self._doubts.warnings)

    def _parse(self, text: str) -> etree._Element:
        if "<" not in text:
            raise UserError("this is not XML", remedy="is it a link to the file, or its path?")
        if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
            # Entities in attributes are expanded even where the parser resolves none elsewhere.
            raise UserError("the file defines XML entities", remedy="remove its <!DOCTYPE …>")
        if text.count("=") > ATTRIBUTES_MAX:
            raise UserError("the file has more attributes than a workout ever has")
        declaration = re.match(r"\s*<\?xml[^>]*\?>", text)
        if declaration:  # the encoding it names is gone; keep the lines
            text = "\n" * declaration.group().count("\n") + text[declaration.end() :]
        text = self._with_ampersands(text)
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

    def _with_ampersands(self, text: str) -> str:
        """A raw & as itself: the parser would drop it and what follows."""
        for match in islice(RAW_AMPERSAND.finditer(text), WARNINGS_MAX + 1):
            self._warn(text.count("\n", 0, match.start()) + 1, "broken XML: a raw &")
        return RAW_AMPERSAND.sub("&amp;", text)

    def _body(self, root: etree._Element) -> etree._Element:
        """<workout>, anywhere: after a missing end tag the parser nests what was to follow."""
        elements = [element for element in root.iter() if isinstance(element.tag, str)]
        body = next((e for e in elements if tag_of(e) == "workout"), None)
        if body is not None:
            return body
        if any(tag_of(e) in SEGMENTS for e in _elements(root)):
            self._warn(0, "the file has no <workout>; its segments are read as one")
            return root
        raise UserError("the file has no <workout>", remedy="is it a ZWO file?")

    def _sport(self, root: etree._Element) -> str:
        named = _text(root, "sporttype", 20).lower()
        if named and named not in SPORTS:
            self._warn(0, f"sport {named!r} is not known here; read as bike")
        return SPORTS.get(named, "bike")

    def _test(self, body: etree._Element) -> FtpTest:
        """Zwift marks the steps of its ramp test, and the free riding of the other two alike."""
        marks = _marks(Segment(body, self._doubts)).union(*self._marks)
        if RAMP in marks:
            return "ramp"
        if not marks:
            return ""
        own_pace = (s for s in self._steps if isinstance(s.target, FreeRide | MaxEffort))
        minutes = [(duration_ms(step) or 0) / 60_000 for step in own_pace]
        if any(20 <= length <= 30 for length in minutes):
            return "20min"
        if sum(8 <= length <= 10 for length in minutes) == 2:
            return "2x8"
        self._warn(0, "an FTP test of a kind that is not known here; it proposes no FTP")
        return ""

    def _around_ramp(self) -> list[Step]:
        """The easy steps before and after a marked ramp are no part of it."""
        inside = [index for index, marks in enumerate(self._marks) if RAMP in marks]
        if not inside:
            return self._steps
        before = [as_end(step, StepKind.WARMUP) for step in self._steps[: inside[0]]]
        after = [as_end(step, StepKind.COOLDOWN) for step in self._steps[inside[-1] + 1 :]]
        return [*before, *self._steps[inside[0] : inside[-1] + 1], *after]

    def _ftp_override(self, root: etree._Element) -> float | None:
        """ "Override the rider's FTP with a fixed value": the powers are watts, not shares."""
        element = _child(root, "ftpoverride")
        if element is None:
            return None
        told = _text(root, "ftpoverride", 20)
        ftp_w, line = number_of(told), int(getattr(element, "sourceline", None) or 0)
        if ftp_w is None or not 1 <= ftp_w <= 1000:
            if told not in ("", "0"):
                self._warn(line, f"ftpOverride {told!r} is left out")
            return None
        self._warn(line, f"the author fixed FTP at {ftp_w:g} W: the powers are watts for everybody")
        return ftp_w

    def _read_element(self, segment: Segment) -> None:
        if segment.tag in SILENT_TAGS:
            return
        if segment.tag in TEXT_TAGS:  # a sibling: its offset counts from the workout's start
            self._read_text(segment, 0)
            return
        begins = self._at
        for step in steps_of(segment, self._terms):
            if len(self._steps) == STEPS_MAX:
                raise UserError(f"the workout has more than {STEPS_MAX} steps")
            self._steps.append(step)
            self._marks.append(_marks(segment))
            self._at += _extent(step)
        for element in _elements(segment.element):
            child = Segment(element, self._doubts)
            if child.tag in TEXT_TAGS:
                self._read_text(child, begins)
            else:
                self._read_element(child)

    def _read_text(self, segment: Segment, base: int) -> None:
        message = (segment.attributes.get("message") or segment.attributes.get("text", "")).strip()
        if not message:
            return
        if len(self._texts) == TEXTS_MAX:
            segment.warn(f"more than {TEXTS_MAX} texts; the rest is left out")
            return
        offset_ms = max(milliseconds(segment.number("timeoffset") or 0.0), 0)
        offset_m = max(segment.number("distoffset") or 0.0, 0.0)
        if offset_m and not offset_ms:
            segment.warn("a text at a distance; shown at the beginning of its step")
        if self._terms.in_metres:
            place = (base + round(min(offset_m, 1e9)), offset_ms)
        else:
            place = (base + offset_ms, 0)
        self._texts.append((*place, message[:TEXT_CHARS_MAX]))


def _marks(segment: Segment) -> set[str]:
    return {mark for mark in TEST_MARKS if segment.attributes.get(mark, "").lower() not in NO}


def _extent(step: Step) -> int:
    return step.until.distance_m if isinstance(step.until, ForDistance) else duration_ms(step) or 0


def _with_texts(steps: list[Step], texts: list[tuple[int, int, str]]) -> list[Step]:
    """Each text into the step that is under way at its place; past the end, into the last one."""
    begins: list[int] = []
    at = 0
    for step in steps:
        begins.append(at)
        at += _extent(step)
    placed: dict[int, list[StepText]] = {}
    index = 0
    for place, after_ms, message in sorted(texts, key=lambda text: text[:2]):
        while index + 1 < len(steps) and begins[index + 1] <= place:
            index += 1
        in_metres = isinstance(steps[index].until, ForDistance)
        offset_ms = after_ms if in_metres else place - begins[index]
        placed.setdefault(index, []).append(StepText(offset_ms, message))
    return [replace(s, texts=tuple(placed[i])) if i in placed else s for i, s in enumerate(steps)]


def _in_watts(step: Step, ftp_w: float) -> Step:
    if not isinstance(step.target, Aim) or step.target.unit is not Unit.FTP:
        return step
    watts = [tuple(round(share * ftp_w, 3) for share in ends) for ends in step.target.ranges]
    (low, high), end = watts
    target = Aim(Unit.WATT, low, high, *end) if step.target.is_ramp else Aim(Unit.WATT, low, high)
    # Its zone was one of an FTP that is nobody's.
    return replace(step, target=target, name=name_of(step.kind, target))


def _elements(parent: etree._Element) -> Iterator[etree._Element]:
    """Children that are elements: entity references are nodes, too."""
    return (child for child in parent if isinstance(child.tag, str))


def _child(parent: etree._Element, tag: str) -> etree._Element | None:
    return next((child for child in _elements(parent) if tag_of(child) == tag), None)


def _text(root: etree._Element, tag: str, chars_max: int) -> str:
    element = _child(root, tag)
    if element is None:
        return ""
    return one_line("".join(str(t) for t in element.itertext()), chars_max)
