"""A timing aid, off unless DERNY_TRACE names a file: when each reading came and was fused.

The gateway's `gateway.trace` writes to the same file, a machine's boot clock joins the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from hub.core.errors import ConfigError
from hub.journal_port import PlacedReading
from hub.live.clock import boot_ns

RECORDS_MAX = 1_000_000  # about 150 MB; then nothing more is written


class Trace:
    """One JSON object a line. `at_boot_ms` is the gateway's stamp, `at_ms` its place in hub time;
    `rx_boot_us`: decoded and new; `fused_boot_us`: the row shows it.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = path.open("ab", buffering=1 << 16)
        self._left = RECORDS_MAX

    def passed(self, readings: Sequence[PlacedReading], rx_boot_us: int) -> None:
        """Call when fusion has taken them; live ones only."""
        fused_boot_us = boot_us()
        for reading, at_ms, _ in readings[: self._left]:
            record = {
                "hop": "hub",
                "sensor": reading.sensor_id,
                "char": reading.char,
                "at_boot_ms": reading.at_ms,
                "at_ms": at_ms,
                "rx_boot_us": rx_boot_us,
                "fused_boot_us": fused_boot_us,
            }
            self._file.write(msgspec.json.encode(record) + b"\n")
        self._left -= min(len(readings), self._left)

    def close(self) -> None:
        self._file.close()


def boot_us() -> int:
    return boot_ns() // 1_000


def trace_to(path: str) -> Trace:
    """Raises ConfigError."""
    try:
        return Trace(Path(path))
    except OSError as error:
        problem = error.strerror or "cannot be opened"
        raise ConfigError("DERNY_TRACE", path, problem, remedy="name a writable file") from None
