"""bleak's own back-end against a BlueZ that misbehaves: each fault, and what the radio makes of it.

Faults are those of `firmware_sim.fake_bluez.faults`; what bluetoothd does as a process (killed,
frozen) and what a dongle does (pulled) stand below the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from contract.radio_cases import (
    STRAP,
    TRAINER,
    Ear,
    connected,
    nobody,
    refusal,
    scan_until,
    scanning,
    until,
)
from contract.radio_room import AT_ONCE, BlueZContractRoom, bluez_contract_room

from firmware_sim.fake_bluez import device
from firmware_sim.fake_bluez.adapter import AdapterPlan
from firmware_sim.fake_bluez.device import Timing
from firmware_sim.fake_bluez.faults import RULES, Kind
from gateway import radio_bleak
from gateway.gatt import fitness_machine_control as control
from gateway.link_events import Failure
from gateway.radio import Radio

pytestmark = pytest.mark.needs("dbus")

SOON_S = 0.4  # for what never ends by itself


@dataclass(frozen=True)
class Stage:
    radio: Radio
    room: BlueZContractRoom
    ear: Ear

    def plan(self, kind: Kind, times: int = 1) -> None:
        self.room.bluez.faults.plan(kind, times)

    @property
    def struck(self) -> bool:
        """Nothing planned is left over: it did go wrong."""
        return not self.room.bluez.faults.waiting()


@asynccontextmanager
async def stage(bus: str, timing: Timing = AT_ONCE, *plans: AdapterPlan) -> AsyncIterator[Stage]:
    """A radio that has heard both sensors."""
    async with bluez_contract_room(bus, timing, *plans) as (radio, room):
        yield Stage(radio, room, await scanning(radio, room))


def shorten(monkeypatch: pytest.MonkeyPatch, to_s: float) -> None:
    """The radio's own bounds; `undo` brings them back."""
    for bound in ("CALL_S", "CLOSE_S", "START_S"):
        monkeypatch.setattr(radio_bleak, bound, to_s)


# What is tried, on a strap that has been heard


async def scan(on: Stage) -> None:
    await on.radio.start_scan(on.ear)
    await on.ear.hears(on.room, STRAP)


async def connect(on: Stage, within_s: float = 30.0) -> None:
    connection = on.radio.connection(on.room.address(STRAP), nobody)
    try:
        await connection.open(within_s)
    finally:
        await connection.close()


async def connect_soon(on: Stage) -> None:
    await connect(on, SOON_S)


async def forgotten(on: Stage) -> None:
    await on.radio.stop_scan()
    await connect(on)


async def subscribe(on: Stage) -> None:
    connection = await connected(on.radio, on.room, STRAP)
    frames: list[bytes] = []
    try:
        await connection.subscribe("2a37", frames.append)
        await until(lambda: bool(frames))
    finally:
        await connection.close()


async def read(on: Stage) -> None:
    connection = await connected(on.radio, on.room, STRAP)
    try:
        assert await connection.read("2a29") == b"Derny"
    finally:
        await connection.close()


async def write(on: Stage) -> None:
    connection = await connected(on.radio, on.room, TRAINER)
    answers: list[bytes] = []
    try:
        await connection.subscribe("2ad9", answers.append)
        await connection.write("2ad9", control.request_control())
        await until(lambda: bool(answers))
    finally:
        await connection.close()


async def switch(on: Stage) -> None:
    await on.radio.power_cycle()
    await scan_until(on.radio, None)


Trial = Callable[[Stage], Awaitable[None]]
Outcome = tuple[Failure, str] | None  # None: it works all the same

BUSY = (Failure.TRANSIENT, "in_progress")
DOWN = (Failure.ADAPTER_DOWN, "no_bluetooth_service")
FULL = (Failure.OUT_OF_SLOTS, "no_free_slot")
GONE = (Failure.DEVICE_GONE, "gone")
LATE = (Failure.TRANSIENT, "timeout")
LOST = (Failure.TRANSIENT, "transient")
PROTOCOL = (Failure.PROTOCOL, "protocol")

