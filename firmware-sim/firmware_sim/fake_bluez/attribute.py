"""A characteristic or a descriptor of a connected device: read, write, notify."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.exc import BleakError, BleakGATTProtocolError

from firmware_sim.fake_bluez import errors
from firmware_sim.fake_bluez.faults import Kind
from firmware_sim.fake_bluez.tree import CHARACTERISTIC, DESCRIPTOR, Tree

if TYPE_CHECKING:
    from firmware_sim.bleak_air import ClientAir

NOTIFYING = frozenset({"notify", "indicate"})


class Attribute:
    """`path` is its object on the bus; `client` the link that it was discovered on."""

    def __init__(
        self,
        tree: Tree,
        path: str,
        client: ClientAir,
        known: BleakGATTCharacteristic | BleakGATTDescriptor,
    ) -> None:
        self.path = path
        self._tree = tree
        self._client = client
        self._known = known
        self._interface = DESCRIPTOR if isinstance(known, BleakGATTDescriptor) else CHARACTERISTIC
        self._subscribers: set[str] = set()  # bus names; one session each

    def properties(self, parent: str) -> dict[str, Any]:
        """Of its object, below `parent`."""
        if isinstance(self._known, BleakGATTDescriptor):
            return {"UUID": self._known.uuid, "Characteristic": parent, "Value": b""}
        flags = list(self._known.properties)
        shown: dict[str, Any] = {
            "UUID": self._known.uuid,
            "Service": parent,
            "Value": b"",
            "Flags": flags,
            "MTU": self._client.mtu_size,
        }
        if NOTIFYING & set(flags):
            shown |= {"Notifying": False, "NotifyAcquired": False}
        if "write-without-response" in flags:
            shown["WriteAcquired"] = False
        return shown

    @property
    def interface(self) -> str:
        return self._interface

    async def read(self) -> bytes:
        """A value read is signalled too, so a subscriber takes it for a notification."""
        with _answered():
            if isinstance(self._known, BleakGATTDescriptor):
                value = bytes(await self._client.read_gatt_descriptor(self._known))
            else:
                value = bytes(await self._client.read_gatt_char(self._known))
        self._tree.set(self.path, self._interface, Value=value)
        return value

    async def write(self, value: bytes, with_response: bool) -> None:
        with _answered():
            if isinstance(self._known, BleakGATTDescriptor):
                await self._client.write_gatt_descriptor(self._known, value)
            else:
                await self._client.write_gatt_char(self._known, value, with_response)

    async def start_notify(self, subscriber: str, fault: Kind | None) -> None:
        if isinstance(self._known, BleakGATTDescriptor):
            raise errors.not_supported()
        if not NOTIFYING & set(self._known.properties):
            raise errors.not_supported()
        first = not self._subscribers
        self._subscribers.add(subscriber)
        if first and fault is not Kind.NOTIFY_DEAF:
            try:
                with _answered():
                    await self._client.start_notify(self._known, self._notified)
            except BaseException:
                self._subscribers.discard(subscriber)
                raise
        if first:
            self._tree.set(self.path, CHARACTERISTIC, Notifying=True)

    def _notified(self, value: bytearray) -> None:
        self._tree.set(self.path, CHARACTERISTIC, Value=bytes(value))

    async def stop_notify(self, subscriber: str) -> None:
        if subscriber not in self._subscribers:
            raise errors.failed("No notify session started")
        await self.leave(subscriber)

    async def leave(self, subscriber: str) -> None:
        """The subscriber has stopped, or has gone without a word."""
        if subscriber not in self._subscribers:
            return
        self._subscribers.discard(subscriber)
        if self._subscribers or isinstance(self._known, BleakGATTDescriptor):
            return
        with contextlib.suppress(errors.BlueZError), _answered():
            await self._client.stop_notify(self._known)
        self._tree.set(self.path, CHARACTERISTIC, Notifying=False)

    def lost(self) -> None:
        """The link has ended: a subscription does not outlive it."""
        if self._subscribers:
            self._subscribers.clear()
            self._tree.set(self.path, CHARACTERISTIC, Notifying=False)


class _answered:
    """What a device or a lost link answers, in BlueZ's words."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BleakGATTProtocolError):
            raise errors.of_att(int(error.code)) from error
        if isinstance(error, BleakError):
            raise errors.failed("Not connected") from error
