"""Every trainer of this gateway, its plans and its commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.clock import Clock
from gateway.machine import Machine
from gateway.steered import COMPANION_CHARS, Steered
from hub.wire.uplink import AssignedSensor, Plan, TrainerState
from hub.wire.values import Reading

TRAINERS_MAX = 128  # more plans than that are refused

log = structlog.get_logger()


class SteeringDesk:
    def __init__(
        self,
        clock: Clock,
        hub_now_ms: Callable[[], int | None],
        tell: Callable[[TrainerState], None],
    ) -> None:
        self._clock = clock
        self._hub_now_ms = hub_now_ms
        self._tell = tell
        self._trainers: dict[str, Steered] = {}
        self._athletes: dict[str, str] = {}  # by sensor_id
        self._held: dict[str, AssignedSensor] = {}
        self._stopping = False

    def assign(self, sensors: tuple[AssignedSensor, ...]) -> None:
        """Whole: a trainer that is no longer assigned is released."""
        self._athletes = {held.sensor_id: held.athlete_id for held in sensors}
        self._held = {held.sensor_id: held for held in sensors}
        for sensor_id, trainer in self._trainers.items():
            held = self._held.get(sensor_id)
            if held is not None:
                trainer.hold(held.lease, read_only=held.read_only)
            else:
                trainer.drop("not_assigned")
        for sensor_id in [s for s, t in self._trainers.items() if s not in self._held]:
            if self._trainers[sensor_id].never_came:
                self.forget(sensor_id)

    def take(self, plan: Plan) -> None:
        """Follows the plan from now on, or says in the log why not; none once `stop` has begun."""
        if self._stopping:
            return
        if plan.trainer not in self._trainers and len(self._trainers) >= TRAINERS_MAX:
            log.warning("plan_refused", sensor=plan.trainer, code="too_many_trainers")
            return
        trainer = self._steered(plan.trainer)
        refused = trainer.take(plan)
        if refused is not None:
            log.warning(
                "plan_refused", sensor=plan.trainer, code=refused.code, reason=refused.reason
            )

    def retry(self, sensor_id: str) -> bool:
        """False: no such trainer."""
        trainer = self._trainers.get(sensor_id)
        if trainer is not None:
            trainer.retry()
        return trainer is not None

    def release(self, sensor_id: str) -> bool:
        """Lets go of the trainer until the hub's next plan. False: no such trainer."""
        trainer = self._trainers.get(sensor_id)
        if trainer is not None:
            trainer.drop("released")
        return trainer is not None

    def calibrate(self, sensor_id: str) -> str:
        """Begins a spin-down. "", or the code of why not."""
        trainer = self._trainers.get(sensor_id)
        return "unknown_sensor" if trainer is None else trainer.calibrate()

    def identify(self, sensor_id: str) -> str:
        """Makes the trainer show itself. "", or the code of why not."""
        trainer = self._trainers.get(sensor_id)
        return "unknown_sensor" if trainer is None else trainer.identify()

    async def stop(self, within_s: float) -> None:
        """Releases every trainer; what has not let go by then keeps its target until it is lost."""
        self._stopping = True
        if self._trainers:
            waits = [asyncio.ensure_future(t.release()) for t in self._trainers.values()]
            _, late = await asyncio.wait(waits, timeout=within_s)
            for wait in late:
                wait.cancel()
        for trainer in self._trainers.values():
            trainer.stop()

    # From the sensors

    def up(self, machine: Machine) -> None:
        self._steered(machine.sensor_id).up(machine)

    def down(self, sensor_id: str) -> None:
        trainer = self._trainers.get(sensor_id)
        if trainer is not None:
            trainer.down()

    def heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        trainer = self._trainers.get(sensor_id)
        if trainer is not None:
            trainer.heard(char, data, at_ms)

    def measured(self, reading: Reading) -> None:
        trainer = self._trainers.get(reading.sensor_id)
        if trainer is not None:
            trainer.measured(reading)
        elif reading.char in COMPANION_CHARS and reading.m.cadence_rpm is not None:
            athlete = self._athletes.get(reading.sensor_id)
            for sensor_id, other in self._trainers.items():
                if athlete is not None and self._athletes.get(sensor_id) == athlete:
                    other.measured(reading)

    def forget(self, sensor_id: str) -> None:
        trainer = self._trainers.pop(sensor_id, None)
        if trainer is not None:
            trainer.stop()

    def _steered(self, sensor_id: str) -> Steered:
        trainer = self._trainers.get(sensor_id)
        if trainer is None:
            trainer = Steered(sensor_id, self._clock, self._hub_now_ms, self._tell)
            self._trainers[sensor_id] = trainer
            held = self._held.get(sensor_id)
            if held is not None:
                trainer.hold(held.lease, read_only=held.read_only)
        return trainer
