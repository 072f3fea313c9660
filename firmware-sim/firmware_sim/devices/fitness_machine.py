"""Encoders and numbers of the Fitness Machine Service 1.0 (0x1826)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from firmware_sim.devices.wire import s16, u8, u16, u24

FITNESS_MACHINE_SERVICE = 0x1826
FITNESS_MACHINE_FEATURE = 0x2ACC
TREADMILL_DATA = 0x2ACD
CROSS_TRAINER_DATA = 0x2ACE
ROWER_DATA = 0x2AD1
INDOOR_BIKE_DATA = 0x2AD2
TRAINING_STATUS = 0x2AD3
RESISTANCE_RANGE = 0x2AD6
POWER_RANGE = 0x2AD8
CONTROL_POINT = 0x2AD9
MACHINE_STATUS = 0x2ADA

# Service data of the advertisement, section 3.1: flags (machine available), type.
AVAILABLE = 0x01
TREADMILL = 1 << 0
CROSS_TRAINER = 1 << 1
ROWER = 1 << 4
INDOOR_BIKE = 1 << 5


class Op(IntEnum):
    """Control point, section 4.16.1."""

    REQUEST_CONTROL = 0x00
    RESET = 0x01
    SET_RESISTANCE = 0x04
    SET_POWER = 0x05
    START_OR_RESUME = 0x07
    STOP_OR_PAUSE = 0x08
    SET_SIMULATION = 0x11
    SPIN_DOWN = 0x13
    RESPONSE = 0x80


class Result(IntEnum):
    """Control point, section 4.16.2.22."""

    SUCCESS = 0x01
    NOT_SUPPORTED = 0x02
    INVALID_PARAMETER = 0x03
    FAILED = 0x04
    CONTROL_NOT_PERMITTED = 0x05


class Status(IntEnum):
    """Fitness Machine Status, section 4.17."""

    RESET = 0x01
    STOPPED_OR_PAUSED = 0x02
    STARTED_OR_RESUMED = 0x04
    RESISTANCE_CHANGED = 0x07
    POWER_CHANGED = 0x08
    SIMULATION_CHANGED = 0x12
    SPIN_DOWN = 0x14
    CONTROL_LOST = 0xFF


class SpinDown(IntEnum):
    """Spin Down Status, section 4.17."""

    REQUESTED = 0x01
    SUCCESS = 0x02
    ERROR = 0x03
    STOP_PEDALING = 0x04


class Training(IntEnum):
    """Training Status, section 4.10.1.2."""

    IDLE = 0x01
    WATT_CONTROL = 0x0C
    MANUAL = 0x0D


class Feature(IntEnum):
    """Fitness Machine Features, section 4.3.1.1: bit numbers."""

    AVERAGE_SPEED = 0
    CADENCE = 1
    TOTAL_DISTANCE = 2
    INCLINATION = 3
    PACE = 5
    STEP_COUNT = 6
    RESISTANCE = 7
    EXPENDED_ENERGY = 9
    ELAPSED_TIME = 12
    POWER = 14


class TargetFeature(IntEnum):
    """Target Setting Features, section 4.3.1.2: bit numbers."""

    RESISTANCE = 2
    POWER = 3
    SIMULATION = 13
    SPIN_DOWN = 15


# Indoor Bike Data flags, section 4.9.1.1. Bit 0, More Data, is inverted: 0 means "speed present".
MORE_DATA = 1 << 0
CADENCE_PRESENT = 1 << 2
DISTANCE_PRESENT = 1 << 4
RESISTANCE_PRESENT = 1 << 5
POWER_PRESENT = 1 << 6
HEART_RATE_PRESENT = 1 << 9
ELAPSED_PRESENT = 1 << 11


@dataclass(frozen=True, slots=True)
class IndoorBikeData:
    """Section 4.9. None leaves a field out."""

    speed_kmh: float | None = None
    cadence_rpm: float | None = None
    distance_m: float | None = None
    resistance: int | None = None
    power_w: float | None = None
    heart_rate_bpm: int | None = None
    elapsed_s: int | None = None

    def encode(self) -> bytes:
        flags = MORE_DATA
        value = b""
        if self.speed_kmh is not None:
            flags &= ~MORE_DATA
            value += u16(self.speed_kmh * 100)
        if self.cadence_rpm is not None:
            flags |= CADENCE_PRESENT
            value += u16(self.cadence_rpm * 2)
        if self.distance_m is not None:
            flags |= DISTANCE_PRESENT
            value += u24(self.distance_m)
        if self.resistance is not None:
            flags |= RESISTANCE_PRESENT
            value += s16(self.resistance)
        if self.power_w is not None:
            flags |= POWER_PRESENT
            value += s16(self.power_w)
        if self.heart_rate_bpm is not None:
            flags |= HEART_RATE_PRESENT
            value += u8(self.heart_rate_bpm)
        if self.elapsed_s is not None:
            flags |= ELAPSED_PRESENT
            value += u16(self.elapsed_s)
        return u16(flags) + value


def encode_record(
    first: bytes | None, fields: Mapping[int, bytes | None], flags_bytes: int = 2
) -> bytes:
    """A machine's data: flags, then what they announce, in the order of their bits.

    Args:
        first: what bit 0 announces by being 0; None: More Data, it comes in another notification.
        fields: bytes by flag bit; None leaves them out.
    """
    sent = {bit: value for bit, value in sorted(fields.items()) if value is not None}
    flags = (MORE_DATA if first is None else 0) | sum(1 << bit for bit in sent)
    return flags.to_bytes(flags_bytes, "little") + (first or b"") + b"".join(sent.values())


def encode_energy(total_kcal: float, per_hour_kcal: float | None) -> bytes:
    """Total, per hour and per minute; None: the machine does not know the last two."""
    if per_hour_kcal is None:
        return u16(total_kcal) + b"\xff\xff\xff"
    return u16(total_kcal) + u16(per_hour_kcal) + u8(int(per_hour_kcal / 60))


def encode_features(features: set[Feature], targets: set[TargetFeature]) -> bytes:
    """Fitness Machine Feature, section 4.3."""
    return b"".join(
        sum(1 << bit for bit in bits).to_bytes(4, "little") for bits in (features, targets)
    )


def encode_range(minimum: int, maximum: int, increment: int) -> bytes:
    """Supported Power Range (W) and Supported Resistance Level Range (0.1), 4.13 and 4.14."""
    return s16(minimum) + s16(maximum) + u16(increment)


def encode_response(op: int, result: Result, parameter: bytes = b"") -> bytes:
    """What a control point procedure is answered with, section 4.16.2.22."""
    return bytes([Op.RESPONSE, op, result]) + parameter


def encode_speeds(low_kmh: float, high_kmh: float) -> bytes:
    """What a spin-down wants to be ridden at, section 4.16.2.20."""
    return u16(low_kmh * 100) + u16(high_kmh * 100)
