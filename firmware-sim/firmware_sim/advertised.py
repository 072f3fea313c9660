"""What a device says of itself on the air: advertising data, put together over time."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from bleak.uuids import normalize_uuid_str

# Assigned Numbers 2.3, Common Data Types of advertising.
_NAMES = {0x08, 0x09}
_UUIDS_16 = {0x02, 0x03}
_UUIDS_128 = {0x06, 0x07}
_TX_POWER = 0x0A
_SERVICE_DATA_16 = 0x16
_SERVICE_DATA_128 = 0x21
_MANUFACTURER = 0xFF


@dataclass(slots=True)
class Heard:
    """What a device has said of itself so far: advertisement and scan response together.

    BlueZ merges them over time, so applications rely on it.
    """

    name: str | None = None
    tx_power: int | None = None
    manufacturer_data: dict[int, bytes] = field(default_factory=dict)
    service_data: dict[str, bytes] = field(default_factory=dict)
    service_uuids: list[str] = field(default_factory=list)

    def hear(self, structures: list[tuple[int, bytes]]) -> None:
        for kind, data in structures:
            if kind in _NAMES:
                self.name = data.decode("utf-8", "replace")
            elif kind in _UUIDS_16:
                self._add_uuids(data, 2)
            elif kind in _UUIDS_128:
                self._add_uuids(data, 16)
            elif kind == _TX_POWER and len(data) == 1:
                self.tx_power = struct.unpack("b", data)[0]
            elif kind == _SERVICE_DATA_16 and len(data) >= 2:
                self.service_data[uuid_text(data[:2])] = data[2:]
            elif kind == _SERVICE_DATA_128 and len(data) >= 16:
                self.service_data[uuid_text(data[:16])] = data[16:]
            elif kind == _MANUFACTURER and len(data) >= 2:
                self.manufacturer_data[int.from_bytes(data[:2], "little")] = data[2:]

    def _add_uuids(self, data: bytes, size: int) -> None:
        for start in range(0, len(data) - size + 1, size):
            uuid = uuid_text(data[start : start + size])
            if uuid not in self.service_uuids:
                self.service_uuids.append(uuid)


def uuid_text(little_endian: bytes) -> str:
    """128 bits, lower case, as bleak spells them; from 16 or 128 bits."""
    big = little_endian[::-1].hex()
    if len(big) == 32:
        big = "-".join((big[:8], big[8:12], big[12:16], big[16:20], big[20:]))
    return normalize_uuid_str(big)
