"""The workouts on this machine: those that came with Derny, and those in `$DERNY_DATA/workouts`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from hub.core.errors import NotFound, UserError
from hub.core.target import Aim, StepTarget, Unit
from hub.core.workout import Step, Workout, duration_ms, total_ms
from hub.formats.imported import BYTES_MAX
from hub.formats.zwo import parse_zwo

WORKOUTS_MAX = 500

log = structlog.get_logger(__name__)


class PhasePreview(msgspec.Struct, frozen=True):
    name: str
    kind: str
    duration_ms: int | None
    target_begin: float | None
    target_end: float | None


class WorkoutPreview(msgspec.Struct, frozen=True):
    """`duration_ms` None: a step is open-ended. `intensity`: mean share of FTP over what is set."""

    workout: str
    title: str
    description: str
    duration_ms: int | None
    intensity: float
    phases: tuple[PhasePreview, ...]


class Library:
    """Read once at start: a file that cannot be read is logged and left out."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._workouts: dict[str, Workout] = {}
        for folder in folders:
            for path in sorted(folder.glob("*.zwo"))[:WORKOUTS_MAX]:
                self._load(path)

    def _load(self, path: Path) -> None:
        try:
            if path.stat().st_size > BYTES_MAX:
                raise UserError("too large for a workout")
            imported = parse_zwo(path.read_bytes())
        except (OSError, UserError) as error:
            log.warning("workout_left_out", file=path.name, reason=str(error))
            return
        for warning in imported.warnings:
            log.warning("workout_doubtful", file=path.name, line=warning.line, text=warning.text)
        self._workouts[path.stem] = imported.workout

    def get(self, workout_id: str) -> Workout:
        if workout_id not in self._workouts:
            raise NotFound(f"no workout {workout_id!r} in the library")
        return self._workouts[workout_id]

    def previews(self) -> list[WorkoutPreview]:
        return [preview(name, workout) for name, workout in self._workouts.items()]


def preview(workout_id: str, workout: Workout) -> WorkoutPreview:
    return WorkoutPreview(
        workout_id,
        workout.name,
        workout.description,
        total_ms(workout),
        round(_mean_share(workout.steps), 3),
        tuple(_phase(step) for step in workout.steps),
    )


def _phase(step: Step) -> PhasePreview:
    begin, end = _shares(step.target) or (None, None)
    return PhasePreview(step.name, step.kind, duration_ms(step), begin, end)


def _shares(target: StepTarget) -> tuple[float, float] | None:
    """Of FTP, at the begin and at the end."""
    if not isinstance(target, Aim) or target.unit is not Unit.FTP:
        return None
    begin, end = (sum(ends) / 2 for ends in target.ranges)
    return begin, end


def _mean_share(steps: tuple[Step, ...]) -> float:
    """Time-weighted over the steps that have both a length and a target."""
    weighed = [
        (length_ms, sum(shares) / 2)
        for step in steps
        if (shares := _shares(step.target)) and (length_ms := duration_ms(step)) is not None
    ]
    total = sum(length_ms for length_ms, _ in weighed)
    return sum(length_ms * share for length_ms, share in weighed) / total if total else 0.0
