"""A trainer that speaks ANT+ FE-C over BLE, as Tacx's did before FTMS; Cycling Power beside it."""

from __future__ import annotations

from enum import IntEnum
from functools import reduce
from operator import xor

from firmware_sim.devices import power_meter as cps
from firmware_sim.devices.body import Body
from firmware_sim.devices.brake import (
    MAX_POWER_W,
    MAX_RESISTANCE,
    SPIN_DOWN_HIGH_KMH,
    Erg,
    Level,
    Rolling,
    Slope,
)
from firmware_sim.devices.braked import Braked
from firmware_sim.devices.gatt import (
    AttError,
    Characteristic,
    Emission,
    Property,
    Refused,
    Service,
)
from firmware_sim.devices.manners import Manners
from firmware_sim.devices.sensor import Identity
from firmware_sim.devices.wire import u16, u32

FEC_SERVICE = 0x6E40FEC1B5A3F393E0A9E50E24DCCA9E
FEC_NOTIFY = 0x6E40FEC2B5A3F393E0A9E50E24DCCA9E
FEC_WRITE = 0x6E40FEC3B5A3F393E0A9E50E24DCCA9E

EQUIPMENT_TRAINER = 25
DISTANCE_AND_SPEED = 0x04  # capabilities of page 16: distance is transmitted, speed is real
IN_USE = 3
READY = 2
MAX_FORCE_N = 200
CELSIUS_25 = 100  # 0.5 degrees from -25


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
    REQUEST = 70
    COMMAND_STATUS = 71
    PRODUCT = 81


PASS, FAIL, NOT_SUPPORTED, REJECTED, UNINITIALISED = 0, 1, 2, 3, 255
_MODES = {
    Page.RESISTANCE: "resistance",
    Page.POWER: "power",
    Page.WIND: "grade",
    Page.TRACK: "grade",
}


