"""A smart trainer: Fitness Machine Service 1.0 (0x1826), and Cycling Power (0x1818) beside it."""

from __future__ import annotations

from collections.abc import Callable

from firmware_sim.devices import fitness_machine as ftms
from firmware_sim.devices import power_meter as cps
from firmware_sim.devices.body import Body
from firmware_sim.devices.brake import (
    MAX_POWER_W,
    MAX_RESISTANCE,
    MIN_POWER_W,
    SPIN_DOWN_HIGH_KMH,
    SPIN_DOWN_LOW_KMH,
    Erg,
    Held,
    Level,
    Rolling,
    Slope,
)
from firmware_sim.devices.braked import Braked
from firmware_sim.devices.fitness_machine import Op, Result, SpinDown, Status
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
from firmware_sim.devices.wire import s16, u8, u16, u32

POWER_PERIOD_MS = 1000

SENSOR_LOCATION_REAR_HUB = 13
STOP = 1
PAUSE = 2
SPIN_DOWN_START = 1


Handler = Callable[[bytes], tuple[Result, list[Emission]]]

IMMEDIATE_ALERT_SERVICE = 0x1802
ALERT_LEVEL = 0x2A06

_TARGETS = {
    "resistance": ftms.TargetFeature.RESISTANCE,
    "power": ftms.TargetFeature.POWER,
    "grade": ftms.TargetFeature.SIMULATION,
}
_SPIN_DOWN = {
    Rolling.COAST: SpinDown.STOP_PEDALING,
    Rolling.DONE: SpinDown.SUCCESS,
    Rolling.FAILED: SpinDown.ERROR,
}


