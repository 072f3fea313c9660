"""Tacx FE-C over BLE: ANT+ Fitness Equipment pages (ANT+ FE-C profile, revision 4) in GATT.

Service 6e40fec1-b5a3-f393-e0a9-e50e24dcca9e; fec2 notifies, fec3 is written. One frame carries one
page: sync A4, length 09, type 4E (broadcast) or 4F (acknowledged), channel, eight bytes, and the
XOR of all before. Numbers are little-endian. Every reader answers `Nonsense` to bytes that it
cannot read, and never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import reduce
from operator import xor

import msgspec

from gateway.gatt.layout import Nonsense, Values

NOTIFY, WRITE = "fec2", "fec3"

SYNC, LENGTH, ACKNOWLEDGED, CHANNEL = 0xA4, 9, 0x4F, 5
FRAME_BYTES = 13
NONE_U8, NONE_U16, NONE_POWER = 0xFF, 0xFFFF, 0xFFF


class Page(IntEnum):
    CALIBRATION = 1
    CALIBRATION_UNDER_WAY = 2
    GENERAL = 16
    TRAINER = 25
    RESISTANCE = 48
    POWER = 49
    WIND = 50
    TRACK = 51
    CAPABILITIES = 54
    USER = 55
    REQUEST = 70
    COMMAND_STATUS = 71
    MANUFACTURER = 80
    PRODUCT = 81


# Frames


def page_of(data: bytes) -> bytes | Nonsense:
    """The eight bytes of a whole, unharmed frame."""
    if len(data) < FRAME_BYTES:
        return Nonsense(f"{len(data)} bytes are too few for an FE-C frame")
    if data[0] != SYNC or data[1] != LENGTH:
        return Nonsense(f"an FE-C frame begins with a409, not {data[:2].hex()}")
    if reduce(xor, data[: FRAME_BYTES - 1]) != data[FRAME_BYTES - 1]:
        return Nonsense("the checksum of an FE-C frame is wrong")
    return data[4 : FRAME_BYTES - 1]


def frame(page: bytes) -> bytes:
    """`page`: eight bytes."""
    head = bytes([SYNC, LENGTH, ACKNOWLEDGED, CHANNEL]) + page
    return head + bytes([reduce(xor, head)])


# Measurements


def measurement(data: bytes) -> Values | Nonsense:
    """Pages 16 and 25 as values; any other page holds none."""
    page = page_of(data)
    if isinstance(page, Nonsense):
        return page
    read = _MEASURES.get(page[0])
    return {} if read is None else read(page)


def _general(page: bytes) -> Values:
    values: Values = {}
    speed = _u16(page, 4)
    if speed != NONE_U16:
        values["speed_kmh"] = speed * 3.6 / 1000
    if page[6] not in (0, NONE_U8):
        values["heart_rate_bpm"] = page[6]
    return values


def _trainer(page: bytes) -> Values:
    values: Values = {}
    if page[2] != NONE_U8:
        values["cadence_rpm"] = float(page[2])
    power = page[5] | (page[6] & 0x0F) << 8
    if power != NONE_POWER:
        values["power_w"] = power
    return values


_MEASURES: dict[int, Callable[[bytes], Values]] = {Page.GENERAL: _general, Page.TRAINER: _trainer}


# Facts


class Capabilities(msgspec.Struct, frozen=True):
    """Page 54. `force_max_n`: None where the trainer does not say."""

    force_max_n: int | None
    resistance: bool
    power: bool
    simulation: bool


class Product(msgspec.Struct, frozen=True):
    """Page 81."""

    software: int
    serial: int | None


class CommandStatus(msgspec.Struct, frozen=True):
    """Page 71: what became of the control page last received."""

    page: int
    status: int


class CommandResult(IntEnum):
    PASS = 0
    FAIL = 1
    NOT_SUPPORTED = 2
    REJECTED = 3
    PENDING = 4


class CalibrationResult(msgspec.Struct, frozen=True):
    """Page 1 from the trainer: whether the spin-down succeeded, and how long it took."""

    spun_down: bool
    spin_down_ms: int | None
    temperature_c: float | None


class CalibrationUnderWay(msgspec.Struct, frozen=True):
    """Page 2. `fast_enough` None: it does not say."""

    spin_down: bool
    fast_enough: bool | None
    target_kmh: float | None
    target_ms: int | None


Fact = Capabilities | Product | CommandStatus | CalibrationResult | CalibrationUnderWay


def fact(data: bytes) -> Fact | Nonsense | None:
    """What a page says that is no measurement; None: nothing that is known here."""
    page = page_of(data)
    if isinstance(page, Nonsense):
        return page
    read = _FACTS.get(page[0])
    return None if read is None else read(page)


def _capabilities(page: bytes) -> Capabilities:
    force, bits = _u16(page, 5), page[7]
    return Capabilities(
        None if force == NONE_U16 else force, bool(bits & 1), bool(bits & 2), bool(bits & 4)
    )


def _product(page: bytes) -> Product:
    serial = int.from_bytes(page[4:8], "little")
    return Product(page[3], None if serial == 0xFFFFFFFF else serial)


def _command_status(page: bytes) -> CommandStatus:
    return CommandStatus(page[1], page[3])


def _calibration(page: bytes) -> CalibrationResult:
    return CalibrationResult(bool(page[1] & SPIN_DOWN), _ms(page, 6), _celsius(page[3]))


def _under_way(page: bytes) -> CalibrationUnderWay:
    speed = page[2] >> 6  # 0: does not apply, 1: too low, 2: reached
    target = _u16(page, 4)
    return CalibrationUnderWay(
        spin_down=bool(page[1] & SPIN_DOWN),
        fast_enough={1: False, 2: True}.get(speed),
        target_kmh=None if target == NONE_U16 else target * 3.6 / 1000,
        target_ms=_ms(page, 6),
    )


_FACTS: dict[int, Callable[[bytes], Fact]] = {
    Page.CAPABILITIES: _capabilities,
    Page.PRODUCT: _product,
    Page.COMMAND_STATUS: _command_status,
    Page.CALIBRATION: _calibration,
    Page.CALIBRATION_UNDER_WAY: _under_way,
}

SPIN_DOWN = 0x80  # of the second byte of pages 1 and 2


# Control


def resistance(level_pct: float) -> bytes:
    """Page 48: 0.5 % of the greatest."""
    return frame(bytes([Page.RESISTANCE]) + b"\xff" * 6 + bytes([_clamp(level_pct * 2, 200)]))


def power(power_w: int) -> bytes:
    """Page 49: 0.25 W."""
    quarters = _clamp(power_w * 4, 0xFFFE).to_bytes(2, "little")
    return frame(bytes([Page.POWER]) + b"\xff" * 5 + quarters)


def wind(wind_mps: float, cw_kg_m: float) -> bytes:
    """Page 50: coefficient 0.01 kg/m, head wind 1 km/h from -127, nobody ahead to draft behind."""
    fields = (_clamp(cw_kg_m * 100, 186), _clamp(wind_mps * 3.6 + 127, 254), 100)
    return frame(bytes([Page.WIND]) + b"\xff" * 4 + bytes(fields))


def track(grade_pct: float, crr: float) -> bytes:
    """Page 51: grade 0.01 % from -200 %, Crr 5e-5."""
    grade = _clamp((grade_pct + 200) * 100, 40_000)
    return frame(
        bytes([Page.TRACK])
        + b"\xff" * 4
        + grade.to_bytes(2, "little")
        + bytes([_clamp(crr / 5e-5, 254)])
    )


def request(page: int) -> bytes:
    """Page 70: send this page, once."""
    return frame(bytes([Page.REQUEST, 0xFF, 0xFF, 0xFF, 0xFF, 1, page, 1]))


def calibrate() -> bytes:
    """Page 1: begin a spin-down."""
    return frame(bytes([Page.CALIBRATION, SPIN_DOWN, 0]) + b"\xff" * 5)


def _u16(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 2], "little")


def _ms(page: bytes, at: int) -> int | None:
    return None if _u16(page, at) == NONE_U16 else _u16(page, at)


def _celsius(raw: int) -> float | None:
    return None if raw == NONE_U8 else raw / 2 - 25


def _clamp(value: float, most: int) -> int:
    return min(max(round(value), 0), most)
