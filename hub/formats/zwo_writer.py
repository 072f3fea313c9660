"""Workout -> ZWO, as Zwift and its like read it."""

from __future__ import annotations

import math
import re

from lxml import etree

from hub.core.target import UNITS, Aim, FreeRide, MaxEffort, StepTarget, Unit, aim
from hub.core.workout import (
    CadenceRange,
    ForDistance,
    ForDuration,
    Step,
    StepKind,
    StepText,
    Workout,
)
from hub.formats.decimals import number_text
from hub.formats.plain_power import Ends, power_of, timed_ms
from hub.formats.step_kinds import kind_of, name_of
from hub.formats.target_text import target_text
from hub.formats.written import Losses, Written
from hub.formats.zwo import parse_zwo
from hub.formats.zwo_segments import PACE_OF_THRESHOLD

PACE = "2"  # 10 km: the nearest to what is held for an hour
FIXED_FTP_W = 250  # of a workout in watts: near a rider's, for programs that pass over it
DECIMALS = 8  # beyond what is read, so that nothing is lost in dividing
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_zwo(workout: Workout, ftp_w: float | None = None) -> Written:
    """A workout that is all in watts is written as Zwift's workouts of fixed power.

    Raises UserError for one that mixes watts with shares of FTP, without an FTP.
    """
    return _Writer(workout, ftp_w).write()


