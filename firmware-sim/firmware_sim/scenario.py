"""Who rides what, and what goes wrong: a scenario in TOML. Pure; the shell reads the file."""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from firmware_sim.devices.manners import MANNERS
from firmware_sim.discipline import CYCLING, ROWING, RUNNING, STEPPING, Discipline
from firmware_sim.faults import RULES, FaultError, Kind, fault
from firmware_sim.floor import Point

SensorKind = Literal[
    "heart_rate_strap",
    "broadcast_watch",
    "power_meter",
    "cadence_pod",
    "smart_trainer",
    "tacx_trainer",
    "wahoo_trainer",
    "treadmill",
    "rower",
    "cross_trainer",
]

TRAINERS = frozenset({"smart_trainer", "tacx_trainer", "wahoo_trainer"})
BICYCLE_PARTS = TRAINERS | {"power_meter", "cadence_pod"}
# What is done on a machine; everything else that has sensors is a bicycle.
MACHINES: dict[str, Discipline] = {
    "treadmill": RUNNING,
    "rower": ROWING,
    "cross_trainer": STEPPING,
}

MAX_SENSORS = 100
# A scan response holds 31 bytes; length and type take two.
MAX_NAME_BYTES = 29
MAX_RIDE_S = 7 * 86_400

Name = Annotated[str, Meta(min_length=1, max_length=40)]


class ScenarioError(ValueError):
    """A scenario that cannot run: which key, what is wrong with it, what to write instead."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}; {remedy}" if key else f"{problem}; {remedy}")
        self.key = key
        self.problem = problem
        self.remedy = remedy


class SensorPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device. `bias` is by how much it reads more or less than the truth; None draws it.

    `manners`: how a trainer's control point behaves, a name of devices.manners.MANNERS.
    """

    kind: SensorKind
    name: Name
    battery_pct: Annotated[float, Meta(ge=0, le=100)] | None = None
    bias: Annotated[float, Meta(ge=0.5, le=1.5)] | None = None
    manufacturer: str = "Derny Simulator"
    model: str = ""
    serial: str = ""
    firmware: str = "1.0.0"
    manners: str = "good"


class RiderPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`guest`: this bike is for who just came; the hub gives its sensors to nobody by itself.

    `at_m`: where in the room; None: near every radio.
    """

    name: Name
    ftp_w: Annotated[int, Meta(ge=50, le=600)]
    max_hr_bpm: Annotated[int, Meta(ge=120, le=230)]
    rest_hr_bpm: Annotated[int, Meta(ge=30, le=110)]
    weight_kg: Annotated[float, Meta(ge=30, le=200)]
    seed: Annotated[int, Meta(ge=0)]
    sensors: Annotated[list[SensorPlan], Meta(min_length=1, max_length=10)]
    cadence_rpm: Annotated[float, Meta(ge=50, le=120)] | None = None
    guest: bool = False
    at_m: Point | None = None

    @property
    def discipline(self) -> Discipline:
        found = (MACHINES[sensor.kind] for sensor in self.sensors if sensor.kind in MACHINES)
        return next(found, CYCLING)


class SpotPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a gateway stands. It has a socket of its own, and `radios` that faults may pull."""

    name: Annotated[str, Meta(pattern="^[a-z0-9]{1,12}$")]
    at_m: Point
    radios: Annotated[int, Meta(ge=1, le=16)] = 1


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault at a given time of the ride."""

    kind: str
    sensor: str
    at_s: Annotated[float, Meta(ge=0, le=MAX_RIDE_S)]
    for_s: float | None = None
    amount: float | None = None


class ChaosPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faults for ever, on average one every `every_s`, of the given kinds, on all sensors."""

    every_s: Annotated[float, Meta(ge=1, le=3600)]
    kinds: Annotated[list[str], Meta(min_length=1)]
    quiet_s: Annotated[float, Meta(ge=0, le=MAX_RIDE_S)] = 20.0


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a run needs; with the same seed it runs the same."""

    description: str
    riders: Annotated[list[RiderPlan], Meta(min_length=1, max_length=50)]
    seed: Annotated[int, Meta(ge=0)] = 0
    advertising_ms: Annotated[int, Meta(ge=20, le=2000)] = 100
    adv_loss: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    faults: list[FaultPlan] = []
    chaos: ChaosPlan | None = None
    spots: Annotated[list[SpotPlan], Meta(max_length=8)] = []

    @property
    def radios(self) -> list[str]:
        """Of every spot, as faults call them."""
        return [f"{spot.name}/{n}" for spot in self.spots for n in range(spot.radios)]

    @property
    def sensors(self) -> list[SensorPlan]:
        return [sensor for rider in self.riders for sensor in rider.sensors]


def parse(text: str) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: it is no TOML, a key is wrong, or its parts do not fit each other.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError("", f"not valid TOML: {error}", "correct that line") from None
    try:
        scenario = msgspec.convert(table, Scenario)
    except msgspec.ValidationError as error:
        raise _readable(error) from None
    _check_names(scenario)
    _check_bodies(scenario)
    _check_machines(scenario)
    _check_manners(scenario)
    _check_faults(scenario)
    return scenario


def _readable(error: msgspec.ValidationError) -> ScenarioError:
    """msgspec says ``Expected `int` >= 50 - at `$.riders[0].ftp_w```."""
    problem, _, place = str(error).partition(" - at `$")
    key = place.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(\w+)`", problem)
    if unknown:
        key = f"{key}.{unknown[1]}".lstrip(".")
        return ScenarioError(key, "unknown key", "remove it, or correct its spelling")
    missing = re.search(r"missing required field `(\w+)`", problem)
    if missing:
        key = f"{key}.{missing[1]}".lstrip(".")
        return ScenarioError(key, "missing", "add it")
    return ScenarioError(key, problem[:1].lower() + problem[1:], "correct the value")


def _check_names(scenario: Scenario) -> None:
    if len(scenario.sensors) > MAX_SENSORS:
        raise ScenarioError("riders", f"more than {MAX_SENSORS} sensors", "remove some")
    seen: dict[str, str] = {}
    for number, spot in enumerate(scenario.spots):
        _check_unique(seen, f"spot {spot.name}", f"spots[{number}].name", spot.name)
    for number, rider in enumerate(scenario.riders):
        _check_unique(seen, f"rider {rider.name}", f"riders[{number}].name", rider.name)
        for place, sensor in enumerate(rider.sensors):
            key = f"riders[{number}].sensors[{place}].name"
            _check_unique(seen, f"sensor {sensor.name}", key, sensor.name)
            if len(sensor.name.encode()) > MAX_NAME_BYTES:
                raise ScenarioError(
                    key, f"longer than {MAX_NAME_BYTES} bytes", "shorten it to fit a scan response"
                )


def _check_unique(seen: dict[str, str], what: str, key: str, name: str) -> None:
    if what in seen:
        raise ScenarioError(key, f"{name!r} is taken by {seen[what]}", "choose another name")
    seen[what] = key


def _check_bodies(scenario: Scenario) -> None:
    for number, rider in enumerate(scenario.riders):
        if rider.max_hr_bpm < rider.rest_hr_bpm + 40:
            raise ScenarioError(
                f"riders[{number}].max_hr_bpm",
                f"{rider.max_hr_bpm} is too near to the resting rate of {rider.rest_hr_bpm}",
                "give at least 40 more",
            )


def _check_machines(scenario: Scenario) -> None:
    """Nobody sits on two machines, and no bicycle has a treadmill's belt."""
    for number, rider in enumerate(scenario.riders):
        kinds = {sensor.kind for sensor in rider.sensors}
        machines = sorted(kinds & set(MACHINES))
        if not machines:
            continue
        others = machines[1:] or sorted(kinds & BICYCLE_PARTS)
        if others or len([s for s in rider.sensors if s.kind == machines[0]]) > 1:
            raise ScenarioError(
                f"riders[{number}].sensors",
                f"{rider.name} cannot use a {machines[0]} and a {(others or machines)[0]} at once",
                "give one of them to another rider",
            )
        if rider.cadence_rpm is not None:
            raise ScenarioError(
                f"riders[{number}].cadence_rpm",
                f"a {machines[0]} has no pedals",
                "remove it",
            )


