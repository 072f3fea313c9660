"""Workout -> intervals.icu's workout text.

The text knows one level of repeats: inner ones are written out. What it has no words for (grade,
resistance, ends by work or heart rate) becomes a step without a target or one by the lap button,
and is told. Units that intervals.icu does not know stand before the length, where it takes them
for a cue and hub.formats.intervals_line for the target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap

from hub.core.target import Aim, FreeRide, MaxEffort, Unit
from hub.core.workout import ForDistance, ForDuration, Step, StepKind, Until, UntilLap, Workout
from hub.formats.decimals import number_text
from hub.formats.imported import NAME_CHARS_MAX, one_line
from hub.formats.intervals_icu import (
    CUE_AS_NAME_CHARS_MAX,
    LINE_CHARS_MAX,
    inferred_kind,
    is_prose,
)
from hub.formats.intervals_line import parse_step_line
from hub.formats.repeats import Repeat, fold, unroll
from hub.formats.step_kinds import KIND_NAMES, name_of
from hub.formats.target_text import target_text
from hub.formats.written import Losses, Written

KIND_WORDS = {
    StepKind.WARMUP: "warmup",
    StepKind.WORK: "active",
    StepKind.RECOVERY: "recovery",
    StepKind.COOLDOWN: "cooldown",
    StepKind.FREE: "free",
}
HEADINGS = {StepKind.WARMUP: "Warmup", StepKind.COOLDOWN: "Cooldown"}

# How each unit is written: its factor, what stands before and after the values.
UNITS: dict[Unit, tuple[int, str, str]] = {
    Unit.FTP: (100, "", "%"),
    Unit.WATT: (1, "", "w"),
    Unit.WATT_PER_KG: (1, "", "w/kg"),
    Unit.POWER_ZONE: (1, "Z", ""),
    Unit.MAX_HR: (100, "", "% HR"),
    Unit.LTHR: (100, "", "% LTHR"),
    Unit.HEART_ZONE: (1, "Z", " HR"),
    Unit.THRESHOLD_SPEED: (100, "", "% Pace"),
    Unit.HRR: (100, "", "% HRR"),
    Unit.BPM: (1, "", "bpm"),
    Unit.RPE: (1, "RPE ", ""),
}
AS_CUE = {Unit.HRR, Unit.BPM, Unit.RPE}
LAP = "press lap"
NOTE = "Note: "  # makes prose of what would be read as something else
PROSE_CHARS_MAX = LINE_CHARS_MAX - len(NOTE)
KMH_MIN = 0.1  # a slower pace has no minutes to write it with
PACE_M = {"run": (1000, "/km"), "bike": (1000, "/km"), "row": (500, "/500m")}


def write_intervals_icu(workout: Workout) -> Written:
    return _Writer(workout).write()


class _Writer:
    def __init__(self, workout: Workout) -> None:
        self._workout = workout
        self._losses = Losses()

    def write(self) -> Written:
        self._losses.tell_of(self._workout, "test", "say")
        lines, section = list(self._head()), ""
        for block in fold(self._workout.steps):
            heading = "" if isinstance(block, Repeat) else HEADINGS.get(block.kind, "")
            if isinstance(block, Repeat) or heading != section:
                lines += ["", heading] if heading else [""]
            if isinstance(block, Repeat):
                lines.append(f"{block.times}x")
                lines += [self._line(step, "") for step in unroll(block.blocks)]
                lines.append("")
            else:
                lines.append(self._line(block, heading))
            section = heading
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"
        return Written(text.encode("utf-8", "replace"), self._losses.warnings)

    def _head(self) -> Iterator[str]:
        workout = self._workout
        if name := one_line(workout.name, NAME_CHARS_MAX).strip("#*_ "):
            yield f"# {name}"
        if workout.author:
            yield f"Author: {one_line(workout.author, NAME_CHARS_MAX)}"
        if workout.sport != "bike" or any(map(_by_pace, workout.steps)):
            yield f"Sport: {workout.sport}"
        yield ""
        for paragraph in workout.description.split("\n\n"):
            flat = " ".join(paragraph.split())
            for words in wrap(flat, PROSE_CHARS_MAX, break_on_hyphens=False):
                yield words if is_prose(words) else f"{NOTE}{words}"
            yield ""

    def _line(self, step: Step, section: str) -> str:
        if step.at_most_ms is not None:
            self._losses.tell("the latest end of a step that does not end by time")
        target, before = self._target(step)
        length = self._length(step.until)
        words = [target, length] if before else [length, target]
        if length == LAP:
            words.reverse()
        if (cadence := self._cadence(step)) is not None:
            words.append(cadence)
        cue, prompts = self._cues(step)
        bare = " ".join(word for word in words if word)
        body = _with_cues(cue, prompts, bare)
        if cue and not _keeps_cue(cue, bare, body):
            body = _with_cues("", [(0, cue), *prompts], bare)
        told = parse_step_line(body)
        kind = inferred_kind(section, told.cue, told.target or FreeRide())
        # At both ends a reader takes recovery for warm-up and cool-down, unless it is said.
        at_end = step in (self._workout.steps[0], self._workout.steps[-1])
        if kind is not step.kind or (at_end and kind is StepKind.RECOVERY):
            body += f" intensity={KIND_WORDS[step.kind]}"
        return f"- {body}"

    def _cues(self, step: Step) -> tuple[str, list[tuple[int, str]]]:
        """What stands before the length, and texts at their times."""
        texts = [(round(t.offset_ms / 1000), _plain(t.text)) for t in step.texts if _plain(t.text)]
        name = _plain(step.name)
        if name == name_of(step.kind, step.target) or name in KIND_NAMES.values():
            name = ""
        if not name and isinstance(step.target, MaxEffort):
            name = "Max effort"
        at_begin = texts[0][1] if texts and texts[0][0] == 0 else ""
        if name and at_begin and name != at_begin:
            self._losses.tell("names of steps that begin with a text")
        elif len(name) > CUE_AS_NAME_CHARS_MAX:
            self._losses.tell(
                f"names of more than {CUE_AS_NAME_CHARS_MAX} characters; texts instead"
            )
        if at_begin and (len(texts) == 1 or name == at_begin):
            return at_begin, texts[1:]
        if at_begin:
            return "", texts
        return name, texts

    def _length(self, until: Until) -> str:
        match until:
            case ForDuration(duration_ms=length_ms):
                return _clock(length_ms)
            case ForDistance(distance_m=metres):
                return f"{metres // 1000}km" if metres % 1000 == 0 else f"{metres}mtr"
            case UntilLap():
                return LAP
            case _:
                self._losses.tell("ends by work or heart rate; by the lap button instead")
                return LAP

    def _target(self, step: Step) -> tuple[str, bool]:
        """The words, and whether they stand before the length."""
        target = step.target
        if not isinstance(target, Aim):
            if isinstance(target, MaxEffort):
                self._losses.tell("max efforts; free, with a cue")
            return "freeride", False
        begin, end = target.ranges
        if target.is_ramp:
            if begin[0] != begin[1] or end[0] != end[1]:
                self._losses.tell("ramps between ranges; between their middles instead")
            begin = (sum(begin) / 2, sum(end) / 2)
        ramp = "ramp " if target.is_ramp else ""
        if target.unit is Unit.KMH and min(begin) >= KMH_MIN:
            return f"{ramp}{self._pace(begin)} Pace", False
        if target.unit in UNITS:
            if target.unit in AS_CUE:
                self._losses.tell(f"{target_text(target)!r} as a target: there it is a cue")
            factor, head, tail = UNITS[target.unit]
            first, last = (number_text(round(value * factor, 4)) for value in begin)
            between = "-Z" if head == "Z" else "-"
            values = first if first == last else f"{first}{between}{last}"
            return f"{ramp}{head}{values}{tail}", target.unit in AS_CUE
        if target.unit is not Unit.RPM:
            self._losses.tell(f"the target {target_text(target)!r}")
        return "freeride", False

    def _pace(self, ends: tuple[float, float]) -> str:
        metres, of = PACE_M[self._workout.sport]
        first, last = (_minutes(metres / value * 3.6) for value in ends)
        return f"{first}{of}" if first == last else f"{first}-{last}{of}"

    def _cadence(self, step: Step) -> str | None:
        if step.cadence is not None:
            low, high = step.cadence.low_rpm, step.cadence.high_rpm
        elif isinstance(step.target, Aim) and step.target.unit is Unit.RPM:
            self._losses.tell("cadence as the main target; beside a free step instead")
            low, high = round(step.target.low), round(step.target.high)
        else:
            return None
        return f"{low}rpm" if low == high else f"{low}-{high}rpm"


def _by_pace(step: Step) -> bool:
    return isinstance(step.target, Aim) and step.target.unit in (Unit.KMH, Unit.THRESHOLD_SPEED)


def _with_cues(cue: str, prompts: list[tuple[int, str]], bare: str) -> str:
    if not prompts:
        return f"{cue} {bare}".strip()
    timed = " ".join(text if at == 0 and i == 0 else f"{at}^{text}"
                     for i, (at, text) in enumerate(prompts))  # fmt: skip
    return f"{timed} <!> {f'{cue} {bare}'.strip()}"


def _keeps_cue(cue: str, bare: str, body: str) -> bool:
    """Whether a cue stays a cue: "Hold 10s more" has a length of its own in it."""
    told, without = parse_step_line(body), parse_step_line(bare)
    return (told.cue, told.until, told.target) == (cue, without.until, without.target)


def _plain(text: str) -> str:
    return one_line(text.replace("<!>", " ").replace("^", " "), 500).strip("-:, ")


def _clock(length_ms: int) -> str:
    minutes, rest_ms = divmod(length_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest_ms / 1000, "s"))
    return "".join(f"{number_text(value)}{unit}" for value, unit in parts if value)


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"