class SmartTrainer(Braked):
    """Indoor Bike Data four times a second, a control point that keeps the rules of section 4.16.

    `bias` is by how much its power reads more or less than the truth. `exact`: it shows the body's
    power as it is. Without `has_crank` it knows no cadence.
    """

    kind = "smart_trainer"
    period_ms = 250
    advertised = (ftms.FITNESS_MACHINE_SERVICE, cps.CYCLING_POWER_SERVICE)
    own_services = (
        Service(
            ftms.FITNESS_MACHINE_SERVICE,
            (
                Characteristic(ftms.FITNESS_MACHINE_FEATURE, Property.READ),
                Characteristic(ftms.INDOOR_BIKE_DATA, Property.NOTIFY),
                Characteristic(ftms.TRAINING_STATUS, Property.READ | Property.NOTIFY),
                Characteristic(ftms.RESISTANCE_RANGE, Property.READ),
                Characteristic(ftms.POWER_RANGE, Property.READ),
                Characteristic(ftms.CONTROL_POINT, Property.WRITE | Property.INDICATE),
                Characteristic(ftms.MACHINE_STATUS, Property.NOTIFY),
            ),
        ),
        Service(
            cps.CYCLING_POWER_SERVICE,
            (
                Characteristic(cps.CYCLING_POWER_MEASUREMENT, Property.NOTIFY),
                Characteristic(cps.CYCLING_POWER_FEATURE, Property.READ),
                Characteristic(cps.SENSOR_LOCATION, Property.READ),
            ),
        ),
        Service(
            IMMEDIATE_ALERT_SERVICE,
            (Characteristic(ALERT_LEVEL, Property.WRITE_WITHOUT_RESPONSE),),
        ),
    )

    def __init__(
        self,
        identity: Identity,
        *,
        phase_ms: int = 0,
        battery_pct: float = 100.0,
        bias: float = 1.0,
        rider_kg: float = 75.0,
        exact: bool = False,
        has_crank: bool = True,
        manners: Manners | None = None,
    ) -> None:
        super().__init__(
            identity,
            phase_ms=phase_ms,
            battery_pct=battery_pct,
            bias=bias,
            rider_kg=rider_kg,
            manners=manners,
        )
        self._exact = exact
        self._has_crank = has_crank
        self._crank = Revolutions(1024)
        self._training = ftms.Training.IDLE
        self._controlled = False
        self._taken_until_ms = 0
        self._next_power_ms = phase_ms % POWER_PERIOD_MS
        self.alerts = 0  # how often it was asked to show itself

    # What the rider feels

    def feel(self, body: Body, now_ms: int) -> None:
        self._crank.advance(body.cadence_rpm, now_ms)
        super().feel(body, now_ms)

    def rolled(self) -> list[Emission]:
        status = u8(Status.SPIN_DOWN) + u8(_SPIN_DOWN[self.brake.rolling])
        return [Emission(ftms.MACHINE_STATUS, status)]

    # What it says

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        power_w = self.brake.power_w if body.cadence_rpm > 0 else 0.0
        if self._exact:
            power_w = body.power_w
        data = ftms.IndoorBikeData(
            speed_kmh=self.brake.speed_kmh,
            cadence_rpm=body.cadence_rpm if self._has_crank else None,
            distance_m=self.brake.distance_m,
            power_w=power_w,
            elapsed_s=self.brake.pedalled_s,
        )
        emissions = [Emission(ftms.INDOOR_BIKE_DATA, data.encode())]
        if now_ms >= self._next_power_ms:
            missed = (now_ms - self._next_power_ms) // POWER_PERIOD_MS
            self._next_power_ms += (missed + 1) * POWER_PERIOD_MS
            crank = (self._crank.count, self._crank.event_ticks) if self._has_crank else None
            value = cps.encode_measurement(power_w, crank=crank)
            emissions.append(Emission(cps.CYCLING_POWER_MEASUREMENT, value))
        return emissions

    def constants(self) -> dict[int, bytes]:
        return {
            ftms.FITNESS_MACHINE_FEATURE: ftms.encode_features(
                {
                    ftms.Feature.TOTAL_DISTANCE,
                    ftms.Feature.RESISTANCE,
                    ftms.Feature.ELAPSED_TIME,
                    ftms.Feature.POWER,
                }
                | ({ftms.Feature.CADENCE} if self._has_crank else set()),
                {_TARGETS[mode] for mode in self._manners.takes} | {ftms.TargetFeature.SPIN_DOWN}
                if self._manners.says_features
                else set(),
            ),
            ftms.RESISTANCE_RANGE: ftms.encode_range(0, MAX_RESISTANCE, 1),
            ftms.POWER_RANGE: ftms.encode_range(MIN_POWER_W, MAX_POWER_W, 1),
            cps.CYCLING_POWER_FEATURE: u32(cps.CRANK_SUPPORTED if self._has_crank else 0),
            cps.SENSOR_LOCATION: u8(SENSOR_LOCATION_REAR_HUB),
        }

    def read(self, uuid: int) -> bytes:
        if uuid == ftms.TRAINING_STATUS:
            return bytes([0, self._training])
        return super().read(uuid)

    @property
    def service_data(self) -> dict[int, bytes]:
        return {ftms.FITNESS_MACHINE_SERVICE: u8(ftms.AVAILABLE) + u16(ftms.INDOOR_BIKE)}

    # Control

    def disconnected(self) -> None:
        """Section 4.16.2.1: the permission ends with the connection, and the brake lets go."""
        super().disconnected()
        self._controlled = False
        self._release()

    def seize(self, until_ms: int) -> list[Emission]:
        """Another application takes control and keeps it for a while."""
        self._taken_until_ms = until_ms
        self._controlled = False
        return [Emission(ftms.MACHINE_STATUS, u8(Status.CONTROL_LOST)), *self._release()]

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        if uuid == ALERT_LEVEL:
            self.alerts += 1
            return []
        if uuid != ftms.CONTROL_POINT:
            raise Refused(AttError.WRITE_NOT_PERMITTED)
        if not value:
            raise Refused(AttError.INVALID_ATTRIBUTE_VALUE_LENGTH)
        op, parameter = value[0], value[1:]
        self._answers.begin()
        result, consequences = self._procedure(op, parameter, now_ms)
        speeds = op == Op.SPIN_DOWN and result is Result.SUCCESS
        told = ftms.encode_speeds(SPIN_DOWN_LOW_KMH, SPIN_DOWN_HIGH_KMH) if speeds else b""
        answer = Emission(ftms.CONTROL_POINT, ftms.encode_response(op, result, told))
        return [*self._answers.give(answer, now_ms), *consequences]

    def _procedure(self, op: int, parameter: bytes, now_ms: int) -> tuple[Result, list[Emission]]:
        if op == Op.REQUEST_CONTROL:
            return self._request_control(now_ms), []
        handler = self._handlers(now_ms).get(op)
        if handler is None:
            return Result.NOT_SUPPORTED, []
        if not self._controlled:
            return Result.CONTROL_NOT_PERMITTED, []
        return (Result.FAILED, []) if self._answers.fails_now else handler(parameter)

    def _handlers(self, now_ms: int) -> dict[int, Handler]:
        targets = {
            "resistance": (Op.SET_RESISTANCE, self._set_resistance),
            "power": (Op.SET_POWER, self._set_power),
            "grade": (Op.SET_SIMULATION, self._set_simulation),
        }
        return {
            Op.RESET: self._reset,
            Op.START_OR_RESUME: self._start,
            Op.STOP_OR_PAUSE: self._stop,
            Op.SPIN_DOWN: lambda parameter: self._spin_down(parameter, now_ms),
            **dict(targets[mode] for mode in self._manners.takes),
        }

    def _request_control(self, now_ms: int) -> Result:
        if now_ms < self._taken_until_ms:
            return Result.CONTROL_NOT_PERMITTED
        self._controlled = True
        return Result.SUCCESS

    def _reset(self, _parameter: bytes) -> tuple[Result, list[Emission]]:
        self._controlled = False
        return Result.SUCCESS, [
            Emission(ftms.MACHINE_STATUS, u8(Status.RESET)),
            *self._release(),
        ]

    def _set_resistance(self, parameter: bytes) -> tuple[Result, list[Emission]]:
        # One byte in the specification's present text, two in every captured frame.
        if len(parameter) not in ((1,) if self._manners.one_byte_level else (1, 2)):
            return Result.INVALID_PARAMETER, []
        resistance = int.from_bytes(parameter, "little", signed=len(parameter) == 2)
        if not 0 <= resistance <= MAX_RESISTANCE:
            return Result.INVALID_PARAMETER, []
        return self._apply(Level(resistance), Status.RESISTANCE_CHANGED, s16(resistance))

    def _set_power(self, parameter: bytes) -> tuple[Result, list[Emission]]:
        if len(parameter) != 2:
            return Result.INVALID_PARAMETER, []
        power_w = int.from_bytes(parameter, "little", signed=True)
        if not MIN_POWER_W <= power_w <= MAX_POWER_W:
            return Result.INVALID_PARAMETER, []
        return self._apply(Erg(power_w), Status.POWER_CHANGED, s16(power_w))

    def _set_simulation(self, parameter: bytes) -> tuple[Result, list[Emission]]:
        # Wind, grade, rolling and wind resistance: 6 bytes; some send more, and trainers bear it.
        if len(parameter) < 6:
            return Result.INVALID_PARAMETER, []
        grade_pct = int.from_bytes(parameter[2:4], "little", signed=True) / 100
        return self._apply(Slope(grade_pct), Status.SIMULATION_CHANGED, parameter[:6])

    def _spin_down(self, parameter: bytes, now_ms: int) -> tuple[Result, list[Emission]]:
        if parameter != bytes([SPIN_DOWN_START]):
            return Result.INVALID_PARAMETER, []
        self.brake.spin_down(now_ms)
        told = u8(Status.SPIN_DOWN) + u8(SpinDown.REQUESTED)
        return Result.SUCCESS, [Emission(ftms.MACHINE_STATUS, told)]

    def _start(self, _parameter: bytes) -> tuple[Result, list[Emission]]:
        return Result.SUCCESS, [Emission(ftms.MACHINE_STATUS, u8(Status.STARTED_OR_RESUMED))]

    def _stop(self, parameter: bytes) -> tuple[Result, list[Emission]]:
        if parameter not in (bytes([STOP]), bytes([PAUSE])):
            return Result.INVALID_PARAMETER, []
        told = Emission(ftms.MACHINE_STATUS, u8(Status.STOPPED_OR_PAUSED) + parameter)
        return Result.SUCCESS, [told, *self._release()]

    def _apply(self, held: Held, status: Status, value: bytes) -> tuple[Result, list[Emission]]:
        self.brake.held = held
        training = ftms.Training.WATT_CONTROL if isinstance(held, Erg) else ftms.Training.MANUAL
        told = Emission(ftms.MACHINE_STATUS, u8(status) + value)
        return Result.SUCCESS, [told, *self._enter(training)]

    def _release(self) -> list[Emission]:
        self.brake.held = None
        self.brake.stop_rolling()
        return self._enter(ftms.Training.IDLE)

    def _enter(self, training: ftms.Training) -> list[Emission]:
        if training == self._training:
            return []
        self._training = training
        return [Emission(ftms.TRAINING_STATUS, self.read(ftms.TRAINING_STATUS))]