def _check_manners(scenario: Scenario) -> None:
    for number, rider in enumerate(scenario.riders):
        for place, sensor in enumerate(rider.sensors):
            key = f"riders[{number}].sensors[{place}].manners"
            if sensor.manners not in MANNERS:
                known = ", ".join(MANNERS)
                raise ScenarioError(key, f"{sensor.manners!r} are no manners", f"use {known}")
            if sensor.manners != "good" and sensor.kind not in TRAINERS:
                raise ScenarioError(key, f"a {sensor.kind} has no control point", "remove it")


def _check_faults(scenario: Scenario) -> None:
    kinds = {sensor.name: sensor.kind for sensor in scenario.sensors}
    for number, plan in enumerate(scenario.faults):
        key = f"faults[{number}]"
        if plan.kind == Kind.UNPLUG:
            if plan.sensor not in scenario.radios:
                raise ScenarioError(
                    f"{key}.sensor", f"no radio is called {plan.sensor!r}", "name one: SPOT/NUMBER"
                )
        elif plan.sensor not in kinds:
            raise ScenarioError(
                f"{key}.sensor", f"no sensor is called {plan.sensor!r}", "name one of a rider's"
            )
        try:
            fault(plan.kind, plan.sensor, 0, plan.for_s, plan.amount)
        except FaultError as error:
            raise ScenarioError(key, str(error), "correct the fault") from None
        if plan.kind == Kind.CONTROL_LOST and kinds[plan.sensor] != "smart_trainer":
            raise ScenarioError(f"{key}.sensor", "it has no control point", "name a smart_trainer")
    for place, kind in enumerate(scenario.chaos.kinds if scenario.chaos else []):
        if kind not in RULES:
            raise ScenarioError(
                f"chaos.kinds[{place}]", f"no fault is called {kind!r}", f"use {', '.join(Kind)}"
            )
        if kind == Kind.UNPLUG and not scenario.spots:
            raise ScenarioError(f"chaos.kinds[{place}]", "there is no radio", "add a spot")
        if kind == Kind.CONTROL_LOST and "smart_trainer" not in kinds.values():
            raise ScenarioError(
                f"chaos.kinds[{place}]", "no sensor has a control point", "add a smart_trainer"
            )


def address(name: str, epoch: int = 0, private: bool = False) -> str:
    """A random device address that belongs to a name: the same on every run.

    Core specification Vol 6, Part B, 1.3.2: the two top bits are 11 for a static address and 01
    for a resolvable private one, which changes with its `epoch`.
    """
    digest = hashlib.sha256(f"{name}/{epoch}".encode()).digest()[:6]
    top = (digest[0] & 0x3F) | (0x40 if private else 0xC0)
    return ":".join(f"{octet:02X}" for octet in bytes([top]) + digest[1:])
