"""A power meter in the pedals: Cycling Power Service 1.1 (0x1818)."""

from __future__ import annotations

from firmware_sim.devices.body import Body
from firmware_sim.devices.gatt import (
    AttError,
    Characteristic,
    Emission,
    Property,
    Refused,
    Service,
)
from firmware_sim.devices.revolutions import Revolutions
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.wire import s16, u8, u16, u32, wrap16

CYCLING_POWER_SERVICE = 0x1818
CYCLING_POWER_MEASUREMENT = 0x2A63
CYCLING_POWER_FEATURE = 0x2A65
CYCLING_POWER_CONTROL_POINT = 0x2A66
SENSOR_LOCATION = 0x2A5D

LEFT_PEDAL = 7

# Flags of the measurement, section 3.2.1.1.
BALANCE_PRESENT = 0x0001
BALANCE_IS_LEFT = 0x0002
TORQUE_PRESENT = 0x0004
TORQUE_AT_CRANK = 0x0008
CRANK_PRESENT = 0x0020

# Bits of the feature, section 3.1.
BALANCE_SUPPORTED = 1 << 0
CRANK_SUPPORTED = 1 << 3
OFFSET_COMPENSATION_SUPPORTED = 1 << 9

OFFSET_COMPENSATION = 0x0C
RESPONSE = 0x20
SUCCESS = 0x01
NOT_SUPPORTED = 0x02

# What a healthy strain gauge reads at rest, in 1/32 Nm.
OFFSET_AT_REST = 5
SMOOTHING_S = 0.5


def encode_measurement(
    power_w: float,
    *,
    balance_left_pct: float | None = None,
    crank_torque_32: int | None = None,
    crank: tuple[int, int] | None = None,
) -> bytes:
    """Cycling Power Measurement, section 3.2.

    Args:
        balance_left_pct: the left leg's share.
        crank_torque_32: accumulated torque at the crank in 1/32 Nm; it wraps.
        crank: revolutions and the time of the last one in 1/1024 s; both wrap.
    """
    flags = 0
    value = b""
    if balance_left_pct is not None:
        flags |= BALANCE_PRESENT | BALANCE_IS_LEFT
        value += u8(balance_left_pct * 2)
    if crank_torque_32 is not None:
        flags |= TORQUE_PRESENT | TORQUE_AT_CRANK
        value += wrap16(crank_torque_32)
    if crank is not None:
        flags |= CRANK_PRESENT
        value += wrap16(crank[0]) + wrap16(crank[1])
    return u16(flags) + s16(power_w) + value


class PowerMeter(Sensor):
    """Power, left-right balance and crank revolutions, once a second.

    `bias` is by how much it reads more (1.02) or less (0.98) than the truth: no two meters agree.
    `exact`: it shows the body's power as it is. Without `has_crank` it counts no revolutions.
    """

    kind = "power_meter"
    period_ms = 1000
    advertised = (CYCLING_POWER_SERVICE,)
    own_services = (
        Service(
            CYCLING_POWER_SERVICE,
            (
                Characteristic(CYCLING_POWER_MEASUREMENT, Property.NOTIFY),
                Characteristic(CYCLING_POWER_FEATURE, Property.READ),
                Characteristic(SENSOR_LOCATION, Property.READ),
                Characteristic(CYCLING_POWER_CONTROL_POINT, Property.WRITE | Property.INDICATE),
            ),
        ),
    )
    battery_life_h = 50.0

    def __init__(
        self,
        identity: Identity,
        *,
        phase_ms: int = 0,
        battery_pct: float = 90.0,
        bias: float = 1.0,
        balance_left_pct: float = 50.0,
        crank_count: int = 0,
        exact: bool = False,
        has_crank: bool = True,
    ) -> None:
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self._bias = bias
        self._exact = exact
        self._has_crank = has_crank
        self._balance_left_pct = balance_left_pct
        self._crank = Revolutions(1024, crank_count)
        self._power = Smoothed(SMOOTHING_S)

    def feel(self, body: Body, now_ms: int) -> None:
        self._crank.advance(body.cadence_rpm, now_ms)
        self._power.advance(body.power_w * self._bias, now_ms)

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        power_w = self._power.value if body.cadence_rpm > 0 else 0.0
        if self._exact:
            power_w = body.power_w
        value = encode_measurement(
            power_w,
            balance_left_pct=self._balance_left_pct if power_w and not self._exact else None,
            crank=(self._crank.count, self._crank.event_ticks) if self._has_crank else None,
        )
        return [Emission(CYCLING_POWER_MEASUREMENT, value)]

    def constants(self) -> dict[int, bytes]:
        features = OFFSET_COMPENSATION_SUPPORTED
        features |= 0 if self._exact else BALANCE_SUPPORTED
        features |= CRANK_SUPPORTED if self._has_crank else 0
        return {CYCLING_POWER_FEATURE: u32(features), SENSOR_LOCATION: u8(LEFT_PEDAL)}

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        """Control point, section 3.4: the zero offset can be measured, nothing else be set."""
        if uuid != CYCLING_POWER_CONTROL_POINT:
            raise Refused(AttError.WRITE_NOT_PERMITTED)
        if not value:
            raise Refused(AttError.INVALID_ATTRIBUTE_VALUE_LENGTH)
        if value[0] == OFFSET_COMPENSATION:
            answer = bytes([RESPONSE, value[0], SUCCESS]) + s16(OFFSET_AT_REST)
        else:
            answer = bytes([RESPONSE, value[0], NOT_SUPPORTED])
        return [Emission(CYCLING_POWER_CONTROL_POINT, answer)]


class Smoothed:
    """A first-order lag, as in every meter's display."""

    def __init__(self, time_constant_s: float) -> None:
        self._time_constant_ms = time_constant_s * 1000
        self._at_ms: int | None = None
        self.value = 0.0

    def advance(self, target: float, now_ms: int) -> None:
        if self._at_ms is not None:
            passed_ms = now_ms - self._at_ms
            self.value += (target - self.value) * passed_ms / (passed_ms + self._time_constant_ms)
        self._at_ms = now_ms
