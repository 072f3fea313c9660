"""The formats of workout files, as a table: a new one is a row.

A file is recognised by what is in it; its name decides only where that says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from msgspec.structs import replace

from hub.core.errors import UserError
from hub.core.workout import Workout
from hub.formats.derny_toml import parse_derny_toml, write_derny_toml
from hub.formats.erg import parse_erg
from hub.formats.erg_writer import write_erg, write_mrc
from hub.formats.fit_workout import parse_fit_workout
from hub.formats.fit_workout_writer import write_fit_workout
from hub.formats.garmin_json import holds_garmin_json, parse_garmin_json
from hub.formats.imported import (
    NAME_CHARS_MAX,
    Doubts,
    Imported,
    ImportWarning,
    check_size,
    one_line,
    text_of,
)
from hub.formats.intervals_icu import holds_intervals_text, parse_intervals_icu
from hub.formats.intervals_writer import write_intervals_icu
from hub.formats.trainingpeaks_json import holds_trainingpeaks_json, parse_trainingpeaks_json
from hub.formats.written import Written
from hub.formats.zwo import parse_zwo
from hub.formats.zwo_writer import write_zwo

NO_NAME = "Workout"
PATH_CHARS_MAX = 300

Read = Callable[[bytes, float | None], Imported]
Write = Callable[[Workout, float | None], Written]


@dataclass(frozen=True, slots=True)
class Format:
    """`read` and `write` take the athlete's FTP in W as their last argument, None: not known.

    `holds` looks at the whole text of a file (at the raw bytes as Latin-1 where `binary`).
    """

    name: str
    extension: str
    title: str
    holds: Callable[[str], bool]
    read: Read
    write: Write | None
    binary: bool = False


def read_workout(data: bytes, file_name: str, ftp_w: float | None = None) -> Imported:
    """The workout in a file of any known format.

    A workout without a name gets the file's. `ftp_w` turns watts of a file that does not say its
    FTP into shares. Raises UserError when there is no workout in it.
    """
    check_size(data)
    extension = _extension(file_name)
    found = _recognised(data, extension)
    imported = found.read(data, ftp_w)
    if not imported.workout.name:
        stem = PurePath(file_name.replace("\\", "/")).stem.encode(errors="replace").decode()
        name = one_line(stem, NAME_CHARS_MAX) or NO_NAME
        imported = replace(imported, workout=replace(imported.workout, name=name))
    named = BY_EXTENSION.get(extension, ())
    if named and found not in named:
        warning = ImportWarning(0, f"named .{extension}, but it holds {found.title}")
        imported = replace(imported, warnings=(warning, *imported.warnings))
    return imported


def write_workout(workout: Workout, format_name: str, ftp_w: float | None = None) -> Written:
    """`format_name`: a name or an extension of the table ("zwo").

    Raises UserError for a format that is not known or cannot be written, and where the format
    needs an FTP and none is given.
    """
    name = format_name.lower().lstrip(".")
    for row in FORMATS:
        if name in (row.name, row.extension) and row.write is not None:
            return row.write(workout, ftp_w)
    can = ", ".join(row.name for row in FORMATS if row.write is not None)
    raise UserError(f"no workout can be written as {format_name!r}", remedy=f"one of: {can}")


def _recognised(data: bytes, extension: str) -> Format:
    raw = data.decode("latin-1")
    text = text_of(data, Doubts())
    for row in FORMATS:
        if row.holds(raw if row.binary else text):
            return row
    if _is_path(text):
        raise UserError(
            f"the file holds only the name of another one: {text.strip()}",
            remedy="take that file",
        )
    if rows := BY_EXTENSION.get(extension):
        return rows[0]
    known = ", ".join(sorted({f".{row.extension}" for row in FORMATS}))
    raise UserError("this is no workout file", remedy=f"one of: {known}")


def _is_path(text: str) -> bool:
    """A symbolic link that was stored as text."""
    line = text.strip()
    return (
        len(line) < PATH_CHARS_MAX
        and "\n" not in line
        and ("/" in line or "\\" in line)
        and _extension(line) in BY_EXTENSION
    )


def _extension(file_name: str) -> str:
    return PurePath(file_name.replace("\\", "/")).suffix.lower().removeprefix(".")


def _without_ftp(parse: Callable[[bytes], Imported]) -> Read:
    return lambda data, ftp_w: parse(data)


def _writes_all(write: Callable[[Workout], Written]) -> Write:
    return lambda workout, ftp_w: write(workout)


def _sign(pattern: str) -> Callable[[str], bool]:
    """Whether a line begins so, in any case. Possessive: a megabyte of blanks is read once."""
    compiled = re.compile(rf"^[^\S\n]*+{pattern}", re.IGNORECASE | re.MULTILINE)
    return lambda text: compiled.search(text) is not None


# First match wins: the surer signs stand above the vaguer ones.
FORMATS: tuple[Format, ...] = (
    Format("fit", "fit", "a FIT file", lambda raw: raw[8:12] == ".FIT",
           _without_ftp(parse_fit_workout), _writes_all(write_fit_workout), binary=True),
    Format("garmin", "json", "a Garmin Connect workout", holds_garmin_json,
           _without_ftp(parse_garmin_json), None),
    Format("trainingpeaks", "json", "a TrainingPeaks workout", holds_trainingpeaks_json,
           _without_ftp(parse_trainingpeaks_json), None),
    Format(
        "zwo", "zwo", "a Zwift workout", lambda t: "<workout" in t.lower(),
        _without_ftp(parse_zwo), write_zwo,
    ),
    Format("mrc", "mrc", "an MRC course", _sign(r";*+[^\S\n]*+MINUTES\s+(PERCENT|FTP|%)"),
           parse_erg, write_mrc),
    Format("erg", "erg", "an ERG course", _sign(r"\[COURSE (HEADER|DATA)\]"),
           parse_erg, write_erg),
    Format(
        "toml", "toml", "a workout of our own", _sign(r"(steps *= *\[|\[\[steps\]\])"),
        _without_ftp(parse_derny_toml), _writes_all(write_derny_toml),
    ),
    Format(
        "intervals", "txt", "an intervals.icu text", holds_intervals_text,
        _without_ftp(parse_intervals_icu), _writes_all(write_intervals_icu),
    ),
)  # fmt: skip

BY_EXTENSION: dict[str, tuple[Format, ...]] = {
    extension: tuple(row for row in FORMATS if row.extension == extension)
    for extension in dict.fromkeys(row.extension for row in FORMATS)
}
