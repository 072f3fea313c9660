"""What the gateway relies on in any radio, case by case: on the air, on the emulated BlueZ, and in
a virtual machine against the real bluetoothd.

A case is `await case.run(radio, room)`. It gets a fresh radio that does not scan yet, and a room
with a strap (number `STRAP`) and a trainer (number `TRAINER`) that advertise. It leaves no
connection open; the caller closes the radio, and brings back what the case took out of the room.

Nothing here asserts that something happens soon: a case waits until it does, or looks at counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.gatt import fitness_machine_control as control
from gateway.link_events import Failure
from gateway.radio import Advertisement, Connection, Radio, RadioError

STRAP = 1
TRAINER = 2
SHORT_S = 0.5  # a connect that is meant to fail
LONG_S = 30.0  # a connect that is meant to succeed, on a machine that is stopped at times
WITHIN_S = 30.0


class Can(StrEnum):
    """What not every room can do."""

    CRASH = "crash"  # the host outlives its user: connections stay when a process dies
    SLOTS = "slots"  # the adapter can be full
    EAGER = "eager"  # a sensor can be made to indicate before it answers the write


class Room(Protocol):
    """The world around the radio. Sensors are known by number; the name of each is `name(n)`.

    What is done has been done when the call returns; what the radio notices of it comes later.
    """

    can: frozenset[Can]

    def address(self, number: int) -> str: ...

    def name(self, number: int) -> str: ...

    async def sent(self, number: int, char: str) -> int:
        """Notifications and indications of a characteristic sent to subscribers so far."""

    async def drop(self, number: int) -> None:
        """The sensor ends its link and goes on advertising."""

    async def mute(self, number: int, muted: bool = True) -> None:
        """It stays connected and answers reads, and sends nothing."""

    async def vanish(self, number: int) -> None:
        """Its battery is pulled: no advertisement, and a link ends by the supervision timeout."""

    async def appear(self, number: int) -> None:
        """It is back after `vanish`."""

    async def adapter(self, on: bool) -> None:
        """The radio's own adapter is switched off, or on again."""

    async def slots(self, count: int) -> None:
        """`Can.SLOTS`: how many connections the adapter holds."""

    async def crash(self, number: int) -> None:
        """`Can.CRASH`: another process connects to the sensor, subscribes to 2a37 and is killed."""

    async def eager(self, number: int) -> None:
        """`Can.EAGER`: from now on its indications leave before the response to the write."""


class Ear:
    """What a scan has heard, newest by address."""

    def __init__(self) -> None:
        self.heard: dict[str, Advertisement] = {}

    def __call__(self, advertisement: Advertisement) -> None:
        self.heard[advertisement.address] = advertisement

    async def hears(self, room: Room, *numbers: int) -> None:
        """Until each of them is heard anew, by its name."""
        for number in numbers:
            self.heard.pop(room.address(number), None)
        await until(
            lambda: all(
                (heard := self.heard.get(room.address(number))) and heard.name == room.name(number)
                for number in numbers
            )
        )


async def until(true: Callable[[], bool]) -> None:
    """Looks every few ms; TimeoutError says that it never came true."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)


async def refusal(call: Awaitable[object]) -> RadioError:
    """The error of a call that must fail."""
    try:
        await call
    except RadioError as error:
        return error
    raise AssertionError("it should have been refused")


@contextmanager
def refused(failure: Failure) -> Iterator[None]:
    """The block must fail, with this class."""
    try:
        yield
    except RadioError as error:
        assert error.failure is failure, error
    else:
        raise AssertionError(f"it should have failed as {failure}")


def nobody() -> None:
    """A loss that the case does not care about."""


async def scanning(radio: Radio, room: Room) -> Ear:
    ear = Ear()
    await radio.start_scan(ear)
    await ear.hears(room, STRAP, TRAINER)
    return ear


async def scan_until(radio: Radio, failure: Failure | None) -> None:
    """Starts scans until one ends so; None: it runs. News of an adapter takes its time."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                await radio.start_scan(Ear())
            except RadioError as error:
                ended: Failure | None = error.failure
            else:
                ended = None
            if ended is failure:
                return
            await asyncio.sleep(0.05)


async def connected(
    radio: Radio, room: Room, number: int, on_gone: Callable[[], None] = nobody
) -> Connection:
    connection = radio.connection(room.address(number), on_gone)
    await connection.open(LONG_S)
    return connection


