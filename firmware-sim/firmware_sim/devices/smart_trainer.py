"""A smart trainer: Fitness Machine Service 1.0 (0x1826), and Cycling Power (0x1818) beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_sim.devices import fitness_machine as ftms
from firmware_sim.devices import power_meter as cps
from firmware_sim.devices.bicycle import Bicycle
from firmware_sim.devices.body import Body
from firmware_sim.devices.fitness_machine import Op, Result, Status
from firmware_sim.devices.gatt import (
    AttError,
    Characteristic,
    Emission,
    Property,
    Refused,
    Service,
)
from firmware_sim.devices.power_meter import Smoothed
from firmware_sim.devices.revolutions import Revolutions
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.wire import s16, u8, u16, u32

MIN_POWER_W = 0
MAX_POWER_W = 2000
MAX_RESISTANCE = 1000  # in 0.1 %

# The brake follows a new target as fast as its flywheel lets it: 63 % of the step in this time.
ERG_LAG_S = 1.2
# What the strain gauge shows is an average, as on the machines that this one is modelled on.
POWER_SMOOTHING_S = 0.7
# Level brake: what a level of 100 % asks for at 90 rpm, linear in both.
FULL_LEVEL_W = 600.0
LEVEL_CADENCE_RPM = 90.0
POWER_PERIOD_MS = 1000

SENSOR_LOCATION_REAR_HUB = 13
STOP = 1
PAUSE = 2


@dataclass(frozen=True, slots=True)
class Erg:
    """Hold this power at any cadence."""

    power_w: int


@dataclass(frozen=True, slots=True)
class Level:
    """Brake as a dial set to this would, in 0.1 %."""

    resistance: int


@dataclass(frozen=True, slots=True)
class Slope:
    """Feel like this grade; the rider decides how hard to ride it."""

    grade_pct: float


Brake = Erg | Level | Slope


class SmartTrainer(Sensor):
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
    )
    # Runs from the mains; the service is there because the gateway may ask.
    battery_life_h = 1e9

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
    ) -> None:
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self._bias = bias
        self._exact = exact
        self._has_crank = has_crank
        self._bicycle = Bicycle(rider_kg)
        self._crank = Revolutions(1024)
        self._power = Smoothed(POWER_SMOOTHING_S)
        self._brake_w = Smoothed(ERG_LAG_S)
        self._brake: Brake | None = None
        self._training = ftms.Training.IDLE
        self._controlled = False
        self._taken_until_ms = 0
        self._pedalled_ms = 0.0
        self._at_ms: int | None = None
        self._next_power_ms = phase_ms % POWER_PERIOD_MS

    # What the rider feels

    def demand_w(self, body: Body) -> float | None:
        """The power that the brake asks of the rider; None leaves it to them."""
        match self._brake:
            case Erg():
                # The brake steers by what it measures: a bias of its gauge is the rider's to ride.
                return self._brake_w.value / self._bias
            case Level(resistance):
                share = resistance / MAX_RESISTANCE
                return FULL_LEVEL_W * share * body.cadence_rpm / LEVEL_CADENCE_RPM
            case _:
                return None

    def feel(self, body: Body, now_ms: int) -> None:
        self._bicycle.grade_pct = self._brake.grade_pct if isinstance(self._brake, Slope) else 0.0
        self._bicycle.advance(body.power_w, now_ms)
        self._crank.advance(body.cadence_rpm, now_ms)
        self._power.advance(body.power_w * self._bias, now_ms)
        # Without a target the brake is where the rider is, so that a new one starts from there.
        target_w = (
            self._brake.power_w if isinstance(self._brake, Erg) else body.power_w * self._bias
        )
        self._brake_w.advance(target_w, now_ms)
        if self._at_ms is not None and body.cadence_rpm > 0:
            self._pedalled_ms += now_ms - self._at_ms
        self._at_ms = now_ms

    # What it says

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        power_w = self._power.value if body.cadence_rpm > 0 else 0.0
        if self._exact:
            power_w = body.power_w
        data = ftms.IndoorBikeData(
            speed_kmh=self._bicycle.speed_kmh,
            cadence_rpm=body.cadence_rpm if self._has_crank else None,
            distance_m=self._bicycle.distance_m,
            power_w=power_w,
            elapsed_s=int(self._pedalled_ms / 1000),
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
                {
                    ftms.TargetFeature.RESISTANCE,
                    ftms.TargetFeature.POWER,
                    ftms.TargetFeature.SIMULATION,
                },
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
        self._controlled = False
        self._release()

    def seize(self, until_ms: int) -> list[Emission]:
        """Another application takes control and keeps it for a while."""
        self._taken_until_ms = until_ms
        self._controlled = False
        return [Emission(ftms.MACHINE_STATUS, u8(Status.CONTROL_LOST)), *self._release()]

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        if uuid != ftms.CONTROL_POINT:
            raise Refused(AttError.WRITE_NOT_PERMITTED)
        if not value:
            raise Refused(AttError.INVALID_ATTRIBUTE_VALUE_LENGTH)
        op, parameter = value[0], value[1:]
        result, consequences = self._procedure(op, parameter, now_ms)
        answer = Emission(ftms.CONTROL_POINT, ftms.encode_response(op, result))
        return [answer, *consequences]

    def _procedure(self, op: int, parameter: bytes, now_ms: int) -> tuple[Result, list[Emission]]:
        if op == Op.REQUEST_CONTROL:
            return self._request_control(now_ms), []
        handler = self._handlers().get(op)
        if handler is None:
            return Result.NOT_SUPPORTED, []
        if not self._controlled:
            return Result.CONTROL_NOT_PERMITTED, []
        return handler(parameter)

    def _handlers(self) -> dict[int, Callable[[bytes], tuple[Result, list[Emission]]]]:
        return {
            Op.RESET: self._reset,
            Op.SET_RESISTANCE: self._set_resistance,
            Op.SET_POWER: self._set_power,
            Op.START_OR_RESUME: self._start,
            Op.STOP_OR_PAUSE: self._stop,
            Op.SET_SIMULATION: self._set_simulation,
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
        if len(parameter) not in (1, 2):
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

    def _start(self, _parameter: bytes) -> tuple[Result, list[Emission]]:
        return Result.SUCCESS, [Emission(ftms.MACHINE_STATUS, u8(Status.STARTED_OR_RESUMED))]

    def _stop(self, parameter: bytes) -> tuple[Result, list[Emission]]:
        if parameter not in (bytes([STOP]), bytes([PAUSE])):
            return Result.INVALID_PARAMETER, []
        told = Emission(ftms.MACHINE_STATUS, u8(Status.STOPPED_OR_PAUSED) + parameter)
        return Result.SUCCESS, [told, *self._release()]

    def _apply(self, brake: Brake, status: Status, value: bytes) -> tuple[Result, list[Emission]]:
        self._brake = brake
        training = ftms.Training.WATT_CONTROL if isinstance(brake, Erg) else ftms.Training.MANUAL
        told = Emission(ftms.MACHINE_STATUS, u8(status) + value)
        return Result.SUCCESS, [told, *self._enter(training)]

    def _release(self) -> list[Emission]:
        self._brake = None
        return self._enter(ftms.Training.IDLE)

    def _enter(self, training: ftms.Training) -> list[Emission]:
        if training == self._training:
            return []
        self._training = training
        return [Emission(ftms.TRAINING_STATUS, self.read(ftms.TRAINING_STATUS))]