TABLE: list[tuple[Kind, Trial, Outcome]] = [
    (Kind.SCAN_BUSY, scan, None),  # what runs is ended by force
    (Kind.SCAN_HANGS, scan, LATE),
    (Kind.SCAN_STOP_BUSY, scan, None),  # bleak starts and stops once more
    (Kind.SCAN_FORGETS, forgotten, GONE),
    (Kind.CONNECT_ABORTED, connect, None),  # bleak tries again
    (Kind.CONNECT_ABORTED_QUIETLY, connect_soon, LATE),  # bleak waits for a loss that never comes
    (Kind.CONNECT_HANGS, connect_soon, LATE),
    (Kind.CONNECT_BUSY, connect, BUSY),
    (Kind.CONNECT_REFUSED, connect, LOST),
    (Kind.CONNECT_FULL, connect, FULL),
    (Kind.CONNECT_NO_MEMORY, connect, FULL),
    (Kind.CONNECT_FORGOTTEN, connect, GONE),
    (Kind.SERVICES_LOST, connect, LOST),
    (Kind.SERVICES_NEVER, connect_soon, LATE),
    (Kind.NOTIFY_REFUSED, subscribe, (Failure.TRANSIENT, "notify_held")),
    (Kind.READ_BUSY, read, None),  # bleak reads again
    (Kind.READ_FAILS, read, PROTOCOL),
    (Kind.READ_HANGS, read, LATE),
    (Kind.WRITE_BUSY, write, None),
    (Kind.WRITE_FAILS, write, PROTOCOL),
    (Kind.WRITE_HANGS, write, LATE),
    (Kind.SWITCH_BUSY, switch, None),  # asked again
    (Kind.NO_REPLY, connect, LOST),
    (Kind.DENIED, connect, (Failure.ADAPTER_DOWN, "no_permission")),
]
# These do not fail a call; each has a test of its own below.
QUIET = {
    Kind.SCAN_DEAF,
    Kind.DISCONNECT_SLOW,
    Kind.DISCONNECT_HANGS,
    Kind.LOSS_UNTOLD,
    Kind.NOTIFY_DEAF,
}


def test_every_fault_is_tried() -> None:
    assert {kind for kind, *_ in TABLE} | QUIET == set(Kind) == set(RULES)


