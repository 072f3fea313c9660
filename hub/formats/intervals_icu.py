"""intervals.icu's workout text -> Workout: a step a line, repeats by a heading `4x`.

Source of the rules: forum.intervals.icu/t/123701 and hub.formats.intervals_line. A heading of the
first level is the title, `Author:`, `Sport:` and `Note:` before the first step are read, and what
else stands before it is the description.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hub.core.errors import UserError
from hub.core.target import FreeRide, StepTarget
from hub.core.workout import STEPS_MAX, Step, StepKind, StepText, Workout
from hub.formats.imported import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    Doubts,
    Imported,
    one_line,
    text_of,
)
from hub.formats.intervals_line import LAP, PLAIN, StepLine, first_length, parse_step_line
from hub.formats.step_kinds import kind_of, name_of, with_ends_named

CUE_AS_NAME_CHARS_MAX = 30  # a longer one is a sentence, not a name
LINE_CHARS_MAX = 2_000
LINES_MAX = 5_000

BULLET = re.compile(r"\s*(?:[-*•–—]|\d{1,2}[.)])\s+(?=\S)|\s*[-•](?=\S)")
TIMES_LAST = re.compile(r"(?<![^\s:(])(?P<n>\d{1,5})\s?x\)?:?$", re.IGNORECASE)
TIMES_FIRST = re.compile(r"(?P<n>\d{1,5})\s?x(?:[\s:]+(?P<title>\D.*))?$", re.IGNORECASE)
COMMENT = re.compile(r"\s*(?://|<!--|;)")
FIELD = re.compile(r"(author|sport|note)\s*:\s*(.+)", re.IGNORECASE)
RULE = set("-=_*")  # across the page
SPORTS = {"bike": "bike", "ride": "bike", "cycling": "bike", "run": "run", "running": "run",
          "row": "row", "rowing": "row"}  # fmt: skip
KIND_WORDS = (
    (re.compile(r"warm[\s-]?up\b", re.IGNORECASE), StepKind.WARMUP),
    (re.compile(r"(?:cool|warm)[\s-]?down\b", re.IGNORECASE), StepKind.COOLDOWN),
    (re.compile(r"(?:recover|rest\b)", re.IGNORECASE), StepKind.RECOVERY),
)


def holds_intervals_text(text: str) -> bool:
    """Some line is a bullet with a length, or with the lap button."""
    lines = text[:100_000].splitlines()[:LINES_MAX]
    return any((body := _bullet(line)) is not None and _has_length(body) for line in lines)


def parse_intervals_icu(data: bytes) -> Imported:
    """Read a whole file. Raises UserError when it holds no step. No name: an empty one."""
    return _Reader().read(data)


def inferred_kind(section: str, cue: str, target: StepTarget) -> StepKind:
    """What a step is where no `intensity=` says it: by its cue, its heading, its target."""
    cue, section = cue.translate(PLAIN), section.translate(PLAIN)
    for pattern, kind in KIND_WORDS:
        if pattern.match(cue) is not None:
            return kind
    for pattern, kind in KIND_WORDS[:2]:
        if pattern.match(section) is not None:
            return kind
    return kind_of(target)


def is_prose(words: str) -> bool:
    """Whether a line before the first step is read as part of the description."""
    return not (
        words.startswith("#")
        or set(words) <= RULE
        or COMMENT.match(words)
        or FIELD.fullmatch(words)
        or _bullet(words) is not None
        or _repeat_of(words) is not None
        or _is_step(words)
    )


@dataclass(slots=True)
class _Block:
    """Lines that are ridden `times` times; `told`: whether the author said a step's kind."""

    times: int = 1
    title: str = ""
    steps: list[Step] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)