# Scanning


async def hears_names_services_and_signal(radio: Radio, room: Room) -> None:
    """Services stand in the advertisement, the name in the scan response: both arrive."""
    ear = await scanning(radio, room)
    strap, trainer = ear.heard[room.address(STRAP)], ear.heard[room.address(TRAINER)]
    assert strap.services == {"180d"}
    assert trainer.services == {"1826", "1818"}
    assert strap.rssi_dbm is not None and -110 < strap.rssi_dbm < 20


async def scan_that_runs_is_started_anew(radio: Radio, room: Room) -> None:
    ear = await scanning(radio, room)
    again = Ear()
    await radio.start_scan(again)
    ear.heard.clear()
    await again.hears(room, STRAP, TRAINER)
    assert not ear.heard


async def scan_after_a_stop_hears_again(radio: Radio, room: Room) -> None:
    """The same sensors with the same signal are news to a new scan."""
    ear = await scanning(radio, room)
    await radio.stop_scan()
    ear.heard.clear()
    again = await scanning(radio, room)
    await again.hears(room, STRAP, TRAINER)
    assert not ear.heard


async def returned_sensor_is_heard(radio: Radio, room: Room) -> None:
    """After a loss a sensor advertises exactly what it did before, and must be heard."""
    ear = await scanning(radio, room)
    for _ in range(2):
        connection = await connected(radio, room, STRAP)
        await connection.close()
        await ear.hears(room, STRAP)


