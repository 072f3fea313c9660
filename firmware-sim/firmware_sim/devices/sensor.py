"""What all sensors have in common: a name, a battery, Device Information, and a rhythm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from firmware_sim.devices.body import Body
from firmware_sim.devices.gatt import (
    AttError,
    Characteristic,
    Emission,
    Property,
    Refused,
    Service,
)
from firmware_sim.devices.wire import u8

BATTERY_SERVICE = 0x180F
BATTERY_LEVEL = 0x2A19
DEVICE_INFORMATION = 0x180A
MODEL_NUMBER = 0x2A24
SERIAL_NUMBER = 0x2A25
FIRMWARE_REVISION = 0x2A26
MANUFACTURER_NAME = 0x2A29

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says of itself. `name` is advertised; the rest is Device Information."""

    name: str
    manufacturer: str = "Derny"
    model: str = "Simulator"
    serial: str = "0"
    firmware: str = "1.0.0"


class Battery:
    """A charge that falls evenly while the device runs. `level` in percent."""

    def __init__(self, level_pct: float, life_h: float) -> None:
        self._level_pct = level_pct
        self._life_h = life_h
        self._at_ms: int | None = None

    @property
    def level_pct(self) -> int:
        return max(0, round(self._level_pct))

    def set(self, level_pct: float) -> None:
        self._level_pct = min(max(level_pct, 0.0), 100.0)

    def advance(self, now_ms: int) -> bool:
        """Use charge up to `now_ms`. Returns whether the level shown has changed."""
        before = self.level_pct
        if self._at_ms is not None:
            used = 100.0 * (now_ms - self._at_ms) / (self._life_h * HOUR_MS)
            self._level_pct = max(0.0, self._level_pct - used)
        self._at_ms = now_ms
        return self.level_pct != before


class Sensor(ABC):
    """State and time to GATT bytes. Subclasses say what they measure.

    The carrier calls `advance` several times a second and sends what comes back; `read` and
    `write` are answered from the state as it stands.

    Attributes:
        kind: its word in a scenario.
        period_ms: between two notifications of its measurement.
        own_services: what it offers besides Battery and Device Information.
        advertised: service numbers in its advertisement.
        address_period_ms: how long it keeps an address; None for ever.
    """

    kind: ClassVar[str]
    period_ms: ClassVar[int]
    own_services: ClassVar[tuple[Service, ...]]
    advertised: ClassVar[tuple[int, ...]]
    battery_life_h: ClassVar[float] = 300.0
    address_period_ms: ClassVar[int | None] = None

    def __init__(self, identity: Identity, *, phase_ms: int = 0, battery_pct: float = 90.0) -> None:
        """`phase_ms` shifts the rhythm, so that the sensors of a room do not speak in chorus."""
        self.identity = identity
        self.battery = Battery(battery_pct, self.battery_life_h)
        self._battery_told_pct = self.battery.level_pct
        self._next_ms = phase_ms % self.period_ms

    @property
    def services(self) -> tuple[Service, ...]:
        return (*self.own_services, _BATTERY, _DEVICE_INFORMATION)

    @property
    def service_data(self) -> dict[int, bytes]:
        """Service data of the advertisement, by service number."""
        return {}

    def advance(self, body: Body, now_ms: int) -> list[Emission]:
        """Live until `now_ms` and return what is to be sent by then."""
        emissions: list[Emission] = []
        self.feel(body, now_ms)
        if now_ms >= self._next_ms:
            emissions += self.measure(body, now_ms)
            missed = (now_ms - self._next_ms) // self.period_ms
            self._next_ms += (missed + 1) * self.period_ms
        self.battery.advance(now_ms)
        if self.battery.level_pct != self._battery_told_pct:
            self._battery_told_pct = self.battery.level_pct
            emissions.append(Emission(BATTERY_LEVEL, u8(self.battery.level_pct)))
        return emissions

    def feel(self, body: Body, now_ms: int) -> None:  # noqa: B027 - most have nothing to take in
        """Take in the body's state; called more often than `measure`."""

    @abstractmethod
    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        """The notifications of one period."""

    def read(self, uuid: int) -> bytes:
        """The value of a readable characteristic.

        Raises:
            Refused: it has none.
        """
        constant = self.constants().get(uuid)
        if constant is not None:
            return constant
        if uuid == BATTERY_LEVEL:
            return u8(self.battery.level_pct)
        texts = {
            MANUFACTURER_NAME: self.identity.manufacturer,
            MODEL_NUMBER: self.identity.model,
            SERIAL_NUMBER: self.identity.serial,
            FIRMWARE_REVISION: self.identity.firmware,
        }
        if uuid in texts:
            return texts[uuid].encode()
        raise Refused(AttError.READ_NOT_PERMITTED)

    def constants(self) -> dict[int, bytes]:
        """Readable values that never change."""
        return {}

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        """A write by the central; returns what is to be sent because of it.

        Raises:
            Refused: the characteristic cannot be written.
        """
        raise Refused(AttError.WRITE_NOT_PERMITTED)

    def disconnected(self) -> None:  # noqa: B027 - most have granted nothing
        """The central has gone: what was granted to it is withdrawn."""


_BATTERY = Service(
    BATTERY_SERVICE, (Characteristic(BATTERY_LEVEL, Property.READ | Property.NOTIFY),)
)
_DEVICE_INFORMATION = Service(
    DEVICE_INFORMATION,
    tuple(
        Characteristic(uuid, Property.READ)
        for uuid in (MANUFACTURER_NAME, MODEL_NUMBER, SERIAL_NUMBER, FIRMWARE_REVISION)
    ),
)
