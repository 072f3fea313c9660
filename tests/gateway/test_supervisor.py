"""The supervisor, its sensors and the trainers' steering on the in-process air, with faults."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from air_room import Room, address, room, strap, trainer, until
from clock import run

from firmware_sim.devices.cadence_pod import CadencePod
from firmware_sim.devices.cross_trainer import CrossTrainer
from firmware_sim.devices.gatt import Characteristic, Emission, Property, Service
from firmware_sim.devices.rower import Rower
from firmware_sim.devices.sensor import Identity as SimIdentity
from firmware_sim.devices.smart_trainer import Erg, SmartTrainer
from firmware_sim.devices.treadmill import Treadmill
from gateway import supervisor as supervisor_module
from gateway.identity import Identity
from gateway.machine import Machine
from gateway.radio_bleak import BleakRadio, open_radio
from gateway.radios import FixedRadios
from gateway.steering import SteeringDesk
from gateway.supervisor import ConnectPolicy, Supervisor
from hub.wire.uplink import (
    AdapterState,
    AssignedSensor,
    LinkStatus,
    Plan,
    SensorKind,
    SensorState,
    TrainerState,
    TrainerStatus,
)
from hub.wire.values import FreeTarget, PlanStep, PowerTarget, Reading

IDENTITY = Identity(b"k" * 32)
STRAP = IDENTITY.sensor_id(address(1))
TRAINER = IDENTITY.sensor_id(address(2))


class Desk:
    """News of a supervisor, kept, with the steering that an app puts beside it."""

    def __init__(self, there: Room) -> None:
        self.sensors: dict[str, SensorState] = {}
        self.history: list[SensorState] = []
        self.readings: list[Reading] = []
        self.told: list[list[tuple[str, bool, str]]] = []
        self.gone: list[str] = []
        self.trainers: list[TrainerState] = []
        self.steering = SteeringDesk(there.clock, there.clock.now_ms, self.trainers.append)

    def reading(self, reading: Reading, rx_us: int) -> None:
        self.readings.append(reading)
        self.steering.measured(reading)

    def sensor(self, state: SensorState) -> None:
        self.sensors[state.sensor_id] = state
        self.history.append(state)

    def adapters(self, states: tuple[AdapterState, ...]) -> None:
        said = [(state.name, state.powered, state.problem) for state in states]
        if not self.told or self.told[-1] != said:
            self.told.append(said)

    def forgotten(self, sensor_id: str) -> None:
        self.gone.append(sensor_id)

    def machine_up(self, machine: Machine) -> None:
        self.steering.up(machine)

    def machine_heard(self, sensor_id: str, char: str, data: bytes, at_ms: int) -> None:
        self.steering.heard(sensor_id, char, data, at_ms)

    def machine_down(self, sensor_id: str) -> None:
        self.steering.down(sensor_id)

    def link(self, sensor_id: str) -> LinkStatus:
        state = self.sensors.get(sensor_id)
        return LinkStatus.ABSENT if state is None else state.link

    def live(self, sensor_id: str = STRAP) -> bool:
        return self.link(sensor_id) is LinkStatus.LIVE

    def problems(self, sensor_id: str = STRAP) -> set[str]:
        return {s.problem for s in self.history if s.sensor_id == sensor_id and s.problem}


@contextlib.asynccontextmanager
async def supervised(
    there: Room, policy: ConnectPolicy = ConnectPolicy.ALL, slots: int = 10
) -> AsyncIterator[tuple[Supervisor, Desk]]:
    desk = Desk(there)
    radio: BleakRadio = open_radio(there.spec)
    supervisor = Supervisor(
        FixedRadios([radio]),
        IDENTITY,
        there.clock,
        desk,
        random.Random(1).random,
        policy=policy,
        slots={"": slots},
    )
    running = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, desk
    finally:
        await desk.steering.stop(0.5)
        await supervisor.stop()
        await running


Case = Callable[[Room, Supervisor, Desk], Awaitable[None]]


def with_supervisor(case: Case, policy: ConnectPolicy = ConnectPolicy.ALL, slots: int = 10) -> None:
    async def main() -> None:
        async with room() as there:
            await there.add(strap(), 1)
            await there.add(trainer(), 2)
            async with supervised(there, policy, slots) as (supervisor, desk):
                await case(there, supervisor, desk)

    run(main())


def test_every_sensor_heard_becomes_live_and_says_who_it_is() -> None:
    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: desk.live(STRAP) and desk.live(TRAINER))
        belt = desk.sensors[STRAP]
        assert (belt.name, belt.manufacturer, belt.model, belt.firmware) == (
            "Strap 1",
            "Derny",
            "Belt",
            "1.2.3",
        )
        assert belt.kinds == (SensorKind.HEART_RATE,) and belt.battery_pct == 90
        assert belt.serial_tag == IDENTITY.serial_tag("HR-0001", "Belt") != ""
        assert belt.simulated and belt.problem == ""
        kinds = desk.sensors[TRAINER].kinds
        assert kinds == (SensorKind.POWER, SensorKind.CADENCE, SensorKind.TRAINER)
        assert desk.told == [[("air", True, "")]]
        await until(lambda: {r.char for r in desk.readings} >= {"2a37", "2ad2", "2a63"})
        beat = next(r for r in desk.readings if r.sensor_id == STRAP)
        assert beat.m.heart_rate_bpm == 140 and beat.lease == 0
        assert abs(there.clock.now_ms() - desk.readings[-1].at_ms) < 1_000
        assert address(1) not in repr(desk.history) + repr(desk.readings)

    with_supervisor(case)


@pytest.mark.parametrize(
    ("kind", "for_s", "problem"),
    [("disconnect", 10.0, "dropped"), ("walk_away", 25.0, "dropped"), ("mute", 15.0, "silent")],
)
def test_after_a_fault_the_strap_is_live_again(
    kind: str, for_s: float, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: desk.live() and bool(desk.readings))
        there.break_("Strap 1", kind, for_s)
        await until(lambda: problem in desk.problems())
        before = len([r for r in desk.readings if r.sensor_id == STRAP])
        await until(lambda: desk.live())
        await until(lambda: len([r for r in desk.readings if r.sensor_id == STRAP]) > before)
        if kind == "mute":
            assert LinkStatus.SILENT in {s.link for s in desk.history if s.sensor_id == STRAP}
        # The fault of one sensor is no other's business.
        assert desk.live(TRAINER) and not desk.problems(TRAINER)

    with_supervisor(case)
    logged = capsys.readouterr().out
    assert STRAP in logged and address(1) not in logged and "140" not in logged


def test_corrupt_frames_are_counted_and_never_end_a_link() -> None:
    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: desk.live())
        there.break_("Strap 1", "corrupt", 1_000.0, 1.0)
        await until(lambda: supervisor.sensors[STRAP].state().nonsense_count >= 1)
        assert desk.live() and not desk.problems()

    with_supervisor(case)


def test_lost_messages_are_no_loss_of_the_link() -> None:
    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: desk.live(TRAINER))
        there.break_("Trainer 1", "drop", 1_000.0, 0.5)
        seen = len(desk.readings)
        await until(lambda: len(desk.readings) > seen + 20)
        assert not desk.problems(TRAINER)

    with_supervisor(case)


def test_only_assigned_sensors_are_connected_under_that_policy() -> None:
    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: len(desk.sensors) == 2)
        supervisor.assign({STRAP: 7})
        await until(lambda: desk.live())
        assert desk.link(TRAINER) is LinkStatus.SEEN
        await until(lambda: any(r.lease == 7 for r in desk.readings))
        supervisor.assign({})
        await until(lambda: desk.link(STRAP) is LinkStatus.SEEN)

    with_supervisor(case, ConnectPolicy.ASSIGNED)


def test_without_a_free_slot_a_sensor_waits_and_says_why() -> None:
    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: any(s.problem == "no_free_slot" for s in desk.history))
        (waiting,) = {s.sensor_id for s in desk.history if s.problem == "no_free_slot"}
        held = STRAP if waiting == TRAINER else TRAINER
        await until(lambda: desk.live(held))
        # The one that holds the slot leaves: it is the other's.
        there.break_(desk.sensors[held].name, "disconnect", 1_000.0)
        await until(lambda: desk.live(waiting))

    with_supervisor(case, slots=1)


def test_a_sensor_away_for_long_is_forgotten_and_met_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor_module, "FORGET_MS", 4_000)

    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: desk.live())
        there.break_("Strap 1", "disconnect", 15.0)
        await until(lambda: desk.gone == [STRAP])
        assert STRAP not in supervisor.sensors
        desk.sensors.clear()
        await until(lambda: desk.live())

    with_supervisor(case)


def test_at_the_bound_the_sensor_absent_for_longest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor_module, "SENSORS_MAX", 2)

    async def case(there: Room, supervisor: Supervisor, desk: Desk) -> None:
        await until(lambda: desk.live(STRAP) and desk.live(TRAINER))
        await there.add(strap("Strap 2"), 3)
        third = IDENTITY.sensor_id(address(3))
        there.break_("Strap 1", "disconnect", 1_000.0)
        await until(lambda: desk.live(third))
        assert desk.gone == [STRAP] and desk.live(TRAINER)

    with_supervisor(case)


def test_a_sensor_left_connected_by_a_crash_is_adopted() -> None:
    async def main() -> None:
        async with room() as there:
            await there.add(strap(), 1)
            radio = open_radio(there.spec)
            heard: dict[str, object] = {}
            await radio.start_scan(lambda a: heard.update({a.address: a}))
            await until(lambda: bool(heard))
            left = radio.connection(address(1), lambda: None)
            await left.open(5.0)
            desk = Desk(there)
            supervisor = Supervisor(
                FixedRadios([radio]), IDENTITY, there.clock, desk, random.Random(1).random
            )
            running = asyncio.create_task(supervisor.run())
            # Connected, it does not advertise: only the adapter can tell of it.
            await until(lambda: STRAP in desk.sensors)
            await left.close()
            await until(lambda: desk.live())
            await supervisor.stop()
            await running

    run(main())


def test_an_adapter_that_comes_later_is_waited_for() -> None:
    async def main() -> None:
        async with room() as there:
            await there.add(strap(), 1)
            desk = Desk(there)
            real, spec = open_radio(there.spec), there.spec

            class Unplugged(BleakRadio):
                """The air's radio behind a dongle that is plugged in at the third try."""

                tries = 0

                async def start_scan(
                    self, on_advertisement: Callable[..., None], *, everything: bool = False
                ) -> None:
                    self.tries += 1
                    radio = real if self.tries >= 3 else open_radio(spec + ".gone")
                    await radio.start_scan(on_advertisement)

            radio = Unplugged(real._backends, name="air", adapter="", simulated=True)
            radio._devices = real._devices
            supervisor = Supervisor(
                FixedRadios([radio]), IDENTITY, there.clock, desk, random.Random(1).random
            )
            running = asyncio.create_task(supervisor.run())
            await until(lambda: desk.live())
            assert desk.told == [[("air", False, "no_adapter")], [("air", True, "")]]
            await supervisor.stop()
            await real.close()
            await running

    run(main())


