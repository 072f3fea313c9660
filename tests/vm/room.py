"""The room of the contract's cases around a real bluetoothd: its air is plugged into the kernel."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import air_room
from clock import LoopClock
from contract.radio_cases import Can
from contract.radio_room import AirContractRoom

from firmware_sim.air.link import Air
from firmware_sim.air.server import AirServer
from firmware_sim.transport import UnixTransport
from vm.bluez import Bluez
from vm.vhci import Adapter

ATT_MTU_MIN = 23  # until it is exchanged
ADVERTISING_MS = 50  # each advertisement costs the emulated processor dear


class GuestRoom(AirContractRoom):
    """`adapters`: by name; `used`: the one that `adapter` is about."""

    # A full controller is left out: kernel 6.1 answers a connect to it never, or with a crash.
    can = frozenset({Can.CRASH, Can.EAGER})

    def __init__(
        self, there: air_room.Room, bluez: Bluez, adapters: dict[str, Adapter], used: str
    ) -> None:
        super().__init__(there)
        self.bluez = bluez
        self.adapters = adapters
        self._used = used

    async def adapter(self, on: bool) -> None:
        await self.bluez.power(self._used, on)

    def is_discovered(self, number: int) -> bool:
        """Whether a central has begun to ask for what the sensor has: by exchanging the MTU."""
        links = self._sensors[number]._device.connections.values()
        return any(link.att_mtu > ATT_MTU_MIN for link in links)

    async def crash(self, number: int) -> None:
        """Another gateway takes the sensor and is killed."""
        victim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vm.supervised", self._used, self.address(number)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert victim.stdout is not None
            assert await victim.stdout.readline(), "the gateway ended by itself"
        finally:
            victim.kill()
            await victim.wait()


@contextlib.asynccontextmanager
async def guest_room(
    air: Air, bluez: Bluez, adapters: dict[str, Adapter], used: str
) -> AsyncIterator[GuestRoom]:
    """Afterwards all is as it was: nothing of a case is left for the next one."""
    nobodys = AirServer(air, UnixTransport("not-opened"))
    there = air_room.Room(nobodys, LoopClock(), ADVERTISING_MS)
    room = GuestRoom(there, bluez, adapters, used)
    living = asyncio.create_task(there.run())
    try:
        await room.furnish()
        yield room
    finally:
        living.cancel()
        await asyncio.wait({living})
        if not bluez.runs:
            await bluez.start()
        for name, adapter in adapters.items():
            await adapter.plug()
            await bluez.wait_for(name)
            await bluez.power(name, True)
        await bluez.forget_devices()  # first, so that links end while both sides are there
        await there.close()
