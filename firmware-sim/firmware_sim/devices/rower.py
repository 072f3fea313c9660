"""A rowing machine: Fitness Machine Service 1.0 (0x1826), Rower Data of section 4.8."""

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

# Concept2's: watts = 2.80 / pace^3, pace in seconds per metre.
W_PER_MPS3 = 2.80
# A flywheel shows the mean of a stroke or two.
STROKE_SMOOTHING_S = 2.0
SLOWEST_MPS = 0.5
PACE_M = 500

# Flag bits, section 4.8.1.1.
AVERAGE_RATE, DISTANCE, PACE, AVERAGE_PACE, POWER, AVERAGE_POWER = 1, 2, 3, 4, 5, 6
RESISTANCE, ENERGY, HEART_RATE, MET, ELAPSED = 7, 8, 9, 10, 11


@dataclass(frozen=True, slots=True)
class RowerData:
    """Section 4.8. None leaves a field out; without strokes the record says More Data.

    `strokes` is their rate a minute and their count. Paces are seconds per 500 m.
    `energy_kcal` is the total and, if known, per hour.
    """

    strokes: tuple[float, int] | None = None
    average_rate_spm: float | None = None
    distance_m: float | None = None
    pace_s: float | None = None
    average_pace_s: float | None = None
    power_w: float | None = None
    average_power_w: float | None = None
    resistance: int | None = None
    energy_kcal: tuple[float, float | None] | None = None
    heart_rate_bpm: int | None = None
    met: float | None = None
    elapsed_s: int | None = None

    def encode(self) -> bytes:
        strokes, rate, energy = self.strokes, self.average_rate_spm, self.energy_kcal
        return ftms.encode_record(
            None if strokes is None else u8(strokes[0] * 2) + u16(strokes[1]),
            {
                AVERAGE_RATE: None if rate is None else u8(rate * 2),
                DISTANCE: None if self.distance_m is None else u24(self.distance_m),
                PACE: None if self.pace_s is None else u16(self.pace_s),
                AVERAGE_PACE: None if self.average_pace_s is None else u16(self.average_pace_s),
                POWER: None if self.power_w is None else s16(self.power_w),
                AVERAGE_POWER: None if self.average_power_w is None else s16(self.average_power_w),
                RESISTANCE: None if self.resistance is None else s16(self.resistance),
                ENERGY: None if energy is None else ftms.encode_energy(*energy),
                HEART_RATE: None if self.heart_rate_bpm is None else u8(self.heart_rate_bpm),
                MET: None if self.met is None else u8(self.met * 10),
                ELAPSED: None if self.elapsed_s is None else u16(self.elapsed_s),
            },
        )


class Rower(Sensor):
    """Once a second, in two records as a Technogym Skillrow sends them: work, then strokes.

    `bias` is by how much its power reads more or less than the truth. Who does not row has no
    pace: 0, as captured machines say it.
    """

    kind = "rower"
    period_ms = 1000
    advertised = (ftms.FITNESS_MACHINE_SERVICE,)
    own_services = (
        Service(
            ftms.FITNESS_MACHINE_SERVICE,
            (
                Characteristic(ftms.FITNESS_MACHINE_FEATURE, Property.READ),
                Characteristic(ftms.ROWER_DATA, Property.NOTIFY),
            ),
        ),
    )
    battery_life_h = 150.0

    def __init__(
        self,
        identity: Identity,
        *,
        phase_ms: int = 0,
        battery_pct: float = 90.0,
        bias: float = 1.0,
        drag: int = 5,
    ) -> None:
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self._bias = bias
        self._drag = drag
        self._power = Smoothed(STROKE_SMOOTHING_S)
        self._strokes = Revolutions(1024)
        self._load = Workload()

    @property
    def speed_mps(self) -> float:
        speed = (max(self._power.value, 0.0) / W_PER_MPS3) ** (1 / 3)
        return speed if speed > SLOWEST_MPS else 0.0

    def feel(self, body: Body, now_ms: int) -> None:
        rowing = body.cadence_rpm > 0
        self._power.advance(body.power_w * self._bias if rowing else 0.0, now_ms)
        self._strokes.advance(body.cadence_rpm, now_ms)
        self._load.advance(self.speed_mps, self._power.value, rowing, now_ms)

    def measure(self, body: Body, now_ms: int) -> list[Emission]:
        rowing = body.cadence_rpm > 0
        load, power_w = self._load, self._power.value if rowing else 0.0
        work = RowerData(
            distance_m=load.distance_m,
            pace_s=_pace_s(self.speed_mps) if rowing else 0,
            average_pace_s=_pace_s(load.average_mps),
            power_w=power_w,
            average_power_w=load.average_power_w,
            resistance=self._drag,
            elapsed_s=load.elapsed_s,
        )
        strokes = RowerData(
            strokes=(body.cadence_rpm, self._strokes.count),
            energy_kcal=(load.energy_kcal, kcal_per_hour(power_w)),
        )
        return [Emission(ftms.ROWER_DATA, record.encode()) for record in (work, strokes)]

    def constants(self) -> dict[int, bytes]:
        features = {
            Feature.TOTAL_DISTANCE,
            Feature.PACE,
            Feature.RESISTANCE,
            Feature.EXPENDED_ENERGY,
            Feature.ELAPSED_TIME,
            Feature.POWER,
        }
        return {ftms.FITNESS_MACHINE_FEATURE: ftms.encode_features(features, set())}

    @property
    def service_data(self) -> dict[int, bytes]:
        return {ftms.FITNESS_MACHINE_SERVICE: u8(ftms.AVAILABLE) + u16(ftms.ROWER)}


def _pace_s(speed_mps: float) -> float:
    return PACE_M / speed_mps if speed_mps else 0.0