class _Writer:
    def __init__(self, workout: Workout, ftp_w: float | None) -> None:
        self._workout = workout
        self._losses = Losses()
        units = {step.target.unit for step in workout.steps if isinstance(step.target, Aim)}
        of_ftp = units & {Unit.FTP, Unit.POWER_ZONE}
        self._fixed = Unit.WATT in units and not of_ftp and ftp_w is None
        self._ftp_w = _fixed_ftp(workout) if self._fixed else ftp_w
        self._in_metres = all(isinstance(step.until, ForDistance) for step in workout.steps)
        self._run = workout.sport == "run"
        self._root = etree.Element("workout_file")

    def write(self) -> Written:
        self._head()
        body = etree.SubElement(self._root, "workout")
        steps, at = self._workout.steps, 0
        while at < len(steps):
            pair = steps[at : at + 2]
            times = self._rounds(at)
            if times > 1:
                self._intervals(body, times, pair[0], pair[1], at + 1)
                at += 2 * times
            else:
                self._step(body, steps[at], at + 1)
                at += 1
        etree.indent(self._root)
        data = etree.tostring(self._root, encoding="utf-8", xml_declaration=True) + b"\n"
        self._losses.tell_of(self._workout, "say")
        test = self._workout.test
        if test and parse_zwo(data).workout.test != test:  # which of them, its efforts tell
            self._losses.tell_of(self._workout, "test")
        return Written(data, self._losses.warnings)

    def _head(self) -> None:
        workout = self._workout
        self._say("author", workout.author)
        self._say("name", workout.name)
        self._say("description", workout.description)
        self._say("sportType", workout.sport)
        if self._in_metres:
            self._say("durationType", "distance")
        if self._fixed:
            self._say("ftpOverride", number_text(self._ftp_w or 0.0))

    def _say(self, tag: str, text: str) -> None:
        etree.SubElement(self._root, tag).text = _xml(text)

    def _rounds(self, at: int) -> int:
        """How often on and off, as IntervalsT can say them, follow each other from here."""
        steps = self._workout.steps
        pair = steps[at : at + 2]
        if [step.kind for step in pair] != [StepKind.WORK, StepKind.RECOVERY]:
            return 0
        resting = pair[1].cadence is None or pair[1].cadence.low_rpm == pair[1].cadence.high_rpm
        if not resting or not all(self._is_plain(step) for step in pair):
            return 0
        times = 1
        while steps[at + 2 * times : at + 2 * times + 2] == pair:
            times += 1
        return times

    def _is_plain(self, step: Step) -> bool:
        target = step.target
        if not isinstance(target, Aim) or target.is_ramp or self._power(target) is None:
            return False
        match step.until:
            case ForDuration(duration_ms=length_ms):
                return all(text.offset_ms < length_ms for text in step.texts)
            case ForDistance():
                return self._in_metres and not step.texts
            case _:
                return False

    def _intervals(self, body: etree._Element, times: int, on: Step, off: Step, first: int) -> None:
        values = {
            "Repeat": str(times),
            "OnDuration": self._length(on, first),
            "OffDuration": self._length(off, first + 1),
            **self._interval_power(on, "On"),
            **self._interval_power(off, "Off"),
            **({"pace": PACE} if self._run else {}),
            **self._mark(on.target),
        }
        if on.cadence is not None:
            values |= _cadence(on.cadence)
        if off.cadence is not None:
            values["CadenceResting"] = str(off.cadence.low_rpm)
        element = etree.SubElement(body, "IntervalsT", values)
        self._tell_of(on, first)
        self._tell_of(off, first + 1)
        at_ms = 0
        for _ in range(times):
            for step in (on, off):
                self._texts(element, step.texts, at_ms)
                at_ms += step.until.duration_ms if isinstance(step.until, ForDuration) else 0

    def _interval_power(self, step: Step, which: str) -> dict[str, str]:
        ends = self._power(step.target)
        assert ends is not None
        low, high = ends[0]
        if low == high:
            return {f"{which}Power": _number(low)}
        return {f"Power{which}Low": _number(low), f"Power{which}High": _number(high)}

    def _step(self, body: etree._Element, step: Step, number: int) -> None:
        tag, values = self._segment(step, number)
        values = {"Duration": self._length(step, number), **values}
        if step.cadence is not None:
            values |= _cadence(step.cadence)
        element = etree.SubElement(body, tag, values)
        self._tell_of(step, number)
        said = isinstance(step.target, FreeRide | MaxEffort) or tag != "FreeRide"
        if not said:
            words = target_text(step.target)
            self._losses.tell(f"step {number} asks for {words}; written as a text on a free ride")
            self._texts(element, (StepText(0, words),), 0)
        elif not self._keeps_kind(step, tag, number):
            self._losses.tell(f"step {number}: its kind, {step.kind}")
        self._texts(element, self._texts_within(step, number), 0)

    def _texts_within(self, step: Step, number: int) -> tuple[StepText, ...]:
        """Not those after its end: they would show in the next one."""
        if not isinstance(step.until, ForDuration) or number == len(self._workout.steps):
            return step.texts
        within = tuple(t for t in step.texts if t.offset_ms < step.until.duration_ms)
        if within != step.texts:
            self._losses.tell(f"step {number}: texts after its end")
        return within

    def _segment(self, step: Step, number: int) -> tuple[str, dict[str, str]]:
        ends, mark = self._power(step.target), self._mark(step.target)
        if ends is None:
            return "MaxEffort" if isinstance(step.target, MaxEffort) else "FreeRide", mark
        pace = {"pace": PACE, **mark} if self._run else mark
        (low, high), (end_low, end_high) = ends
        if ends[0] != ends[1] and (low, end_low) != (high, end_high):
            self._losses.tell(f"step {number}: a ramp of ranges; its middle is written")
            low, end_low = (low + high) / 2, (end_low + end_high) / 2
            high, end_high = low, end_low
        tag = RAMPS.get(step.kind, "Ramp")
        if ends[0] != ends[1] or (tag != "Ramp" and low == high):
            return tag, {"PowerLow": _number(low), "PowerHigh": _number(end_low), **pace}
        if low == high:
            return "SteadyState", {"Power": _number(low), **pace}
        return "SteadyState", {"PowerLow": _number(low), "PowerHigh": _number(high), **pace}

    def _keeps_kind(self, step: Step, tag: str, number: int) -> bool:
        """Readers know work and rest by their power, and what is easy at the ends by its place."""
        if tag in RAMPS.values():
            return True
        ends = self._power(step.target)
        if ends is None:
            return step.kind is kind_of(step.target)
        share = sum(value for pair in ends for value in pair) / 4
        if self._run:
            read = kind_of(aim(Unit.THRESHOLD_SPEED, share * PACE_OF_THRESHOLD[PACE]))
        else:
            read = kind_of(aim(Unit.FTP, share))
        place = {1: StepKind.WARMUP, len(self._workout.steps): StepKind.COOLDOWN}.get(number)
        return step.kind is read or (read is StepKind.RECOVERY and step.kind is place)

    def _mark(self, target: StepTarget) -> dict[str, str]:
        """As Zwift has it: on all of a ramp, and on what is ridden without a power else."""
        if self._workout.test == "ramp":
            return {"ramptest": "1"}
        return {"ftptest": "1"} if self._workout.test and self._power(target) is None else {}

    def _power(self, target: StepTarget) -> Ends | None:
        """As the file says it: shares of FTP, of a race pace for runs."""
        if self._run and isinstance(target, Aim) and target.unit is Unit.THRESHOLD_SPEED:
            begin, end = target.ranges
            ends: Ends | None = (begin, end)
            divisor = PACE_OF_THRESHOLD[PACE]
        else:
            ends = None if self._run else self._shares(target)
            divisor = 1.0
        if ends is None:
            return None
        (a, b), (c, d) = ((low / divisor, high / divisor) for low, high in ends)
        return (a, b), (c, d)

    def _shares(self, target: StepTarget) -> Ends | None:
        return power_of(target, Unit.FTP, self._ftp_w, self._losses)

    def _length(self, step: Step, number: int) -> str:
        if self._in_metres and isinstance(step.until, ForDistance):
            if step.at_most_ms is not None:
                self._losses.tell(f"step {number}: its ceiling is left out")
            return str(step.until.distance_m)
        ends = None if self._run else self._shares(step.target)
        share = 0.0 if ends is None else sum(value for pair in ends for value in pair) / 4
        watts = share * (self._ftp_w or 0.0)
        length_ms = timed_ms(step, number, self._workout.sport, watts, self._losses)
        return number_text(length_ms / 1000)

    def _tell_of(self, step: Step, number: int) -> None:
        if step.name not in {name_of(kind, step.target) for kind in StepKind}:
            self._losses.tell(f"step {number}: its name {step.name[:40]!r}")

    def _texts(self, element: etree._Element, texts: tuple[StepText, ...], at_ms: int) -> None:
        for text in texts:
            offset = number_text((at_ms + text.offset_ms) / 1000)
            values = {"timeoffset": offset, "message": _xml(text.text)}
            etree.SubElement(element, "textevent", values)


RAMPS = {StepKind.WARMUP: "Warmup", StepKind.COOLDOWN: "Cooldown"}


def _fixed_ftp(workout: Workout) -> float:
    """Of which no power is a share that would be taken for per cent."""
    aims = (step.target for step in workout.steps if isinstance(step.target, Aim))
    watts = [high for aim in aims if aim.unit is Unit.WATT for _, high in aim.ranges]
    return float(max(FIXED_FTP_W, math.ceil(max(watts) / UNITS[Unit.FTP].bounds[1])))


def _cadence(cadence: CadenceRange) -> dict[str, str]:
    if cadence.low_rpm == cadence.high_rpm:
        return {"Cadence": str(cadence.low_rpm)}
    return {"CadenceLow": str(cadence.low_rpm), "CadenceHigh": str(cadence.high_rpm)}


def _number(share: float) -> str:
    return number_text(round(share, DECIMALS))


def _xml(text: str) -> str:
    return NOT_XML.sub("", text)
