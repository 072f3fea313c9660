"""A cross trainer: Fitness Machine Service 1.0 (0x1826), Cross Trainer Data of section 4.5."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_sim.devices import fitness_machine as ftms
from firmware_sim.devices.body import Body
from firmware_sim.devices.fitness_machine import Feature
from firmware_sim.devices.gatt import Characteristic, Emission, Property, Service
from firmware_sim.devices.power_meter import Smoothed
from firmware_sim.devices.revolutions import Revolutions
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.wire import s16, u8, u16, u24
from firmware_sim.devices.workload import Workload, kcal_per_hour

FLAGS_BYTES = 3
# Life Fitness: 96 steps a minute are 6.27 km/h.
STEP_M = 1.09
POWER_SMOOTHING_S = 1.5

# Flag bits, section 4.5.1.1.
AVERAGE_SPEED, DISTANCE, STEPS, STRIDES, ELEVATION, RESISTANCE = 1, 2, 3, 4, 5, 7
POWER, AVERAGE_POWER, ENERGY, HEART_RATE, ELAPSED = 8, 9, 10, 11, 13


@dataclass(frozen=True, slots=True)
class CrossTrainerData:
    """Section 4.5. None leaves a field out; without a speed the record says More Data.

    `steps_per_minute` is now and on average; `elevation_m` climbed and descended, None where the
    machine does not know; `energy_kcal` the total and, if known, per hour.
    """

    speed_kmh: float | None = None
    average_speed_kmh: float | None = None
    distance_m: float | None = None
    steps_per_minute: tuple[float, float] | None = None
    stride_count: float | None = None
    elevation_m: tuple[float, float | None] | None = None
    resistance: int | None = None
    power_w: float | None = None
    average_power_w: float | None = None
    energy_kcal: tuple[float, float | None] | None = None
    heart_rate_bpm: int | None = None
    elapsed_s: int | None = None

    def encode(self) -> bytes:
        speed, average, steps = self.speed_kmh, self.average_speed_kmh, self.steps_per_minute
        strides, elevation, energy = self.stride_count, self.elevation_m, self.energy_kcal
        return ftms.encode_record(
            None if speed is None else u16(speed * 100),
            {
                AVERAGE_SPEED: None if average is None else u16(average * 100),
                DISTANCE: None if self.distance_m is None else u24(self.distance_m),
                STEPS: None if steps is None else b"".join(u16(rate) for rate in steps),
                STRIDES: None if strides is None else u16(strides * 10),
                ELEVATION: None if elevation is None else b"".join(map(_height, elevation)),
                RESISTANCE: None if self.resistance is None else s16(self.resistance),
                POWER: None if self.power_w is None else s16(self.power_w),
                AVERAGE_POWER: None if self.average_power_w is None else s16(self.average_power_w),
                ENERGY: None if energy is None else ftms.encode_energy(*energy),
                HEART_RATE: None if self.heart_rate_bpm is None else u8(self.heart_rate_bpm),
                ELAPSED: None if self.elapsed_s is None else u16(self.elapsed_s),
            },
            FLAGS_BYTES,
        )


def _height(metres: float | None) -> bytes:
    return b"\xff\xff" if metres is None else u16(metres)


class CrossTrainer(Sensor):
    """Once a second, in two records as captured: the first says More Data, the second has speed.

    `bias` is by how much its power reads more or less than the truth.
    """

    kind = "cross_trainer"
    period_ms = 1000
    advertised = (ftms.FITNESS_MACHINE_SERVICE,)
    own_services = (
        Service(
            ftms.FITNESS_MACHINE_SERVICE,
            (
                Characteristic(ftms.FITNESS_MACHINE_FEATURE, Property.READ),
                Characteristic(ftms.CROSS_TRAINER_DATA, Property.NOTIFY),
            ),
        ),
    )
    battery_life_h = 1e9  # runs from the mains

    def __init__(
        self,
        identity: Identity,
        *,
        phase_ms: int = 0,
        battery_pct: float = 100.0,
        bias: float = 1.0,
        resistance: int = 60,
    ) -> None:
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self._bias = bias
        self._resistance = resistance
        self._power = Smoothed(POWER_SMOOTHING_S)
        self._steps = Revolutions(1024)
        self._load = Workload()

    def feel(self, body: Body, now_ms: int) -> None:
        stepping = body.cadence_rpm > 0
        self._power.advance(body.power_w * self._bias if stepping else 0.0, now_ms)
        self._steps.advance(body.cadence_rpm, now_ms)
        self._load.advance(_speed_mps(body), self._power.value, stepping, now_ms)

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        load, power_w = self._load, self._power.value if body.cadence_rpm > 0 else 0.0
        minutes = load.elapsed_s / 60
        average_spm = self._steps.count / minutes if minutes else 0.0
        first = CrossTrainerData(
            average_speed_kmh=load.average_mps * 3.6,
            distance_m=load.distance_m,
            steps_per_minute=(body.cadence_rpm, average_spm),
            stride_count=self._steps.count,
            resistance=self._resistance,
            power_w=power_w,
            average_power_w=load.average_power_w,
        )
        second = CrossTrainerData(
            speed_kmh=_speed_mps(body) * 3.6,
            energy_kcal=(load.energy_kcal, kcal_per_hour(power_w)),
            heart_rate_bpm=0,  # nobody holds the grips
            elapsed_s=load.elapsed_s,
        )
        return [Emission(ftms.CROSS_TRAINER_DATA, record.encode()) for record in (first, second)]

    def constants(self) -> dict[int, bytes]:
        features = {
            Feature.AVERAGE_SPEED,
            Feature.TOTAL_DISTANCE,
            Feature.STEP_COUNT,
            Feature.RESISTANCE,
            Feature.EXPENDED_ENERGY,
            Feature.ELAPSED_TIME,
            Feature.POWER,
        }
        return {ftms.FITNESS_MACHINE_FEATURE: ftms.encode_features(features, set())}

    @property
    def service_data(self) -> dict[int, bytes]:
        return {ftms.FITNESS_MACHINE_SERVICE: u8(ftms.AVAILABLE) + u16(ftms.CROSS_TRAINER)}


def _speed_mps(body: Body) -> float:
    return body.cadence_rpm * STEP_M / 60
