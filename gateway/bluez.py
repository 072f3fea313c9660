"""What bleak does not tell of BlueZ: whether its service lives, and which adapters there are.

A connection of our own to the system bus, by dbus-fast, which bleak uses on Linux itself. Nothing
here runs on other systems.

- bluetoothd killed under a client (5.66, bleak 3.1): no callback comes, ever, and `is_connected`
  stays true. The bus daemon tells at once, by NameOwnerChanged.
- hciN is numbered in the order of plugging in; only an adapter's address is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from bleak.exc import BleakDBusError

from gateway.link_events import Failure
from gateway.radio import RadioError, Watcher
from gateway.radio_errors import translated

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

BLUEZ = "org.bluez"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"

CALL_S = 5.0
SWITCH_S = 7.0  # while bluetoothd switches an adapter by itself, it refuses to: Busy
BUSY_S = 0.2
OFF_S = 1.0  # between off and on: at once, some dongles stay as they were
BUS_AGAIN_S = (1.0, 2.0, 5.0, 15.0, 30.0)  # between tries to reach a bus that is not there

RULES = (
    f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}',member='InterfacesAdded'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}',member='InterfacesRemoved'",
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
)

log = structlog.get_logger()

Objects = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Adapter:
    name: str  # "hci0"
    address: str


def adapters_in(objects: Objects) -> list[Adapter]:
    """Those that can talk to sensors, of what GetManagedObjects answers."""
    found = []
    for path, interfaces in objects.items():
        adapter = interfaces.get(ADAPTER)
        if adapter is not None and "central" in adapter.get("Roles", ("central",)):
            found.append(Adapter(path.rsplit("/", 1)[-1], str(adapter.get("Address", ""))))
    return sorted(found, key=lambda adapter: adapter.name)


def in_use(objects: Objects, name: str, sensor_services: frozenset[str]) -> bool:
    """Whether something that is no sensor is connected through the adapter.

    `sensor_services`: 128-bit UUIDs.
    """
    return any(
        device.get("Connected") and sensor_services.isdisjoint(device.get("UUIDs", ()))
        for device in _devices(objects, name)
    )


def _devices(objects: Objects, name: str) -> list[Mapping[str, Any]]:
    prefix = f"/org/bluez/{name}/"
    return [i[DEVICE] for path, i in objects.items() if path.startswith(prefix) and DEVICE in i]


async def adapters() -> list[Adapter]:
    """Raises RadioError: there is no bus, no BlueZ, or they do not let us."""
    async with _bus() as bus:
        return adapters_in(await _objects(bus))


async def described() -> dict[str, Mapping[str, Any]]:
    """What BlueZ says of each adapter, by its name; also of those that talk to no sensors.

    Raises RadioError.
    """
    async with _bus() as bus:
        objects = await _objects(bus)
    return {path.rsplit("/", 1)[-1]: i[ADAPTER] for path, i in objects.items() if ADAPTER in i}


async def connected(name: str) -> frozenset[str]:
    """Addresses of all that the adapter holds. Raises RadioError."""
    async with _bus() as bus:
        devices = _devices(await _objects(bus), name)
        return frozenset(str(d.get("Address", "")) for d in devices if d.get("Connected"))


async def power_cycle(name: str, sensor_services: frozenset[str]) -> None:
    """Switches the adapter off and on. Raises RadioError."""
    async with _bus() as bus:
        if in_use(await _objects(bus), name, sensor_services):
            raise RadioError(Failure.TRANSIENT, "in_use", "connected device")
        try:
            await _set_powered(bus, name, False)
            await asyncio.sleep(OFF_S)
        finally:  # whoever is stopped, or gets no answer, must not leave it off
            await _set_powered(bus, name, True)


async def end_discovery(name: str) -> None:
    """Ends a scan that this process left on. Never raises.

    BlueZ keeps discovery by client, so this goes over bleak's own connection; bleak has no name
    for it in its interface (hbldh/bleak #1689).
    """
    from bleak.backends.bluezdbus.manager import get_global_bluez_manager

    with contextlib.suppress(Exception):
        async with asyncio.timeout(CALL_S):
            bus = (await get_global_bluez_manager())._bus
            if bus is not None:
                await _call(bus, BLUEZ, f"/org/bluez/{name}", ADAPTER, "StopDiscovery")


async def watch(watcher: Watcher) -> None:
    """Tells `watcher` until cancelled; a bus that is not there, or goes, is tried again."""
    failures = 0
    while True:
        try:
            async with _bus() as bus:
                bus.add_message_handler(_told(watcher))
                for rule in RULES:
                    await _call(bus, BUS, BUS_PATH, BUS, "AddMatch", "s", [rule])
                failures = 0
                watcher.adapters_changed()  # whatever changed while nobody watched
                with contextlib.suppress(Exception):  # whatever ended it: it has ended
                    await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
            log.warning("bus_lost")
            watcher.service_gone()
        except RadioError:
            pass
        await asyncio.sleep(BUS_AGAIN_S[min(failures, len(BUS_AGAIN_S) - 1)])
        failures += 1


def _told(watcher: Watcher) -> Callable[[Message], None]:
    def on_message(message: Message) -> None:
        match message.member:
            case "NameOwnerChanged" if message.body[0] == BLUEZ:
                _, before, after = message.body
                if before:
                    log.warning("bluetooth_service_gone")
                    watcher.service_gone()
                if after:
                    log.info("bluetooth_service_there")
                    watcher.adapters_changed()
            case "InterfacesAdded" | "InterfacesRemoved" if ADAPTER in message.body[1]:
                watcher.adapters_changed()
            # Switched off or on: its scan has ended, and does not go on by itself.
            case "PropertiesChanged" if message.body[0] == ADAPTER and "Powered" in message.body[1]:
                watcher.adapters_changed()

    return on_message


@contextlib.asynccontextmanager
async def _bus() -> AsyncIterator[MessageBus]:
    """A connection to the system bus. Raises RadioError for whatever goes wrong on it."""
    from bleak.backends.bluezdbus.utils import get_dbus_authenticator
    from dbus_fast import BusType
    from dbus_fast.aio import MessageBus
    from dbus_fast.errors import AuthError, DBusError, InvalidAddressError

    # Made first and closed always: a bus that cannot connect still holds a socket.
    try:
        bus = MessageBus(bus_type=BusType.SYSTEM, auth=get_dbus_authenticator())
    except (OSError, InvalidAddressError) as error:
        raise _no_service(error) from error
    try:
        async with asyncio.timeout(CALL_S):
            await bus.connect()
        yield bus
    except AuthError as error:
        raise RadioError(Failure.ADAPTER_DOWN, "no_permission", "AuthError") from error
    except BleakDBusError as error:
        raise translated(error) from error
    except (DBusError, OSError, EOFError, TimeoutError) as error:
        raise _no_service(error) from error
    finally:
        bus.disconnect()


def _no_service(error: Exception) -> RadioError:
    return RadioError(Failure.ADAPTER_DOWN, "no_bluetooth_service", type(error).__name__)


async def _objects(bus: MessageBus) -> Objects:
    reply = await _call(bus, BLUEZ, "/", OBJECTS, "GetManagedObjects")
    from dbus_fast.unpack import unpack_variants

    objects: Objects = unpack_variants(reply.body[0])
    return objects


async def _set_powered(bus: MessageBus, name: str, on: bool) -> None:
    from dbus_fast import Variant

    body = [ADAPTER, "Powered", Variant("b", on)]
    async with asyncio.timeout(SWITCH_S):
        while True:
            try:
                await _call(bus, BLUEZ, f"/org/bluez/{name}", PROPERTIES, "Set", "ssv", body)
                return
            except BleakDBusError as error:
                if error.dbus_error != "org.bluez.Error.Busy":
                    raise
            await asyncio.sleep(BUSY_S)


async def _call(
    bus: MessageBus,
    destination: str,
    path: str,
    interface: str,
    member: str,
    signature: str = "",
    body: list[Any] | None = None,
) -> Message:
    """Raises BleakDBusError, TimeoutError, OSError, EOFError."""
    from dbus_fast import Message, MessageType

    message = Message(
        destination=destination,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=body or [],
    )
    async with asyncio.timeout(CALL_S):
        reply = await bus.call(message)
    if reply.message_type is not MessageType.METHOD_RETURN:
        raise BleakDBusError(reply.error_name or "", reply.body)
    return reply
