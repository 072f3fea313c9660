"""A seeded schedule of faults: the same seed breaks the same things at the same times. Pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

from firmware_sim.chance import Chance
from firmware_sim.faults import Fault, Kind, fault
from firmware_sim.scenario import ChaosPlan, Scenario


def schedule(scenario: Scenario, chance: Chance) -> Iterator[Fault]:
    """The planned faults and then, if chaos is asked for, more without end; in order of time."""
    planned = (
        fault(plan.kind, plan.sensor, round(plan.at_s * 1000), plan.for_s, plan.amount)
        for plan in scenario.faults
    )
    surprises = iter(()) if scenario.chaos is None else _surprises(scenario.chaos, scenario, chance)
    return heapq.merge(surprises, sorted(planned, key=_at_ms), key=_at_ms)


def _at_ms(one: Fault) -> int:
    return one.at_ms


def _surprises(chaos: ChaosPlan, scenario: Scenario, chance: Chance) -> Iterator[Fault]:
    trainers = [sensor.name for sensor in scenario.sensors if sensor.kind == "smart_trainer"]
    special = {Kind.CONTROL_LOST: trainers, Kind.UNPLUG: scenario.radios}
    everyone = [sensor.name for sensor in scenario.sensors]
    at_s = chaos.quiet_s
    while True:
        # Waiting times of independent events are exponential.
        at_s += -chaos.every_s * math.log(1.0 - chance.random())
        kind = chaos.kinds[int(chance.random() * len(chaos.kinds))]
        names = special.get(Kind(kind), everyone)
        name = names[int(chance.random() * len(names))]
        yield fault(kind, name, round(at_s * 1000))
