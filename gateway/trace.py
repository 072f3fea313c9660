"""A timing aid, off unless DERNY_TRACE names a file: when each frame came and its reading left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from hub.wire.values import Reading

RECORDS_MAX = 1_000_000  # about 100 MB; then nothing more is written

log = structlog.get_logger()


class Trace:
    """One JSON object a line, until the disk is full. Times are boot us.

    `rx_boot_us`: the bytes arrived; `sent_boot_us`: the reading was handed to the uplink.
    """

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        self._file = path.open("ab", buffering=1 << 16)
        self._now_us = now_us
        self._left = RECORDS_MAX

    def passed(self, reading: Reading, rx_boot_us: int) -> None:
        if self._left == 0:
            return
        self._left -= 1
        record = {
            "hop": "gateway",
            "sensor": reading.sensor_id,
            "char": reading.char,
            "rx_boot_us": rx_boot_us,
            "sent_boot_us": self._now_us(),
        }
        try:
            self._file.write(msgspec.json.encode(record) + b"\n")
        except OSError as error:  # readings go on without it
            self._end(error)

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self._end(error)

    def _end(self, error: OSError) -> None:
        self._left = 0
        log.warning("trace_ended", problem=error.strerror)
