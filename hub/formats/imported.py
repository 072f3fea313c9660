"""What reading a workout file gives: the workout and what was doubtful; and its bytes as text.

One rule for every format: where there is structure it is imported, and what was doubtful is a
warning with its line; where there is none it is one UserError.
"""

from __future__ import annotations

import msgspec

from hub.core.errors import UserError
from hub.core.workout import Workout

BYTES_MAX = 1 << 20
WARNINGS_MAX = 100  # one more says that there were more
NAME_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 5_000
TEXT_CHARS_MAX = 500
TEXTS_MAX = 1000


class ImportWarning(msgspec.Struct, frozen=True):
    """Something doubtful; `line` counts from 1, 0 when it concerns the whole file."""

    line: int
    text: str


class Imported(msgspec.Struct, frozen=True):
    workout: Workout
    warnings: tuple[ImportWarning, ...]


class Doubts:
    """Collects warnings, each once, and no more than a person reads."""

    def __init__(self) -> None:
        self._told: dict[ImportWarning, None] = {}

    def warn(self, line: int, text: str) -> None:
        if len(self._told) < WARNINGS_MAX:
            self._told[ImportWarning(line, text)] = None
        elif len(self._told) == WARNINGS_MAX:
            self._told[ImportWarning(0, "there is more that is doubtful")] = None

    @property
    def warnings(self) -> tuple[ImportWarning, ...]:
        return tuple(self._told)


def text_of(data: bytes, doubts: Doubts) -> str:
    """The file as text: UTF-8 or UTF-16 with their marks, else Windows-1252, said so.

    Raises UserError for a file that is empty or larger than a workout ever is.
    """
    check_size(data)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        doubts.warn(0, "the text is not UTF-8; read as Windows-1252")
        return data.decode("cp1252", "replace")


def one_line(text: str, chars_max: int) -> str:
    """Any white space as one blank; cut at `chars_max`."""
    return " ".join(text.split())[:chars_max].rstrip()


def check_size(data: bytes) -> None:
    """Raises UserError."""
    if len(data) > BYTES_MAX:
        raise UserError("the file is larger than 1 MiB", remedy="a workout never is")
    if not data.strip():
        raise UserError("the file is empty", remedy="save or download it again")
