"""The emulated bluetoothd: which call goes to whom, faults before all, and clients that end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

from bleak.exc import BleakError
from dbus_fast import Message, Variant

from firmware_sim.fake_bluez import control, errors
from firmware_sim.fake_bluez.adapter import Adapter, AdapterPlan
from firmware_sim.fake_bluez.attribute import Attribute
from firmware_sim.fake_bluez.bus import Line
from firmware_sim.fake_bluez.device import Device, Timing
from firmware_sim.fake_bluez.errors import BlueZError
from firmware_sim.fake_bluez.faults import RULES, FaultError, Faults, Kind
from firmware_sim.fake_bluez.tree import (
    ADAPTER,
    DEVICE,
    OBJECT_MANAGER,
    PROPERTIES,
    Tree,
    variants,
)

MAX_CALLS = 1_024

Answer = tuple[str, list[Any]]
_NOTHING: Answer = ("", [])


class _Unanswered(Exception):
    """The call never gets a reply."""


class FakeBlueZ:
    """Use as an async context manager, or `start` and `close`.

    Args:
        air: where its adapters are plugged in, as `bleak_air.backends` takes it.
        bus: the address of a D-Bus.

    Attributes:
        faults: what goes wrong next.
        calls: how often each method was called ("Device1.Connect").
        ended: set when the bus has ended; it is of no use then.
    """

    def __init__(
        self,
        air: str,
        bus: str,
        adapters: Sequence[AdapterPlan] = (AdapterPlan(),),
        timing: Timing | None = None,
    ) -> None:
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self._air = air
        self._plans = adapters
        self._timing = timing or Timing()
        self.ended = asyncio.Event()
        self._line = Line(bus, self._called, self._left, self.ended.set)
        self._tree = Tree(self._line.send)
        self._adapters: dict[str, Adapter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._frozen: list[Message] | None = None

    # Life

    async def start(self) -> None:
        """Raises BusError without a bus, BleakBluetoothNotAvailableError without an air."""
        await self._line.open()
        try:
            for plan in self._plans:
                await self.plug(plan)
        except BaseException:
            await self.kill()
            raise

    async def close(self) -> None:
        """As bluetoothd at SIGTERM: ends every link, and takes every object away."""
        for name, adapter in list(self._adapters.items()):
            await adapter.power(False)
            await self.unplug(name)
        await self.kill()

    async def kill(self) -> None:
        """As bluetoothd at SIGKILL: the name is free, its objects are never taken back, and the
        kernel ends its links. `start` brings it back with nothing known."""
        await self._line.close()
        await self._end_tasks()
        adapters, self._adapters = list(self._adapters.values()), {}
        for adapter in adapters:
            await adapter.close()
        self._tree = Tree(self._line.send)
        self._frozen = None

    async def __aenter__(self) -> FakeBlueZ:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def freeze(self) -> None:
        """As bluetoothd at SIGSTOP: it keeps its name and answers nothing."""
        if self._frozen is None:
            self._frozen = []

    def thaw(self) -> None:
        frozen, self._frozen = self._frozen or [], None
        for message in frozen:
            self._called(message)

    # Adapters

    async def plug(self, plan: AdapterPlan) -> None:
        adapter = Adapter(self._tree, self._air, plan, self.faults, self._timing)
        await adapter.start()
        self._adapters[plan.name] = adapter

    async def unplug(self, name: str) -> None:
        """A dongle is pulled: its objects go, with no word of the links that it held.

        That real BlueZ sends no `Connected: false` first was not observed; it is the harder case.
        """
        adapter = self._adapters.pop(name)
        self._tree.remove(adapter.path)
        await adapter.close()

    def adapter(self, name: str = "hci0") -> Adapter:
        return self._adapters[name]

    # Clients

    def _left(self, client: str) -> None:
        for adapter in self._adapters.values():
            self._spawn(adapter.leave(client))

    # Calls

    def _called(self, message: Message) -> None:
        if self._frozen is not None:
            self._frozen.append(message)
        elif len(self._tasks) >= MAX_CALLS:
            name = "org.freedesktop.DBus.Error.LimitsExceeded"
            self._line.send(Message.new_error(message, name, "too many calls are under way"))
        else:
            self._spawn(self._reply(message))

    async def _reply(self, message: Message) -> None:
        try:
            signature, body = await self._answer(message)
        except _Unanswered:
            return
        except BlueZError as error:
            self._line.send(Message.new_error(message, error.name, error.text))
        except BleakError as error:
            self._line.send(Message.new_error(message, errors.BLUEZ + "Failed", str(error)))
        else:
            self._line.send(Message.new_method_return(message, signature, body))

    async def _answer(self, message: Message) -> Answer:
        interface, member = message.interface or "", message.member or ""
        path = message.path or ""
        if interface == control.INTERFACE:
            return self._control(member, message.body)
        call = f"{interface.rpartition('.')[2]}.{member}"
        self.calls[call] += 1
        if interface == OBJECT_MANAGER and member == "GetManagedObjects":
            return "a{oa{sa{sv}}}", [self._tree.managed()]
        if path not in self._tree:
            raise errors.unknown(member, message.signature, interface)
        if interface == PROPERTIES:
            self._strike(call, path)
            return await self._property(path, member, message.body)
        fault = self._strike(call, path)
        for adapter in self._adapters.values():
            if adapter.path == path and interface == ADAPTER:
                return await self._of_adapter(adapter, message, fault)
            for device in adapter.devices:
                if device.path == path and interface == DEVICE:
                    return await self._of_device(adapter, device, message, fault)
                attribute = device.attribute(path)
                if attribute is not None and attribute.interface == interface:
                    return await self._of_attribute(attribute, message, fault)
        raise errors.unknown(member, message.signature, interface)

    def _strike(self, call: str, path: str) -> Kind | None:
        fault = self.faults.strike(call, path)
        if fault is None:
            return None
        rule = RULES[fault]
        if rule.hangs:
            raise _Unanswered
        if rule.error is not None:
            raise BlueZError(*rule.error)
        return fault

    async def _of_adapter(self, adapter: Adapter, message: Message, fault: Kind | None) -> Answer:
        client = message.sender or ""
        match message.member:
            case "SetDiscoveryFilter":
                adapter.filter(client, message.body[0])
            case "StartDiscovery":
                await adapter.start_discovery(client, fault)
            case "StopDiscovery":
                await adapter.stop_discovery(client, fault)
            case "RemoveDevice":
                await adapter.remove(message.body[0])
            case _:
                raise errors.unknown(message.member or "", message.signature, ADAPTER)
        return _NOTHING

    async def _of_device(
        self, adapter: Adapter, device: Device, message: Message, fault: Kind | None
    ) -> Answer:
        match message.member:
            case "Connect":
                await adapter.connect(device, fault)
            case "Disconnect":
                await device.disconnect(fault)
            case _:
                raise errors.unknown(message.member or "", message.signature, DEVICE)
        return _NOTHING

    async def _of_attribute(
        self, attribute: Attribute, message: Message, fault: Kind | None
    ) -> Answer:
        client = message.sender or ""
        match message.member:
            case "ReadValue":
                return "ay", [await attribute.read()]
            case "WriteValue":
                value, options = message.body
                kind = options.get("type", Variant("s", "request")).value
                await attribute.write(bytes(value), kind != "command")
            case "StartNotify":
                await attribute.start_notify(client, fault)
            case "StopNotify":
                await attribute.stop_notify(client)
            case _:
                member = message.member or ""
                raise errors.unknown(member, message.signature, attribute.interface)
        return _NOTHING

    async def _property(self, path: str, member: str, body: list[Any]) -> Answer:
        interface = body[0]
        properties = self._tree.interfaces(path).get(interface, {})
        match member:
            case "GetAll":
                return "a{sv}", [variants(properties)]
            case "Get" if body[1] in properties:
                return "v", [variants({body[1]: properties[body[1]]})[body[1]]]
            case "Set" if (interface, body[1]) == (ADAPTER, "Powered"):
                for adapter in self._adapters.values():
                    if adapter.path == path:
                        await adapter.power(bool(body[2].value))
                return _NOTHING
            case "Set":
                self._tree.check_writable(path, interface, body[1])
                self._tree.set(path, interface, **{body[1]: body[2].value})
                return _NOTHING
        raise errors.unknown(member, "", PROPERTIES)

    # Faults from outside

    def _control(self, member: str, body: list[Any]) -> Answer:
        if member != "Fault":
            raise errors.unknown(member, "", control.INTERFACE)
        try:
            kind, times, address = body
            self.faults.plan(kind, times, address)
        except (FaultError, ValueError) as error:
            raise BlueZError(control.REFUSED, str(error)) from None
        return _NOTHING

    # Tasks

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
