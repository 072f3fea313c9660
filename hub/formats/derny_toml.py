"""Our own format both ways: TOML that is pleasant by hand, with repeats within repeats.

docs/reference/workout-format.md describes it. Unlike files from elsewhere it is strict: what is
not understood is an error that names its line, not a warning.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from hub.core.errors import UserError
from hub.core.figures import SPORTS
from hub.core.target import FreeRide
from hub.core.workout import (
    STEP_MS_MAX,
    STEPS_MAX,
    CadenceRange,
    FtpTest,
    Step,
    StepKind,
    StepText,
    Workout,
)
from hub.formats.imported import (
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    TEXTS_MAX,
    Doubts,
    Imported,
    text_of,
)
from hub.formats.repeats import Block, Repeat, fold
from hub.formats.step_kinds import name_of
from hub.formats.target_text import CHARS_MAX, parse_target, target_text
from hub.formats.until_text import clock_text, parse_time, parse_until, until_text
from hub.formats.written import Written

DEPTH_MAX = 10  # repeats within repeats
CADENCE = re.compile(r"(\d{1,3})(?:\s*(?:-|–|to)\s*(\d{1,3}))?(?:\s*rpm)?", re.IGNORECASE)
KINDS = tuple(kind.value for kind in StepKind)
TESTS: tuple[FtpTest, ...] = get_args(FtpTest)
HEAD_KEYS = ("name", "author", "description", "sport", "test", "steps")
STEP_KEYS = (*KINDS, "target", "cadence", "name", "text", "at_most")
REPEAT_KEYS = ("repeat", "steps")
SPOKEN_KEYS = ("say",)
# The parser's memory grows with the square of a key's parts: one of a megabyte takes all there is.
KEY_PARTS_MAX = 32
KEY_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
LONG_KEY = re.compile(rf"(?<![\w-])(?:{KEY_PART}[ \t]*+\.[ \t]*+){{{KEY_PARTS_MAX}}}")
AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def parse_derny_toml(data: bytes) -> Imported:
    """Raises UserError with the line of what is wrong."""
    doubts = Doubts()
    text = text_of(data, doubts)
    return Imported(_Reader(text).read(), doubts.warnings)


def write_derny_toml(workout: Workout) -> Written:
    """Says everything that a workout holds."""
    lines = [f"name = {_quoted(workout.name)}"]
    if workout.author:
        lines.append(f"author = {_quoted(workout.author)}")
    if workout.sport != "bike":
        lines.append(f"sport = {_quoted(workout.sport)}")
    if workout.test:
        lines.append(f"test = {_quoted(workout.test)}")
    if workout.description:
        lines.append(f"description = {_quoted(workout.description)}")
    lines += ["", "steps = [", *_block_lines(fold(workout.steps), "  "), "]", ""]
    return Written("\n".join(lines).encode())


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._texts = 0

    def read(self) -> Workout:
        table = self._table()
        self._refuse_unknown(table, HEAD_KEYS, "")
        steps: list[Step] = []
        for step in self._steps(table.get("steps"), "", 0):
            if len(steps) == STEPS_MAX:
                raise UserError(f"the workout has more than {STEPS_MAX} steps")
            steps.append(step)
        sport = self._string(table, "sport", 10, "") or "bike"
        if sport not in SPORTS:
            raise self._error(f"sport is {', '.join(SPORTS)}, not {sport!r}", sport)
        return Workout(
            name=self._string(table, "name", NAME_CHARS_MAX, ""),
            steps=tuple(steps),
            description=self._string(table, "description", DESCRIPTION_CHARS_MAX, "").strip("\n"),
            author=self._string(table, "author", NAME_CHARS_MAX, ""),
            sport=sport,
            test=self._test(table),
        )

    def _test(self, table: Mapping[str, Any]) -> FtpTest:
        said = self._string(table, "test", 10, "")
        for test in TESTS:
            if said == test:
                return test
        raise self._error(f"test is {', '.join(TESTS[1:])}, not {said!r}", said)

    def _table(self) -> dict[str, Any]:
        if (key := LONG_KEY.search(self._text)) is not None:
            line = self._text.count("\n", 0, key.start()) + 1
            raise UserError(f"line {line}: a key of more than {KEY_PARTS_MAX} parts")
        try:
            return tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            at = AT_LINE.search(str(error))
            last = self._text.count("\n") + 1
            line = int(at[1]) if at and at[1] else last
            problem = AT_LINE.sub("", str(error))
            raise UserError(f"line {line}: {problem[:1].lower()}{problem[1:]}") from None
        except (RecursionError, ValueError):  # nested too deep; a number of thousands of digits
            raise UserError("this is no TOML that can be read") from None

    def _steps(self, rows: Any, place: str, depth: int) -> Iterator[Step]:
        if not isinstance(rows, list) or not rows:
            where = place or "the workout"
            raise UserError(
                f"{where} has no steps", remedy='write steps = [ { work = "5 min" }, ... ]'
            )
        if depth > DEPTH_MAX:
            raise UserError(f"repeats stand within each other more than {DEPTH_MAX} times")
        for number, row in enumerate(rows, start=1):
            within = f"{place}, its step {number}" if place else f"step {number}"
            if not isinstance(row, dict):
                raise self._error(f"{within} is no table of the form {{ ... }}", row)
            if "repeat" in row:
                yield from self._repeat(row, within, depth)
            else:
                yield self._step(row, within)

    def _repeat(self, row: dict[str, Any], place: str, depth: int) -> Iterator[Step]:
        self._refuse_unknown(row, REPEAT_KEYS, place)
        times = row["repeat"]
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= STEPS_MAX:
            raise self._error(f"{place}: repeat is 1 to {STEPS_MAX}, not {times!r}", times)
        once = []
        for step in self._steps(row.get("steps"), place, depth + 1):
            once.append(step)
            if len(once) * times > STEPS_MAX:
                raise UserError(f"the workout has more than {STEPS_MAX} steps")
        for _ in range(times):
            yield from once

    def _step(self, row: dict[str, Any], place: str) -> Step:
        self._refuse_unknown(row, STEP_KEYS, place)
        kinds = [key for key in row if key in KINDS]
        if len(kinds) != 1:
            said = " and ".join(kinds) or "none"
            raise self._error(f"{place} says one of {', '.join(KINDS)}, not {said}", *row.values())
        kind = StepKind(kinds[0])
        target = self._parsed(row, "target", parse_target, place) or FreeRide()
        return Step(
            name=self._string(row, "name", NAME_CHARS_MAX, place) or name_of(kind, target),
            kind=kind,
            until=self._parsed(row, kind.value, parse_until, place),
            target=target,
            cadence=self._parsed(row, "cadence", _parse_cadence, place),
            texts=tuple(self._step_texts(row, place)),
            at_most_ms=self._parsed(row, "at_most", _parse_at_most, place),
        )

    def _step_texts(self, row: dict[str, Any], place: str) -> Iterator[StepText]:
        told = row.get("text", [])
        for text in told if isinstance(told, list) else [told]:
            self._texts += 1
            if self._texts > TEXTS_MAX:
                raise UserError(f"the workout has more than {TEXTS_MAX} texts")
            say = isinstance(text, dict)
            if say:
                self._refuse_unknown(text, SPOKEN_KEYS, place)
                text = text.get("say")
            if not isinstance(text, str):
                raise self._error(f"{place}: text is words in quotes, not {text!r}", text)
            first, _, rest = text.partition(" ")
            offset_ms = parse_time(first) if ":" in first else None
            words = text if offset_ms is None else rest
            if not words.strip():
                time = "" if offset_ms is None else "a time and "
                raise self._error(f"{place}: text {text!r} has {time}no words", text)
            yield StepText(min(offset_ms or 0, STEP_MS_MAX), words[:TEXT_CHARS_MAX], say)

    def _parsed(
        self, row: Mapping[str, Any], key: str, parse: Callable[[str], Any], place: str
    ) -> Any:
        """None: not there. Numbers are taken as they are written."""
        value = row.get(key)
        if value is None:
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise ValueError(f"{value!r} is no text in quotes")
            return parse(" ".join(str(value).split())[: CHARS_MAX + 1])
        except ValueError as error:
            raise self._error(f"{place}: {key}: {error}", value) from None

    def _string(self, row: Mapping[str, Any], key: str, chars_max: int, place: str) -> str:
        value = row.get(key, "")
        if not isinstance(value, str):
            raise self._error(f"{place + ': ' if place else ''}{key} is text in quotes", value)
        return value[:chars_max]

    def _refuse_unknown(self, row: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
        for key in row:
            if key not in known:
                raise self._error(
                    f"{place + ': ' if place else ''}{key[:40]!r} is unknown; "
                    f"known are {', '.join(known)}",
                    key,
                )

    def _error(self, problem: str, *values: object) -> UserError:
        """With the line where one of the values stands, if it stands in one line only."""
        for value in values:
            if isinstance(value, str) and value:
                lines = self._lines_with(value)
                if len(lines) == 1:
                    return UserError(f"line {lines[0]}: {problem[:500]}")
        return UserError(problem[:500])

    def _lines_with(self, value: str) -> list[int]:
        lines = enumerate(self._text.split("\n"), start=1)  # only what ends a line in TOML
        return [number for number, line in lines if value in line]


def _parse_cadence(text: str) -> CadenceRange:
    match = CADENCE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no cadence, such as 90 or 85-95")
    low, high = int(match[1]), int(match[2] or match[1])
    if not low <= high <= 250:
        raise ValueError(f"{text!r} is not 0 to 250 rpm, low before high")
    return CadenceRange(low, high)


def _parse_at_most(text: str) -> int:
    length_ms = parse_time(text)
    if length_ms is None or not 1 <= length_ms <= STEP_MS_MAX:
        raise ValueError(f"{text!r} is no time up to 24 h, such as 10 min or 1:30")
    return length_ms


def _block_lines(blocks: tuple[Block, ...], indent: str) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Repeat):
            yield f"{indent}{{ repeat = {block.times}, steps = ["
            yield from _block_lines(block.blocks, indent + "  ")
            yield f"{indent}] }},"
        else:
            yield f"{indent}{{ {', '.join(_step_parts(block))} }},"


def _step_parts(step: Step) -> Iterator[str]:
    yield f"{step.kind.value} = {_quoted(until_text(step.until))}"
    if not isinstance(step.target, FreeRide):
        yield f"target = {_quoted(target_text(step.target))}"
    if step.cadence is not None:
        low, high = step.cadence.low_rpm, step.cadence.high_rpm
        yield f"cadence = {low}" if low == high else f"cadence = {_quoted(f'{low}-{high}')}"
    if step.name and step.name != name_of(step.kind, step.target):
        yield f"name = {_quoted(step.name)}"
    if step.at_most_ms is not None:
        yield f"at_most = {_quoted(clock_text(step.at_most_ms))}"
    texts = [_text_part(text) for text in step.texts if text.text.strip()]
    if texts:
        yield f"text = {texts[0]}" if len(texts) == 1 else f"text = [{', '.join(texts)}]"


def _text_part(text: StepText) -> str:
    quoted = _quoted(f"{clock_text(min(text.offset_ms, STEP_MS_MAX))} {text.text}")
    return f"{{ say = {quoted} }}" if text.say else quoted


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, but for the delete character."""
    text = text.encode(errors="replace").decode()  # half a surrogate pair has no bytes
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
