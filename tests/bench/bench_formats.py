"""From a workout file's bytes to the workout: a typical file of each format, written by us."""

from __future__ import annotations

import time

from bench.table import Row
from hub.core.target import Unit, aim
from hub.core.workout import CadenceRange, ForDuration, Step, StepKind, StepText, Workout
from hub.formats.workout_file import FORMATS, read_workout, write_workout

ROUNDS = 20
TARGET_MS = 5.0
FTP_W = 250


def typical() -> Workout:
    """An hour with two sets of eight, each step with its text."""

    def step(kind: StepKind, minutes: float, begin: float, end: float | None = None) -> Step:
        return Step(
            kind.value.capitalize(),
            kind,
            ForDuration(round(minutes * 60_000)),
            aim(Unit.FTP, begin, end),
            CadenceRange(85, 95),
            (StepText(5_000, "Smooth and round, shoulders down"),),
        )

    one = [step(StepKind.WORK, 1, 1.2), step(StepKind.RECOVERY, 1, 0.5)] * 8
    warmup, rest = step(StepKind.WARMUP, 10, 0.4, 0.75), step(StepKind.RECOVERY, 5, 0.55)
    cooldown = step(StepKind.COOLDOWN, 10, 0.6, 0.35)
    return Workout("Two sets of eight", (warmup, *one, rest, *one, cooldown), "VO2max.", "Derny")


def read_ms(data: bytes, extension: str) -> float:
    began_ns = time.process_time_ns()
    read_workout(data, f"workout.{extension}", FTP_W)
    return (time.process_time_ns() - began_ns) / 1e6


def rows() -> list[Row]:
    found = []
    for row in FORMATS:
        if row.write is None:
            continue
        data = write_workout(typical(), row.name, FTP_W).data
        read_ms(data, row.extension)  # what is compiled at the first use
        best_ms = min(read_ms(data, row.extension) for _ in range(ROUNDS))
        what = f"read {row.title} ({len(data)} bytes, 35 steps)"
        found.append(Row(what, f"{best_ms:.2f} ms", f"< {TARGET_MS:.0f} ms", best_ms < TARGET_MS))
    return found
