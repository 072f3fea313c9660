"""The guest's bluetoothd as its owner sees it: started, killed, its adapters switched."""

from __future__ import annotations

import asyncio
import re
import signal
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

DAEMON = "/usr/libexec/bluetooth/bluetoothd"
NAME = "org.bluez"
ADAPTER = "org.bluez.Adapter1"


class CallFailed(Exception):
    """What the bus or bluetoothd answered instead."""


class Bluez:
    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._bus: MessageBus | None = None

    async def start(self) -> None:
        """Until it answers on the bus."""
        self._process = await asyncio.create_subprocess_exec(DAEMON, "-n")
        while not await self._answers():
            if not self.runs:
                raise CallFailed("bluetoothd ended by itself")
            await asyncio.sleep(0.1)

    async def end(self, how: signal.Signals) -> None:
        self.signal(how)
        assert self._process is not None
        await self._process.wait()

    def signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(which)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def power(self, adapter: str, on: bool) -> None:
        """`adapter`: "hci0". Returns when it is so; bluetoothd is Busy while it does so itself."""
        path = f"/org/bluez/{adapter}"
        while (await self._objects())[path][ADAPTER]["Powered"].value is not on:
            arguments = [ADAPTER, "Powered", Variant("b", on)]
            try:
                await self._call(path, "org.freedesktop.DBus.Properties", "Set", "ssv", arguments)
            except CallFailed as error:
                if "Busy" not in str(error):
                    raise
                await asyncio.sleep(0.1)

    async def wait_for(self, adapter: str) -> None:
        """Until bluetoothd shows it."""
        while True:
            if f"/org/bluez/{adapter}" in await self._objects():
                return
            await asyncio.sleep(0.1)

    async def forget_devices(self) -> None:
        """Whatever bluetoothd knows of devices; ends their connections."""
        for path, interfaces in (await self._objects()).items():
            if device := interfaces.get("org.bluez.Device1"):
                adapter = device["Adapter"].value
                await self._call(adapter, ADAPTER, "RemoveDevice", "o", [path])

    async def _objects(self) -> dict[str, Any]:
        manager = "org.freedesktop.DBus.ObjectManager"
        (objects,) = await self._call("/", manager, "GetManagedObjects")
        return objects

    async def _answers(self) -> bool:
        try:
            await self._objects()
        except CallFailed:
            return False
        return True

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> list[Any]:
        if self._bus is None or not self._bus.connected:
            self._bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        message = Message(
            destination=NAME,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        reply = await self._bus.call(message)
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            raise CallFailed(f"{reply.error_name}: {reply.body}")
        return list(reply.body)


async def version() -> str:
    process = await asyncio.create_subprocess_exec(
        DAEMON, "--version", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return re.sub(r"[^\d.]", "", out.decode())
