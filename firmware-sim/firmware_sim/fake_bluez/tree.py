"""The objects on the bus and their properties; a change is a signal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbus_fast import Message, MessageType, Variant

from firmware_sim.fake_bluez.errors import BlueZError

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"

# Of BlueZ's documentation: doc/org.bluez.*.rst.
_SIGNATURES = {
    "Adapter": "o",
    "Address": "s",
    "AddressType": "s",
    "Alias": "s",
    "Blocked": "b",
    "Bonded": "b",
    "Characteristic": "o",
    "Class": "u",
    "Connected": "b",
    "Device": "o",
    "Discoverable": "b",
    "DiscoverableTimeout": "u",
    "Discovering": "b",
    "Flags": "as",
    "Includes": "ao",
    "LegacyPairing": "b",
    "MTU": "q",
    "ManufacturerData": "a{qv}",
    "Modalias": "s",
    "Name": "s",
    "NotifyAcquired": "b",
    "Notifying": "b",
    "Pairable": "b",
    "PairableTimeout": "u",
    "Paired": "b",
    "Powered": "b",
    "Primary": "b",
    "RSSI": "n",
    "Roles": "as",
    "Service": "o",
    "ServiceData": "a{sv}",
    "ServicesResolved": "b",
    "Trusted": "b",
    "TxPower": "n",
    "UUID": "s",
    "UUIDs": "as",
    "Value": "ay",
    "WriteAcquired": "b",
}
# What a client may set.
_WRITABLE = {
    ADAPTER: {"Alias", "Discoverable", "DiscoverableTimeout", "Pairable", "PairableTimeout"},
    DEVICE: {"Alias", "Blocked", "Trusted"},
}

Interfaces = dict[str, dict[str, Any]]


def variants(properties: dict[str, Any]) -> dict[str, Variant]:
    return {name: Variant(_SIGNATURES[name], value) for name, value in properties.items()}


class Tree:
    """`emit` sends a signal."""

    def __init__(self, emit: Callable[[Message], None]) -> None:
        self._emit = emit
        self._objects: dict[str, Interfaces] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._objects

    def interfaces(self, path: str) -> Interfaces:
        """Of an object, and none of what is not there."""
        return self._objects.get(path, {})

    def below(self, path: str) -> list[str]:
        """Paths of the objects under another, parents first."""
        return sorted(each for each in self._objects if each.startswith(f"{path}/"))

    def managed(self) -> dict[str, dict[str, dict[str, Variant]]]:
        """What GetManagedObjects answers."""
        return {path: _exported(interfaces) for path, interfaces in self._objects.items()}

    def add(self, path: str, interface: str, properties: dict[str, Any]) -> None:
        self._objects[path] = {interface: properties}
        body = [path, _exported(self._objects[path])]
        self._signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", body)

    def remove(self, path: str) -> None:
        """The object with everything below it, children first."""
        for each in [*reversed(self.below(path)), path]:
            if each not in self._objects:
                continue
            interfaces = list(self._objects.pop(each))
            self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [each, interfaces])

    def get(self, path: str, interface: str, name: str) -> Any:
        """A property, None where it has none."""
        return self._objects.get(path, {}).get(interface, {}).get(name)

    def set(self, path: str, interface: str, **changed: Any) -> None:
        """Tells of every one of them, also of those that stay as they were."""
        if path in self._objects and changed:
            self._objects[path][interface].update(changed)
            self._changed(path, interface, changed, [])

    def unset(self, path: str, interface: str, *names: str) -> None:
        known = self._objects.get(path, {}).get(interface, {})
        gone = [name for name in names if known.pop(name, None) is not None]
        if gone:
            self._changed(path, interface, {}, gone)

    def check_writable(self, path: str, interface: str, name: str) -> None:
        """Raises BlueZError."""
        if name not in self.interfaces(path).get(interface, {}):
            raise BlueZError("org.freedesktop.DBus.Error.InvalidArgs", f"No such property '{name}'")
        if name not in _WRITABLE.get(interface, set()):
            text = f"Property '{name}' is not writable"
            raise BlueZError("org.freedesktop.DBus.Error.PropertyReadOnly", text)

    def _changed(self, path: str, interface: str, now: dict[str, Any], gone: list[str]) -> None:
        body = [interface, variants(now), gone]
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def _signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        self._emit(
            Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
            )
        )


def _exported(interfaces: Interfaces) -> dict[str, dict[str, Variant]]:
    return {name: variants(properties) for name, properties in interfaces.items()}