class _Reader:
    def __init__(self) -> None:
        self._doubts = Doubts()
        self._warn = self._doubts.warn
        self._steps: list[Step] = []
        self._block = _Block()
        self._told: list[bool] = []
        self._name = ""
        self._author = ""
        self._sport = ""
        self._paces: set[str] = set()
        self._description: list[str] = []
        self._begun = False  # a step was read

    def read(self, data: bytes) -> Imported:
        lines = text_of(data, self._doubts).splitlines()
        if len(lines) > LINES_MAX:
            self._warn(LINES_MAX, f"more than {LINES_MAX} lines; the rest is left out")
        lines = [line[:LINE_CHARS_MAX] for line in lines[:LINES_MAX]]
        for number, line in enumerate(lines, start=1):
            self._read_line(number, line, lines[number:])
        self._close()
        if not self._steps:
            raise UserError("there is no step in the text", remedy="write one as: - 10m 75%")
        steps = with_ends_named(list(self._steps))
        for index in (0, -1):
            if self._told[index]:
                steps[index] = self._steps[index]
        workout = Workout(
            name=self._name,
            steps=tuple(steps),
            description=" ".join(self._description)[:DESCRIPTION_CHARS_MAX],
            author=self._author,
            sport=self._sport or self._sport_by_pace(),
        )
        return Imported(workout, self._doubts.warnings)

    def _read_line(self, number: int, line: str, rest: list[str]) -> None:
        body = _bullet(line)
        text = line.strip()
        if not text:
            if self._block.steps:  # an empty line ends a repeat
                self._close()
        elif set(text) <= RULE or COMMENT.match(line) is not None:
            return
        elif body is not None:
            self._read_step(number, body)
        else:
            self._read_free_line(number, text, rest)

    def _read_free_line(self, number: int, text: str, rest: list[str]) -> None:
        level = len(text) - len(text.lstrip("#"))
        words = one_line(text.lstrip("# ").strip("*_ "), LINE_CHARS_MAX)
        if not words:
            return
        above_step = bool(rest) and _bullet(rest[0]) is not None
        repeat = _repeat_of(words)
        if level == 1 and not self._begun and not self._name and not above_step:
            self._name = words[:NAME_CHARS_MAX]
        elif not self._begun and (told := FIELD.fullmatch(words)) is not None:
            self._read_field(number, told[1].lower(), told[2])
        elif repeat is not None and (above_step or _leads_to_step(rest)):
            self._open(number, *repeat)
        elif above_step or level:
            self._open(number, 1, words)
        elif _is_step(words):
            self._warn(number, "no dash before it; read as a step")
            self._read_step(number, words)
        elif not self._begun:
            self._description.append(words)
        else:
            self._warn(number, f"{words[:40]!r} is no step; left out")

    def _read_field(self, number: int, key: str, value: str) -> None:
        if key == "author":
            self._author = value[:NAME_CHARS_MAX]
        elif key == "note":  # prose, though it may look like something else
            self._description.append(value)
        elif (sport := SPORTS.get(value.lower())) is not None:
            self._sport = sport
        else:
            self._warn(number, f"sport {value[:20]!r} is not known here; read as bike")

    def _open(self, number: int, times: int, title: str) -> None:
        if self._block.times > 1 and not self._block.steps:
            self._warn(number, "repeats within repeats are not known to this format")
            if times == 1:  # a heading within it, not another repeat
                self._block.title = self._block.title or title
                return
        self._close()
        if not 1 <= times <= STEPS_MAX:
            self._warn(number, "no sensible number of repeats; ridden once")
            times = 1
        self._block = _Block(times, title)

    def _close(self) -> None:
        block = self._block
        for _ in range(block.times if block.steps else 0):
            if len(self._steps) + len(block.steps) > STEPS_MAX:
                raise UserError(f"the workout has more than {STEPS_MAX} steps")
            self._steps += block.steps
            self._told += block.told
        self._block = _Block()

    def _read_step(self, number: int, body: str) -> None:
        if len(self._block.steps) > STEPS_MAX:
            raise UserError(f"the workout has more than {STEPS_MAX} steps")
        line = parse_step_line(body)
        for doubt in line.doubts:
            self._warn(number, doubt)
        if line.until is None:
            if not line.doubts:
                self._warn(number, f"{one_line(body, 40)!r} has no length; left out")
            return
        self._begun = True
        if line.by_pace:
            self._paces.add(line.by_pace)
        if not 1 <= line.times <= STEPS_MAX:
            self._warn(number, "no sensible number of repeats; ridden once")
            line.times = 1
        self._block.steps += [self._step(line)] * line.times
        self._block.told += [line.kind is not None] * line.times

    def _step(self, line: StepLine) -> Step:
        assert line.until is not None
        target = line.target or FreeRide()
        kind = line.kind or inferred_kind(self._block.title, line.cue, target)
        name = line.cue if 0 < len(line.cue) <= CUE_AS_NAME_CHARS_MAX else name_of(kind, target)
        texts = line.texts
        if line.cue:
            texts = (StepText(0, line.cue[:TEXT_CHARS_MAX]), *texts)
        return Step(name, kind, line.until, target, line.cadence, texts)

    def _sport_by_pace(self) -> str:
        """The text does not say it; a pace per 500 m is a rower's, any other a runner's."""
        if self._paces & {"500m"}:
            return "row"
        return "run" if self._paces else "bike"


def _bullet(line: str) -> str | None:
    """What stands behind the bullet; None: the line has none."""
    match = BULLET.match(line)
    return None if match is None else line[match.end() :].strip()


def _repeat_of(words: str) -> tuple[int, str] | None:
    plain = words.translate(PLAIN)
    if (last := TIMES_LAST.search(plain)) is not None:
        return int(last["n"]), plain[: last.start()].rstrip(" :(")
    first = TIMES_FIRST.match(plain)
    return None if first is None else (int(first["n"]), first["title"] or "")


def _leads_to_step(rest: list[str]) -> bool:
    """The next line with anything in it is a step, or one more heading of a repeat."""
    following = next((line for line in rest[:20] if line.strip()), "").strip("# ")
    if _bullet(following) is not None or _repeat_of(following) is not None:
        return True
    return _is_step(one_line(following, LINE_CHARS_MAX))


def _has_length(body: str) -> bool:
    plain = body.translate(PLAIN)
    return first_length(plain) is not None or LAP.search(plain) is not None


def _is_step(words: str) -> bool:
    """Begins with a length and says something about how: a step whose dash went missing."""
    length = first_length(words.translate(PLAIN))
    if length is None or length[0] != 0:
        return False
    line = parse_step_line(words)
    return line.target is not None and line.until is not None and not line.doubts
