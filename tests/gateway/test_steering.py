"""The shell around a trainer, on virtual time over a machine that is written here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from clock import LoopClock, run

from gateway.dialects.ftms import Ftms
from gateway.gatt.fitness_machine_control import Op
from gateway.link_events import Failure
from gateway.profiles import CONTROL_POINT, POWER_RANGE
from gateway.radio import RadioError
from gateway.steering import TRAINERS_MAX, SteeringDesk
from hub.wire.uplink import AssignedSensor, Plan, TrainerState, TrainerStatus
from hub.wire.values import FreeTarget, Measurement, PlanStep, PowerTarget, Reading

TRAINER = "trainer"
UP_TO_300_W = bytes.fromhex("0000 2c01 0100")


class PaperMachine:
    """Answers every procedure with success, unless a write is made to hang."""

    def __init__(
        self,
        desk: SteeringDesk,
        facts: Mapping[str, bytes] | None = None,
        *,
        adopted: bool = False,
    ) -> None:
        self.sensor_id = TRAINER
        self.adopted = adopted
        self.facts = facts or {}
        self.dialect = Ftms()
        self.can_identify = False
        self.written: list[bytes] = []
        self.alerts = 0
        self.hang: asyncio.Future[None] | None = None
        self._desk = desk

    async def write(self, char: str, data: bytes) -> None:
        assert char == CONTROL_POINT
        self.written.append(data)
        hang, self.hang = self.hang, None
        if hang is not None:
            await hang
        self.indicate(data[0])

    async def identify(self) -> None:
        self.alerts += 1

    def indicate(self, op: int) -> None:
        now_ms = LoopClock().now_ms()
        self._desk.heard(TRAINER, CONTROL_POINT, bytes([0x80, op, 1]), now_ms)

    @property
    def ops(self) -> list[int]:
        return [data[0] for data in self.written]

    @property
    def asked_w(self) -> int:
        """The target last written."""
        powers = [data for data in self.written if data[0] == Op.SET_TARGET_POWER]
        return int.from_bytes(powers[-1][1:], "little", signed=True)


Case = Callable[[SteeringDesk, list[TrainerState]], Awaitable[None]]


def at_a_desk(case: Case) -> None:
    async def main() -> None:
        told: list[TrainerState] = []
        desk = SteeringDesk(LoopClock(), LoopClock().now_ms, told.append)
        await case(desk, told)
        await desk.stop(1.0)

    run(main())


def plan(power_w: int, rev: int, trainer: str = TRAINER) -> Plan:
    now_ms = LoopClock().now_ms()
    steps = (PlanStep(now_ms, PowerTarget(power_w)),)
    return Plan(trainer, 1, rev, now_ms + 600_000, 1_000, steps)


async def ride_for(desk: SteeringDesk, seconds: int) -> None:
    for _ in range(seconds):
        reading = Measurement(power_w=150, cadence_rpm=90.0)
        desk.measured(Reading(TRAINER, LoopClock().now_ms(), "2ad2", reading))
        await asyncio.sleep(1)


def test_a_plan_that_comes_while_the_gateway_stops_does_not_take_the_brake_again() -> None:
    async def case(desk: SteeringDesk, told: list[TrainerState]) -> None:
        machine = PaperMachine(desk)
        desk.up(machine)
        desk.take(plan(150, 1))
        await ride_for(desk, 20)
        assert told[-1].status is TrainerStatus.FOLLOWING
        await desk.stop(1.0)
        assert machine.ops[-1] == Op.RESET and told[-1].target == FreeTarget()
        desk.take(plan(200, 2))
        await ride_for(desk, 5)
        assert machine.ops[-1] == Op.RESET and told[-1].target == FreeTarget()

    at_a_desk(case)


def test_a_write_that_fails_after_its_time_says_nothing_of_the_next() -> None:
    async def case(desk: SteeringDesk, told: list[TrainerState]) -> None:
        machine = PaperMachine(desk)
        first = machine.hang = asyncio.get_running_loop().create_future()
        desk.up(machine)
        desk.take(plan(150, 1))
        await asyncio.sleep(4.2)  # the first try has timed out
        second = machine.hang = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.5)
        assert machine.ops == [Op.REQUEST_CONTROL] * 2
        first.set_exception(RadioError(Failure.TRANSIENT, "timeout", "Test"))
        await asyncio.sleep(0.1)
        second.set_result(None)
        await asyncio.sleep(0.1)
        assert machine.ops[2] == Op.START_OR_RESUME, "the second try has its own answer"

    at_a_desk(case)


def test_a_power_range_read_only_after_a_reconnect_is_kept_to() -> None:
    async def case(desk: SteeringDesk, told: list[TrainerState]) -> None:
        desk.up(PaperMachine(desk))
        desk.down(TRAINER)
        machine = PaperMachine(desk, {POWER_RANGE: UP_TO_300_W})
        desk.up(machine)
        desk.take(plan(400, 1))
        await ride_for(desk, 30)
        assert machine.asked_w == 300
        assert (told[-1].power_min_w, told[-1].power_max_w) == (0, 300)

    at_a_desk(case)


def test_what_a_gateway_that_died_left_on_the_brake_is_let_go_of_once() -> None:
    async def case(desk: SteeringDesk, told: list[TrainerState]) -> None:
        machine = PaperMachine(desk, adopted=True)
        desk.up(machine)
        await asyncio.sleep(5)
        assert machine.ops == [], "nobody has said yet that it is ours to steer"
        desk.assign((AssignedSensor(TRAINER, 1, "ann"),))
        desk.assign((AssignedSensor(TRAINER, 1, "ann"),))
        await asyncio.sleep(5)
        assert machine.ops == [Op.REQUEST_CONTROL, Op.RESET]
        assert told[-1].target == FreeTarget()

    at_a_desk(case)


def test_one_that_is_only_listened_to_is_left_as_the_dead_gateway_left_it() -> None:
    async def case(desk: SteeringDesk, told: list[TrainerState]) -> None:
        machine = PaperMachine(desk, adopted=True)
        desk.assign((AssignedSensor(TRAINER, 1, "ann", read_only=True),))
        desk.up(machine)
        await asyncio.sleep(5)
        assert machine.ops == []

    at_a_desk(case)


def test_a_plan_goes_on_where_the_gateway_that_died_left_it() -> None:
    async def case(desk: SteeringDesk, told: list[TrainerState]) -> None:
        machine = PaperMachine(desk, adopted=True)
        desk.assign((AssignedSensor(TRAINER, 1, "ann"),))
        desk.take(plan(150, 1))
        desk.up(machine)
        await ride_for(desk, 20)
        assert Op.RESET not in machine.ops and machine.asked_w == 150

    at_a_desk(case)


def test_trainers_that_never_came_make_room_for_those_that_do() -> None:
    async def case(desk: SteeringDesk, told: list[TrainerState]) -> None:
        for i in range(TRAINERS_MAX):
            desk.take(plan(150, 1, f"gone-{i}"))
        desk.assign((AssignedSensor(TRAINER, 1, "ada"),))
        desk.take(plan(150, 1))
        machine = PaperMachine(desk)
        desk.up(machine)
        await ride_for(desk, 2)
        assert machine.ops[0] == Op.REQUEST_CONTROL

    at_a_desk(case)
