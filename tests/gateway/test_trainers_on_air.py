"""Each protocol over the air: makers' UUIDs, subscriptions before writes, the brake itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from air_room import Room, address, room, until
from clock import run
from trainer_room import MACHINES, machine_of

from firmware_sim.devices.brake import Erg, Level, Slope
from firmware_sim.devices.braked import Braked
from gateway.identity import Identity
from gateway.machine import Machine
from gateway.radio_bleak import open_radio
from gateway.radios import FixedRadios
from gateway.steering import SteeringDesk
from gateway.supervisor import ConnectPolicy, Supervisor
from hub.wire.uplink import (
    AdapterState,
    AssignedSensor,
    Plan,
    SensorKind,
    SensorState,
    SpinDownPhase,
    TrainerState,
    TrainerStatus,
)
from hub.wire.values import GradeTarget, PlanStep, PowerTarget, Reading, ResistanceTarget, Target

IDENTITY = Identity(b"k" * 32)
TRAINER = IDENTITY.sensor_id(address(2))
ALL = pytest.mark.parametrize("protocol", MACHINES)


class Desk:
    """The gateway's app, as far as a trainer needs it."""

    def __init__(self, there: Room) -> None:
        self._clock = there.clock
        self.told: list[TrainerState] = []
        self.chars: set[str] = set()
        self.kinds: tuple[SensorKind, ...] = ()
        self.steering = SteeringDesk(there.clock, there.clock.now_ms, self.told.append)

    def reading(self, reading: Reading, rx_us: int) -> None:
        self.chars.add(reading.char)
        self.steering.measured(reading)

    def sensor(self, state: SensorState) -> None:
        self.kinds = state.kinds

    def adapters(self, states: tuple[AdapterState, ...]) -> None: ...

    def forgotten(self, sensor_id: str) -> None: ...

    def machine_up(self, machine: Machine) -> None:
        self.steering.up(machine)

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        self.steering.heard(sensor_id, char, data, at_ms)

    def machine_down(self, sensor_id: str) -> None:
        self.steering.down(sensor_id)

    def ask(self, rev: int, target: Target) -> None:
        now_ms = self._clock.now_ms()
        plan = Plan(TRAINER, 1, rev, now_ms + 600_000, 400, (PlanStep(now_ms, target),))
        self.steering.take(plan)

    def assign(self, *, read_only: bool = False) -> None:
        self.steering.assign((AssignedSensor(TRAINER, 1, "ada", read_only),))


def on_air(machine: Braked, case: Callable[[Room, Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        async with room() as there:
            await there.add(machine, 2)
            desk = Desk(there)
            supervisor = Supervisor(
                FixedRadios([open_radio(there.spec)]),
                IDENTITY,
                there.clock,
                desk,
                random.Random(1).random,
                policy=ConnectPolicy.ALL,
                slots={"": 10},
            )
            running = asyncio.create_task(supervisor.run())
            desk.assign()
            try:
                await case(there, desk)
            finally:
                await desk.steering.stop(1.0)
                await supervisor.stop()
                running.cancel()
                await asyncio.wait({running})

    run(main())


@ALL
def test_every_kind_of_target_reaches_the_brake_over_the_air(protocol: str) -> None:
    machine = machine_of(protocol)

    async def case(there: Room, desk: Desk) -> None:
        desk.ask(1, PowerTarget(120))
        await until(lambda: machine.brake.held == Erg(120))
        desk.ask(2, GradeTarget(grade_pct=3.0))
        await until(lambda: machine.brake.held == Slope(3.0))
        desk.ask(3, ResistanceTarget(30))
        await until(lambda: machine.brake.held == Level(300))
        await until(lambda: desk.told[-1].status is TrainerStatus.FOLLOWING)
        assert SensorKind.TRAINER in desk.kinds
        assert {"ftms": "2ad2", "tacx_fec": "fec2", "wahoo": "2a63"}[protocol] in desk.chars
        assert desk.steering.release(TRAINER)
        await until(lambda: machine.brake.held in (None, Slope(0.0)))

    on_air(machine, case)


@ALL
def test_a_spin_down_over_the_air(protocol: str) -> None:
    machine = machine_of(protocol)

    async def case(there: Room, desk: Desk) -> None:
        await until(lambda: bool(desk.told))
        assert desk.steering.calibrate(TRAINER) == ""
        there.body = type(there.body)(power_w=450.0, cadence_rpm=95.0)

        def phase() -> SpinDownPhase | None:
            run = desk.told[-1].spin_down
            return None if run is None else run.phase

        await until(lambda: machine.brake.rider_rests)
        there.body = type(there.body)(power_w=0.0, cadence_rpm=0.0)
        await until(lambda: phase() is SpinDownPhase.DONE)
        run = desk.told[-1].spin_down
        speeds = {told.spin_down.speed_high_kmh for told in desk.told if told.spin_down}
        assert (35.0 in speeds) == (protocol != "wahoo")
        assert run is not None and run.spin_down_ms is not None and run.spin_down_ms > 5_000
        assert desk.steering.identify(TRAINER) == ("" if protocol == "ftms" else "cannot_identify")

    on_air(machine, case)


@ALL
def test_one_that_is_only_listened_to_is_never_written(protocol: str) -> None:
    machine = machine_of(protocol)
    written: list[bytes] = []
    write = machine.write

    def noted(uuid: int, value: bytes, now_ms: int) -> list[object]:
        written.append(value)
        return write(uuid, value, now_ms)  # type: ignore[return-value]

    machine.write = noted  # type: ignore[method-assign, assignment]

    async def case(there: Room, desk: Desk) -> None:
        desk.assign(read_only=True)
        desk.ask(1, PowerTarget(120))
        await until(lambda: bool(desk.told) and desk.told[-1].reason == "read_only")
        assert desk.steering.calibrate(TRAINER) == "read_only"
        assert desk.steering.identify(TRAINER) == "read_only"
        await asyncio.sleep(60)
        assert written == [] and desk.chars

    on_air(machine, case)
