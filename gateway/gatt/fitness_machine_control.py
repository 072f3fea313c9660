"""Fitness Machine Service 1.0 (0x1826), how a machine is steered and what it says of itself.

0x2ACC Feature (4.3), 0x2AD6 and 0x2AD8 ranges (4.13, 4.14), 0x2AD9 Control Point (4.16),
0x2ADA Status (4.17), 0x2AD3 Training Status (4.10). Every reader answers `Nonsense` to bytes
that it cannot read, and never raises.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from gateway.gatt.layout import Nonsense

CONTROL_POINT = "2ad9"


class Op(IntEnum):
    """Control Point op codes that Derny sends (4.16.1)."""

    REQUEST_CONTROL = 0x00
    RESET = 0x01
    SET_TARGET_RESISTANCE = 0x04
    SET_TARGET_POWER = 0x05
    START_OR_RESUME = 0x07
    STOP_OR_PAUSE = 0x08
    SET_SIMULATION = 0x11
    SPIN_DOWN = 0x13


class Result(IntEnum):
    """Control Point result codes (4.16.2)."""

    SUCCESS = 1
    NOT_SUPPORTED = 2
    INVALID_PARAMETER = 3
    FAILED = 4
    NOT_PERMITTED = 5


STOP = 1  # parameter of STOP_OR_PAUSE
SPIN_DOWN_START = 1


def request_control() -> bytes:
    return bytes([Op.REQUEST_CONTROL])


def reset() -> bytes:
    return bytes([Op.RESET])


def start_or_resume() -> bytes:
    return bytes([Op.START_OR_RESUME])


def stop() -> bytes:
    return bytes([Op.STOP_OR_PAUSE, STOP])


def set_target_power(power_w: int) -> bytes:
    """`power_w` within s16; the caller clamps to the machine's range."""
    return bytes([Op.SET_TARGET_POWER]) + power_w.to_bytes(2, "little", signed=True)


def set_target_resistance(raw: int, *, size: int = 2) -> bytes:
    """4.16.2.5, `raw` in the 0.1 steps of 0x2AD6.

    The book has one byte, which ends at 25.5; machines take two, but for a few (`quirks.py`).
    """
    return bytes([Op.SET_TARGET_RESISTANCE]) + raw.to_bytes(size, "little", signed=size == 2)


def set_simulation(grade_pct: float, wind_mps: float, crr: float, cw_kg_m: float) -> bytes:
    """4.16.2.18: wind 0.001 m/s, grade 0.01 %, Crr 0.0001, Cw 0.01 kg/m; each kept in its field."""
    return bytes([Op.SET_SIMULATION]) + b"".join(
        (
            _field(wind_mps * 1000, 2, signed=True),
            _field(grade_pct * 100, 2, signed=True),
            _field(crr * 10_000, 1),
            _field(cw_kg_m * 100, 1),
        )
    )


def spin_down() -> bytes:
    return bytes([Op.SPIN_DOWN, SPIN_DOWN_START])


def _field(value: float, size: int, *, signed: bool = False) -> bytes:
    """Rounded, and kept within what the field holds."""
    bits = 8 * size - signed
    low, high = (-(1 << bits) if signed else 0), (1 << bits) - 1
    return min(max(round(value), low), high).to_bytes(size, "little", signed=signed)


# fmt: off
OP_NAMES = (
    "request_control", "reset", "set_target_speed", "set_target_inclination",
    "set_target_resistance", "set_target_power", "set_target_heart_rate", "start_or_resume",
    "stop_or_pause", "set_target_energy", "set_target_steps", "set_target_strides",
    "set_target_distance", "set_target_time", "set_target_time_in_two_zones",
    "set_target_time_in_three_zones", "set_target_time_in_five_zones", "set_simulation",
    "set_wheel_circumference", "spin_down", "set_target_cadence",
)

FEATURES = (
    "average_speed", "cadence", "distance", "inclination", "elevation", "pace", "step_count",
    "resistance", "stride_count", "energy", "heart_rate", "met", "elapsed_time",
    "remaining_time", "power", "force_and_power_output", "user_data_retention",
)

TARGETS = (
    "speed", "inclination", "resistance", "power", "heart_rate", "energy", "steps", "strides",
    "distance", "time", "time_in_two_zones", "time_in_three_zones", "time_in_five_zones",
    "simulation", "wheel_circumference", "spin_down", "cadence",
)

