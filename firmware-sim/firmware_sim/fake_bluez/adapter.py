"""One adapter of the emulated BlueZ: power, discovery sessions, slots, and the devices it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbus_fast import Variant

from firmware_sim import bleak_air
from firmware_sim.fake_bluez import errors
from firmware_sim.fake_bluez.device import Device, Timing
from firmware_sim.fake_bluez.faults import Faults, Kind
from firmware_sim.fake_bluez.tree import ADAPTER, Tree

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

SWEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """`address` is what BlueZ says; on the air it has one of its own, made anew at power-on.

    `slots`: connections that its controller holds; cheap ones hold 5 to 7.
    """

    name: str = "hci0"
    address: str = "00:1A:7D:DA:71:13"
    alias: str = "derny-sim"
    slots: int = 7
    roles: tuple[str, ...] = ("central", "peripheral")
    powered: bool = True


@dataclass(slots=True)
class _Session:
    """A client's discovery. Without a filter everything is wanted, once."""

    uuids: frozenset[str] = frozenset()
    duplicates: bool = False
    deaf: bool = False


@dataclass(slots=True)
class _Discovery:
    filters: dict[str, _Session] = field(default_factory=dict)  # by client; also before it starts
    sessions: dict[str, _Session] = field(default_factory=dict)

    def wants(self, uuids: list[str]) -> bool:
        return any(
            not session.deaf and (not session.uuids or session.uuids & set(uuids))
            for session in self.sessions.values()
        )

    @property
    def duplicates(self) -> bool:
        return any(session.duplicates for session in self.sessions.values())


