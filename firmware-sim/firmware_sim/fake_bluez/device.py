"""One remote device as an adapter knows it: connect, services, disconnect, loss."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bleak.exc import BleakError
from dbus_fast import Variant

from firmware_sim.fake_bluez import errors
from firmware_sim.fake_bluez.attribute import Attribute
from firmware_sim.fake_bluez.faults import LOSS, Faults, Kind
from firmware_sim.fake_bluez.tree import DEVICE, SERVICE, Tree

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

    from firmware_sim.bleak_air import Backends, ClientAir

DISCONNECT_SLOW_S = 2.0
# A smaller change of RSSI is no news, unless somebody asked for duplicates.
RSSI_STEP_DB = 8


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take.

    Observed with bluetoothd 5.66: a disconnect takes 2 s, during which notifications go on; a
    device that is not connected is forgotten 30 s after it was last heard.
    """

    disconnect_s: float = 2.0
    forget_s: float = 30.0
    connect_s: float = 25.0


class Device:
    """`lost` is told when its link has ended."""

    def __init__(
        self,
        tree: Tree,
        adapter: str,
        known: BLEDevice,
        radio: Backends,
        faults: Faults,
        timing: Timing,
    ) -> None:
        self.path = f"{adapter}/dev_{known.address.replace(':', '_')}"
        self.heard_s = asyncio.get_running_loop().time()
        self._tree = tree
        self._adapter = adapter
        self._known = known
        self._radio = radio
        self._faults = faults
        self._timing = timing
        self._client: ClientAir | None = None
        self._connecting: asyncio.Future[None] | None = None
        self._attributes: dict[str, Attribute] = {}
        self._advertised: list[str] = []

    # What is heard of it

    def heard(self, data: AdvertisementData, duplicates: bool) -> None:
        """Its first advertisement makes the object; a later one tells what it changes."""
        self.heard_s = asyncio.get_running_loop().time()
        self._advertised = data.service_uuids
        said = _said(data)
        if self.path not in self._tree:
            self._tree.add(self.path, DEVICE, self._new() | said)
            return
        known = self._tree.interfaces(self.path)[DEVICE]
        changed = {name: value for name, value in said.items() if known.get(name) != value}
        if duplicates:
            changed["RSSI"] = data.rssi
        elif "RSSI" in known and abs(known["RSSI"] - data.rssi) < RSSI_STEP_DB:
            changed.pop("RSSI", None)
        self._tree.set(self.path, DEVICE, **changed)

    def _new(self) -> dict[str, Any]:
        address = self._known.address
        return {
            "Address": address,
            "AddressType": "random",
            "Alias": address.replace(":", "-"),
            "Paired": False,
            "Bonded": False,
            "Trusted": False,
            "Blocked": False,
            "LegacyPairing": False,
            "Connected": False,
            "ServicesResolved": False,
            "UUIDs": [],
            "Adapter": self._adapter,
        }

    def unheard(self) -> None:
        """Discovery has ended: how loud it was is no longer known."""
        self._tree.unset(self.path, DEVICE, "RSSI", "TxPower")

    # The link

    @property
    def connected(self) -> bool:
        """As BlueZ says; the link itself may have ended."""
        return bool(self._tree.get(self.path, DEVICE, "Connected"))

    @property
    def busy(self) -> bool:
        """Whether it takes one of the adapter's slots."""
        return self.connected or self._connecting is not None

    async def connect(self, fault: Kind | None) -> None:
        """Returns when the services are resolved. Raises BlueZError."""
        if self._connecting is not None:
            raise errors.in_progress()
        if self.connected:
            return
        attempt = self._connecting = asyncio.ensure_future(self._connect(fault))
        try:
            await asyncio.wait({attempt})
            if attempt.cancelled():
                raise errors.failed(errors.CANCELLED)
            attempt.result()
        finally:
            attempt.cancel()
            self._connecting = None

    async def _connect(self, fault: Kind | None) -> None:
        if fault is Kind.CONNECT_HANGS:
            await asyncio.Event().wait()
        if fault is Kind.CONNECT_ABORTED:
            self._tree.set(self.path, DEVICE, Connected=True)
            self._tree.set(self.path, DEVICE, Connected=False)
            raise errors.failed(errors.ABORTED)
        client = await self._link()
        self._client = client
        self._tree.set(self.path, DEVICE, Connected=True)
        if fault is Kind.SERVICES_LOST:
            await client.disconnect()
        elif not client.is_connected:
            self._on_lost(client)
        elif fault is not Kind.SERVICES_NEVER:
            self._publish(client)

    async def _link(self) -> ClientAir:
        client: ClientAir = self._radio.client(
            self._known,
            disconnected_callback=lambda: self._on_lost(client),
            timeout=self._timing.connect_s,
        )
        try:
            await client.connect(False)
        except TimeoutError:
            raise errors.failed(errors.ABORTED) from None
        except BleakError:
            raise errors.failed("le-connection-unknown") from None
        return client

    async def disconnect(self, fault: Kind | None) -> None:
        """Ends a link, or an attempt at one. Raises BlueZError."""
        if (attempt := self._connecting) is not None:
            attempt.cancel()
            await asyncio.wait({attempt})
            return
        if not self.connected:
            raise errors.not_connected()
        slower_s = DISCONNECT_SLOW_S if fault is Kind.DISCONNECT_SLOW else 0.0
        await asyncio.sleep(self._timing.disconnect_s + slower_s)
        await self.end()

    async def end(self) -> None:
        """The link at once, if there is one."""
        client = self._client
        if client is not None and client.is_connected:
            await client.disconnect()
        if self.connected:  # the loss was not told
            self._end_told()

    def _on_lost(self, client: ClientAir) -> None:
        if self._client is not client:
            return
        self.heard_s = asyncio.get_running_loop().time()
        if self._faults.strike(LOSS, self.path) is not Kind.LOSS_UNTOLD:
            self._end_told()

    def _end_told(self) -> None:
        self._client = None
        for attribute in self._attributes.values():
            attribute.lost()
        self._tree.set(self.path, DEVICE, ServicesResolved=False, UUIDs=self._advertised)
        self._tree.set(self.path, DEVICE, Connected=False)

    def cancel(self) -> None:
        """Whatever is under way."""
        if self._connecting is not None:
            self._connecting.cancel()

    # Its services

    def attribute(self, path: str) -> Attribute | None:
        return self._attributes.get(path)

    async def leave(self, subscriber: str) -> None:
        """A client of the bus has gone."""
        for attribute in list(self._attributes.values()):
            await attribute.leave(subscriber)

    def _publish(self, client: ClientAir) -> None:
        """BlueZ keeps the objects of a device that was here before; other services replace them."""
        found = list(self._discovered(client))
        before = self._tree.below(self.path)
        if sorted(path for path, *_ in found) != before:
            for path in before:
                self._tree.remove(path)
            for path, interface, properties in found:
                self._tree.add(path, interface, properties)
        uuids = sorted({properties["UUID"] for _, kind, properties in found if kind == SERVICE})
        self._tree.set(self.path, DEVICE, UUIDs=uuids, ServicesResolved=True)

    def _discovered(self, client: ClientAir) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Path, interface and properties of each attribute; parents first."""
        self._attributes = {}
        for service in client.services or ():
            at = f"{self.path}/service{service.handle:04x}"
            shown = {"UUID": service.uuid, "Primary": True, "Device": self.path, "Includes": []}
            yield at, SERVICE, shown
            for characteristic in service.characteristics:
                below = f"{at}/char{characteristic.handle:04x}"
                yield self._attribute(below, at, client, characteristic)
                for descriptor in characteristic.descriptors:
                    lowest = f"{below}/desc{descriptor.handle:04x}"
                    yield self._attribute(lowest, below, client, descriptor)

    def _attribute(
        self, path: str, parent: str, client: ClientAir, known: Any
    ) -> tuple[str, str, dict[str, Any]]:
        attribute = self._attributes[path] = Attribute(self._tree, path, client, known)
        return path, attribute.interface, attribute.properties(parent)


def _said(data: AdvertisementData) -> dict[str, Any]:
    """The properties that an advertisement gives."""
    said: dict[str, Any] = {"UUIDs": data.service_uuids, "RSSI": data.rssi}
    if data.local_name:
        said |= {"Name": data.local_name, "Alias": data.local_name}
    if data.tx_power is not None:
        said["TxPower"] = data.tx_power
    if data.service_data:
        said["ServiceData"] = {
            key: Variant("ay", value) for key, value in data.service_data.items()
        }
    if data.manufacturer_data:
        said["ManufacturerData"] = {
            key: Variant("ay", value) for key, value in data.manufacturer_data.items()
        }
    return said