TRAINING_STATUS = (
    "other", "idle", "warm_up", "low_intensity_interval", "high_intensity_interval",
    "recovery_interval", "isometric", "heart_rate_control", "fitness_test",
    "speed_below_control_region", "speed_above_control_region", "cool_down", "watt_control",
    "manual_mode", "pre_workout", "post_workout",
)
# fmt: on


class ControlResponse(msgspec.Struct, frozen=True):
    """Answer to a control procedure. `result` may be a code that the spec does not have."""

    op: int
    result: int
    parameter: bytes = b""

    @property
    def op_name(self) -> str:
        return OP_NAMES[self.op] if self.op < len(OP_NAMES) else f"op_{self.op:02x}"

    @property
    def result_name(self) -> str:
        try:
            return Result(self.result).name.lower()
        except ValueError:
            return f"result_{self.result:02x}"


RESPONSE = 0x80


def control_response(data: bytes) -> ControlResponse | Nonsense:
    """0x2AD9 indication: 80, op code, result, perhaps parameters."""
    if len(data) < 3:
        return Nonsense(f"{len(data)} bytes are too few for a control response")
    if data[0] != RESPONSE:
        return Nonsense(f"a control response begins with 80, not {data[0]:02x}")
    return ControlResponse(data[1], data[2], data[3:])


class SpinDownSpeeds(msgspec.Struct, frozen=True):
    """What the machine wants to be ridden at before it rolls out."""

    low_kmh: float
    high_kmh: float


def spin_down_speeds(parameter: bytes) -> SpinDownSpeeds | Nonsense:
    """The parameter of a spin-down's response (4.16.2.20): two u16 of 0.01 km/h."""
    if len(parameter) < 4:
        return Nonsense(f"{len(parameter)} bytes are too few for a pair of speeds")
    low, high = (int.from_bytes(parameter[i : i + 2], "little") for i in (0, 2))
    if not 0 < low <= high:
        return Nonsense(f"a spin-down from {low / 100} to {high / 100} km/h is upside down")
    return SpinDownSpeeds(low / 100, high / 100)


class MachineFeatures(msgspec.Struct, frozen=True):
    """0x2ACC. Machines often leave bits out: try, and believe the result code."""

    features: tuple[str, ...]
    targets: tuple[str, ...]


def features(data: bytes) -> MachineFeatures | Nonsense:
    """Two u32 of bits. Some machines return nothing when read."""
    if len(data) < 8:
        return Nonsense(f"{len(data)} bytes are too few for two sets of 32 feature bits")
    return MachineFeatures(
        _names(FEATURES, int.from_bytes(data[:4], "little")),
        _names(TARGETS, int.from_bytes(data[4:8], "little")),
    )


def _names(names: tuple[str, ...], bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in enumerate(names) if bits >> bit & 1)


class PowerRange(msgspec.Struct, frozen=True):
    """0x2AD8, in watts. An increment of 0 is read as 1."""

    min_w: int
    max_w: int
    increment_w: int


def power_range(data: bytes) -> PowerRange | Nonsense:
    if len(data) < 6:
        return Nonsense(f"{len(data)} bytes are too few for a power range")
    low, high, step = _s16(data[0:2]), _s16(data[2:4]), int.from_bytes(data[4:6], "little")
    if low > high:
        return Nonsense(f"a power range from {low} to {high} W is upside down")
    return PowerRange(low, high, max(1, step))


class ResistanceRange(msgspec.Struct, frozen=True):
    """0x2AD6, unitless with a resolution of 0.1; what a level means differs by maker."""

    minimum: float
    maximum: float
    increment: float


def resistance_range(data: bytes) -> ResistanceRange | Nonsense:
    if len(data) < 6:
        return Nonsense(f"{len(data)} bytes are too few for a resistance range")
    low, high, step = _s16(data[0:2]), _s16(data[2:4]), int.from_bytes(data[4:6], "little")
    if low > high:
        return Nonsense(f"a resistance range from {low / 10} to {high / 10} is upside down")
    return ResistanceRange(low / 10, high / 10, step / 10)


