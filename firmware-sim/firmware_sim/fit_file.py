"""A FIT file's power, heart rate and cadence, as far as it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import fitdecode

from firmware_sim.recording import Point, Recording, RecordingError

# A week at one record a second, with room for other messages.
MAX_FILE_BYTES = 64 << 20


class FitFileError(Exception):
    """The file cannot be ridden; the message says why, and what to do."""


def read(path: Path) -> tuple[Recording, str]:
    """The recording, and what is wrong with the file ("" if nothing).

    A file that ends in the middle, or breaks, is ridden as far as it is whole: devices die.

    Raises:
        FitFileError: no such file, no FIT file, or nothing in it to ride.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            limit_mb = MAX_FILE_BYTES >> 20
            raise FitFileError(f"{path}: larger than {limit_mb} MB; give the file of one ride")
        data = path.read_bytes()
    except OSError as error:
        raise FitFileError(f"{path}: {error.strerror}; name a FIT file") from None
    points: list[Point] = []
    problem = ""
    try:
        for point in _points(data):
            points.append(point)
    # fitdecode checks less than it promises: a broken definition ends in IndexError and others.
    except Exception as error:
        problem = str(error) or type(error).__name__
    try:
        return Recording(points), problem
    except RecordingError as error:
        why = f"no FIT file, or broken at its beginning ({problem})" if problem else str(error)
        raise FitFileError(f"{path}: {why}; give the FIT file of a ride") from None


def _points(data: bytes) -> Iterator[Point]:
    with fitdecode.FitReader(
        data,
        check_crc=fitdecode.CrcCheck.DISABLED,
        error_handling=fitdecode.ErrorHandling.IGNORE,
    ) as frames:
        for frame in frames:
            if frame.frame_type == fitdecode.FIT_FRAME_DATA and frame.name == "record":
                at = _value(frame, "timestamp")
                if isinstance(at, datetime):
                    yield _point(frame, at)


def _point(frame: Any, at: datetime) -> Point:
    power, heart_rate = _number(frame, "power"), _number(frame, "heart_rate")
    cadence, fraction = _number(frame, "cadence"), _number(frame, "fractional_cadence")
    return Point(
        at_ms=round(at.timestamp() * 1000),
        power_w=None if power is None else round(power),
        # 0 is a recorder's word for a strap that it lost.
        heart_rate_bpm=round(heart_rate) if heart_rate else None,
        cadence_rpm=None if cadence is None else cadence + (fraction or 0.0),
    )


def _number(frame: Any, name: str) -> float | None:
    value = _value(frame, name)
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None


def _value(frame: Any, name: str) -> Any:
    return frame.get_value(name, fallback=None)
