"""What a GATT server is made of, as plain values: services, characteristics, what they send."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Property(IntFlag):
    """Core specification Vol 3, Part G, 3.3.1.1."""

    READ = 0x02
    WRITE_WITHOUT_RESPONSE = 0x04
    WRITE = 0x08
    NOTIFY = 0x10
    INDICATE = 0x20


@dataclass(frozen=True, slots=True)
class Characteristic:
    """`uuid` is the assigned number of 16 bits, or a maker's of 128."""

    uuid: int
    properties: Property


@dataclass(frozen=True, slots=True)
class Service:
    uuid: int
    characteristics: tuple[Characteristic, ...]


def short(uuid: int) -> str:
    """Four hex digits: the assigned number, or those that tell a maker's UUIDs apart."""
    return f"{uuid if uuid <= 0xFFFF else uuid >> 96 & 0xFFFF:04x}"


@dataclass(frozen=True, slots=True)
class Emission:
    """A value to notify or indicate, as its characteristic's properties say."""

    uuid: int
    value: bytes


class AttError(IntEnum):
    """Core specification Vol 3, Part F, table 3.4, and CSS Part B, table 1.2."""

    READ_NOT_PERMITTED = 0x02
    WRITE_NOT_PERMITTED = 0x03
    INVALID_ATTRIBUTE_VALUE_LENGTH = 0x0D
    CONTROL_POINT_NOT_SUPPORTED = 0x80  # Heart Rate Service 1.0, section 1.6
    CCCD_IMPROPERLY_CONFIGURED = 0xFD


class Refused(Exception):
    """A read or write that the device answers with an ATT error."""

    def __init__(self, code: AttError) -> None:
        super().__init__(code.name)
        self.code = code
