"""Workout -> ERG (watts) or MRC (% FTP)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.core.target import FreeRide, MaxEffort, Unit
from hub.core.workout import Step, StepKind, Workout
from hub.formats.decimals import number_text
from hub.formats.plain_power import power_of, timed_ms
from hub.formats.step_kinds import name_of
from hub.formats.target_text import target_text
from hub.formats.written import Losses, Written

# What stands for a step without a power, in shares of FTP; without an FTP, of this one.
FREE_SHARE, MAX_SHARE = 0.5, 1.5
NO_FTP_W = 200.0
TEXT_S = 10  # how long a text is shown


@dataclass(frozen=True, slots=True)
class _Row:
    """A step and its place; powers as the file says them."""

    step: Step
    begins_ms: int
    ends_ms: int
    begin: float
    end: float


def write_erg(workout: Workout, ftp_w: float | None = None) -> Written:
    """Watts. Raises UserError for a workout in shares of FTP without an FTP."""
    return _write(workout, Unit.WATT, "WATTS", ftp_w)


def write_mrc(workout: Workout, ftp_w: float | None = None) -> Written:
    """Per cent of FTP. Raises UserError for a workout in watts without an FTP."""
    return _write(workout, Unit.FTP, "PERCENT", ftp_w)


def _write(workout: Workout, unit: Unit, word: str, ftp_w: float | None) -> Written:
    losses = Losses()
    rows = list(_rows(workout, unit, ftp_w, losses))
    if workout.sport != "bike":
        losses.tell(f"that it is for {workout.sport}")
    losses.tell_of(workout, "author", "test", "say")
    lines = [
        "[COURSE HEADER]",
        "VERSION = 2",
        "UNITS = METRIC",
        f"DESCRIPTION = {' '.join(workout.description.split())}",
        f"FILE NAME = {' '.join(workout.name.split())}",
        *([f"FTP = {number_text(ftp_w)}"] if ftp_w and unit is Unit.WATT else []),
        f"MINUTES {word}",
        "[END COURSE HEADER]",
        "[COURSE DATA]",
        *(line for row in rows for line in _points(row)),
        "[END COURSE DATA]",
        *_section("COURSE TEXT", list(_texts(rows, losses))),
        *_section("INTERVAL DATA", list(_names(rows))),
    ]
    return Written("\r\n".join([*lines, ""]).encode(errors="replace"), losses.warnings)


def _rows(workout: Workout, unit: Unit, ftp_w: float | None, losses: Losses) -> Iterator[_Row]:
    at_ms = 0
    full, scale = (1.0, 100) if unit is Unit.FTP else (ftp_w or NO_FTP_W, 1)
    for number, step in enumerate(workout.steps, start=1):
        ends = power_of(step.target, unit, ftp_w, losses)
        begin, end = _middles(step, number, ends, full, losses)
        watts = (begin + end) / 2 * (1.0 if unit is Unit.WATT else ftp_w or 0.0)
        length_ms = timed_ms(step, number, workout.sport, watts, losses)
        if step.cadence is not None:
            losses.tell("cadences")
        yield _Row(step, at_ms, at_ms + length_ms, begin * scale, end * scale)
        at_ms += length_ms


def _middles(
    step: Step,
    number: int,
    ends: tuple[tuple[float, float], tuple[float, float]] | None,
    full: float,
    losses: Losses,
) -> tuple[float, float]:
    if ends is None:
        share = MAX_SHARE if isinstance(step.target, MaxEffort) else FREE_SHARE
        said = "a free ride" if isinstance(step.target, FreeRide) else target_text(step.target)
        losses.tell(f"step {number} is {said}; written as {share:.0%} of FTP")
        return share * full, share * full
    if any(low != high for low, high in ends):
        losses.tell("ranges; their middle is written")
    (a, b), (c, d) = ends
    return (a + b) / 2, (c + d) / 2


def _points(row: _Row) -> Iterator[str]:
    for at_ms, value in ((row.begins_ms, row.begin), (row.ends_ms, row.end)):
        yield f"{_minutes(at_ms)}\t{number_text(round(value, 2))}"


def _texts(rows: list[_Row], losses: Losses) -> Iterator[str]:
    """In seconds, as most programs take them; in minutes where that would be taken for minutes."""
    texts = []
    for row in rows:
        for text in row.step.texts:
            if not text.text.strip():
                continue
            if row.begins_ms + text.offset_ms < row.ends_ms or row is rows[-1]:
                texts.append((row.begins_ms + text.offset_ms, text.text))
            else:
                losses.tell("texts after the end of their step")
    whole = all(at_ms % 1000 == 0 for at_ms, _ in texts)
    beyond = any(at_ms * 60 > rows[-1].ends_ms for at_ms, _ in texts)
    for at_ms, words in texts:
        line = " ".join(words.split())
        if whole and beyond:
            yield f"{at_ms // 1000}\t{line}\t{TEXT_S}"
        else:
            yield f"{_minutes(at_ms)}\t{line}\t{TEXT_S / 60:.2f}"


def _names(rows: list[_Row]) -> Iterator[str]:
    """Only where a name says more than the kind and the power do."""
    if all(row.step.name in _plain_names(row.step) for row in rows):
        return
    for row in rows:
        if name := " ".join(row.step.name.split()):
            yield f"{_minutes(row.begins_ms)}\t{_minutes(row.ends_ms)}\t{name}"


def _plain_names(step: Step) -> set[str]:
    return {name_of(kind, step.target) for kind in StepKind}


def _section(name: str, lines: list[str]) -> list[str]:
    return [f"[{name}]", *lines, f"[END {name}]"] if lines else []


def _minutes(at_ms: int) -> str:
    """Whole seconds in two decimals or more; with all six where they are not whole."""
    text = f"{at_ms / 60_000:.6f}"
    if at_ms % 1000:
        return text
    return text[:-4] + text[-4:].rstrip("0")
