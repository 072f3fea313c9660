"""Wahoo's own control point, for trainers without FTMS: unlock, then ERG, simulation or resistance.

Some firmware answers each write and some does not, so silence is a yes. There is no release:
letting go is a flat road, then no resistance.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.dialects.port import (
    Answer,
    News,
    Outcome,
    Procedure,
    Purpose,
    SpinDownNews,
    SpinDownStep,
)
from gateway.gatt import wahoo_control as wahoo
from gateway.gatt.layout import Nonsense
from gateway.gatt.wahoo_control import Op
from hub.wire.uplink import Mode
from hub.wire.values import GradeTarget, PowerTarget, ResistanceTarget, Target

SILENCE_MS = 1000
RIDER_AND_BIKE_KG = 84.0  # the grade's force is the trainer's to make; nobody tells it the rider


class Wahoo:
    name = "wahoo"
    answers = wahoo.CONTROL_POINT
    tells: tuple[str, ...] = ()

    def measures_by(self) -> frozenset[str]:
        return frozenset({"2a63"})

    def modes(self) -> frozenset[Mode]:
        return frozenset(Mode)

    def knows(self, facts: Mapping[str, bytes]) -> None:
        """It says nothing of what it can."""

    def control(self) -> Procedure:
        return _procedure(Purpose.CONTROL, wahoo.unlock())

    def start(self) -> None:
        return None

    def order(self, target: Target, before: Target | None) -> tuple[Procedure, ...]:
        match target:
            case PowerTarget(power_w=power_w):
                return (_procedure(Purpose.TARGET, wahoo.erg(power_w), target),)
            case ResistanceTarget(level_pct=level_pct):
                return (_procedure(Purpose.TARGET, wahoo.resistance(level_pct), target),)
            case GradeTarget():
                return tuple(
                    _procedure(Purpose.TARGET, data, target) for data in _road(target, before)
                )
        return ()

    def otherwise(self, procedure: Procedure) -> None:
        return None

    def releases(self) -> tuple[tuple[Procedure, ...], ...]:
        return (
            tuple(_procedure(Purpose.RELEASE, data) for data in _road(FLAT, None)),
            (_procedure(Purpose.RELEASE, wahoo.resistance(0)),),
        )

    def spin_down(self) -> Procedure:
        return _procedure(Purpose.SPIN_DOWN, wahoo.spin_down())

    def heard(self, char: str, data: bytes) -> Answer | News | None:
        response = wahoo.response(data)
        if char != wahoo.CONTROL_POINT or isinstance(response, Nonsense):
            return None
        if response.op == Op.SPIN_DOWN_RESULT:
            step = SpinDownStep.DONE if response.success else SpinDownStep.FAILED
            took_ms = int.from_bytes(response.parameter[:2], "little") or None
            return SpinDownNews(step, spin_down_ms=took_ms)
        return Answer(response.op, Outcome.DONE if response.success else Outcome.FAILED)


FLAT = GradeTarget(grade_pct=0.0)


def _road(target: GradeTarget, before: Target | None) -> list[bytes]:
    """Simulation is switched on once; from then on grade and wind are enough."""
    orders = [_simulation(target), wahoo.grade(target.grade_pct), wahoo.wind(target.wind_mps)]
    if not isinstance(before, GradeTarget):
        return orders
    if (before.crr, before.cw_kg_m) != (target.crr, target.cw_kg_m):
        return orders
    return orders[1:] if before.wind_mps != target.wind_mps else orders[1:2]


def _simulation(road: GradeTarget) -> bytes:
    return wahoo.simulation(RIDER_AND_BIKE_KG, road.crr, road.cw_kg_m)


def _procedure(purpose: Purpose, data: bytes, target: Target | None = None) -> Procedure:
    return Procedure(purpose, wahoo.CONTROL_POINT, data, data[0], target, silence_ms=SILENCE_MS)
