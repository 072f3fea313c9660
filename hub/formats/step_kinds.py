"""Which kind of step it is and what it is called, where a format says neither. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from hub.core.target import Aim, MaxEffort, StepTarget, Unit
from hub.core.workout import Step, StepKind
from hub.core.zones import power_zones

# Below this a steady step is rest between efforts (Coggan's first zone, and its like).
REST_BELOW: dict[Unit, float] = {
    Unit.FTP: 0.55,
    Unit.POWER_ZONE: 2,
    Unit.MAX_HR: 0.6,
    Unit.LTHR: 0.75,
    Unit.HRR: 0.5,
    Unit.HEART_ZONE: 2,
    Unit.RPE: 3,
    Unit.THRESHOLD_SPEED: 0.75,
}

KIND_NAMES = {
    StepKind.WARMUP: "Warm-up",
    StepKind.WORK: "Interval",
    StepKind.RECOVERY: "Recovery",
    StepKind.COOLDOWN: "Cool-down",
    StepKind.FREE: "Free ride",
}

ZONES = power_zones(1.0)


def kind_of(target: StepTarget) -> StepKind:
    match target:
        case Aim(unit=unit) if middle(target) < REST_BELOW.get(unit, 0.0):
            return StepKind.RECOVERY
        case Aim() | MaxEffort():
            return StepKind.WORK
        case _:
            return StepKind.FREE


def name_of(kind: StepKind, target: StepTarget) -> str:
    if kind is not StepKind.WORK:
        return KIND_NAMES[kind]
    match target:
        case MaxEffort():
            return "Max effort"
        case Aim(is_ramp=True):
            return "Ramp"
        case Aim(unit=Unit.FTP):
            return ZONES.lookup(middle(target)).name
        case Aim(unit=Unit.POWER_ZONE):
            return ZONES.zones[int(middle(target)) - 1].name
        case _:
            return KIND_NAMES[kind]


def with_ends_named(steps: list[Step]) -> list[Step]:
    """An easy step at the beginning is a warm-up, at the end a cool-down."""
    for index, kind in ((0, StepKind.WARMUP), (-1, StepKind.COOLDOWN)):
        if len(steps) > 1 and steps[index].kind is StepKind.RECOVERY:
            steps[index] = as_end(steps[index], kind)
    return steps


def as_end(step: Step, kind: StepKind) -> Step:
    """`step` as a warm-up or cool-down, unless it is work."""
    if step.kind not in (StepKind.RECOVERY, StepKind.FREE):
        return step
    return replace(step, kind=kind, name=KIND_NAMES[kind])


def middle(aim: Aim) -> float:
    return sum(value for ends in aim.ranges for value in ends) / 4
