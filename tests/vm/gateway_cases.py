"""What only a real bluetoothd shows of the gateway: it dies and restarts, its adapters go off or
are pulled, the gateway before this one was killed. Supervisor and radios are the gateway's own.

A case is `await case(room)`, with a room as in contract.radio_cases and adapters hci0 and hci1.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from air_room import until  # patient: 2 min
from contract.radio_cases import (
    LONG_S,
    STRAP,
    TRAINER,
    Ear,
    connected,
    refusal,
    scan_until,
    scanning,
)

from gateway import bluez
from gateway.link_events import Failure
from gateway.radio_bleak import open_radio
from gateway.radios import open_radios
from vm.supervised import Desk, supervised

if TYPE_CHECKING:
    from vm.room import GuestRoom

HCI0, HCI1 = "hci0", "hci1"
HEART_RATE, POWER = "2a37", "2a63"
RECONNECTS = 10
LOSSES = 3
COUNTS = 4

Case = Callable[["GuestRoom"], Awaitable[None]]


async def sensors_of_a_killed_gateway_are_adopted(room: GuestRoom) -> None:
    """`kill -9` leaves them connected in bluetoothd: they do not advertise, no scan finds them."""
    await room.crash(STRAP)
    desk = Desk()
    async with supervised(desk, HCI0):
        await until(lambda: desk.live(room.address(STRAP)))
        await _no_frame_comes_twice(room, desk)


async def a_killed_bluetoothd_is_survived(room: GuestRoom) -> None:
    """It calls nobody back, and its clients go on saying that they are connected."""
    desk = Desk()
    async with supervised(desk, HCI0):
        await _both_live(room, desk)
        await room.bluez.end(signal.SIGKILL)
        await until(lambda: not desk.live(room.address(STRAP)))
        await until(lambda: not desk.live(room.address(TRAINER)))
        await until(lambda: desk.problem(HCI0) == "no_bluetooth_service")
        await room.bluez.start()
        await _both_live(room, desk)
        assert desk.is_up(HCI0)
        await _no_frame_comes_twice(room, desk)


async def a_restarted_bluetoothd_is_survived(room: GuestRoom) -> None:
    """Orderly, and back at once, as a package's upgrade does it."""
    desk = Desk()
    async with supervised(desk, HCI0):
        await _both_live(room, desk)
        lived = len(desk.history)
        await room.bluez.end(signal.SIGTERM)
        await room.bluez.start()
        await until(lambda: desk.was_lost(room.address(STRAP), lived))
        await _both_live(room, desk)
        await _no_frame_comes_twice(room, desk)


async def a_frozen_bluetoothd_is_survived(room: GuestRoom) -> None:
    """It answers nothing, and its name keeps its owner: only the silence tells."""
    desk = Desk()
    async with supervised(desk, HCI0):
        await _both_live(room, desk)
        room.bluez.signal(signal.SIGSTOP)
        await until(lambda: not desk.live(room.address(STRAP)))
        await until(lambda: not desk.live(room.address(TRAINER)))
        room.bluez.signal(signal.SIGCONT)
        await _both_live(room, desk)
        await _no_frame_comes_twice(room, desk)


async def an_adapter_off_and_on_is_survived(room: GuestRoom) -> None:
    desk = Desk()
    async with supervised(desk, HCI0):
        await _both_live(room, desk)
        await room.adapter(on=False)
        await until(lambda: not desk.live(room.address(STRAP)))
        await until(lambda: desk.problem(HCI0) == "powered_off")
        await room.adapter(on=True)
        await _both_live(room, desk)
        assert desk.is_up(HCI0)
        await _no_frame_comes_twice(room, desk)


async def a_pulled_adapter_that_is_back_is_survived(room: GuestRoom) -> None:
    """Known by its address, whatever number it gets."""
    desk = Desk()
    async with supervised(desk, room.adapters[HCI0].address):
        await _both_live(room, desk)
        await room.adapters[HCI0].pull()
        await until(lambda: not desk.live(room.address(STRAP)))
        await until(lambda: "no_adapter" in {state.problem for state in desk.radios.values()})
        await room.adapters[HCI0].plug()
        await _both_live(room, desk)
        await _no_frame_comes_twice(room, desk)


async def sensors_move_when_their_adapter_goes_off(room: GuestRoom) -> None:
    """Two adapters, no name given: the gateway finds them, and one carries on alone."""
    desk = Desk()
    async with supervised(desk):
        await until(lambda: desk.is_up(HCI0) and desk.is_up(HCI1))
        await _both_live(room, desk)
        await room.adapter(on=False)
        await until(lambda: desk.problem(HCI0) == "powered_off")
        await until(lambda: desk.live(room.address(STRAP), HCI1))
        await until(lambda: desk.live(room.address(TRAINER), HCI1))
        await _no_frame_comes_twice(room, desk)


async def a_power_cycle_leaves_the_adapter_on(room: GuestRoom) -> None:
    """The gateway's last resort; it ends the links, and a scan works again."""
    (radio,) = await open_radios("os", [HCI0]).look()
    gone: list[None] = []
    try:
        await scanning(radio, room)
        connection = await connected(radio, room, STRAP, lambda: gone.append(None))
        await radio.power_cycle()
        await until(lambda: bool(gone))
        await connection.close()
        await scan_until(radio, None)
        await scanning(radio, room)
    finally:
        await radio.close()


async def a_scan_that_was_left_on_is_ended(room: GuestRoom) -> None:
    """What InProgress is answered with: another scan of this process holds the adapter."""
    left_on = open_radio("os", HCI0)
    (radio,) = await open_radios("os", [HCI0]).look()
    try:
        await left_on.start_scan(Ear())
        await scanning(radio, room)
    finally:
        await radio.close()
        await left_on.close()


