"""Holds riders' heart rates: their sensors' words go into hub.core.heart_control each second.

A flight is one rider's way through one session. Through steps that ask for something else it only
learns. It is in memory alone: a hub that starts anew begins from what the rider rides, and waits
for UNMEASURED_MS to hear what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from hub.core import heart_control
from hub.core.heart_control import Command, HeartControl
from hub.core.heart_model import Gain, kept_gain, usual_gain
from hub.core.target import UNITS, Aim, Dimension
from hub.core.workout import Workout
from hub.live.gauges import Gauges
from hub.live.inputs import Rider
from hub.live.session_state import Session
from hub.live.steering import heart_limits, heart_range
from hub.wire.values import Metric

UNMEASURED_MS = 5_000


class Flight(msgspec.Struct, frozen=True):
    """`command` None: the step under way is not held by heart rate."""

    session: str
    control: HeartControl
    command: Command | None = None


class Pilot:
    """`kept`: each athlete's gain as earlier rides taught it."""

    def __init__(self, gauges: Callable[[str], Gauges | None]) -> None:
        self._gauges = gauges
        self._flights: dict[str, Flight] = {}
        self._asks: dict[str, bool] = {}  # whether a session's workout asks for heart rates
        self._waits_ms: dict[str, int] = {}  # who is to be measured before a flight begins
        self._learned: dict[str, Gain] = {}
        self.kept: dict[str, Gain] = {}

    def watts(self, session: Session, rider: Rider, now: int, *, steers: bool) -> int | None:
        """What holds the rider's heart rate at `now`; None: nothing is asked by heart rate.

        `session` settled by `at(now)`. `steers`: the rider has a trainer that takes targets.
        """
        gauges = self._gauges(rider.athlete)
        flight = None if gauges is None else self._flight(session, rider, gauges, now)
        if gauges is None or flight is None:
            return None
        heart, power_w = gauges.fusion.value(Metric.HEART_RATE_BPM, now), gauges.legs(now)[0]
        limits = heart_limits(rider) if steers else None
        target = None if limits is None else heart_range(session, rider, now)
        if limits is None or target is None:
            control = heart_control.observed(flight.control, now, heart, power_w)
            self._note(rider.athlete, gauges, replace(flight, control=control, command=None))
            return None
        control, command = heart_control.advance(
            flight.control, now, heart, power_w, target, limits
        )
        self._note(rider.athlete, gauges, replace(flight, control=control, command=command))
        return command.power_w

    def land(self, riding: Mapping[str, str]) -> None:
        """`riding`: the session of each athlete who is in one. The others' flights are over."""
        self._asks = {name: asks for name, asks in self._asks.items() if name in riding.values()}
        self._waits_ms = {name: at for name, at in self._waits_ms.items() if name in riding}
        for athlete in [name for name in self._flights if name not in riding]:
            flight = self._flights.pop(athlete)
            self._learn(athlete, flight)
            gauges = self._gauges(athlete)
            if gauges is not None:
                gauges.held_by_heart(None)

    def learned(self) -> dict[str, Gain]:
        """What held steps have taught since this was asked last, by athlete."""
        learned, self._learned = self._learned, {}
        return learned

    def _flight(self, session: Session, rider: Rider, gauges: Gauges, now: int) -> Flight | None:
        flight = self._flights.get(rider.athlete)
        if flight is not None and flight.session == session.session:
            return flight
        usual = usual_gain(rider.thresholds)
        if usual is None or not self._asks_for_heart_rate(session):
            return None
        kept = self.kept.get(rider.athlete)
        gain = usual if kept is None else kept_gain(kept)
        heart, power_w = gauges.fusion.value(Metric.HEART_RATE_BPM, now), gauges.legs(now)[0]
        waits_ms = now - self._waits_ms.setdefault(rider.athlete, now)
        if (power_w is None or heart.value is None) and waits_ms < UNMEASURED_MS:
            return None
        del self._waits_ms[rider.athlete]
        return Flight(session.session, heart_control.begun(now, gain, heart, power_w))

    def _asks_for_heart_rate(self, session: Session) -> bool:
        asks = self._asks.get(session.session)
        if asks is None:
            asks = self._asks[session.session] = asks_for_heart_rate(session.workout)
        return asks

    def _note(self, athlete: str, gauges: Gauges, flight: Flight) -> None:
        before = self._flights.get(athlete)
        self._flights[athlete] = flight
        gauges.held_by_heart(flight.command)
        if before is not None and flight.command is None:
            self._learn(athlete, before)

    def _learn(self, athlete: str, flight: Flight) -> None:
        """At the end of a held step: there is more to learn in it than in any other."""
        if flight.command is not None:
            self.kept[athlete] = self._learned[athlete] = flight.control.model.learned


def asks_for_heart_rate(workout: Workout) -> bool:
    targets = (step.target for step in workout.steps)
    return any(
        isinstance(target, Aim) and UNITS[target.unit].dimension is Dimension.HEART_RATE_BPM
        for target in targets
    )
