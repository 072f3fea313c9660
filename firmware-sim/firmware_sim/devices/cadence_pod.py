"""A cadence and speed pod: Cycling Speed and Cadence Service 1.0 (0x1816)."""

from __future__ import annotations

from firmware_sim.devices.bicycle import Bicycle
from firmware_sim.devices.body import Body
from firmware_sim.devices.gatt import Characteristic, Emission, Property, Service
from firmware_sim.devices.revolutions import Revolutions
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.wire import u8, u16, wrap16, wrap32

SPEED_AND_CADENCE_SERVICE = 0x1816
CSC_MEASUREMENT = 0x2A5B
CSC_FEATURE = 0x2A5C
SENSOR_LOCATION = 0x2A5D

WHEEL_PRESENT = 0x01
CRANK_PRESENT = 0x02
LEFT_CRANK = 5

WHEEL_CIRCUMFERENCE_M = 2.105  # 700x25C
TICKS_PER_S = 1024


def encode_measurement(
    *, wheel: tuple[int, int] | None = None, crank: tuple[int, int] | None = None
) -> bytes:
    """CSC Measurement, section 3.1: revolutions, and the time of the last one in 1/1024 s."""
    flags = 0
    value = b""
    if wheel is not None:
        flags |= WHEEL_PRESENT
        value += wrap32(wheel[0]) + wrap16(wheel[1])
    if crank is not None:
        flags |= CRANK_PRESENT
        value += wrap16(crank[0]) + wrap16(crank[1])
    return u8(flags) + value


class CadencePod(Sensor):
    """Wheel and crank revolutions, once a second."""

    kind = "cadence_pod"
    period_ms = 1000
    advertised = (SPEED_AND_CADENCE_SERVICE,)
    own_services = (
        Service(
            SPEED_AND_CADENCE_SERVICE,
            (
                Characteristic(CSC_MEASUREMENT, Property.NOTIFY),
                Characteristic(CSC_FEATURE, Property.READ),
                Characteristic(SENSOR_LOCATION, Property.READ),
            ),
        ),
    )
    battery_life_h = 800.0

    def __init__(
        self,
        identity: Identity,
        *,
        phase_ms: int = 0,
        battery_pct: float = 90.0,
        rider_kg: float = 75.0,
        crank_count: int = 0,
    ) -> None:
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self._bicycle = Bicycle(rider_kg)
        self._crank = Revolutions(TICKS_PER_S, crank_count)
        self._wheel = Revolutions(TICKS_PER_S)

    def feel(self, body: Body, now_ms: int) -> None:
        self._bicycle.advance(body.power_w, now_ms)
        self._crank.advance(body.cadence_rpm, now_ms)
        self._wheel.advance(self._bicycle.speed_mps * 60 / WHEEL_CIRCUMFERENCE_M, now_ms)

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        value = encode_measurement(
            wheel=(self._wheel.count, self._wheel.event_ticks),
            crank=(self._crank.count, self._crank.event_ticks),
        )
        return [Emission(CSC_MEASUREMENT, value)]

    def constants(self) -> dict[int, bytes]:
        return {CSC_FEATURE: u16(WHEEL_PRESENT | CRANK_PRESENT), SENSOR_LOCATION: u8(LEFT_CRANK)}
