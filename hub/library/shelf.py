"""The workouts that came as files: with Derny, or put into `$DERNY_DATA/workouts`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import structlog

from hub.core.errors import NotFound, UserError
from hub.core.workout import Workout
from hub.formats.imported import BYTES_MAX
from hub.formats.workout_file import BY_EXTENSION, read_workout

WORKOUTS_MAX = 500  # of a folder; policy: the rest is left out

log = structlog.get_logger(__name__)


class Origin(StrEnum):
    DERNY = "derny"
    FOLDER = "folder"
    HOUSE = "house"  # kept by the owner or a coach, for all
    OWN = "own"  # kept by one athlete


class Shelf:
    """Read once at start: a file that cannot be read is logged and left out.

    A workout's id is the file's name without its ending. A file in `own` goes before one of the
    same name in `came_with`.
    """

    def __init__(self, came_with: Path, own: Path) -> None:
        self._workouts: dict[str, tuple[Origin, Workout]] = {}
        for origin, folder in ((Origin.DERNY, came_with), (Origin.FOLDER, own)):
            for path in _files(folder):
                self._load(origin, path)

    def _load(self, origin: Origin, path: Path) -> None:
        name = path.name.encode(errors="replace").decode()
        try:
            if name != path.name:
                raise UserError("its name is no text")
            if path.stat().st_size > BYTES_MAX:
                raise UserError("too large for a workout")
            imported = read_workout(path.read_bytes(), path.name)
        except (OSError, UserError) as error:
            log.warning("workout_left_out", file=name, reason=str(error))
            return
        for warning in imported.warnings:
            log.warning("workout_doubtful", file=path.name, line=warning.line, text=warning.text)
        self._workouts[path.stem] = origin, imported.workout

    def __contains__(self, workout_id: str) -> bool:
        return workout_id in self._workouts

    def __iter__(self) -> Iterator[str]:
        return iter(self._workouts)

    def get(self, workout_id: str) -> Workout:
        """Raises NotFound."""
        if workout_id not in self._workouts:
            raise NotFound(f"no workout {workout_id!r} in the library")
        return self._workouts[workout_id][1]

    def origin(self, workout_id: str) -> Origin:
        return self._workouts[workout_id][0]


def _files(folder: Path) -> list[Path]:
    known = (path for path in folder.glob("*") if path.suffix.lower()[1:] in BY_EXTENSION)
    return sorted(known)[:WORKOUTS_MAX]