# Steering


def plan(
    there: Room, power_w: int, rev: int = 1, *, cap_w: int = 1_000, for_ms: int = 600_000
) -> Plan:
    now_ms = there.clock.now_ms()
    steps = (PlanStep(now_ms, PowerTarget(power_w)),)
    return Plan(TRAINER, 1, rev, now_ms + for_ms, cap_w, steps)


async def held(desk: Desk) -> None:
    """The trainer is live, and the hub has given it to this gateway."""
    await until(lambda: desk.live(TRAINER))
    desk.steering.assign((AssignedSensor(TRAINER, 1, "ada"),))


async def with_brake(there: Room) -> SmartTrainer:
    device = trainer()
    await there.add(device, 2)
    return device


def steered(case: Callable[[Room, Desk, SmartTrainer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with room() as there:
            device = await with_brake(there)
            async with supervised(there) as (_, desk):
                await held(desk)
                await case(there, desk, device)

    run(main())


def test_a_plan_reaches_the_brake_and_its_end_lets_go() -> None:
    async def case(there: Room, desk: Desk, device: SmartTrainer) -> None:
        desk.steering.take(plan(there, 120, for_ms=5_000))
        await until(lambda: device.brake.held == Erg(120))
        await until(lambda: desk.trainers[-1].target == PowerTarget(120))
        told = desk.trainers[-1]
        assert (told.status, told.plan_rev) == (TrainerStatus.FOLLOWING, 1)
        assert (told.power_min_w, told.power_max_w) == (0, 2000)
        await until(lambda: device.brake.held is None)
        await until(lambda: desk.trainers[-1].status is TrainerStatus.FREE)
        assert desk.trainers[-1].reason == "plan_ended"
        assert desk.trainers[-1].target == FreeTarget()

    steered(case)


def test_steps_are_carried_out_in_order_and_never_early() -> None:
    async def case(there: Room, desk: Desk, device: SmartTrainer) -> None:
        desk.steering.take(plan(there, 120))
        await until(lambda: device.brake.held == Erg(120))
        begin_ms = there.clock.now_ms()
        steps = tuple(
            PlanStep(begin_ms + at_ms, PowerTarget(power_w))
            for at_ms, power_w in ((0, 120), (1_000, 110), (2_000, 100))
        )
        changed: dict[int, int] = {}
        set_power = device._set_power

        def watched(parameter: bytes) -> object:
            changed.setdefault(int.from_bytes(parameter, "little"), there.clock.now_ms())
            return set_power(parameter)

        device._set_power = watched
        desk.steering.take(Plan(TRAINER, 1, 2, begin_ms + 60_000, 1_000, steps))
        await until(lambda: 100 in changed)
        assert list(changed) == [110, 100]
        assert changed[110] >= begin_ms + 1_000 and changed[100] >= begin_ms + 2_000

    steered(case)


def test_the_cap_holds_whatever_the_plan_says() -> None:
    async def case(there: Room, desk: Desk, device: SmartTrainer) -> None:
        desk.steering.take(plan(there, 150, cap_w=90))
        await until(lambda: device.brake.held == Erg(90))
        await until(lambda: desk.trainers[-1].reason == "cap")
        assert desk.trainers[-1].status is TrainerStatus.HOLDING_BACK

    steered(case)


def test_a_trainer_that_comes_back_is_steered_on() -> None:
    async def case(there: Room, desk: Desk, device: SmartTrainer) -> None:
        desk.steering.take(plan(there, 120))
        await until(lambda: device.brake.held == Erg(120))
        there.break_("Trainer 1", "disconnect", 10.0)
        await until(lambda: desk.trainers[-1].status is TrainerStatus.LOST)
        assert device.brake.held is None
        await until(lambda: device.brake.held == Erg(120))

    steered(case)


def test_stop_of_the_gateway_releases_the_brake() -> None:
    async def case(there: Room, desk: Desk, device: SmartTrainer) -> None:
        desk.steering.take(plan(there, 120))
        await until(lambda: device.brake.held == Erg(120))
        await desk.steering.stop(2.0)
        assert device.brake.held is None
        assert desk.trainers[-1].reason == "gateway_stopping"

    steered(case)


def test_a_trainer_given_to_another_gateway_is_let_go() -> None:
    async def case(there: Room, desk: Desk, device: SmartTrainer) -> None:
        desk.steering.take(plan(there, 120))
        await until(lambda: device.brake.held == Erg(120))
        desk.steering.assign(())
        await until(lambda: device.brake.held is None)
        assert desk.trainers[-1].reason == "not_assigned"

    steered(case)


def test_another_app_takes_control_and_retry_takes_it_back() -> None:
    async def case(there: Room, desk: Desk, device: SmartTrainer) -> None:
        desk.steering.take(plan(there, 120))
        await until(lambda: device.brake.held == Erg(120))
        peripheral, _ = there._there["Trainer 1"]
        peripheral.send(device.seize(there.clock.now_ms() + 8_000))
        await until(lambda: desk.trainers[-1].status is TrainerStatus.ELSEWHERE)
        taken_until_ms = device._taken_until_ms
        await until(lambda: there.clock.now_ms() > taken_until_ms)
        assert device.brake.held is None
        assert desk.steering.retry(TRAINER) and not desk.steering.retry(STRAP)
        await until(lambda: device.brake.held == Erg(120))

    steered(case)


def test_a_pods_cadence_guards_a_trainer_that_has_none() -> None:
    async def main() -> None:
        async with room() as there:
            device = await with_brake(there)
            await there.add(CadencePod(SimIdentity("Pod 1", serial="P-1")), 3)
            pod = IDENTITY.sensor_id(address(3))
            # A machine that never sends cadence: the field is cut from what the gateway decodes.
            async with supervised(there) as (_, desk):
                await until(lambda: desk.live(TRAINER) and desk.live(pod))
                desk.steering.assign(
                    (AssignedSensor(TRAINER, 1, "ada"), AssignedSensor(pod, 1, "ada"))
                )
                forward = desk.steering.measured

                def without_cadence(reading: Reading) -> None:
                    if reading.sensor_id != TRAINER:
                        forward(reading)

                desk.steering.measured = without_cadence
                desk.steering.take(plan(there, 120))
                await until(lambda: device.brake.held == Erg(120))
                there.body = type(there.body)(power_w=100.0, cadence_rpm=40.0)
                await until(lambda: desk.trainers[-1].reason == "low_cadence")
                await until(
                    lambda: isinstance(device.brake.held, Erg) and device.brake.held.power_w < 120
                )

    run(main())


class SteerableTreadmill(Treadmill):
    """One that would do as it is told."""

    own_services = (
        Service(
            Treadmill.own_services[0].uuid,
            (
                *Treadmill.own_services[0].characteristics,
                Characteristic(0x2AD9, Property.WRITE | Property.INDICATE),
            ),
        ),
    )

    def __init__(self, identity: SimIdentity) -> None:
        super().__init__(identity)
        self.written: list[bytes] = []

    def write(self, uuid: int, value: bytes, now_ms: int) -> list[Emission]:
        self.written.append(value)
        return []


def test_machines_that_are_no_bikes_are_heard_and_never_steered() -> None:
    belt = SteerableTreadmill(SimIdentity("Belt 1"))
    belt_id, rower_id, steps_id = (IDENTITY.sensor_id(address(number)) for number in (5, 6, 7))

    async def main() -> None:
        async with room() as there:
            await there.add(belt, 5)
            await there.add(Rower(SimIdentity("Rower 1")), 6)
            await there.add(CrossTrainer(SimIdentity("Steps 1")), 7)
            async with supervised(there) as (_supervisor, desk):
                await until(lambda: all(desk.live(each) for each in (belt_id, rower_id, steps_id)))
                assert desk.sensors[belt_id].kinds == (SensorKind.TREADMILL,)
                assert desk.sensors[rower_id].kinds == (SensorKind.ROWER,)
                assert desk.sensors[steps_id].kinds == (SensorKind.CROSS_TRAINER,)
                now_ms = there.clock.now_ms()
                steps = (PlanStep(now_ms, PowerTarget(200)),)
                desk.steering.assign((AssignedSensor(belt_id, 1, "ada"),))
                desk.steering.take(Plan(belt_id, 1, 1, now_ms + 600_000, 300, steps))
                heard = len(desk.readings)
                await until(lambda: len(desk.readings) > heard + 30)
                said = {each: [r.m for r in desk.readings if r.sensor_id == each]
                        for each in (belt_id, rower_id, steps_id)}  # fmt: skip
                assert said[belt_id][-1].speed_kmh and said[belt_id][-1].incline_pct == 1.0
                assert {m.stroke_rate_spm for m in said[rower_id]} == {None, 90.0}
                assert any(m.pace_s_per_500m for m in said[rower_id])
                assert {m.step_rate_spm for m in said[steps_id]} == {None, 90}
                assert any(m.speed_kmh for m in said[steps_id])
                assert belt.written == []

    run(main())
