"""A treadmill: Fitness Machine Service 1.0 (0x1826), Treadmill Data of section 4.4."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_sim.devices import fitness_machine as ftms
from firmware_sim.devices.body import Body
from firmware_sim.devices.fitness_machine import Feature
from firmware_sim.devices.gatt import Characteristic, Emission, Property, Service
from firmware_sim.devices.power_meter import Smoothed
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.wire import s16, u8, u16, u24
from firmware_sim.devices.workload import EFFICIENCY, Workload, kcal_per_hour

# ACSM's equations for running: 0.2 ml of oxygen per kg and metre, and 0.9 ml per metre climbed;
# a millilitre is 20.9 J. A quarter of it is what the legs give.
J_PER_KG_M = 0.2 * 20.9 * EFFICIENCY
CLIMB_FACTOR = 0.9 / 0.2
# A belt is started and stopped by a motor.
BELT_LAG_S = 4.0
SLOWEST_MPS = 0.2
FASTEST_MPS = 6.0
NOT_AVAILABLE = b"\xff\x7f"

# Flag bits, section 4.4.1.1.
AVERAGE_SPEED, DISTANCE, INCLINE, ELEVATION, ENERGY, HEART_RATE, ELAPSED = 1, 2, 3, 4, 7, 8, 10


@dataclass(frozen=True, slots=True)
class TreadmillData:
    """Section 4.4. None leaves a field out; without a speed the record says More Data.

    `elevation_m` is climbed and descended; `energy_kcal` the total and, if known, per hour.
    """

    speed_kmh: float | None = None
    average_speed_kmh: float | None = None
    distance_m: float | None = None
    incline_pct: float | None = None
    elevation_m: tuple[float, float] | None = None
    energy_kcal: tuple[float, float | None] | None = None
    heart_rate_bpm: int | None = None
    elapsed_s: int | None = None

    def encode(self) -> bytes:
        speed, average = self.speed_kmh, self.average_speed_kmh
        incline, elevation, energy = self.incline_pct, self.elevation_m, self.energy_kcal
        return ftms.encode_record(
            None if speed is None else u16(speed * 100),
            {
                AVERAGE_SPEED: None if average is None else u16(average * 100),
                DISTANCE: None if self.distance_m is None else u24(self.distance_m),
                # The ramp's angle goes with it, and no treadmill that was captured knows it.
                INCLINE: None if incline is None else s16(incline * 10) + NOT_AVAILABLE,
                ELEVATION: None if elevation is None else b"".join(u16(m * 10) for m in elevation),
                ENERGY: None if energy is None else ftms.encode_energy(*energy),
                HEART_RATE: None if self.heart_rate_bpm is None else u8(self.heart_rate_bpm),
                ELAPSED: None if self.elapsed_s is None else u16(self.elapsed_s),
            },
        )


class Treadmill(Sensor):
    """Once a second, in one record: a belt that goes as fast as its runner's power carries them.

    Nobody steers it from outside: it has no control point.
    """

    kind = "treadmill"
    period_ms = 1000
    advertised = (ftms.FITNESS_MACHINE_SERVICE,)
    own_services = (
        Service(
            ftms.FITNESS_MACHINE_SERVICE,
            (
                Characteristic(ftms.FITNESS_MACHINE_FEATURE, Property.READ),
                Characteristic(ftms.TREADMILL_DATA, Property.NOTIFY),
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
        runner_kg: float = 75.0,
        incline_pct: float = 1.0,
    ) -> None:
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self._incline_pct = incline_pct
        self._j_per_m = runner_kg * J_PER_KG_M * (1.0 + CLIMB_FACTOR * incline_pct / 100)
        self._belt_mps = Smoothed(BELT_LAG_S)
        self._load = Workload()

    @property
    def speed_mps(self) -> float:
        return self._belt_mps.value if self._belt_mps.value > SLOWEST_MPS else 0.0

    def feel(self, body: Body, now_ms: int) -> None:
        running = body.cadence_rpm > 0
        wanted_mps = min(body.power_w / self._j_per_m, FASTEST_MPS) if running else 0.0
        self._belt_mps.advance(wanted_mps, now_ms)
        self._load.advance(self.speed_mps, body.power_w, running, now_ms)

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        data = TreadmillData(
            speed_kmh=self.speed_mps * 3.6,
            average_speed_kmh=self._load.average_mps * 3.6,
            distance_m=self._load.distance_m,
            incline_pct=self._incline_pct,
            energy_kcal=(self._load.energy_kcal, kcal_per_hour(body.power_w)),
            elapsed_s=self._load.elapsed_s,
        )
        return [Emission(ftms.TREADMILL_DATA, data.encode())]

    def constants(self) -> dict[int, bytes]:
        features = {
            Feature.AVERAGE_SPEED,
            Feature.TOTAL_DISTANCE,
            Feature.INCLINATION,
            Feature.EXPENDED_ENERGY,
            Feature.ELAPSED_TIME,
        }
        return {ftms.FITNESS_MACHINE_FEATURE: ftms.encode_features(features, set())}

    @property
    def service_data(self) -> dict[int, bytes]:
        return {ftms.FITNESS_MACHINE_SERVICE: u8(ftms.AVAILABLE) + u16(ftms.TREADMILL)}