class Adapter:
    """`slots` may be changed at any time; links that are there stay."""

    def __init__(self, tree: Tree, air: str, plan: AdapterPlan, faults: Faults, timing: Timing):
        self.path = f"/org/bluez/{plan.name}"
        self.slots = plan.slots
        self._tree = tree
        self._plan = plan
        self._faults = faults
        self._timing = timing
        self._radio = bleak_air.backends(air, plan.name)
        self._scanner = self._radio.scanner(self._heard, None, "active")
        self._discovery = _Discovery()
        self._devices: dict[str, Device] = {}
        self._sweeping: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()  # of the radio: on, off, scan, stop

    async def start(self) -> None:
        """Raises BleakBluetoothNotAvailableError when there is no air."""
        if self._plan.powered:
            await self._radio.radio.host()
        self._tree.add(
            self.path,
            ADAPTER,
            {
                "Address": self._plan.address,
                "AddressType": "public",
                "Name": self._plan.alias,
                "Alias": self._plan.alias,
                "Class": 0,
                "Powered": self._plan.powered,
                "Discoverable": False,
                "DiscoverableTimeout": 0,
                "Pairable": True,
                "PairableTimeout": 0,
                "Discovering": False,
                "UUIDs": [],
                "Modalias": "usb:v1D6Bp0246d0542",
                "Roles": list(self._plan.roles),
            },
        )
        self._sweeping = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Unplugged: whatever it held is gone, and nobody is told."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait({self._sweeping})
        for device in self._devices.values():
            device.cancel()
        async with self._turn:
            await self._scanner.stop()
            await self._radio.close()

    # Power

    @property
    def powered(self) -> bool:
        return bool(self._tree.get(self.path, ADAPTER, "Powered"))

    async def power(self, on: bool) -> None:
        """Off ends every link and every discovery; what was not connected is forgotten."""
        async with self._turn:
            if on == self.powered:
                return
            if on:
                await self._radio.radio.host()
                self._tree.set(self.path, ADAPTER, Powered=True)
                return
            await self._end_discovery()
            for device in self._devices.values():
                device.cancel()
            self._forget([device for device in self._devices.values() if not device.connected])
            await self._radio.close()  # the links are lost with it
            self._tree.set(self.path, ADAPTER, Powered=False)

    # Discovery

    def filter(self, client: str, wanted: dict[str, Variant]) -> None:
        """Raises BlueZError."""
        self._check_powered()
        plain: dict[str, Any] = {name: value.value for name, value in wanted.items()}
        self._discovery.filters[client] = _Session(
            frozenset(plain.get("UUIDs", ())), bool(plain.get("DuplicateData", True))
        )
        if not wanted:
            del self._discovery.filters[client]

    async def start_discovery(self, client: str, fault: Kind | None) -> None:
        """Raises BlueZError: a client has one session."""
        self._check_powered()
        if client in self._discovery.sessions:
            raise errors.in_progress()
        chosen = self._discovery.filters.get(client, _Session(duplicates=True))
        session = _Session(chosen.uuids, chosen.duplicates, fault is Kind.SCAN_DEAF)
        first = not self._discovery.sessions
        self._discovery.sessions[client] = session
        if first:
            async with self._turn:
                await self._scanner.start()
            self._tree.set(self.path, ADAPTER, Discovering=True)

    async def stop_discovery(self, client: str, fault: Kind | None) -> None:
        """Raises BlueZError."""
        self._check_powered()
        if client not in self._discovery.sessions:
            raise errors.failed("No discovery started")
        await self._leave_discovery(client)
        if fault is Kind.SCAN_FORGETS:
            self._forget([device for device in self._devices.values() if not device.busy])
        if fault is Kind.SCAN_STOP_BUSY:
            raise errors.in_progress()

    async def leave(self, client: str) -> None:
        """A client of the bus has gone: its discovery ends, and what it subscribed to."""
        self._discovery.filters.pop(client, None)
        await self._leave_discovery(client)
        for device in list(self._devices.values()):
            await device.leave(client)

    async def _leave_discovery(self, client: str) -> None:
        if self._discovery.sessions.pop(client, None) and not self._discovery.sessions:
            async with self._turn:
                await self._end_discovery()

    async def _end_discovery(self) -> None:
        self._discovery.sessions.clear()
        if self._tree.get(self.path, ADAPTER, "Discovering"):
            await self._scanner.stop()
            self._tree.set(self.path, ADAPTER, Discovering=False)
            for device in self._devices.values():
                device.unheard()

    def _heard(self, known: BLEDevice, data: AdvertisementData) -> None:
        if not self._discovery.wants(data.service_uuids):
            return
        device = self._devices.get(known.address)
        if device is None:
            device = self._devices[known.address] = Device(
                self._tree, self.path, known, self._radio, self._faults, self._timing
            )
        device.heard(data, self._discovery.duplicates)

    async def _sweep(self) -> None:
        """BlueZ forgets temporary devices: not paired, not connected, not heard for a while."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            oldest_s = loop.time() - self._timing.forget_s
            self._forget(
                [
                    each
                    for each in self._devices.values()
                    if not each.busy and each.heard_s < oldest_s
                ]
            )

    # Devices

    @property
    def devices(self) -> Iterator[Device]:
        return iter(list(self._devices.values()))

    async def connect(self, device: Device, fault: Kind | None) -> None:
        """Raises BlueZError."""
        if not self.powered:
            raise errors.failed("Input/output error")
        if fault is Kind.CONNECT_FORGOTTEN:
            self._forget([device])
            raise errors.unknown("Connect", "", "org.bluez.Device1")
        held = sum(each.busy for each in self._devices.values())
        if not device.busy and held >= self.slots:
            raise errors.failed(errors.FULL)
        await device.connect(fault)

    async def remove(self, path: str) -> None:
        """What RemoveDevice does. Raises BlueZError."""
        for device in self.devices:
            if device.path == path:
                device.cancel()
                await device.end()
                self._forget([device])
                return
        raise errors.does_not_exist()

    def _forget(self, devices: list[Device]) -> None:
        gone = {device.path for device in devices}
        self._devices = {
            address: device for address, device in self._devices.items() if device.path not in gone
        }
        for path in gone:
            self._tree.remove(path)

    def _check_powered(self) -> None:
        if not self.powered:
            raise errors.not_ready()
