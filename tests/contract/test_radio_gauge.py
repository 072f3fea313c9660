"""Reconnecting for ever costs nothing: file descriptors and D-Bus connections stay flat."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest
from contract.radio_cases import LONG_S, STRAP, Room, refusal, scanning, until
from contract.radio_room import bluez_contract_room
from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus

from gateway.link_events import Failure
from gateway.radio import Connection

pytestmark = pytest.mark.needs("dbus")

RECONNECTS = 1_000 if os.environ.get("SOAK") else 60
WARM = 6  # each way to end twice: what is made once has been made


async def let_go(room: Room, connection: Connection) -> None:
    assert await connection.close()


async def dropped(room: Room, connection: Connection) -> None:
    await room.drop(STRAP)
    await _lost(connection)


async def vanished(room: Room, connection: Connection) -> None:
    await room.vanish(STRAP)
    await _lost(connection)
    await room.appear(STRAP)


async def _lost(connection: Connection) -> None:
    """Until the radio has noticed; then it is closed, or its D-Bus connection stays."""
    assert (await refusal(connection.read("2a19"))).failure is Failure.TRANSIENT
    assert await connection.close()


ENDS: tuple[Callable[[Room, Connection], Awaitable[None]], ...] = (let_go, dropped, vanished)


class Gauge:
    def __init__(self) -> None:
        self._bus = MessageBus(bus_type=BusType.SYSTEM)

    async def open(self) -> None:
        await self._bus.connect()

    def close(self) -> None:
        self._bus.disconnect()

    async def look(self) -> tuple[int, int]:
        """File descriptors of this process, and connections to the bus."""
        reply = await self._bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="ListNames",
            )
        )
        names = [name for name in reply.body[0] if name.startswith(":")]
        return len(os.listdir("/proc/self/fd")), len(names)

    async def settles_at(self, fds: int, connections: int) -> None:
        """Until neither is above; TimeoutError says that they leak."""
        async with asyncio.timeout(30.0):
            while True:
                now = await self.look()
                if now[0] <= fds and now[1] <= connections:
                    return
                await asyncio.sleep(0.05)


def test_reconnects_leak_nothing(system_bus: str) -> None:
    async def main() -> None:
        async with bluez_contract_room(system_bus) as (radio, room):
            gauge = Gauge()
            await gauge.open()
            ear = await scanning(radio, room)
            before = (0, 0)
            for number in range(RECONNECTS):
                if number == WARM:
                    before = await gauge.look()
                await ear.hears(room, STRAP)
                gone: list[None] = []
                connection = radio.connection(room.address(STRAP), lambda to=gone: to.append(None))
                await connection.open(LONG_S)
                frames: list[bytes] = []
                await connection.subscribe("2a37", frames.append)
                await ENDS[number % len(ENDS)](room, connection)
                await until(lambda to=gone: bool(to))
                assert len(gone) == 1
            await gauge.settles_at(*before)
            gauge.close()

    asyncio.run(main())
