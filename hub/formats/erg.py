"""CompuTrainer's courses of power over time (.erg in watts, .mrc in % FTP) -> Workout.

The format has no specification. Points (minutes, power) make a curve: a time that stands twice is
a step in power, else it is a ramp. What 74 real files and the readers of GoldenCheetah and
sportloop/mrc showed beside that is handled here, as a warning where it is doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from msgspec.structs import replace

from hub.core.errors import UserError
from hub.core.target import UNITS, Aim, Unit, aim
from hub.core.workout import STEPS_MAX, Step, StepKind, StepText, Workout
from hub.formats.decimals import decimal
from hub.formats.imported import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    TEXTS_MAX,
    Doubts,
    Imported,
    one_line,
    text_of,
)
from hub.formats.lengths import for_seconds
from hub.formats.step_kinds import kind_of, middle, name_of, with_ends_named

PERCENT_GUESS_MAX = 150  # without a word on the unit, more than this was never meant as % FTP
SHARE_GUESS_MAX = 3  # "per cent" that are all below this are shares
SECONDS_MAX = 1e8  # of a place in a file: no course is so long
JUMP_MS = 1000  # a steeper slope than this is meant as a step
NUMBER = r"\d+(?:[.,]\d+)?|[.,]\d+"

# All but TEXT are for lines with single blanks.
SECTION = re.compile(r"\[ ?(END )?([A-Z ]+?) ?\]", re.IGNORECASE)
# Some programs write the row of the units as a comment.
UNITS_ROW = re.compile(r";* ?(MINUTES|DISTANCE) ([A-Z%]+)", re.IGNORECASE)
SETTING = re.compile(r"([A-Z ]+?) ?= ?(.*)", re.IGNORECASE)
POINT = re.compile(rf"({NUMBER})(?: ?[,;] ?| )(-?(?:{NUMBER})) ?(%?)[ ,;]*")
LAP = re.compile(rf"({NUMBER}) LAP\b ?(.*)", re.IGNORECASE)
SPAN = re.compile(rf"({NUMBER}) ({NUMBER}) (.+)")
TEXT = re.compile(rf"\s*({NUMBER})(\s.*)")
DURATION = re.compile(rf"\s*({NUMBER})\s*")
EXTENSION = re.compile(r"\.(erg|mrc|erg2|txt)$", re.IGNORECASE)


def parse_erg(data: bytes, ftp_w: float | None = None) -> Imported:
    """Read an ERG or MRC file; the file itself says which.

    `ftp_w` stands in for an FTP that an ERG does not say: with one watts are shares of it,
    without they stay watts. Raises UserError when there is no workout in it.
    """
    doubts = Doubts()
    lines = _Lines(doubts)
    lines.read(text_of(data, doubts))
    return Imported(_Course(lines, ftp_w, doubts).workout(), doubts.warnings)


@dataclass(frozen=True, slots=True)
class Point:
    at_ms: int
    value: float


@dataclass(slots=True)
class Stretch:
    """Between two points: from one power to another."""

    begins_ms: int
    ends_ms: int
    begin: float
    end: float

    @property
    def slope(self) -> float:
        return (self.end - self.begin) / (self.ends_ms - self.begins_ms)


@dataclass(slots=True)
class _Lines:
    """What stands in the lines of a file, by section."""

    doubts: Doubts
    settings: dict[str, str] = field(default_factory=dict)
    unit: str = ""
    percent_signs: bool = False
    points: list[Point] = field(default_factory=list)
    laps: dict[int, str] = field(default_factory=dict)
    texts: list[tuple[str, str]] = field(default_factory=list)  # offset as written, text
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def read(self, text: str) -> None:
        section = ""
        for number, line in enumerate(text.splitlines(), start=1):
            flat = " ".join(line.split())
            if match := SECTION.match(flat):
                section = "" if match[1] else match[2].upper()
            elif section == "COURSE TEXT":
                self._read_text(number, line)
            elif flat.strip("\0") and (not flat.startswith(";") or UNITS_ROW.match(flat)):
                self._read_line(section, number, flat)

    def _read_line(self, section: str, number: int, line: str) -> None:
        if section == "INTERVAL DATA":
            if match := SPAN.match(line):
                self.spans.append((_ms(match[1]), _ms(match[2]), match[3]))
        elif match := UNITS_ROW.match(line):
            if match[1].upper() == "DISTANCE":
                raise UserError(
                    "this is a course of distances and grades",
                    remedy="only courses of power over time are workouts",
                )
            self.unit = match[2].upper()
        elif match := SETTING.match(line):
            self.settings.setdefault(match[1].upper(), match[2].strip())
        elif match := POINT.fullmatch(line):
            if section in ("", "COURSE HEADER", "COURSE DATA"):
                self._read_point(number, match)
        elif match := LAP.match(line):
            self.laps[_ms(match[1])] = one_line(match[2], NAME_CHARS_MAX)
        elif section == "COURSE DATA":
            self.doubts.warn(number, f"{line.strip()[:40]!r} is left out")

    def _read_point(self, number: int, match: re.Match[str]) -> None:
        at_ms, value = _ms(match[1]), decimal(match[2])
        self.percent_signs |= bool(match[3])
        if self.points and at_ms < self.points[-1].at_ms:
            self.doubts.warn(number, "the time goes back; the line is left out")
            return
        if value < 0:
            self.doubts.warn(number, f"power {value:g} is negative; read as 0")
            value = 0.0
        self.points.append(Point(at_ms, value))

    def _read_text(self, number: int, line: str) -> None:
        match = TEXT.match(line)
        if match is None:
            if line.strip():
                self.doubts.warn(number, f"the text {line.strip()[:40]!r} has no time; left out")
        elif len(self.texts) == TEXTS_MAX:
            self.doubts.warn(number, f"more than {TEXTS_MAX} texts; the rest is left out")
        else:
            message, _, duration = match[2].rpartition("\t")
            is_third = message.strip() or "\t" in message  # column, after the text's
            text = message if is_third and DURATION.fullmatch(duration) else match[2]
            if words := one_line(text, TEXT_CHARS_MAX):
                self.texts.append((match[1], words))


class _Course:
    """The curve of one file as steps."""

    def __init__(self, lines: _Lines, ftp_w: float | None, doubts: Doubts) -> None:
        self._lines = lines
        self._doubts = doubts
        self._unit, self._scale = self._reading(ftp_w)

    def workout(self) -> Workout:
        stretches = list(self._stretches())
        if not stretches:
            raise UserError("the course has no steps", remedy="two points make one: begin and end")
        if len(stretches) > STEPS_MAX:
            raise UserError(f"the workout has more than {STEPS_MAX} steps")
        steps = with_ends_named(self._steps(stretches))
        settings = self._lines.settings
        file_name = re.split(r"[/\\]", settings.get("FILE NAME", ""))[-1]
        description = settings.get("DESCRIPTION", "")
        return Workout(
            name=one_line(EXTENSION.sub("", file_name) or description, NAME_CHARS_MAX),
            steps=tuple(self._named(self._with_texts(steps, stretches), stretches)),
            description=one_line(description, DESCRIPTION_CHARS_MAX),
        )

    def _reading(self, ftp_w: float | None) -> tuple[Unit, float]:
        """The unit of the steps, and what a value of the file is multiplied with."""
        most = max((point.value for point in self._lines.points), default=0.0)
        if self._in_percent(most):
            if 0 < most <= SHARE_GUESS_MAX:
                self._doubts.warn(0, "no power is above 3 %; read as shares, not as per cent")
                return Unit.FTP, 1.0
            return Unit.FTP, 0.01
        told_w = _ftp(self._lines.settings.get("FTP", ""))
        if told_w is None and ftp_w is None:
            self._doubts.warn(0, "the file says no FTP; its watts stay watts for everybody")
            return Unit.WATT, 1.0
        return Unit.FTP, 1 / (told_w or ftp_w or 1.0)

    def _in_percent(self, most: float) -> bool:
        unit = self._lines.unit
        if self._lines.percent_signs or unit.startswith(("PERCENT", "%", "FTP")):
            return True
        if unit.startswith("WATT"):
            return False
        percent = most <= PERCENT_GUESS_MAX and "FTP" not in self._lines.settings
        read_as = "% FTP" if percent else "watts"
        self._doubts.warn(0, f"the file says neither WATTS nor PERCENT; read as {read_as}")
        return percent

    def _stretches(self) -> Iterator[Stretch]:
        """Between two steps in power or laps, what lies on one line is one."""
        points = self._points()
        open_: Stretch | None = None
        joined = False  # no jump and no lap since `open_`
        begins_ms = 0
        for index, (p, q) in enumerate(pairwise(points)):
            if p.at_ms in self._lines.laps or p.at_ms == q.at_ms:
                joined = False
            is_jump = q.at_ms - p.at_ms <= JUMP_MS and 0 < index < len(points) - 2
            if p.at_ms == q.at_ms or (is_jump and p.value != q.value):
                joined = False
                continue
            stretch = Stretch(begins_ms, q.at_ms, p.value, q.value)
            begins_ms = q.at_ms
            if open_ is not None and joined and _on_one_line(open_, stretch):
                open_.ends_ms, open_.end = stretch.ends_ms, stretch.end
                continue
            if open_ is not None:
                yield open_
            open_, joined = stretch, True
        if open_ is not None:
            yield open_

    def _points(self) -> list[Point]:
        """From 0 on, and with a point at each lap."""
        points = list(self._lines.points)
        if points and points[0].at_ms > 0:
            self._doubts.warn(0, "the course does not begin at 0; its first power is held before")
            points.insert(0, Point(0, points[0].value))
        laps = sorted(self._lines.laps)[:STEPS_MAX]
        found: list[Point] = points[:1]
        for p, q in pairwise(points):
            while laps and laps[0] < q.at_ms:
                at_ms = laps.pop(0)
                if at_ms > p.at_ms:
                    part = (at_ms - p.at_ms) / (q.at_ms - p.at_ms)
                    found.append(Point(at_ms, p.value + (q.value - p.value) * part))
            found.append(q)
        return found

    def _steps(self, stretches: list[Stretch]) -> list[Step]:
        targets = [aim(self._unit, self._value(s.begin), self._value(s.end)) for s in stretches]
        most = max(middle(target) for target in targets)
        steps = []
        for stretch, target in zip(stretches, targets, strict=True):
            until = for_seconds((stretch.ends_ms - stretch.begins_ms) / 1000, self._warn)
            assert until is not None  # a stretch has a length
            kind = self._kind(target, most)
            steps.append(Step(name_of(kind, target), kind, until, target))
        return steps

    def _warn(self, text: str) -> None:
        self._doubts.warn(0, text)

    def _kind(self, target: Aim, most: float) -> StepKind:
        if self._unit is Unit.WATT and middle(target) < most / 2:  # nothing else to tell it by
            return StepKind.RECOVERY
        return kind_of(target)

    def _value(self, value: float) -> float:
        scaled, most = round(value * self._scale, 4), UNITS[self._unit].bounds[1]
        if scaled > most:
            self._doubts.warn(0, f"power {value:g} is more than anybody rides; cut to {most:g}")
            return most
        return scaled

    def _with_texts(self, steps: list[Step], stretches: list[Stretch]) -> list[Step]:
        placed: dict[int, list[StepText]] = {}
        index = 0
        for at_ms, words in sorted(self._timed_texts(stretches[-1].ends_ms), key=lambda t: t[0]):
            while index + 1 < len(steps) and stretches[index + 1].begins_ms <= at_ms:
                index += 1
            text = StepText(at_ms - stretches[index].begins_ms, words)
            placed.setdefault(index, []).append(text)
        return [
            replace(step, texts=tuple(placed[i])) if i in placed else step
            for i, step in enumerate(steps)
        ]

    def _timed_texts(self, ends_ms: int) -> list[tuple[int, str]]:
        """Offsets are minutes in some programs and seconds in others.

        Decimals, or none beyond the end in minutes: minutes.
        """
        texts = self._lines.texts
        decimals = any(re.search("[.,]", offset) for offset, _ in texts)
        last = max((decimal(offset) for offset, _ in texts), default=0.0)
        if decimals or last * 60_000 <= ends_ms:
            if last > 0 and not decimals:
                self._doubts.warn(0, "the times of the texts are read as minutes, not seconds")
            return [(_ms(offset), words) for offset, words in texts]
        return [(round(min(decimal(offset), SECONDS_MAX) * 1000), words) for offset, words in texts]

    def _named(self, steps: list[Step], stretches: list[Stretch]) -> Iterator[Step]:
        """By [INTERVAL DATA], where an interval is a step; by the lap that begins it."""
        spans = {(begins, ends): name for begins, ends, name in self._lines.spans}
        for step, stretch in zip(steps, stretches, strict=True):
            name = spans.get((stretch.begins_ms, stretch.ends_ms)) or self._lines.laps.get(
                stretch.begins_ms
            )
            yield replace(step, name=one_line(name, NAME_CHARS_MAX)) if name else step


def _on_one_line(a: Stretch, b: Stretch) -> bool:
    off = abs(a.slope - b.slope) * (b.ends_ms - b.begins_ms)
    return a.end == b.begin and off < 0.01  # of a watt or per cent


def _ftp(told: str) -> float | None:
    match = re.match(NUMBER, told)
    value = decimal(match[0]) if match else 0.0
    return value if 1 <= value <= 1000 else None


def _ms(minutes: str) -> int:
    """To the second: two decimals of a minute are 0.6 s. To the ms from five decimals on."""
    at_ms = min(decimal(minutes) * 60, SECONDS_MAX) * 1000
    decimals = len(re.split("[.,]", minutes)[-1]) if re.search("[.,]", minutes) else 0
    return round(at_ms) if decimals >= 5 else round(at_ms / 1000) * 1000