@pytest.mark.parametrize(("kind", "trial", "outcome"), TABLE, ids=[str(kind) for kind, *_ in TABLE])
def test_a_fault_has_its_class_and_passes(
    kind: Kind,
    trial: Trial,
    outcome: Outcome,
    system_bus: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            on.plan(kind)
            if RULES[kind].hangs:
                shorten(monkeypatch, SOON_S)
            if outcome is None:
                await trial(on)
            else:
                error = await refusal(trial(on))
                while outcome == LATE and not on.struck:  # a stalled machine was late elsewhere
                    error = await refusal(trial(on))
                assert (error.failure, error.problem) == outcome
            assert on.struck
            monkeypatch.undo()
            await scan(on)
            await read(on)

    asyncio.run(main())


# Faults that no call tells of


def test_a_deaf_scan_hears_again_when_it_is_started_anew(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            on.plan(Kind.SCAN_DEAF)
            deaf = Ear()
            await on.radio.start_scan(deaf)
            assert on.struck
            await asyncio.sleep(SOON_S)
            assert not deaf.heard
            await scan(on)

    asyncio.run(main())


def test_a_loss_that_is_not_told_is_told_by_a_read(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            gone: list[None] = []
            connection = await connected(on.radio, on.room, STRAP, lambda: gone.append(None))
            on.plan(Kind.LOSS_UNTOLD)
            await on.room.drop(STRAP)
            await until(lambda: on.struck)
            assert not gone
            assert (await refusal(connection.read("2a19"))).failure is Failure.TRANSIENT
            await connection.close()
            await on.ear.hears(on.room, STRAP)
            await read(on)

    asyncio.run(main())


def test_a_disconnect_that_hangs_is_given_up(
    system_bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            connection = await connected(on.radio, on.room, STRAP)
            frames: list[bytes] = []
            await connection.subscribe("2a37", frames.append)
            on.plan(Kind.DISCONNECT_HANGS)
            monkeypatch.setattr(radio_bleak, "CLOSE_S", SOON_S)
            assert not await connection.close()
            # BlueZ still holds it, so it is adopted.
            assert [orphan.address for orphan in await on.radio.orphans()] == [
                on.room.address(STRAP)
            ]
            frames.clear()
            await read(on)
            assert frames == []

    asyncio.run(main())


def test_a_slow_disconnect_is_waited_for(system_bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "DISCONNECT_SLOW_S", SOON_S)

    async def main() -> None:
        async with stage(system_bus) as on:
            connection = await connected(on.radio, on.room, STRAP)
            on.plan(Kind.DISCONNECT_SLOW)
            assert await connection.close()
            assert on.struck
            await on.ear.hears(on.room, STRAP)

    asyncio.run(main())


def test_notifications_that_never_come_leave_the_link_readable(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            connection = await connected(on.radio, on.room, STRAP)
            frames: list[bytes] = []
            on.plan(Kind.NOTIFY_DEAF)
            await connection.subscribe("2a37", frames.append)
            await asyncio.sleep(SOON_S)
            assert await connection.read("2a29") == b"Derny"
            assert frames == []
            await connection.close()
            await on.ear.hears(on.room, STRAP)
            await subscribe(on)

    asyncio.run(main())


# bluetoothd as a process, and the dongle


def test_a_bluetoothd_that_is_killed_calls_nobody_back_and_comes_back(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            gone: list[None] = []
            connection = await connected(on.radio, on.room, STRAP, lambda: gone.append(None))
            await on.room.bluez.kill()
            # A call that the bus had passed on already is unanswered, and transient.
            async with asyncio.timeout(30.0):
                while True:
                    error = await refusal(connection.read("2a19"))
                    if (error.failure, error.problem) == DOWN:
                        break
            assert not gone, "bleak does not notice"
            await scan_until(on.radio, Failure.ADAPTER_DOWN)
            await on.room.bluez.start()
            await scan_until(on.radio, None)
            await scan(on)
            await connection.close()
            await read(on)

    asyncio.run(main())


def test_a_bluetoothd_that_stands_still_is_given_up_and_taken_up(
    system_bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            shorten(monkeypatch, SOON_S)
            connection = await connected(on.radio, on.room, TRAINER)
            on.room.bluez.freeze()
            assert (await refusal(connection.read("2a24"))).problem == "timeout"
            strap = on.radio.connection(on.room.address(STRAP), nobody)
            assert (await refusal(strap.open(SOON_S))).problem == "timeout"
            assert not await connection.close()
            on.room.bluez.thaw()
            monkeypatch.undo()
            await on.ear.hears(on.room, TRAINER, STRAP)
            await read(on)

    asyncio.run(main())


def test_a_dongle_that_is_pulled_is_no_adapter(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus) as on:
            connection = await connected(on.radio, on.room, STRAP)
            await on.room.bluez.unplug("hci0")
            assert (await refusal(connection.read("2a19"))).failure is Failure.DEVICE_GONE
            await scan_until(on.radio, Failure.ADAPTER_DOWN)
            await connection.close()
            await on.room.bluez.plug(AdapterPlan())
            await scan_until(on.radio, None)
            await scan(on)
            await read(on)

    asyncio.run(main())


def test_a_device_not_heard_for_long_is_forgotten(system_bus: str) -> None:
    async def main() -> None:
        async with stage(system_bus, Timing(disconnect_s=0.0, forget_s=1.0)) as on:
            await on.room.vanish(STRAP)
            path = on.room.address(STRAP).replace(":", "_")
            known = on.room.bluez.adapter()
            await until(lambda: not any(path in each.path for each in known.devices))
            absent = on.radio.connection(on.room.address(STRAP), nobody)
            error = await refusal(absent.open(30.0))
            assert (error.failure, error.problem) == GONE
            await absent.close()
            await on.room.appear(STRAP)
            await on.ear.hears(on.room, STRAP)
            await read(on)

    asyncio.run(main())


def test_two_adapters_hold_a_sensor_each(system_bus: str) -> None:
    async def main() -> None:
        plans = (
            AdapterPlan("hci0", "00:1A:7D:DA:71:13", slots=1),
            AdapterPlan("hci1", "00:1A:7D:DA:71:14", slots=1),
        )
        async with bluez_contract_room(system_bus, AT_ONCE, *plans) as (_, room):
            first = radio_bleak.open_radio("os", "hci0")
            second = radio_bleak.open_radio("os", "hci1")
            await scanning(first, room)
            await scanning(second, room)
            strap = await connected(first, room, STRAP)
            full = first.connection(room.address(TRAINER), nobody)
            assert (await refusal(full.open(30.0))).failure is Failure.OUT_OF_SLOTS
            await full.close()
            trainer = await connected(second, room, TRAINER)
            assert await strap.read("2a24") == b"Belt"
            assert await trainer.read("2a24") == b"Roller"
            await room.bluez.adapter("hci1").power(False)
            assert (await refusal(trainer.read("2a24"))).failure is Failure.TRANSIENT
            assert await strap.read("2a24") == b"Belt"
            for each in (strap, trainer):
                await each.close()
            for radio in (first, second):
                await radio.close()

    asyncio.run(main())


def test_one_scan_per_adapter_and_process(system_bus: str) -> None:
    """Why `start_scan` stops what runs: BlueZ keeps one discovery for a D-Bus connection."""

    async def main() -> None:
        async with stage(system_bus):
            again = radio_bleak.open_radio("os")
            error = await refusal(again.start_scan(Ear()))
            assert (error.failure, error.problem) == BUSY
            await again.close()

    asyncio.run(main())


def test_nothing_here_ever_acquires_a_notification(system_bus: str) -> None:
    """AcquireNotify and a disconnect without stop_notify crash bluetoothd 5.66."""

    async def main() -> None:
        async with stage(system_bus) as on:
            await subscribe(on)
            calls = on.room.bluez.calls
            assert calls["GattCharacteristic1.StartNotify"] == 1
            assert not [call for call in calls if "Acquire" in call]

    asyncio.run(main())