def _s16(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


class Event(IntEnum):
    """Machine Status op codes that steering cares about (4.17)."""

    RESET = 0x01
    STOPPED_OR_PAUSED = 0x02
    STOPPED_BY_SAFETY_KEY = 0x03
    STARTED = 0x04
    TARGET_SPEED = 0x05
    TARGET_INCLINE = 0x06
    TARGET_RESISTANCE = 0x07
    TARGET_POWER = 0x08
    TARGET_HEART_RATE = 0x09
    SIMULATION = 0x12
    SPIN_DOWN = 0x14
    CONTROL_LOST = 0xFF


class SpinDownStatus(IntEnum):
    """Parameter of SPIN_DOWN (4.17.1)."""

    REQUESTED = 1
    SUCCESS = 2
    ERROR = 3
    STOP_PEDALING = 4


class MachineStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """0x2ADA: an event, and its parameter where it has one and sent it."""

    event: int
    name: str
    value: float | None = None
    unit: str = ""
    partial: bool = False  # the parameter is missing (Think XX01 sends a bare 08)


# event: (name, parameter's size, signed, counts per unit, unit)
_EVENTS: dict[int, tuple[str, int, bool, int, str]] = {
    0x01: ("reset", 0, False, 1, ""),
    0x02: ("stopped_or_paused", 1, False, 1, ""),
    0x03: ("stopped_by_safety_key", 0, False, 1, ""),
    0x04: ("started_or_resumed", 0, False, 1, ""),
    0x05: ("target_speed", 2, False, 100, "km/h"),
    0x06: ("target_inclination", 2, True, 10, "%"),
    0x07: ("target_resistance", 1, False, 10, ""),
    0x08: ("target_power", 2, True, 1, "W"),
    0x09: ("target_heart_rate", 1, False, 1, "bpm"),
    0x0A: ("target_energy", 2, False, 1, "kcal"),
    0x0B: ("target_steps", 2, False, 1, ""),
    0x0C: ("target_strides", 2, False, 1, ""),
    0x0D: ("target_distance", 3, False, 1, "m"),
    0x0E: ("target_time", 2, False, 1, "s"),
    0x0F: ("target_time_in_two_zones", 0, False, 1, ""),
    0x10: ("target_time_in_three_zones", 0, False, 1, ""),
    0x11: ("target_time_in_five_zones", 0, False, 1, ""),
    0x12: ("simulation", 0, False, 1, ""),
    0x13: ("wheel_circumference", 2, False, 10, "mm"),
    0x14: ("spin_down", 1, False, 1, ""),
    0x15: ("target_cadence", 2, False, 2, "rpm"),
    0xFF: ("control_lost", 0, False, 1, ""),
}


def machine_status(data: bytes) -> MachineStatus | Nonsense:
    if not data:
        return Nonsense("0 bytes hold no machine status")
    row = _EVENTS.get(data[0])
    if row is None:
        return Nonsense(f"machine status {data[0]:02x} is reserved")
    name, size, signed, per_unit, unit = row
    if data[0] == Event.SIMULATION and len(data) >= 5:
        grade = int.from_bytes(data[3:5], "little", signed=True)  # behind the wind
        return MachineStatus(data[0], name, grade / 100, "%")
    if data[0] == Event.TARGET_RESISTANCE and len(data) >= 3:
        size, signed = 2, True  # as with Indoor Bike Data: two bytes in every capture
    if size == 0:
        return MachineStatus(data[0], name)
    if len(data) < 1 + size:
        return MachineStatus(data[0], name, partial=True)
    raw = int.from_bytes(data[1 : 1 + size], "little", signed=signed)
    return MachineStatus(data[0], name, raw if per_unit == 1 else raw / per_unit, unit)


class TrainingStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """0x2AD3: what the machine believes it is doing, and its words for it."""

    name: str
    text: str = ""


_HAS_TEXT = 1


def training_status(data: bytes) -> TrainingStatus | Nonsense:
    if len(data) < 2:
        return Nonsense(f"{len(data)} bytes are too few for a training status")
    if data[1] >= len(TRAINING_STATUS):
        return Nonsense(f"training status {data[1]:02x} is reserved")
    text = data[2:].decode("utf-8", "replace").rstrip("\0") if data[0] & _HAS_TEXT else ""
    return TrainingStatus(TRAINING_STATUS[data[1]], text)
