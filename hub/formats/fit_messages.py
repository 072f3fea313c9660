"""FIT messages that say what they mean: the Garmin encoder, with bounds.

The encoder wraps what is out of range (heart rate 300 becomes 44), takes the value that means
"invalid" for a number, cuts decimals off, fails on NaN and drops names it does not know. Here
every value is held against the profile's own table before it goes in.
"""

from __future__ import annotations

import math
from typing import Any

from garmin_fit_sdk import Encoder, Profile

FIT_EPOCH_UNIX_S = 631_065_600  # 1989-12-31T00:00:00Z
STRING_BYTES_MAX = 200  # of 255; room for any reader that counts the terminator its own way

# Lowest and highest number of each base type that we write; "invalid" is left out.
RANGES: dict[str, tuple[int, int]] = {
    "enum": (0, 0xFE),
    "uint8": (0, 0xFE),
    "uint8z": (1, 0xFF),
    "sint8": (-0x80, 0x7E),
    "uint16": (0, 0xFFFE),
    "uint16z": (1, 0xFFFF),
    "sint16": (-0x8000, 0x7FFE),
    "uint32": (0, 0xFFFF_FFFE),
    "uint32z": (1, 0xFFFF_FFFF),
    "sint32": (-0x8000_0000, 0x7FFF_FFFE),
}

_FIELDS: dict[int, dict[str, dict[str, Any]]] = {
    number: {field["name"]: field for field in message["fields"].values()}
    for number, message in Profile["messages"].items()
}


def fit_time(unix_ms: int) -> int:
    """Seconds since the FIT epoch; what is before it becomes the epoch."""
    return max(unix_ms // 1000 - FIT_EPOCH_UNIX_S, 0)


def is_cut(text: str) -> bool:
    """Whether a text is longer than what is written of it."""
    return len(_printable(text).encode()) > STRING_BYTES_MAX


class FitWriter:
    """Collects messages into one FIT file, in memory."""

    def __init__(self) -> None:
        self._encoder = Encoder()

    def message(self, name: str, /, **fields: Any) -> None:
        """Append a message by its profile name in capitals, with the profile's field names.

        Numbers are in the profile's units and are clamped to what the field can hold; None and
        NaN are left out. Raises KeyError for a message or field that the profile does not have,
        and ValueError for a word that its type does not have.
        """
        number = Profile["mesg_num"][name]
        table = _FIELDS[number]
        values = {key: _fitting(table[key], value) for key, value in fields.items()}
        present = {key: value for key, value in values.items() if value is not None}
        if present:
            self._encoder.on_mesg(number, present)

    def close(self) -> bytes:
        data: bytes = self._encoder.close()
        return data


def _fitting(field: dict[str, Any], value: Any) -> Any:
    if isinstance(value, str):
        return _fitting_text(field, value)
    if isinstance(value, list):
        items = [_fitting(field, item) for item in value]
        return [item for item in items if item is not None] or None
    if value is None or math.isnan(value):
        return None
    scale, offset = field["scale"][0], field["offset"][0]
    low, high = RANGES[field["base_type"]]
    raw = min(max((value + offset) * scale, low), high)  # first: infinity has no whole number
    return _unscaled(_half_up(raw), scale, offset)


def _unscaled(raw: int, scale: float, offset: float) -> float:
    """What the encoder turns into exactly `raw`."""
    return raw if scale == 1 and offset == 0 else raw / scale - offset


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)


def _fitting_text(field: dict[str, Any], value: str) -> str | None:
    if field["base_type"] != "string":
        return value  # a word of an enumeration: the encoder knows it or refuses it
    return _printable(value).encode()[:STRING_BYTES_MAX].decode(errors="ignore") or None


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
