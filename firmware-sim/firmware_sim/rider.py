"""A rider with their sensors: one body, measured by several devices that agree with it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from firmware_sim.athlete import Athlete, Physique
from firmware_sim.chance import Chance
from firmware_sim.devices.body import Body
from firmware_sim.devices.braked import Braked
from firmware_sim.devices.broadcast_watch import BroadcastWatch
from firmware_sim.devices.cadence_pod import CadencePod
from firmware_sim.devices.cross_trainer import CrossTrainer
from firmware_sim.devices.gatt import Emission
from firmware_sim.devices.heart_rate_strap import HeartRateStrap
from firmware_sim.devices.manners import MANNERS
from firmware_sim.devices.power_meter import PowerMeter
from firmware_sim.devices.rower import Rower
from firmware_sim.devices.sensor import Identity, Sensor
from firmware_sim.devices.smart_trainer import SmartTrainer
from firmware_sim.devices.tacx_trainer import TacxTrainer
from firmware_sim.devices.treadmill import Treadmill
from firmware_sim.devices.wahoo_trainer import WahooTrainer
from firmware_sim.scenario import RiderPlan, SensorPlan

# A meter within 2 % of the truth keeps what its maker promises.
MAX_BIAS = 0.02


class Wearer(Protocol):
    """Somebody with sensors, simulated or recorded.

    `waiting`: for `start`, which is called once all of their sensors are listened to.
    `finished`: nothing more will come.
    """

    plan: RiderPlan
    sensors: dict[str, Sensor]
    body: Body

    @property
    def w_balance_j(self) -> float: ...

    @property
    def waiting(self) -> bool: ...

    @property
    def finished(self) -> bool: ...

    def start(self, now_ms: int) -> None: ...

    def rest(self, until_ms: int) -> None: ...

    def fade(self, legs: float, until_ms: int) -> None: ...

    def advance(self, now_ms: int) -> dict[str, list[Emission]]: ...


class Rider:
    """Advances body and sensors together. `sensors` is in the order of the plan, by name.

    Args:
        chance_of: a source of chance for a purpose; the same purpose gets the same one.
    """

    def __init__(self, plan: RiderPlan, chance_of: Callable[[str], Chance]) -> None:
        self.plan = plan
        physique = Physique(
            ftp_w=plan.ftp_w,
            max_hr_bpm=plan.max_hr_bpm,
            rest_hr_bpm=plan.rest_hr_bpm,
            weight_kg=plan.weight_kg,
            cadence_rpm=plan.cadence_rpm,
            discipline=plan.discipline,
        )
        self.athlete = Athlete(physique, chance_of(f"{plan.name}/{plan.seed}/body"))
        self.sensors: dict[str, Sensor] = {
            sensor.name: build(sensor, plan, chance_of(f"{sensor.name}/{plan.seed}"))
            for sensor in plan.sensors
        }
        self.body = Body()
        self._rests_until_ms = 0
        self._legs, self._faded_until_ms = 1.0, 0
        self._trainer = next(
            (each for each in self.sensors.values() if isinstance(each, Braked)), None
        )

    @property
    def w_balance_j(self) -> float:
        return self.athlete.w_balance_j

    @property
    def waiting(self) -> bool:
        return False

    @property
    def finished(self) -> bool:
        return False

    def start(self, now_ms: int) -> None:
        """Nothing to wait for: a body lives before anybody listens."""

    def rest(self, until_ms: int) -> None:
        """Stop pedalling, whatever the trainer asks."""
        self._rests_until_ms = until_ms

    def fade(self, legs: float, until_ms: int) -> None:
        """The legs have no more than this share of their power."""
        self._legs, self._faded_until_ms = legs, until_ms

    def advance(self, now_ms: int) -> dict[str, list[Emission]]:
        """Ride until `now_ms`; returns what each sensor sends."""
        target_w = self._trainer.demand_w(self.body) if self._trainer else None
        told_to_rest = self._trainer is not None and self._trainer.brake.rider_rests
        resting = now_ms < self._rests_until_ms or told_to_rest
        legs = self._legs if now_ms < self._faded_until_ms else 1.0
        self.body = self.athlete.advance(now_ms, target_w, resting=resting, legs=legs)
        return {name: sensor.advance(self.body, now_ms) for name, sensor in self.sensors.items()}


def build(plan: SensorPlan, rider: RiderPlan, chance: Chance) -> Sensor:
    """The device of a plan, with what its maker and its age have given it."""
    words = plan.name.rsplit(" ", 1)
    identity = Identity(
        name=plan.name,
        manufacturer=plan.manufacturer,
        model=plan.model or words[0],
        serial=plan.serial or words[-1],
        firmware=plan.firmware,
    )
    # Drawn in any case, so that one value given in the plan does not shift the others.
    phase_ms = int(chance.random() * 1000)
    battery_pct = 40.0 + 59.0 * chance.random()
    bias = 1.0 + MAX_BIAS * (2.0 * chance.random() - 1.0)
    left_pct = 50.0 + 3.0 * (2.0 * chance.random() - 1.0)
    crank_count = int(chance.random() * 0x10000)
    if plan.battery_pct is not None:
        battery_pct = plan.battery_pct
    if plan.bias is not None:
        bias = plan.bias
    match plan.kind:
        case "heart_rate_strap":
            return HeartRateStrap(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        case "broadcast_watch":
            return BroadcastWatch(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        case "power_meter":
            return PowerMeter(
                identity,
                phase_ms=phase_ms,
                battery_pct=battery_pct,
                bias=bias,
                balance_left_pct=left_pct,
                crank_count=crank_count,
            )
        case "cadence_pod":
            return CadencePod(
                identity,
                phase_ms=phase_ms,
                battery_pct=battery_pct,
                rider_kg=rider.weight_kg,
                crank_count=crank_count,
            )
        case "smart_trainer":
            return SmartTrainer(
                identity,
                phase_ms=phase_ms,
                bias=bias,
                rider_kg=rider.weight_kg,
                manners=MANNERS[plan.manners],
            )
        case "tacx_trainer" | "wahoo_trainer":
            made = TacxTrainer if plan.kind == "tacx_trainer" else WahooTrainer
            return made(
                identity,
                phase_ms=phase_ms,
                bias=bias,
                rider_kg=rider.weight_kg,
                manners=MANNERS[plan.manners],
            )
        case "treadmill":
            return Treadmill(identity, phase_ms=phase_ms, runner_kg=rider.weight_kg)
        case "rower":
            return Rower(identity, phase_ms=phase_ms, battery_pct=battery_pct, bias=bias)
        case "cross_trainer":
            return CrossTrainer(identity, phase_ms=phase_ms, bias=bias)
