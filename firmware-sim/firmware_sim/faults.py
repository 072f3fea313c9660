"""What goes wrong with a sensor, on command or by schedule. Pure.

A fault has a beginning and an end; `Interference` is what the active ones do to one sensor's
messages, loudness and link.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware_sim.chance import Chance
from firmware_sim.devices.gatt import Emission

MAX_FAULTS_PER_SENSOR = 16
MAX_DURATION_S = 86_400.0

# A walk ends beyond every receiver's sensitivity.
OUT_OF_RANGE_DBM = -110
# Shares of a walk's time: leaving, and coming back.
LEAVING = 0.3
RETURNING = 0.3


class Kind(StrEnum):
    DROP = "drop"
    MUTE = "mute"
    DELAY = "delay"
    CORRUPT = "corrupt"
    FREEZE = "freeze"
    DISCONNECT = "disconnect"
    WALK_AWAY = "walk_away"
    BATTERY_LOW = "battery_low"
    CONTROL_LOST = "control_lost"
    REST = "rest"
    FADE = "fade"
    UNPLUG = "unplug"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind means, how long it lasts when nobody says, and what its amount may be."""

    help: str
    for_s: float
    amount: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0
    unit: str = ""


RULES: dict[Kind, Rule] = {
    Kind.DROP: Rule("a share of the messages is lost", 30.0, 0.3, 0.0, 1.0, "share"),
    Kind.MUTE: Rule("connected, but nothing is sent", 20.0),
    Kind.DELAY: Rule("messages come late", 30.0, 1500.0, 0.0, 10_000.0, "ms"),
    Kind.CORRUPT: Rule("a share of the messages is cut or flipped", 30.0, 0.3, 0.0, 1.0, "share"),
    Kind.FREEZE: Rule("the last values are repeated", 30.0),
    Kind.DISCONNECT: Rule("switched off: link lost, not advertising", 10.0),
    Kind.WALK_AWAY: Rule("carried out of range and back", 40.0),
    Kind.BATTERY_LOW: Rule("the battery shows this much", 0.0, 5.0, 0.0, 100.0, "%"),
    Kind.CONTROL_LOST: Rule("another application takes the trainer", 15.0),
    Kind.REST: Rule("the rider of this sensor stops pedalling", 30.0),
    Kind.FADE: Rule(
        "the rider's legs have a share of their power left", 30.0, 0.5, 0.1, 1.0, "share"
    ),
    Kind.UNPLUG: Rule("a radio is pulled out: SPOT/NUMBER, not a sensor", 10.0),
}


class FaultError(ValueError):
    """A fault that cannot be; the message says what may be asked."""


@dataclass(frozen=True, slots=True)
class Spoilt(Emission):
    """Cut or flipped on its way: no truth any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`amount` is in the unit of the kind's rule. `sensor` of UNPLUG is a radio: "left/0"."""

    kind: Kind
    sensor: str
    at_ms: int
    until_ms: int
    amount: float


def fault(
    kind: str,
    sensor: str,
    at_ms: int,
    for_s: float | None = None,
    amount: float | None = None,
) -> Fault:
    """A fault that keeps its kind's rule.

    Raises:
        FaultError: unknown kind, or a duration or amount outside the rule.
    """
    try:
        known = Kind(kind)
    except ValueError:
        raise FaultError(f"no fault is called {kind!r}: choose one of {', '.join(Kind)}") from None
    rule = RULES[known]
    seconds = rule.for_s if for_s is None else for_s
    if not 0.0 <= seconds <= MAX_DURATION_S:
        raise FaultError(f"a fault lasts from 0 to {MAX_DURATION_S:.0f} s, not {seconds:g}")
    size = rule.amount if amount is None else amount
    if not rule.minimum <= size <= rule.maximum:
        if rule.maximum == rule.minimum:
            raise FaultError(f"{known} takes no amount")
        raise FaultError(
            f"{known} takes {rule.minimum:g} to {rule.maximum:g} {rule.unit}, not {size:g}"
        )
    return Fault(known, sensor, at_ms, at_ms + round(seconds * 1000), size)


class Interference:
    """What the faults of one sensor do to it."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._faults: list[Fault] = []
        self._last: dict[int, bytes] = {}

    def add(self, new: Fault) -> None:
        """Raises FaultError when the sensor has too many already."""
        self._faults = [old for old in self._faults if old.until_ms > new.at_ms]
        if len(self._faults) >= MAX_FAULTS_PER_SENSOR:
            raise FaultError(
                f"{new.sensor} has {MAX_FAULTS_PER_SENSOR} faults already: wait until some end"
            )
        self._faults.append(new)

    def active(self, now_ms: int) -> list[Fault]:
        return [each for each in self._faults if each.at_ms <= now_ms < each.until_ms]

    def pass_through(self, emissions: list[Emission], now_ms: int) -> list[tuple[int, Emission]]:
        """What is left of the messages, each with its delay in ms, in order."""
        active = {each.kind: each for each in self.active(now_ms)}
        if Kind.MUTE in active:
            return []
        delay_ms = round(active[Kind.DELAY].amount) if Kind.DELAY in active else 0
        passed = []
        for emission in emissions:
            if Kind.DROP in active and self._chance.random() < active[Kind.DROP].amount:
                continue
            passed.append((delay_ms, self._alter(emission, active)))
        return passed

    def _alter(self, emission: Emission, active: dict[Kind, Fault]) -> Emission:
        value = emission.value
        if Kind.FREEZE in active:
            value = self._last.get(emission.uuid, value)
        self._last[emission.uuid] = value
        if Kind.CORRUPT in active and self._chance.random() < active[Kind.CORRUPT].amount:
            return Spoilt(emission.uuid, self._corrupted(value))
        return Emission(emission.uuid, value)

    def _corrupted(self, value: bytes) -> bytes:
        if not value:
            return value
        place = int(self._chance.random() * len(value))
        if self._chance.random() < 0.5:
            return value[:place]
        flipped = value[place] ^ (1 << int(self._chance.random() * 8))
        return value[:place] + bytes([flipped]) + value[place + 1 :]

    def hidden(self, now_ms: int) -> bool:
        """Whether the sensor is switched off."""
        return any(each.kind == Kind.DISCONNECT for each in self.active(now_ms))

    def level_dbm(self, near_dbm: int, now_ms: int) -> int:
        """How loud the sensor is at the gateway; `near_dbm` when nobody carries it away."""
        level = near_dbm
        for each in self.active(now_ms):
            if each.kind == Kind.WALK_AWAY:
                away = _distance((now_ms - each.at_ms) / (each.until_ms - each.at_ms))
                level = min(level, round(near_dbm + (OUT_OF_RANGE_DBM - near_dbm) * away))
        return level


def _distance(progress: float) -> float:
    """0 here, 1 far away: out, staying there, and back."""
    return min(progress / LEAVING, (1.0 - progress) / RETURNING, 1.0)
