"""The ground truth: every message that a subscriber was sent, one JSON object a line.

    {"n": 17, "at_ms": 48210337, "sensor": "TICKR 5B21", "char": "2a37", "hex": "164b33033e03"}

`n` counts from 1. `at_ms` is the machine's boot-time clock, the one that gateways stamp readings
with. A line is written when the bytes are handed to the sensor's radio.
"""

from __future__ import annotations

import time
from typing import TextIO

import msgspec

from firmware_sim.devices.gatt import short
from firmware_sim.devices.sensor import Sensor


def boot_ms() -> int:
    """Milliseconds since boot, sleep included where the platform can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return time.monotonic_ns() // 1_000_000


class TruthLog:
    """Writes to a line-buffered file, so that a killed simulator loses nothing."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._count = 0

    def __call__(self, sensor: Sensor, uuid: int, value: bytes) -> None:
        self._count += 1
        line = {
            "n": self._count,
            "at_ms": boot_ms(),
            "sensor": sensor.identity.name,
            "char": short(uuid),
            "hex": value.hex(),
        }
        self._file.write(msgspec.json.encode(line).decode() + "\n")