async def adapters_are_known_by_address(room: GuestRoom) -> None:
    found = {adapter.name: adapter.address for adapter in await bluez.adapters()}
    assert found == {name: adapter.address for name, adapter in room.adapters.items()}


async def a_vanished_sensor_comes_back(room: GuestRoom) -> None:
    desk = Desk()
    async with supervised(desk, HCI0):
        await _both_live(room, desk)
        await room.vanish(STRAP)
        await until(lambda: not desk.live(room.address(STRAP)))
        assert desk.live(room.address(TRAINER))
        await room.appear(STRAP)
        await _both_live(room, desk)
        await _no_frame_comes_twice(room, desk)


async def a_vanished_sensor_blocks_no_other(room: GuestRoom) -> None:
    """bluetoothd goes on trying while the gateway connects the next one."""
    radio = open_radio("os", HCI0)
    try:
        await scanning(radio, room)
        await room.vanish(STRAP)
        absent = radio.connection(room.address(STRAP), lambda: None)
        assert (await refusal(absent.open(6.0))).problem == "timeout"
        present = await connected(radio, room, TRAINER)
        assert await present.read("2a24") == b"Roller"
        await present.close()
        await absent.close()
    finally:
        await radio.close()


async def a_sensor_lost_in_mid_connect_is_had_again(room: GuestRoom) -> None:
    """While its services are discovered; a moment earlier a kernel crashes (see the reference)."""
    radio = open_radio("os", HCI0)
    try:
        ear = await scanning(radio, room)
        for _ in range(LOSSES):
            await ear.hears(room, STRAP)
            connection = radio.connection(room.address(STRAP), lambda: None)
            opening = asyncio.create_task(refusal(connection.open(LONG_S)))
            await until(lambda: room.is_discovered(STRAP))
            await room.vanish(STRAP)
            assert (await opening).failure in (Failure.TRANSIENT, Failure.DEVICE_GONE)
            await connection.close()
            await room.appear(STRAP)
    finally:
        await radio.close()
    # The next try may fail as well: what is left of the lost link still ends. The gateway tries on.
    desk = Desk()
    async with supervised(desk, HCI0):
        await until(lambda: desk.live(room.address(STRAP)))
        await _no_frame_comes_twice(room, desk)


async def two_adapters_carry_two_sensors(room: GuestRoom) -> None:
    """One scan each, in one process."""
    first, second = open_radio("os", HCI0), open_radio("os", HCI1)
    try:
        await scanning(first, room)
        await scanning(second, room)
        beats: list[bytes] = []
        power: list[bytes] = []
        strap = await connected(first, room, STRAP)
        trainer = await connected(second, room, TRAINER)
        await strap.subscribe(HEART_RATE, beats.append)
        await trainer.subscribe(POWER, power.append)
        await until(lambda: len(beats) >= 3 and len(power) >= 3)
        assert [one.address for one in await first.orphans()] == [room.address(STRAP)]
        assert [one.address for one in await second.orphans()] == [room.address(TRAINER)]
        await strap.close()
        await trainer.close()
    finally:
        await first.close()
        await second.close()


async def reconnects_leave_nothing_open(room: GuestRoom) -> None:
    """Each client of bleak's opens a connection of its own to the bus."""
    radio = open_radio("os", HCI0)
    counts: list[int] = []
    try:
        ear = await scanning(radio, room)
        for _ in range(RECONNECTS):
            await ear.hears(room, STRAP)
            connection = radio.connection(room.address(STRAP), lambda: None)
            await connection.open(LONG_S)
            await connection.subscribe(HEART_RATE, lambda _: None)
            assert await connection.close()
            counts.append(len(os.listdir("/proc/self/fd")))
    finally:
        await radio.close()
    assert max(counts) <= counts[0], f"open files: {counts}"


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        sensors_of_a_killed_gateway_are_adopted,
        a_killed_bluetoothd_is_survived,
        a_restarted_bluetoothd_is_survived,
        a_frozen_bluetoothd_is_survived,
        an_adapter_off_and_on_is_survived,
        a_pulled_adapter_that_is_back_is_survived,
        sensors_move_when_their_adapter_goes_off,
        a_power_cycle_leaves_the_adapter_on,
        a_scan_that_was_left_on_is_ended,
        adapters_are_known_by_address,
        a_vanished_sensor_comes_back,
        a_vanished_sensor_blocks_no_other,
        a_sensor_lost_in_mid_connect_is_had_again,
        two_adapters_carry_two_sensors,
        reconnects_leave_nothing_open,
    )
}


async def _both_live(room: GuestRoom, desk: Desk) -> None:
    await until(lambda: desk.live(room.address(STRAP)) and desk.live(room.address(TRAINER)))


async def _no_frame_comes_twice(room: GuestRoom, desk: Desk) -> None:
    """A second subscription on one link would double them, in every count.

    A daemon that stood still hands on what it held back: such a count is too high once.
    """
    for _ in range(COUNTS):
        if await _more_came(room, desk) <= 1:  # one may have been under way when it began
            return
    raise AssertionError(f"more frames came than were sent, {COUNTS} times in a row")


async def _more_came(room: GuestRoom, desk: Desk) -> int:
    """Frames that came minus frames that were sent, while five or more came."""
    before, sent = desk.count(room.address(STRAP), HEART_RATE), await room.sent(STRAP, HEART_RATE)
    await until(lambda: desk.count(room.address(STRAP), HEART_RATE) >= before + 5)
    received = desk.count(room.address(STRAP), HEART_RATE) - before
    return received - (await room.sent(STRAP, HEART_RATE) - sent)
