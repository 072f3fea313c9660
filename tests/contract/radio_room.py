"""The rooms of the radio's contract: sensors on an air, under a radio on the air or on BlueZ."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import air_room
from bumble import att
from contract.radio_cases import STRAP, TRAINER, Can, Room, until

from firmware_sim.devices.gatt import Emission
from firmware_sim.fake_bluez.adapter import AdapterPlan
from firmware_sim.fake_bluez.daemon import FakeBlueZ
from firmware_sim.fake_bluez.device import Timing
from firmware_sim.peripheral import Peripheral
from gateway.radio import Radio
from gateway.radio_bleak import open_radio
from gateway.radios import open_radios

# What is waited for is the code, not bluetoothd's own 2 s.
AT_ONCE = Timing(disconnect_s=0.0)
FACTOR = 20  # ms of the sensors' clock per ms of the wall's


class AirContractRoom:
    """A strap and a trainer of an `air_room`, with what the cases do to them."""

    can: frozenset[Can] = frozenset({Can.EAGER})

    def __init__(self, there: air_room.Room) -> None:
        self.there = there
        self._sensors: dict[int, Peripheral] = {}

    async def furnish(self) -> None:
        self._sensors[STRAP] = await self.there.add(air_room.strap(), STRAP)
        self._sensors[TRAINER] = await self.there.add(air_room.trainer(), TRAINER)

    def address(self, number: int) -> str:
        return air_room.address(number)

    def name(self, number: int) -> str:
        return self._sensors[number].sensor.identity.name

    async def sent(self, number: int, char: str) -> int:
        return self.there.sent[self.name(number), int(char, 16)]

    async def drop(self, number: int) -> None:
        await self._sensors[number].disconnect()

    async def mute(self, number: int, muted: bool = True) -> None:
        if muted:
            self.there.muted.add(self.name(number))
        else:
            self.there.muted.discard(self.name(number))

    async def vanish(self, number: int) -> None:
        sensor = self._sensors[number]
        await sensor.hide()
        self.there.air.drop_links(sensor.controller)

    async def appear(self, number: int) -> None:
        await self._sensors[number].advertise()

    async def adapter(self, on: bool) -> None:
        if on:
            await self.there.server.start()
        else:
            await self.there.server.close()

    async def slots(self, count: int) -> None:
        raise NotImplementedError("the air's adapter is never full")

    async def crash(self, number: int) -> None:
        raise NotImplementedError("the air's adapter is part of the process")

    async def eager(self, number: int) -> None:
        sensor = self._sensors[number]

        def answer(emissions: list[Emission]) -> None:
            server = sensor._device.gatt_server
            for emission in emissions:
                handle = sensor._characteristics[emission.uuid].handle
                indication = att.ATT_Handle_Value_Indication(
                    attribute_handle=handle, attribute_value=emission.value
                )
                for bearer in list(server.subscribers):
                    server.send_gatt_pdu(bearer, bytes(indication))

        sensor.answer = answer


class BlueZContractRoom(AirContractRoom):
    """The same sensors, under an emulated BlueZ on a private bus."""

    can = frozenset(Can)

    def __init__(self, there: air_room.Room, bluez: FakeBlueZ) -> None:
        super().__init__(there)
        self.bluez = bluez

    async def adapter(self, on: bool) -> None:
        await self.bluez.adapter().power(on)

    async def slots(self, count: int) -> None:
        self.bluez.adapter().slots = count

    async def crash(self, number: int) -> None:
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-c", VICTIM, self.address(number), stdout=asyncio.subprocess.PIPE
        )
        assert victim.stdout is not None
        assert (await victim.stdout.readline()).strip() == b"subscribed"
        victim.kill()
        await victim.wait()
        await self._deserted(number)

    async def _deserted(self, number: int) -> None:
        """Until BlueZ has heard of the end of whoever subscribed."""
        sensor = self._sensors[number]
        await until(lambda: not sensor.listened)


# Another gateway, as far as BlueZ can see.
VICTIM = """
import asyncio, sys
from bleak import BleakClient, BleakScanner

async def main():
    device = await BleakScanner.find_device_by_address(sys.argv[1], timeout=30.0)
    client = BleakClient(device)
    await client.connect()
    await client.start_notify("2a37", lambda *_: None)
    print("subscribed", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def air_contract_room() -> AsyncIterator[tuple[Radio, Room]]:
    async with air_room.room() as there:
        room = AirContractRoom(there)
        await room.furnish()
        radio = open_radio(there.spec)
        try:
            yield radio, room
        finally:
            await radio.close()


@asynccontextmanager
async def bluez_contract_room(
    bus: str, timing: Timing = AT_ONCE, *plans: AdapterPlan
) -> AsyncIterator[tuple[Radio, BlueZContractRoom]]:
    """`bus` must be what `DBUS_SYSTEM_BUS_ADDRESS` says."""
    async with air_room.room(FACTOR) as there:
        air = there.spec.removeprefix("air:")
        async with FakeBlueZ(air, bus, plans or (AdapterPlan(),), timing) as bluez:
            room = BlueZContractRoom(there, bluez)
            await room.furnish()
            (radio, *_) = await open_radios("os").look()
            try:
                yield radio, room
            finally:
                await radio.close()
