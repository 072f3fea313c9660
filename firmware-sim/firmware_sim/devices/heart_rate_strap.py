"""A heart-rate strap: Heart Rate Service 1.0 (0x180D)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from firmware_sim.devices.body import Body
from firmware_sim.devices.gatt import (
    AttError,
    Characteristic,
    Emission,
    Property,
    Refused,
    Service,
)
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.wire import u8, u16

HEART_RATE_SERVICE = 0x180D
HEART_RATE_MEASUREMENT = 0x2A37
BODY_SENSOR_LOCATION = 0x2A38
HEART_RATE_CONTROL_POINT = 0x2A39

CHEST = 1
WRIST = 2
RESET_ENERGY = b"\x01"

RATE_IS_U16 = 0x01
CONTACT_DETECTED = 0x02
CONTACT_SUPPORTED = 0x04
ENERGY_PRESENT = 0x08
RR_PRESENT = 0x10

# As many as fit a notification of the smallest ATT MTU: 20 - flags - u8 rate, in pairs; the field
# of energy takes the room of one.
MAX_RR = 9
BEATS_AVERAGED = 8
# Energy goes out every tenth measurement, as section 3.1.1.3 of the service suggests.
ENERGY_EVERY = 10
# Gross efficiency of cycling is 20-25 %: what the body spends for a joule at the pedals.
JOULES_SPENT_PER_JOULE = 4.3


def encode_measurement(
    rate_bpm: int,
    *,
    contact: bool | None = None,
    energy_kj: int | None = None,
    rr_1024: Sequence[int] = (),
) -> bytes:
    """Heart Rate Measurement, section 3.1 of the service.

    Args:
        contact: None when the device cannot tell.
        rr_1024: intervals between beats in 1/1024 s, oldest first.
    """
    flags = RATE_IS_U16 if rate_bpm > 0xFF else 0
    if contact is not None:
        flags |= CONTACT_SUPPORTED | (CONTACT_DETECTED if contact else 0)
    value = u16(rate_bpm) if flags & RATE_IS_U16 else u8(rate_bpm)
    if energy_kj is not None:
        flags |= ENERGY_PRESENT
        value += u16(energy_kj)
    if rr_1024:
        flags |= RR_PRESENT
        value += b"".join(u16(rr) for rr in rr_1024)
    return u8(flags) + value


class HeartRateStrap(Sensor):
    """Once a second: the mean rate of the last beats, and the intervals since the last message."""

    kind = "heart_rate_strap"
    period_ms = 1000
    advertised = (HEART_RATE_SERVICE,)
    own_services = (
        Service(
            HEART_RATE_SERVICE,
            (
                Characteristic(HEART_RATE_MEASUREMENT, Property.NOTIFY),
                Characteristic(BODY_SENSOR_LOCATION, Property.READ),
                Characteristic(HEART_RATE_CONTROL_POINT, Property.WRITE),
            ),
        ),
    )
    battery_life_h = 400.0
    location = CHEST

    def __init__(self, identity: Identity, *, phase_ms: int = 0, battery_pct: float = 90.0) -> None:
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self._recent_ms: deque[float] = deque(maxlen=BEATS_AVERAGED)
        self._unsent_ms: deque[float] = deque(maxlen=MAX_RR)
        self._rounding = 0.0
        self._spent_kj = 0.0
        self._measurements = 0
        self._felt_ms: int | None = None

    def feel(self, body: Body, now_ms: int) -> None:
        self._recent_ms.extend(body.rr_ms)
        self._unsent_ms.extend(body.rr_ms)
        if self._felt_ms is not None:
            joules = body.power_w * (now_ms - self._felt_ms) / 1000
            self._spent_kj += joules * JOULES_SPENT_PER_JOULE / 1000
        self._felt_ms = now_ms

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        self._measurements += 1
        tells_energy = self._measurements % ENERGY_EVERY == 0
        value = encode_measurement(
            self._rate_bpm(body),
            contact=True,
            energy_kj=self._energy_kj() if tells_energy else None,
            rr_1024=self._take_rr(MAX_RR - 1 if tells_energy else MAX_RR),
        )
        return [Emission(HEART_RATE_MEASUREMENT, value)]

    def _rate_bpm(self, body: Body) -> int:
        if not self._recent_ms:
            return round(body.heart_rate_bpm)
        return round(60_000 * len(self._recent_ms) / sum(self._recent_ms))

    def _energy_kj(self) -> int:
        # Section 3.1.1.3: at its maximum the field stays there until it is reset.
        return min(int(self._spent_kj), 0xFFFF)

    def _take_rr(self, at_most: int) -> list[int]:
        """Intervals in 1/1024 s; what rounding takes from one is given to the next."""
        taken: list[int] = []
        while self._unsent_ms and len(taken) < at_most:
            exact = self._unsent_ms.popleft() * 1.024 + self._rounding
            taken.append(round(exact))
            self._rounding = exact - taken[-1]
        return taken

    def constants(self) -> dict[int, bytes]:
        return {BODY_SENSOR_LOCATION: u8(self.location)}

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        if uuid != HEART_RATE_CONTROL_POINT:
            raise Refused(AttError.WRITE_NOT_PERMITTED)
        if value != RESET_ENERGY:
            raise Refused(AttError.CONTROL_POINT_NOT_SUPPORTED)
        self._spent_kj = 0.0
        return []
