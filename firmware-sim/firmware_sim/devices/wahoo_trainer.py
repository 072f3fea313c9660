"""A trainer of Wahoo's from before FTMS: Cycling Power, with Wahoo's own control in it."""

from __future__ import annotations

from enum import IntEnum

from firmware_sim.devices import power_meter as cps
from firmware_sim.devices.body import Body
from firmware_sim.devices.brake import MAX_POWER_W, MAX_RESISTANCE, Erg, Level, Rolling, Slope
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
from firmware_sim.devices.revolutions import Revolutions
from firmware_sim.devices.sensor import Identity
from firmware_sim.devices.wire import u16, u32

WAHOO_CONTROL = 0xA026E0050A7D4AB397FAF1500F9FEB8B

UNLOCK_CODE = b"\xee\xfc"
NO_RESISTANCE = 0x3FFF


class Op(IntEnum):
    UNLOCK = 0x20
    RESISTANCE = 0x40
    ERG = 0x42
    SIMULATION = 0x43
    GRADE = 0x46
    WIND = 0x47
    SPIN_DOWN = 0x49
    SPIN_DOWN_RESULT = 0x5A


SUCCESS, FAILURE = 1, 2
_MODES = {
    Op.RESISTANCE: "resistance",
    Op.ERG: "power",
    Op.SIMULATION: "grade",
    Op.GRADE: "grade",
    Op.WIND: "grade",
}


class WahooTrainer(Braked):
    """Power once a second. Nothing is taken before the unlock, and the grade only in simulation."""

    kind = "wahoo_trainer"
    period_ms = 1000
    advertised = (cps.CYCLING_POWER_SERVICE,)
    own_services = (
        Service(
            cps.CYCLING_POWER_SERVICE,
            (
                Characteristic(cps.CYCLING_POWER_MEASUREMENT, Property.NOTIFY),
                Characteristic(cps.CYCLING_POWER_FEATURE, Property.READ),
                Characteristic(WAHOO_CONTROL, Property.WRITE | Property.INDICATE),
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
        self._crank = Revolutions(1024)
        self._unlocked = False

    def feel(self, body: Body, now_ms: int) -> None:
        self._crank.advance(body.cadence_rpm, now_ms)
        super().feel(body, now_ms)

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        power_w = self.brake.power_w if body.cadence_rpm > 0 else 0.0
        crank = (self._crank.count, self._crank.event_ticks)
        value = cps.encode_measurement(power_w, crank=crank)
        return [Emission(cps.CYCLING_POWER_MEASUREMENT, value)]

    def rolled(self) -> list[Emission]:
        if self.brake.rolling is Rolling.COAST:
            return []  # it says nothing on the way
        done = self.brake.rolling is Rolling.DONE
        result = bytes([SUCCESS if done else FAILURE, Op.SPIN_DOWN_RESULT])
        return [Emission(WAHOO_CONTROL, result + u16(self.brake.spin_down_ms or 0))]

    def constants(self) -> dict[int, bytes]:
        return {cps.CYCLING_POWER_FEATURE: u32(cps.CRANK_SUPPORTED)}

    def disconnected(self) -> None:
        super().disconnected()
        self._unlocked = False
        self.brake.held = None
        self.brake.stop_rolling()

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        if uuid != WAHOO_CONTROL:
            raise Refused(AttError.WRITE_NOT_PERMITTED)
        if not value:
            raise Refused(AttError.INVALID_ATTRIBUTE_VALUE_LENGTH)
        self._answers.begin()
        op, parameter = value[0], value[1:]
        done = not self._answers.fails_now and self._carry_out(op, parameter, now_ms)
        answer = bytes([SUCCESS if done else FAILURE, op]) + (b"\x01\x00" + parameter)[:8]
        return self._answers.give(Emission(WAHOO_CONTROL, answer), now_ms)

    def _carry_out(self, op: int, parameter: bytes, now_ms: int) -> bool:
        if op == Op.UNLOCK:
            self._unlocked = parameter == UNLOCK_CODE
            return self._unlocked
        if not self._unlocked:
            return False
        if op == Op.SPIN_DOWN:
            self.brake.spin_down(now_ms)
            return True
        mode = _MODES.get(Op(op)) if op in _MODES else None
        return mode is not None and mode in self._manners.takes and self._take(op, parameter)

    def _take(self, op: int, parameter: bytes) -> bool:
        if len(parameter) < (6 if op == Op.SIMULATION else 2):
            return False
        value = int.from_bytes(parameter[:2], "little")
        held = self.brake.held
        match op:
            case Op.RESISTANCE:
                share = 1 - min(value, NO_RESISTANCE) / NO_RESISTANCE
                held = Level(round(share * MAX_RESISTANCE))
            case Op.ERG:
                if value > MAX_POWER_W:
                    return False
                held = Erg(value)
            case Op.SIMULATION:
                held = Slope(0.0)
            case Op.GRADE:
                if not isinstance(held, Slope):
                    return False
                held = Slope(round((value * 2 / 0xFFFF - 1) * 100, 2))
        self.brake.held = held
        self.brake.stop_rolling()
        return True