async def device_never_heard_is_gone(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    with refused(Failure.DEVICE_GONE):
        radio.connection("C0:DE:00:00:00:63", nobody)


# Connections


async def device_is_read_with_its_services(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    connection = await connected(radio, room, STRAP)
    assert connection.characteristics["2a37"] == {"notify"}
    assert connection.characteristics["2a19"] == {"read", "notify"}
    assert await connection.read("2a29") == b"Derny"
    assert 0 <= (await connection.read("2a19"))[0] <= 100
    assert (await refusal(connection.read("2acc"))).failure is Failure.PROTOCOL
    assert await connection.close()


async def notifications_come_while_the_scan_goes_on(radio: Radio, room: Room) -> None:
    ear = await scanning(radio, room)
    frames: list[bytes] = []
    connection = await connected(radio, room, STRAP)
    await connection.subscribe("2a37", frames.append)
    await ear.hears(room, TRAINER)
    ear.heard.clear()
    await until(lambda: len(frames) >= 3)
    assert all(frame[1] == 140 for frame in frames)
    await ear.hears(room, TRAINER)
    assert room.address(STRAP) not in ear.heard, "a connected strap does not advertise"
    await connection.close()


async def two_sensors_at_once(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    beats: list[bytes] = []
    power: list[bytes] = []
    strap = await connected(radio, room, STRAP)
    await strap.subscribe("2a37", beats.append)
    trainer = await connected(radio, room, TRAINER)
    await trainer.subscribe("2a63", power.append)
    await until(lambda: len(beats) >= 2 and len(power) >= 2)
    await strap.close()
    power.clear()
    await until(lambda: len(power) >= 2)
    await trainer.close()


async def every_frame_comes_once_after_a_reconnect(radio: Radio, room: Room) -> None:
    ear = await scanning(radio, room)
    for _ in range(3):
        await ear.hears(room, STRAP)
        connection = await connected(radio, room, STRAP)
        before = await room.sent(STRAP, "2a37")
        frames: list[bytes] = []
        await connection.subscribe("2a37", frames.append)
        await until(lambda to=frames: len(to) >= 5)
        received = len(frames)
        assert received <= await room.sent(STRAP, "2a37") - before
        await connection.close()


async def nothing_is_delivered_after_a_close(radio: Radio, room: Room) -> None:
    """bluetoothd takes 2 s to disconnect, and notifies all the while."""
    ear = await scanning(radio, room)
    frames: list[bytes] = []
    connection = await connected(radio, room, STRAP)
    await connection.subscribe("2a37", frames.append)
    await until(lambda: len(frames) >= 2)
    closing = asyncio.ensure_future(connection.close())
    await asyncio.sleep(0)
    frames.clear()
    assert await closing
    await ear.hears(room, STRAP)
    assert frames == []


async def silence_is_no_loss_and_reads_still_answer(radio: Radio, room: Room) -> None:
    """What tells a sensor that has nothing to say from a link that is dead."""
    await scanning(radio, room)
    gone: list[None] = []
    frames: list[bytes] = []
    connection = await connected(radio, room, STRAP, lambda: gone.append(None))
    await connection.subscribe("2a37", frames.append)
    await until(lambda: bool(frames))
    await room.mute(STRAP)
    assert (await connection.read("2a19"))[0] <= 100
    assert not gone
    await room.mute(STRAP, False)
    frames.clear()
    await until(lambda: bool(frames))
    await connection.close()


# The control point


async def control_point_answers_with_indications(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    answers: list[bytes] = []
    connection = await connected(radio, room, TRAINER)
    unarmed = await refusal(connection.write("2ad9", control.request_control()))
    assert unarmed.failure is Failure.PROTOCOL
    await connection.subscribe("2ad9", answers.append)
    for asked in (control.set_target_power(200), control.request_control()):
        await connection.write("2ad9", asked)
    await connection.write("2ad9", control.set_target_power(200))
    await until(lambda: len(answers) == 3)
    assert answers == [b"\x80\x05\x05", b"\x80\x00\x01", b"\x80\x05\x01"]
    await connection.close()


async def indication_may_come_before_the_response(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    answers: list[bytes] = []
    connection = await connected(radio, room, TRAINER)
    await connection.subscribe("2ad9", answers.append)
    await room.eager(TRAINER)
    await connection.write("2ad9", control.request_control())
    await until(lambda: bool(answers))
    assert answers == [b"\x80\x00\x01"]
    await connection.close()


# Loss


async def loss_is_called_back_once(radio: Radio, room: Room) -> None:
    """The sensor ends the link; `close` frees what is left, and calls nobody back again."""
    ear = await scanning(radio, room)
    gone: list[None] = []
    connection = await connected(radio, room, STRAP, lambda: gone.append(None))
    await room.drop(STRAP)
    await until(lambda: bool(gone))
    assert (await refusal(connection.read("2a19"))).failure is Failure.TRANSIENT
    assert await connection.close()
    await ear.hears(room, STRAP)
    assert len(gone) == 1


async def vanished_sensor_is_called_back(radio: Radio, room: Room) -> None:
    ear = await scanning(radio, room)
    gone: list[None] = []
    connection = await connected(radio, room, STRAP, lambda: gone.append(None))
    await room.vanish(STRAP)
    await until(lambda: bool(gone))
    assert await connection.close()
    await room.appear(STRAP)
    await ear.hears(room, STRAP)
    again = await connected(radio, room, STRAP)
    assert await again.read("2a29") == b"Derny"
    await again.close()
    assert len(gone) == 1


async def own_close_may_call_back_once(radio: Radio, room: Room) -> None:
    """Whoever closes may be told of the loss too, but never twice."""
    ear = await scanning(radio, room)
    gone: list[None] = []
    connection = await connected(radio, room, STRAP, lambda: gone.append(None))
    assert await connection.close()
    assert await connection.close()
    await ear.hears(room, STRAP)
    assert len(gone) <= 1


async def connect_to_a_vanished_sensor_ends_at_the_timeout(radio: Radio, room: Room) -> None:
    """And blocks nobody."""
    await scanning(radio, room)
    await room.vanish(STRAP)
    absent = radio.connection(room.address(STRAP), nobody)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    late = await refusal(absent.open(SHORT_S))
    assert loop.time() - began_s >= SHORT_S * 0.98
    assert (late.failure, late.problem) == (Failure.TRANSIENT, "timeout")
    await absent.close()
    connection = await connected(radio, room, TRAINER)
    assert await connection.read("2a24") == b"Roller"
    await connection.close()
    await room.appear(STRAP)


async def connect_while_another_one_hangs(radio: Radio, room: Room) -> None:
    """It may wait for its turn, but it is not lost."""
    await scanning(radio, room)
    await room.vanish(STRAP)
    absent = radio.connection(room.address(STRAP), nobody)
    hanging = asyncio.ensure_future(refusal(absent.open(SHORT_S)))
    await asyncio.sleep(0)
    connection = await connected(radio, room, TRAINER)
    assert await connection.read("2a24") == b"Roller"
    assert (await hanging).failure is Failure.TRANSIENT
    await absent.close()
    await connection.close()
    await room.appear(STRAP)


# The host


async def what_is_still_connected_is_found(radio: Radio, room: Room) -> None:
    """Without an advertisement, for a connected sensor sends none."""
    await scanning(radio, room)
    connection = await connected(radio, room, STRAP)
    assert [orphan.address for orphan in await radio.orphans()] == [room.address(STRAP)]
    await connection.close()
    assert await radio.orphans() == []


async def orphan_of_a_crash_is_adopted(radio: Radio, room: Room) -> None:
    """A gateway that was killed leaves its sensor connected: a scan never finds it."""
    await room.crash(STRAP)
    ear = Ear()
    await radio.start_scan(ear)
    await ear.hears(room, TRAINER)
    assert room.address(STRAP) not in ear.heard
    assert [orphan.address for orphan in await radio.orphans()] == [room.address(STRAP)]
    connection = await connected(radio, room, STRAP)
    frames: list[bytes] = []
    before = await room.sent(STRAP, "2a37")
    await connection.subscribe("2a37", frames.append)
    await until(lambda: len(frames) >= 5)
    received = len(frames)
    assert received <= await room.sent(STRAP, "2a37") - before
    await connection.close()
    await ear.hears(room, STRAP)


async def adapter_goes_and_comes_back(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    gone: list[None] = []
    connection = await connected(radio, room, STRAP, lambda: gone.append(None))
    await room.adapter(on=False)
    await until(lambda: bool(gone))
    await connection.close()
    await scan_until(radio, Failure.ADAPTER_DOWN)
    await room.adapter(on=True)
    await scan_until(radio, None)
    await scanning(radio, room)
    again = await connected(radio, room, STRAP)
    assert await again.read("2a29") == b"Derny"
    await again.close()
    assert len(gone) == 1


async def power_cycle_drops_every_link_and_no_more(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    gone: list[None] = []
    connection = await connected(radio, room, STRAP, lambda: gone.append(None))
    await radio.power_cycle()
    await until(lambda: bool(gone))
    await connection.close()
    await scan_until(radio, None)
    await scanning(radio, room)
    again = await connected(radio, room, STRAP)
    assert await again.read("2a29") == b"Derny"
    await again.close()
    assert len(gone) == 1


async def full_adapter_says_so(radio: Radio, room: Room) -> None:
    await scanning(radio, room)
    await room.slots(1)
    strap = await connected(radio, room, STRAP)
    one_more = radio.connection(room.address(TRAINER), nobody)
    assert (await refusal(one_more.open(LONG_S))).failure is Failure.OUT_OF_SLOTS
    await one_more.close()
    await strap.close()
    trainer = await connected(radio, room, TRAINER)
    await trainer.close()


@dataclass(frozen=True)
class Case:
    run: Callable[[Radio, Room], Awaitable[None]]
    needs: frozenset[Can] = frozenset()

    @property
    def name(self) -> str:
        return self.run.__name__


CASES = (
    Case(hears_names_services_and_signal),
    Case(scan_that_runs_is_started_anew),
    Case(scan_after_a_stop_hears_again),
    Case(returned_sensor_is_heard),
    Case(device_never_heard_is_gone),
    Case(device_is_read_with_its_services),
    Case(notifications_come_while_the_scan_goes_on),
    Case(two_sensors_at_once),
    Case(every_frame_comes_once_after_a_reconnect),
    Case(nothing_is_delivered_after_a_close),
    Case(silence_is_no_loss_and_reads_still_answer),
    Case(control_point_answers_with_indications),
    Case(indication_may_come_before_the_response, frozenset({Can.EAGER})),
    Case(loss_is_called_back_once),
    Case(vanished_sensor_is_called_back),
    Case(own_close_may_call_back_once),
    Case(connect_to_a_vanished_sensor_ends_at_the_timeout),
    Case(connect_while_another_one_hangs),
    Case(what_is_still_connected_is_found),
    Case(orphan_of_a_crash_is_adopted, frozenset({Can.CRASH})),
    Case(adapter_goes_and_comes_back),
    Case(power_cycle_drops_every_link_and_no_more),
    Case(full_adapter_says_so, frozenset({Can.SLOTS})),
)


def cases(room_can: frozenset[Can]) -> list[Case]:
    """Those that a room can carry out."""
    return [case for case in CASES if case.needs <= room_can]