class TacxTrainer(Braked):
    """Four pages a second: general and trainer data in turn. It knows no permission."""

    kind = "tacx_trainer"
    period_ms = 250
    advertised = (FEC_SERVICE, cps.CYCLING_POWER_SERVICE)
    own_services = (
        Service(
            FEC_SERVICE,
            (
                Characteristic(FEC_NOTIFY, Property.NOTIFY),
                Characteristic(FEC_WRITE, Property.WRITE_WITHOUT_RESPONSE),
            ),
        ),
        Service(
            cps.CYCLING_POWER_SERVICE,
            (
                Characteristic(cps.CYCLING_POWER_MEASUREMENT, Property.NOTIFY),
                Characteristic(cps.CYCLING_POWER_FEATURE, Property.READ),
            ),
        ),
    )

    def __init__(
        self,
        identity: Identity,
        *,
        phase_ms: int = 0,
        bias: float = 1.0,
        rider_kg: float = 75.0,
        manners: Manners | None = None,
    ) -> None:
        super().__init__(identity, phase_ms=phase_ms, bias=bias, rider_kg=rider_kg, manners=manners)
        self._turn = 0
        self._energy_w = 0
        self._command = (0xFF, 0xFF, UNINITIALISED)  # page, sequence, status

    # What it says

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        self._turn += 1
        if self._turn % 4 == 1 and self.brake.rolling in (Rolling.SPEED_UP, Rolling.COAST):
            return [self._page(self._under_way())]
        if self._turn % 2:
            return [self._page(self._general())]
        power_w = round(self.brake.power_w) if body.cadence_rpm > 0 else 0
        emissions = [self._page(self._trainer(power_w, body.cadence_rpm))]
        if self._turn % 4 == 0:
            emissions.append(
                Emission(cps.CYCLING_POWER_MEASUREMENT, cps.encode_measurement(power_w))
            )
        return emissions

    def rolled(self) -> list[Emission]:
        if self.brake.rolling is Rolling.COAST:
            return [self._page(self._under_way())]
        done = self.brake.rolling is Rolling.DONE
        took_ms = self.brake.spin_down_ms if done and self.brake.spin_down_ms else 0xFFFF
        head = bytes([Page.CALIBRATION, 0x80 if done else 0, 0, CELSIUS_25])
        return [self._page(head + u16(0xFFFF) + u16(took_ms))]

    def constants(self) -> dict[int, bytes]:
        return {cps.CYCLING_POWER_FEATURE: u32(0)}

    def _general(self) -> bytes:
        elapsed = self.brake.pedalled_s * 4 & 0xFF
        distance = int(self.brake.distance_m) & 0xFF
        head = bytes([Page.GENERAL, EQUIPMENT_TRAINER, elapsed, distance])
        state = IN_USE if self.brake.speed_kmh > 0 else READY
        return (
            head
            + u16(self.brake.speed_kmh / 3.6 * 1000)
            + bytes([0xFF, DISTANCE_AND_SPEED | state << 4])
        )

    def _trainer(self, power_w: int, cadence_rpm: float) -> bytes:
        self._energy_w = self._energy_w + power_w & 0xFFFF
        return bytes(
            [
                Page.TRAINER,
                self._turn // 2 & 0xFF,
                min(round(cadence_rpm), 254),
                self._energy_w & 0xFF,
                self._energy_w >> 8,
                power_w & 0xFF,
                power_w >> 8 & 0x0F,
                (IN_USE if power_w else READY) << 4,
            ]
        )

    def _under_way(self) -> bytes:
        speed = 2 if self.brake.rolling is Rolling.COAST else 1
        head = bytes([Page.CALIBRATION_UNDER_WAY, 0x80, speed << 6 | 2 << 4, CELSIUS_25])
        return head + u16(SPIN_DOWN_HIGH_KMH / 3.6 * 1000) + u16(0xFFFF)

    def _page(self, page: bytes) -> Emission:
        head = b"\xa4\x09\x4e\x05" + page
        return Emission(FEC_NOTIFY, head + bytes([reduce(xor, head)]))

    # Control

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        if uuid != FEC_WRITE:
            raise Refused(AttError.WRITE_NOT_PERMITTED)
        if len(value) != 13 or value[:2] != b"\xa4\x09" or reduce(xor, value):
            return []  # a frame that is none is not answered
        page = value[4:12]
        if page[0] == Page.REQUEST:
            return self._requested(page[6], now_ms)
        if page[0] == Page.CALIBRATION:
            self.brake.spin_down(now_ms)
            return [self._page(self._under_way())]
        mode = _MODES.get(Page(page[0])) if page[0] in _MODES else None
        if mode is not None:
            self._answers.begin()
            status = self._take(page) if mode in self._manners.takes else NOT_SUPPORTED
            status = FAIL if self._answers.fails_now else status
            self._command = (page[0], self._command[1] + 1 & 0xFF, status)
        return []

    def disconnected(self) -> None:
        super().disconnected()
        self.brake.held = None
        self.brake.stop_rolling()

    def _take(self, page: bytes) -> int:
        match page[0]:
            case Page.RESISTANCE:
                self.brake.held = Level(round(page[7] / 200 * MAX_RESISTANCE))
            case Page.POWER:
                power_w = int.from_bytes(page[6:8], "little") / 4
                if power_w > MAX_POWER_W:
                    return REJECTED
                self.brake.held = Erg(round(power_w))
            case Page.TRACK:
                grade = int.from_bytes(page[5:7], "little")
                self.brake.held = Slope(grade / 100 - 200 if grade != 0xFFFF else 0.0)
        self.brake.stop_rolling()
        return PASS

    def _requested(self, page: int, now_ms: int) -> list[Emission]:
        match page:
            case Page.COMMAND_STATUS:
                number, sequence, status = self._command
                body = bytes([page, number, sequence, status]) + b"\xff" * 4
            case Page.CAPABILITIES:
                bits = sum(
                    1 << place
                    for place, mode in enumerate(("resistance", "power", "grade"))
                    if mode in self._manners.takes
                )
                body = bytes([page]) + b"\xff" * 4 + u16(MAX_FORCE_N) + bytes([bits])
            case Page.PRODUCT:
                body = bytes([page, 0xFF, 0, 1]) + u32(1)
            case _:
                return []
        return self._answers.give(self._page(body), now_ms)
